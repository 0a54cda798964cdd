import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Agenda } from '../../lib/core/agenda.js';

const item = (name: number) => ({ name, scheduledMs: 0, scheduledAt: -1 });

describe('agenda', () => {
  it('wakes in order of time, each thing once, whatever the order of wishes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 60 }), (times) => {
        const agenda = new Agenda<ReturnType<typeof item>>();
        for (const [i, time] of times.entries()) agenda.set(item(i), time);
        const woken: number[] = [];
        for (let now = 0; now <= 1000; now++) {
          for (let due = agenda.take(now); due; due = agenda.take(now)) woken.push(due.name);
        }
        const expected = [...times.keys()].map((i) => times[i] ?? 0).sort((a, b) => a - b);
        assert.deepEqual(
          woken.map((i) => times[i]),
          expected,
        );
        assert.equal(agenda.nextMs(), undefined);
      }),
    );
  });

  it('keeps the earliest of several wishes, and that one alone', () => {
    const agenda = new Agenda<ReturnType<typeof item>>();
    const one = item(1);
    agenda.set(one, 500);
    agenda.set(one, 900);
    assert.equal(agenda.nextMs(), 500);
    agenda.set(one, 100);
    assert.equal(agenda.nextMs(), 100);
    assert.equal(agenda.take(99), undefined);
    assert.equal(agenda.take(100), one);
    assert.equal(agenda.take(1000), undefined, 'the later ones are forgotten');
  });
});

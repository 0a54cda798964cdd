// A beat that keeps time, whatever the timers do.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { Grid } from '../../lib/audio/grid.js';

describe('audio: the grid', () => {
  let clock: sinon.SinonFakeTimers;
  let beats: number[];
  let skipped: number;
  let grid: Grid | undefined;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    beats = [];
    skipped = 0;
  });
  afterEach(() => {
    grid?.stop();
    clock.restore();
  });

  function start(nowMs = () => clock.now, onBeat = () => undefined): void {
    grid = new Grid({
      nowMs,
      onBeat: () => {
        beats.push(nowMs());
        onBeat();
      },
      onSkipped: (count) => (skipped += count),
    });
  }

  it('beats every 20 ms, the first time after 20', () => {
    start();
    clock.tick(1000);
    assert.deepEqual(
      beats,
      Array.from({ length: 50 }, (_, i) => 20 * (i + 1)),
    );
  });

  it('does not drift where timers are late, and is never early', () => {
    let lateMs = 0;
    start(() => clock.now + lateMs);
    for (let i = 0; i < 5000; i++) {
      lateMs = ((i * 7) % 15) + 0.4;
      clock.tick(20);
    }
    assert.ok(beats.every((atMs, i) => atMs >= 20 * (i + 1) && atMs < 20 * (i + 1) + 35));
    assert.ok(beats.length >= 4999);
    assert.equal(skipped, 0);
  });

  it('makes up for a short stall at once, and skips a long one', () => {
    let stalledMs = 0;
    start(() => clock.now + stalledMs);
    clock.tick(100);
    stalledMs = 90;
    clock.tick(20);
    assert.deepEqual(beats.slice(5), [210, 210, 210, 210, 210]);
    stalledMs += 60_000;
    clock.tick(20);
    assert.equal(skipped, 3000);
    assert.equal(beats.length, 11);
    clock.tick(200);
    assert.equal(beats.length, 21);
    assert.ok(beats.slice(11).every((atMs, i) => i === 0 || atMs - beats[10 + i]! === 20));
  });

  it('goes on after a listener that throws, and stops when told, in a beat too', () => {
    let isBroken = true;
    start(
      () => clock.now,
      () => {
        if (isBroken) throw new Error('of the listener');
      },
    );
    assert.throws(() => clock.tick(20), /of the listener/);
    isBroken = false;
    clock.tick(20);
    assert.equal(beats.length, 2);
    grid?.stop();
    clock.tick(1000);
    assert.equal(beats.length, 2);
  });
});

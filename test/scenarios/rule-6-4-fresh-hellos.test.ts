// protocol.md 6.4: when a prover that was already challenged says hello again.
import assert from 'node:assert/strict';
import { ProverBench } from '../support/engine-bench.js';

const mapped = { address: '198.51.100.7', port: 20_000 };
const remapped = { address: '198.51.100.7', port: 20_001 };

function settled(direction?: 'inactive' | 'sendonly' | 'recvonly'): ProverBench {
  const prover = new ProverBench({ ...(direction === undefined ? {} : { direction }) });
  prover.welcome(mapped);
  prover.challenge();
  prover.media();
  return prover;
}

const hellosMs = (prover: ProverBench, sinceMs: number): number[] =>
  prover.sent('hello', sinceMs + 0.001).map(({ atMs }) => Math.round(atMs - sinceMs));

describe('rule 6.4: fresh hellos', () => {
  it('when nothing has arrived from the verifier for 1 s while media is expected, once a second', () => {
    const prover = settled();
    const { nowMs } = prover;
    prover.advance(3500);
    assert.deepEqual(hellosMs(prover, nowMs), [1000, 2000, 3000]);
  });

  it('not while media arrives', () => {
    const prover = settled();
    const { nowMs } = prover;
    for (let i = 0; i < 100; i++) {
      prover.advance(200);
      prover.media();
    }
    assert.deepEqual(hellosMs(prover, nowMs), []);
  });

  it('media from elsewhere does not count as arriving', () => {
    const prover = settled();
    const { nowMs } = prover;
    for (let i = 0; i < 20; i++) {
      prover.advance(100);
      prover.media({ address: '192.0.2.66', port: 40_000 });
    }
    assert.ok(hellosMs(prover, nowMs).length >= 1);
  });

  it('with no media expected, after 7 s', () => {
    for (const direction of ['inactive', 'recvonly'] as const) {
      const prover = settled(direction);
      const { nowMs } = prover;
      prover.advance(8500);
      const hellos = hellosMs(prover, nowMs);
      assert.equal(hellos[0], 7000, direction);
    }
  });

  it('when a welcome shows another mapping than before', () => {
    const prover = settled();
    prover.advance(1000);
    const { nowMs } = prover;
    assert.equal(prover.sent('hello', nowMs).length, 1);
    prover.welcome(remapped);
    prover.media();
    prover.advance(990);
    assert.equal(hellosMs(prover, nowMs).length, 0, 'at most one a second');
    prover.advance(20);
    assert.deepEqual(hellosMs(prover, nowMs), [1000]);
    prover.welcome(remapped);
    prover.media();
    prover.advance(900);
    assert.deepEqual(hellosMs(prover, nowMs), [1000], 'the same mapping is no news');
  });

  it('a welcome counts only for an outstanding hello, from the verifier, under the key', () => {
    const prover = settled();
    prover.advance(1000);
    const hello = prover.sent('hello').at(-1);
    prover.welcome(remapped, hello, { address: '192.0.2.66', port: 40_000 });
    const { generation } = prover;
    prover.generation = { ...generation, integrity: Buffer.alloc(32) };
    prover.welcome(remapped, hello);
    prover.generation = generation;
    prover.welcome(mapped, hello);
    prover.welcome(remapped, hello);
    const { nowMs } = prover;
    for (let i = 0; i < 10; i++) {
      prover.media();
      prover.advance(500);
    }
    assert.deepEqual(hellosMs(prover, nowMs), []);
    const { dropped } = prover.bench.engine.counters;
    assert.deepEqual([dropped.wrongSource, dropped.integrity, dropped.staleTransaction], [1, 1, 1]);
  });

  it('when the local address changes, at once', () => {
    const prover = settled();
    prover.advance(500);
    const { nowMs } = prover;
    prover.component.handleLocalChange(nowMs);
    prover.bench.drain();
    assert.equal(prover.sent('hello', nowMs).length, 1);
  });

  it('another socket counts as another address, and is said hello from', () => {
    const prover = settled();
    prover.advance(500);
    const next = prover.bench.engine.openPort({ address: '172.20.0.2', port: 5004 });
    const { nowMs } = prover;
    prover.component.attach(next, nowMs);
    prover.bench.drain();
    const [hello] = prover.sent('hello', nowMs);
    assert.equal(hello?.port, next);
    const before = prover.sent('response').length;
    prover.challenge();
    assert.equal(prover.sent('response').length, before, 'the path it left is answered no more');
  });

  it('never more than one a second outside the series', () => {
    const prover = settled();
    const { nowMs } = prover;
    for (let i = 0; i < 200; i++) {
      const hello = prover.sent('hello').at(-1);
      if (i % 3 === 0) prover.welcome(i % 2 === 0 ? mapped : remapped, hello);
      prover.advance(50);
    }
    const sentMs = hellosMs(prover, nowMs);
    assert.ok(sentMs.length >= 8);
    sentMs.forEach((atMs, i) =>
      assert.ok(i === 0 || atMs - (sentMs[i - 1] ?? 0) >= 999, JSON.stringify(sentMs)),
    );
  });
});

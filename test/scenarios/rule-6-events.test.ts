// What a prover is told of its path (protocol.md 6): verified, unanswered, lost.
import assert from 'node:assert/strict';
import { ProverBench, VerifierBench } from '../support/engine-bench.js';

const seen = { address: '198.51.100.7', port: 20_000 };
const told = ({ bench }: ProverBench): string[] => bench.events.map(({ type }) => type);

describe('rule 6: what a prover is told', () => {
  it('verified, once: a challenge is answered and the welcome says where it is seen', () => {
    const prover = new ProverBench();
    prover.advance(30);
    prover.challenge();
    assert.deepEqual(told(prover), [], 'where it is seen is not known yet');
    prover.welcome(seen);
    const [event] = prover.bench.eventsOf('verified');
    assert.ok(event?.type === 'verified');
    assert.deepEqual(
      [event.mapping, event.serverSeenAs, event.remote],
      [seen, prover.verifier, prover.verifier],
    );
    assert.deepEqual([event.signalled, event.nat], [prover.port.local, 'both']);
    assert.deepEqual([event.protection, event.suite, event.rttMs], ['latch', prover.suite, 30]);
    for (let i = 0; i < 10; i++) {
      prover.advance(5000);
      prover.challenge();
    }
    assert.deepEqual(told(prover), ['verified']);
  });

  it('a welcome alone verifies nothing', () => {
    const prover = new ProverBench();
    prover.welcome(seen);
    prover.advance(10_000);
    assert.deepEqual(told(prover), []);
  });

  it('unanswered, once: nothing has come for 5 s', () => {
    const prover = new ProverBench();
    prover.advance(4900);
    assert.deepEqual(told(prover), []);
    prover.advance(200);
    assert.deepEqual(told(prover), ['unanswered']);
    prover.advance(60_000);
    assert.deepEqual(told(prover), ['unanswered']);
    prover.challenge();
    prover.welcome(seen);
    assert.deepEqual(told(prover), ['unanswered', 'verified']);
  });

  it('what does not verify is no answer', () => {
    const prover = new ProverBench();
    prover.challenge(prover.verifier, { ...prover.generation, integrity: Buffer.alloc(32) });
    prover.challenge({ address: '192.0.2.66', port: 40_000 });
    prover.media();
    prover.advance(5100);
    assert.deepEqual(told(prover), ['unanswered']);
  });

  it('lost: no challenge and no welcome for 30 s; and verified when there is one again', () => {
    const prover = new ProverBench();
    prover.welcome(seen);
    prover.challenge();
    prover.advance(29_900);
    assert.deepEqual(told(prover), ['verified']);
    prover.advance(200);
    assert.deepEqual(told(prover), ['verified', 'lost']);
    prover.advance(100_000);
    prover.welcome(seen);
    assert.deepEqual(told(prover), ['verified', 'lost']);
    prover.challenge();
    assert.deepEqual(told(prover), ['verified', 'lost', 'verified']);
  });

  it('anew after a move, and under new keys', () => {
    const prover = new ProverBench();
    prover.welcome(seen);
    prover.challenge();
    prover.component.handleLocalChange(prover.nowMs);
    prover.bench.drain();
    prover.challenge();
    assert.deepEqual(told(prover), ['verified'], 'the welcome was for the way before');
    prover.welcome({ ...seen, port: 30_000 });
    assert.deepEqual(told(prover), ['verified', 'verified']);
    prover.negotiate();
    prover.challenge();
    prover.welcome(seen);
    assert.deepEqual(told(prover), ['verified', 'verified', 'verified']);
  });

  it('a side that verifies has the events of a verifier only', () => {
    const peer = new VerifierBench();
    peer.verify(seen);
    peer.advance(60_000);
    assert.equal(peer.bench.eventsOf('verified').length, 1);
    for (const type of ['lost', 'unanswered'] as const) assert.equal(peer.bench.eventsOf(type).length, 0);
  });
});

describe('the end of a stream', () => {
  it('is told once for each component, by its number', () => {
    const peer = new VerifierBench({ isMuxed: false });
    peer.session.close(peer.nowMs);
    peer.session.close(peer.nowMs);
    peer.bench.drain();
    const ends = peer.bench.eventsOf('closed').map(({ media, component }) => [media, component]);
    assert.deepEqual(ends, [
      [0, 1],
      [0, 2],
    ]);
  });
});

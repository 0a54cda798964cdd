// protocol.md 6.5: the prover takes media from the verifier's media address, and from nowhere else.
import assert from 'node:assert/strict';
import { ProverBench } from '../support/engine-bench.js';

describe("rule 6.5: the prover's media", () => {
  it("comes from the verifier's media address only", () => {
    const prover = new ProverBench();
    assert.equal(prover.media(), true);
    for (const source of [
      { ...prover.verifier, port: 40_002 },
      { ...prover.verifier, address: '203.0.113.2' },
      { address: '192.0.2.66', port: 40_000 },
    ])
      assert.equal(prover.media(source), false);
    prover.challenge();
    assert.equal(prover.media(), true);
    assert.equal(prover.media({ address: '192.0.2.66', port: 40_000 }), false);
    const { received, delivered, dropped } = prover.bench.engine.counters;
    assert.deepEqual([received, delivered, dropped.unverified], [6, 2, 4]);
  });

  it('from nowhere before the answer, and after the end', () => {
    const prover = new ProverBench();
    prover.session.close(prover.nowMs);
    assert.equal(prover.media(), false);
  });

  it('a re-offer that moves the verifier moves it too', () => {
    const prover = new ProverBench();
    const old = { ...prover.verifier };
    (prover.verifier as { port: number }).port = 41_000;
    prover.negotiate();
    assert.equal(prover.media(), true);
    assert.equal(prover.media(old), false);
  });
});

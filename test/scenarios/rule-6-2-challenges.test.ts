// protocol.md 6.2: which challenges the prover answers, and what the answer says.
import assert from 'node:assert/strict';
import { ProverBench } from '../support/engine-bench.js';
import { isIntegrityValid, makeProof, suites } from '../support/oracle.js';

describe('rule 6.2: answers', () => {
  for (const suite of suites)
    it(`a challenge that verifies, from where the media goes, is answered at once, there [${suite}]`, () => {
      const prover = new ProverBench({ suite });
      const { generation } = prover;
      const { transaction, word } = prover.challenge();
      const [response] = prover.sent('response');
      assert.ok(response?.message);
      assert.deepEqual(response.message.transaction, transaction);
      assert.deepEqual(response.message.proof, makeProof(generation, generation, 1, word));
      assert.ok(isIntegrityValid(response.bytes, generation.integrity));
      assert.deepEqual(response.destination, prover.verifier);
      assert.equal(response.atMs, prover.nowMs);
    });

  it('from any other address it is dropped, though it verifies', () => {
    const prover = new ProverBench();
    for (const source of [
      { ...prover.verifier, port: 40_002 },
      { ...prover.verifier, address: '203.0.113.2' },
      { address: '192.0.2.66', port: 40_000 },
    ])
      prover.challenge(source);
    assert.equal(prover.sent('response').length, 0);
    assert.equal(prover.session.counters.dropped.wrongSource, 3);
  });

  it('under another key, or with other tags, it is dropped', () => {
    const prover = new ProverBench();
    const g = prover.generation;
    prover.challenge(prover.verifier, { ...g, integrity: Buffer.alloc(32, 7) });
    prover.challenge(prover.verifier, { ...g, verifierTag: 'somebodyElse' });
    prover.challenge(prover.verifier, { ...g, proverTag: 'somebodyElse' });
    prover.challenge(prover.verifier, { ...g, proverTag: g.verifierTag, verifierTag: g.proverTag });
    assert.equal(prover.sent('response').length, 0);
  });

  it('the same challenge is answered as often as it comes', () => {
    const prover = new ProverBench();
    for (let i = 0; i < 3; i++) prover.challenge();
    assert.equal(prover.sent('response').length, 3);
  });

  it('what the verifier says of its own address changes nothing', () => {
    const prover = new ProverBench();
    prover.challenge();
    prover.welcome({ address: '192.0.2.66', port: 666 });
    assert.deepEqual(prover.component.handleSend(new Uint8Array(20), prover.nowMs), prover.verifier);
  });
});

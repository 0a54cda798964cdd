// protocol.md 6.1: when the prover says hello.
import assert from 'node:assert/strict';
import { ProverBench } from '../support/engine-bench.js';
import { isIntegrityValid, makeProof, suites } from '../support/oracle.js';

const series = [0, 50, 150, 350, 750, 1550, 3150];

const hellosMs = (prover: ProverBench, sinceMs: number): number[] =>
  prover.sent('hello', sinceMs).map(({ atMs }) => Math.round(atMs - sinceMs));

describe('rule 6.1: hellos', () => {
  it('at 0, 50, 150, 350, 750, 1550 and 3150 ms, then every 3 s, until a challenge arrives', () => {
    const prover = new ProverBench();
    const startMs = prover.nowMs;
    prover.advance(13_000);
    assert.deepEqual(hellosMs(prover, startMs), [...series, 6150, 9150, 12_150]);
  });

  it('a challenge that verifies ends the series; a welcome alone does not', () => {
    const prover = new ProverBench();
    const startMs = prover.nowMs;
    prover.welcome({ address: '198.51.100.7', port: 20_000 });
    prover.advance(200);
    assert.equal(prover.sent('hello').length, 3);
    prover.challenge();
    prover.media();
    prover.advance(700);
    assert.deepEqual(hellosMs(prover, startMs), [0, 50, 150]);
  });

  it('the last eight are waited for, however many have gone unanswered', () => {
    const prover = new ProverBench();
    prover.advance(50_000);
    const hellos = prover.sent('hello').map(({ message }) => message?.transaction ?? Buffer.alloc(12));
    assert.ok(hellos.length > 15);
    assert.deepEqual(
      hellos.filter((transaction) => prover.port.byTransaction(transaction) !== undefined),
      hellos.slice(-8),
    );
  });

  it('a challenge that does not verify does not end it', () => {
    const prover = new ProverBench();
    prover.challenge(prover.verifier, { ...prover.generation, integrity: Buffer.alloc(32) });
    prover.challenge({ address: '192.0.2.66', port: 40_000 });
    prover.advance(400);
    assert.equal(prover.sent('hello').length, 4);
    assert.equal(prover.sent('response').length, 0);
  });

  for (const suite of suites)
    it(`carries both tags, and the proof over the SDP word [${suite}]`, () => {
      const prover = new ProverBench({ suite });
      const { generation } = prover;
      const [hello] = prover.sent('hello');
      assert.ok(hello?.message);
      assert.equal(hello.message.username, `${generation.verifierTag}:${generation.proverTag}`);
      assert.deepEqual(hello.message.proof, makeProof(generation, generation, 1, generation.word));
      assert.ok(isIntegrityValid(hello.bytes, generation.integrity));
      assert.deepEqual(hello.destination, prover.verifier);
    });

  it('the counter in the transaction rises by one with each, and the rest is random', () => {
    const prover = new ProverBench();
    prover.advance(13_000);
    const transactions = prover.sent('hello').map(({ message }) => message?.transaction ?? Buffer.alloc(12));
    transactions.forEach((transaction, i) =>
      assert.equal(transaction.readUInt32BE(0) - (transactions[0]?.readUInt32BE(0) ?? 0), i),
    );
    assert.equal(
      new Set(transactions.map((bytes) => bytes.subarray(4).toString('hex'))).size,
      transactions.length,
    );
  });

  it('media may be sent from the start', () => {
    const prover = new ProverBench();
    assert.deepEqual(prover.component.handleSend(new Uint8Array(20), prover.nowMs), prover.verifier);
  });

  it('a new generation begins a series of its own', () => {
    const prover = new ProverBench();
    prover.challenge();
    prover.advance(500);
    const startMs = prover.nowMs;
    prover.negotiate();
    prover.advance(400);
    assert.deepEqual(hellosMs(prover, startMs), [0, 50, 150, 350]);
  });

  it('a new generation on a path already verified is content with a welcome', () => {
    const prover = new ProverBench();
    prover.challenge();
    prover.advance(500);
    const startMs = prover.nowMs;
    prover.negotiate();
    prover.welcome({ address: '198.51.100.7', port: 20_000 });
    prover.media();
    prover.advance(700);
    assert.deepEqual(hellosMs(prover, startMs), [0]);
  });
});

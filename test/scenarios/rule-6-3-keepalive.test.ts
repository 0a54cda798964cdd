// protocol.md 6.3: the keepalive.
import assert from 'node:assert/strict';
import { ProverBench } from '../support/engine-bench.js';
import { isIntegrityValid } from '../support/oracle.js';

/** A prover that hears from its verifier every second, so that it needs no hello (rule 6.4), and says nothing itself. */
function quiet(keepaliveS: number | undefined, seconds: number): { prover: ProverBench; startMs: number } {
  const prover = new ProverBench({ ...(keepaliveS === undefined ? {} : { keepaliveS }) });
  prover.challenge();
  const startMs = prover.nowMs;
  for (let i = 0; i < 2 * seconds; i++) {
    prover.media();
    prover.advance(500);
  }
  return { prover, startMs };
}

describe('rule 6.3: keepalives', () => {
  for (const keepaliveS of [undefined, 5, 60])
    it(`every ${keepaliveS ?? '15 (unset)'} s without other outgoing packets`, () => {
      const { prover, startMs } = quiet(keepaliveS, 190);
      const period = 1000 * (keepaliveS ?? 15);
      const sentMs = prover.sent('keepalive', startMs).map(({ atMs }) => Math.round(atMs - startMs));
      assert.deepEqual(
        sentMs,
        Array.from({ length: Math.floor(190_000 / period) }, (_, i) => (i + 1) * period),
      );
      const [first] = prover.sent('keepalive');
      assert.ok(first?.message);
      assert.ok(isIntegrityValid(first.bytes, prover.generation.integrity));
      assert.equal(first.message.username, `${prover.generation.verifierTag}:${prover.generation.proverTag}`);
    });

  it('none while media goes out', () => {
    const prover = new ProverBench({ keepaliveS: 5 });
    prover.challenge();
    for (let i = 0; i < 30; i++) {
      prover.media();
      prover.component.handleSend(new Uint8Array(20), prover.nowMs);
      prover.advance(1000 - 1);
    }
    assert.equal(prover.sent('keepalive').length, 0);
  });

  it('its counter goes on where the hellos left off', () => {
    const { prover } = quiet(5, 20);
    const counters = prover.bench.sent
      .filter(({ message }) => message?.kind === 'hello' || message?.kind === 'keepalive')
      .map(({ message }) => message?.transaction.readUInt32BE(0) ?? NaN);
    assert.deepEqual(
      counters,
      counters.map((_, i) => (counters[0] ?? 0) + i),
    );
    assert.ok(counters.length > 3);
  });
});

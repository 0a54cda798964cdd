// Keys and proofs against the values of the independent implementation (protocol.md 3).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { computeProof, deriveKeys, isSuite, type Suite } from '../../lib/core/index.js';
import { testCrypto } from '../support/crypto.js';

interface Half {
  tag: string;
  secret: string;
}
interface Case {
  name: string;
  offeredSuites: string;
  suite: Suite;
  kid: { key: string } | null;
  proverIsOfferer: boolean;
  component: 1 | 2;
  offerer: Half;
  answerer: Half;
  keys: { integrity: string; proof: string };
  sdpWord: string;
  sdpWordProof: string;
  pathWord: string;
  pathWordProof: string;
}

const file = new URL('../../../shared/vectors/latch-v1.json', import.meta.url);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const half = ({ tag, secret }: Half) => ({ tag, secret: Buffer.from(secret, 'base64url') });

function derive(vector: Case) {
  const { offerer, answerer, offeredSuites, suite, kid } = vector;
  return deriveKeys(testCrypto, {
    offerer: half(offerer),
    answerer: half(answerer),
    offeredSuites,
    suite,
    ...(kid && { namedKey: Buffer.from(kid.key, 'base64url') }),
  });
}

describe('keys and proofs (protocol.md 3)', () => {
  const vectors = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] }).cases : [];
  if (vectors.length === 0)
    it('skips: the vectors are not beside this checkout', function () {
      this.skip();
    });
  for (const vector of vectors) {
    it(`agrees with the independent implementation: ${vector.name}`, () => {
      const keys = derive(vector);
      assert.equal(hex(keys.integrity.reveal()), vector.keys.integrity);
      assert.equal(hex(keys.proof.reveal()), vector.keys.proof);
      const [prover, verifier] = vector.proverIsOfferer
        ? [vector.offerer, vector.answerer]
        : [vector.answerer, vector.offerer];
      const proofOver = (word: string): string =>
        hex(
          computeProof(testCrypto, vector.suite, keys, {
            proverTag: prover.tag,
            verifierTag: verifier.tag,
            component: vector.component,
            word: Buffer.from(word, 'hex'),
          }),
        );
      assert.equal(proofOver(vector.sdpWord), vector.sdpWordProof);
      assert.equal(proofOver(vector.pathWord), vector.pathWordProof);
    });
  }

  it('gives other keys when any input differs', () => {
    const base = {
      offerer: { tag: 'offererTag1', secret: new Uint8Array(32).fill(1) },
      answerer: { tag: 'answererTag', secret: new Uint8Array(32).fill(2) },
      offeredSuites: 'HMAC-SHA-256,AES-256',
      suite: 'HMAC-SHA-256' as const,
    };
    const variants = [
      base,
      { ...base, offerer: base.answerer, answerer: base.offerer },
      { ...base, offerer: { ...base.offerer, tag: 'offererTag2' } },
      { ...base, answerer: { ...base.answerer, secret: new Uint8Array(32).fill(3) } },
      { ...base, offeredSuites: 'AES-256,HMAC-SHA-256' },
      { ...base, suite: 'AES-256' as const },
      { ...base, namedKey: new Uint8Array(32) },
    ];
    const seen = new Set(variants.map((input) => hex(deriveKeys(testCrypto, input).integrity.reveal())));
    assert.equal(seen.size, variants.length);
  });

  it('knows the names of its suites and no others', () => {
    assert.ok(isSuite('AES-256') && isSuite('HMAC-SHA-256'));
    assert.ok(!isSuite('aes-256') && !isSuite('') && !isSuite('toString'));
  });
});

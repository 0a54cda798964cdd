// Keys and proofs: protocol.md 3, byte for byte. Pure functions of their arguments.
import { asciiBytes, writeAscii } from '../../wire/ascii.js';
import type { Crypto } from '../crypto.js';
import type { Suite } from '../suite.js';
import { Secret } from './secret.js';

/** For a moment: who goes on with them has a copy. */
export interface Keys {
  readonly integrity: Secret;
  readonly proof: Secret;
}

export interface KeyInput {
  readonly offerer: { readonly tag: string; readonly secret: Uint8Array };
  readonly answerer: { readonly tag: string; readonly secret: Uint8Array };
  /** The value of `suites=` exactly as the offer sent it. */
  readonly offeredSuites: string;
  readonly suite: Suite;
  /** The 32 bytes that `kid` names, where both sides named one. */
  readonly namedKey?: Uint8Array | undefined;
}

/** HKDF-SHA-256 (RFC 5869) as protocol.md 3 sets it out. */
export function deriveKeys(crypto: Crypto, input: KeyInput): Keys {
  const { offerer, answerer } = input;
  const keyMaterial = concat(input.namedKey ?? new Uint8Array(0), offerer.secret, answerer.secret);
  const info = asciiBytes(`${offerer.tag}:${answerer.tag}:${input.offeredSuites}:${input.suite}`);
  const pseudoRandomKey = crypto.hmacSha256(asciiBytes('latch-v1'), keyMaterial);
  const first = crypto.hmacSha256(pseudoRandomKey, concat(info, Uint8Array.of(1)));
  const expanded = concat(first, info, Uint8Array.of(2));
  const second = crypto.hmacSha256(pseudoRandomKey, expanded);
  // What the keys could be made of again goes at once (protocol.md 5.10).
  for (const intermediate of [keyMaterial, pseudoRandomKey, expanded]) intermediate.fill(0);
  return { integrity: new Secret(first, 'moment'), proof: new Secret(second, 'moment') };
}

export interface ProofInput {
  readonly proverTag: string;
  readonly verifierTag: string;
  readonly component: 1 | 2;
  readonly word: Uint8Array;
}

/** The transformed word: 32 bytes by HMAC-SHA-256, 16 by AES-256 (protocol.md 3). */
export function computeProof(crypto: Crypto, suite: Suite, keys: Keys, input: ProofInput): Uint8Array {
  return proveUnder(keys.proof.reveal(), crypto, suite, input);
}

/** Longer than any: two tags, a word and what stands between. One for all, since each consent makes one, and a view as long as the last. */
const transformed = new Uint8Array(256);
let filled = transformed;
const COLON = 0x3a;
const PROOF_LABEL = 'latch-proof\0';

/** As `computeProof`, under the key itself. */
export function proveUnder(key: Uint8Array, crypto: Crypto, suite: Suite, input: ProofInput): Uint8Array {
  const { proverTag, verifierTag, component, word } = input;
  const sizeBytes = PROOF_LABEL.length + proverTag.length + 1 + verifierTag.length + 2 + word.length;
  if (filled.length !== sizeBytes) filled = transformed.subarray(0, sizeBytes);
  let at = writeAscii(filled, 0, PROOF_LABEL);
  at = writeAscii(filled, at, proverTag);
  filled[at++] = COLON;
  at = writeAscii(filled, at, verifierTag);
  filled[at++] = 0;
  filled[at++] = component;
  for (let i = 0; i < word.length; i++) filled[at + i] = word[i]!;
  const proof = prove(crypto, suite, key, filled);
  filled.fill(0);
  return proof;
}

function prove(crypto: Crypto, suite: Suite, key: Uint8Array, m: Uint8Array): Uint8Array {
  switch (suite) {
    case 'HMAC-SHA-256':
      return crypto.hmacSha256(key, m);
    case 'AES-256':
      return crypto.aes256Block(key, crypto.sha256(m).subarray(0, 16));
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

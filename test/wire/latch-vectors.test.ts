// The values of a second, independent implementation of protocol.md 4: both must agree to the byte.
import assert from 'node:assert/strict';
import {
  encodeChallenge,
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  encodeWelcome,
  isLatchIntegrityValid,
  parseLatchMessage,
  type LatchMessage,
  type TransportAddress,
} from '../../lib/wire/index.js';
import { bitFlips, equal, hmacSha256, truncations } from './digests.js';
import { readShared, requireShared } from './shared-material.js';

type Kind = LatchMessage['kind'];

interface Case {
  name: string;
  proverIsOfferer: boolean;
  offerer: { tag: string };
  answerer: { tag: string };
  keys: { integrity: string };
  sdpWordProof: string;
  pathWord: string;
  pathWordProof: string;
  mapping: TransportAddress;
  challengeCameFrom: TransportAddress;
  messages: Record<Kind, { transaction: string; bytes: string }>;
}

const VECTORS = 'vectors/latch-v1.json';
const KINDS = ['hello', 'welcome', 'challenge', 'response', 'keepalive'] as const satisfies Kind[];
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** What the message of each kind says, by the fields of the case. */
function fieldsOf(vector: Case) {
  const [prover, verifier] = vector.proverIsOfferer
    ? [vector.offerer.tag, vector.answerer.tag]
    : [vector.answerer.tag, vector.offerer.tag];
  const toVerifier = { recipient: verifier, sender: prover };
  const toProver = { recipient: prover, sender: verifier };
  return {
    hello: { username: toVerifier, proof: hex(vector.sdpWordProof) },
    welcome: { mapped: vector.mapping },
    challenge: { username: toProver, word: hex(vector.pathWord) },
    response: { mapped: vector.challengeCameFrom, proof: hex(vector.pathWordProof) },
    keepalive: { username: toVerifier },
  };
}

function encode(vector: Case, kind: Kind): Uint8Array {
  const transaction = hex(vector.messages[kind].transaction);
  const key = hex(vector.keys.integrity);
  const { hello, welcome, challenge, response, keepalive } = fieldsOf(vector);
  switch (kind) {
    case 'hello':
      return encodeHello({ ...hello.username, proof: hello.proof, transaction }, key, hmacSha256);
    case 'welcome':
      return encodeWelcome({ ...welcome, transaction }, key, hmacSha256);
    case 'challenge':
      return encodeChallenge({ ...challenge.username, word: challenge.word, transaction }, key, hmacSha256);
    case 'response':
      return encodeResponse({ ...response, transaction }, key, hmacSha256);
    case 'keepalive':
      return encodeKeepalive({ ...keepalive.username, transaction }, key, hmacSha256);
  }
}

describe('latch vectors', () => {
  let cases: Case[] = [];

  beforeEach(function () {
    requireShared(this, VECTORS);
    cases = (JSON.parse(readShared(VECTORS).toString()) as { cases: Case[] }).cases;
    assert.ok(cases.length >= 4);
  });

  for (const kind of KINDS) {
    it(`${kind}: parses, verifies, and says what the vector says`, () => {
      for (const vector of cases) {
        const bytes = hex(vector.messages[kind].bytes);
        const result = parseLatchMessage(bytes);
        assert.ok(result.ok, vector.name);
        const { stun, transaction, ...fields } = result.value;
        const counter = kind === 'hello' || kind === 'keepalive' ? { counter: transaction[3] } : {};
        assert.deepEqual(fields, { kind, ...fieldsOf(vector)[kind], ...counter }, vector.name);
        assert.deepEqual(transaction, hex(vector.messages[kind].transaction));
        assert.equal(stun.bytes, bytes);
        const keyed = (key: Uint8Array) => isLatchIntegrityValid(result.value, key, hmacSha256, equal);
        assert.equal(keyed(hex(vector.keys.integrity)), true, vector.name);
        const others = cases.filter((other) => other !== vector);
        for (const other of others) assert.equal(keyed(hex(other.keys.integrity)), false, vector.name);
      }
    });

    it(`${kind}: encodes to the same bytes`, () => {
      for (const vector of cases) {
        const encoded = Buffer.from(encode(vector, kind)).toString('hex');
        assert.equal(encoded, vector.messages[kind].bytes, vector.name);
      }
    });

    it(`${kind}: no truncation and no single changed bit parses and verifies`, () => {
      for (const vector of cases) {
        const bytes = hex(vector.messages[kind].bytes);
        const key = hex(vector.keys.integrity);
        for (const shorter of truncations(bytes)) assert.equal(parseLatchMessage(shorter).ok, false);
        for (const { bit, flipped } of bitFlips(bytes)) {
          const result = parseLatchMessage(flipped);
          const isAccepted = result.ok && isLatchIntegrityValid(result.value, key, hmacSha256, equal);
          assert.equal(isAccepted, false, `${vector.name}, bit ${bit}`);
        }
      }
    });
  }
});

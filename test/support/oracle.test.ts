// The oracle that judges the engine agrees, to the byte, with the values of the second implementation.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { TransportAddress } from '../../lib/wire/address.js';
import * as oracle from './oracle.js';

interface Case {
  name: string;
  offeredSuites: string;
  suite: oracle.Suite;
  kid: string | null;
  proverIsOfferer: boolean;
  component: 1 | 2;
  offerer: { tag: string };
  answerer: { tag: string };
  attributes: { offer: string; answer: string; challenge: string };
  keys: { integrity: string; proof: string };
  sdpWord: string;
  pathWord: string;
  mapping: TransportAddress;
  challengeCameFrom: TransportAddress;
  messages: Record<
    'hello' | 'welcome' | 'challenge' | 'response' | 'keepalive',
    { transaction: string; bytes: string }
  >;
}

const vectors = new URL('../../../shared/vectors/latch-v1.json', import.meta.url);

describe('the oracle of the tests', () => {
  it('makes the keys and messages of the shared vectors', function () {
    if (!existsSync(vectors)) return this.skip(); // the vectors of the second implementation are not in this repository
    const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: Case[] };
    const judged = cases.filter(({ kid }) => !kid);
    assert.ok(judged.length > 0);
    for (const vector of judged) {
      const [offer] = oracle.readLatchLines(`m=audio\r\n${vector.attributes.offer}\r\n`);
      const [answer] = oracle.readLatchLines(`m=audio\r\n${vector.attributes.answer}\r\n`);
      assert.ok(offer && answer);
      const keys = oracle.deriveKeys(offer, answer);
      assert.equal(keys.integrity.toString('hex'), vector.keys.integrity);
      assert.equal(keys.proof.toString('hex'), vector.keys.proof);
      const generation = {
        ...keys,
        word: Buffer.from(vector.sdpWord, 'hex'),
        proverTag: vector.proverIsOfferer ? offer.tag : answer.tag,
        verifierTag: vector.proverIsOfferer ? answer.tag : offer.tag,
      };
      const { messages, component } = vector;
      const word = Buffer.from(vector.pathWord, 'hex');
      const transaction = (kind: keyof Case['messages']): Buffer =>
        Buffer.from(messages[kind].transaction, 'hex');
      const challenge = { transaction: transaction('challenge'), word };
      const made = {
        hello: oracle.makeHello(generation, component, transaction('hello')),
        keepalive: oracle.makeKeepalive(generation, transaction('keepalive')),
        challenge: oracle.makeChallenge(generation, challenge.transaction, word),
        welcome: oracle.makeWelcome(generation, transaction('welcome'), vector.mapping),
        response: oracle.makeResponse(generation, component, challenge, vector.challengeCameFrom),
      };
      for (const [kind, bytes] of Object.entries(made)) {
        assert.equal(
          bytes.toString('hex'),
          messages[kind as keyof typeof made].bytes,
          `${vector.name}: ${kind}`,
        );
        assert.equal(oracle.readMessage(bytes)?.kind, kind);
        assert.ok(oracle.isIntegrityValid(bytes, keys.integrity));
        assert.ok(!oracle.isIntegrityValid(bytes, keys.proof));
      }
    }
  });
});

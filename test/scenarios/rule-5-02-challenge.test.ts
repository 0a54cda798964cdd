// protocol.md 5.2: when a challenge is sent, for how long it counts, and what answers it.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';
import type { Sent } from '../support/engine-bench.js';
import { makeResponse, suites } from '../support/oracle.js';
import type { Reading } from '../support/oracle.js';

const home = { address: '198.51.100.7', port: 20_000 };
const elsewhere = { address: '198.51.100.7', port: 20_001 };

const reading = (challenge: Sent | undefined): Reading & { word: Buffer } => {
  assert.ok(challenge?.message?.word);
  return challenge.message as Reading & { word: Buffer };
};

describe('rule 5.2: the challenge', () => {
  it('goes out at 0, 100, 300, 700, 1500 and 3100 ms, the same to the byte', () => {
    const peer = new VerifierBench();
    const startMs = peer.nowMs;
    peer.media(home);
    peer.media(home);
    peer.media(home);
    peer.advance(10_000);
    const challenges = peer.challengesTo(home);
    assert.deepEqual(
      challenges.map(({ atMs }) => Math.round(atMs - startMs)),
      [0, 100, 300, 700, 1500, 3100],
    );
    assert.equal(new Set(challenges.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size, 1);
  });

  it('counts until 4700 ms, then the candidate is forgotten and asked anew with another word', () => {
    for (const [afterMs, isVerified] of [
      [4690, true],
      [4710, false],
    ] as const) {
      const peer = new VerifierBench();
      peer.hello(home);
      const [first] = peer.challengesTo(home);
      peer.advance(afterMs);
      assert.ok(first);
      peer.respond(first);
      assert.equal(peer.mapping !== undefined, isVerified, `${afterMs} ms`);
      if (isVerified) continue;
      peer.hello(home);
      const again = peer.challengesTo(home).at(-1);
      assert.notDeepEqual(reading(again).word, reading(first).word);
      assert.notDeepEqual(reading(again).transaction, reading(first).transaction);
      assert.equal(peer.bench.eventsOf('candidate').length, 2);
    }
  });

  it('is not sent again once it is answered', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.challengesTo(home).length;
    peer.advance(3900);
    assert.equal(peer.challengesTo(home).length, before);
  });

  it('has a word and a transaction of its own for every candidate', () => {
    const peer = new VerifierBench();
    for (let port = 1; port <= 8; port++) peer.media({ address: '192.0.2.1', port });
    const readings = peer.bench.sent.map((sent) => reading(sent));
    assert.equal(readings.length, 8);
    assert.equal(new Set(readings.map(({ word }) => word.toString('hex'))).size, 8);
    assert.equal(new Set(readings.map(({ transaction }) => transaction.toString('hex'))).size, 8);
  });

  for (const suite of suites) {
    it(`is answered only from exactly the address that was asked [${suite}]`, () => {
      const peer = new VerifierBench({ suite });
      peer.hello(home);
      const [challenge] = peer.challengesTo(home);
      assert.ok(challenge);
      for (const source of [elsewhere, { ...home, address: '198.51.100.8' }, peer.signalled]) {
        peer.respond(challenge, source);
        assert.equal(peer.mapping, undefined);
      }
      peer.respond(challenge);
      assert.deepEqual(peer.mapping, home);
      assert.equal(peer.session.counters.dropped.wrongSource, 3);
    });

    it(`is answered only by a valid proof, under a valid integrity [${suite}]`, () => {
      const peer = new VerifierBench({ suite });
      peer.hello(home);
      const challenge = peer.challengesTo(home)[0];
      const { transaction, word } = reading(challenge);
      const seen = peer.ports[0]?.local;
      assert.ok(seen);
      const g = peer.generation;
      const bad = {
        'another word': makeResponse(g, 1, { transaction, word: Buffer.alloc(16) }, seen),
        'the SDP word': makeResponse(g, 1, { transaction, word: g.word }, seen),
        'another component': makeResponse(g, 2, { transaction, word }, seen),
        'another proof key': makeResponse({ ...g, proof: Buffer.alloc(32) }, 1, { transaction, word }, seen),
        'another integrity key': makeResponse({ ...g, integrity: g.proof }, 1, { transaction, word }, seen),
        'another transaction': makeResponse(g, 1, { transaction: Buffer.alloc(12, 9), word }, seen),
        'tags the other way round': makeResponse(
          { ...g, proverTag: g.verifierTag, verifierTag: g.proverTag },
          1,
          { transaction, word },
          seen,
        ),
      };
      for (const [name, bytes] of Object.entries(bad)) {
        peer.receive(bytes, home);
        assert.equal(peer.mapping, undefined, name);
      }
      const other = suite === 'AES-256' ? 'HMAC-SHA-256' : 'AES-256';
      peer.receive(makeResponse({ ...g, suite: other }, 1, { transaction, word }, seen), home);
      assert.equal(peer.mapping, undefined, 'the other suite');
      peer.receive(makeResponse(g, 1, { transaction, word }, seen), home);
      assert.deepEqual(peer.mapping, home);
    });
  }

  it('is answered only at the local socket that asked', () => {
    const peer = new VerifierBench({ isMuxed: false });
    peer.hello(home);
    const [challenge] = peer.challengesTo(home);
    const [rtp, rtcp] = peer.ports;
    assert.ok(challenge && rtp && rtcp);
    const bytes = makeResponse(peer.generation, 1, reading(challenge), rtp.local);
    peer.bench.receive(rtcp, bytes, home);
    assert.equal(peer.mapping, undefined);
    peer.bench.receive(rtp, bytes, home);
    assert.deepEqual(peer.mapping, home);
  });

  it('a response counts once', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    const [challenge] = peer.challengesTo(home);
    assert.ok(challenge);
    const bytes = peer.respond(challenge);
    const events = peer.bench.events.length;
    peer.receive(bytes, home);
    assert.equal(peer.bench.events.length, events);
    assert.equal(peer.bench.engine.counters.dropped.staleTransaction, 1);
  });
});

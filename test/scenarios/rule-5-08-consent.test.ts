// protocol.md 5.8: the active path is asked again and again, and expires when it does not answer.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };

/** Lets the time pass and answers everything, as a prover at `home` would. */
function live(peer: VerifierBench, ms: number): void {
  const endMs = peer.nowMs + ms;
  let seen = peer.bench.sent.length;
  while (peer.nowMs < endMs) {
    peer.advance(10);
    for (const sent of peer.bench.sent.slice(seen))
      if (sent.message?.kind === 'challenge' && sent.destination.port === home.port) peer.respond(sent);
    seen = peer.bench.sent.length;
  }
}

describe('rule 5.8: consent', () => {
  it('is asked every 4 to 6 s, once each, every time with another word', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const verifiedMs = peer.nowMs;
    live(peer, 300_000);
    const asked = peer.challengesTo(home, verifiedMs + 1);
    const gaps = asked.map(({ atMs }, i) => atMs - (asked[i - 1]?.atMs ?? verifiedMs));
    assert.ok(asked.length >= 49 && asked.length <= 76, `${asked.length}`);
    assert.ok(
      gaps.every((gap) => gap >= 4000 && gap <= 6000.2),
      JSON.stringify(gaps),
    );
    assert.ok(Math.max(...gaps) - Math.min(...gaps) > 1000, 'randomised');
    assert.equal(new Set(asked.map(({ message }) => message?.word?.toString('hex'))).size, asked.length);
    assert.equal(
      new Set(asked.map(({ message }) => message?.transaction.toString('hex'))).size,
      asked.length,
    );
    assert.deepEqual(peer.mapping, home);
    assert.equal(peer.bench.eventsOf('expired').length, 0);
    assert.equal(peer.bench.eventsOf('verified').length, 1, 'consent is no news');
  });

  it('30 s and at least four challenges without a valid response: expired, media stops', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const lastMs = peer.nowMs;
    peer.advance(29_900);
    assert.deepEqual(peer.outgoing(), home);
    peer.advance(10_000);
    const [expired] = peer.bench.eventsOf('expired');
    assert.ok(expired);
    assert.deepEqual(expired.remote, home);
    assert.ok(expired.atMs - lastMs >= 30_000 && expired.atMs - lastMs <= 30_001, `${expired.atMs - lastMs}`);
    assert.ok(peer.challengesTo(home, lastMs + 1).length >= 4);
    assert.equal(peer.outgoing(), undefined);
    const { length } = peer.bench.sent;
    peer.advance(120_000);
    assert.equal(peer.bench.sent.length, length, 'an expired path is asked no more');
    assert.equal(peer.bench.eventsOf('expired').length, 1);
  });

  it('a process that slept for an hour does not take the silence for an answer', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.bench.sleep(3_600_000);
    peer.advance(1);
    assert.deepEqual(peer.outgoing(), home, 'only one challenge has gone unanswered');
    assert.equal(peer.challengesTo(home).length, 2);
    peer.advance(30_000);
    assert.equal(peer.bench.eventsOf('expired').length, 1);
    assert.ok(peer.challengesTo(home).length >= 1 + 4);
  });

  it('media that keeps coming is no consent', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    for (let i = 0; i < 40; i++) {
      peer.media(home);
      peer.hello(home);
      peer.keepalive(home);
      peer.advance(1000);
    }
    assert.equal(peer.bench.eventsOf('expired').length, 1);
  });

  it('one answer in time is enough, and the 30 s begin anew', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.advance(24_000);
    peer.answerFrom(home, 1);
    const answeredMs = peer.nowMs;
    peer.advance(29_000);
    assert.deepEqual(peer.mapping, home);
    peer.advance(10_000);
    const [expired] = peer.bench.eventsOf('expired');
    assert.ok(expired && expired.atMs >= answeredMs + 30_000);
  });

  it('a consent challenge is answered only by who was asked', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    for (let i = 0; i < 8; i++) {
      peer.advance(5000);
      const challenge = peer.challengesTo(home).at(-1);
      assert.ok(challenge);
      peer.respond(challenge, { ...home, port: 6666 });
    }
    assert.equal(peer.bench.eventsOf('expired').length, 1);
  });

  it('a later verification brings it back', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.advance(40_000);
    assert.equal(peer.mapping, undefined);
    peer.media(home);
    assert.equal(peer.outgoing(), undefined);
    peer.answerFrom(home);
    assert.deepEqual(peer.outgoing(), home);
    assert.ok(peer.media(home));
  });
});

// protocol.md 5.4: nothing of the payload, and three times the bytes at most, before an address has proved itself.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };

const bytesTo = (peer: VerifierBench): number =>
  peer.bench.sentTo(home).reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('rule 5.4: the budget', () => {
  it('no payload goes to a path, or is taken from it, before it is verified', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    for (let i = 0; i < 5; i++) {
      assert.equal(peer.media(home), false);
      assert.equal(peer.outgoing(), undefined);
      peer.advance(20);
    }
    peer.answerFrom(home);
    assert.equal(peer.media(home), true);
    assert.deepEqual(peer.outgoing(), home);
    const { dropped } = peer.session.counters;
    assert.deepEqual([dropped.unverified, dropped.noPath], [5, 5]);
  });

  it('never more than three times the bytes received, welcomes and challenges included', () => {
    for (const sizeBytes of [12, 13, 40, 60, 100, 172]) {
      const peer = new VerifierBench();
      let receivedBytes = 0;
      for (let i = 0; i < 30; i++) {
        peer.media(home, { sizeBytes });
        receivedBytes += sizeBytes;
        assert.ok(bytesTo(peer) <= 3 * receivedBytes, `${bytesTo(peer)} for ${receivedBytes}`);
        if (i % 7 === 0) receivedBytes += peer.hello(home).length;
        assert.ok(bytesTo(peer) <= 3 * receivedBytes, `${bytesTo(peer)} for ${receivedBytes}`);
        peer.advance(50);
        assert.ok(bytesTo(peer) <= 3 * receivedBytes, `${bytesTo(peer)} for ${receivedBytes}`);
      }
      assert.ok(peer.challengesTo(home).length > 0);
    }
  });

  it('one hello pays for its welcome and a challenge; the retransmissions wait for more', () => {
    const peer = new VerifierBench();
    const { length } = peer.hello(home);
    peer.advance(4000);
    assert.ok(bytesTo(peer) <= 3 * length);
    assert.equal(peer.bench.sentTo(home, 'welcome').length, 1);
    assert.ok(peer.challengesTo(home).length >= 1);
  });

  it('a challenge that does not fit waits, and its timers start when it is sent', () => {
    const peer = new VerifierBench();
    peer.media(home, { sizeBytes: 12 });
    peer.advance(2000);
    assert.equal(peer.challengesTo(home).length, 0);
    const startMs = peer.nowMs;
    for (let i = 0; i < 10; i++) peer.media(home);
    peer.advance(4000);
    assert.deepEqual(
      peer.challengesTo(home).map(({ atMs }) => Math.round(atMs - startMs)),
      [0, 100, 300, 700, 1500, 3100],
    );
    const [challenge] = peer.challengesTo(home);
    assert.ok(challenge);
    peer.advance(startMs + 4650 - peer.nowMs);
    peer.respond(challenge);
    assert.deepEqual(peer.mapping, home);
  });

  it('the round trip is measured from the first transmission', () => {
    const peer = new VerifierBench();
    peer.media(home);
    peer.media(home);
    peer.advance(150);
    const [, second] = peer.challengesTo(home);
    assert.ok(second);
    peer.respond(second);
    const [verified] = peer.bench.eventsOf('verified');
    assert.ok(verified?.type === 'verified');
    assert.equal(Math.round(verified.rttMs ?? 0), 150);
  });
});

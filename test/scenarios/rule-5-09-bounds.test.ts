// protocol.md 5.9: how many candidates there are, how fast they come, and who gives way to whom.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { TransportAddress } from '../../lib/wire/address.js';
import { testCrypto } from '../support/crypto.js';
import { VerifierBench } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };
const at = (i: number): TransportAddress => ({ address: '192.0.2.1', port: 1000 + i });

/** Fills all places, over as much time as the admissions need. */
function fill(make: (source: TransportAddress) => void, from = 0): void {
  for (let i = from; i < from + 8; i++) make(at(i));
}

const isAsked = (peer: VerifierBench, source: TransportAddress): boolean =>
  peer.challengesTo(source).length > 0;

describe('rule 5.9: bounds', () => {
  it('8 candidates at a time; the ninth of the same kind is refused and counted', () => {
    const peer = new VerifierBench();
    fill((source) => peer.media(source));
    peer.media(at(8));
    assert.equal(peer.bench.eventsOf('candidate').length, 8);
    assert.ok(!isAsked(peer, at(8)));
    assert.equal(peer.session.counters.dropped.candidateRefused, 1);
    peer.advance(4750);
    peer.media(at(8));
    assert.ok(isAsked(peer, at(8)), 'when the others have failed there is room');
  });

  it('20 admitted a second', () => {
    const peer = new VerifierBench();
    const admittedMs: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const before = peer.bench.eventsOf('candidate').length;
      peer.media(at(i));
      if (peer.bench.eventsOf('candidate').length > before) {
        admittedMs.push(peer.nowMs);
        // It answers, and so makes room at once.
        const challenge = peer.challengesTo(at(i))[0];
        assert.ok(challenge);
      }
      peer.advance(1);
      if (admittedMs.length > 60) break;
    }
    for (const fromMs of admittedMs)
      assert.ok(admittedMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1000).length <= 20);
  });

  it('also where each makes room at once by answering', () => {
    const peer = new VerifierBench();
    let admitted = 0;
    for (let i = 0; i < 30; i++) {
      peer.hello(at(i));
      const challenge = peer.challengesTo(at(i))[0];
      if (challenge === undefined) continue;
      admitted++;
      peer.respond(challenge);
      peer.advance(31);
    }
    // 30 hellos in 930 ms: twenty by admission, the others by no room being short of it.
    assert.equal(admitted, 20);
  });

  it('a fresh hello or keepalive displaces media, at once and without admission', () => {
    for (const send of ['hello', 'keepalive'] as const) {
      const peer = new VerifierBench();
      fill((source) => peer.media(source));
      peer[send](home);
      assert.ok(isAsked(peer, home), send);
      peer.answerFrom(home);
      assert.deepEqual(peer.mapping, home);
    }
  });

  it('a flood that has used up all admissions does not keep a fresh hello out', () => {
    const peer = new VerifierBench();
    for (let i = 0; i < 100; i++) {
      peer.media(at(i));
      peer.advance(5);
    }
    peer.hello(home);
    assert.ok(isAsked(peer, home));
  });

  it('media with the SSRC last heard on the active path displaces other media, but no fresh hello', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.media(home);
    peer.advance(2000);
    fill((source) => peer.media(source, { ssrc: 99 }));
    const known = { address: '198.51.100.7', port: 20_001 };
    peer.media(known);
    assert.ok(isAsked(peer, known));

    const other = new VerifierBench();
    other.verify(home);
    other.media(home);
    other.advance(2000);
    fill((source) => other.media(source));
    other.hello(at(50));
    other.media(known);
    assert.ok(isAsked(other, at(50)));
    assert.ok(!isAsked(other, known), 'equal to those with the same SSRC');
  });

  it('a stale hello is no better than any media', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.hello(home, { counter: 100 });
    peer.advance(2000);
    fill((source) => peer.media(source, { ssrc: 99 }));
    peer.hello(at(50), { counter: 100 });
    peer.hello(at(51), { counter: 7 });
    assert.ok(!isAsked(peer, at(50)) && !isAsked(peer, at(51)));
    peer.hello(at(52), { counter: 101 });
    assert.ok(isAsked(peer, at(52)));
  });

  it('a replay of the hello that made it stale does not displace it either', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.advance(2000);
    fill((source) => peer.media(source, { ssrc: 99 }));
    const hello = peer.hello(at(60));
    for (let i = 0; i < 50; i++) peer.receive(hello, at(100 + i));
    for (let i = 0; i < 50; i++) assert.ok(!isAsked(peer, at(100 + i)));
    peer.answerFrom(at(60));
    peer.advance(60);
    assert.deepEqual(peer.mapping, at(60));
  });

  it('one that is refused is refused before a challenge is made for it', () => {
    const peer = new VerifierBench();
    fill((source) => peer.media(source));
    const computed = sinon.spy(testCrypto, 'hmacSha256');
    try {
      for (let i = 8; i < 1000; i++) peer.media(at(i));
      assert.equal(computed.callCount, 0);
      assert.equal(peer.session.counters.dropped.candidateRefused, 992);
    } finally {
      computed.restore();
    }
  });

  it('memory for unauthenticated datagrams is constant', () => {
    const peer = new VerifierBench();
    const port = peer.ports[0];
    assert.ok(port);
    let largest = 0;
    for (let i = 0; i < 20_000; i++) {
      peer.media({ address: `192.0.${i >> 8}.${i & 255}`, port: 1000 });
      peer.bench.sent.length = 0;
      peer.bench.events.length = 0;
      peer.advance(1);
      largest = Math.max(largest, port.size);
    }
    assert.ok(largest <= 40, `${largest} entries`);
    assert.ok(peer.session.counters.dropped.candidateRefused > 15_000);
  });
});

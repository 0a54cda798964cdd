// protocol.md 5.1: what makes a candidate path, and what does not.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';
import { makeHello } from '../support/oracle.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };
const stranger = { address: '192.0.2.66', port: 6000 };

describe('rule 5.1: candidates', () => {
  it('a hello that verifies makes one, from any address', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    assert.equal(peer.bench.eventsOf('candidate').length, 1);
    assert.equal(peer.challengesTo(home).length, 1);
  });

  it('a keepalive that verifies makes one, and is not welcomed', () => {
    const peer = new VerifierBench();
    peer.keepalive(home);
    assert.deepEqual(
      peer.bench.sentTo(home).map(({ message }) => message?.kind),
      ['challenge'],
    );
  });

  it('a hello under another key, or with other tags, makes none and draws no answer', () => {
    const peer = new VerifierBench();
    const { generation } = peer;
    const transaction = peer.transaction();
    for (const forged of [
      { ...generation, integrity: Buffer.alloc(32, 1) },
      { ...generation, proverTag: 'anotherTag12' },
      { ...generation, verifierTag: 'anotherTag12' },
    ])
      peer.receive(makeHello(forged, 1, transaction), stranger);
    assert.equal(peer.bench.sent.length, 0);
    assert.equal(peer.bench.events.length, 0);
    assert.deepEqual(
      [peer.bench.engine.counters.dropped.integrity, peer.bench.engine.counters.dropped.unknownTags],
      [1, 2],
    );
  });

  it('RTP or RTCP makes one on a port that serves one session', () => {
    const peer = new VerifierBench();
    peer.media(home);
    peer.report(moved);
    assert.equal(peer.challengesTo(home).length, 1);
    assert.equal(peer.challengesTo(moved).length, 1);
  });

  it('other payload makes none', () => {
    const peer = new VerifierBench();
    const dtls = new Uint8Array(100).fill(0);
    dtls.set([22, 0xfe, 0xfd]);
    for (const bytes of [
      dtls,
      new Uint8Array(200).fill(0xff),
      new Uint8Array(0),
      Uint8Array.of(0x80, 0, 0, 0),
    ])
      assert.equal(peer.receive(bytes, stranger), undefined);
    assert.equal(peer.bench.events.length, 0);
    assert.equal(peer.bench.sent.length, 0);
  });

  it('on a shared port RTP makes one only with an SSRC that belongs to a session', () => {
    const first = new VerifierBench();
    const second = new VerifierBench({ beside: first });
    first.verify(home);
    second.verify(stranger);
    assert.ok(first.media(home));
    assert.ok(second.media(stranger));
    const elsewhere = { address: '192.0.2.77', port: 7000 };
    first.media(elsewhere, { ssrc: 0x1234 });
    assert.equal(first.bench.sentTo(elsewhere).length, 0, 'an unknown SSRC');
    first.media(elsewhere);
    assert.equal(first.challengesTo(elsewhere).length, 1);
    assert.equal(first.bench.eventsOf('candidate').at(-1)?.session, first.session.id);

    const third = { address: '192.0.2.78', port: 7000 };
    assert.ok(second.media(stranger, { ssrc: first.ssrc }));
    first.media(third);
    assert.equal(first.challengesTo(third).length, 1, 'it stays with the session that heard it first');
    assert.equal(first.bench.eventsOf('candidate').at(-1)?.session, first.session.id);
  });

  it('an SSRC once heard is remembered beside others that are heard all the time', () => {
    const first = new VerifierBench();
    new VerifierBench({ beside: first });
    first.verify(home);
    first.media(home, { ssrc: 1 });
    for (let i = 0; i < 40; i++) first.media(home, { ssrc: 2 + (i % 2) });
    first.media(moved, { ssrc: 1 });
    assert.equal(first.challengesTo(moved).length, 1);
  });

  it('of too many SSRCs that one is forgotten which was heard longest ago, not one that is heard all the time', () => {
    const first = new VerifierBench();
    const second = new VerifierBench({ beside: first });
    first.verify(home);
    second.verify(stranger);
    first.media(home, { ssrc: 1 });
    second.media(stranger, { ssrc: 1 });
    for (let ssrc = 2; ssrc <= 20; ssrc++) {
      first.media(home, { ssrc });
      first.advance(20);
      first.media(home, { ssrc: 1 });
      first.advance(20);
    }
    first.media(moved, { ssrc: 1 });
    assert.equal(first.bench.eventsOf('candidate').at(-1)?.session, first.session.id);
    const elsewhere = { ...moved, port: moved.port + 1 };
    first.media(elsewhere, { ssrc: 2 });
    assert.equal(first.challengesTo(elsewhere).length, 0);
  });

  it('RTCP counts as RTP does on a shared port', () => {
    const first = new VerifierBench();
    new VerifierBench({ beside: first }).verify(stranger);
    first.verify(home);
    assert.ok(first.media(home));
    first.report(moved);
    first.report(moved);
    assert.equal(first.challengesTo(moved).length, 1);
  });

  it('a hello from the active path gets a welcome and nothing else', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.bench.events.length;
    const { nowMs } = peer;
    peer.advance(1);
    peer.hello(home);
    const sent = peer.bench.sentTo(home, undefined, nowMs + 1).map(({ message }) => message?.kind);
    assert.deepEqual(sent, ['welcome']);
    assert.equal(peer.bench.events.length, before);
  });

  it('a present candidate is not made again', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    peer.hello(home);
    peer.media(home);
    assert.equal(peer.bench.eventsOf('candidate').length, 1);
    assert.equal(peer.challengesTo(home).length, 1);
  });

  it('an IPv4-mapped IPv6 address is the IPv4 address', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    assert.ok(peer.media({ ...home, address: `::ffff:${home.address}` }));
    assert.deepEqual(peer.mapping, home);
  });
});

// protocol.md 5.1: whose an address is, and whose an SSRC. What nothing has proven takes nothing from one who proves itself.
import assert from 'node:assert/strict';
import type { Component, Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { VerifierBench } from '../support/engine-bench.js';
import { IceBench } from '../support/ice-bench.js';
import { makeRtp } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';

const home = { address: '198.51.100.7', port: 31_000 };
const moved = { address: '198.51.100.7', port: 31_999 };
const strangers = { address: '192.0.2.66', port: 7000 };

/** A call without any key on the same port: its SDP claims the address. */
class Keyless {
  readonly session: SdpSession;
  readonly #peer: VerifierBench;

  constructor(peer: VerifierBench, claimed: TransportAddress, call = 'keyless') {
    this.#peer = peer;
    const { bench, ports } = peer;
    this.session = bench.engine.createSession({ call, role: 'verifier', signalling: 'clear' });
    this.component.attach(ports[0] as Port, bench.nowMs);
    this.claim(claimed);
  }

  get component(): Component {
    return this.session.component(0, 1);
  }

  claim({ address, port }: TransportAddress): void {
    const { bench } = this.#peer;
    const offer = makeSdp({ address, media: [{ port, isMuxed: true }] });
    assert.ok(this.session.setRemote(offer, bench.nowMs, 'offer').accepted);
    const local = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] });
    this.session.setLocal(local, bench.nowMs, 'answer');
    bench.drain();
  }

  /** Where a packet of this call's goes. */
  send(): TransportAddress | undefined {
    return this.component.handleSend(new Uint8Array(20), this.#peer.nowMs);
  }
}

/** The name of the call that gets a packet from this address. */
function heard(peer: VerifierBench, source: TransportAddress, ssrc = 0x7777): string | undefined {
  const bytes = makeRtp({ ssrc, sequence: 1, timestamp: 0, payload: new Uint8Array(160) });
  return peer.bench.receive(peer.ports[0] as Port, bytes, source)?.session.call;
}

/** The names of the calls that have a stream from this address, packets in a row, at once or after a lock (protocol.md 8.3.4). */
function listeners(
  peer: VerifierBench,
  source: TransportAddress,
  ssrc = 0x7777,
): readonly (string | undefined)[] {
  const names = new Set<string | undefined>();
  const before = peer.bench.deliveries.length;
  for (let i = 0; i < 15; i++) {
    const sequence = Math.round(peer.nowMs / 20);
    const bytes = makeRtp({ ssrc, sequence, timestamp: sequence * 160, payload: new Uint8Array(160) });
    const taker = peer.bench.receive(peer.ports[0] as Port, bytes, source);
    if (taker) names.add(taker.session.call);
    peer.advance(20);
  }
  for (const { component } of peer.bench.deliveries.slice(before)) names.add(component.session.call);
  return [...names];
}

function verified(): VerifierBench {
  const peer = new VerifierBench();
  peer.verify(home);
  peer.advance(50);
  return peer;
}

describe('rule 5.1: an address that is proven belongs to who proved it', () => {
  it('a stranger who names it in an SDP gets no packet, and sends none there, however often it asks', () => {
    const peer = verified();
    const stranger = new Keyless(peer, home);
    for (let i = 0; i < 300; i++) {
      assert.equal(heard(peer, home, peer.ssrc), 'bench');
      assert.equal(stranger.send(), undefined);
      peer.advance(20);
      for (const challenge of peer.challengesTo(home, peer.nowMs - 20)) peer.respond(challenge);
      if (i % 50 === 25) stranger.claim(i % 100 === 25 ? strangers : home);
    }
    assert.equal(stranger.component.counters.delivered, 0);
    assert.deepEqual(peer.outgoing(), home);
  });

  it('nor does a stranger who named it before the client came', () => {
    const peer = new VerifierBench();
    const stranger = new Keyless(peer, home);
    peer.verify(home);
    assert.equal(heard(peer, home, peer.ssrc), 'bench');
    assert.equal(stranger.send(), undefined);
  });

  it('nor one that names the address to which the client moves: its media is known by its SSRC', () => {
    const peer = verified();
    assert.ok(peer.media(home));
    const stranger = new Keyless(peer, moved);
    const { nowMs } = peer;
    assert.equal(heard(peer, moved, peer.ssrc), undefined);
    assert.equal(peer.challengesTo(moved, nowMs).length, 1);
    peer.answerFrom(moved);
    peer.advance(60);
    assert.equal(heard(peer, moved, peer.ssrc), 'bench');
    assert.equal(stranger.component.counters.delivered, 0);
  });

  it('nor while the client is on trial there, whatever its media looks like', () => {
    const peer = verified();
    const stranger = new Keyless(peer, moved);
    peer.hello(moved);
    peer.answerFrom(moved, 5);
    assert.equal(heard(peer, moved), undefined);
    peer.advance(60);
    assert.equal(heard(peer, moved), 'bench');
    assert.equal(stranger.component.counters.delivered, 0);
  });

  it('of two that prove it, who did so last has it, though the media of the other moves there after that', () => {
    const first = verified();
    const second = new VerifierBench({ beside: first, signalled: { address: '10.9.9.9', port: 5004 } });
    first.hello(moved);
    first.answerFrom(moved, 5);
    second.hello(moved);
    second.answerFrom(moved, 1);
    first.advance(60);
    assert.deepEqual(first.outgoing(), moved, 'the media of the first has moved');
    const taker = first.bench.receive(first.ports[0] as Port, new Uint8Array(20), moved);
    assert.equal(taker?.session.id, second.session.id);
  });

  it('what is proven for a candidate on trial stays so while the media moves to another', () => {
    const first = verified();
    const second = new VerifierBench({ beside: first, signalled: { address: '10.9.9.9', port: 5004 } });
    second.verify(moved);
    first.hello(strangers);
    first.answerFrom(strangers, 1);
    first.advance(10);
    first.hello(moved);
    first.answerFrom(moved, 1);
    second.hello(home);
    second.answerFrom(home, 1);
    first.advance(100);
    assert.deepEqual([first.outgoing(), second.outgoing()], [moved, home]);
    const taker = first.bench.receive(first.ports[0] as Port, new Uint8Array(20), moved);
    assert.equal(taker?.session.id, first.session.id);
  });

  it('nor does a stranger who names it have it in the moment between two moves of the media', () => {
    const peer = verified();
    peer.hello(strangers);
    peer.answerFrom(strangers, 1);
    peer.advance(10);
    peer.hello(moved);
    peer.answerFrom(moved, 1);
    const stranger = new Keyless(peer, moved);
    const wasAt = new Set<number | undefined>();
    for (let i = 0; i < 100; i++) {
      heard(peer, moved);
      wasAt.add(peer.mapping?.port);
      peer.advance(1);
    }
    assert.deepEqual([...wasAt], [home.port, strangers.port, moved.port]);
    assert.equal(stranger.component.counters.delivered, 0);
  });

  it('nor does it come back by a trial that ends after another has proved it', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check(), home);
    ice.answerFrom(home);
    ice.send(ice.phone.check(), moved);
    ice.bench.advance(5);
    ice.answerFrom(moved);
    const second = new VerifierBench({ beside: { bench: ice.bench, ports: [ice.port] } });
    second.verify(moved);
    assert.deepEqual(second.outgoing(), moved);
    ice.answerFrom(home);
    ice.bench.advance(100);
    assert.deepEqual(ice.destination, home);
    assert.equal(ice.talk(home), true);
    const taker = ice.bench.receive(ice.port, new Uint8Array(20), moved);
    assert.equal(taker?.session.id, second.session.id);
  });

  it('nor is what comes from there kept for the first, once the second has proved it too', () => {
    const first = verified();
    const second = new VerifierBench({ beside: first, signalled: { address: '10.9.9.9', port: 5004 } });
    second.verify(strangers);
    first.media(home);
    first.hello(moved);
    first.answerFrom(moved, 5);
    first.media(moved);
    second.hello(moved);
    second.answerFrom(moved, 1);
    first.media(moved);
    first.advance(60);
    assert.deepEqual(first.outgoing(), moved);
    assert.equal(first.bench.deliveries.length, 1, 'what came before that was');
  });

  it('for 5 s after a switch the address before is still the one’s who proved it', () => {
    const peer = verified();
    peer.hello(moved);
    peer.answerFrom(moved, 5);
    peer.advance(60);
    new Keyless(peer, home);
    assert.equal(heard(peer, home), 'bench');
    assert.deepEqual(listeners(peer, home, 0x8888), ['bench']);
    peer.advance(5000);
    assert.deepEqual(listeners(peer, home, 0x8888), ['keyless'], 'and then free');
  });

  it('who has lost it to one that proved it since does not have it again when that one leaves', () => {
    const first = verified();
    const second = new VerifierBench({ beside: first, signalled: { address: '10.9.9.9', port: 5004 } });
    second.hello(home);
    second.answerFrom(home, 1);
    second.session.close(second.nowMs);
    first.hello(moved);
    first.answerFrom(moved, 1);
    first.advance(60);
    assert.deepEqual(first.outgoing(), moved);
    assert.equal(heard(first, home), undefined, 'the path before');
  });

  it('nor as one of the several addresses that a peer with ICE has verified', () => {
    const ice = new IceBench();
    ice.connect(home);
    ice.send(ice.phone.check({ priority: 0x6f0000ff, isNominating: true }), moved);
    ice.answerFrom(moved);
    assert.ok(ice.talk(home) && ice.talk(moved));
    const second = new VerifierBench({ beside: { bench: ice.bench, ports: [ice.port] } });
    second.hello(home);
    second.answerFrom(home, 1);
    second.session.close(second.nowMs);
    const third = { ...home, port: 31_002 };
    ice.send(ice.phone.check({ priority: 0x700000ff, isNominating: true }), third);
    ice.answerFrom(third);
    assert.deepEqual(ice.destination, third);
    assert.ok(ice.talk(moved));
    assert.equal(ice.talk(home), false);
  });

  it('who verifies it again has it for as long as it answers there', () => {
    const ice = new IceBench();
    ice.connect(home);
    ice.send(ice.phone.check({ priority: 0x6f0000ff, isNominating: true }), moved);
    ice.answerFrom(moved);
    const second = new VerifierBench({ beside: { bench: ice.bench, ports: [ice.port] } });
    second.hello(home);
    second.answerFrom(home, 1);
    ice.send(ice.phone.check({ priority: 0x700000ff, isNominating: true }), home);
    ice.answerFrom(home);
    assert.deepEqual(ice.destination, home);
    for (let i = 0; i < 80; i++) {
      const { nowMs } = ice.bench;
      ice.bench.advance(500);
      if (ice.checksTo(home, nowMs + 1).length > 0) ice.answerFrom(home);
      assert.ok(ice.talk(home), `after ${i * 500} ms`);
    }
  });

  it('it is free when its call is over', () => {
    const peer = verified();
    new Keyless(peer, home);
    peer.session.close(peer.nowMs);
    assert.deepEqual(listeners(peer, home), ['keyless']);
  });
});

describe('rule 5.1: of two claims that nothing has proven', () => {
  it('the earlier holds the address, and keeps it through its re-offers; the other has it after that', () => {
    const peer = new VerifierBench();
    const calls = ['first', 'second', 'third'].map((call) => new Keyless(peer, home, call));
    const [first, second] = calls as [Keyless, Keyless];
    first.claim(home);
    second.claim(home);
    assert.deepEqual(listeners(peer, home), ['first']);
    first.session.close(peer.nowMs);
    assert.deepEqual(listeners(peer, home), ['second']);
    second.session.close(peer.nowMs);
    assert.deepEqual(listeners(peer, home), ['third']);
    for (const { session } of calls) session.close(peer.nowMs);
    peer.session.close(peer.nowMs);
    assert.equal(peer.ports[0]?.size, 0);
  });

  it('one that names another address before it has heard anything leaves this one to the next', () => {
    const peer = new VerifierBench();
    const first = new Keyless(peer, home, 'first');
    new Keyless(peer, home, 'second');
    first.claim(strangers);
    assert.deepEqual(listeners(peer, home), ['second']);
    assert.deepEqual(listeners(peer, strangers), ['first']);
  });

  for (const [name, tell] of [
    [
      'whose signalling comes from there',
      (session: SdpSession) => session.peer({ address: home.address, transport: 'udp' }),
    ],
    ['where somebody is known to receive', (session: SdpSession) => session.shown(home.address)],
  ] as const)
    it(`the one ${name} holds it before an earlier one`, () => {
      const peer = new VerifierBench();
      const stranger = new Keyless(peer, home, 'stranger');
      const phone = new Keyless(peer, strangers, 'phone');
      tell(phone.session);
      phone.claim(home);
      phone.session.confirm(peer.nowMs);
      assert.deepEqual(listeners(peer, home), ['phone']);
      stranger.claim(home);
      assert.deepEqual(listeners(peer, home), ['phone']);
      phone.session.close(peer.nowMs);
      assert.deepEqual(listeners(peer, home), ['stranger']);
    });

  it('one that proves itself takes it from both, and gives it back to the earlier', () => {
    const peer = new VerifierBench();
    new Keyless(peer, home, 'first');
    new Keyless(peer, home, 'second');
    peer.verify(home);
    assert.deepEqual(listeners(peer, home), ['bench']);
    peer.session.close(peer.nowMs);
    assert.deepEqual(listeners(peer, home), ['first']);
  });
});

describe('rule 5.1: an SSRC belongs to who was heard with it first', () => {
  /** Two clients that have proved themselves on one port. */
  function two(): readonly [VerifierBench, VerifierBench] {
    const victim = verified();
    const other = new VerifierBench({ beside: victim, signalled: { address: '10.9.9.9', port: 5004 } });
    other.verify(strangers);
    victim.advance(50);
    return [victim, other];
  }
  const others = { address: '192.0.2.88', port: 7000 };
  function third(beside: VerifierBench): VerifierBench {
    const peer = new VerifierBench({ beside, signalled: { address: '10.9.9.8', port: 5004 } });
    peer.verify(others);
    peer.advance(50);
    return peer;
  }
  /** Its media from elsewhere makes a candidate for it, and for nobody else. */
  const assertFollowed = (victim: VerifierBench): void => {
    const { nowMs } = victim;
    victim.media(moved);
    const made = victim.bench.eventsOf('candidate', nowMs).map(({ session }) => session);
    assert.deepEqual(made, [victim.session.id]);
    assert.equal(victim.challengesTo(moved, nowMs).length, 1);
  };

  it('another client that sends with it does not stop the first from being followed', () => {
    const [victim, other] = two();
    victim.media(home);
    other.media(strangers, { ssrc: victim.ssrc });
    assertFollowed(victim);
  });

  it('for as long as it is accepted there within 30 s', () => {
    for (const [pauseMs, isKept] of [
      [30_000, true],
      [30_001, false],
    ] as const) {
      const [victim, other] = two();
      victim.media(home);
      victim.bench.sleep(pauseMs);
      other.media(strangers, { ssrc: victim.ssrc });
      const { nowMs } = victim;
      victim.media(moved);
      assert.equal(victim.bench.eventsOf('candidate', nowMs).at(-1)?.session === victim.session.id, isKept);
    }
  });

  it('one that lost it by a long pause has it again after a pause of the other', () => {
    const [victim, other] = two();
    victim.media(home);
    victim.bench.sleep(31_000);
    other.media(strangers, { ssrc: victim.ssrc });
    victim.media(home);
    const { nowMs } = victim;
    victim.media({ ...moved, port: 31_998 });
    assert.equal(victim.bench.eventsOf('candidate', nowMs).at(-1)?.session, other.session.id);
    victim.bench.sleep(31_000);
    victim.media(home);
    other.media(strangers, { ssrc: victim.ssrc });
    assertFollowed(victim);
  });

  it('it is heard on the path in use only, not on one that was left: another may be there by now', () => {
    const [victim, other] = two();
    const left = { address: '192.0.2.66', port: 7001 };
    other.hello(left);
    other.answerFrom(left, 5);
    other.advance(60);
    assert.ok(
      other.media(strangers, { ssrc: victim.ssrc }),
      'what still comes from the path before is taken',
    );
    victim.media(home);
    victim.media(moved);
    assert.equal(victim.bench.eventsOf('candidate').at(-1)?.session, victim.session.id);
  });

  it('a call that nothing has proven owns none', () => {
    const peer = verified();
    new Keyless(peer, strangers);
    assert.deepEqual(listeners(peer, strangers, peer.ssrc), ['keyless']);
    peer.media(home);
    assertFollowed(peer);
  });

  it('when its call is over it belongs to who was heard with it next, whoever speaks first from then on', () => {
    const [victim, first] = two();
    const last = third(victim);
    first.media(strangers, { ssrc: victim.ssrc });
    victim.media(home);
    first.session.close(first.nowMs);
    last.media(others, { ssrc: victim.ssrc });
    assertFollowed(victim);
  });

  it('and likewise when its owner has paused for too long', () => {
    const [victim, first] = two();
    const last = third(victim);
    first.media(strangers, { ssrc: victim.ssrc });
    victim.bench.sleep(29_900);
    victim.media(home);
    victim.bench.sleep(200);
    last.media(others, { ssrc: victim.ssrc });
    assertFollowed(victim);
    first.media(strangers, { ssrc: victim.ssrc });
    victim.session.close(victim.nowMs);
    const { nowMs } = victim;
    victim.media(moved);
    assert.equal(last.bench.eventsOf('candidate', nowMs).at(-1)?.session, last.session.id);
  });

  it('it is free when its call is over', () => {
    const [victim, other] = two();
    victim.media(home);
    other.media(strangers, { ssrc: victim.ssrc });
    victim.session.close(victim.nowMs);
    other.media(strangers, { ssrc: victim.ssrc });
    const { nowMs } = other;
    other.media(moved, { ssrc: victim.ssrc });
    assert.equal(other.challengesTo(moved, nowMs).length, 1);
  });
});

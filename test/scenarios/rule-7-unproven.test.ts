// protocol.md 7, 5.1 and P11: payload to a peer that proves nothing. An SDP must not aim it at anybody.
import assert from 'node:assert/strict';
import type { Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench, VerifierBench } from '../support/engine-bench.js';
import { makeRtp } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';

const phone = { address: '198.51.100.80', port: 5004 };
const LOCAL = { address: '203.0.113.1', port: 40_000 };

class Keyless {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly port: Port;
  #sequence = 0;

  constructor(
    public remote: TransportAddress = phone,
    options: {
      readonly policy?: 'prefer' | 'legacy' | 'blind';
      readonly bench?: EngineBench;
      readonly local?: TransportAddress;
      readonly told?: (session: SdpSession) => void;
    } = {},
  ) {
    const { policy = 'prefer', bench = new EngineBench(), local = LOCAL, told } = options;
    this.bench = bench;
    this.session = bench.engine.createSession({ call: 'keyless', signalling: 'clear', policy });
    this.port = bench.engine.openPort(local);
    this.session.component(0, 1).attach(this.port, bench.nowMs);
    told?.(this.session);
    this.exchange(remote);
  }

  exchange({ address, port }: TransportAddress): void {
    const { bench, session, port: own } = this;
    const offer = makeSdp({ address, media: [{ port, isMuxed: true }] });
    const verdict = session.setRemote(offer, bench.nowMs, 'offer');
    // Refused, or accepted and nothing goes there: that is what the cases look at.
    if (!verdict.accepted) return assert.equal(verdict.status, 488);
    const media = [{ port: own.local.port, isMuxed: true }];
    session.setLocal(makeSdp({ address: own.local.address, media }), bench.nowMs, 'answer');
    bench.drain();
  }

  /** How many of 100 packets of 172 bytes go out, and all to the peer. */
  sent(count = 100): number {
    let sent = 0;
    for (let i = 0; i < count; i++) {
      const to = this.session.component(0, 1).handleSend(new Uint8Array(172), this.bench.nowMs);
      if (to === undefined) continue;
      assert.deepEqual(to, this.remote);
      sent++;
    }
    return sent;
  }

  hear(source = this.remote): boolean {
    const payload = new Uint8Array(160);
    const bytes = makeRtp({ ssrc: 5, sequence: this.#sequence++, timestamp: 0, payload });
    return this.bench.receive(this.port, bytes, source) !== undefined;
  }

  /** A run, and the time until its source is locked (protocol.md 8.3.4). @param before packets that came from there already */
  lock(source = this.remote, before = 0): boolean {
    const { delivered } = this.session.component(0, 1).counters;
    for (let i = 0; i < 3; i++) {
      assert.equal(this.hear(source), false);
      this.bench.advance(i < 2 ? 20 : 60);
    }
    const taken = this.session.component(0, 1).counters.delivered - delivered;
    assert.ok(taken === 0 || taken === before + 3, 'what was kept is delivered, all of it');
    return taken > 0;
  }
}

describe('a peer that proves nothing: what goes to it', () => {
  for (const policy of ['prefer', 'legacy'] as const)
    it(`${policy}: three times what came from its address, and no more`, () => {
      const call = new Keyless(phone, { policy });
      assert.equal(call.sent(), 0, 'nothing has come');
      call.hear();
      assert.equal(call.sent(1), 0, 'nothing is known of who sends');
      call.bench.advance(1000);
      assert.equal(call.lock(phone, 1), true);
      assert.equal(call.bench.sent.length, 1, 'what was to go meanwhile goes then');
      assert.equal(call.sent(), 11);
      call.hear();
      call.hear();
      assert.equal(call.sent(), 6);
      const { dropped, sent } = call.session.component(0, 1).counters;
      assert.equal(sent, 17);
      assert.equal(dropped.unproven + dropped.noPath, 284);
    });

  it('blind: three times what came from where it is latched, and no more', () => {
    const call = new Keyless(phone, { policy: 'blind' });
    assert.equal(call.sent(), 0, 'nothing has come');
    assert.equal(call.hear(), true);
    assert.equal(call.sent(), 3);
    call.hear();
    call.hear();
    assert.equal(call.sent(), 6);
    const { dropped, sent } = call.session.component(0, 1).counters;
    assert.equal(sent, 9);
    assert.equal(dropped.unproven + dropped.noPath, 291);
  });

  it('what comes from elsewhere pays for nothing', () => {
    const call = new Keyless();
    call.lock();
    for (let i = 0; i < 100; i++) call.hear({ ...phone, port: 6000 + i });
    assert.equal(call.sent(), 9);
  });

  it('a re-offer, to the same address or to another, gives nothing anew; another has its own when it is locked', () => {
    const call = new Keyless();
    call.lock();
    assert.equal(call.sent(2), 2);
    call.exchange(phone);
    assert.equal(call.sent(2), 2);
    const other = { ...phone, port: 6000 };
    call.exchange(other);
    assert.equal(call.sent(), 5, 'who was heard stays who is heard (8.3.8)');
    call.bench.advance(1000);
    assert.equal(call.lock(other), true);
    call.remote = other;
    assert.equal(call.sent(), 9);
  });

  it('everything, where its IP address is shown', () => {
    const call = new Keyless(phone, { told: (session) => session.shown(phone.address) });
    assert.equal(call.sent(), 100);
    const later = new Keyless();
    later.session.shown(phone.address);
    assert.equal(later.sent(), 100);
    const other = new Keyless(phone, { told: (session) => session.shown('198.51.100.81') });
    assert.equal(other.sent(), 0);
  });

  it('nothing before the dialog is confirmed, where the session is told of its signalling', () => {
    for (const transport of ['tls', 'udp'] as const) {
      const call = new Keyless(phone, {
        told: (session) => session.peer({ address: phone.address, transport }),
      });
      assert.equal(call.sent(), 0);
      call.session.confirm();
      assert.equal(call.sent(), transport === 'tls' ? 100 : 0, 'unasked only where it is shown');
      call.lock();
      assert.equal(call.sent(), transport === 'tls' ? 100 : 9);
    }
  });

  it('nothing to an address that another session has proven, shown or not', () => {
    const peer = new VerifierBench();
    peer.verify(phone);
    const { bench, ports } = peer;
    const stranger = bench.engine.createSession({ call: 'stranger', signalling: 'clear' });
    const component = stranger.component(0, 1);
    component.attach(ports[0] as Port, bench.nowMs);
    stranger.peer({ address: phone.address, transport: 'tcp' });
    stranger.confirm();
    const offer = makeSdp({ address: phone.address, media: [{ port: phone.port, isMuxed: true }] });
    assert.ok(stranger.setRemote(offer, bench.nowMs, 'offer').accepted);
    stranger.setLocal(
      makeSdp({ address: LOCAL.address, media: [{ port: 40_000, isMuxed: true }] }),
      bench.nowMs,
      'answer',
    );
    assert.equal(component.handleSend(new Uint8Array(20), bench.nowMs), undefined);
    assert.equal(component.counters.dropped.unproven, 1);
  });

  for (const [address, local, isServed] of [
    ['10.0.1.2', LOCAL, false],
    ['10.0.1.2', { ...LOCAL, address: '10.9.0.1' }, true],
    ['127.0.0.1', LOCAL, false],
    ['127.0.0.1', { ...LOCAL, address: '127.0.0.1' }, true],
    ['224.0.1.2', LOCAL, false],
    ['255.255.255.255', LOCAL, false],
    ['fe80::5', { ...LOCAL, address: '2001:db8::1' }, false],
  ] as const)
    it(`${address} is ${isServed ? '' : 'not '}served by one that advertises ${local.address} (5.7)`, () => {
      const call = new Keyless({ address, port: 5004 }, { local });
      assert.equal(call.lock(), isServed);
      assert.equal(call.sent(), isServed ? 9 : 0);
    });

  it('a multicast address gets nothing, whatever is said to be shown there', () => {
    for (const address of ['224.0.1.2', '255.255.255.255', 'ff02::1'])
      assert.equal(
        new Keyless({ address, port: 5004 }, { told: (session) => session.shown(address) }).sent(),
        0,
      );
  });

  it('a packet that circulates between two of our own ports ends at once', () => {
    const bench = new EngineBench();
    const [a, b] = [LOCAL, { ...LOCAL, port: 40_002 }];
    const first = new Keyless(b, { bench, local: a, told: (session) => session.shown(b.address) });
    const second = new Keyless(a, { bench, local: b, told: (session) => session.shown(a.address) });
    // The first was told of a socket that was not bound yet.
    first.exchange(b);
    for (const call of [first, second]) {
      assert.equal(call.lock(), false);
      assert.equal(call.sent(), 0);
    }
  });
});

it('a blind latch does not lock to a socket of ours', () => {
  const bench = new EngineBench({ policy: 'blind' });
  const own = bench.engine.openPort({ ...LOCAL, port: 40_002 }).local;
  const call = new Keyless(phone, { bench, policy: 'blind' });
  assert.equal(call.hear(own), false);
  assert.equal(call.hear(phone), true);
});

it('nor does one that comes after evidence was waited for in vain', () => {
  const bench = new EngineBench();
  const own = bench.engine.openPort({ ...LOCAL, port: 40_002 }).local;
  const call = new Keyless(phone, { bench, policy: 'legacy' });
  const other = { address: '192.0.2.66', port: 6000 };
  for (const [source, latched] of [
    [own, 0],
    [other, 1],
  ] as const) {
    for (let i = 0; i < 150; i++) {
      call.hear(source);
      bench.advance(20);
    }
    assert.equal(bench.eventsOf('legacy').length, latched);
  }
});

describe('a prover without a key', () => {
  it('chose its peer itself: media goes there without being asked for', () => {
    const bench = new EngineBench();
    const session = bench.engine.createSession({ role: 'prover', signalling: 'clear' });
    session.component(0, 1).attach(bench.engine.openPort({ address: '10.0.1.2', port: 5004 }), bench.nowMs);
    session.setLocal(
      makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: true }] }),
      bench.nowMs,
      'offer',
    );
    const answer = makeSdp({ address: LOCAL.address, media: [{ port: LOCAL.port, isMuxed: true }] });
    assert.ok(session.setRemote(answer, bench.nowMs, 'answer').accepted);
    for (let i = 0; i < 60; i++) {
      assert.deepEqual(session.component(0, 1).handleSend(new Uint8Array(172), bench.nowMs), LOCAL);
      bench.advance(1000);
    }
  });
});

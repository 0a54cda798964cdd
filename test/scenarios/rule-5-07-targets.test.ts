// protocol.md 5.7 and 6.1: what goes to an address that an SDP has named and from which nothing has come. An SDP can name anybody.
import assert from 'node:assert/strict';
import type { SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench, ProverBench, VerifierBench } from '../support/engine-bench.js';
import type { Sent } from '../support/engine-bench.js';
import * as oracle from '../support/oracle.js';
import { makeSdp } from '../support/session-description.js';

const LOCAL = { address: '203.0.113.1', port: 40_000 };
const LOCAL6 = { address: '2001:db8:1::1', port: 40_000 };
const victim = { address: '198.51.100.99', port: 53 };

interface CallOptions {
  /** The peer challenges us too: then we are a prover as well. */
  readonly isChallenging?: boolean;
  readonly sections?: number;
  readonly hasRtcp?: boolean;
  readonly local?: TransportAddress;
  readonly told?: (session: SdpSession) => void;
}

/** A verifier that answers offers which name any address. */
class Answerer {
  readonly bench: EngineBench;
  #nextPort = 20_000;

  constructor() {
    this.bench = new EngineBench({}, 7);
  }

  #text(sizeBytes: number): string {
    return Buffer.from(this.bench.prng.bytes(sizeBytes)).toString('base64url');
  }

  offer(
    target: TransportAddress,
    { isChallenging = false, sections = 1, hasRtcp = false }: CallOptions = {},
  ): string {
    const tag = Buffer.from(this.bench.prng.bytes(8)).toString('hex');
    const lines = [`a=latch:1 ${tag} ${this.#text(32)} suites=HMAC-SHA-256`];
    if (isChallenging) lines.push(`a=latch-challenge:${this.#text(16)}`);
    const media = Array.from({ length: sections }, () => ({ port: target.port, isMuxed: !hasRtcp }));
    return makeSdp({ address: target.address, lines, media });
  }

  /** A call whose offer names `target`. */
  call(target: TransportAddress, options: CallOptions = {}): SdpSession {
    const { bench } = this;
    const { sections = 1, hasRtcp = false, local = LOCAL, told } = options;
    const session = bench.engine.createSession({ role: 'verifier', signalling: 'encrypted' });
    const media = [];
    for (let i = 0; i < sections; i++) {
      const port = (this.#nextPort += 2);
      for (const component of hasRtcp ? ([1, 2] as const) : ([1] as const)) {
        const opened = bench.engine.openPort({ ...local, port: port + component - 1 });
        session.component(i, component).attach(opened, bench.nowMs);
      }
      media.push({ port, isMuxed: !hasRtcp });
    }
    told?.(session);
    this.exchange(session, this.offer(target, options), local.address, media);
    return session;
  }

  exchange(
    session: SdpSession,
    offer: string,
    address = LOCAL.address,
    media = [{ port: this.#nextPort, isMuxed: true }],
  ): void {
    const { bench } = this;
    const verdict = session.setRemote(offer, bench.nowMs, 'offer');
    // Refused, or accepted and nothing goes there: that is what the cases look at.
    if (!verdict.accepted) return assert.equal(verdict.status, 488);
    session.setLocal(makeSdp({ address, media }), bench.nowMs, 'answer');
    bench.drain();
  }

  sentTo({ address }: TransportAddress, sinceMs = -Infinity): Sent[] {
    return this.bench.sent.filter((sent) => sent.destination.address === address && sent.atMs >= sinceMs);
  }
}

describe('rule 5.7: the few datagrams to an address that was only named', () => {
  for (const isChallenging of [false, true])
    it(`are 3 for a generation, at 0, 100 and 300 ms: ${isChallenging ? 'hellos, where this side proves too' : 'challenges'}`, () => {
      const server = new Answerer();
      const { nowMs } = server.bench;
      server.call(victim, { isChallenging });
      server.bench.advance(120_000);
      assert.deepEqual(
        server.sentTo(victim).map(({ atMs, message }) => [Math.round(atMs - nowMs), message?.kind]),
        [0, 100, 300].map((atMs) => [atMs, isChallenging ? 'hello' : 'challenge']),
      );
    });

  for (const isChallenging of [false, true])
    it(`a re-offer that names it again buys no more of them (${isChallenging ? 'hellos' : 'challenges'})`, () => {
      const server = new Answerer();
      const session = server.call(victim, { isChallenging });
      server.bench.advance(5000);
      const first = server.offer(victim, { isChallenging });
      server.exchange(session, first);
      server.bench.advance(5000);
      assert.equal(server.sentTo(victim).length, 6, 'new keys are a new generation');
      for (let i = 0; i < 20; i++) {
        const other = first.replaceAll(victim.address, `198.51.100.${10 + (i % 5)}`);
        server.exchange(session, other);
        server.bench.advance(1000);
        server.exchange(session, first);
        server.bench.advance(1000);
      }
      assert.equal(server.sentTo(victim).length, 6);
    });

  it('10 a minute go to one IP address, whatever its ports, components, sections, calls, spelling and zone', () => {
    const makes: readonly [string, CallOptions, (i: number) => TransportAddress][] = [
      ['calls', {}, (i) => ({ ...victim, port: 5000 + i })],
      ['hellos', { isChallenging: true }, (i) => ({ ...victim, port: 5000 + i })],
      ['sections', { isChallenging: true, sections: 16, hasRtcp: true }, () => victim],
      ['zones', { local: LOCAL6 }, (i) => ({ address: `2001:db8:9::2%z${i}`, port: 5000 })],
      [
        'spellings',
        { isChallenging: true, local: LOCAL6 },
        (i) => ({ address: i % 2 ? '2001:db8:9:0::2' : '2001:db8:9::2', port: 5000 }),
      ],
    ];
    for (const [name, options, make] of makes) {
      const server = new Answerer();
      const startMs = server.bench.nowMs;
      for (let i = 0; i < 20; i++) {
        server.call(make(i), options);
        server.bench.advance(10);
      }
      server.bench.advance(startMs + 60_000 - server.bench.nowMs);
      assert.equal(server.bench.sent.length, 10, name);
    }
  });

  it('40 a minute go to a /24 or a /64', () => {
    for (const [local, make] of [
      [LOCAL, (i: number) => `192.0.2.${i + 1}`],
      [LOCAL6, (i: number) => `2001:db8:9:1::${(i + 1).toString(16)}`],
    ] as const)
      for (const isChallenging of [false, true]) {
        const server = new Answerer();
        for (let i = 0; i < 100; i++) server.call({ address: make(i), port: 5000 }, { isChallenging, local });
        server.bench.advance(59_000);
        assert.equal(server.bench.sent.length, 40);
      }
  });

  it('200 a second go out in all, and 50 for one signalling source; the rest goes out when it may', () => {
    for (const [source, most] of [
      [undefined, 200],
      ['192.0.2.7', 50],
    ] as const) {
      const server = new Answerer();
      const { nowMs } = server.bench;
      const told = (session: SdpSession): void => {
        if (source !== undefined) session.peer({ address: source, transport: 'udp' });
      };
      for (let i = 0; i < 300; i++)
        server.call({ address: `11.${i >> 8}.${i & 255}.1`, port: 5000 }, { told });
      server.bench.advance(55_000);
      const times = server.bench.sent.map(({ atMs }) => atMs - nowMs);
      for (const fromMs of times)
        assert.ok(times.filter((atMs) => atMs >= fromMs && atMs <= fromMs + 1000).length <= most);
      const asked = new Set(server.bench.sent.map(({ destination }) => destination.address));
      assert.equal(asked.size, 300, 'nobody is forgotten');
    }
  });

  it('what a bound holds back goes out when it lifts, within 60 s of the offer or answer', () => {
    const server = new Answerer();
    const { nowMs } = server.bench;
    for (let i = 0; i < 3; i++) {
      server.call({ ...victim, port: 5000 + i });
      server.bench.advance(5000);
    }
    const late = { ...victim, port: 6000 };
    server.call(late, { isChallenging: true });
    server.bench.advance(1000);
    const [first] = server.bench.sentTo(late);
    assert.ok(first, 'one of ten was left');
    assert.equal(server.bench.sentTo(late).length, 1);
    server.bench.advance(nowMs + 60_000 - server.bench.nowMs + 2000);
    assert.equal(server.bench.sentTo(late).length, 3);
    assert.ok((server.bench.sentTo(late)[1]?.atMs ?? 0) - nowMs >= 60_000);

    const tooLate = { ...victim, port: 7000 };
    for (let i = 0; i < 30; i++) server.call({ ...victim, port: 8000 + i }, { isChallenging: true });
    server.call(tooLate, { isChallenging: true });
    server.bench.advance(60_001);
    const { length } = server.bench.sentTo(tooLate);
    server.bench.advance(600_000);
    assert.equal(server.bench.sentTo(tooLate).length, length);
  });

  it('no bound holds where the IP address is shown, or where something verified within ten minutes', () => {
    const shown = new Answerer();
    for (let i = 0; i < 10; i++)
      shown.call(
        { ...victim, port: 5000 + i },
        { isChallenging: true, told: (session) => session.shown(victim.address) },
      );
    shown.bench.advance(1000);
    assert.ok(shown.sentTo(victim).length > 30, 'and the hellos of rule 6.1 go out');

    const peer = new VerifierBench();
    peer.verify({ ...victim, port: 20_000 });
    for (let i = 0; i < 10; i++) {
      new VerifierBench({ beside: peer, signalled: { ...victim, port: 5000 + i } });
      peer.advance(5000);
    }
    const asked = peer.bench.sent.filter(
      ({ destination }) => destination.port >= 5000 && destination.port < 5010,
    );
    assert.equal(asked.length, 30);
  });
});

describe('rule 5.7: where nothing goes at all', () => {
  const cases: readonly [string, TransportAddress, boolean][] = [
    ['127.0.0.1', LOCAL, false],
    ['127.0.0.1', { ...LOCAL, address: '127.0.0.1' }, true],
    ['10.1.2.3', LOCAL, false],
    ['10.1.2.3', { ...LOCAL, address: '10.9.9.9' }, true],
    ['169.254.1.2', LOCAL, false],
    ['224.0.0.251', LOCAL, false],
    ['255.255.255.255', LOCAL, false],
    ['fe80::1%eth0', LOCAL6, false],
    ['ff02::fb', LOCAL6, false],
    ['::1', LOCAL6, false],
    ['64:ff9b::a01:203', LOCAL6, false],
  ];
  for (const [address, local, isAllowed] of cases)
    it(`${address}, where ${local.address} is advertised: ${isAllowed ? 'asked' : 'not asked'}, by challenge or hello`, () => {
      for (const isChallenging of [false, true]) {
        const server = new Answerer();
        server.call({ address, port: 5004 }, { isChallenging, local, hasRtcp: true });
        server.bench.advance(70_000);
        assert.equal(server.bench.sent.length > 0, isAllowed);
      }
    });

  it('an address and port that this process has bound or advertises', () => {
    for (const isChallenging of [false, true]) {
      const server = new Answerer();
      const first = server.call(victim);
      const own = first.component(0, 1).port?.local as TransportAddress;
      server.bench.sent.length = 0;
      server.call(own, { isChallenging });
      server.bench.advance(10_000);
      assert.equal(server.sentTo(own).length, 0, 'bound');
      server.call({ ...own, port: own.port + 1000 }, { isChallenging });
      assert.ok(server.sentTo(own).length > 0, 'another port of the same machine is no socket of ours');
    }
    const server = new Answerer();
    const behindNat = server.bench.engine.openPort({ address: '10.0.0.5', port: 41_000 });
    const session = server.bench.engine.createSession({ signalling: 'encrypted' });
    session.component(0, 1).attach(behindNat, server.bench.nowMs);
    server.exchange(session, server.offer(victim), '203.0.113.77', [{ port: 41_000, isMuxed: true }]);
    const advertised = { address: '203.0.113.77', port: 41_000 };
    server.call(advertised);
    server.bench.advance(1000);
    assert.equal(server.sentTo(advertised).length, 0, 'advertised');
    session.close(server.bench.nowMs);
    server.call(advertised);
    assert.equal(server.sentTo(advertised).length, 1, 'and free when that call is over');
  });

  for (const isChallenging of [false, true])
    it(`one that is bound after the description was taken, by ${isChallenging ? 'hello' : 'challenge'}`, () => {
      const server = new Answerer();
      const own = { address: LOCAL.address, port: 39_000 };
      server.call(own, { isChallenging });
      assert.equal(server.sentTo(own).length, 1, 'it is nobody’s of ours yet');
      server.bench.engine.openPort(own);
      server.bench.advance(10_000);
      assert.equal(server.sentTo(own).length, 1);
    });
});

describe('rule 6.1: hellos of a side that verifies too', () => {
  /** A server that a peer challenges too, and the generation in which the server is the prover. */
  function challenged() {
    const server = new Answerer();
    const session = server.call(victim, { isChallenging: true });
    const hello = server.sentTo(victim)[0] as Sent;
    return { server, session, hello };
  }

  it('go on as for any prover once its IP address is shown', () => {
    const { server, session } = challenged();
    server.bench.advance(10_000);
    assert.equal(server.sentTo(victim).length, 3);
    session.shown(victim.address);
    server.bench.advance(10_000);
    assert.ok(server.sentTo(victim).length >= 6);
  });

  it('a keepalive and a fresh hello are none of the three either', () => {
    const { server, session } = challenged();
    session.component(0, 1).handleLocalChange(server.bench.nowMs);
    server.bench.advance(120_000);
    assert.equal(server.sentTo(victim).length, 3);
  });
});

describe('rule 6.1: a prover whose peer never challenges it', () => {
  it('says hello for 60 s after the last offer or answer, and no longer', () => {
    const peer = new ProverBench();
    const { nowMs } = peer;
    peer.advance(59_000);
    assert.ok(peer.sent('hello', nowMs + 50_000).length >= 3);
    peer.advance(300_000);
    assert.equal(peer.sent('hello', nowMs + 61_000).length, 0);
  });

  it('on and on, once a challenge has verified', () => {
    const peer = new ProverBench();
    peer.challenge();
    peer.advance(300_000);
    assert.ok(peer.sent('hello', peer.nowMs - 20_000).length >= 2);
  });

  it('media to an address that has never challenged validly stops after 30 s, with an event; a challenge brings it back', () => {
    const peer = new ProverBench();
    const send = (): TransportAddress | undefined =>
      peer.component.handleSend(new Uint8Array(20), peer.nowMs);
    for (let i = 0; i < 29; i++) {
      assert.deepEqual(send(), peer.verifier);
      peer.advance(1000);
    }
    peer.receive(
      oracle.makeChallenge(
        { ...peer.generation, integrity: Buffer.alloc(32, 1) },
        Buffer.alloc(12),
        Buffer.alloc(16),
      ),
    );
    peer.advance(1000);
    for (let i = 0; i < 3; i++) assert.equal(send(), undefined);
    peer.bench.drain();
    assert.equal(peer.bench.eventsOf('expired').length, 1);
    assert.equal(peer.component.counters.dropped.unproven, 3);
    peer.challenge();
    assert.deepEqual(send(), peer.verifier);
    peer.advance(300_000);
    assert.deepEqual(send(), peer.verifier);
  });
});

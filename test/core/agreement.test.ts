// Agreements as values: two engines talk in virtual time, and no SDP is anywhere. Whoever speaks HTTPS, RTSP or a store does it so.
import assert from 'node:assert/strict';
import { createIceHalf, createOwnHalf, Engine, Secret, srtpSuite } from '../../lib/core/index.js';
import type {
  Agreement,
  Component,
  CallHandle,
  EngineOptions,
  LatchAgreement,
  LatchHalf,
  EvidenceAgreement,
  LegacyAgreement,
  NoneAgreement,
  Port,
  SrtpAgreement,
  SrtpKey,
} from '../../lib/core/index.js';
import { testCrypto } from '../support/crypto.js';
import { EngineBench } from '../support/engine-bench.js';
import { EngineHost } from '../support/engine-host.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { MediaStream } from '../support/media.js';
import { hosts, Stage } from '../support/scene.js';
import { findLeak, printings } from '../support/secrecy.js';

const SERVER = { address: hosts.server, port: 40_000 };
const CALLER = { address: hosts.caller, port: 5004 };

const copyOf = ({ tag, secret, word }: LatchHalf): LatchHalf => ({
  tag,
  secret: new Secret(Uint8Array.from(secret.reveal())),
  word: word && new Secret(Uint8Array.from(word.reveal())),
});

function srtpKey(fill: number, more: Partial<SrtpKey> = {}): SrtpKey {
  const suite = srtpSuite('AES_CM_128_HMAC_SHA1_80')!;
  return { suite, keyAndSalt: new Secret(new Uint8Array(30).fill(fill)), ...more };
}

/** Both views of what a client asked for and a server granted. */
function agreed(client: LatchHalf, server: LatchHalf): { client: LatchAgreement; server: LatchAgreement } {
  const terms = {
    kind: 'latch',
    offeredSuites: 'HMAC-SHA-256,AES-256',
    suite: 'AES-256',
    keepaliveS: 10,
    expectsMedia: true,
  } as const;
  return {
    client: { ...terms, own: client, peer: copyOf(server), isOfferer: true, remote: SERVER },
    server: { ...terms, own: server, peer: copyOf(client), isOfferer: false, remote: CALLER },
  };
}

/** A caller behind a symmetric NAT, a server, and a call at each engine. */
class HandMade {
  readonly stage = new Stage({ isMuxed: true });
  readonly client: EngineHost;
  readonly server: EngineHost;
  readonly calls: { readonly client: CallHandle; readonly server: CallHandle };
  readonly halves: { readonly client: LatchHalf; readonly server: LatchHalf };

  constructor(options: Partial<EngineOptions> = {}) {
    const { stage } = this;
    const { internet, home, prng } = stage;
    const host = { engine: options };
    this.client = new EngineHost({
      ...host,
      name: 'client',
      network: home,
      address: CALLER.address,
      prng: prng.fork(),
    });
    this.server = new EngineHost({
      ...host,
      name: 'server',
      network: internet,
      address: SERVER.address,
      prng: prng.fork(),
    });
    this.calls = {
      client: this.client.engine.openCall({ call: 'made by hand', role: 'prover', signalling: 'encrypted' }),
      server: this.server.engine.openCall({
        call: 'made by hand',
        role: 'verifier',
        signalling: 'encrypted',
      }),
    };
    this.rtp('client').attach(this.client.openPort(CALLER.port), stage.clock.nowMs);
    this.rtp('server').attach(this.server.openPort(SERVER.port), stage.clock.nowMs);
    this.halves = { client: createOwnHalf(prng, false), server: createOwnHalf(prng, true) };
  }

  rtp(side: 'client' | 'server'): Component {
    return this.calls[side].component(0, 1);
  }

  agree(side: 'client' | 'server', agreement: Agreement): void {
    this[side].engine.agree(this.calls[side], 0, agreement, this.stage.clock.nowMs);
    this[side].drain();
  }

  agreeOn(client: LatchHalf, server: LatchHalf): void {
    const both = agreed(client, server);
    this.agree('server', both.server);
    this.agree('client', both.client);
  }

  get nowMs(): number {
    return this.stage.clock.nowMs;
  }
}

describe('agreements without SDP', () => {
  it('two engines prove, talk and follow a rebinding', () => {
    const scene = new HandMade();
    const { stage } = scene;
    scene.agreeOn(scene.halves.client, scene.halves.server);
    stage.runFor(500);
    const [verified] = scene.server.eventsOf('verified');
    assert.equal(verified?.type === 'verified' && verified.suite, 'AES-256');
    const before = scene.rtp('server').mapping;
    assert.equal(before?.address, hosts.nat);
    assert.equal(scene.calls.server.protection, 'latch');

    const streams = { client: new MediaStream(stage.prng), server: new MediaStream(stage.prng) };
    const talking = stage.clock.every(20, () => {
      for (const side of ['client', 'server'] as const)
        scene[side].send(scene.rtp(side), streams[side].nextRtp());
    });
    stage.runFor(1000);
    stage.nat.rebind();
    stage.runFor(1000);
    talking.isCancelled = true;
    assert.notDeepEqual(scene.rtp('server').mapping, before);
    assert.equal(scene.server.eventsOf('rebound').length, 1);
    assert.ok(scene.client.delivered.length > 90 && scene.server.delivered.length > 90);
  });

  it('the engine keeps what it needs: their maker may forget the secrets at once', () => {
    const scene = new HandMade();
    const both = agreed(scene.halves.client, scene.halves.server);
    for (const side of ['server', 'client'] as const) {
      scene.agree(side, both[side]);
      for (const half of [both[side].own, both[side].peer]) {
        half.secret.forget();
        half.word?.forget();
      }
    }
    scene.stage.runFor(500);
    assert.ok(scene.rtp('server').mapping);
    scene.stage.runFor(60_000);
    assert.ok(scene.rtp('server').mapping, 'consent goes on');
  });

  it('the same halves again change nothing but the address; a new one is a new generation (protocol.md 2, 5.10)', () => {
    const scene = new HandMade();
    const { client, server } = scene.halves;
    scene.agreeOn(client, server);
    scene.stage.runFor(500);
    const again = agreed(copyOf(client), copyOf(server)).server;
    scene.agree('server', { ...again, isOfferer: true, remote: { ...CALLER, port: 9 } });
    scene.stage.runFor(500);
    assert.equal(scene.server.eventsOf('verified').length, 1);
    assert.equal(scene.rtp('server').signalled?.port, 9);
    scene.agreeOn(createOwnHalf(scene.stage.prng, false), server);
    scene.stage.runFor(500);
    assert.equal(scene.server.eventsOf('verified').length, 2);
  });

  it('one half of another secret under the same tags is not taken for the one in force', () => {
    const scene = new HandMade();
    const { client, server } = scene.halves;
    scene.agreeOn(client, server);
    scene.stage.runFor(500);
    const other: LatchHalf = { ...client, secret: new Secret(new Uint8Array(32).fill(9)) };
    const changed = agreed(other, server).server;
    scene.agree('server', changed);
    scene.stage.runFor(40_000);
    assert.equal(scene.server.eventsOf('expired').length, 1, 'the client does not know those keys');
  });

  it('hellos that come before the agreement are kept until it comes (protocol.md 4)', () => {
    const scene = new HandMade();
    const both = agreed(scene.halves.client, scene.halves.server);
    scene.calls.server.awaitAnswer(0, scene.halves.server.tag);
    scene.agree('client', both.client);
    scene.stage.runFor(30);
    assert.equal(scene.server.events.length, 0);
    scene.agree('server', both.server);
    const [proven] = scene.server.eventsOf('proven');
    assert.equal(proven?.atMs, scene.nowMs, 'by the hello that came before');
  });

  it('going on with less is told, and what nothing protects too, once a call (P10)', () => {
    const scene = new HandMade();
    scene.agreeOn(scene.halves.client, scene.halves.server);
    scene.stage.runFor(500);
    const none: NoneAgreement = { kind: 'none', remote: CALLER, expectsMedia: true };
    scene.agree('server', none);
    scene.agree('server', none);
    scene.server.engine.agree(scene.calls.server, 1, none, scene.nowMs);
    scene.server.drain();
    const [downgraded] = scene.server.eventsOf('downgraded');
    assert.equal(downgraded?.type === 'downgraded' && downgraded.to, 'none');
    assert.deepEqual(
      scene.server.eventsOf('unprotected').map(({ call, media, remote }) => ({ call, media, remote })),
      [{ call: 'made by hand', media: 0, remote: CALLER }],
    );
    assert.equal(scene.calls.server.protection, 'none');
  });

  it('a closed one ends the media of its transport, and the call goes on', () => {
    const scene = new HandMade();
    scene.agreeOn(scene.halves.client, scene.halves.server);
    scene.stage.runFor(500);
    scene.agree('server', { kind: 'closed' });
    assert.equal(scene.rtp('server').handleSend(new Uint8Array(20), scene.nowMs), undefined);
    assert.ok(!scene.calls.server.isClosed);
    scene.agreeOn(createOwnHalf(scene.stage.prng, false), createOwnHalf(scene.stage.prng, true));
    scene.stage.runFor(500);
    assert.ok(scene.rtp('server').mapping);
  });

  it('a call that is over takes none', () => {
    const scene = new HandMade();
    scene.calls.server.close(scene.nowMs);
    scene.server.drain();
    const closed: Agreement = { kind: 'closed' };
    assert.throws(() => scene.agree('server', closed), { code: 'LATCHKEY_CLOSED' });
    const { engine } = scene.server;
    const foreign = (): void => engine.agree(scene.calls.client, 0, closed, scene.nowMs);
    assert.throws(foreign, { code: 'LATCHKEY_CLOSED' });
    const nowhere = (): void => scene.client.engine.agree(scene.calls.client, -1, closed, scene.nowMs);
    assert.throws(nowhere, { code: 'LATCHKEY_OPTION' });
    assert.equal(scene.server.engine.counters.received, 0);
  });

  it('RTCP on a port of its own, with ICE: each component is checked', () => {
    const bench = new EngineBench();
    const call = bench.engine.openCall({ signalling: 'clear' });
    const ports = [0, 1].map((shift) => bench.engine.openPort({ ...SERVER, port: SERVER.port + shift }));
    ports.forEach((port, i) => call.component(0, (i + 1) as 1 | 2).attach(port, bench.nowMs));
    const own = createIceHalf(bench.prng);
    const phone = new IcePhone('hand');
    phone.serverUfrag = own.ufrag;
    phone.serverPwd = Buffer.from(own.pwd.reveal()).toString('latin1');
    const peer = { ufrag: phone.ufrag, pwd: new Secret(Buffer.from(phone.pwd)) };
    const rtcp = { remote: { ...CALLER, port: 5005 } };
    bench.engine.agree(
      call,
      0,
      { kind: 'ice', own, peer, remote: CALLER, rtcp, expectsMedia: true },
      bench.nowMs,
    );
    const mapping = { address: hosts.nat, port: 30_000 };
    for (const port of ports) {
      bench.receive(port, phone.check({ isNominating: true }), mapping);
      const check = bench
        .sentTo(mapping)
        .flatMap(({ bytes }) => readServerCheck(bytes, phone.pwd) ?? [])
        .at(-1);
      assert.ok(check);
      bench.receive(port, phone.answer(check, port.local), mapping);
    }
    assert.deepEqual(
      call.streams.map((stream) => [stream.component, stream.protection, stream.mapping]),
      [
        [1, 'ice', mapping],
        [2, 'ice', mapping],
      ],
    );
  });

  it('no print of an agreement shows a secret or a word (P7)', () => {
    const { prng } = new Stage();
    const { server } = agreed(createOwnHalf(prng, false), createOwnHalf(prng, true));
    const ice: Agreement = {
      kind: 'ice',
      own: createIceHalf(prng),
      peer: createIceHalf(prng),
      expectsMedia: true,
    };
    const srtp = { kind: 'srtp', expectsMedia: true, peer: [srtpKey(0x5a)], own: srtpKey(0xa5) } as const;
    const secrets = new Map([
      ['own secret', server.own.secret.reveal()],
      ['own word', server.own.word?.reveal() ?? new Uint8Array()],
      ['peer secret', server.peer.secret.reveal()],
      ['own pwd', ice.own.pwd.reveal()],
      ['peer pwd', ice.peer.pwd.reveal()],
      ['own key', srtp.own.keyAndSalt.reveal()],
      ['peer key', srtp.peer[0].keyAndSalt.reveal()],
    ]);
    const printed = [server, ice, srtp].flatMap((agreement) => printings(agreement));
    assert.equal(findLeak(printed, secrets), undefined);
    assert.match(JSON.stringify(server), /"tag":"\w+","secret":"\[redacted\]","word":"\[redacted\]"/);
  });
});

describe('agreements that cannot be carried out', () => {
  const { prng } = new Stage();
  const good = agreed(createOwnHalf(prng, false), createOwnHalf(prng, true)).server;
  const none: NoneAgreement = { kind: 'none', remote: CALLER, expectsMedia: true };
  const legacy: LegacyAgreement = { ...none, kind: 'legacy', payloadTypes: [0] };
  const evidence: EvidenceAgreement = { ...none, kind: 'evidence' };
  const ice = { ...none, kind: 'ice', own: createIceHalf(prng), peer: createIceHalf(prng) } as const;
  const srtp: SrtpAgreement = { ...none, kind: 'srtp', peer: [srtpKey(1)], own: srtpKey(2) };
  const mki = Uint8Array.of(1);
  const half = (change: Partial<LatchHalf>): LatchHalf => ({ ...good.peer, ...change });
  const short = new Secret(new Uint8Array(5));

  interface Wrong {
    readonly name: string;
    readonly agreement: unknown;
    readonly says: RegExp;
    readonly signalling?: 'clear';
    readonly role?: 'prover';
    readonly policy?: 'require' | 'prefer' | 'legacy';
  }
  const wrong: readonly Wrong[] = [
    { name: 'of a kind that nobody knows', agreement: { ...none, kind: 'dtls' }, says: /kind/ },
    { name: 'latch over clear signalling', agreement: good, signalling: 'clear', says: /encrypted/ },
    {
      name: 'a verifier without a word',
      agreement: { ...good, own: { ...good.own, word: undefined } },
      says: /own\.word/,
    },
    { name: 'a prover with a word', agreement: good, role: 'prover', says: /own\.word/ },
    { name: 'a short secret', agreement: { ...good, peer: half({ secret: short }) }, says: /peer\.secret/ },
    { name: 'a short word', agreement: { ...good, peer: half({ word: short }) }, says: /peer\.word/ },
    { name: 'a short tag', agreement: { ...good, peer: half({ tag: 'short' }) }, says: /peer\.tag/ },
    { name: 'one tag for both', agreement: { ...good, peer: half({ tag: good.own.tag }) }, says: /same tag/ },
    { name: 'an unknown suite', agreement: { ...good, suite: 'ROT-13' }, says: /suite/ },
    { name: 'a keepalive of 4 s', agreement: { ...good, keepaliveS: 4 }, says: /keepaliveS/ },
    { name: 'ice of a prover', agreement: ice, role: 'prover', says: /verifier/ },
    {
      name: 'ice over clear signalling, where latch is required',
      agreement: ice,
      signalling: 'clear',
      policy: 'require',
      says: /require/,
    },
    { name: 'a short ufrag', agreement: { ...ice, own: { ...ice.own, ufrag: 'a' } }, says: /own\.ufrag/ },
    { name: 'a short pwd', agreement: { ...ice, peer: { ...ice.peer, pwd: short } }, says: /peer\.pwd/ },
    { name: 'srtp over clear signalling', agreement: srtp, signalling: 'clear', says: /encrypted/ },
    { name: 'srtp of a prover', agreement: srtp, role: 'prover', says: /verifier/ },
    { name: 'srtp without a key', agreement: { ...srtp, peer: [] }, says: /peer has 1 to 8/ },
    {
      name: 'a short key of srtp',
      agreement: { ...srtp, own: srtpKey(1, { keyAndSalt: short }) },
      says: /own\.keyAndSalt/,
    },
    {
      name: 'two keys of srtp that nothing tells apart',
      agreement: { ...srtp, peer: [srtpKey(1, { mki }), srtpKey(2, { mki })] },
      says: /mki/,
    },
    {
      name: 'an mki of no bytes',
      agreement: { ...srtp, peer: [srtpKey(1, { mki: new Uint8Array() })] },
      says: /mki/,
    },
    {
      name: 'two suites of srtp',
      agreement: {
        ...srtp,
        peer: [
          srtpKey(1, { mki }),
          srtpKey(2, { mki: Uint8Array.of(2), suite: srtpSuite('AES_CM_128_HMAC_SHA1_32')! }),
        ],
      },
      says: /one suite/,
    },
    { name: 'an SSRC of 33 bits', agreement: { ...srtp, ssrcs: [2 ** 32] }, says: /ssrcs/ },
    { name: 'none, where latch is required', agreement: none, policy: 'require', says: /require/ },
    { name: 'blind latching that nobody asked for', agreement: legacy, policy: 'prefer', says: /legacy/ },
    { name: 'blind latching before evidence', agreement: legacy, policy: 'legacy', says: /legacy/ },
    { name: 'evidence, where latch is required', agreement: evidence, policy: 'require', says: /require/ },
    { name: 'evidence of a prover', agreement: evidence, role: 'prover', says: /verifier/ },
    {
      name: 'evidence with a payload type of 8 bits',
      agreement: { ...evidence, payloadTypes: [128] },
      says: /payloadTypes/,
    },
    { name: 'evidence with an SSRC of 33 bits', agreement: { ...evidence, ssrcs: [2 ** 32] }, says: /ssrcs/ },
    {
      name: 'evidence with a clock that stands still',
      agreement: { ...evidence, clockRates: { 0: 0 } },
      says: /clockRates/,
    },
    { name: 'no payload type', agreement: { ...legacy, payloadTypes: [128] }, says: /payloadTypes/ },
    {
      name: 'a name',
      agreement: { ...none, remote: { address: 'phone.example', port: 1 } },
      says: /remote\.address/,
    },
    {
      name: 'a hold',
      agreement: { ...none, remote: { address: '0.0.0.0', port: 1 } },
      says: /remote\.address/,
    },
    { name: 'port 0', agreement: { ...none, remote: { ...CALLER, port: 0 } }, says: /remote\.port/ },
    {
      name: 'RTCP to a name',
      agreement: { ...none, rtcp: { remote: { address: 'x', port: 1 } } },
      says: /rtcp/,
    },
    { name: 'no word on media', agreement: { ...none, expectsMedia: undefined }, says: /expectsMedia/ },
    { name: 'a hold that is no yes or no', agreement: { ...none, isHeld: 'sendonly' }, says: /isHeld/ },
  ];
  for (const {
    name,
    agreement,
    says,
    signalling = 'encrypted',
    role = 'verifier',
    policy = 'blind',
  } of wrong)
    it(`${name}: a LatchkeyError that says so without a secret, and nothing has changed`, () => {
      const bench = new EngineBench();
      const call = bench.engine.openCall({ signalling, role, policy });
      const act = (): void => bench.engine.agree(call, 0, agreement as Agreement, bench.nowMs);
      assert.throws(act, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'LATCHKEY_OPTION');
        assert.match(error.message, says);
        const secrets = new Map([
          ['secret', good.own.secret.reveal()],
          ['pwd', ice.own.pwd.reveal()],
          ['srtp', new Uint8Array(30).fill(1)],
        ]);
        return findLeak(printings(error), secrets) === undefined;
      });
      assert.equal(call.protection, 'pending');
      assert.equal(bench.engine.pollEvent(), undefined);
    });
});

describe('an agreement on SRTP', () => {
  it('is refused by an engine that has no ciphers for it', () => {
    const engine = new Engine({}, testCrypto, new Stage().prng);
    const call = engine.openCall({ signalling: 'encrypted' });
    const agreement = { kind: 'srtp', expectsMedia: true, peer: [srtpKey(1)] } as const;
    assert.throws(() => engine.agree(call, 0, agreement, 0), { code: 'LATCHKEY_OPTION', message: /ciphers/ });
    assert.equal(call.protection, 'pending');
  });

  it('is carried out, and the keys of its maker may be forgotten at once', () => {
    const bench = new EngineBench();
    const call = bench.engine.openCall({ signalling: 'encrypted' });
    const agreement = { kind: 'srtp', expectsMedia: true, peer: [srtpKey(1)], own: srtpKey(2) } as const;
    bench.engine.agree(call, 0, agreement, bench.nowMs);
    for (const { keyAndSalt } of [...agreement.peer, agreement.own]) keyAndSalt.forget();
    assert.equal(call.protection, 'srtp');
    call.close(bench.nowMs);
    assert.equal(bench.engine.pollEvent()?.type, 'closed');
  });
});

describe('the port of an agreement', () => {
  it('may serve calls of SDP and calls without alike', () => {
    const bench = new EngineBench();
    const port: Port = bench.engine.openPort(SERVER);
    const session = bench.engine.createSession({ signalling: 'encrypted' });
    const call = bench.engine.openCall({ signalling: 'encrypted' });
    session.component(0, 1).attach(port, bench.nowMs);
    call.component(0, 1).attach(port, bench.nowMs);
    const { prng } = bench;
    const { server } = agreed(createOwnHalf(prng, false), createOwnHalf(prng, true));
    bench.engine.agree(call, 0, server, bench.nowMs);
    assert.equal(port.byTag(server.own.tag).length, 1);
    assert.equal(session.protection, 'pending');
  });
});

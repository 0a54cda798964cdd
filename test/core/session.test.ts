// The exchange of secrets in SDP and the policy: protocol.md 2 and 7, on two engines without a network.
import assert from 'node:assert/strict';
import {
  Engine,
  LatchkeyError,
  type EngineOptions,
  type LatchEvent,
  type SdpSession,
} from '../../lib/core/index.js';
import { parseSdp, type Sdp } from '../../lib/wire/index.js';
import { testCrypto } from '../support/crypto.js';
import { Prng } from '../support/prng.js';
import { makeSdp, type MediaDescription } from '../support/session-description.js';

const SECRET = 'A'.repeat(43);

function engine(options: Partial<EngineOptions> = {}, seed = 1): Engine {
  return new Engine(options, testCrypto, new Prng(seed));
}

function events(of: Engine): LatchEvent[] {
  const all: LatchEvent[] = [];
  for (let event = of.pollEvent(); event; event = of.pollEvent()) all.push(event);
  return all;
}

function read(text: string): Sdp {
  const parsed = parseSdp(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const clientSdp = (media: Partial<MediaDescription> = {}): string =>
  makeSdp({ address: '10.0.0.2', media: [{ port: 5004, ...media }] });
const serverSdp = (media: Partial<MediaDescription> = {}): string =>
  makeSdp({ address: '203.0.113.1', media: [{ port: 40000, ...media }] });
/** Without any of our lines. */
const bare = (text: string): string => text.replace(/a=latch.*\r\n/g, '');

function meet(server: SdpSession, client: SdpSession, nowMs = 0): { offer: string; answer: string } {
  const offer = client.setLocal(clientSdp(), nowMs);
  assert.deepEqual(server.setRemote(offer, nowMs), { accepted: true });
  const answer = server.setLocal(serverSdp(), nowMs);
  assert.deepEqual(client.setRemote(answer, nowMs), { accepted: true });
  return { offer, answer };
}

function pair(options: Partial<EngineOptions> = {}) {
  const [serverEngine, clientEngine] = [engine(options, 1), engine({}, 2)];
  const server = serverEngine.createSession({ signalling: 'encrypted', call: 'c' });
  const client = clientEngine.createSession({ signalling: 'encrypted', role: 'prover' });
  return { serverEngine, clientEngine, server, client };
}

describe('offer and answer (protocol.md 2)', () => {
  it('a client sends a=latch, a server a=latch and a challenge; nothing else changes', () => {
    const { server, client } = pair();
    const { offer, answer } = meet(server, client);
    assert.equal(bare(offer), clientSdp());
    assert.equal(bare(answer), serverSdp());
    const [mine, theirs] = [read(offer).media[0], read(answer).media[0]];
    assert.deepEqual(mine?.latch?.suites, ['HMAC-SHA-256', 'AES-256']);
    assert.equal(mine?.challenge, undefined);
    assert.equal(theirs?.latch?.suite, 'HMAC-SHA-256');
    assert.equal(theirs.latch.keepaliveS, 15);
    assert.equal(theirs.challenge?.length, 16);
    assert.equal(server.protection, 'latch');
    assert.equal(client.protection, 'latch');
  });

  it('either side may offer, and the verifier sets the keepalive in its offer too', () => {
    const { server, client } = pair({ keepaliveS: 7 });
    const offer = server.setLocal(serverSdp(), 0);
    assert.equal(read(offer).media[0]?.latch?.keepaliveS, 7);
    assert.ok(client.setRemote(offer, 0).accepted);
    assert.ok(server.setRemote(client.setLocal(clientSdp(), 0), 0).accepted);
    assert.equal(server.protection, 'latch');
  });

  it('the best suite of the offer that both speak is chosen', () => {
    const { server, client } = pair({ suites: ['AES-256'] });
    assert.equal(read(meet(server, client).answer).media[0]?.latch?.suite, 'AES-256');
  });

  it('unknown suites are skipped, and an offer without a known one is not supported', () => {
    const known = engine().createSession({ signalling: 'encrypted' });
    const offer = clientSdp({ lines: [`a=latch:1 clientTag1 ${SECRET} suites=ROT-13,AES-256`] });
    assert.ok(known.setRemote(offer, 0).accepted);
    assert.equal(read(known.setLocal(serverSdp(), 0)).media[0]?.latch?.suite, 'AES-256');
    const unknown = engine().createSession({ signalling: 'encrypted' });
    assert.ok(unknown.setRemote(offer.replace(',AES-256', ''), 0).accepted);
    assert.equal(unknown.setLocal(serverSdp(), 0), serverSdp());
    assert.equal(unknown.protection, 'evidence');
  });

  it('an unknown version is absence, a kid that nobody knows too', () => {
    for (const line of [`a=latch:2 what ever`, `a=latch:1 clientTag1 ${SECRET} suites=AES-256 kid=k1`]) {
      const server = engine().createSession({ signalling: 'encrypted' });
      assert.ok(server.setRemote(clientSdp({ lines: [line] }), 0).accepted);
      assert.equal(server.setLocal(serverSdp(), 0), serverSdp());
      assert.equal(server.protection, 'evidence');
    }
  });

  it('each transport has its own tag, secret and word; one session-level a=latch of a prover serves all', () => {
    const server = engine().createSession({ signalling: 'encrypted' });
    const media = [{ port: 5004 }, { kind: 'video' as const, port: 5006 }];
    const line = `a=latch:1 clientTag1 ${SECRET} suites=AES-256`;
    assert.ok(server.setRemote(makeSdp({ address: '10.0.0.2', lines: [line], media }), 0).accepted);
    const answer = read(server.setLocal(makeSdp({ address: '203.0.113.1', media }), 0));
    const tags = answer.media.map((section) => section.latch?.tag);
    assert.equal(new Set(tags).size, 2);
    assert.notDeepEqual(answer.media[0]?.challenge, answer.media[1]?.challenge);
    assert.equal(answer.latch, undefined, 'a verifier speaks at media level');
  });

  it('a BUNDLE group is one transport: the attributes of the tagged section count', () => {
    const { server, client } = pair();
    const bundled = (address: string, port: number): string =>
      makeSdp({
        address,
        lines: ['a=group:BUNDLE a b'],
        media: [
          { port, isMuxed: true, lines: ['a=mid:a'] },
          { kind: 'video', port, isMuxed: true, lines: ['a=mid:b'] },
        ],
      });
    assert.ok(server.setRemote(client.setLocal(bundled('10.0.0.2', 5004), 0), 0).accepted);
    const answer = server.setLocal(bundled('203.0.113.1', 40000), 0);
    assert.ok(client.setRemote(answer, 0).accepted);
    assert.equal(read(answer).media[1]?.latch, undefined);
    assert.deepEqual(
      server.streams.map(({ media, component }) => [media, component]),
      [[0, 1]],
    );
  });

  it('RTCP has a component of its own, unless both sides multiplex', () => {
    const { server, client } = pair();
    meet(server, client);
    assert.deepEqual(
      server.streams.map(({ component, signalled }) => [component, signalled?.port]),
      [
        [1, 5004],
        [2, 5005],
      ],
    );
    const muxed = pair();
    muxed.server.setRemote(muxed.client.setLocal(clientSdp({ isMuxed: true }), 0), 0);
    muxed.server.setLocal(serverSdp({ isMuxed: true }), 0);
    assert.equal(muxed.server.streams.length, 1);
  });
});

describe('what is malformed (protocol.md 2)', () => {
  const offers: Record<string, string[]> = {
    'an offer without suites': [`a=latch:1 clientTag1 ${SECRET}`],
    'a secret of 42 characters': [`a=latch:1 clientTag1 ${SECRET.slice(1)} suites=AES-256`],
    'two of them': [
      `a=latch:1 clientTag1 ${SECRET} suites=AES-256`,
      `a=latch:1 clientTag2 ${SECRET} suites=AES-256`,
    ],
  };
  for (const [name, lines] of Object.entries(offers)) {
    it(`${name}: 400, with an event, and nothing changes`, () => {
      const made = engine();
      const server = made.createSession({ signalling: 'encrypted' });
      const verdict = server.setRemote(clientSdp({ lines }), 0);
      assert.ok(!verdict.accepted && verdict.status === 400);
      assert.doesNotMatch(verdict.warning, /AAAA/, 'the secret is not quoted');
      assert.deepEqual(
        events(made).map((event) => event.type),
        ['rejected'],
      );
      assert.equal(server.protection, 'pending');
    });
  }

  const answered = (lines: (tag: string) => string[]) => {
    const client = engine().createSession({ signalling: 'encrypted', role: 'prover' });
    const tag = read(client.setLocal(clientSdp(), 0)).media[0]?.latch?.tag ?? '';
    return client.setRemote(serverSdp({ lines: lines(tag) }), 0);
  };

  it("an answer that repeats the offer's tag", () => {
    const verdict = answered((tag) => [`a=latch:1 ${tag} ${SECRET} suite=AES-256`]);
    assert.ok(!verdict.accepted && verdict.status === 400);
  });

  it('an answer without a suite', () => {
    const verdict = answered(() => [`a=latch:1 serverTag1 ${SECRET}`]);
    assert.ok(!verdict.accepted && verdict.status === 400);
  });

  it('an answer with a suite that was not offered is no support, not an error', () => {
    assert.ok(answered(() => [`a=latch:1 serverTag1 ${SECRET} suite=ROT-13`]).accepted);
  });

  it('a new secret under an old tag', () => {
    const { server, client } = pair();
    const { offer } = meet(server, client);
    const tag = read(offer).media[0]?.latch?.tag ?? '';
    const verdict = server.setRemote(clientSdp({ lines: [`a=latch:1 ${tag} ${SECRET} suites=AES-256`] }), 1);
    assert.ok(!verdict.accepted && verdict.status === 400);
  });

  it('a section without RTP has one component, and so needs no second port', () => {
    const engine = new Engine({}, testCrypto, new Prng(1));
    const session = engine.createSession({ signalling: 'encrypted' });
    const text = (address: string) =>
      makeSdp({ address, media: [{ port: 4000 }] }).replace(/m=audio[^]*$/, 'm=application 4000 UDP x\r\n');
    session.setLocal(text('192.0.2.1'), 0);
    assert.ok(session.setRemote(text('192.0.2.2'), 0).accepted);
    assert.deepEqual(
      session.streams.map(({ component }) => component),
      [1],
    );
  });

  it('what is no SDP is a 400 from the peer and LATCHKEY_SDP from the application', () => {
    const session = engine().createSession({ signalling: 'encrypted' });
    const verdict = session.setRemote('hello', 0);
    assert.ok(!verdict.accepted && verdict.status === 400);
    assert.throws(() => session.setLocal('hello', 0), { code: 'LATCHKEY_SDP' });
  });
});

describe('re-offers (protocol.md 2)', () => {
  it('one that repeats tag and secret changes nothing, and is answered with the same values', () => {
    const { server, client, serverEngine } = pair();
    const first = meet(server, client);
    events(serverEngine);
    const second = meet(server, client, 1000);
    assert.deepEqual(second, first);
    assert.deepEqual(events(serverEngine), []);
  });

  it("a new half of the peer's is answered with a fresh half and word", () => {
    const { server, client } = pair();
    const first = meet(server, client);
    const renewed = engine({}, 3).createSession({ signalling: 'encrypted', role: 'prover' });
    const second = meet(server, renewed, 1000);
    assert.notEqual(second.answer, first.answer);
    assert.equal(server.protection, 'latch');
  });

  it('a 183 and its 200 carry the same values', () => {
    const { server, client } = pair();
    server.setRemote(client.setLocal(clientSdp(), 0), 0, 'offer');
    const early = server.setLocal(serverSdp(), 0, 'answer');
    assert.ok(client.setRemote(early, 0, 'answer').accepted);
    const final = server.setLocal(serverSdp(), 100, 'answer');
    assert.equal(final, early);
    assert.ok(client.setRemote(final, 100, 'answer').accepted);
  });

  it('a failed re-offer changes nothing, whoever made it', () => {
    const { server, client, serverEngine } = pair();
    const first = meet(server, client);
    events(serverEngine);
    const before = JSON.stringify(server.streams);
    server.setRemote(
      engine({}, 9)
        .createSession({ signalling: 'encrypted' })
        .setLocal(clientSdp({ port: 7 }), 1),
      1,
    );
    server.rollback();
    server.setLocal(serverSdp({ port: 50000 }), 2);
    server.rollback();
    server.rollback();
    assert.equal(JSON.stringify(server.streams), before);
    assert.deepEqual(meet(server, client, 3), first);
  });

  it('a changed address is taken over; port 0 ends the stream and a later offer brings it back', () => {
    const { server, client } = pair();
    meet(server, client);
    const offerAt = (media: Partial<MediaDescription>): void => {
      assert.ok(server.setRemote(client.setLocal(clientSdp(media), 1), 1).accepted);
      assert.ok(
        client.setRemote(server.setLocal(serverSdp(media.port === 0 ? { port: 0 } : {}), 1), 1).accepted,
      );
    };
    offerAt({ port: 6000 });
    assert.equal(server.streams[0]?.signalled?.port, 6000);
    offerAt({ port: 0 });
    assert.equal(server.streams[0]?.protection, 'closed');
    assert.equal(server.protection, 'pending');
    offerAt({ port: 6002 });
    assert.equal(server.protection, 'latch');
  });

  it('offers that cross, and answers to nothing, are the caller’s error', () => {
    const { server, client } = pair();
    const offer = client.setLocal(clientSdp(), 0);
    assert.throws(() => client.setRemote(clientSdp(), 0, 'offer'), { code: 'LATCHKEY_STATE' });
    assert.throws(() => server.setLocal(serverSdp(), 0, 'answer'), { code: 'LATCHKEY_STATE' });
    assert.throws(() => server.setRemote(serverSdp(), 0, 'answer'), { code: 'LATCHKEY_STATE' });
    server.setRemote(offer, 0);
    assert.throws(() => server.setLocal(serverSdp(), 0, 'offer'), LatchkeyError);
    server.close(0);
    server.close(0);
    assert.ok(server.isClosed);
    assert.throws(() => server.setRemote(offer, 0), { code: 'LATCHKEY_CLOSED' });
  });
});

describe('forks (protocol.md 2)', () => {
  it('each answers with its own tag and has its own session; a tag known from another answer is malformed', () => {
    const made = engine();
    const server = made.createSession({ signalling: 'encrypted' });
    const port = made.openPort({ address: '203.0.113.1', port: 40000 });
    server.component(0, 1).attach(port, 0);
    const offer = server.setLocal(serverSdp({ isMuxed: true }), 0);
    const fork = server.fork();
    const third = server.fork();
    const answers = [4, 5].map((seed) => {
      const phone = engine({}, seed).createSession({ signalling: 'encrypted', role: 'prover' });
      phone.setRemote(offer, 0);
      return phone.setLocal(clientSdp({ isMuxed: true }), 0);
    });
    assert.ok(server.setRemote(answers[0] ?? '', 0).accepted);
    assert.ok(fork.setRemote(answers[1] ?? '', 0).accepted);
    const verdict = third.setRemote(answers[0] ?? '', 0);
    assert.ok(!verdict.accepted && verdict.status === 400);
    assert.equal(port.components.size, 3);
    fork.close(1);
    assert.equal(server.protection, 'latch', 'the other keeps its keys');
    assert.equal(port.components.size, 2);
  });

  it('a fork listens where the session does: at both sockets, where there are two', () => {
    const made = engine();
    const session = made.createSession({ signalling: 'encrypted' });
    const [first, second] = [40_000, 40_002].map((port) => made.openPort({ address: '203.0.113.1', port }));
    assert.ok(first && second);
    session.component(0, 1).attach(first, 0);
    session.component(0, 1).addPort(second, 0);
    session.setLocal(serverSdp({ isMuxed: true }), 0);
    assert.deepEqual(session.fork().component(0, 1).ports, [first, second]);
  });

  it('only an offer of ours forks', () => {
    const made = engine();
    const session = made.createSession({ signalling: 'encrypted' });
    assert.throws(() => session.fork(), { code: 'LATCHKEY_STATE' });
  });
});

describe('signalling that is not encrypted (protocol.md 2)', () => {
  it('carries no a=latch, and none is accepted', () => {
    const client = engine().createSession({ signalling: 'clear', role: 'prover' });
    assert.equal(client.setLocal(clientSdp(), 0), clientSdp());
    const server = engine().createSession({ signalling: 'clear' });
    const offer = pair().client.setLocal(clientSdp(), 0);
    assert.ok(server.setRemote(offer, 0).accepted);
    assert.equal(server.setLocal(serverSdp(), 0), serverSdp());
    assert.equal(server.protection, 'evidence');
  });

  it('may, where the owner switched that off by name, or the hop is loopback', () => {
    const allowed = engine({ allowInsecureSignalling: true }).createSession({ signalling: 'clear' });
    assert.match(allowed.setLocal(serverSdp(), 0), /a=latch:1 /);
    const loopback = engine().createSession({ signalling: 'loopback' });
    assert.match(loopback.setLocal(serverSdp(), 0), /a=latch:1 /);
  });
});

describe('a peer that does not speak latch (protocol.md 7)', () => {
  it('require: 488 with a Warning that says why, for an offer and for an answer', () => {
    const made = engine({ policy: 'require' });
    const server = made.createSession({ signalling: 'encrypted' });
    const offered = server.setRemote(clientSdp(), 0);
    assert.ok(!offered.accepted && offered.status === 488);
    assert.match(offered.warning, /latch is required/);
    const calling = made.createSession({ signalling: 'encrypted' });
    calling.setLocal(serverSdp(), 0);
    const answered = calling.setRemote(clientSdp(), 0);
    assert.ok(!answered.accepted && answered.status === 488);
    const clear = made.createSession({ signalling: 'clear' });
    const verdict = clear.setRemote(pair().client.setLocal(clientSdp(), 0), 0);
    assert.ok(!verdict.accepted && /not encrypted/.test(verdict.warning));
    assert.deepEqual(
      events(made).map((event) => event.type),
      ['rejected', 'rejected', 'rejected'],
    );
  });

  it('prefer: takes payload from the SDP address only, after a run there, and sends three times as much there', () => {
    const made = engine();
    const session = made.createSession({ signalling: 'encrypted' });
    const port = made.openPort({ address: '203.0.113.1', port: 40000 });
    session.component(0, 1).attach(port, 0);
    session.setRemote(clientSdp().replaceAll('10.0.0.2', '198.51.100.2'), 0);
    session.setLocal(serverSdp(), 0);
    assert.equal(session.protection, 'evidence');
    const component = session.component(0, 1);
    assert.equal(component.handleSend(new Uint8Array(20), 0), undefined);
    const rtp = (sequence: number) => Uint8Array.of(0x80, 0, 0, sequence, 0, 0, 0, 1, 0, 0, 0, 1, 1);
    for (const sequence of [1, 2, 3]) {
      const atMs = sequence * 20;
      assert.equal(made.handleDatagram(port, rtp(sequence), '198.51.100.2', 5004, atMs), undefined);
    }
    made.handleTimeout(120);
    const kept = [made.pollDelivery(), made.pollDelivery(), made.pollDelivery()];
    assert.deepEqual(
      kept.map((delivery) => [delivery?.component, delivery?.source.port]),
      [1, 2, 3].map(() => [component, 5004]),
    );
    assert.equal(made.handleDatagram(port, rtp(4), '198.51.100.2', 5004, 121), component);
    assert.equal(made.handleDatagram(port, rtp(4), '198.51.100.2', 5005, 121), undefined);
    assert.deepEqual(component.handleSend(new Uint8Array(140), 121), { address: '198.51.100.2', port: 5004 });
    assert.equal(
      component.handleSend(new Uint8Array(20), 121),
      undefined,
      '160 bytes are more than three times 52',
    );
    assert.equal(session.counters.dropped.unproven, 2);
    assert.equal(session.counters.dropped.unverified, 1);
  });

  it('blind: locks to the first source whose RTP has a negotiated payload type, RTCP to its address, and never moves', () => {
    const made = engine({ policy: 'blind' });
    const session = made.createSession({ signalling: 'encrypted' });
    const ports = [40000, 40001].map((port) => made.openPort({ address: '203.0.113.1', port }));
    const [rtpPort, rtcpPort] = ports as [(typeof ports)[0], (typeof ports)[0]];
    session.component(0, 1).attach(rtpPort, 0);
    session.component(0, 2).attach(rtcpPort, 0);
    session.setRemote(clientSdp(), 0);
    session.setLocal(serverSdp(), 0);
    assert.equal(session.protection, 'legacy');
    const rtp = (type: number) => Uint8Array.of(0x80, type, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1);
    const rtcp = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 9);
    assert.equal(
      session.component(0, 1).handleSend(new Uint8Array(20), 0),
      undefined,
      'nothing goes out before the lock',
    );
    assert.equal(made.handleDatagram(rtcpPort, rtcp, '198.51.100.7', 901, 0), undefined);
    assert.equal(made.handleDatagram(rtpPort, rtp(99), '198.51.100.7', 900, 0), undefined);
    assert.ok(made.handleDatagram(rtpPort, rtp(8), '198.51.100.7', 900, 0));
    assert.ok(made.handleDatagram(rtcpPort, rtcp, '198.51.100.7', 901, 0));
    assert.equal(made.handleDatagram(rtpPort, rtp(8), '198.51.100.8', 900, 0), undefined);
    assert.deepEqual(session.component(0, 1).handleSend(new Uint8Array(20), 0), {
      address: '198.51.100.7',
      port: 900,
    });
    assert.equal(session.counters.legacy, 2);
    assert.deepEqual(
      events(made).map((event) => [event.type, event.remote?.port]),
      [
        ['legacy', 900],
        ['legacy', 901],
      ],
    );
    const again = session.setRemote(clientSdp({ port: 7000 }), 5);
    assert.ok(again.accepted);
    session.setLocal(serverSdp(), 5);
    assert.ok(made.handleDatagram(rtpPort, rtp(8), '198.51.100.7', 900, 5));
    assert.deepEqual(
      session.component(0, 1).handleSend(new Uint8Array(20), 6),
      { address: '198.51.100.7', port: 900 },
      'not at a re-offer',
    );
  });

  for (const [policy, to] of [
    ['prefer', 'evidence'],
    ['legacy', 'evidence'],
    ['blind', 'legacy'],
    ['require', 'rejected'],
  ] as const) {
    it(`losing a=latch in mid call under ${policy}: a downgraded event, and the policy decides`, () => {
      const { server, client, serverEngine } = pair({ policy });
      const { offer } = meet(server, client);
      events(serverEngine);
      const verdict = server.setRemote(bare(offer), 1);
      assert.equal(verdict.accepted, policy !== 'require');
      if (verdict.accepted) server.setLocal(serverSdp(), 1);
      const downgraded = events(serverEngine).find((event) => event.type === 'downgraded');
      assert.equal(downgraded?.to, to);
      assert.equal(server.protection, policy === 'require' ? 'latch' : to);
    });
  }

  it('an address that is no place to send to is not sent to', () => {
    for (const address of ['0.0.0.0', 'phone.example.net']) {
      const session = engine().createSession({ signalling: 'encrypted' });
      session.component(0, 1).attach(engine().openPort({ address: '203.0.113.1', port: 1 }), 0);
      session.setRemote(clientSdp().replaceAll('10.0.0.2', address), 0);
      session.setLocal(serverSdp(), 0);
      assert.equal(session.component(0, 1).handleSend(new Uint8Array(20), 0), undefined);
      assert.equal(session.counters.dropped.noPath, 1);
    }
  });
});

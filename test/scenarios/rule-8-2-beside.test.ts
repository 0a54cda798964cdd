// protocol.md 8: latch and ICE go before SRTP. Where a peer brings both, they say where it is; its packets are SRTP all the same.
import assert from 'node:assert/strict';
import { Engine, SRTP_SUITES, type Component, type SdpSession } from '../../lib/core/index.js';
import { createNodeRandom, nodeCrypto } from '../../lib/net/node-crypto.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender, type MasterKey, type SrtpSuite } from '../../lib/srtp/index.js';
import { parseSdp, type CryptoAttribute } from '../../lib/wire/index.js';
import { EngineBench } from '../support/engine-bench.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { BARESIP_ICE } from '../support/sdes-offers.js';

const SERVER = { address: '203.0.113.1', port: 40_000 };
const CLIENT = { address: '198.51.100.7', port: 30_000 };
const STRANGER = { address: '192.0.2.66', port: 6000 };

const describedAt = ({ address, port }: typeof SERVER, protocol: string): string =>
  [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} ${protocol} 0`,
    'a=rtcp-mux',
    '',
  ].join('\r\n');
const cryptosOf = (sdp: string): readonly CryptoAttribute[] => {
  const parsed = parseSdp(sdp);
  assert.ok(parsed.ok);
  return parsed.value.media[0]?.cryptos ?? [];
};
function masterKeyOf({ suite: name, keys: [key] }: CryptoAttribute): MasterKey {
  const suite: SrtpSuite | undefined = SRTP_SUITES.find((one) => one.name === name);
  assert.ok(suite && key);
  const { keySizeBytes } = suite;
  return {
    suite,
    key: key.keyAndSalt.subarray(0, keySizeBytes),
    salt: key.keyAndSalt.subarray(keySizeBytes),
  };
}
const rtp = (sequence: number): Uint8Array => makeRtp({ ssrc: 5, sequence, timestamp: 160 * sequence });

/** An engine with one session on one port. */
class Side {
  readonly engine = new Engine({}, nodeCrypto, createNodeRandom(), nodeSrtpCrypto);
  readonly session: SdpSession;
  readonly component: Component;
  readonly port;

  constructor(
    readonly address: typeof SERVER,
    role: 'verifier' | 'prover',
  ) {
    this.session = this.engine.createSession({ signalling: 'encrypted', srtp: 'terminate', role });
    this.port = this.engine.openPort(address);
    this.component = this.session.component(0, 1);
    this.component.attach(this.port, 0);
  }

  /** What the application gets of a datagram. */
  receive(bytes: Uint8Array, { address, port }: typeof SERVER, nowMs: number): Uint8Array | undefined {
    const component = this.engine.handleDatagram(this.port, bytes, address, port, nowMs);
    return component ? bytes : this.engine.pollDelivery()?.bytes;
  }

  send(bytes: Uint8Array, nowMs: number): Uint8Array | undefined {
    const sealed = this.component.seal(bytes);
    return sealed && this.component.handleSend(sealed, nowMs) && sealed;
  }
}

function latchedPair(protocol: string) {
  const [server, client] = [new Side(SERVER, 'verifier'), new Side(CLIENT, 'prover')];
  const offer = client.session.setLocal(describedAt(CLIENT, protocol), 0);
  assert.ok(server.session.setRemote(offer, 0).accepted);
  const answer = server.session.setLocal(describedAt(SERVER, protocol), 0);
  assert.ok(client.session.setRemote(answer, 0).accepted);
  const pairs = [
    [server, client],
    [client, server],
  ] as const;
  for (let round = 0; round < 5; round++)
    for (const [from, to] of pairs)
      for (let sent = from.engine.pollTransmit(); sent; sent = from.engine.pollTransmit())
        to.engine.handleDatagram(to.port, sent.bytes, from.address.address, from.address.port, round);
  assert.deepEqual(server.component.mapping, CLIENT);
  return { server, client, offer, answer };
}

describe('rule 8: SRTP beside latch', () => {
  for (const protocol of ['RTP/AVP', 'RTP/SAVP'])
    it(`${protocol}: latch proves the address, and the media is SRTP both ways, RTCP too`, () => {
      const { server, client, answer } = latchedPair(protocol);
      assert.equal(server.session.protection, 'direct');
      assert.match(answer, /a=latch:1 /);
      assert.equal(cryptosOf(answer).length, 1);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const)
        for (const clear of [rtp(1), rtp(2), makeSenderReport(5, 10, 2)]) {
          const sealed = from.send(clear, 10);
          assert.ok(sealed);
          assert.notDeepEqual(sealed.subarray(0, clear.length), clear);
          assert.deepEqual(to.receive(sealed, from.address, 11), clear);
        }
      assert.equal(server.component.counters.delivered, 3);
    });

  it('nothing goes out in clear, and what comes forged from the proven address, in clear or again is dropped', () => {
    const { server, client } = latchedPair('RTP/SAVP');
    assert.equal(server.component.handleSend(rtp(1), 10), undefined);
    assert.equal(server.component.counters.dropped.srtpSend, 1);
    const sealed = client.send(rtp(7), 10);
    assert.ok(sealed);
    const forged = Uint8Array.from(sealed);
    forged[20]! ^= 1;
    for (const bytes of [rtp(8), forged, Uint8Array.of(22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)])
      assert.equal(server.receive(bytes, CLIENT, 11), undefined);
    assert.deepEqual(server.receive(sealed, CLIENT, 12), rtp(7));
    assert.equal(server.receive(sealed, CLIENT, 13), undefined);
    const { srtpTag, srtpRepeated } = server.component.counters.dropped;
    assert.deepEqual([srtpTag, srtpRepeated], [3, 1]);
    assert.deepEqual(server.component.mapping, CLIENT);
  });

  it('latch alone says where the peer is: its own packet from elsewhere moves nothing', () => {
    const { server, client } = latchedPair('RTP/SAVP');
    for (let i = 1; i < 50; i++) {
      const sealed = client.send(rtp(i), 10 + 20 * i);
      assert.ok(sealed);
      assert.equal(server.receive(sealed, STRANGER, 10 + 20 * i), undefined);
    }
    assert.deepEqual(server.component.mapping, CLIENT);
  });

  it('without the keys in a re-offer latch goes on, and the loss is told (P10)', () => {
    const { server, offer } = latchedPair('RTP/AVP');
    while (server.engine.pollEvent());
    assert.ok(server.session.setRemote(offer.replace(/a=crypto.*\r\n/g, ''), 20).accepted);
    server.session.setLocal(describedAt(SERVER, 'RTP/AVP'), 20);
    const event = server.engine.pollEvent();
    assert.ok(event?.type === 'downgraded');
    assert.deepEqual([event.to, event.reason], ['latch', 'the peer no longer offers SRTP']);
    assert.deepEqual(server.receive(rtp(1), CLIENT, 21), rtp(1));
  });

  it('an application that has keys of its own, and latch: packets pass as they are', () => {
    const server = new Side(SERVER, 'verifier');
    const { offer } = latchedPair('RTP/SAVP');
    const own =
      describedAt(SERVER, 'RTP/SAVP') + offer.slice(offer.indexOf('a=crypto:1'), offer.indexOf('a=crypto:2'));
    assert.ok(server.session.setRemote(offer, 0).accepted);
    assert.ok(server.session.setLocal(own, 0).startsWith(own));
    assert.ok(!server.component.isSealing && !server.component.isCovered);
  });
});

describe('rule 8: SRTP beside ICE', () => {
  it('baresip with both: ICE proves the address, its media is opened and ours protected', () => {
    const bench = new EngineBench();
    const session = bench.engine.createSession({ signalling: 'encrypted', srtp: 'terminate' });
    const port = bench.engine.openPort(SERVER);
    const component = session.component(0, 1);
    component.attach(port, bench.nowMs);
    const phone = new IcePhone('first');
    const [ufrag, pwd] = phone.lines;
    const offer = BARESIP_ICE.replace(/a=ice-ufrag:.*\r\na=ice-pwd:.*\r\n/, `${ufrag}\r\n${pwd}\r\n`);
    assert.ok(session.setRemote(offer, bench.nowMs).accepted);
    const answer = session.setLocal(
      describedAt(SERVER, 'RTP/AVP').replace('a=rtcp-mux\r\n', ''),
      bench.nowMs,
    );
    assert.equal(session.protection, 'ice');
    phone.readAnswer(answer);
    bench.receive(port, phone.check({ isNominating: true }), CLIENT);
    const check = bench
      .sentTo(CLIENT)
      .flatMap(({ bytes }) => readServerCheck(bytes, phone.pwd) ?? [])
      .at(-1);
    assert.ok(check);
    bench.receive(port, phone.answer(check, SERVER), CLIENT);
    const [theirs, ours] = [cryptosOf(offer)[0], cryptosOf(answer)[0]];
    assert.ok(theirs && ours);
    const sealed = new SrtpSender(nodeSrtpCrypto, masterKeyOf(theirs)).protectRtp(rtp(1));
    assert.ok(typeof sealed !== 'string');
    assert.equal(
      bench.engine.handleDatagram(port, sealed, CLIENT.address, CLIENT.port, bench.nowMs),
      undefined,
    );
    assert.deepEqual(bench.engine.pollDelivery()?.bytes, rtp(1));
    const sent = component.seal(rtp(9));
    assert.ok(sent);
    assert.deepEqual(component.handleSend(sent, bench.nowMs), CLIENT);
    const heard = new SrtpReceiver(nodeSrtpCrypto, masterKeyOf(ours), { decrypts: true }).checkRtp(sent, 0);
    assert.ok(typeof heard !== 'string');
    assert.deepEqual(Uint8Array.from(heard.clear ?? []), Uint8Array.from(rtp(9)));
    assert.equal(component.handleSend(rtp(10), bench.nowMs), undefined, 'not in clear');
  });
});

// protocol.md 8.2 and RFC 3711 9.1, RFC 7714 10.1: forks that answer one offer of ours have been told the same keys of ours. What goes to
// two of them under one key never shares a number, unless it is the same packet.
import assert from 'node:assert/strict';
import { SRTP_SUITES, srtpSuite, type SdpSession, type SrtpSuite } from '../../lib/core/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender, type MasterKey } from '../../lib/srtp/index.js';
import { parseSdp, type TransportAddress } from '../../lib/wire/index.js';
import { EngineBench } from '../support/engine-bench.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { cryptoLine } from '../support/sdes-offers.js';

const SERVER = { address: '203.0.113.1', port: 40_000 };
const HOMES = [
  { address: '198.51.100.7', port: 20_001 },
  { address: '198.51.100.8', port: 20_002 },
  { address: '198.51.100.9', port: 20_003 },
] as const;
const SSRC = 7;

function suiteOf(name: string): SrtpSuite {
  const suite = srtpSuite(name);
  assert.ok(suite);
  return suite;
}
const CM = suiteOf('AES_CM_128_HMAC_SHA1_80');
const GCM = suiteOf('AEAD_AES_128_GCM');

const described = ({ address, port }: TransportAddress, line = ''): string =>
  ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0']
    .concat(`m=audio ${port} RTP/SAVP 0 8`, 'a=rtcp-mux', line && [line], '')
    .join('\r\n');

const rtp = (sequence: number, payloadType = 0): Uint8Array => {
  const packet = makeRtp({ ssrc: SSRC, sequence, timestamp: 160 * sequence });
  packet[1] = payloadType;
  return packet;
};

/** One offer of ours, and the phones that answer it, each with a session of its own behind the one port. */
class Forks {
  readonly bench = new EngineBench();
  readonly port = this.bench.engine.openPort(SERVER);
  readonly first = this.bench.engine.createSession({ signalling: 'encrypted', srtp: 'terminate' });
  readonly offer: string;

  constructor() {
    this.first.component(0, 1).attach(this.port, this.bench.nowMs);
    this.offer = this.first.setLocal(described(SERVER), this.bench.nowMs);
  }

  /** The phone answers with its key of this suite, and speaks: its path is verified. */
  answer(session: SdpSession, at: 0 | 1 | 2, suite: SrtpSuite): void {
    const { bench } = this;
    const tag = SRTP_SUITES.indexOf(suite) + 1;
    const text = described(HOMES[at], cryptoLine(tag, suite, 10 + at));
    session.peer({ address: HOMES[at].address, transport: 'tls' });
    assert.ok(session.setRemote(text, bench.nowMs, 'answer').accepted);
    assert.equal(session.protection, 'srtp');
    const fill = (size: number): Uint8Array => new Uint8Array(size).fill(10 + at);
    const voice = new SrtpSender(nodeSrtpCrypto, {
      suite,
      ...{ key: fill(suite.keySizeBytes), salt: fill(suite.saltSizeBytes) },
    });
    for (let sequence = 1; sequence <= 3; sequence++) {
      const sealed = voice.protectRtp(makeRtp({ ssrc: 100 + at, sequence, timestamp: 160 * sequence }));
      assert.ok(typeof sealed !== 'string');
      bench.receive(this.port, sealed, HOMES[at]);
      bench.advance(20);
    }
    assert.deepEqual(session.component(0, 1).mapping, HOMES[at]);
  }

  /** As it goes out; undefined where nothing does. */
  send(session: SdpSession, packet: Uint8Array): Uint8Array | undefined {
    const component = session.component(0, 1);
    const sealed = component.seal(packet);
    return sealed && component.handleSend(sealed, this.bench.nowMs) && sealed;
  }

  report(session: SdpSession): Uint8Array {
    const sealed = this.send(session, makeSenderReport(SSRC, this.bench.nowMs, 1));
    assert.ok(sealed, 'it goes out');
    return sealed;
  }

  /** A phone: what it can open under the key that we have told it. */
  phone(suite: SrtpSuite): SrtpReceiver {
    const parsed = parseSdp(this.offer);
    assert.ok(parsed.ok);
    const keyAndSalt = parsed.value.media[0]?.cryptos.find((one) => one.suite === suite.name)?.keys[0]
      ?.keyAndSalt;
    assert.ok(keyAndSalt);
    const master: MasterKey = {
      suite,
      key: keyAndSalt.subarray(0, suite.keySizeBytes),
      salt: keyAndSalt.subarray(suite.keySizeBytes),
    };
    return new SrtpReceiver(nodeSrtpCrypto, master, { decrypts: true });
  }
}

/** The index of SRTCP, without the bit that says that it is encrypted; with an MKI it would stand elsewhere. */
function rtcpIndex(sealed: Uint8Array, { kind, rtcpTagSizeBytes }: SrtpSuite): number {
  const at = sealed.length - 4 - (kind === 'gcm' ? 0 : rtcpTagSizeBytes);
  return new DataView(sealed.buffer, sealed.byteOffset).getUint32(at) & 0x7fff_ffff;
}

const refusals = (session: SdpSession): number => session.counters.dropped.srtpSend;

for (const suite of [CM, GCM])
  describe(`rule 8.2.1, forks of one offer, ${suite.name}`, () => {
    function twoForks() {
      const forks = new Forks();
      const second = forks.first.fork();
      forks.answer(forks.first, 0, suite);
      forks.answer(second, 1, suite);
      return { forks, first: forks.first, second };
    }

    it('SRTCP to all of them has one count: no number is used twice, and each phone takes what it gets', () => {
      const { forks, first, second } = twoForks();
      const seen = new Set<number>();
      for (const session of [first, second]) {
        const phone = forks.phone(suite);
        for (let at = 0; at < 5; at++) {
          const sealed = forks.report(session);
          seen.add(rtcpIndex(sealed, suite));
          const judged = phone.checkRtcp(sealed);
          assert.ok(typeof judged !== 'string' && phone.accept(judged, 0));
        }
      }
      assert.equal(seen.size, 10);
    });

    it('the same packet of RTP goes to each, as the same bytes', () => {
      const { forks, first, second } = twoForks();
      for (let sequence = 65_530; sequence < 65_545; sequence++) {
        const packet = rtp(sequence % 65_536);
        const sealed = forks.send(first, packet);
        assert.ok(sealed, 'it goes out');
        assert.deepEqual(forks.send(second, packet), sealed);
      }
      // One that is a batch behind the other.
      for (let sequence = 100; sequence < 164; sequence++)
        assert.notEqual(forks.send(second, rtp(sequence)), undefined);
      for (let sequence = 100; sequence < 164; sequence++)
        assert.notEqual(forks.send(first, rtp(sequence)), undefined);
      assert.deepEqual([refusals(first), refusals(second)], [0, 0]);
      const judged = forks.phone(suite).checkRtp(forks.send(second, rtp(200)) ?? rtp(0), 0);
      assert.ok(typeof judged !== 'string');
      assert.deepEqual(Uint8Array.from(judged.clear ?? []), Uint8Array.from(rtp(200)));
    });

    it('another packet under a number that went to one of them goes to no other, and is counted', () => {
      const { forks, first, second } = twoForks();
      assert.notEqual(forks.send(first, rtp(1)), undefined);
      assert.equal(forks.send(second, rtp(1, 8)), undefined, 'another payload type');
      assert.equal(forks.send(second, rtp(1).subarray(0, 20)), undefined, 'a shorter one');
      assert.deepEqual([refusals(first), refusals(second)], [0, 2]);
      assert.notEqual(forks.send(second, rtp(1)), undefined, 'the same');
      assert.notEqual(forks.send(second, rtp(2, 8)), undefined);
      assert.equal(forks.send(first, rtp(2)), undefined);
      assert.equal(refusals(first), 1);
    });

    it('who is left goes on without loss, and its numbers with it', () => {
      const { forks, first, second } = twoForks();
      const before = rtcpIndex(forks.report(first), suite);
      for (const sequence of [1, 2, 3]) assert.notEqual(forks.send(first, rtp(sequence)), undefined);
      first.close(forks.bench.nowMs);
      // It was behind the one that is gone.
      for (const sequence of [1, 2, 3]) assert.notEqual(forks.send(second, rtp(sequence)), undefined);
      assert.equal(forks.send(second, rtp(3, 8)), undefined);
      for (const sequence of [4, 5, 6]) assert.notEqual(forks.send(second, rtp(sequence, 8)), undefined);
      assert.equal(refusals(second), 1);
      assert.ok(rtcpIndex(forks.report(second), suite) > before, 'a number of its own');
      second.close(forks.bench.nowMs);
      assert.equal(second.component(0, 1).seal(rtp(7)), undefined, 'the key is gone');
    });

    it('one that answers when another has sent under its key, and left it or ended, does not begin anew', () => {
      for (const leave of ['closes', 'rekeys'] as const) {
        const forks = new Forks();
        const { first, bench } = forks;
        const [second, third] = [first.fork(), first.fork()];
        forks.answer(second, 1, suite);
        const before = rtcpIndex(forks.report(second), suite);
        assert.notEqual(forks.send(second, rtp(1)), undefined);
        if (leave === 'closes') second.close(bench.nowMs);
        else forks.answer(second, 1, suite === CM ? GCM : CM);
        forks.answer(third, 2, suite);
        assert.ok(rtcpIndex(forks.report(third), suite) > before, leave);
        assert.equal(forks.send(third, rtp(1, 8)), undefined, leave);
        assert.notEqual(forks.send(third, rtp(2, 8)), undefined);
      }
    });

    it('forks with keys of other suites have nothing in common', () => {
      const forks = new Forks();
      const second = forks.first.fork();
      forks.answer(forks.first, 0, suite);
      forks.answer(second, 1, suite === CM ? GCM : CM);
      assert.notEqual(forks.send(forks.first, rtp(1)), undefined);
      assert.notEqual(forks.send(second, rtp(1, 8)), undefined);
    });
  });

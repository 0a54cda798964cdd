// SRTP's ciphers by the addon make and open the same bytes as lib/srtp, which is held to the RFCs' vectors and to other programs.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { whyNoBatch } from '../../lib/index.js';
import { fastSrtpCrypto, nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { createTransform } from '../../lib/srtp/master-key.js';
import { SRTP_SUITES, SrtpReceiver, SrtpSender } from '../../lib/srtp/index.js';
import type { MasterKey, PacketKind, PacketPlace } from '../../lib/srtp/index.js';
import { masterKey, sealed, tagged } from '../srtp/master-keys.js';

const HEADER_BYTES = { rtp: 12, rtcp: 8 } as const;
const MKI_SIZES = [0, 1, 4];
const INDEXES = [0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0x1234_5678_9abc];

/** Of payloads. The addon encrypts 384 bytes at once. */
const LARGE_SIZES = [383, 384, 385, 768, 769, 1200, 9000];
const EVERY_SIZE = [...Array.from({ length: 101 }, (_, size) => size), ...LARGE_SIZES];
const SOME_SIZES = [0, 33, 66, 99, 1200];

/** What the addon opens is a Buffer. */
function bare(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && Uint8Array.from(bytes);
}

function packetOf(kind: PacketKind, payloadBytes: number): Uint8Array {
  const packet = Uint8Array.from(randomBytes(HEADER_BYTES[kind] + payloadBytes));
  packet[0] = 0x80;
  return packet;
}

describe('net: SRTP by the addon', () => {
  before(function () {
    if (whyNoBatch() === undefined) return;
    if (process.env.CI) assert.fail(`no addon: ${whyNoBatch()}`);
    this.skip();
  });

  for (const suite of SRTP_SUITES)
    for (const kind of ['rtp', 'rtcp'] as const)
      describe(`${suite.name}, ${kind}`, () => {
        const master = masterKey(suite.name);
        const places = INDEXES.filter((index) => kind === 'rtp' || index < 2 ** 31).map(
          (index): PacketPlace => ({
            clearSizeBytes: HEADER_BYTES[kind],
            ssrc: 0x8000_0000 + (index % 0x7fff),
            index,
          }),
        );

        it('makes the same bytes, of every length to 100 and of large ones, and opens them', () => {
          const [plain, fast] = [nodeSrtpCrypto, fastSrtpCrypto].map((crypto) =>
            createTransform(crypto, master, kind),
          );
          assert.ok(plain && fast);
          assert.notEqual(plain.constructor, fast.constructor);
          for (const mkiSize of MKI_SIZES)
            for (const place of places)
              for (const size of place.index === 0 ? EVERY_SIZE : SOME_SIZES) {
                const packet = packetOf(kind, size);
                const mki = Uint8Array.from(randomBytes(mkiSize));
                const bytes: Uint8Array = plain.seal(packet, place, mki);
                assert.deepEqual(fast.seal(packet, place, mki), bytes);
                assert.deepEqual(bare(fast.open(bytes, place, mkiSize)), packet);
                assert.equal(fast.verify(bytes, place, mkiSize), true);
                assert.equal(fast.mkiAt(bytes, mkiSize), plain.mkiAt(bytes, mkiSize));
              }
        });

        it('refuses what it refuses: any one byte changed, any truncation, another place', () => {
          const [plain, fast] = [nodeSrtpCrypto, fastSrtpCrypto].map((crypto) =>
            createTransform(crypto, master, kind),
          );
          assert.ok(plain && fast);
          const [place] = places;
          assert.ok(place);
          const bytes = plain.seal(packetOf(kind, 40), place, new Uint8Array(0));
          const agree = (given: Uint8Array, at = place) => {
            assert.equal(fast.verify(given, at, 0), plain.verify(given, at, 0));
            assert.deepEqual(bare(fast.open(given, at, 0)), plain.open(given, at, 0));
          };
          for (let at = 0; at < bytes.length; at++) {
            const changed = Uint8Array.from(bytes);
            changed[at]! ^= 1;
            agree(changed);
          }
          for (let size = bytes.length - 1; size > HEADER_BYTES[kind] + 20; size--)
            agree(bytes.subarray(0, size));
          agree(bytes, { ...place, ssrc: 1 });
          if (kind === 'rtp') agree(bytes, { ...place, index: 0x1_0000 });
        });

        if (kind === 'rtcp')
          it('a report whose bit of encryption was taken away is refused, and not handed on as it is', () => {
            const [plain, fast] = [nodeSrtpCrypto, fastSrtpCrypto].map((crypto) =>
              createTransform(crypto, master, kind),
            );
            assert.ok(plain && fast);
            const [place] = places;
            assert.ok(place);
            // Without the bit that says so it has another tag: refused by both, and not by decrypting nothing.
            const bytes = plain.seal(packetOf(kind, 40), place, new Uint8Array(0));
            bytes[bytes.length - (suite.kind === 'gcm' ? 4 : 14)]! &= 0x7f;
            assert.equal(fast.open(bytes, place, 0), undefined);
            assert.equal(plain.open(bytes, place, 0), undefined);
          });

        it('has forgotten its keys once it is told to', () => {
          const fast = createTransform(fastSrtpCrypto, master, kind);
          const [place] = places;
          assert.ok(place);
          const bytes = fast.seal(packetOf(kind, 40), place, new Uint8Array(0));
          fast.forget();
          assert.equal(fast.open(bytes, place, 0), undefined);
          // Nothing goes out under a key of zeros.
          assert.throws(
            () => fast.seal(packetOf(kind, 40), place, new Uint8Array(0)),
            /could not be encrypted/,
          );
        });
      });

  it('a sender and a receiver on it talk to those without', () => {
    for (const suite of SRTP_SUITES) {
      const master: MasterKey = { ...masterKey(suite.name), mki: Uint8Array.of(7) };
      const [plain, fast] = [nodeSrtpCrypto, fastSrtpCrypto].map((crypto) => ({
        sender: new SrtpSender(crypto, master),
        receiver: new SrtpReceiver(crypto, master, { decrypts: true }),
      }));
      assert.ok(plain && fast);
      for (const [from, to] of [
        [plain, fast],
        [fast, plain],
      ] as const) {
        const packet = packetOf('rtp', 160);
        const checked = tagged(to.receiver.checkRtp(sealed(from.sender.protectRtp(packet)), 0));
        assert.deepEqual(bare(checked.clear), packet);
      }
    }
  });

  it('shows no key to whoever looks at it', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80');
    const text = JSON.stringify(createTransform(fastSrtpCrypto, master, 'rtp'));
    assert.ok(!text.includes(Buffer.from(master.key).toString('hex')));
    assert.ok(!text.includes([...master.key].join()));
  });
});

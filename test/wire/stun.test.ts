import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ATTRIBUTE,
  findAttribute,
  parseStun,
  type StunClass,
  type StunMessage,
} from '../../lib/wire/index.js';
import { isFingerprintValid } from '../../lib/wire/fingerprint.js';
import { isIntegritySha256Valid, isIntegrityValid } from '../../lib/wire/integrity.js';
import { stunType } from '../../lib/wire/stun.js';
import { encodeStun } from '../../lib/wire/stun-encoder.js';
import { bitFlips, equal, hmacSha1, hmacSha256, truncations } from './digests.js';
import {
  LONG_TERM_REQUEST,
  MATRIX_USER,
  RFC_MESSAGES,
  SAMPLE_REQUEST,
  SHA256_REQUEST,
  type RfcMessage,
} from './rfc-messages.js';
import { readShared, readSharedFolder, requireShared } from './shared-material.js';

const HEADER = '2112a442 000102030405060708090a0b';

/** A request with this after the header; the length is put in. */
function request(body: string): Uint8Array {
  const bytes = Buffer.from(`00010000${HEADER}${body}`.replace(/\s+/g, ''), 'hex');
  bytes.writeUInt16BE(bytes.length - 20, 2);
  return Uint8Array.from(bytes);
}

function parsed(bytes: Uint8Array): StunMessage {
  const result = parseStun(bytes);
  assert.ok(result.ok, result.ok ? '' : result.error.message);
  return result.value;
}

function errorOf(bytes: Uint8Array): [code: string, offset: number] {
  const result = parseStun(bytes);
  assert.ok(!result.ok);
  return [result.error.code, result.error.offset];
}

function verifies({ key, integrity, hasFingerprint }: RfcMessage, bytes: Uint8Array): boolean {
  const result = parseStun(bytes);
  if (!result.ok) return false;
  const message = result.value;
  const isSealed =
    integrity === 'sha1'
      ? isIntegrityValid(message, key, hmacSha1, equal)
      : isIntegritySha256Valid(message, key, hmacSha256, equal);
  return isSealed && (!hasFingerprint || isFingerprintValid(message));
}

const SHA1_ATTRIBUTE = `00080014 ${'11'.repeat(20)}`;
const SHA256_ATTRIBUTE = `001c0020 ${'22'.repeat(32)}`;
const FINGERPRINT = '80280004 33333333';
const SOFTWARE = '80220003 61626300';

describe('stun', () => {
  for (const message of RFC_MESSAGES) {
    describe(message.name, () => {
      const { bytes, key } = message;

      it('parses and verifies, and leaves the bytes as they were', () => {
        const before = bytes.toString('hex');
        assert.equal(verifies(message, bytes), true);
        assert.equal(bytes.toString('hex'), before);
        const { method, transaction, class: messageClass, ignoredCount } = parsed(bytes);
        assert.equal(method, 1);
        assert.equal(messageClass, bytes[0] === 0 ? 'request' : 'success');
        assert.deepEqual(transaction, bytes.subarray(8, 20));
        assert.equal(ignoredCount, 0);
      });

      it('does not verify with another key', () => {
        const other = Uint8Array.from(key);
        other[0]! ^= 1;
        assert.equal(verifies({ ...message, key: other }, bytes), false);
        assert.equal(verifies({ ...message, key: new Uint8Array(0) }, bytes), false);
      });

      it('is refused at every shorter length', () => {
        for (const shorter of truncations(bytes)) {
          assert.deepEqual(errorOf(shorter), ['truncated', shorter.length]);
        }
      });

      it('is refused, or fails, with any one bit changed', () => {
        for (const { bit, flipped } of bitFlips(bytes)) {
          assert.equal(verifies(message, flipped), false, `bit ${bit}`);
        }
      });
    });
  }

  it('reads every attribute of RFC 5769 2.1, unknown ones too, without padding', () => {
    const message = parsed(SAMPLE_REQUEST.bytes);
    assert.deepEqual(
      message.attributes.map(({ type, value, offset }) => [type, value.length, offset]),
      [
        [0x8022, 16, 20],
        [ATTRIBUTE.PRIORITY, 4, 40],
        [ATTRIBUTE.ICE_CONTROLLED, 8, 48],
        [ATTRIBUTE.USERNAME, 9, 60],
        [ATTRIBUTE.MESSAGE_INTEGRITY, 20, 76],
        [ATTRIBUTE.FINGERPRINT, 4, 100],
      ],
    );
    assert.equal(Buffer.from(findAttribute(message, ATTRIBUTE.USERNAME)!.value).toString(), 'evtj:h6vY');
    assert.equal(findAttribute(message, ATTRIBUTE.ERROR_CODE), undefined);
    assert.equal(message.integrityOffset, 76);
    assert.equal(message.integritySha256Offset, undefined);
    assert.equal(message.fingerprintOffset, 100);
    assert.strictEqual(message.attributes, message.attributes);
  });

  it('encodes RFC 5769 2.4 and RFC 8489 B.1 to the byte', () => {
    const transaction = LONG_TERM_REQUEST.bytes.subarray(8, 20);
    const nonce = Buffer.from('f//499k954d6OL34oL9FSTvy64sA');
    const realm = { type: 0x0014, value: Buffer.from('example.org') };
    const longTerm = encodeStun({
      class: 'request',
      transaction,
      attributes: [
        { type: ATTRIBUTE.USERNAME, value: Buffer.from(MATRIX_USER) },
        { type: 0x0015, value: nonce },
        realm,
      ],
      integrity: { key: LONG_TERM_REQUEST.key, hmac: hmacSha1 },
      fingerprint: false,
    });
    assert.equal(Buffer.from(longTerm).toString('hex'), LONG_TERM_REQUEST.bytes.toString('hex'));

    const sha256 = encodeStun({
      class: 'request',
      transaction,
      attributes: [
        { type: 0x001e, value: SHA256_REQUEST.bytes.subarray(24, 56) },
        { type: 0x0015, value: Buffer.concat([Buffer.from('obMatJos2AAAC'), nonce]) },
        realm,
        { type: 0x001d, value: Uint8Array.of(0, 2, 0, 0) },
      ],
      integritySha256: { key: SHA256_REQUEST.key, hmac: hmacSha256 },
      fingerprint: false,
    });
    assert.equal(Buffer.from(sha256).toString('hex'), SHA256_REQUEST.bytes.toString('hex'));
  });

  it('refuses what is no STUN message, with the place', () => {
    assert.deepEqual(errorOf(new Uint8Array(0)), ['truncated', 0]);
    assert.deepEqual(errorOf(new Uint8Array(20)), ['not-stun', 4]);
    const rtp = new Uint8Array(20);
    rtp[0] = 0x80;
    assert.deepEqual(errorOf(rtp), ['not-stun', 0]);
    assert.deepEqual(errorOf(Uint8Array.of(...request(SOFTWARE), 0)), ['length', 28]);
    const odd = request(SOFTWARE);
    odd[3]! -= 1;
    assert.deepEqual(errorOf(odd), ['length', 2]);
    // RFC 3489 had no cookie: 16 bytes of transaction instead.
    const old = request('');
    old.fill(9, 4, 8);
    assert.deepEqual(errorOf(old), ['not-stun', 4]);
  });

  it('accepts a message without attributes', () => {
    const message = parsed(request(''));
    assert.deepEqual(message.attributes, []);
    assert.equal(isIntegrityValid(message, new Uint8Array(1), hmacSha1, equal), false);
    assert.equal(isIntegritySha256Valid(message, new Uint8Array(1), hmacSha256, equal), false);
    assert.equal(isFingerprintValid(message), false);
  });

  it('refuses attributes that run past the end, value or padding', () => {
    assert.deepEqual(errorOf(request('80220005 61626364')), ['attribute', 20]);
    assert.deepEqual(errorOf(request(`${SOFTWARE} 8022ffff`)), ['attribute', 28]);
    assert.deepEqual(errorOf(request('80220004')), ['attribute', 20]);
  });

  it('refuses integrities and fingerprints of impossible sizes', () => {
    assert.deepEqual(errorOf(request(`00080010 ${'11'.repeat(16)}`)), ['attribute', 20]);
    for (const size of [0, 12, 17, 30, 36]) {
      const value = '22'.repeat((size + 3) & ~3);
      const sizeHex = size.toString(16).padStart(4, '0');
      assert.deepEqual(errorOf(request(`001c${sizeHex} ${value}`)), ['attribute', 20]);
    }
    assert.deepEqual(errorOf(request('80280008 3333333333333333')), ['attribute', 20]);
    assert.deepEqual(errorOf(request('80280000')), ['attribute', 20]);
  });

  it('refuses anything after FINGERPRINT (RFC 8489 section 14.7)', () => {
    for (const after of [SOFTWARE, FINGERPRINT, SHA1_ATTRIBUTE, SHA256_ATTRIBUTE]) {
      assert.deepEqual(errorOf(request(FINGERPRINT + after)), ['attribute', 28]);
    }
  });

  it('ignores what follows an integrity (RFC 8489 sections 14.5 and 14.6)', () => {
    const types = (message: StunMessage) => message.attributes.map(({ type }) => type);
    const both = parsed(request(`${SHA1_ATTRIBUTE}${SOFTWARE}${SHA256_ATTRIBUTE}${SOFTWARE}${FINGERPRINT}`));
    assert.deepEqual(types(both), [0x0008, 0x001c, 0x8028]);
    assert.equal(both.ignoredCount, 2);
    assert.deepEqual(
      [both.integrityOffset, both.integritySha256Offset, both.fingerprintOffset],
      [20, 52, 96],
    );
    assert.equal(findAttribute(both, 0x8022), undefined);

    const second = parsed(request(`${SHA1_ATTRIBUTE}${SHA1_ATTRIBUTE}`));
    assert.deepEqual([types(second), second.ignoredCount, second.integrityOffset], [[0x0008], 1, 20]);

    const wrongOrder = parsed(request(`${SHA256_ATTRIBUTE}${SHA1_ATTRIBUTE}${SHA256_ATTRIBUTE}`));
    assert.deepEqual([types(wrongOrder), wrongOrder.ignoredCount], [[0x001c], 2]);
    assert.equal(wrongOrder.integrityOffset, undefined);
    assert.equal(wrongOrder.integritySha256Offset, 20);
  });

  it('lets the first of a repeated attribute count (RFC 8489 section 14)', () => {
    const message = parsed(request('80220001 61000000 80220001 62000000'));
    assert.equal(message.attributes.length, 2);
    assert.deepEqual(findAttribute(message, 0x8022)!.value, Uint8Array.of(0x61));
  });

  it('bounds the work: 64 attributes and 1500 bytes', () => {
    assert.equal(parsed(request('80220000'.repeat(64))).attributes.length, 64);
    assert.deepEqual(errorOf(request('80220000'.repeat(65))), ['attribute', 20 + 64 * 4]);
    const ofSize = (size: number) => {
      const bytes = new Uint8Array(size);
      bytes.set(request(''));
      new DataView(bytes.buffer).setUint16(2, size - 20);
      new DataView(bytes.buffer).setUint32(20, 0x80220000 + size - 24);
      return bytes;
    };
    assert.equal(parsed(ofSize(1500)).attributes.length, 1);
    assert.deepEqual(errorOf(ofSize(1504)), ['length', 2]);
    assert.deepEqual(errorOf(ofSize(65_532)), ['length', 2]);
  });

  it('requires all 32 bytes of the SHA-256 integrity unless told otherwise', () => {
    const transaction = new Uint8Array(12);
    const key = Buffer.from('key');
    for (const size of [16, 20, 24, 28, 32]) {
      const unsealed = encodeStun({ class: 'request', transaction, attributes: [], fingerprint: false });
      unsealed[3] = 4 + size;
      const digest = hmacSha256(key, unsealed).subarray(0, size);
      const bytes = Uint8Array.from([...unsealed, 0x00, 0x1c, 0, size, ...digest]);
      const message = parsed(bytes);
      assert.equal(isIntegritySha256Valid(message, key, hmacSha256, equal), size === 32);
      assert.equal(isIntegritySha256Valid(message, key, hmacSha256, equal, 16), true);
      assert.equal(isIntegritySha256Valid(message, key, hmacSha256, equal, 24), size >= 24);
      bytes[bytes.length - 1]! ^= 1;
      assert.equal(isIntegritySha256Valid(parsed(bytes), key, hmacSha256, equal, 16), false);
    }
  });

  it('packs class and method as figure 3 of RFC 8489 has it', () => {
    assert.equal(stunType('request', 0x001), 0x0001);
    assert.equal(stunType('indication', 0x001), 0x0011);
    assert.equal(stunType('success', 0x001), 0x0101);
    assert.equal(stunType('error', 0x001), 0x0111);
    assert.equal(stunType('error', 0xfff), 0x3fff);
    assert.equal(stunType('request', 0xfff), 0x3eef);
    const bytes = request('');
    for (let type = 0; type < 0x400; type++) {
      bytes[0] = type >> 8;
      bytes[1] = type & 0xff;
      const message = parsed(bytes);
      assert.equal(stunType(message.class, message.method), type);
    }
  });

  it('reads back what it encodes, with both integrities', () => {
    const keys = { sha1: Buffer.from('one'), sha256: Buffer.from('two') };
    const attribute = fc
      .tuple(fc.integer({ min: 0x8000, max: 0x8020 }), fc.uint8Array({ maxLength: 21 }))
      .map(([type, value]) => ({ type, value }));
    fc.assert(
      fc.property(
        fc.record({
          class: fc.constantFrom<StunClass>('request', 'indication', 'success', 'error'),
          method: fc.integer({ min: 0, max: 0x7f }),
          transaction: fc.uint8Array({ minLength: 12, maxLength: 12 }),
          attributes: fc.array(attribute, { maxLength: 8 }),
        }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (spec, hasSha1, hasSha256, fingerprint) => {
          const bytes = encodeStun({
            ...spec,
            ...(hasSha1 ? { integrity: { key: keys.sha1, hmac: hmacSha1 } } : {}),
            ...(hasSha256 ? { integritySha256: { key: keys.sha256, hmac: hmacSha256 } } : {}),
            fingerprint,
          });
          const message = parsed(bytes);
          assert.equal(message.class, spec.class);
          assert.equal(message.method, spec.method);
          assert.deepEqual(message.transaction, spec.transaction);
          assert.deepEqual(
            message.attributes.slice(0, spec.attributes.length).map(({ type, value }) => ({ type, value })),
            spec.attributes,
          );
          assert.equal(isIntegrityValid(message, keys.sha1, hmacSha1, equal), hasSha1);
          assert.equal(isIntegritySha256Valid(message, keys.sha256, hmacSha256, equal), hasSha256);
          assert.equal(isFingerprintValid(message), fingerprint);
        },
      ),
      { seed: 8489, numRuns: 500 },
    );
  });

  it('tells a caller whose transaction is not 12 bytes', () => {
    const spec = { class: 'request', attributes: [] } as const;
    for (const size of [0, 11, 13, 16]) {
      assert.throws(() => encodeStun({ ...spec, transaction: new Uint8Array(size) }), RangeError);
    }
  });

  it('reads what browsers sent (pion corpus): each a Binding message with a right fingerprint, if any', function () {
    requireShared(this, 'material/pion_stun/frombrowsers.csv');
    const rows = readShared('material/pion_stun/frombrowsers.csv').toString().split('\n');
    const lines = rows.filter((row) => /^\d/.test(row));
    assert.ok(lines.length > 10);
    for (const line of lines) {
      const message = parsed(Buffer.from(line.split(',')[1]!, 'base64'));
      assert.equal(message.method, 1);
      assert.equal(message.class, 'request');
      if (message.fingerprintOffset !== undefined) assert.equal(isFingerprintValid(message), true, line);
    }
    const chrome = parsed(readShared('material/pion_stun/ex1_chrome.stun'));
    assert.deepEqual(
      chrome.attributes.map(({ type }) => type),
      [0x802f],
    );
  });

  it('reads the STUN corpora of WebRTC and mediasoup without surprise', function () {
    requireShared(this, 'material/webrtc_corpora');
    let accepted = 0;
    for (const folder of ['stun', 'mediasoup_crash_reports']) {
      for (const { name, bytes } of readSharedFolder(`material/webrtc_corpora/${folder}`)) {
        const result = parseStun(bytes);
        if (!result.ok) continue;
        accepted++;
        for (const { value, offset } of result.value.attributes) {
          assert.ok(offset + 4 + value.length <= bytes.length, name);
        }
      }
    }
    assert.ok(accepted > 5, `${accepted} accepted`);
  });
});

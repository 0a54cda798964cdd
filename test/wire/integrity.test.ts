import assert from 'node:assert/strict';
import fc from 'fast-check';
import zlib from 'node:zlib';
import { parseStun } from '../../lib/wire/index.js';
import { crc32 } from '../../lib/wire/fingerprint.js';
import { isIntegritySha256Valid, isIntegrityValid } from '../../lib/wire/integrity.js';
import { encodeStun } from '../../lib/wire/stun-encoder.js';
import { equal, hmacSha1, hmacSha256 } from './digests.js';
import { readShared, requireShared } from './shared-material.js';

interface Wycheproof {
  testGroups: {
    tagSize: number;
    tests: {
      tcId: number;
      key: string;
      msg: string;
      tag: string;
      result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

describe('integrity', () => {
  for (const [name, hmac, digestBits] of [
    ['hmac_sha1', hmacSha1, 160],
    ['hmac_sha256', hmacSha256, 256],
  ] as const) {
    it(`is handed an HMAC that Wycheproof finds right: ${name}`, function () {
      requireShared(this, `material/wycheproof/${name}_test.json`);
      const file = JSON.parse(readShared(`material/wycheproof/${name}_test.json`).toString()) as Wycheproof;
      let full = 0;
      for (const group of file.testGroups) {
        for (const test of group.tests) {
          const digest = hmac(Buffer.from(test.key, 'hex'), Buffer.from(test.msg, 'hex'));
          const tag = Buffer.from(test.tag, 'hex');
          assert.equal(
            equal(digest.subarray(0, group.tagSize / 8), tag),
            test.result === 'valid',
            `${test.tcId}`,
          );
          if (group.tagSize === digestBits) full++;
        }
      }
      assert.ok(full > 50, `${full} tests with the full digest`);
    });
  }

  it('covers header and attributes before it, with the length as if it were last', () => {
    const key = Buffer.from('k');
    const seen: string[] = [];
    const spy: typeof hmacSha256 = (k, data) => {
      seen.push(Buffer.from(data).toString('hex'));
      return hmacSha256(k, data);
    };
    const attributes = [{ type: 0x8022, value: Buffer.from('x') }];
    const bytes = encodeStun({
      class: 'request',
      transaction: new Uint8Array(12),
      attributes,
      integrity: { key, hmac: spy },
      integritySha256: { key, hmac: spy },
    });
    assert.equal(Buffer.from(bytes).readUInt16BE(2), 8 + 24 + 36 + 8);
    assert.deepEqual(
      seen.map((data) => [data.slice(4, 8), data.length / 2]),
      [
        ['0020', 28],
        ['0044', 52],
      ],
    );
    const result = parseStun(Buffer.from(bytes));
    assert.ok(result.ok);
    // The spy's first digest was cut to 20 bytes of SHA-256, so that one is checked with the same spy.
    assert.equal(isIntegrityValid(result.value, key, spy, equal), true);
    assert.equal(isIntegritySha256Valid(result.value, key, spy, equal), true);
    assert.deepEqual(seen.slice(2), seen.slice(0, 2));
    assert.deepEqual(result.value.bytes, Buffer.from(bytes));
  });

  it('computes CRC-32 as zlib does', () => {
    assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(crc32(bytes), zlib.crc32(bytes));
        assert.equal(crc32(bytes, bytes.length >> 1), zlib.crc32(bytes.subarray(0, bytes.length >> 1)));
      }),
      { seed: 32 },
    );
  });
});

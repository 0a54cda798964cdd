import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { HmacSha1 } from '../../lib/srtp/hmac-sha1.js';

describe('HMAC-SHA1 in JavaScript', () => {
  it('is that of node:crypto, for each length of message and key', () => {
    const message = Uint8Array.from({ length: 300 }, (_, at) => 7 * at + 3);
    const digest = new Uint8Array(20);
    for (const keySize of [0, 1, 20, 63, 64]) {
      const key = message.slice(0, keySize);
      const hmac = new HmacSha1(key);
      for (let size = 0; size <= message.length; size++) {
        hmac.compute(message, size, undefined, digest);
        const plain = createHmac('sha1', key).update(message.subarray(0, size)).digest();
        assert.deepEqual(digest, Uint8Array.from(plain), `${size} bytes`);
        hmac.compute(message, size, 0xfedcba98, digest);
        const suffixed = createHmac('sha1', key)
          .update(message.subarray(0, size))
          .update(Uint8Array.of(0xfe, 0xdc, 0xba, 0x98))
          .digest();
        assert.deepEqual(digest, Uint8Array.from(suffixed), `${size} bytes and a suffix`);
      }
    }
  });
});

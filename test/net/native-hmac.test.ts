// HMAC by the addon is what createHmac makes, for every length of key and message around the blocks of the hash.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { whyNoBatch } from '../../lib/index.js';
import { nativeHmac } from '../../lib/net/batch/native-hmac.js';
import { nodeCrypto } from '../../lib/net/node-crypto.js';

describe('net: HMAC by the addon', () => {
  before(function () {
    if (whyNoBatch() === undefined) return;
    if (process.env.CI) assert.fail(`no addon: ${whyNoBatch()}`);
    this.skip();
  });

  for (const [name, sizeBytes] of [
    ['sha1', 20],
    ['sha256', 32],
  ] as const)
    it(`${name}: keys to 64 bytes, messages to 200`, () => {
      for (let keySize = 0; keySize <= 64; keySize++)
        for (let size = 0; size <= 200; size += keySize % 7 === 0 ? 1 : 37) {
          const [key, message] = [randomBytes(keySize), randomBytes(size)];
          const digest = nativeHmac(key, message, sizeBytes);
          assert.ok(digest);
          assert.equal(Buffer.from(digest).equals(createHmac(name, key).update(message).digest()), true);
        }
    });

  it('a longer key is left to node:crypto, which hashes it first', () => {
    const [key, message] = [randomBytes(65), randomBytes(100)];
    assert.equal(nativeHmac(key, message, 32), undefined);
    const { hmacSha1, hmacSha256 } = nodeCrypto;
    assert.deepEqual(
      Buffer.from(hmacSha256(key, message)),
      createHmac('sha256', key).update(message).digest(),
    );
    assert.deepEqual(Buffer.from(hmacSha1(key, message)), createHmac('sha1', key).update(message).digest());
  });

  it('what is no bytes is refused', () => {
    for (const thing of [undefined, 'text', {}, new Uint16Array(4)])
      assert.throws(() => nativeHmac(thing as unknown as Uint8Array, randomBytes(4), 32), TypeError);
  });
});

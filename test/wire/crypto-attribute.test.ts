import assert from 'node:assert/strict';
import { formatCrypto, parseCrypto } from '../../lib/wire/crypto-attribute.js';

const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const BYTES = Uint8Array.from(Buffer.from(KEY, 'base64'));

describe('a=crypto', () => {
  for (const [value, expected] of [
    // RFC 4568 section 4.1 and 5.1 (the key is that of its examples)
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4`, { mki: '00000001', lifetimePackets: 2 ** 20 }],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20`, { lifetimePackets: 2 ** 20 }],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1:4`, { mki: '00000001' }],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1048576|4660:2`, { mki: '1234', lifetimePackets: 1_048_576 }],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, {}],
  ] as const)
    it(`reads ${value.replace(KEY, '…')}`, () => {
      const read = parseCrypto(value);
      assert.ok(read.ok);
      const [key, ...others] = read.value.keys;
      assert.deepEqual([read.value.tag, read.value.suite, others], [1, 'AES_CM_128_HMAC_SHA1_80', []]);
      assert.deepEqual(key?.keyAndSalt, BYTES);
      const mki = key.mki && Buffer.from(key.mki).toString('hex');
      const { lifetimePackets } = key;
      assert.deepEqual({ ...(mki && { mki }), ...(lifetimePackets && { lifetimePackets }) }, expected);
    });

  it('several keys have an MKI each', () => {
    const read = parseCrypto(
      `7 F8_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4;inline:${KEY}|2:4 KDR=1 -X=1 WSH=64`,
    );
    assert.ok(read.ok);
    assert.equal(read.value.keys.length, 2);
    assert.deepEqual(read.value.sessionParams, ['KDR=1', 'WSH=64']);
    assert.equal(parseCrypto(`1 X inline:${KEY};inline:${KEY}`).ok, false);
  });

  for (const [value, code] of [
    ['', 'crypto-tag'],
    [`a X inline:${KEY}`, 'crypto-tag'],
    [`1234567890 X inline:${KEY}`, 'crypto-tag'],
    [`1  `, 'crypto-suite'],
    [`1 X`, 'crypto-key'],
    [`1 X ${KEY}`, 'crypto-key'],
    [`1 X inline:`, 'crypto-key'],
    [`1 X inline:${KEY.slice(1)}`, 'crypto-key'],
    [`1 X inline:${KEY.replace('W', '_')}`, 'crypto-key'],
    [`1 X inline:${KEY}=`, 'crypto-key'],
    [`1 X inline:${KEY}|2^49`, 'crypto-key'],
    [`1 X inline:${KEY}|0`, 'crypto-key'],
    [`1 X inline:${KEY}|1:4|2^20`, 'crypto-key'],
    [`1 X inline:${KEY}|256:1`, 'crypto-key'],
    [`1 X inline:${KEY}|1:0`, 'crypto-key'],
    [`1 X inline:${KEY}|1:129`, 'crypto-key'],
    [`1 X inline:${KEY}|2^20|1:4|`, 'crypto-key'],
    [`1 X ${Array(9).fill(`inline:${KEY}|1:4`).join(';')}`, 'crypto-key'],
    [`1 X inline:${KEY} \t`, 'crypto-param'],
  ] as const)
    it(`refuses ${JSON.stringify(value.replaceAll(KEY, '…').slice(0, 60))}, and quotes nothing`, () => {
      const read = parseCrypto(value);
      assert.ok(!read.ok);
      assert.equal(read.error.code, code);
      assert.ok(!read.error.message.includes(KEY));
    });

  it('writes what it reads, with the padding that the key needs', () => {
    const key = BYTES.subarray(0, 28);
    const line = formatCrypto(2, 'AEAD_AES_128_GCM', key);
    assert.match(line, /^a=crypto:2 AEAD_AES_128_GCM inline:[A-Za-z0-9+/]{38}==$/);
    const read = parseCrypto(line.slice('a=crypto:'.length));
    assert.ok(read.ok);
    assert.deepEqual(read.value.keys[0]?.keyAndSalt, key);
  });
});

// SRTP to the byte: packets and keystreams that cisco/libsrtp's tests have (test/srtp_driver.c, crypto/cipher/cipher_test_cases.c), among
// them those of RFC 3711 B.2 and RFC 6188 section 7. The last 16 bytes of each packet in clear are `ab`.
import assert from 'node:assert/strict';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { deriveSessionKeys } from '../../lib/srtp/session-keys.js';
import { SRTP_SUITES, srtpSuite } from '../../lib/srtp/index.js';
import { hex, masterKey, receiver, rtp, sealed, sender, tagged } from './master-keys.js';

const AES_128 = 'e1f97a0d3e018be0d64fa32c06de4139';
const SALT_128 = '0ec675ad498afeebb6960b3aabe6';
const GCM = { key: '000102030405060708090a0b0c0d0e0f', salt: 'a0a1a2a3a4a5a6a7a8a9aaab' };

const VECTORS = [
  {
    name: 'AES_CM_128_HMAC_SHA1_80',
    ...{ key: AES_128, salt: SALT_128, mki: '', header: '800f1234 decafbad cafebabe' },
    sealed: '4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb',
  },
  {
    name: 'AES_CM_128_HMAC_SHA1_80',
    ...{ key: AES_128, salt: SALT_128, mki: 'e1f97a0d', header: '800f1234 decafbad cafebabe' },
    sealed: '4e55dc4ce79978d88ca4d215949d2402 e1f97a0d b78d6acc99ea179b8dbb',
  },
  {
    name: 'AES_CM_128_HMAC_SHA1_32',
    ...{ key: AES_128, salt: SALT_128, mki: '', header: '800f1234 decafbad cafebabe' },
    sealed: '4e55dc4ce79978d88ca4d215949d2402 b78d6acc',
  },
  {
    name: 'AES_192_CM_HMAC_SHA1_80',
    key: '73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1',
    ...{ salt: 'c8522f3acd4ce86d5add78edbb11', mki: '', header: '800f0000 decafbad 00000000' },
    sealed: 'd98865552f2762c3ef37f837acfdb712 2d6bc4dc84c76f74aea5',
  },
  {
    name: 'AES_256_CM_HMAC_SHA1_80',
    key: 'f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6',
    ...{ salt: '3b04803de51ee7c96423ab5b78d2', mki: '', header: '800f1234 decafbad cafebabe' },
    sealed: 'f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b',
  },
  {
    name: 'AEAD_AES_128_GCM',
    ...{ ...GCM, mki: '', header: '800f1234 decafbad cafebabe' },
    sealed: 'c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392',
  },
];

/** Protected as the second packet of their sender: their index is 1. */
const RTCP_VECTORS = [
  {
    name: 'AES_CM_128_HMAC_SHA1_80',
    ...{ key: AES_128, salt: SALT_128 },
    sealed: '7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798',
  },
  {
    name: 'AES_CM_128_HMAC_SHA1_32',
    ...{ key: AES_128, salt: SALT_128 },
    sealed: '7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798',
  },
  {
    name: 'AEAD_AES_128_GCM',
    ...GCM,
    sealed: 'c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001',
  },
];

/** AES in counter mode: the first 32 bytes for a nonce of zeros. */
const KEYSTREAMS = [
  {
    of: 'RFC 3711 B.2',
    key: '2b7e151628aed2a6abf7158809cf4f3c',
    stream: 'e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab',
  },
  {
    of: 'RFC 6188 7.1, 256 bits',
    key: '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    stream: '92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac',
  },
  {
    of: 'RFC 6188 7.2, 192 bits',
    key: 'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    stream: '35096cba4610028dc1b57503804ce37c 5de986291dcce161d5165ec4568f5c9a',
  },
];

describe('SRTP to the byte', () => {
  for (const { name, key, salt, mki, header, sealed: expected } of VECTORS)
    it(`${name}${mki && ' with an MKI'}: RTP, there and back`, () => {
      const master = masterKey(name, { key: hex(key), salt: hex(salt), ...(mki && { mki: hex(mki) }) });
      const clear = hex(header + 'ab'.repeat(16));
      const packet = sealed(sender(master).protectRtp(clear));
      assert.deepEqual(packet, hex(header + expected));
      assert.deepEqual(tagged(receiver(master).checkRtp(packet, 0)).clear, clear);
    });

  for (const { name, key, salt, sealed: expected } of RTCP_VECTORS)
    it(`${name}: RTCP, there and back`, () => {
      const master = masterKey(name, { key: hex(key), salt: hex(salt) });
      const clear = hex('81c8000bcafebabe' + 'ab'.repeat(16));
      const protecting = sender(master);
      protecting.protectRtcp(clear);
      const packet = sealed(protecting.protectRtcp(clear));
      assert.deepEqual(packet, hex('81c8000bcafebabe' + expected));
      assert.deepEqual(tagged(receiver(master).checkRtcp(packet)).clear, clear);
    });

  for (const { of, key, stream } of KEYSTREAMS)
    it(`${of}: the keystream`, () => {
      const salt = hex('f0f1f2f3f4f5f6f7f8f9fafbfcfd');
      const first = Uint8Array.from([...salt, 0, 0]);
      const second = Uint8Array.from([...salt, 0, 1]);
      const encrypt = nodeSrtpCrypto.aesBlocks(hex(key));
      assert.deepEqual([...encrypt(first), ...encrypt(second)], [...hex(stream)]);
    });

  it('RFC 3711 B.3: the session keys', () => {
    const suite = srtpSuite('AES_CM_128_HMAC_SHA1_80');
    assert.ok(suite);
    const master = { masterKey: hex(AES_128), masterSalt: hex('0ec675ad498afeebb6960b3aabe6') };
    const { cipherKey, authKey, salt } = deriveSessionKeys(nodeSrtpCrypto.aesBlocks, suite, master, 'rtp');
    assert.deepEqual(cipherKey, hex('c61e7a93744f39ee10734afe3ff7a087'));
    assert.deepEqual(salt, hex('30cbbc08863d8c85d49db34a9ae1'));
    assert.deepEqual(authKey, hex('cebe321f6ff7716b6fd4ab49af256a156d38baa4'));
  });

  for (const { name } of SRTP_SUITES)
    it(`${name}: what one key protects another does not open`, () => {
      const packet = sealed(sender(masterKey(name)).protectRtp(rtp(1)));
      const other = masterKey(name);
      other.key[0]! ^= 1;
      assert.equal(receiver(other).checkRtp(packet, 0), 'tag');
    });
});

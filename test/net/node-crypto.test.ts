import assert from 'node:assert/strict';
import { createNodeRandom, nodeCrypto } from '../../lib/index.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

describe('net: crypto by node:crypto', () => {
  it('HMAC-SHA-1 as RFC 2202, HMAC-SHA-256 as RFC 4231, SHA-256 as FIPS 180', () => {
    const key = Buffer.from('Jefe');
    const data = Buffer.from('what do ya want for nothing?');
    assert.equal(hex(nodeCrypto.hmacSha1(key, data)), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79');
    assert.equal(
      hex(nodeCrypto.hmacSha256(key, data)),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
    assert.equal(
      hex(nodeCrypto.sha256(Buffer.from('abc'))),
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('AES-256 over one block as FIPS 197 C.3, without padding', () => {
    const key = bytes('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
    const block = bytes('00112233445566778899aabbccddeeff');
    assert.equal(hex(nodeCrypto.aes256Block(key, block)), '8ea2b7ca516745bfeafc49904b496089');
    assert.throws(() => nodeCrypto.aes256Block(key, block.subarray(1)));
  });

  it('compares by content; unequal lengths are unequal and no exception', () => {
    assert.equal(nodeCrypto.equal(bytes('0102'), bytes('0102')), true);
    assert.equal(nodeCrypto.equal(bytes('0102'), bytes('0103')), false);
    assert.equal(nodeCrypto.equal(bytes('0102'), bytes('010200')), false);
    assert.equal(nodeCrypto.equal(new Uint8Array(0), new Uint8Array(0)), true);
  });

  it('compares each byte, whatever the length and whatever was compared before', () => {
    for (const sizeBytes of [1, 16, 20, 32, 63, 64, 65, 200])
      for (let at = 0; at < sizeBytes; at++) {
        const [one, other] = [new Uint8Array(sizeBytes).fill(7), new Uint8Array(sizeBytes).fill(7)];
        other[at] = 6;
        assert.equal(nodeCrypto.equal(one, other), false, `byte ${at} of ${sizeBytes}`);
        other[at] = 7;
        assert.equal(nodeCrypto.equal(one, other), true, `${sizeBytes} bytes`);
      }
  });

  it('random bytes never repeat, across refills and sizes, and never are the zeros of a wiped pool', () => {
    const random = createNodeRandom();
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const word = new Uint8Array(16 + (i % 3));
      random.fill(word);
      seen.add(hex(word.subarray(0, 16)));
    }
    assert.equal(seen.size, 2000);
    assert.equal(seen.has('00'.repeat(16)), false);
    const large = new Uint8Array(10_000);
    random.fill(large);
    assert.ok(new Set(large).size > 200);
  });
});

// Whatever comes instead of a packet: it is refused, in no time, and changes nothing.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { LatchkeyError } from '../../lib/core/index.js';
import { SRTP_SUITES } from '../../lib/srtp/index.js';
import { hex, masterKey, receiver, rtcp, rtp, sealed, sender, tagged } from './master-keys.js';

describe('SRTP: damage', () => {
  for (const { name } of SRTP_SUITES) {
    const master = masterKey(name, { mki: hex('0102') });

    it(`${name}: every truncation is refused, and every changed byte`, () => {
      const [packet, report] = [
        sealed(sender(master).protectRtp(rtp(7))),
        sealed(sender(master).protectRtcp(rtcp())),
      ];
      const judging = receiver(master);
      for (let size = 0; size < packet.length; size++)
        assert.equal(typeof judging.checkRtp(packet.slice(0, size), 0), 'string', `RTP of ${size} bytes`);
      for (let size = 0; size < report.length; size++)
        assert.equal(typeof judging.checkRtcp(report.slice(0, size)), 'string', `RTCP of ${size} bytes`);
      for (let at = 0; at < packet.length; at++) {
        const changed = Uint8Array.from(packet);
        changed[at]! ^= 0x20;
        assert.equal(typeof judging.checkRtp(changed, 0), 'string', `RTP, byte ${at}`);
      }
      for (let at = 0; at < report.length; at++) {
        const changed = Uint8Array.from(report);
        changed[at]! ^= 0x20;
        assert.equal(typeof judging.checkRtcp(changed), 'string', `RTCP, byte ${at}`);
      }
      assert.ok(judging.accept(tagged(judging.checkRtp(packet, 0)), 0));
      assert.ok(judging.accept(tagged(judging.checkRtcp(report)), 0));
    });

    it(`${name}: nothing is done in place`, () => {
      const clear = rtp(7);
      const packet = sealed(sender(master).protectRtp(clear));
      assert.deepEqual(clear, rtp(7));
      const before = Uint8Array.from(packet);
      tagged(receiver(master).checkRtp(packet, 0));
      assert.deepEqual(packet, before);
    });
  }

  it('a header that says more than there is, is refused on both sides', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80');
    const packet = rtp(1);
    packet[0] = 0x9f; // 15 CSRCs and an extension
    assert.equal(sender(master).protectRtp(packet), 'malformed');
    assert.equal(receiver(master).checkRtp(packet, 0), 'malformed');
    assert.equal(sender(master).protectRtcp(packet.slice(0, 7)), 'malformed');
  });

  it('CSRCs and an extension stay in clear, and an empty payload is one', () => {
    const master = masterKey('AEAD_AES_128_GCM');
    const packet = hex('9101 0001 00000000 cafebabe 00000009 bede0001 11cafe00');
    const out = sealed(sender(master).protectRtp(packet));
    assert.deepEqual(out.slice(0, packet.length), packet);
    assert.deepEqual(tagged(receiver(master).checkRtp(out, 0)).clear, packet);
  });

  it('RTCP that is authenticated and not encrypted (E is 0) is taken', () => {
    // cisco/libsrtp's null cipher with AES_CM_128_HMAC_SHA1_80's key.
    const master = masterKey('AES_CM_128_HMAC_SHA1_80', {
      key: hex('e1f97a0d3e018be0d64fa32c06de4139'),
      salt: hex('0ec675ad498afeebb6960b3aabe6'),
    });
    const packet = hex(`81c8000bcafebabe ${'ab'.repeat(16)} 00000001 fe88c7fdfd37ebce615d`);
    const { clear, index } = tagged(receiver(master).checkRtcp(packet));
    assert.deepEqual([clear, index], [packet.slice(0, 24), 1]);
  });

  it('a key of the wrong size is an error of the caller', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80', { key: new Uint8Array(15) });
    assert.throws(() => sender(master), LatchkeyError);
  });

  it('P7: what prints a sender or a receiver prints no key', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80', { key: hex('e1f97a0d3e018be0d64fa32c06de4139') });
    const printed = inspect([sender(master), receiver(master)], { depth: 9, showHidden: true });
    assert.doesNotMatch(printed, /225|0xe1|e1f9/);
  });

  it('after forget nothing is protected, and nothing is authentic', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80');
    const packet = sealed(sender(master).protectRtp(rtp(1)));
    const [protecting, judging] = [sender(master), receiver(master)];
    protecting.forget();
    judging.forget();
    assert.equal(protecting.protectRtp(rtp(1)), 'expired');
    assert.equal(protecting.protectRtcp(rtcp()), 'expired');
    assert.equal(judging.checkRtp(packet, 0), 'expired');
  });
});

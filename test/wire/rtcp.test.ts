import assert from 'node:assert/strict';
import { parseRtcp, readRtcpSsrc } from '../../lib/wire/index.js';
import { truncations } from './digests.js';
import { readSharedFolder, requireShared } from './shared-material.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

/** A receiver report without blocks, an SDES of one CNAME, and a BYE that names nobody. */
const COMPOUND = hex('80c90001 deadbeef 81ca0003 deadbeef 01026162 00000000 80cb0000');

function errorOf(bytes: Uint8Array): [code: string, offset: number] {
  const result = parseRtcp(bytes);
  assert.ok(!result.ok);
  return [result.error.code, result.error.offset];
}

describe('rtcp', () => {
  it('reads the headers of a compound packet', () => {
    assert.deepEqual(parseRtcp(COMPOUND), {
      ok: true,
      value: [
        { payloadType: 201, count: 0, sizeBytes: 8, offset: 0, ssrc: 0xdeadbeef },
        { payloadType: 202, count: 1, sizeBytes: 16, offset: 8, ssrc: 0xdeadbeef },
        { payloadType: 203, count: 0, sizeBytes: 4, offset: 24, ssrc: undefined },
      ],
    });
    assert.equal(readRtcpSsrc(COMPOUND), 0xdeadbeef);
  });

  it('refuses every truncation that is not between two packets', () => {
    for (const bytes of truncations(COMPOUND)) {
      if ([8, 24].includes(bytes.length)) assert.equal(parseRtcp(bytes).ok, true);
      else assert.deepEqual(errorOf(bytes), ['truncated', bytes.length]);
    }
  });

  it('refuses other versions, other types, and padding that is not last', () => {
    assert.deepEqual(errorOf(hex('40c90001 00000000')), ['version', 0]);
    assert.deepEqual(errorOf(hex('80c90001 00000000 00c90001 00000000')), ['version', 8]);
    assert.deepEqual(errorOf(hex('80bf0001 00000000')), ['type', 1]);
    assert.deepEqual(errorOf(hex('80e00001 00000000')), ['type', 1]);
    assert.deepEqual(errorOf(hex('a0c90001 00000004 80c90001 00000000')), ['padding', 0]);
    assert.equal(parseRtcp(hex('80c90001 00000000 a0c90001 00000004')).ok, true);
  });

  it('reads at most 64 packets of a datagram', () => {
    const many = (count: number) => hex('80cb0000'.repeat(count));
    const result = parseRtcp(many(64));
    assert.ok(result.ok);
    assert.equal(result.value.length, 64);
    assert.deepEqual(errorOf(many(65)), ['limit', 256]);
  });

  it('reads the RTCP corpus of WebRTC without surprise', function () {
    requireShared(this, 'material/webrtc_corpora/rtcp');
    let accepted = 0;
    for (const { name, bytes } of readSharedFolder('material/webrtc_corpora/rtcp')) {
      const result = parseRtcp(bytes);
      if (!result.ok) continue;
      accepted++;
      const sizeBytes = result.value.reduce((sum, header) => sum + header.sizeBytes, 0);
      assert.equal(sizeBytes, bytes.length, name);
    }
    assert.ok(accepted > 0);
  });
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { packets } from 'rtp.js';
import { parseRtp, readRtpPayloadType, readRtpSsrc } from '../../lib/wire/index.js';
import { truncations } from './digests.js';
import { readSharedFolder, requireShared } from './shared-material.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

const PLAIN = hex('8008 0102 00000a0b deadbeef d5d5');
/** Two CSRCs, an extension of one word, marker, three bytes of padding. */
const FULL = hex('b2e0 fffe ffffffff 80000001 11111111 22222222 bede0001 10aa0000 0102 000003');

function codeOf(bytes: Uint8Array): string {
  const result = parseRtp(bytes);
  return result.ok ? 'ok' : result.error.code;
}

describe('rtp', () => {
  it('reads a plain header', () => {
    assert.deepEqual(parseRtp(PLAIN), {
      ok: true,
      value: {
        payloadType: 8,
        marker: false,
        sequence: 0x0102,
        timestamp: 0x0a0b,
        ssrc: 0xdeadbeef,
        csrcCount: 0,
        headerSizeBytes: 12,
        paddingSizeBytes: 0,
      },
    });
    assert.equal(readRtpSsrc(PLAIN), 0xdeadbeef);
    assert.equal(readRtpPayloadType(PLAIN), 8);
  });

  it('reads CSRCs, an extension, the marker and padding', () => {
    assert.deepEqual(parseRtp(FULL), {
      ok: true,
      value: {
        payloadType: 96,
        marker: true,
        sequence: 0xfffe,
        timestamp: 0xffffffff,
        ssrc: 0x80000001,
        csrcCount: 2,
        headerSizeBytes: 28,
        paddingSizeBytes: 3,
      },
    });
    assert.equal(readRtpPayloadType(FULL), 96);
  });

  it('refuses every truncation of the header, with the place', () => {
    for (const bytes of truncations(FULL.subarray(0, 28))) {
      const result = parseRtp(bytes);
      assert.ok(!result.ok);
      assert.deepEqual([result.error.code, result.error.offset], ['truncated', bytes.length]);
    }
  });

  it('refuses other versions and impossible padding', () => {
    for (const first of [0x00, 0x40, 0xc0]) {
      assert.equal(codeOf(Uint8Array.from(PLAIN, (byte, i) => (i === 0 ? first : byte))), 'version');
    }
    const padded = (count: number) =>
      hex(`a008 0102 00000a0b deadbeef 0000 00${count.toString(16).padStart(2, '0')}`);
    assert.equal(codeOf(padded(0)), 'padding');
    assert.equal(codeOf(padded(4)), 'ok');
    assert.equal(codeOf(padded(5)), 'padding');
    assert.equal(codeOf(hex('a008 0102 00000a0b deadbe04')), 'padding');
  });

  it('agrees with rtp.js about packets that rtp.js made', () => {
    fc.assert(
      fc.property(
        fc.record({
          payloadType: fc.integer({ min: 0, max: 127 }),
          sequenceNumber: fc.integer({ min: 0, max: 0xffff }),
          timestamp: fc.integer({ min: 0, max: 0xffffffff }),
          ssrc: fc.integer({ min: 0, max: 0xffffffff }),
          marker: fc.boolean(),
          csrcs: fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 15 }),
          payload: fc.uint8Array({ maxLength: 40 }),
          padding: fc.boolean(),
        }),
        (fields) => {
          const made = new packets.RtpPacket();
          made.setPayloadType(fields.payloadType);
          made.setSequenceNumber(fields.sequenceNumber);
          made.setTimestamp(fields.timestamp);
          made.setSsrc(fields.ssrc);
          made.setMarker(fields.marker);
          made.setCsrcs(fields.csrcs);
          made.setPayload(new DataView(Uint8Array.from(fields.payload).buffer));
          if (fields.padding) made.padTo4Bytes();
          const view = made.getView();
          const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
          const result = parseRtp(bytes);
          assert.ok(result.ok);
          assert.deepEqual(result.value, {
            payloadType: fields.payloadType,
            marker: fields.marker,
            sequence: fields.sequenceNumber,
            timestamp: fields.timestamp,
            ssrc: fields.ssrc,
            csrcCount: fields.csrcs.length,
            headerSizeBytes: bytes.length - fields.payload.length - made.getPadding(),
            paddingSizeBytes: made.getPadding(),
          });
        },
      ),
      { seed: 3550 },
    );
  });

  it('reads the RTP corpus of WebRTC without surprise', function () {
    requireShared(this, 'material/webrtc_corpora/rtp');
    const files = readSharedFolder('material/webrtc_corpora/rtp');
    assert.ok(files.length > 0);
    for (const { name, bytes } of files) {
      const result = parseRtp(bytes);
      if (!result.ok) continue;
      const { headerSizeBytes, paddingSizeBytes, ssrc } = result.value;
      assert.ok(headerSizeBytes + paddingSizeBytes <= bytes.length, name);
      assert.equal(ssrc, bytes.readUInt32BE(8), name);
    }
  });
});

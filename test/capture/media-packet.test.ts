import assert from 'node:assert/strict';
import type { MediaPacket } from '../../lib/capture/index.js';
import { encodeMuLaw, packetizePcmu, playTone, repeatMedia } from '../../lib/capture/index.js';
import { parseRtp } from '../../lib/wire/rtp.js';

function headerOf(packet: MediaPacket) {
  const header = parseRtp(packet.bytes);
  assert.ok(header.ok);
  return header.value;
}

/** The first `count` packets of an endless stream. */
function take(count: number, packets: Iterable<MediaPacket>): MediaPacket[] {
  const taken: MediaPacket[] = [];
  for (const packet of packets) if (taken.push(packet) === count) break;
  return taken;
}

describe('capture: encodeMuLaw', () => {
  // ITU-T G.711 table 2a: decision values are 14-bit, here in 16.
  for (const [sample, octet] of [
    [0, 0xff],
    [-1, 0x7f],
    [32_767, 0x80],
    [-32_768, 0x00],
    [1000, 0xce],
    [-1000, 0x4e],
  ] as const)
    it(`encodes ${sample} as ${octet.toString(16)}`, () => assert.equal(encodeMuLaw(sample), octet));

  it('is nearest to its sample for all samples, within half a step of the segment', () => {
    for (let sample = -32_635; sample <= 32_635; sample++) {
      const error = Math.abs(decodeMuLaw(encodeMuLaw(sample)) - sample);
      const step = 8 << Math.floor(Math.log2((Math.abs(sample) + 132) / 128));
      assert.ok(error <= step / 2 + 0.5, `${sample}: off by ${error}`);
    }
  });
});

describe('capture: packetizePcmu', () => {
  it('makes whole RTP packets of 20 ms and fills up the last with silence', () => {
    const packets = packetizePcmu(new Int16Array(161).fill(1000), { ssrc: 0xfffffffe });
    assert.deepEqual(
      packets.map(({ offsetMs, durationMs, bytes }) => [offsetMs, durationMs, bytes.length]),
      [
        [0, 20, 172],
        [20, 20, 172],
      ],
    );
    const headers = packets.map(headerOf);
    assert.deepEqual(
      headers.map(({ marker, payloadType, sequence, timestamp, ssrc }) => [
        marker,
        payloadType,
        sequence,
        timestamp,
        ssrc,
      ]),
      [
        [true, 0, 0, 0, 0xfffffffe],
        [false, 0, 1, 160, 0xfffffffe],
      ],
    );
    assert.deepEqual([...packets[1]!.bytes.subarray(12)], [0xce, ...new Array<number>(159).fill(0xff)]);
  });

  it('takes an SSRC at random, so that two callers do not collide', () => {
    const ssrcs = new Set(Array.from({ length: 20 }, () => headerOf(playTone(0.02)[0]!).ssrc));
    assert.ok(ssrcs.size > 15);
  });
});

describe('capture: playTone', () => {
  it('lasts as long as asked', () => {
    assert.equal(playTone(1.5).length, 75);
    assert.deepEqual(playTone(0), []);
    assert.deepEqual(playTone(-1), []);
  });

  it('is 440 Hz', () => {
    const samples = playTone(1).flatMap(({ bytes }) => [...bytes.subarray(12)].map(decodeMuLaw));
    const power = (hz: number) => {
      let [re, im] = [0, 0];
      for (const [i, sample] of samples.entries()) {
        re += sample * Math.cos((2 * Math.PI * hz * i) / 8000);
        im += sample * Math.sin((2 * Math.PI * hz * i) / 8000);
      }
      return Math.hypot(re, im) / 4000;
    };
    assert.ok(Math.abs(power(440) - 8192) < 100);
    for (const hz of [220, 430, 450, 880]) assert.ok(power(hz) < 100, `${hz} Hz`);
  });
});

describe('capture: repeatMedia', () => {
  it('goes on without a seam, also where sequence and timestamp wrap', () => {
    const packets = playTone(0.06, { ssrc: 1 });
    for (const [i, { bytes }] of packets.entries()) {
      const view = new DataView(bytes.buffer);
      view.setUint16(2, 0xfffe + i);
      view.setUint32(4, 0xffffff00 + i * 160);
    }
    const played = take(9, repeatMedia(packets, { ssrc: 7 }));
    for (const [i, packet] of played.entries()) {
      const header = headerOf(packet);
      assert.equal(header.sequence, (0xfffe + i) & 0xffff);
      assert.equal(header.timestamp, (0xffffff00 + i * 160) >>> 0);
      assert.equal(header.ssrc, 7);
      assert.equal(packet.offsetMs, i * 20);
      assert.deepEqual(packet.bytes.subarray(12), packets[i % 3]!.bytes.subarray(12));
    }
    assert.equal(headerOf(packets[0]!).ssrc, 1, 'the packets given are left alone');
  });

  it('keeps the SSRC when none is given, repeats one packet, and nothing for nothing', () => {
    const played = take(3, repeatMedia(playTone(0.02, { ssrc: 9 })));
    assert.deepEqual(
      played.map((packet) => [packet.offsetMs, headerOf(packet).timestamp, headerOf(packet).ssrc]),
      [
        [0, 0, 9],
        [20, 160, 9],
        [40, 320, 9],
      ],
    );
    assert.deepEqual([...repeatMedia([])], []);
  });

  it('leaves what it was given as it is, a view of a larger Buffer too', () => {
    const [packet] = playTone(0.02, { ssrc: 9 });
    assert.ok(packet);
    const capture = Buffer.concat([Buffer.alloc(8), packet.bytes]);
    const view = { ...packet, bytes: capture.subarray(8) };
    const [played] = take(1, repeatMedia([view], { ssrc: 7 }));
    assert.ok(played);
    assert.equal(headerOf(played).ssrc, 7);
    assert.deepEqual(capture.subarray(8), Buffer.from(packet.bytes));
    assert.deepEqual(capture.subarray(0, 8), Buffer.alloc(8));
  });
});

/** ITU-T G.711, the other way round. */
function decodeMuLaw(octet: number): number {
  const bits = ~octet & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return bits & 0x80 ? -magnitude : magnitude;
}

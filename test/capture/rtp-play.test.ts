import assert from 'node:assert/strict';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { PcapWriter, playFromCapture } from '../../lib/capture/index.js';
import { concat, hex } from './bytes.js';

interface RtpFields {
  readonly atMs: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc?: number;
  readonly payloadType?: number;
  readonly from?: number;
  readonly to?: number;
}

/** A captured RTP packet; ports stand for parties, all on one address. */
function rtp({
  atMs,
  sequence,
  timestamp,
  ssrc = 1,
  payloadType = 0,
  from = 42_000,
  to = 40_000,
}: RtpFields) {
  const payload = new Uint8Array(13);
  const view = new DataView(payload.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, payloadType);
  view.setUint16(2, sequence);
  view.setUint32(4, timestamp);
  view.setUint32(8, ssrc);
  return datagram(atMs, payload, from, to);
}

function datagram(atMs: number, payload: Uint8Array, from = 42_000, to = 40_000): CapturedDatagram {
  const end = (port: number) => ({ address: '192.0.2.1', port });
  return { timeMs: 1e12 + atMs, source: end(from), destination: end(to), payload };
}

function capture(...datagrams: readonly CapturedDatagram[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => parts.push(bytes));
  for (const one of datagrams) writer.write(one);
  return concat(...parts);
}

function stream(count: number, fields: Partial<RtpFields> = {}, step = 160): CapturedDatagram[] {
  return Array.from({ length: count }, (_, i) =>
    rtp({ atMs: i * 20, sequence: i, timestamp: i * step, ...fields }),
  );
}

describe('capture: playFromCapture', () => {
  it('gives whole packets with the times of the capture', () => {
    const sent = [
      rtp({ atMs: 5, sequence: 1, timestamp: 0 }),
      rtp({ atMs: 26, sequence: 2, timestamp: 160 }),
      rtp({ atMs: 44, sequence: 3, timestamp: 400 }),
    ];
    assert.deepEqual(
      playFromCapture(capture(...sent)),
      [0, 21, 39].map((offsetMs, i) => ({ offsetMs, bytes: sent[i]!.payload, durationMs: [20, 30, 30][i] })),
    );
  });

  it('takes the largest stream, or that of the SSRC asked for', () => {
    const file = capture(...stream(2, { ssrc: 5 }), ...stream(3, { ssrc: 6 }));
    assert.equal(playFromCapture(file).length, 3);
    assert.equal(playFromCapture(file, { ssrc: 5 }).length, 2);
    assert.deepEqual(playFromCapture(file, { ssrc: 7 }), []);
  });

  it('keeps an echo of a stream apart from it', () => {
    const echo = stream(3, { from: 40_000, to: 42_000 });
    assert.equal(playFromCapture(capture(...stream(3).flatMap((one, i) => [one, echo[i]!]))).length, 3);
  });

  it('follows a source that a NAT rebinds', () => {
    const before = stream(3, { from: 30_001 });
    const after = [3, 4].map((i) => rtp({ atMs: i * 20, sequence: i, timestamp: i * 160, from: 31_002 }));
    assert.equal(playFromCapture(capture(...before, ...after)).length, 5);
  });

  it('passes over RTCP, STUN, and datagrams too short for RTP', () => {
    const others = [
      datagram(0, hex('80c80006 00000001 00000000 00000000')),
      datagram(0, hex('00010000 2112a442 000102030405060708090a0b')),
      datagram(0, hex('80000000')),
    ];
    assert.equal(playFromCapture(capture(...others, ...stream(2))).length, 2);
    assert.deepEqual(playFromCapture(capture(...others)), []);
  });

  for (const [what, payloadType, step, durationMs] of [
    ['PCMU', 0, 160, 20],
    ['PCMU of 30 ms', 0, 240, 30],
    ['G722, whose clock counts 8000 (RFC 3551)', 9, 160, 20],
    ['L16 at 44100', 11, 882, 20],
    ['opus of a dynamic type, by its pace', 111, 960, 20],
    ['AMR-WB of a dynamic type, by its pace', 97, 320, 20],
  ] as const)
    it(`reads how long a packet of ${what} lasts`, () => {
      const packets = playFromCapture(capture(...stream(10, { payloadType }, step)));
      assert.deepEqual(new Set(packets.map((packet) => packet.durationMs)), new Set([durationMs]));
    });

  it('knows no clock of one dynamic packet, and takes 20 ms', () => {
    assert.equal(playFromCapture(capture(...stream(1, { payloadType: 111 })))[0]?.durationMs, 20);
  });

  it('takes a leap of the timestamp for no length, and never goes back in time', () => {
    const packets = playFromCapture(
      capture(
        rtp({ atMs: 50, sequence: 0, timestamp: 0 }),
        rtp({ atMs: 70, sequence: 1, timestamp: 160 }),
        rtp({ atMs: 60, sequence: 2, timestamp: 320 }),
        rtp({ atMs: 90, sequence: 3, timestamp: 900_000 }),
      ),
    );
    assert.deepEqual(
      packets.map(({ offsetMs, durationMs }) => [offsetMs, durationMs]),
      [
        [0, 20],
        [20, 20],
        [20, 20],
        [40, 20],
      ],
    );
  });

  it('plays the good part of a damaged capture, and nothing of what is none', () => {
    assert.equal(playFromCapture(capture(...stream(4)).subarray(0, -1)).length, 3);
    assert.deepEqual(playFromCapture(hex('00')), []);
  });
});

import assert from 'node:assert/strict';
import { concat, hex } from './bytes.js';
import type { SegmentFields } from './packets.js';
import { hear, rawCapture, tcp, text } from './packets.js';

const invite = text('INVITE sip:bob@example.net SIP/2.0', 'Call-ID: 1', 'Content-Length: 2', '', 'v=');
const ok = text('SIP/2.0 200 OK', 'Call-ID: 1', '', 'x'.repeat(200));
const request = text(
  'GET /sip HTTP/1.1',
  'Host: example.net',
  'UPGRADE: WebSocket',
  'Connection: Upgrade',
  '',
  '',
);
const accepted = text('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', '', '');
const mask = hex('a1b2c3d4');

interface FrameFields {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  readonly reserved?: number;
  /** How many bytes tell the length, where it would fit into fewer. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** The length told, where it is not that of the payload. */
  readonly length?: number;
}

function frame(payload: Uint8Array, fields: FrameFields = {}): Uint8Array {
  const { opcode = 1, isFinal = true, isMasked = false, reserved = 0, length = payload.length } = fields;
  const lengthBytes = fields.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const long = new DataView(new ArrayBuffer(8));
  long.setBigUint64(0, BigInt(length));
  const short = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  const data = isMasked ? payload.map((byte, i) => byte ^ mask[i % 4]!) : payload;
  return concat(
    Uint8Array.of((isFinal ? 0x80 : 0) | reserved | opcode, (isMasked ? 0x80 : 0) | short),
    new Uint8Array(long.buffer, 8 - lengthBytes),
    isMasked ? mask : hex(''),
    data,
  );
}

/** The texts heard in data, sent as one stream in segments of a size; from a SYN on unless it was missed. */
function listen(data: Uint8Array, { size = 1400, isMissed = false, missing = -1 } = {}) {
  const segments: SegmentFields[] = isMissed ? [] : [{ sequence: 0, isOpening: true }];
  for (let at = 0; at < data.length; at += size)
    if (at / size !== missing) segments.push({ sequence: 1 + at, data: data.subarray(at, at + size) });
  const heard = hear(rawCapture(segments.map(tcp)));
  for (const { transport } of heard.sip) assert.equal(transport, 'ws');
  return { ...heard, texts: heard.sip.map((message) => message.text) };
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const [INVITE, OK] = [latin1(invite), latin1(ok)];

describe('capture: SIP over WebSocket', () => {
  for (const isMasked of [true, false])
    it(`reads ${isMasked ? 'the client' : 'the server'}'s side at every size of segment`, () => {
      const data = concat(
        isMasked ? request : accepted,
        frame(invite, { isMasked }),
        frame(text('ping'), { opcode: 9, isMasked }),
        frame(ok, { isMasked, opcode: 2 }),
        frame(hex('0d0a0d0a'), { isMasked }),
        frame(hex(''), { opcode: 10, isMasked }),
        frame(invite, { isMasked, lengthBytes: 8 }),
        frame(hex('03e8'), { opcode: 8, isMasked }),
      );
      for (let size = 1; size <= data.length; size++) {
        const heard = listen(data, { size });
        assert.deepEqual(heard.texts, [INVITE, OK, INVITE], `${size}`);
        assert.deepEqual(heard.skipped, { 'tcp-empty': 1 });
      }
    });

  for (const isMasked of [true, false])
    it(`finds the first frame with SIP when the opening was missed, ${isMasked ? 'masked' : 'plain'}`, () => {
      const data = concat(
        frame(hex(''), { opcode: 9, isMasked }),
        frame(ok, { isMasked }),
        frame(invite, { isMasked }),
        frame(ok, { isMasked }),
      );
      for (const from of [0, 1, 2, 5, 9, 40, 150])
        assert.deepEqual(
          listen(data.subarray(from), { isMissed: true }).texts,
          from < 3 ? [OK, INVITE, OK] : isMasked && from === 5 ? [OK, INVITE, OK] : [INVITE, OK],
          `from ${from}`,
        );
    });

  it('puts fragmented messages together, with a ping in between', () => {
    for (let cut = 1; cut < invite.length; cut++) {
      const data = concat(
        accepted,
        frame(invite.subarray(0, cut), { isFinal: false }),
        frame(text('still there?'), { opcode: 9 }),
        frame(hex(''), { opcode: 0, isFinal: false }),
        frame(invite.subarray(cut), { opcode: 0 }),
        frame(ok),
      );
      assert.deepEqual(listen(data, { size: 37 }).texts, [INVITE, OK], `${cut}`);
    }
  });

  it('goes on with the next frame after a missing segment', () => {
    const frames = [invite, ok, invite, ok].map((one) => frame(one, { isMasked: true }));
    const data = concat(request, ...frames);
    const size = 60;
    for (let missing = 2; missing < data.length / size; missing++) {
      const [from, to] = [missing * size, Math.min(data.length, missing * size + size)];
      let end = request.length;
      const expected = [INVITE, OK, INVITE, OK].filter((_, i) => {
        const start = end;
        end += frames[i]!.length;
        return end <= from || start >= to;
      });
      assert.deepEqual(listen(data, { size, missing }).texts, expected, `segment ${missing}`);
    }
  });

  for (const [what, bad] of [
    ['a compressed message', frame(invite, { reserved: 0x40 })],
    [
      'a compressed message in fragments',
      concat(frame(invite, { reserved: 0x40, isFinal: false }), frame(invite, { opcode: 0 })),
    ],
    ['the rest of a message that never began', frame(invite, { opcode: 0 })],
    ['a message that is no SIP', frame(text('{"id":1}'))],
    ['an empty message', frame(hex(''))],
    ['a message past the bound', frame(concat(invite, new Uint8Array(300_000)))],
    [
      'fragments past the bound',
      concat(
        frame(invite, { isFinal: false }),
        ...[1, 2, 3].map(() => frame(new Uint8Array(100_000), { opcode: 0, isFinal: false })),
        frame(invite, { opcode: 0 }),
      ),
    ],
    ['an opcode that does not exist', frame(invite, { opcode: 3 })],
    ['a length of 2^62', frame(hex('00'), { lengthBytes: 8, length: 2 ** 62 })],
    ['a length with the highest bit set', concat(hex('817f8000000000000001'), hex('00'))],
    ['a ping of 126 bytes', frame(new Uint8Array(126), { opcode: 9 })],
  ] as const)
    it(`goes on behind ${what}`, () => {
      const { texts } = listen(concat(accepted, frame(ok), bad, frame(invite)));
      assert.deepEqual([texts[0], texts.at(-1), texts.length], [OK, INVITE, 2]);
    });

  it('counts a WebSocket of something else', () => {
    const json = frame(text('{"id":1}'));
    assert.deepEqual(listen(concat(accepted, json, json), { size: accepted.length }).skipped, {
      'tcp-empty': 1,
      'tcp-other': 1,
    });
  });

  it('counts HTTP that opens no WebSocket', () => {
    const page = text('GET / HTTP/1.1', 'Host: example.net', '', '');
    assert.deepEqual(listen(page).skipped, { 'tcp-empty': 1, 'tcp-other': 1 });
    const endless = text('GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`);
    assert.equal(listen(endless).skipped['tcp-other'], 4);
  });
});

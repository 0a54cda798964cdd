// What packets carry: datagrams, fragments, TCP in any order, WebSockets and SIP in them. An input is a list of packets in
// a short spelling, out of which a capture is made, so that a change reaches what lies deep.
import { hold } from '../target.js';
import type { Target } from '../target.js';
import { checkCapture } from './capture.js';
import { sipOf, SIGNALLING } from './recorded.js';

/** kind, flags, sequence (two bytes), length (two bytes), then so many bytes. */
const HEAD_BYTES = 6;
const MAX_PACKETS = 64;

function run(bytes: Uint8Array): void {
  const records: Uint8Array[] = [HEADER];
  let timeMs = 0;
  let packets = 0;
  for (let at = 0; at + HEAD_BYTES <= bytes.length && packets < MAX_PACKETS; packets++) {
    const [kind = 0, flags = 0] = bytes.subarray(at);
    const sequence = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const size = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    const payload = bytes.slice(at + HEAD_BYTES, at + HEAD_BYTES + size);
    at += HEAD_BYTES + payload.length;
    timeMs += flags & 0x80 ? 4000 : 5;
    records.push(record(timeMs, packetOf(kind, flags, sequence, payload)));
  }
  const capture = new Uint8Array(Buffer.concat(records));
  hold(capture.length <= bytes.length + 24 + packets * 70, 'a capture longer than was meant');
  checkCapture(capture, 1 + ((bytes[0] ?? 0) % 97));
}

const HEADER = Uint8Array.of(
  0xd4,
  0xc3,
  0xb2,
  0xa1,
  2,
  0,
  4,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  4,
  0,
  101,
  0,
  0,
  0,
);

function record(timeMs: number, packet: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + packet.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1000 + Math.floor(timeMs / 1000), true);
  view.setUint32(4, (timeMs % 1000) * 1000, true);
  view.setUint32(8, packet.length, true);
  view.setUint32(12, packet.length, true);
  bytes.set(packet, 16);
  return bytes;
}

/** 0: UDP; 1: TCP; 2: a fragment of UDP. Flags: 1 the other way, 2 SYN, 4 ACK, 8 more fragments, 16 another port. */
function packetOf(kind: number, flags: number, sequence: number, payload: Uint8Array): Uint8Array {
  const isBack = (flags & 1) !== 0;
  const isTcp = kind % 3 === 1;
  const isFragment = kind % 3 === 2;
  const head = isTcp ? 20 : isFragment && (sequence & 0x1fff) !== 0 ? 0 : 8;
  const bytes = new Uint8Array(20 + head + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, bytes.length);
  view.setUint16(4, 7);
  if (isFragment) view.setUint16(6, (sequence & 0x1fff) | (flags & 8 ? 0x2000 : 0));
  view.setUint8(9, isTcp ? 6 : 17);
  view.setUint32(12, isBack ? 0xcb007101 : 0xc0000201);
  view.setUint32(16, isBack ? 0xc0000201 : 0xcb007101);
  bytes.set(payload, 20 + head);
  if (head === 0) return bytes;
  const [near, far] = [flags & 16 ? 40_000 : 5070, 5060];
  view.setUint16(20, isBack ? far : near);
  view.setUint16(22, isBack ? near : far);
  if (!isTcp) view.setUint16(24, 8 + payload.length);
  else {
    view.setUint32(24, sequence);
    view.setUint32(28, sequence);
    view.setUint8(32, 0x50);
    view.setUint8(33, (flags & 2) | (flags & 4 ? 0x10 : 0));
  }
  return bytes;
}

const packet = (kind: number, flags: number, sequence: number, payload: Uint8Array | string): Uint8Array => {
  const data = Buffer.from(payload as string, 'latin1');
  const head = [kind, flags, sequence >> 8, sequence & 255, data.length >> 8, data.length & 255];
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), data]));
};

export const target: Target = {
  name: 'traffic',
  maxBytes: 4000,
  dictionary: [
    'INVITE sip:a@b SIP/2.0\r\n',
    'SIP/2.0 200 OK\r\n',
    'Content-Length: 10\r\n',
    'l: 0\r\n',
    'Call-ID: a\r\n',
    'CSeq: 1 INVITE\r\n',
    'From: <sip:a@b>;tag=1\r\n',
    'To: <sip:b@b>;tag=2\r\n',
    'Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\n',
    'Contact: <sip:a@192.0.2.1>\r\n',
    '\r\n\r\n',
    'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    Uint8Array.of(0x81, 0x7e, 1, 0),
    Uint8Array.of(0x81, 0xfe, 0, 200, 1, 2, 3, 4),
    Uint8Array.of(0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7),
    Uint8Array.of(1, 4, 0, 1, 0, 20),
    Uint8Array.of(0, 0, 0, 0, 0, 20),
    Uint8Array.of(2, 8, 0, 0, 0, 16),
  ],
  *seeds(root) {
    const [first = new Uint8Array(), second = new Uint8Array(), ...others] = sipOf(root, SIGNALLING);
    const text = Buffer.from(first).toString('latin1');
    yield packet(0, 0, 0, first);
    for (const other of others.slice(0, 12)) yield packet(0, 1, 0, other);
    yield Uint8Array.from([
      ...packet(1, 2, 9, ''),
      ...packet(1, 4, 10, text.slice(0, 300)),
      ...packet(1, 4, 310, text.slice(300)),
      ...packet(1, 5, 10, second),
    ]);
    yield Uint8Array.from([...packet(1, 4, 310, text.slice(300)), ...packet(1, 4, 10, text.slice(0, 300))]);
    const frame = Uint8Array.from([0x81, 0x7e, text.length >> 8, text.length & 255, ...first]);
    yield Uint8Array.from([
      ...packet(1, 4, 10, 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'),
      ...packet(1, 5, 10, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'),
      ...packet(1, 5, 67, frame),
    ]);
    yield Uint8Array.from([...packet(2, 8, 0, text.slice(0, 72)), ...packet(2, 0, 10, text.slice(72))]);
    const rtp = Buffer.concat([Uint8Array.of(0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7), new Uint8Array(40)]);
    yield Uint8Array.from([...packet(0, 0, 0, rtp), ...packet(0, 0, 0, rtp), ...packet(0, 0, 0, rtp)]);
  },
  run,
  work: { base: 60_000, perByte: 1200 },
  slowMs: 150,
};

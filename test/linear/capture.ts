// Hostile inputs for the readers of captures: the files, what is put together from packets, and the messages in it.
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { CaptureReader } from '../../lib/capture/index.js';
import { parseSipMessage } from '../../lib/capture/sip-message.js';
import { SignallingStream } from '../../lib/capture/signalling-stream.js';
import { parseFrame } from '../../lib/capture/web-socket-frame.js';
import { concat, frames, pcapHeader, pcapRecord } from '../capture/bytes.js';
import { Blocks, ipv4, rawCapture, tcp } from '../capture/packets.js';
import { envelopes, ethernet, label, nested, outer4 } from '../capture/tunnels.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const FILE_BYTES = 1 << 18;
/** Half of it is more than the longest message. */
const STREAM_BYTES = 1 << 20;
/** Of what comes byte by byte. */
const TRICKLED_BYTES = 1 << 16;

function readFile(file: Uint8Array, size = file.length) {
  const reader = new CaptureReader({ onSip: () => undefined, onDatagram: () => undefined });
  for (let at = 0; at < file.length; at += size) reader.push(file.subarray(at, at + size));
  return reader.end();
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function stream(bytes: Uint8Array, size: number): number {
  const ends = { address: '192.0.2.1', port: 1 };
  let count = 0;
  const signalling = new SignallingStream({ source: ends, destination: ends, onSip: () => count++ });
  for (let at = 0; at < bytes.length; at += size) {
    signalling.push(0, bytes, at, Math.min(bytes.length, at + size));
  }
  return count;
}

const START = 'OPTIONS sip:a@b SIP/2.0\r\n';
const MESSAGE = `${START}CSeq: 1 OPTIONS\r\nCall-ID: x\r\nl: 0\r\n\r\n`;
/** A frame of text whose payload is empty, and one that holds the beginning of SIP. */
const EMPTY_FRAME = '\x01\x00';
const UPGRADE = 'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n';
const SIP_FRAME = `\x81${String.fromCharCode(MESSAGE.length)}${MESSAGE}`;

const streamShapes: Record<string, (size: number) => Uint8Array> = {
  'one header without end': (size) => bytesOf(filled(START, 'X: y\r\n', '', size)),
  'a long start line, and a header without end': (size) =>
    bytesOf(filled(`OPTIONS sip:${'a'.repeat(8000)} SIP/2.0\r\n`, 'X: y\r\n', '', size)),
  'a start line without end': (size) => bytesOf(filled('OPTIONS ', 'a', '', size)),
  'long bodies': (size) =>
    bytesOf(`${START}l: 60000\r\n\r\n${'a'.repeat(60_000)}`.repeat(Math.max(1, size >> 16))),
  'one long body': (size) => bytesOf(filled(`${START}l: 250000\r\n\r\n`, 'a', '', Math.min(size, 250_000))),
  'small messages': (size) => bytesOf(filled('', MESSAGE, '', size)),
  'messages with a bad length': (size) => bytesOf(filled('', `${START}l: x\r\n\r\n`, '', size)),
  'line ends': (size) => bytesOf('\r\n'.repeat(size >> 1)),
  letters: (size) => bytesOf('A'.repeat(size)),
  'letters in lines': (size) => bytesOf('A\n'.repeat(size >> 1)),
  'an upgrade without end': (size) => bytesOf(filled('GET / HTTP/1.1\r\n', 'Upgrade: x\r\n', '', size)),
  'frames of nothing': (size) => bytesOf(filled(UPGRADE, EMPTY_FRAME, '', size)),
  'frames of a message': (size) => bytesOf(filled(UPGRADE, SIP_FRAME, '', size)),
  'one message in pieces': (size) => bytesOf(filled(`${UPGRADE}\x01\x01O`, '\x00\x01X', '', size)),
  'what may be frames': (size) => bytesOf(filled(`${UPGRADE}\x83\x00`, '\x81\x20O', '', size)),
  'after a loss, what may be frames': (size) => bytesOf(filled(SIP_FRAME + '\xff', '\x01', '', size)),
};

const segmentsOf = (size: number, count: (index: number, all: number) => number, data = 'A') => {
  const all = Math.max(2, Math.floor(size / (56 + data.length)));
  const bytes = bytesOf(data);
  return rawCapture(
    Array.from({ length: all }, (_, i) => tcp({ sequence: count(i, all), data: bytes })),
    Array.from({ length: all }, () => 0),
  );
};

const fragmentsOf = (
  size: number,
  offset: (index: number, all: number) => number,
  id: (index: number) => number,
) => {
  const all = Math.max(2, Math.floor(size / 44));
  return rawCapture(
    Array.from({ length: all }, (_, i) =>
      ipv4(17, new Uint8Array(8), { id: id(i) & 0xffff, offset: offset(i, all) % 65_000, more: true }),
    ),
    Array.from({ length: all }, () => 0),
  );
};

const fileShapes: Record<string, (size: number) => Uint8Array> = {
  'pcap: empty packets': (size) => rawCapture(Array.from({ length: size >> 4 }, () => new Uint8Array())),
  'pcap: headers that nothing follows': (size) => {
    const header = rawCapture([]);
    return Buffer.concat([header, Buffer.alloc(size, 0)]);
  },
  'pcapng: sections': (size) => blocks(size, (file) => file.section()),
  'pcapng: interfaces': (size) =>
    blocks(
      size,
      (file) => file.interface(101),
      (file) => file.section(),
    ),
  'pcapng: one interface of options': (size) => {
    const file = new Blocks();
    const options = Array.from({ length: Math.max(1, (size >> 2) - 32) }, () =>
      file.option(1, new Uint8Array()),
    );
    return Buffer.concat([
      file.section(),
      file.block(1, Buffer.concat([Buffer.from([101, 0, 0, 0, 0, 0, 0, 0]), ...options])),
    ]);
  },
  'pcapng: unknown blocks': (size) =>
    blocks(
      size,
      (file) => file.block(99),
      (file) => file.section(),
    ),
  'pcapng: packets of no interface': (size) =>
    blocks(
      size,
      (file) => file.packet(5, 0, new Uint8Array()),
      (file) => file.section(),
    ),
  'tcp: in order': (size) => segmentsOf(size, (i) => i),
  'tcp: backwards': (size) => segmentsOf(size, (i, all) => all - i),
  'tcp: every second byte': (size) => segmentsOf(size, (i) => 2 * i),
  'tcp: every second byte, backwards': (size) => segmentsOf(size, (i, all) => 2 * (all - i)),
  'tcp: the same again': (size) => segmentsOf(size, () => 0),
  'tcp: far apart': (size) => segmentsOf(size, (i) => i * 0x10000001),
  'tcp: connections': (size) =>
    rawCapture(
      Array.from({ length: Math.floor(size / 57) }, (_, i) =>
        tcp({ sequence: 7, data: bytesOf('O'), last: i & 0xff, back: (i & 256) !== 0 }),
      ),
    ),
  'fragments: holes': (size) =>
    fragmentsOf(
      size,
      (i) => 16 * i,
      () => 1,
    ),
  'fragments: holes, backwards': (size) =>
    fragmentsOf(
      size,
      (i, all) => 16 * (all - i),
      () => 1,
    ),
  'fragments: datagrams': (size) =>
    fragmentsOf(
      size,
      () => 8,
      (i) => i,
    ),
  'fragments: far ends of datagrams': (size) =>
    fragmentsOf(
      size,
      () => 64_000,
      (i) => i,
    ),
  'fragments: the same again': (size) =>
    fragmentsOf(
      size,
      () => 8,
      () => 1,
    ),
};

/** The same Ethernet frame again and again. */
const ethernetOf = (frame: Uint8Array) => (size: number) => {
  const record = pcapRecord({ bytes: frame });
  const file = new Uint8Array(24 + record.length * Math.max(1, Math.floor(size / record.length)));
  file.set(pcapHeader({ linkType: 1 }));
  for (let at = 24; at < file.length; at += record.length) file.set(record, at);
  return file;
};

/** One frame of this unit, as long as it may be. */
const stacked = (type: number, unit: Uint8Array) => (size: number) => {
  const count = Math.max(1, Math.floor((size - 64) / unit.length));
  return ethernetOf(ethernet(type, concat(...Array.from({ length: count }, () => unit))))(size);
};

const tunnelShapes: Record<string, (size: number) => Uint8Array> = {
  ...Object.fromEntries(
    Object.entries(envelopes).map(([name, wrap]) => [name, ethernetOf(wrap(frames.rawIpv4))]),
  ),
  'a stack of labels': stacked(0x8847, label(16, false)),
  'a stack of tags': stacked(0x8100, Uint8Array.of(0, 7, 0x81, 0)),
  'Ethernet in MPLS in Ethernet': stacked(
    0x8847,
    concat(label(16, true), new Uint8Array(16), Uint8Array.of(0x88, 0x47)),
  ),
  'packets in each other': ethernetOf(ethernet(0x0800, nested(9, frames.rawIpv4))),
  'packets in each other, as deep as they go': (size) =>
    ethernetOf(
      ethernet(0x0800, nested(Math.max(1, Math.min(2000, Math.floor(size / 20) - 4)), frames.rawIpv4)),
    )(size),
  'fragments of tunnels': (size) =>
    rawCapture(
      Array.from({ length: Math.floor(size / 60) }, (_, i) =>
        outer4(4, ipv4(17, new Uint8Array(8), { id: i & 0xffff, offset: 8, more: true })),
      ),
      Array.from({ length: Math.floor(size / 60) }, () => 0),
    ),
};

/** What the analysis makes of RTP and RTCP: `numbers` and the like are asked for each packet. */
interface MediaShape {
  readonly number: (index: number, all: number) => number;
  readonly port?: (index: number) => number;
  readonly type?: number;
  readonly ssrc?: (index: number) => number;
  readonly payload?: Uint8Array;
}

const MEDIA_BYTES = 60;
const mediaShapes: Record<string, MediaShape> = {
  'in order': { number: (i) => i },
  'every second number': { number: (i) => 2 * i },
  'every second number, then the others': { number: (i, all) => (i < all / 2 ? 2 * i : 2 * i - all + 1) },
  backwards: { number: (i, all) => all - i },
  'the same number': { number: () => 7 },
  'numbers that begin anew': { number: (i) => (i >> 1) * 7001 + (i & 1) },
  'two sources in turn': { number: (i) => i, port: (i) => i & 1 },
  'two sources, each with its numbers': { number: (i) => i >> 1, port: (i) => i & 1 },
  'sources, one after the other': { number: (i) => i, port: (i) => i },
  'sources that come back': { number: (i) => i, port: (i) => (i >> 3) % 60 },
  'a stream for each packet': { number: (i) => i, ssrc: (i) => i },
  keys: { number: (i) => i, type: 101, payload: Uint8Array.of(1, 0x80, 0, 160) },
  'a clock that nobody knows': { number: (i) => i, type: 120 },
};

const analyseMedia = (packets: readonly Uint8Array[]): unknown => {
  const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
  const destination = { address: '203.0.113.1', port: 6000 };
  for (const [i, packet] of packets.entries())
    analysis.onDatagram({
      timeMs: i * 20,
      frame: i + 1,
      source: { address: '192.0.2.1', port: (packet[0]! << 8) | packet[1]! },
      destination,
      payload: packet.subarray(2),
    });
  return analysis.finish();
};

/** Each with two bytes before it for the port that it comes from. */
const mediaOf =
  ({ number, port = () => 0, ssrc = () => 1, type = 0, payload = new Uint8Array(20) }: MediaShape) =>
  (size: number): Uint8Array[] => {
    const all = Math.max(4, Math.floor(size / MEDIA_BYTES));
    return Array.from({ length: all }, (_, i) => {
      const view = new DataView(new ArrayBuffer(14 + payload.length));
      view.setUint16(0, 4000 + port(i));
      view.setUint16(2, 0x8000 | type);
      view.setUint16(4, number(i, all) & 0xffff);
      view.setUint32(6, (i * 160) >>> 0);
      view.setUint32(10, ssrc(i));
      const bytes = new Uint8Array(view.buffer);
      bytes.set(payload, 14);
      return bytes;
    });
  };

const REPORT_BLOCKS = 31;
/** Receiver reports, each about so many streams that nobody has heard of. */
const reportsOf = (size: number): Uint8Array[] =>
  Array.from({ length: Math.max(1, Math.floor(size / 760)) }, (_, i) => {
    const view = new DataView(new ArrayBuffer(2 + 8 + 24 * REPORT_BLOCKS));
    view.setUint16(2, 0x80c9 | (REPORT_BLOCKS << 8));
    view.setUint16(4, (view.byteLength - 2) / 4 - 1);
    for (let block = 0; block < REPORT_BLOCKS; block++) {
      view.setUint32(10 + 24 * block, i * REPORT_BLOCKS + block);
      view.setUint32(10 + 24 * block + 16, 1);
    }
    return new Uint8Array(view.buffer);
  });

function blocks(
  size: number,
  make: (file: Blocks) => Uint8Array,
  first?: (file: Blocks) => Uint8Array,
): Uint8Array {
  const file = new Blocks();
  const one = make(file);
  const all = Array.from({ length: Math.max(1, Math.floor(size / one.length)) }, () => one);
  return Buffer.concat([...(first ? [first(file)] : []), ...all]);
}

/** What is in the packets does not depend on how the file came: a few of them are enough. */
const trickledShapes = Object.fromEntries(
  Object.entries(fileShapes).filter(([name]) => !name.startsWith('fragments') && !name.startsWith('tcp')),
);

const messageShapes: Record<string, (size: number) => string> = {
  'junk before the start line': (size) => filled('', '\0', START, Math.min(size, 8000)),
  'a start line of spaces': (size) => filled('SIP/2.0 200', ' ', '\r\n\r\n', size),
  'a start line of words': (size) => filled('SIP/2.0 200', ' a', '\r\n\r\n', size),
  'folded lines': (size) => filled(`${START}Via: x`, '\r\n a', '\r\n\r\n', size),
  'a Via of semicolons': (size) => filled(`${START}Via: x`, '; ', '\r\n\r\n', size),
  'a Via of spaces': (size) => filled(`${START}Via: x;`, ' ', 'x\r\n\r\n', size),
  'a Via of branches': (size) => filled(`${START}Via: x`, ';branch ', '\r\n\r\n', size),
  'a From of brackets': (size) => filled(`${START}From: `, '<', '\r\n\r\n', size),
  'a From of tags': (size) => filled(`${START}From: <a>`, ';tag', '\r\n\r\n', size),
  'a CSeq of spaces': (size) => filled(`${START}CSeq: 1`, ' ', 'x\r\n\r\n', size),
  'a body of line ends': (size) => filled(`${START}\r\n`, '\n', '', size),
  'a multipart of descriptions': (size) => filled(`${START}c: multipart/mixed\r\n\r\n`, '\nv=', '', size),
  'a multipart of delimiters': (size) => filled(`${START}c: multipart/mixed\r\n\r\nv=0\r\n`, '\n-', '', size),
};

const all = <Input>(
  shapes: Record<string, (size: number) => Input>,
  most: number,
  read: (input: Input) => unknown,
) => Object.fromEntries(Object.entries(shapes).map(([name, make]) => [name, familyOf(most, make, read)]));

/** The first part of it, as long as a message may be, costs nothing: that part has to be a small one. */
const startLines = (size: number) =>
  familyOf(
    4 * STREAM_BYTES,
    (bytes) => bytesOf(filled('', START, '', bytes)),
    (bytes) => stream(bytes, size),
  );

export const captureFamilies: Families = {
  'files, in one piece': all(fileShapes, FILE_BYTES, (file) => readFile(file)),
  'files, byte by byte': all(trickledShapes, TRICKLED_BYTES, (file) => readFile(file, 1)),
  'streams, in one piece': all(streamShapes, STREAM_BYTES, (bytes) => stream(bytes, bytes.length)),
  'streams, in segments': all(streamShapes, STREAM_BYTES, (bytes) => stream(bytes, 1400)),
  'streams, byte by byte': all(streamShapes, TRICKLED_BYTES, (bytes) => stream(bytes, 1)),
  tunnels: all(tunnelShapes, FILE_BYTES, (file) => readFile(file)),
  'media in a capture': {
    ...Object.fromEntries(
      Object.entries(mediaShapes).map(([name, shape]) => [
        name,
        familyOf(FILE_BYTES, mediaOf(shape), analyseMedia),
      ]),
    ),
    'reports of everybody': familyOf(FILE_BYTES, reportsOf, analyseMedia),
  },
  'start lines without end': { 'in one piece': startLines(Infinity), 'in segments': startLines(1400) },
  parseSipMessage: all(messageShapes, FILE_BYTES, (text) => parseSipMessage(bytesOf(text))),
  parseFrame: {
    'a long frame': familyOf(
      FILE_BYTES,
      (size) => new Uint8Array(size).fill(0x81),
      (bytes) => {
        let last;
        for (let at = 0; at < bytes.length; at++) last = parseFrame(bytes, at, bytes.length);
        return last;
      },
    ),
  },
};

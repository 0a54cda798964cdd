// Hostile inputs for the readers of captures: the files, what is put together from packets, and the messages in it.
import { CaptureReader } from '../../lib/capture/index.js';
import { parseSipMessage } from '../../lib/capture/sip-message.js';
import { SignallingStream } from '../../lib/capture/signalling-stream.js';
import { parseFrame } from '../../lib/capture/web-socket-frame.js';
import { Blocks, ipv4, rawCapture, tcp } from '../capture/packets.js';
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

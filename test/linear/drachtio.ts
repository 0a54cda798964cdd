// Hostile inputs for what reads a daemon's lines and the messages in them.
import { readDaemonLine } from '../../plugins/drachtio/daemon-line.js';
import { readNextHop } from '../../plugins/drachtio/hop.js';
import { LineReader } from '../../plugins/drachtio/line-reader.js';
import { fieldsOf, readMessage, withBody, withoutLatch } from '../../plugins/drachtio/sip-text.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const MOST = 2 ** 18;
const HEAD =
  'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n';

function readLines(pieces: readonly Buffer[]): void {
  const reader = new LineReader({ onLine: readDaemonLine, onBroken: () => undefined });
  for (const piece of pieces) reader.push(piece);
}

/** In pieces of so many bytes. */
function cut(text: string, bytes: number): Buffer[] {
  const whole = Buffer.from(text);
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, i) =>
    whole.subarray(i * bytes, (i + 1) * bytes),
  );
}

const asText = (make: (size: number) => string, read: (text: string) => unknown) =>
  familyOf(MOST, make, read);

export const drachtioFamilies: Families = {
  LineReader: {
    'one line, byte by byte': familyOf(MOST, (size) => cut(`${size}#${'a'.repeat(size)}`, 1), readLines),
    'many lines': familyOf(MOST, (size) => cut(filled('', '3#a|b', '', size), 1000), readLines),
    'a line of bars': familyOf(MOST, (size) => cut(`${size}#${'|'.repeat(size)}`, 1000), readLines),
  },
  withoutLatch: {
    'lines of ours': asText((size) => filled(`${HEAD}\r\n`, 'a=latch:1\r\n', '', size), withoutLatch),
    'ends of heads': asText((size) => filled(HEAD, '\r\n\r\n', 'a=latch', size), withoutLatch),
  },
  withBody: {
    'folded lines': asText(
      (size) => filled(HEAD, '\r\n ', '', size),
      (text) => withBody(text, ''),
    ),
    'one folded line': asText(
      (size) => filled(`${HEAD}a:\r\n`, ' ', '', size),
      (text) => withBody(text, ''),
    ),
    lengths: asText(
      (size) => filled(HEAD, 'l: 1\r\n', '', size),
      (text) => withBody(text, ''),
    ),
  },
  fieldsOf: {
    fields: asText((size) => filled(HEAD, 'a: b\r\n', '', size), fieldsOf),
    colons: asText((size) => filled(HEAD, ':', '', size), fieldsOf),
  },
  readMessage: {
    'a body': asText((size) => `${HEAD}\r\n${'a'.repeat(size - HEAD.length - 2)}`, readMessage),
    addresses: asText((size) => filled(HEAD, 'Contact: <sip:a@b>,<sip:a@b>\r\n', '\r\n', size), readMessage),
  },
  readNextHop: {
    'at signs': asText((size) => filled('sip:', '@', '', size), readNextHop),
    parameters: asText((size) => filled('sip:a@b', ';transport', '', size), readNextHop),
    'a parameter of spaces': asText((size) => filled('sip:a@b;', ' ', '', size), readNextHop),
    'a host of brackets': asText((size) => filled('sip:', '[', '', size), readNextHop),
  },
};

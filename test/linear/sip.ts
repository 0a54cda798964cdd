// Hostile inputs for what reads SIP: the gate, the framer, bodies, hops, and the package behind the gate.
import {
  GATE_LIMITS,
  MessageFramer,
  examineMessage,
  hopSignalling,
  isLoopback,
  readAddress,
  readCredentials,
  readSdp,
  replaceSdp,
  rackCseq,
  sessionExpiresMs,
} from '../../lib/sip/index.js';
import type { SipMessage } from '../../lib/sip/index.js';
import { listElements, readVia } from '../../lib/sip/field-values.js';
import { packageText, unveilMessage } from '../../plugins/sip/package-text.js';
import { parseSipUri } from '../../plugins/sip/target.js';
import { sip } from '../plugins/sip-phones.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const LINE_BYTES = GATE_LIMITS.maxLineBytes;
/** What a head may have. */
const HEAD_BYTES = 60_000;
const MESSAGE_BYTES = GATE_LIMITS.maxMessageBytes;
const HEAD =
  'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n';

/** A value of a header field, of any length. */
const values: Record<string, (size: number) => string> = {
  letters: (size) => 'a'.repeat(size),
  'letters and spaces': (size) => filled('', 'a ', '', size),
  'a run of spaces': (size) => filled('a', ' ', 'b', size),
  tabs: (size) => filled('a', '\t', 'b', size),
  'runs of eight spaces': (size) => filled('', 'a        ', '', size),
  commas: (size) => ','.repeat(size),
  semicolons: (size) => ';'.repeat(size),
  'open quotes': (size) => `"${'a'.repeat(size)}`,
  'escapes in quotes': (size) => filled('"', '\\"', '', size),
  'many quotes': (size) => filled('', '"a" ', '', size),
  'open brackets': (size) => filled('', '< ,', '', size),
  'a bracket of spaces': (size) => filled('<', ' ', '', size),
  'a Via of Vias': (size) => filled('', 'SIP/2.0/', '', size),
  'a Via of parameters': (size) => filled('SIP/2.0/UDP h', ';a=b', '', size),
  'a Via whose value is veiled': (size) => filled('SIP/2.0/UDP h;branch=', '@', '', size),
  'an address of parameters': (size) => filled('<sip:a@b>', ';a="b"', '', size),
  'an address of words': (size) => filled('', 'a ', '<sip:a@b>', size),
  'an address of quotes': (size) => filled('"', '\\a', '" <sip:a@b>', size),
  'a URI of parameters': (size) => filled('<sip:a@b', ';a', '>', size),
  'a URI of headers': (size) => filled('<sip:a@b?a=b', '&a=b', '&>', size),
  'a URI of colons': (size) => filled('<sip:', 'a:', '>', size),
  'a URI of dots': (size) => filled('sip:', 'a.', '', size),
  digits: (size) => '1'.repeat(size),
  'a challenge of letters': (size) => filled('Digest ', 'a', '', size),
  'a challenge of pairs': (size) => filled('Digest a=b', ',a=b', '', size),
  'a challenge of names': (size) => filled('Digest a=b', ',a', '', size),
  challenges: (size) => filled('Digest a=b', ', Digest a=b', '', size),
  'latin letters above ASCII': (size) => '\xa0\xe9'.repeat(size >> 1),
};
const FIELDS = [
  'Via',
  'From',
  'Contact',
  'Route',
  'Authorization',
  'WWW-Authenticate',
  'Authentication-Info',
  'CSeq',
  'Refer-To',
  'Subject',
  'Content-Length',
];

/** For each field a message with a long value in it. */
const fieldShapes = Object.fromEntries(
  Object.entries(values).map(([shape, value]) => [
    shape,
    (size: number) => FIELDS.map((name) => `${HEAD}${name}: ${value(size - 24)}\r\n\r\n`),
  ]),
);
/** As many fields as a message may have beside those of `HEAD`, each as long as it may be. */
const fieldsOf = (size: number, start: string, unit: string, end = '') =>
  `${HEAD}${`${filled(start, unit, end, size >> 7)}\r\n`.repeat(121)}\r\n`;

/** Whole messages, of as many fields as they may have. */
const messageShapes: Record<string, (size: number) => string> = {
  'a long body': (size) => filled(`${HEAD}\r\n`, 'a', '', size),
  'empty lines': (size) => '\r\n'.repeat(size >> 1),
  'line breaks that end nothing': (size) => filled(HEAD, '\r', '', size),
  'folded lines': (size) => filled(`${HEAD}X: a`, '\r\n a', '\r\n\r\n', Math.min(size, 8000)),
  'unknown fields': (size) => fieldsOf(size, 'X: ', 'y'),
  Vias: (size) => fieldsOf(size, 'Via: SIP/2.0/UDP ', 'h'),
  Contacts: (size) => fieldsOf(size, 'm: <sip:', 'h', '>'),
  'Routes with parameters': (size) => fieldsOf(size, 'Route: <sip:a', ';a', '>'),
  credentials: (size) => fieldsOf(size, 'Authorization: Digest a="', 'a', '"'),
};

const gate = (raw: string) => examineMessage(raw, GATE_LIMITS);
const behindGate = (raw: string) => {
  const verdict = gate(raw);
  if (!verdict?.ok) return verdict;
  const message = sip.parse(packageText(verdict.message));
  if (message) unveilMessage(message);
  return message;
};

function frame(pieces: Iterable<string>): number {
  let count = 0;
  const framer = new MessageFramer(GATE_LIMITS, { onVerdict: () => count++, onBroken: () => count++ });
  for (const piece of pieces) framer.push(piece);
  return count;
}

const streamShapes: Record<string, (size: number) => string> = {
  'a head without end': (size) => filled(HEAD, 'X: y\r\n', '', Math.min(size, HEAD_BYTES)),
  'one long line': (size) => filled('', 'a', '', Math.min(size, HEAD_BYTES)),
  'one long body': (size) => filled(`${HEAD}Content-Length: ${size - 200}\r\n\r\n`, 'a', '', size),
  'small messages': (size) => filled('', `${HEAD}l:0\r\n\r\n`, '', size),
  'line breaks': (size) => '\r\n'.repeat(size >> 1),
  'carriage returns in a head': (size) => filled('x', '\r', '', Math.min(size, HEAD_BYTES)),
};

const multipart = (content: string): SipMessage => ({
  headers: { 'content-type': 'multipart/mixed;boundary=b' },
  content,
});
const bodyShapes: Record<string, (size: number) => SipMessage> = {
  delimiters: (size) => multipart('\r\n--b'.repeat(size / 5)),
  'delimiters in lines': (size) => multipart(`${'\r\n--b\r\n'.repeat(size / 7)}x`),
  'parts without a blank line': (size) => multipart('\r\n--b\r\nx: y'.repeat(size / 11)),
  'almost delimiters': (size) => multipart(filled('\r\n--b\r\n', '\r\n--', '', size)),
  'types of spaces': (size) => multipart(filled('\r\n--b\r\ncontent-type', ' ', '\r\n\r\n\r\n--b', size)),
  'types without end': (size) => multipart(filled('\r\n--b', '\r\ncontent-type', '\r\n\r\n\r\n--b', size)),
  'a boundary of semicolons': (size) => ({
    headers: { 'content-type': filled('multipart/mixed', '; boundary', '', Math.min(size, LINE_BYTES)) },
    content: 'x',
  }),
  'a boundary of spaces': (size) => ({
    headers: { 'content-type': filled('multipart/mixed;', ' ', 'x', Math.min(size, LINE_BYTES)) },
    content: 'x',
  }),
  'an SDP alone': (size) => ({
    headers: { 'content-type': 'application/sdp' },
    content: filled('v=0', '\r\n', '', size),
  }),
};

const readBody = (message: SipMessage) => [readSdp(message), replaceSdp(message, 'v=0\r\n')];
const families = <Input>(
  shapes: Record<string, (size: number) => Input>,
  most: number,
  read: (input: Input) => unknown,
) => Object.fromEntries(Object.entries(shapes).map(([name, make]) => [name, familyOf(most, make, read)]));

export const sipFamilies: Families = {
  'the gate, a field': families(fieldShapes, LINE_BYTES, (raws) => raws.map(gate)),
  'the gate, a message': families(messageShapes, HEAD_BYTES, gate),
  'the package behind the gate, a field': families(fieldShapes, LINE_BYTES, (raws) => raws.map(behindGate)),
  'the package behind the gate, a message': families(messageShapes, HEAD_BYTES, behindGate),
  'the framer, in one piece': families(streamShapes, MESSAGE_BYTES, (text) => frame([text])),
  'the framer, byte by byte': families(streamShapes, MESSAGE_BYTES, (text) => frame(text)),
  listElements: families(values, MESSAGE_BYTES, listElements),
  readAddress: families(values, MESSAGE_BYTES, readAddress),
  readVia: families(values, MESSAGE_BYTES, readVia),
  readCredentials: families(values, MESSAGE_BYTES, readCredentials),
  'a URI in the package': families(values, LINE_BYTES, (text) =>
    parseSipUri(sip, text.replace(/^<|>$/g, '')),
  ),
  bodies: families(bodyShapes, MESSAGE_BYTES, readBody),
  'fields that are read for dialogs': families(values, LINE_BYTES, (text) => [
    sessionExpiresMs({ headers: { 'session-expires': text } }),
    rackCseq({ headers: { rack: text } }),
  ]),
  hops: families(values, LINE_BYTES, (address) => [
    isLoopback(address),
    hopSignalling({ protocol: 'UDP', address, port: 1 }, false),
  ]),
};

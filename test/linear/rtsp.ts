// Hostile inputs for what reads RTSP: the framer with its gate, Transport, URLs, the description of an ANNOUNCE.
import {
  parseRoomUrl,
  parseTransport,
  readAnnouncement,
  RTSP_LIMITS,
  RtspFramer,
  sessionIdOf,
} from '../../lib/rtsp/index.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const START = 'ANNOUNCE rtsp://h/room/cam RTSP/1.0\r\nCSeq: 1\r\n';
const { maxHeadBytes: HEAD_BYTES, maxLineBytes: LINE_BYTES, maxBodyBytes: BODY_BYTES } = RTSP_LIMITS;

function frame(text: string, pieceBytes = Infinity): number {
  let count = 0;
  const framer = new RtspFramer(RTSP_LIMITS, {
    onVerdict: () => count++,
    onFrame: () => count++,
    onBroken: () => count++,
  });
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) framer.push(bytes.subarray(at, at + pieceBytes));
  return count;
}

/** Its length has two bytes. */
const frameOf = (size: number) => `$\x00${String.fromCharCode(size >> 8, size & 255)}${'x'.repeat(size)}`;

const streamShapes: Record<string, (size: number) => string> = {
  'a head without end': (size) => filled(START, 'X: y\r\n', '', Math.min(size, HEAD_BYTES)),
  'a head of one line': (size) => filled('', 'a', '', Math.min(size, HEAD_BYTES)),
  'carriage returns': (size) => filled('x', '\r', '', Math.min(size, HEAD_BYTES)),
  'a long body': (size) => filled(`${START}Content-Length: ${size - 200}\r\n\r\n`, 'a', '', size),
  'small messages': (size) => filled('', `${START}\r\n`, '', size),
  'empty frames': (size) => filled('', '$\x00\x00\x00', '', size),
  'small frames': (size) => filled('', '$\x00\x00\x01x', '', size),
  'one frame': (size) => frameOf(Math.min(size, 0xffff)),
  'line breaks': (size) => '\r\n'.repeat(size >> 1),
};
const lineShapes: Record<string, (size: number) => string> = {
  'a value of letters': (size) => `${START}X: ${'a'.repeat(size - 100)}\r\n\r\n`,
  'a value of spaces': (size) => `${START}X: a${' '.repeat(size - 100)}b\r\n\r\n`,
  'a name of colons': (size) => `${START}${':'.repeat(size - 100)}\r\n\r\n`,
  'a start of spaces': (size) => `a${' '.repeat(size - 100)}b\r\n\r\n`,
};
const valueShapes: Record<string, (size: number) => string> = {
  commas: (size) => ','.repeat(size),
  semicolons: (size) => ';'.repeat(size),
  specs: (size) => filled('', 'RTP/AVP,', '', size),
  parameters: (size) => filled('RTP/AVP', ';a=b', '', size),
  spaces: (size) => filled('RTP/AVP;a', ' ', '=b', size),
  digits: (size) => `RTP/AVP;client_port=${'1'.repeat(size - 20)}`,
  slashes: (size) => `rtsp://h/${'/'.repeat(size - 9)}`,
  'a path of letters': (size) => `rtsp://h/${'a'.repeat(size - 9)}`,
  percents: (size) => filled('rtsp://h/', '%41', '', size),
  'a host': (size) => `rtsp://${'h'.repeat(size - 7)}`,
};
const sdpShapes: Record<string, (size: number) => string> = {
  controls: (size) => filled('v=0\r\nm=audio 0 RTP/AVP 0\r\n', 'a=control:x\r\n', '', size),
  formats: (size) => filled('v=0\r\nm=audio 0 RTP/AVP', ' 96', '\r\n', size),
  maps: (size) =>
    filled('v=0\r\nm=audio 0 RTP/AVP 96\r\n', 'a=rtpmap:96 mpeg4-generic/44100/2\r\n', '', size),
  sections: (size) => filled('v=0\r\n', 'm=audio 0 RTP/AVP 0\r\n', '', size),
  'a rate of digits': (size) =>
    `v=0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/${'1'.repeat(size - 80)}\r\n`,
};

const families = (
  shapes: Record<string, (size: number) => string>,
  most: number,
  read: (text: string) => unknown,
) => Object.fromEntries(Object.entries(shapes).map(([name, make]) => [name, familyOf(most, make, read)]));

export const rtspFamilies: Families = {
  'the framer': families(streamShapes, BODY_BYTES, (text) => frame(text)),
  'the framer, in small pieces': families(streamShapes, BODY_BYTES, (text) => frame(text, 7)),
  'the gate, a line': families(lineShapes, LINE_BYTES, (text) => frame(text)),
  'values of fields': families(valueShapes, LINE_BYTES, (text) => [
    parseTransport(text),
    parseRoomUrl(text),
    sessionIdOf(text),
  ]),
  'an announced description': families(sdpShapes, BODY_BYTES, readAnnouncement),
};

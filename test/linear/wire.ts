// Hostile inputs for the parsers of lib/wire, each shape in any size.
import { normaliseIp, parseIp } from '../../lib/wire/address.js';
import { decodeBase64url } from '../../lib/wire/base64url.js';
import { parseIceMessage } from '../../lib/wire/ice-message.js';
import { parseChallenge, parseLatch } from '../../lib/wire/latch-attribute.js';
import { parseLatchMessage } from '../../lib/wire/latch-message.js';
import { parseRtcp } from '../../lib/wire/rtcp.js';
import { parseRtp } from '../../lib/wire/rtp.js';
import { parseSdp, stripLatch } from '../../lib/wire/sdp.js';
import { parseStun } from '../../lib/wire/stun.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const SECRET = 'A'.repeat(43);
const DATAGRAM_BYTES = 65_536;
const STUN_BYTES = 1500;
const SDP_CHARACTERS = 65_536;

/** A STUN message of attributes that each hold `valueBytes`, as many as fit. */
function stun(sizeBytes: number, type: number, valueBytes: number): Uint8Array {
  const step = 4 + valueBytes;
  const count = Math.max(1, Math.floor((sizeBytes - 20) / step));
  const bytes = Buffer.alloc(20 + count * step);
  bytes.writeUInt16BE(0x0001, 0);
  bytes.writeUInt16BE(bytes.length - 20, 2);
  bytes.writeUInt32BE(0x2112a442, 4);
  for (let at = 20; at < bytes.length; at += step) {
    bytes.writeUInt16BE(type, at);
    bytes.writeUInt16BE(valueBytes, at + 2);
  }
  return bytes;
}

function rtcp(sizeBytes: number, packetBytes: number): Uint8Array {
  const bytes = Buffer.alloc(Math.max(packetBytes, sizeBytes - (sizeBytes % packetBytes)));
  for (let at = 0; at < bytes.length; at += packetBytes) {
    bytes[at] = 0x9f;
    bytes[at + 1] = 201;
    bytes.writeUInt16BE(packetBytes / 4 - 1, at + 2);
  }
  return bytes;
}

function rtp(sizeBytes: number, hasExtension: boolean): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes);
  bytes[0] = 0x80 | (hasExtension ? 0x1f : 0x2f);
  if (hasExtension && sizeBytes > 76) bytes.writeUInt16BE(Math.floor((sizeBytes - 76) / 4), 74);
  else bytes[sizeBytes - 1] = 255;
  return bytes;
}

const onStun = (parse: (bytes: Uint8Array) => unknown) => ({
  'many empty attributes': familyOf(STUN_BYTES, (size) => stun(size, 0x8000, 0), parse),
  'one long attribute': familyOf(STUN_BYTES, (size) => stun(size, 0x0006, (size - 24) & ~3), parse),
  'many integrities': familyOf(STUN_BYTES, (size) => stun(size, 0x001c, 32), parse),
});

const SDP_START = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n';
const sdpOf = (size: number, start: string, unit: string, end = '') =>
  filled(SDP_START + start, unit, end, size);

export const sdpShapes: Record<string, (size: number) => string> = {
  'empty lines': (size) => sdpOf(size, '', '\n'),
  'lone carriage returns': (size) => sdpOf(size, '', '\r'),
  'one line of spaces': (size) => sdpOf(size, 'c=', ' ', 'x'),
  'a connection of colons': (size) => sdpOf(size, 'c=IN IP6 ', ':'),
  'a port of digits': (size) => sdpOf(size, 'm=audio ', '1', ' RTP/AVP 0\r\n'),
  'formats without end': (size) => sdpOf(size, 'm=audio 9 RTP/AVP', ' 0', '\r\n'),
  'rtpmaps without end': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\n', 'a=rtpmap:0 PCMU/8000\r\n'),
  'an rtpmap of spaces': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\na=rtpmap:0', ' ', 'x\r\n'),
  'feedback of spaces': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\na=rtcp-fb:* ', ' ', 'x\r\n'),
  'feedback lines': (size) =>
    sdpOf(size, 'm=video 9 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n', 'a=rtcp-fb:96 nack\r\n'),
  'an extension of spaces': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\na=extmap:1 u', ' ', 'x\r\n'),
  'an extension of slashes': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\na=extmap:1', '/a', 'x\r\n'),
  'keys without end': (size) =>
    sdpOf(size, 'm=audio 9 RTP/SAVP 0\r\n', `a=crypto:1 X inline:${'A'.repeat(40)}\r\n`),
  'SSRCs without end': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\n', 'a=ssrc:7 cname:a\r\n'),
  'a key of equals signs': (size) =>
    sdpOf(size, 'm=audio 9 RTP/SAVP 0\r\na=crypto:1 X inline:', '=', 'x\r\n'),
  'a key of key texts': (size) => sdpOf(size, 'm=audio 9 RTP/SAVP 0\r\na=crypto:1 X ', 'inline:A;', '\r\n'),
  'a key of spaces': (size) => sdpOf(size, 'm=audio 9 RTP/SAVP 0\r\na=crypto:1 X inline:A', ' ', 'x\r\n'),
  'a packet time of spaces': (size) => sdpOf(size, 'm=audio 9 RTP/AVP 0\r\na=ptime:2', ' ', 'x\r\n'),
  'a time of spaces': (size) => sdpOf(size, 't=0 0', ' ', 'x\r\nm=audio 9 RTP/AVP 0\r\n'),
  'format parameters': (size) =>
    sdpOf(
      size,
      'm=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 ',
      'profile-level-id=42e01f;',
      '\r\n',
    ),
  'redundancy without end': (size) =>
    sdpOf(
      size,
      'm=text 9 RTP/AVP 100 98\r\na=rtpmap:98 t140/1000\r\na=rtpmap:100 red/1000\r\na=fmtp:100 98',
      '/98',
      '\r\n',
    ),
  'every number with long parameters': (size) => {
    const numbers = Array.from({ length: 64 }, (_, i) => i);
    const maps = numbers.map((n) => `a=rtpmap:${n} H264/90000\r\n`).join('');
    const value = ';'.repeat(Math.max(1, Math.floor(size / 64) - 40));
    const fmtps = numbers.map((n) => `a=fmtp:${n} ${value}\r\n`).join('');
    return `${SDP_START}m=video 9 RTP/AVP ${numbers.join(' ')}\r\n${maps}${fmtps}`;
  },
  'sections and lines': (size) => {
    const section = `m=audio 9 RTP/AVP 0\r\na=mid:a\r\na=rtcp-mux\r\n${'a=x\r\n'.repeat(Math.floor(size / 64 / 5))}`;
    return SDP_START + section.repeat(Math.max(1, Math.min(64, Math.floor(size / section.length))));
  },
  'sections of an unspecified address': (size) =>
    `${SDP_START}c=IN IP4 0.0.0.0\r\n` +
    'm=audio 9 RTP/AVP 0\r\n'.repeat(64) +
    'a=x\r\n'.repeat(Math.max(0, Math.floor((size - 1500) / 5))),
  'mids times sections': (size) =>
    `${SDP_START}a=group:BUNDLE${' a'.repeat(Math.min(256, size >> 8))}\r\n` +
    'm=audio 9 RTP/AVP 0\r\na=mid:a\r\na=rtcp-mux\r\n'.repeat(Math.max(1, Math.min(64, size >> 10))),
  'groups times sections': (size) =>
    SDP_START +
    'a=group:BUNDLE a\r\n'.repeat(Math.min(256, size >> 8)) +
    `m=audio 9 RTP/AVP ${'0 '.repeat(300)}\r\na=mid:a\r\na=rtcp-mux\r\n`.repeat(
      Math.max(1, Math.min(64, size >> 10)),
    ),
  'empty groups': (size) => sdpOf(size, '', 'a=group:BUNDLE\r\n', 'm=audio 9 RTP/AVP 0\r\n'),
  'a latch of parameters': (size) =>
    sdpOf(size, `a=latch:1 tagtagtag ${SECRET}`, ' a=b', '\r\nm=audio 9 RTP/AVP 0\r\n'),
  'latches of an unknown version': (size) => sdpOf(size, '', 'a=latch:2 x\r\n', 'm=audio 9 RTP/AVP 0\r\n'),
};

export const wireFamilies: Families = {
  parseStun: onStun(parseStun),
  parseLatchMessage: onStun(parseLatchMessage),
  parseIceMessage: onStun(parseIceMessage),
  parseRtp: {
    'an extension': familyOf(DATAGRAM_BYTES, (size) => rtp(size, true), parseRtp),
    padding: familyOf(DATAGRAM_BYTES, (size) => rtp(size, false), parseRtp),
  },
  parseRtcp: {
    'small packets': familyOf(64 * 8, (size) => rtcp(size, 8), parseRtcp),
    'more packets than it takes': familyOf(DATAGRAM_BYTES, (size) => rtcp(size, 4), parseRtcp),
  },
  address: {
    'parseIp, colons': familyOf(1 << 20, (size) => ':'.repeat(size), parseIp),
    'parseIp, a zone': familyOf(1 << 20, (size) => `fe80::1%${'a'.repeat(size)}!`, parseIp),
    'normaliseIp, groups': familyOf(1 << 20, (size) => '0:'.repeat(size / 2), normaliseIp),
    'normaliseIp, mapped': familyOf(1 << 20, (size) => `::ffff:${'1.'.repeat(size / 2)}`, normaliseIp),
  },
  'latch attribute': {
    parameters: familyOf(
      SDP_CHARACTERS,
      (size) => filled(`1 tagtagtag ${SECRET}`, ' a=b', '', size),
      parseLatch,
    ),
    'different parameters': familyOf(
      SDP_CHARACTERS,
      (size) =>
        `1 tagtagtag ${SECRET}${Array.from({ length: size >> 4 }, (_, i) => ` p${i}=x`.padEnd(16, 'x')).join('')}`,
      parseLatch,
    ),
    suites: familyOf(
      SDP_CHARACTERS,
      (size) => filled(`1 tagtagtag ${SECRET} suites=A`, ',A', '', size),
      parseLatch,
    ),
    'a version of digits': familyOf(SDP_CHARACTERS, (size) => '1'.repeat(size), parseLatch),
    spaces: familyOf(SDP_CHARACTERS, (size) => `1${' '.repeat(size)}`, parseLatch),
    'a long word': familyOf(SDP_CHARACTERS, (size) => 'A'.repeat(size), parseChallenge),
    base64url: familyOf(SDP_CHARACTERS, (size) => 'A'.repeat(size), decodeBase64url),
  },
  parseSdp: Object.fromEntries(
    Object.entries(sdpShapes).map(([name, make]) => [
      name,
      familyOf(SDP_CHARACTERS, make, (text) => parseSdp(text)),
    ]),
  ),
  stripLatch: {
    latches: familyOf(SDP_CHARACTERS, (size) => sdpOf(size, '', 'a=latch:1 x\r\n'), stripLatch),
    sections: familyOf(
      SDP_CHARACTERS,
      (size) => sdpOf(size, 'a=latch:1\r\n', 'm=audio 1 a 0\r\n'),
      stripLatch,
    ),
    'words that begin alike': familyOf(SDP_CHARACTERS, (size) => sdpOf(size, '', 'a=latch'), stripLatch),
  },
};

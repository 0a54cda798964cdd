// The framer in front of the RTSP server: however a stream is cut into pieces the same messages and frames come out; what passes is within the
// bounds and has no control character in its head; and what is made of its values can be written again.
import {
  describeWatch,
  formatReply,
  formatTransport,
  parseRoomUrl,
  parseTransport,
  readAnnouncement,
  RTSP_REASONS,
  RtspFramer,
  sessionIdOf,
} from '../../../lib/rtsp/index.js';
import type { RtspMessage } from '../../../lib/rtsp/index.js';
import { fromLatin1, hold } from '../target.js';
import type { Target } from '../target.js';

const LIMITS = { maxHeadBytes: 1500, maxBodyBytes: 1000, maxLineBytes: 400, maxLines: 20 };
const UDP = {
  kind: 'udp' as const,
  clientPorts: [5000, 5001] as const,
  serverPorts: [40_000, 40_001] as const,
  source: undefined,
};
const CONTROL = /[^\t -~\x80-\uffff]/;

function cut(bytes: Buffer, piece: number): string[] {
  const told: string[] = [];
  let isBroken = false;
  const framer = new RtspFramer(LIMITS, {
    onVerdict: (verdict) => {
      hold(!isBroken, 'a message after the stream broke');
      if (verdict.ok) check(verdict.message);
      else hold((RTSP_REASONS as readonly string[]).includes(verdict.reason), 'no such reason');
      told.push(
        JSON.stringify(verdict.ok ? { ...verdict.message, fields: [...verdict.message.fields] } : verdict),
      );
    },
    onFrame: (channel, packet) => {
      hold(!isBroken, 'a frame after the stream broke');
      told.push(`${channel} ${packet.toString('hex')}`);
    },
    onBroken: ({ reason }) => {
      hold(!isBroken, 'a stream breaks twice');
      isBroken = true;
      // A head about as long as the limit may be too long before its end is seen.
      told.push(reason === 'head-size' ? 'head-size' : `broken ${reason}`);
    },
  });
  for (let at = 0; at < bytes.length; at += piece) framer.push(bytes.subarray(at, at + piece));
  return told;
}

function check({ start, fields, body }: RtspMessage): void {
  hold(body.length <= LIMITS.maxBodyBytes, 'a body that is too long');
  for (const [name, values] of fields) {
    hold(!CONTROL.test(name) && !values.some((value) => CONTROL.test(value)), 'a control character passes');
    for (const value of values) checkValue(value);
  }
  if (start.kind === 'request') checkUrl(start.uri);
  readAnnouncement(body);
}

function checkValue(value: string): void {
  for (const offer of parseTransport(value)) {
    const { isRecord } = offer;
    const channels = offer.kind === 'interleaved' ? offer.channels : undefined;
    const text = channels
      ? formatTransport({ kind: 'interleaved', isRecord, channels })
      : formatTransport({
          ...UDP,
          isRecord,
          ...(offer.kind === 'udp' && { clientPorts: offer.clientPorts }),
        });
    formatReply({ status: 200, headers: [['Transport', text]] }, 1);
  }
  formatReply({ status: 200, headers: [['Session', sessionIdOf(value)]] }, 1);
}

function checkUrl(uri: string): void {
  formatReply({ status: 200, headers: [['Content-Base', uri]] }, 1);
  const url = parseRoomUrl(uri);
  if (!url) return;
  const text = describeWatch({ sessionId: '1', address: '192.0.2.1', title: url.room, streams: [] });
  hold(text.split('\r\n').length === 8, 'a name breaks its line');
}

function run(input: Uint8Array): void {
  const bytes = Buffer.from(input);
  const whole = cut(bytes, bytes.length || 1);
  const pieces = cut(bytes, 1 + ((input[input.length - 1] ?? 0) % 29));
  if (!whole.includes('head-size') && !pieces.includes('head-size'))
    hold(whole.join('\n') === pieces.join('\n'), 'in pieces it is another stream');
}

const SETUP = [
  ...['SETUP rtsp://h/room/cam/stream=ab-0 RTSP/1.0', 'CSeq: 3', 'Session: abc;timeout=60'],
  ...[
    'Transport: RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast;client_port=5000-5001;mode=record',
    '',
    '',
  ],
].join('\r\n');
const SDP =
  'v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:x\r\n';
const ANNOUNCE = [
  ...['ANNOUNCE rtsp://h/room/cam RTSP/1.0', 'CSeq: 2', 'Content-Type: application/sdp'],
  ...[`Content-Length: ${SDP.length}`, '', SDP],
].join('\r\n');

export const target: Target = {
  name: 'rtsp',
  maxBytes: 3000,
  dictionary: [
    ...[
      '\r\n\r\n',
      '\r\n',
      '$\x00\x00\x04',
      '$\x01\x00\x00',
      'RTSP/1.0',
      'RTSP/1.0 200 OK\r\n',
      'CSeq: 1\r\n',
    ],
    ...['Content-Length: 4\r\n', 'Content-Length: -1\r\n', 'DESCRIBE rtsp://h/', 'Transport: ', 'RTP/AVP;'],
    ...['interleaved=0-1', 'client_port=1-2', 'mode=record', 'multicast', 'Session: ', '%0d%0a', '/stream='],
    ...['m=audio 0 RTP/AVP 97\r\n', 'a=rtpmap:97 mpeg4-generic/44100/2\r\n', '\0', '\t'],
  ],
  *seeds() {
    yield fromLatin1(SETUP);
    yield fromLatin1(`${SETUP}$\x00\x00\x03abc\r\n${ANNOUNCE}`);
    yield fromLatin1(`RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n${ANNOUNCE}`);
  },
  run,
  work: { base: 20_000, perByte: 300 },
};

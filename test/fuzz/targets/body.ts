// The SDP in a message's body. The first line of an input is the Content-Type, the rest the body.
import { readSdp, replaceSdp } from '../../../lib/sip/body.js';
import type { SipMessage } from '../../../lib/sip/message-types.js';
import { fromLatin1, hold, latin1 } from '../target.js';
import type { Target } from '../target.js';

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
const OTHER = 'v=0\r\ns=other\r\n';

function run(bytes: Uint8Array): void {
  const text = latin1(bytes);
  const end = text.indexOf('\n');
  const type = end < 0 ? text : text.slice(0, end);
  const content = end < 0 ? '' : text.slice(end + 1);
  const message = { headers: { 'content-type': type }, content } as unknown as SipMessage;
  const found = readSdp(message);
  if (found === undefined) {
    hold(replaceSdp(message, OTHER) === content, 'a body without SDP is changed');
    return;
  }
  const at = content.indexOf(found);
  hold(at >= 0, 'an SDP that is not in the body');
  hold(replaceSdp(message, found) === content, 'its own SDP makes another body');
  const replaced = replaceSdp(message, OTHER);
  hold(replaced.length === content.length - found.length + OTHER.length, 'more than the SDP is replaced');
  // An empty type says what the body is by how it begins.
  const again = { ...message, content: replaced };
  hold(readSdp(again) === OTHER, 'the new SDP is not found in its place');
}

const multipart = (boundary: string, ...parts: readonly string[]): string =>
  `multipart/mixed;boundary=${boundary}\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;

export const target: Target = {
  name: 'body',
  maxBytes: 3000,
  dictionary: [
    'multipart/mixed;boundary=',
    'application/sdp',
    'Content-Type: application/sdp\r\n\r\n',
    'Content-Type: text/plain\r\n\r\n',
    '--b\r\n',
    '\r\n--b--\r\n',
    '\r\n--b',
    '"',
    '\r\n\r\n',
    SDP,
  ],
  *seeds() {
    yield fromLatin1(`application/sdp\n${SDP}`);
    yield fromLatin1(`\n${SDP}`);
    yield fromLatin1(`application/isup\n${SDP}`);
    yield fromLatin1(multipart('b', `Content-Type: application/sdp\r\n\r\n${SDP}`));
    yield fromLatin1(
      multipart(
        '"b c"',
        'Content-Type: text/plain\r\n\r\nhello',
        `content-type : application/sdp\r\n\r\n${SDP}`,
      ),
    );
  },
  run,
  work: { base: 300, perByte: 40 },
};

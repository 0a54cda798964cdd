// SDP as the session reads and changes it: parseSdp, spliceLatch, stripLatch. Every line that is not ours must stay byte for
// byte, judged by a second reading that knows lines and nothing else.
import { parseSdp, spliceLatch, stripLatch, transportIndex } from '../../../lib/wire/sdp.js';
import type { Sdp, SectionKey } from '../../../lib/wire/sdp.js';
import { makeSdp } from '../../support/session-description.js';
import { fromLatin1, hold, latin1 } from '../target.js';
import type { Target } from '../target.js';
import { sdpOf } from './recorded.js';

export const SDP_WORDS: readonly string[] = [
  'v=0\r\n',
  'o=- 1 1 IN IP4 192.0.2.1\r\n',
  's=-\r\n',
  't=0 0\r\n',
  'c=IN IP4 192.0.2.1\r\n',
  'c=IN IP6 2001:db8::1\r\n',
  'c=IN IP4 0.0.0.0\r\n',
  'c=IN IP4 224.2.1.1/127\r\n',
  'm=audio 4000 RTP/AVP 0 8 101\r\n',
  'm=video 4002 RTP/AVPF 96\r\n',
  'm=audio 0 RTP/AVP 0\r\n',
  'm=application 9000 UDP/BFCP *\r\n',
  'm=text 9002 RTP/AVP 98 100\r\n',
  'a=rtpmap:96 VP8/90000\r\n',
  'a=rtpmap:101 telephone-event/8000\r\n',
  'a=rtpmap:111 opus/48000/2\r\n',
  'a=fmtp:111 useinbandfec=1\r\n',
  'a=rtcp-mux\r\n',
  'a=rtcp:4001\r\n',
  'a=rtcp:53020 IN IP4 126.16.64.4\r\n',
  'a=group:BUNDLE a b\r\n',
  'a=mid:a\r\n',
  'a=mid:b\r\n',
  'a=bundle-only\r\n',
  'a=sendonly\r\n',
  'a=inactive\r\n',
  'a=ice-ufrag:8hhY\r\n',
  'a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n',
  'a=ice-lite\r\n',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n',
  'a=rtcp-fb:96 nack pli\r\n',
  'a=ssrc:11 cname:x\r\n',
  'a=latch:1 Xk3pQ7vT0aLm 9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI suites=HMAC-SHA-256,AES-256\r\n',
  'a=latch:1 Ab3pQ7vT0aLm 8lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI suite=AES-256\r\n',
  'a=latch-challenge:gK0Tr7sQgq2cp66IN9sEHw\r\n',
  'a=latch',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=1\r\n',
  '\r',
  '\n',
  '\r\n',
  ' ',
];

const OURS = 'a=latch:1 Zk3pQ7vT0aLm 9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI suite=AES-256';

export function* sdpSeeds(root: string): Iterable<Uint8Array> {
  yield* sdpOf(root);
  yield fromLatin1(makeSdp({ address: '192.0.2.1', media: [{ port: 4000, isMuxed: true, lines: [OURS] }] }));
  yield fromLatin1(
    makeSdp({
      address: '2001:db8::1',
      lines: ['a=group:BUNDLE a v', 'a=ice-lite'],
      media: [
        {
          port: 4000,
          isMuxed: true,
          lines: ['a=mid:a', 'a=ice-ufrag:8hhY', 'a=ice-pwd:asd88fgpdd777uzjYhagZg'],
        },
        {
          kind: 'video',
          port: 0,
          isMuxed: true,
          lines: ['a=mid:v', 'a=bundle-only', 'a=rtcp-fb:96 nack pli'],
        },
        { port: 4004, rtcpPort: 4009, direction: 'sendonly', address: '192.0.2.9' },
      ],
    }),
  );
}

/** Lines with their ends, CR, LF and CRLF alike. */
const linesOf = (text: string): string[] => text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
const isOurs = (line: string): boolean => /^a=latch(?:-challenge)?(?::|[\r\n]|$)/.test(line);
const isMedia = (line: string): boolean => line.startsWith('m=');
/** Where an open line of ours ended the text, what is left is open too. */
const isLastOurs = (lines: readonly string[]): boolean => {
  const last = lines.at(-1) ?? '';
  return isOurs(last) && bare(last) === last;
};
const openAs = (text: string, others: string): boolean =>
  text === others || closed(text) === others || text === closed(others);
const closed = (text: string): string => text.replace(/(?:\r\n|\r|\n)$/, '');
const bare = (line: string): string => line.replace(/[\r\n]+$/, '');

function run(bytes: Uint8Array): void {
  const text = latin1(bytes);
  const lines = linesOf(text);
  const stripped = stripLatch(text);
  hold(!linesOf(stripped).some(isOurs), 'a line of ours is left');
  const others = lines.filter((line) => !isOurs(line)).join('');
  hold(stripped === (isLastOurs(lines) ? closed(others) : others), 'a line of others is another');
  hold(stripLatch(stripped) === stripped, 'stripped twice it is another');

  const parsed = parseSdp(text);
  if (!parsed.ok) {
    const { code, offset, message } = parsed.error;
    hold(/^(sdp|latch)-[a-z-]+$/.test(code), `a code like "${code}"`);
    hold(offset >= 1 && offset <= Math.max(1, lines.length), () => `line ${offset} of ${lines.length}`);
    // It goes into a Warning header.
    hold(/^[\x20-\x7e]+$/.test(message), () => `a message "${message}"`);
    return;
  }
  checkSdp(parsed.value, lines);
  checkSplice(parsed.value, others);
}

function checkSdp(sdp: Sdp, lines: readonly string[]): void {
  hold(sdp.media.length === lines.filter(isMedia).length, 'sections that are no m= lines');
  hold(sdp.media.length <= 256, 'more sections than are taken');
  for (const media of sdp.media) {
    const { index, port, transport, isRejected, latch, ice, rtcp } = media;
    hold(port >= 0 && port <= 65535 && rtcp.port >= 0 && rtcp.port <= 65535, 'a port that is none');
    const leader = sdp.media[transport];
    hold(leader !== undefined && transportIndex(sdp, index) === transport, 'no such transport');
    hold(leader.transport === transport, 'the transport of a transport');
    hold(isRejected || leader.port > 0, 'a section without a port that is not rejected');
    if (latch)
      hold(/^[A-Za-z0-9]{8,32}$/.test(latch.tag) && latch.secret.length === 32, 'a latch that is none');
    if (media.challenge) hold(media.challenge.length === 16 && latch !== undefined, 'a word without a latch');
    hold(media.cryptos.length === 0 || media.hasCryptoLine, 'a key out of no line');
    hold(
      new Set(media.cryptos.map(({ tag }) => tag)).size === media.cryptos.length,
      'a tag that is two keys',
    );
    if (ice) hold(ice.ufrag !== '' && ice.pwd !== '', 'half an ICE');
    hold(!/[\r\n\0]/.test(media.address), 'an address with a line end');
  }
}

function checkSplice(sdp: Sdp, others: string): void {
  const ours = new Map<SectionKey, readonly string[]>(sdp.media.map(({ index }) => [index, [OURS]]));
  const spliced = spliceLatch(sdp, ours);
  const lines = linesOf(spliced);
  const rest = lines.filter((line) => !isOurs(line)).join('');
  hold(openAs(rest, others), 'spliced, a line of others is another');
  hold(
    lines
      .filter(isOurs)
      .map(bare)
      .every((line) => line === OURS),
    'a line of ours that was not given',
  );
  hold(lines.filter(isOurs).length === sdp.media.length, 'not one line of ours for each section');
  const again = parseSdp(spliced);
  hold(again.ok, 'spliced it cannot be read');
  for (const media of again.value.media) hold(media.latch?.tag === 'Zk3pQ7vT0aLm', 'a section without ours');
  // The line ends of ours follow those of the first line, which may have been one of ours.
  const twice = linesOf(spliceLatch(again.value, ours)).map(bare);
  hold(twice.join('\n') === lines.map(bare).join('\n'), 'spliced twice it is another');
}

export const target: Target = {
  name: 'sdp',
  maxBytes: 4000,
  dictionary: SDP_WORDS,
  seeds: sdpSeeds,
  run,
  work: { base: 8000, perByte: 250 },
};

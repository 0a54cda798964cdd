// The room's reading of SDP: offers answered, answers to our own offer accepted. What comes out is ours, so nothing of the
// peer's may break a line of it, and each section of an offer has its section in the answer.
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  offeredTransports,
  repeatOffer,
} from '../../../lib/room/index.js';
import type { DescriptionOptions, NegotiatedStream, SectionPorts } from '../../../lib/room/index.js';
import { parseSdp } from '../../../lib/wire/sdp.js';
import { formatWarning } from '../../../lib/index.js';
import { hold, latin1 } from '../target.js';
import type { Target } from '../target.js';
import { SDP_WORDS, sdpSeeds } from './sdp.js';

const PORTS = { rtpPort: 20_000, rtcpPort: 20_001 };
const TRANSPORTS_MAX = 8;
const PREFERENCE = [
  { payloadType: 96, codec: 'VP8/90000' },
  { payloadType: 0, codec: 'PCMU/8000' },
];
const options = (ports?: ReadonlyMap<number, SectionPorts>): DescriptionOptions => ({
  ...PORTS,
  address: '203.0.113.1',
  sessionId: '7',
  preference: PREFERENCE,
  ...(ports && { ports }),
});
const OFFERS = [
  createOffer(options()),
  createOffer({
    ...options(
      new Map([
        [0, PORTS],
        [1, { rtpPort: 20_002, rtcpPort: 20_003 }],
      ]),
    ),
    rtcpMux: true,
  }),
];

function run(bytes: Uint8Array): void {
  const text = latin1(bytes);
  const transports = offeredTransports(text);
  hold(transports.length <= TRANSPORTS_MAX, 'more transports than the peer may choose');
  const ports = new Map(
    transports.map((index, i) => [index, { rtpPort: 20_000 + 4 * i, rtcpPort: 20_001 + 4 * i }]),
  );
  const variant = (bytes[bytes.length - 1] ?? 0) & 3;
  checkAnswer(
    text,
    variant === 1 ? options() : variant === 2 ? { ...options(ports), rtcpMux: false } : options(ports),
  );
  checkAccept(OFFERS[variant & 1]!, text);
}

function checkAnswer(offer: string, given: DescriptionOptions): void {
  const answer = answerOffer(offer, given);
  if (!answer.ok) return checkRefusal(answer);
  const offered = parseSdp(offer);
  const answered = parseSdp(answer.sdp);
  hold(offered.ok && answered.ok, 'an answer that cannot be read');
  for (const line of answer.sdp.split('\r\n').slice(0, -1))
    hold(/^[a-z]=[^\r\n\0]*$/.test(line), () => `a line "${line}"`);
  const [theirs, ours] = [offered.value.media, answered.value.media];
  hold(ours.length === theirs.length, 'not as many sections as the offer has');
  const known = new Set([
    0,
    given.rtpPort,
    ...[...(given.ports?.values() ?? [])].map(({ rtpPort }) => rtpPort),
  ]);
  for (const [index, media] of ours.entries()) {
    hold(
      media.kind === theirs[index]?.kind && media.protocol === theirs[index]?.protocol,
      'another kind of section',
    );
    hold(known.has(media.port), 'a port that is not ours');
    hold(media.latch === undefined && media.ice === undefined, 'a secret of the peer comes back');
  }
  checkStreams(answer.streams, theirs.length);
  hold(answer.sdp.length <= 2 * offer.length + 600, 'an answer much longer than its offer');
  const again = repeatOffer(answer.sdp, 9);
  hold(parseSdp(again).ok, 'a repeated offer that cannot be read');
}

function checkStreams(streams: readonly NegotiatedStream[], sections: number): void {
  hold(streams.length >= 1 && streams.length <= sections, 'streams without sections');
  const numbers = new Map<number, Set<number>>();
  for (const { transport, media, sends, accepts } of streams) {
    hold(media < sections && transport < sections, 'a stream of no section');
    const taken = numbers.get(transport) ?? new Set<number>();
    numbers.set(transport, taken);
    for (const { payloadType } of accepts) {
      hold(payloadType >= 0 && payloadType < 128, 'a payload type that is none');
      hold(!taken.has(payloadType), 'a payload type twice on one transport');
      taken.add(payloadType);
    }
    for (const { codec } of sends) hold(!/[\r\n\0]/.test(codec), 'a codec with a line end');
  }
}

function checkAccept(offer: string, answer: string): void {
  const accepted = acceptAnswer(offer, answer);
  if (!accepted.ok) return checkRefusal(accepted);
  const sections = offer.split('\r\nm=').length - 1;
  hold(accepted.streams.length <= sections, 'more streams than were offered');
  for (const { transport } of accepted.streams)
    hold(transport < sections, 'a transport that was not offered');
}

/** The warning goes into a SIP header. */
function checkRefusal({ status, warning }: { readonly status: number; readonly warning: string }): void {
  hold(status === 400 || status === 488, `a status ${status}`);
  hold(/^[\x20-\x7e]{1,300}$/.test(warning), () => `a warning "${warning}"`);
  hold(!/[\r\n]/.test(formatWarning('latchkey', warning)), 'a header with a line end');
}

export const target: Target = {
  name: 'room-sdp',
  maxBytes: 2000,
  dictionary: SDP_WORDS,
  seeds: sdpSeeds,
  run,
  work: { base: 60_000, perByte: 1500 },
};

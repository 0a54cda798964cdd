/**
 * The description that a DESCRIBE brings (RFC 2326 section 10.2, appendix C): one section for each stream of each participant who is
 * watched, with the one codec that he sends. It chooses no ports: SETUP does.
 */
import { spokenCodec } from '../room/common-codec.js';
import { describeFormats } from '../room/formats.js';
import type { Leg } from '../room/leg.js';
import type { NegotiatedStream } from '../room/stream.js';

/** One stream that can be watched. */
export interface WatchableStream {
  readonly speaker: Leg;
  /** As the viewer's own: what the speaker sends under its numbers is taken. */
  readonly stream: NegotiatedStream;
}

/** Of each kind, what players show. */
const KINDS = ['video', 'audio'];

/** What these participants send, pictures first; who sends nothing has no stream. */
export function watchableStreams(speakers: readonly Leg[]): readonly WatchableStream[] {
  const all = speakers.flatMap((speaker) =>
    speaker.streams
      .filter((stream) => stream.isRtp && stream.isSending && KINDS.includes(kindOf(stream)))
      .flatMap((stream) => asWatched(speaker, stream)),
  );
  return all.sort((a, b) => KINDS.indexOf(kindOf(a.stream)) - KINDS.indexOf(kindOf(b.stream)));
}

function kindOf({ channel }: NegotiatedStream): string {
  return channel.split(' ', 1)[0] ?? '';
}

function asWatched(speaker: Leg, stream: NegotiatedStream): WatchableStream[] {
  const codec = spokenCodec(stream)?.codec;
  // Under the number that the speaker was given, which may be another than the one that it takes.
  const sent = stream.sends.find((format) => format.codec === codec);
  if (sent === undefined) return [];
  const watched: NegotiatedStream = {
    ...stream,
    ...{ accepts: [sent], sends: [], isSending: false, isListening: true },
    ...{ isReportable: true, isRtcpMux: false, audioLevelId: 0, keyFrameRequest: undefined },
  };
  return [{ speaker, stream: watched }];
}

export interface WatchDescription {
  /** Digits. */
  readonly sessionId: string;
  /** Ours, as the player reached it. */
  readonly address: string;
  readonly title: string;
  readonly streams: readonly (WatchableStream & {
    /** What SETUP calls it, relative to the Content-Base. */
    readonly control: string;
  })[];
}

/** The text, in latin1: one character a byte, as messages are written. */
export function describeWatch({ sessionId, address, title, streams }: WatchDescription): string {
  const family = address.includes(':') ? 'IP6' : 'IP4';
  const lines = [
    ...['v=0', `o=- ${sessionId} 1 IN ${family} ${address}`, `s=${encoded(title)}`],
    // Where the packets go SETUP settles; no address is told before (RFC 2326 appendix C.1.7).
    ...[`c=IN ${family} ${family === 'IP6' ? '::' : '0.0.0.0'}`, 't=0 0', 'a=control:*', 'a=range:npt=now-'],
    ...streams.flatMap(({ speaker, stream, control }) => [
      `m=${kindOf(stream)} 0 RTP/AVP ${stream.accepts.map(({ payloadType }) => payloadType).join(' ')}`,
      `i=${encoded(speaker.name)}`,
      ...describeFormats(stream.accepts),
      `a=control:${control}`,
    ]),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** UTF-8, one character a byte; never a line break. */
function encoded(text: string): string {
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  const line = text.replace(/[\u0000-\u001f\u007f]/g, ' ').trim();
  return Buffer.from(line === '' ? '-' : line, 'utf8').toString('latin1');
}

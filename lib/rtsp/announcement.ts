/**
 * Reads the description of an ANNOUNCE (RFC 2326 section 10.3): the streams that somebody is about to publish, and what each is called in
 * SETUP. What a room does not pass through is left out. It judges no addresses: media comes by what SETUP agrees on.
 */
import { formatsOf } from '../room/formats.js';
import { feedbackLines, keyFrameRequestOf, sectionLines } from '../room/section-attributes.js';
import { ChannelNames } from '../room/stream.js';
import type { NegotiatedStream } from '../room/stream.js';
import { parseSdp } from '../wire/index.js';
import type { Sdp, SdpLimits, SdpMedia } from '../wire/index.js';

/** One stream that is announced. */
export interface AnnouncedStream {
  /** What its `a=control` says; undefined where it says nothing, so that the URL of the whole is meant. */
  readonly control: string | undefined;
  readonly stream: NegotiatedStream;
}

export type Announcement =
  | { readonly ok: true; readonly streams: readonly AnnouncedStream[] }
  | { readonly ok: false; readonly warning: string };

const PROFILES: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];
const KINDS: readonly string[] = ['audio', 'video'];

export function readAnnouncement(text: string, limits?: SdpLimits): Announcement {
  const sdp = parseSdp(text, limits);
  if (!sdp.ok) return { ok: false, warning: sdp.error.message };
  const names = new ChannelNames();
  const streams = sdp.value.media.flatMap((media) => readStream(sdp.value, media, names));
  return streams.length > 0
    ? { ok: true, streams }
    : { ok: false, warning: 'nothing is announced that could be distributed here' };
}

function readStream(sdp: Sdp, media: SdpMedia, names: ChannelNames): AnnouncedStream[] {
  if (!PROFILES.includes(media.protocol) || !KINDS.includes(media.kind)) return [];
  const formats = formatsOf(media);
  if (formats.length === 0) return [];
  const lines = sectionLines(sdp, media);
  const isVideo = media.kind === 'video';
  const stream: NegotiatedStream = {
    ...{ media: media.index, transport: media.index, channel: names.next(media) },
    ...{ isRtp: true, accepts: formats, sends: formats },
    ...{ isSending: true, isListening: false, isReportable: true, isRtcpMux: false, audioLevelId: 0 },
    keyFrameRequest: isVideo ? keyFrameRequestOf(feedbackLines(lines, formats)) : undefined,
    ...{ remote: { address: media.address, port: media.port }, remoteRtcp: media.rtcp },
  };
  return [{ control: controlOf(lines), stream }];
}

const CONTROL = 'a=control:';

function controlOf(lines: readonly string[]): string | undefined {
  const line = lines.find((one) => one.startsWith(CONTROL));
  const control = line?.slice(CONTROL.length).trim();
  return control === undefined || control === '' || control === '*' ? undefined : control;
}

/*
 * The attributes of an m= section beyond its formats that a room answers: feedback that it routes, and the audio
 * level that it passes on. Everything else that is offered is left unanswered, which declines it.
 */
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import type { Format } from './formats.js';

/** How a sender can be asked for a key frame: RFC 4585 section 6.3.1, RFC 5104 section 4.3.1. */
export type KeyFrameRequest = 'pli' | 'fir';

/** RFC 6464. */
const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
/** Feedback about one source, which can go to that source. Of a whole connection (transport-cc, REMB) nobody here can judge. */
const FEEDBACK = ['nack', 'nack pli', 'ccm fir'];
const MIRRORED = new Map([
  ['sendonly', 'recvonly'],
  ['recvonly', 'sendonly'],
]);

export function sectionLines(sdp: Sdp, media: SdpMedia): string[] {
  return sdp.text.split(/\r\n|\r|\n/).slice(media.firstLine - 1, media.lastLine);
}

/** The a=rtcp-fb lines among these that we answer, for the formats that are accepted. */
export function feedbackLines(lines: readonly string[], formats: readonly Format[]): string[] {
  return lines.flatMap((line) => {
    const [, type, value] = /^a=rtcp-fb:(\*|\d+) (.*?) *$/.exec(line) ?? [];
    if (type === undefined || value === undefined || !FEEDBACK.includes(value)) return [];
    const isAccepted = type === '*' || formats.some(({ payloadType }) => String(payloadType) === type);
    return isAccepted ? [`a=rtcp-fb:${type} ${value}`] : [];
  });
}

/** What the lines of `feedbackLines` allow; PLI where there is a choice, as it needs no answer. */
export function keyFrameRequestOf(lines: readonly string[]): KeyFrameRequest | undefined {
  if (lines.some((line) => line.endsWith(' nack pli'))) return 'pli';
  return lines.some((line) => line.endsWith(' ccm fir')) ? 'fir' : undefined;
}

/**
 * The line that accepts the audio level under the offer's id, and that id: 1 to 14, as a header of one byte has it
 * (RFC 8285 section 4.2). Id 0 and no line where it is not offered.
 */
export function audioLevelOf(lines: readonly string[]): { id: number; lines: readonly string[] } {
  for (const line of lines) {
    const [, id, direction, uri, rest = ''] = /^a=extmap:(\d+)(?:\/(\w+))? (\S+)(.*?) *$/.exec(line) ?? [];
    if (uri !== AUDIO_LEVEL || !(Number(id) >= 1 && Number(id) <= 14)) continue;
    const mirrored = direction === undefined ? '' : `/${MIRRORED.get(direction) ?? direction}`;
    return { id: Number(id), lines: [`a=extmap:${id}${mirrored} ${uri}${rest}`] };
  }
  return { id: 0, lines: [] };
}

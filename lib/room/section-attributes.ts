/*
 * The attributes of an m= section beyond its formats that a room answers: feedback that it routes, and the audio
 * level that it passes on. Everything else that is offered is left unanswered, which declines it.
 */
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import type { Format } from './formats.js';

/** How a sender can be asked for a key frame: RFC 4585 section 6.3.1, RFC 5104 section 4.3.1. */
export type KeyFrameRequest = 'pli' | 'fir';

const SPACE = 0x20;
/** An id and maybe a direction (RFC 8285 section 8). */
const EXTENSION = /^(\d{1,5})(?:\/(\w{1,32}))?$/;
/** RFC 6464. */
const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
/** Feedback about one source, which can go to that source. Of a whole connection (transport-cc, REMB) nobody here can judge. */
const FEEDBACK = ['nack', 'nack pli', 'ccm fir'];
const MIRRORED = new Map([
  ['sendonly', 'recvonly'],
  ['recvonly', 'sendonly'],
]);

/** The lines of a section, without their ends. */
export function sectionLines(sdp: Sdp, media: SdpMedia): string[] {
  return sdp.text.slice(media.start, media.end).split(/\r\n|\r|\n/);
}

/** The a=rtcp-fb lines among these that we answer, each once, for the formats that are accepted. */
export function feedbackLines(lines: readonly string[], formats: readonly Format[]): string[] {
  const types = new Set(['*', ...formats.map(({ payloadType }) => String(payloadType))]);
  const answered = new Set<string>();
  for (const line of lines) {
    const [type = '', value] = attributeWords(line, 'a=rtcp-fb:');
    if (value !== undefined && types.has(type) && FEEDBACK.includes(value)) {
      answered.add(`a=rtcp-fb:${type} ${value}`);
    }
  }
  return [...answered];
}

/** What follows `name` up to the first space, and what follows that, without spaces at the end; nothing for other lines. */
function attributeWords(line: string, name: string): [] | [string] | [string, string] {
  if (!line.startsWith(name)) return [];
  const space = line.indexOf(' ', name.length);
  if (space < 0) return [line.slice(name.length)];
  return [line.slice(name.length, space), withoutTrailingSpaces(line.slice(space + 1))];
}

/** An expression that finds them tries each run of spaces from each of its spaces on. */
function withoutTrailingSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === SPACE) end--;
  return text.slice(0, end);
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
    const [name = '', value = ''] = attributeWords(line, 'a=extmap:');
    const [, id, direction] = EXTENSION.exec(name) ?? [];
    const isLevel = value === AUDIO_LEVEL || value.startsWith(`${AUDIO_LEVEL} `);
    if (!isLevel || !(Number(id) >= 1 && Number(id) <= 14)) continue;
    const mirrored = direction === undefined ? '' : `/${MIRRORED.get(direction) ?? direction}`;
    return { id: Number(id), lines: [`a=extmap:${id}${mirrored} ${value}`] };
  }
  return { id: 0, lines: [] };
}

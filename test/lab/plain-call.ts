// What the packets say of phones that bring no key (protocol.md 8.3). In an open room what they send goes out under numbers of the server's
// (8.3.11), so that its bytes behind the header tell each packet; those of the phones' tone are never twice the same.
import assert from 'node:assert/strict';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import type { JsonLines, Line } from './json-lines.js';
import { SERVER } from './lab.js';
import { assertNoTheft } from './theft.js';

/** At least 128 ports, for canaries (protocol.md 8.3.2), and a tenth for questions. */
export const PLAIN_RANGE = [40_000, 40_399] as const;
const RTP_HEADER_BYTES = 12;

export const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
export const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
export const contentOf = ({ payload }: CapturedDatagram) =>
  Buffer.from(payload.subarray(RTP_HEADER_BYTES)).toString('latin1');

/** What one says and another hears, each as it was captured at its own host. */
export interface Way {
  readonly name: string;
  readonly said: readonly CapturedDatagram[];
  readonly heard: readonly CapturedDatagram[];
  /** What tells a packet: its bytes behind the header unless set. */
  readonly tell?: (packet: CapturedDatagram) => string;
}

/** What an address sent to the server's media ports, and what came from there. */
export function sidesOf(seen: readonly CapturedDatagram[], address: string) {
  const media = seen.filter(isRtp);
  return { said: media.filter(isFrom(address)), heard: media.filter(isFrom(SERVER)) };
}

/** All that is heard was said. */
export function assertOnlySaid({ name, said, heard, tell = contentOf }: Way): void {
  const spoken = new Set(said.map(tell));
  const strange = heard.filter((packet) => !spoken.has(tell(packet)));
  assertNoTheft(
    strange.map((packet) => `${packet.payload.length} bytes, ${contentOf(packet).slice(0, 30)}`),
    `${name}: heard and not said`,
  );
}

/**
 * What was under way at a switch goes out again (protocol.md 5.11): elsewhere nothing does. A phone that has to wait for its processor
 * may say the same silence twice.
 */
export function assertNothingTwice({ name, said, heard, tell = contentOf }: Way): void {
  const left = new Map<string, number>();
  for (const packet of said) left.set(tell(packet), (left.get(tell(packet)) ?? 0) + 1);
  for (const packet of heard) left.set(tell(packet), (left.get(tell(packet)) ?? 0) - 1);
  const more = [...left.values()].filter((count) => count < 0).length;
  assert.equal(more, 0, `${name}: ${more} packets are heard more often than they were said`);
}

/** How long after a moment the first packet was heard. */
export function beginMs({ name, heard }: Way, sinceMs: number): number {
  const [first] = heard;
  assert.ok(first, `${name}: nothing is heard`);
  return Math.round(first.timeMs - sinceMs);
}

/**
 * The longest time between two packets that were heard, less what the speaker let pass itself beyond a packet's 20 ms, before any that it
 * said meanwhile.
 */
export function longestGapMs({ said, heard, tell = contentOf }: Way, fromMs: number, toMs: number): number {
  const order = new Map(said.map((packet, i) => [tell(packet), i]));
  const pausesMs = (after: number, last: number) =>
    said
      .slice(after + 1, last + 1)
      .reduce((sum, { timeMs }, i) => sum + Math.max(0, timeMs - said[after + i]!.timeMs - 20), 0);
  const gaps = heard.slice(1).map((packet, i) => {
    const isThen = packet.timeMs >= fromMs && heard[i]!.timeMs <= toMs;
    const [after = 0, last = 0] = [heard[i]!, packet].map((one) => order.get(tell(one)));
    return isThen ? packet.timeMs - heard[i]!.timeMs - pausesMs(after, last) : 0;
  });
  return Math.round(Math.max(0, ...gaps));
}

/** The lines of the component that carries RTP. */
export const linesOf = ({ all }: JsonLines, ...events: readonly string[]): Line[] =>
  all.filter(({ event, component }) => events.includes(String(event)) && component === 1);

/** Numbers and all, but for the payload type, which a room translates: of who speaks latch. */
export const wholeOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(2)).toString('latin1');

export const timeOf = ({ time }: Line): number => Date.parse(String(time));
export const portOf = ({ local }: Line): number => Number(String(local).replace(/^.*:/, ''));

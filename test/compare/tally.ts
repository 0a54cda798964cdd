// What happened in one call, counted from the packets that tcpdump saw at the attacker and at the two clients: no program's own
// word is asked. Pure: captures and times in, numbers out.
import { INTERVAL_MS, speakerOf } from './content.js';
import type { Speaker } from './content.js';
import type { Seen } from './opened.js';

export interface Party {
  readonly address: string;
  /** What went in and out at its own interface; SRTP opened. */
  readonly packets: readonly Seen[];
}

export interface Evidence {
  readonly caller: Party;
  readonly callee: Party;
  readonly attacker: Party;
  /** When the NAT rebound, and when both were told to stop. Milliseconds since 1970. */
  readonly reboundMs: number;
  readonly endMs: number;
}

/**
 * What a rebinding did to the media that one client hears: a gap of so many milliseconds over the interval of the packets;
 * or nothing heard in the last second of the call; or nothing heard in the second before the rebinding, so that there was
 * nothing left to lose.
 */
export type Loss = { kind: 'gap'; ms: number } | { kind: 'to-the-end' } | { kind: 'before' };

export interface Tally {
  /** Media packets that the callee sent to the caller, from the caller's first one on. */
  readonly genuine: number;
  /** Packets that the attacker sent. */
  readonly attack: number;
  /** How long before the caller's first packet the attack began; undefined without an attack. */
  readonly leadMs: number | undefined;
  /** Packets of the caller's or the callee's media that arrived at the attacker. */
  readonly stolen: number;
  /** Packets of the attacker's content that arrived at either client, and that it takes. */
  readonly injected: number;
  /** Those that arrived, and that its SRTP refuses. */
  readonly refused: number;
  /** Packets that arrived at the attacker and carry nobody's media: challenges, for instance. */
  readonly asked: number;
  /** Of the media to the caller, whose NAT rebinds, and of the media from it to the callee. */
  readonly lossToCaller: Loss;
  readonly lossFromCaller: Loss;
}

/** Silence of this length at an end means that there is no media, and not that a packet is late. */
const SILENCE_MS = 1000;

export function tally(evidence: Evidence): Tally {
  const { caller, callee, attacker } = evidence;
  const startMs = sentBy(caller, 'caller')[0]?.timeMs ?? evidence.endMs;
  const genuine = sentBy(callee, 'callee').filter(({ timeMs }) => timeMs >= startMs);
  const attack = sentBy(attacker, 'attacker');
  const toAttacker = received(attacker).map(({ payload }) => speakerOf(payload));
  const forwarded = [caller, callee]
    .flatMap(received)
    .filter(({ payload }) => speakerOf(payload) === 'attacker');
  const refused = forwarded.filter(({ isRefused }) => isRefused).length;
  return {
    genuine: genuine.length,
    attack: attack.length,
    leadMs: attack[0] && Math.round(startMs - attack[0].timeMs),
    stolen: toAttacker.filter((speaker) => speaker === 'caller' || speaker === 'callee').length,
    injected: forwarded.length - refused,
    refused,
    asked: toAttacker.filter((speaker) => speaker === undefined).length,
    lossToCaller: lossOf(heard(caller, 'callee'), evidence),
    lossFromCaller: lossOf(heard(callee, 'caller'), evidence),
  };
}

/** From the times at which one stream arrived, ascending. */
export function lossOf(
  arrivals: readonly number[],
  { reboundMs, endMs }: Pick<Evidence, 'reboundMs' | 'endMs'>,
): Loss {
  const times = arrivals.filter((timeMs) => timeMs <= endMs);
  if (!times.some((timeMs) => timeMs > reboundMs - SILENCE_MS && timeMs <= reboundMs))
    return { kind: 'before' };
  if (times.at(-1)! < endMs - SILENCE_MS) return { kind: 'to-the-end' };
  let longestMs = endMs - times.at(-1)!;
  for (const [i, timeMs] of times.entries())
    if (timeMs > reboundMs) longestMs = Math.max(longestMs, timeMs - times[i - 1]!);
  return { kind: 'gap', ms: Math.max(0, Math.round(longestMs - INTERVAL_MS)) };
}

function sentBy({ address, packets }: Party, speaker: Speaker): Seen[] {
  return packets.filter(
    ({ source, payload }) => source.address === address && speakerOf(payload) === speaker,
  );
}

function received({ address, packets }: Party): Seen[] {
  return packets.filter(({ destination }) => destination.address === address);
}

function heard(party: Party, speaker: Speaker): number[] {
  return received(party)
    .filter(({ payload }) => speakerOf(payload) === speaker)
    .map(({ timeMs }) => timeMs);
}

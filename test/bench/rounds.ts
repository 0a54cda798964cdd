// Variants take turns under one load, round after round, so that whatever else the machine does falls on all alike. What is said is
// the ratio of two of them in the same round; a figure by itself says little on a machine that others share.
import type { NativePrograms } from './native.js';
import { PACED } from './load.js';
import { spreadOf } from './statistics.js';
import type { Spread } from './statistics.js';
import { writeSrtpPackets } from './srtp-packets.js';
import { measureTraffic } from './traffic.js';
import type { Timing, TrafficReport } from './traffic.js';
import type { Trial } from './trials.js';
import type { Memory, Variant } from './variant.js';

export interface Sample {
  readonly report: TrafficReport;
  /** Before any media; of those in Node. */
  readonly memory?: Memory;
  /** When half of the peers were there. */
  readonly memoryOfHalf?: Memory;
  /** Of the event loop while media went through; of those in Node, where the trial asks for it. */
  readonly longestPauseMs?: number;
}

export interface TrialResult {
  readonly trial: Trial;
  /** Of each variant, one of each round. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  /** Of each that could not be measured, why. */
  readonly refusals: ReadonlyMap<string, string>;
}

/** Of forwarded packets of SRTP, made before the first round: no forwarder of ours is faster. */
const SRTP_PER_SECOND_MOST = 160_000;

/** Microseconds of CPU of all threads for each packet that arrived. */
export function costOf({ report }: Sample): number {
  return report.cpuNs / 1000 / report.arrived;
}

/** Of what was sent while it was measured. */
export function lossOf({ report }: Sample): number {
  return report.due === 0 ? NaN : 1 - report.delivered / report.due;
}

/** In any round, in milliseconds: of the event loop the longest pause, and the longest that a listener waited for the next packet. */
export function longestOf(samples: readonly Sample[]): { readonly pauseMs?: number; readonly gapMs: number } {
  const pauses = samples.flatMap(({ longestPauseMs }) => longestPauseMs ?? []);
  const gapMs = Math.max(...samples.map(({ report }) => report.gapMs));
  return { gapMs, ...(pauses.length > 0 && { pauseMs: Math.max(...pauses) }) };
}

/** What a packet costs by one, of what it costs by the other, in each round. */
export function ratioOf({ samples }: TrialResult, one: string, other: string): Spread | undefined {
  const [ones, others] = [samples.get(one) ?? [], samples.get(other) ?? []];
  const ratios = ones.flatMap((sample, round) => {
    const beside = others[round];
    return beside === undefined ? [] : [costOf(sample) / costOf(beside)];
  });
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

export interface RoundsOptions extends Timing {
  readonly rounds: number;
  readonly onTurn: (what: string) => void;
}

export async function measureTrial(
  programs: NativePrograms,
  trial: Trial,
  variants: readonly Variant[],
  options: RoundsOptions,
): Promise<TrialResult> {
  const samples = new Map<string, Sample[]>();
  const refusals = new Map<string, string>();
  for (const variant of variants) {
    const why = variant.whyNot(trial.load);
    if (why !== undefined) refusals.set(variant.name, why);
  }
  const packets = trial.load.isSrtp ? writeSrtpPackets(trial.load, srtpEach(trial, options)) : undefined;
  const turn = async (variant: Variant, round: number): Promise<void> => {
    options.onTurn(`${trial.name}, round ${round + 1} of ${options.rounds}: ${variant.name}`);
    try {
      const sample = await measure(programs, trial, variant, options, packets?.path);
      samples.set(variant.name, [...(samples.get(variant.name) ?? []), sample]);
    } catch (error) {
      refusals.set(variant.name, error instanceof Error ? error.message : String(error));
      samples.delete(variant.name);
    }
  };
  for (let round = 0; round < options.rounds; round++)
    for (const variant of rotated(variants, round))
      if (!refusals.has(variant.name)) await turn(variant, round);
  packets?.close();
  return { trial, samples, refusals };
}

async function measure(
  programs: NativePrograms,
  trial: Trial,
  variant: Variant,
  timing: Timing,
  packets: string | undefined,
): Promise<Sample> {
  const { load } = trial;
  const forwarder = await variant.start(load);
  try {
    const memory = await forwarder.memory?.();
    const { memoryOfHalf } = forwarder;
    if (trial.watchesPauses) await forwarder.watchPauses?.();
    const report = await measureTraffic(programs, load, forwarder, { ...timing, ...trial.timing }, packets);
    if (performance.now() > (forwarder.openUntilMs ?? Infinity))
      throw new Error('consent ran out before the end: this machine is too slow for so many calls');
    if (report.arrived === 0) throw new Error('nothing came through');
    const longestPauseMs = trial.watchesPauses ? await forwarder.longestPauseMs?.() : undefined;
    return {
      report,
      ...(memory && { memory }),
      ...(memoryOfHalf && { memoryOfHalf }),
      ...(longestPauseMs !== undefined && { longestPauseMs }),
    };
  } finally {
    await forwarder.close();
  }
}

/** Whoever begins has the machine as the round before left it: in each round it is another. */
function rotated<T>(all: readonly T[], by: number): T[] {
  return all.map((_, i) => all[(i + by) % all.length]!);
}

/** Packets of each speaker that are enough for the warm-up, flat out, and what is measured. */
function srtpEach({ load }: Trial, { warmMs, measureMs }: Timing): number {
  const speakers = load.rooms * load.speakers;
  const flatMs = load.rate === 0 ? warmMs + measureMs : warmMs;
  const pacedMs = load.rate === 0 ? 0 : measureMs + 1000;
  return Math.ceil((SRTP_PER_SECOND_MOST * flatMs) / 1000 / speakers + (PACED * pacedMs) / 1000);
}

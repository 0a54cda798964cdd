/*
 * What the participants of a room report of each other's sources: the last report of each, with the round trip between
 * server and reporter that follows from it. It believes a report only about its reporter: a lie spoils the liar's own
 * figures, and nothing is decided by them.
 */
import type { Link } from './link.js';
import type { ReportBlock } from './rtcp-reports.js';
import type { Source } from './sources.js';

/** What a participant reports of a source that it hears: of the whole way, the speaker's way to the server included. */
export interface ReportedStatistics {
  /** As the room knows the source. */
  readonly ssrc: number;
  /** The session of its speaker, where there is one. */
  readonly from: string | undefined;
  /** Since the report before, 0 to 1. */
  readonly fractionLost: number;
  /** Since the participant hears the source; negative where packets came twice. */
  readonly lost: number;
  /** Undefined before the source's first packet of media: then its clock is not known. */
  readonly jitterMs: number | undefined;
  /**
   * From the server to the participant and back: the reply to a sender report that went through here (RFC 3550 section
   * 6.4.1, with the time at which it left us in place of the time in it). Undefined where there was none.
   */
  readonly roundTripMs: number | undefined;
  readonly ageMs: number;
}

interface Report {
  readonly block: ReportBlock;
  readonly roundTripMs: number | undefined;
  readonly atMs: number;
}

/** A room of fifty with a camera each; of who reports on more, the oldest report goes. */
const REPORTS_PER_LINK_MAX = 128;
/** A receiver answers the last sender report, or the one before while the last was on its way. */
const SENT_REPORTS_MAX = 4;

export class ReportLedger {
  readonly #reports = new WeakMap<Link, Map<Source<Link>, Report>>();
  /** When the last sender reports of a source went out to its listeners, by the middle of their NTP time. */
  readonly #sent = new WeakMap<Source<Link>, Map<number, number>>();

  /** A sender report of the source goes out now. */
  noteSent(source: Source<Link>, reportTime: number, nowMs: number): void {
    if (reportTime === 0) return;
    const sent = this.#sent.get(source) ?? new Map<number, number>();
    this.#sent.set(source, sent);
    sent.delete(reportTime);
    sent.set(reportTime, nowMs);
    dropOldest(sent, SENT_REPORTS_MAX);
  }

  /** A participant reports of a source that it may hear. */
  noteReport(reporter: Link, source: Source<Link>, block: ReportBlock, nowMs: number): void {
    const reports = this.#reports.get(reporter) ?? new Map<Source<Link>, Report>();
    this.#reports.set(reporter, reports);
    const sentMs = this.#sent.get(source)?.get(block.lastReport);
    // One that answers nothing of ours leaves what is known of the round trip.
    const roundTripMs = roundTrip(block, sentMs, nowMs) ?? reports.get(source)?.roundTripMs;
    reports.delete(source);
    reports.set(source, { block, roundTripMs, atMs: nowMs });
    dropOldest(reports, REPORTS_PER_LINK_MAX);
  }

  /** The last report of each source that is still there, the oldest first. */
  reportsOf(reporter: Link, nowMs: number): ReportedStatistics[] {
    return [...(this.#reports.get(reporter) ?? [])].flatMap(([source, { block, roundTripMs, atMs }]) => {
      if (source.owner === undefined) return [];
      const { clockRate } = source.reception;
      return {
        ssrc: source.ssrc,
        from: source.owner.leg.session,
        fractionLost: block.fractionLost / 256,
        lost: block.cumulativeLost,
        jitterMs: clockRate === 0 ? undefined : (block.jitter * 1000) / clockRate,
        roundTripMs,
        ageMs: nowMs - atMs,
      };
    });
  }
}

/** Undefined where the report answers none of ours, or says that it was kept longer than it can have been. */
function roundTrip(block: ReportBlock, sentMs: number | undefined, nowMs: number): number | undefined {
  if (sentMs === undefined) return undefined;
  const roundTripMs = nowMs - sentMs - block.delaySinceLastReport / 65.536;
  // The delay comes in steps, and clocks do not run alike: a millisecond below nothing is nothing.
  return roundTripMs < -1 ? undefined : Math.max(0, roundTripMs);
}

/** A Map gives its entries in the order in which they were put there. */
function dropOldest<Key>(map: Map<Key, unknown>, sizeMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
}

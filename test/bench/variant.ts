// One way to forward media, started anew for each measurement. What they have in common, and nothing of how they do it.
import type { Load } from './load.js';

/** Of a process, in bytes. */
export interface Memory {
  readonly resident: number;
  /** Of these, objects and buffers that are in use. */
  readonly heap: number;
}

/** A forwarder that runs, in a process of its own, and to which every peer's path is open. */
export interface Forwarder {
  readonly pid: number;
  /** Where it takes media: one for each speaker, or one for all. */
  readonly ports: readonly number[];
  /** The first peer of each room is a client of TURN. */
  readonly isTurn?: boolean;
  /** By `performance.now()`: until then every path stays open without an answer; forever unless set. */
  readonly openUntilMs?: number;
  /** From now on the pauses of its event loop are noted, where it has one. */
  watchPauses?(): Promise<void>;
  /** The longest since then: for so long nothing was read. */
  longestPauseMs?(): Promise<number>;
  /** After a collection of garbage, where it has any. */
  memory?(): Promise<Memory>;
  /** The same when half of its peers were there, where the load asks for it. */
  readonly memoryOfHalf?: Memory | undefined;
  /** Fulfilled when it is gone, and with it what it had still to send. */
  close(): Promise<void>;
}

export interface Variant {
  readonly name: string;
  /** For a table. */
  readonly title: string;
  /** Why it cannot take this load here; undefined where it can. */
  whyNot(load: Load): string | undefined;
  start(load: Load): Promise<Forwarder>;
}

// A range of UDP ports, a pair for each call (protocol.md 8.3.2). Of a peer without a key it is known by which port it was told just now, so
// nobody may foretell that port: it is drawn by chance, and best from those that have listened for a while without anybody sending there.
import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { BindableSocket, Canary } from '../index.js';
import { IdlePorts } from './idle-ports.js';
import { bindPair, dropsOf } from './media-pair.js';
import type { CanaryCounts, MediaPlace, MediaSockets, OpenedPair, PortUse } from './media-pair.js';

/** Pairs tried for one call: in a range that others use too, a call must not wait for thousands of refusals. */
const ATTEMPTS_MAX = 64;
/** In a smaller range so few ports would listen that who guesses ports hardly meets one. */
const WATCHED_PORTS_MIN = 128;
const CANARY_SHARE = 8;
/** Sockets: each is a file descriptor. */
const CANARY_PORTS_MAX = 256;
/** After this time without a packet a port is known to nobody who guesses. */
const UNHIT_MS = 60_000;
/** How long a canary stays on its pair: from, and up to. Who guesses cannot learn where they are. */
const CANARY_MS = [60_000, 120_000] as const;
/** Of the range may be held for questions at a time: who contests many calls takes no ports from others. */
const QUESTION_SHARE = 10;

/** Of the process, and of the machine. */
const NO_DESCRIPTORS = ['EMFILE', 'ENFILE'];

/** An idle pair that listens. */
interface Watched {
  readonly pair: OpenedPair;
  readonly canaries: readonly Canary[];
  readonly sinceMs: number;
  readonly timer: NodeJS.Timeout;
}

export interface RangeOptions {
  readonly low: number;
  readonly high: number;
  /** Makes a canary of an idle socket. Left out: none listens. */
  readonly watch?: ((socket: BindableSocket) => Canary) | undefined;
  /** Of the clock that canaries tell. `performance.now()` unless set. */
  readonly nowMs?: () => number;
}

export class PortRange implements MediaSockets<OpenedPair> {
  readonly ports: string;
  readonly #place: MediaPlace;
  readonly #nowMs: () => number;
  readonly #idle: IdlePorts;
  readonly #watched = new Map<number, Watched>();
  readonly #watchedMax: number;
  readonly #lent = new Map<number, OpenedPair>();
  /** Pairs. */
  readonly #count: number;
  /** Lent for questions, or about to be. */
  #held = 0;
  #watch: RangeOptions['watch'];
  /** There was no file descriptor left: none listens until then. */
  #watchAgainMs = -Infinity;
  #isFilling = false;
  #hitBefore = 0;
  #dropsBefore = 0;
  #isClosed = false;

  constructor(place: MediaPlace, { low, high, watch, nowMs = () => performance.now() }: RangeOptions) {
    this.ports = `${low}-${high}`;
    this.#place = place;
    this.#nowMs = nowMs;
    const first = low + (low % 2);
    const count = Math.floor((high - first + 1) / 2);
    this.#idle = new IdlePorts(
      Array.from({ length: count }, (_, index) => first + 2 * index),
      (below) => randomInt(below),
    );
    this.#count = count;
    const watchedPorts = Math.min(CANARY_PORTS_MAX, Math.floor((2 * count) / CANARY_SHARE));
    this.#watchedMax = 2 * count < WATCHED_PORTS_MIN ? 0 : Math.floor(watchedPorts / 2);
    this.#watch = watch;
    this.#fill();
  }

  async lend(use: PortUse = 'keyless'): Promise<OpenedPair | undefined> {
    if (use !== 'question') return this.#take(use);
    if (!this.#mayHold) return undefined;
    this.#held++;
    let isHeld = true;
    const keep = () => {
      if (isHeld) this.#held--;
      isHeld = false;
    };
    const pair = await this.#take(use);
    if (!pair) {
      keep();
      return undefined;
    }
    const release = () => {
      keep();
      pair.release();
    };
    return { ...pair, keep, release };
  }

  get kernelDrops(): number {
    return [...this.#lent.values()].reduce((sum, pair) => sum + dropsOf(pair), this.#dropsBefore);
  }

  get canaries(): CanaryCounts {
    const hit = [...this.#watched.values()].filter((one) => hitMsOf(one) !== -Infinity).length;
    return { listening: this.#watched.size, hit: this.#hitBefore + hit };
  }

  close(): void {
    this.#isClosed = true;
    for (const pair of [...this.#lent.values()]) pair.release();
    for (const port of [...this.#watched.keys()]) this.#unwatch(port)?.release();
  }

  /**
   * Another may be held for a question. A tenth of a range under 20 ports would be no pair at all, and its phones could never be asked: it has
   * one for questions while the next call finds another.
   */
  get #mayHold(): boolean {
    const share = Math.floor(this.#count / QUESTION_SHARE);
    if (share > 0) return this.#held < share;
    return this.#held === 0 && this.#count - this.#lent.size > 1;
  }

  async #take(use: PortUse): Promise<OpenedPair | undefined> {
    const refused: number[] = [];
    try {
      for (let tries = 0; tries < ATTEMPTS_MAX && !this.#isClosed; tries++) {
        const next = this.#next(use);
        if (next === undefined) return undefined;
        const pair = this.#unwatch(next) ?? (await this.#bind(next));
        if (pair && !this.#isClosed) return this.#lend(pair);
        pair?.release();
        refused.push(next);
      }
      return undefined;
    } finally {
      // Another program has them: they are not tried again soon.
      for (const port of refused) this.#idle.rest(port, this.#nowMs());
      this.#fill();
    }
  }

  /** Undefined where it cannot be had. Canaries give way to calls where the process has no file descriptor left. */
  async #bind(port: number): Promise<OpenedPair | undefined> {
    const bind = () => bindPair(this.#place, port);
    return bind().catch((error: NodeJS.ErrnoException) => {
      if (!NO_DESCRIPTORS.includes(error.code ?? '') || this.#watched.size === 0) return undefined;
      this.#watchAgainMs = this.#nowMs() + CANARY_MS[0];
      for (const watched of [...this.#watched.keys()]) {
        this.#unwatch(watched)?.release();
        this.#idle.add(watched);
      }
      return bind().catch(() => undefined);
    });
  }

  /** The pair that is lent next. A canary is on it still; else it is idle no more. */
  #next(use: PortUse): number | undefined {
    const idle = this.#idle;
    const nowMs = this.#nowMs();
    const unhit = use === 'proven' ? undefined : this.#unhit(nowMs);
    return unhit ?? idle.draw(nowMs) ?? this.#longestHit() ?? idle.drawResting();
  }

  /** One that has listened without being hit, by chance. */
  #unhit(nowMs: number): number | undefined {
    const ports = [...this.#watched].filter(
      ([, one]) => nowMs - one.sinceMs >= UNHIT_MS && nowMs - hitMsOf(one) >= UNHIT_MS,
    );
    return ports.length === 0 ? undefined : ports[randomInt(ports.length)]![0];
  }

  /** Of all that have listened the one that was hit longest ago, which is one that has listened for less, if it has not been hit. */
  #longestHit(): number | undefined {
    let found = this.#idle.longestHit;
    for (const [port, one] of this.#watched) {
      const hitMs = hitMsOf(one);
      if (!found || hitMs < found.hitMs) found = { port, hitMs };
    }
    if (found) this.#idle.takeHit(found.port);
    return found?.port;
  }

  #lend(pair: OpenedPair): OpenedPair {
    const port = pair.rtpPort;
    const lent = {
      ...pair,
      release: () => {
        if (this.#lent.get(port) !== lent) return;
        this.#lent.delete(port);
        this.#dropsBefore += dropsOf(pair);
        pair.release();
        this.#idle.rest(port, this.#nowMs());
        this.#fill();
      },
    };
    this.#lent.set(port, lent);
    return lent;
  }

  /** Lets as many idle pairs listen as there are to be. */
  #fill(): void {
    if (this.#isFilling || this.#isFull) return;
    this.#isFilling = true;
    void this.#fillUp().finally(() => (this.#isFilling = false));
  }

  get #isFull(): boolean {
    const isShort = this.#nowMs() < this.#watchAgainMs;
    return this.#isClosed || !this.#watch || isShort || this.#watched.size >= this.#watchedMax;
  }

  async #fillUp(): Promise<void> {
    for (let refused = 0; refused < ATTEMPTS_MAX && !this.#isFull;) {
      const port = this.#idle.draw(this.#nowMs());
      if (port === undefined) return;
      const pair = await bindPair(this.#place, port).catch(() => undefined);
      if (pair && this.#listen(pair)) continue;
      pair?.release();
      this.#idle.rest(port, this.#nowMs());
      refused++;
    }
  }

  /** False where the latchkey is closed, or the range. */
  #listen(pair: OpenedPair): boolean {
    const { rtp, rtcp, rtpPort } = pair;
    if (this.#isClosed || !this.#watch) return false;
    try {
      const canaries = [this.#watch(rtp), this.#watch(rtcp)];
      const [least, most] = CANARY_MS;
      const timer = setTimeout(() => this.#redraw(rtpPort), randomInt(least, most + 1)).unref();
      this.#watched.set(rtpPort, { pair, canaries, sinceMs: this.#nowMs(), timer });
      return true;
    } catch {
      // It was given a latchkey that its owner has closed.
      this.#watch = undefined;
      return false;
    }
  }

  /** Another pair listens in place of this one. */
  #redraw(port: number): void {
    const one = this.#watched.get(port);
    if (!one) return;
    const hitMs = hitMsOf(one);
    this.#unwatch(port)?.release();
    if (hitMs === -Infinity) this.#idle.add(port);
    else this.#idle.addHit(port, hitMs, this.#nowMs());
    this.#fill();
  }

  /** No canary is on it any more; its sockets stay bound, so that nothing which was told the port later is lost. */
  #unwatch(port: number): OpenedPair | undefined {
    const one = this.#watched.get(port);
    if (!one) return undefined;
    this.#watched.delete(port);
    clearTimeout(one.timer);
    if (hitMsOf(one) !== -Infinity) this.#hitBefore++;
    for (const canary of one.canaries) canary.close();
    return one.pair;
  }
}

function hitMsOf({ canaries }: Pick<Watched, 'canaries'>): number {
  return Math.max(...canaries.map(({ hitMs }) => hitMs));
}

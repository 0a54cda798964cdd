// The media ports of a server that takes keyless calls (protocol.md 8.3.2), in virtual time: which of them listen, which are
// canaries, and which a call or a question gets. It opens no socket: whoever listens to it does.
import type { Clock } from '../support/clock.js';
import type { Prng } from '../support/prng.js';

/** Even ports: RTCP is multiplexed. */
export const RANGE_SIZE = 5000;
const FIRST_PORT = 20_000;

const CANARIES_MAX = 256;
/** Of the range. */
const CANARY_SHARE = 8;
/** Under so many ports there are no canaries. */
const CANARY_RANGE_MIN = 128;
/** A port that nobody has hit for so long is the best that a call can have. */
const UNHIT_MS = 60_000;
/** A canary is drawn anew after this and up to as much more. */
const CANARY_LIFE_MS = 60_000;

/** Who binds the sockets, and who wants to know which packets of a sweep meet one. */
export interface PortListener {
  handleOpened(port: number): void;
  /** A canary is a call's from now on. */
  handleTaken?(port: number): void;
  handleClosed(port: number): void;
}

interface Listening {
  readonly sinceMs: number;
  isCanary: boolean;
  hitMs: number;
}

export const portAt = (index: number): number => FIRST_PORT + 2 * index;
export const indexOf = (port: number): number => (port - FIRST_PORT) / 2;

export class PortRange {
  readonly size: number;
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #listening = new Map<number, Listening>();
  readonly #listeners = new Set<PortListener>();
  /** Ports that were canaries, or of a call. */
  readonly #used = new Set<number>();

  constructor(clock: Clock, prng: Prng, options: { readonly hasCanaries: boolean; readonly size?: number }) {
    this.#clock = clock;
    this.#prng = prng;
    this.size = options.size ?? RANGE_SIZE;
    if (!options.hasCanaries || this.size < CANARY_RANGE_MIN) return;
    const count = Math.min(CANARIES_MAX, Math.floor(this.size / CANARY_SHARE));
    // The process has run for a while: they are of every age.
    for (let i = 0; i < count; i++) {
      const lifeMs = CANARY_LIFE_MS * (1 + prng.next());
      this.#drawCanary(lifeMs, prng.next() * lifeMs);
    }
  }

  /** It hears of the ports that listen already, at once. */
  add(listener: PortListener): void {
    this.#listeners.add(listener);
    for (const port of this.#listening.keys()) listener.handleOpened(port);
  }

  /** Those that calls and questions have. */
  get taken(): number[] {
    return [...this.#listening].filter(([, { isCanary }]) => !isCanary).map(([port]) => port);
  }

  isCanary(port: number): boolean {
    return this.#listening.get(port)?.isCanary === true;
  }

  noteHit(port: number): void {
    const listening = this.#listening.get(port);
    if (listening) listening.hitMs = this.#clock.nowMs;
  }

  /** A port for a call or for a question; it listens from now on. */
  take(): number {
    const rested = this.#rested();
    const port = rested.length > 0 ? this.#prng.pick(rested) : this.#idle();
    const listening = this.#listening.get(port);
    if (listening) {
      listening.isCanary = false;
      for (const listener of this.#listeners) listener.handleTaken?.(port);
    } else this.#open(port, { sinceMs: this.#clock.nowMs, isCanary: false, hitMs: -Infinity });
    return port;
  }

  release(port: number): void {
    if (!this.#listening.delete(port)) return;
    for (const listener of this.#listeners) listener.handleClosed(port);
  }

  #rested(): number[] {
    const beforeMs = this.#clock.nowMs - UNHIT_MS;
    return [...this.#listening]
      .filter(([, { isCanary, sinceMs, hitMs }]) => isCanary && sinceMs <= beforeMs && hitMs <= beforeMs)
      .map(([port]) => port);
  }

  #idle(): number {
    for (let tries = 0; tries < 100 * this.size; tries++) {
      const port = portAt(this.#prng.integer(this.size));
      if (!this.#used.has(port)) return port;
    }
    throw new Error('no port of the range is idle');
  }

  #drawCanary(lifeMs: number, ageMs = 0): void {
    const port = this.#idle();
    const listening = { sinceMs: this.#clock.nowMs - ageMs, isCanary: true, hitMs: -Infinity };
    this.#open(port, listening);
    this.#clock.after(lifeMs - ageMs, () => {
      if (!listening.isCanary) return;
      this.release(port);
      this.#drawCanary(CANARY_LIFE_MS * (1 + this.#prng.next()));
    });
  }

  #open(port: number, listening: Listening): void {
    this.#used.add(port);
    this.#listening.set(port, listening);
    for (const listener of this.#listeners) listener.handleOpened(port);
  }
}

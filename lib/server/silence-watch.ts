// Calls whose caller has vanished without a BYE: who proved an address is asked every few seconds whether it is still there,
// of who did not only silence tells. Decides when a call is silent; what then happens to it is said by who watches.
import type { StreamStatus } from '../index.js';
import type { NegotiatedStream } from '../room/index.js';

/** What is watched of a call. */
export interface WatchedCall {
  /** Answered, and not over. */
  readonly isUp: boolean;
  readonly session: { readonly streams: readonly Pick<StreamStatus, 'mapping' | 'counters'>[] };
  readonly leg: { readonly streams: readonly Pick<NegotiatedStream, 'isSending'>[] } | undefined;
  /** Asks the other side for a sign of life by SIP; false where it has no such call. */
  isThere(): Promise<boolean>;
}

interface Heard {
  /** Packets taken from the caller until then. */
  delivered: number;
  sinceMs: number;
  isAsking: boolean;
}

/** As long as rtpengine waits (`timeout`), and rtpproxy; RTCP alone comes every 5 s (RFC 3550 section 6.2). */
export const SILENCE_MS = 60_000;
const EVERY_MS = 5000;

export class SilenceWatch<T extends WatchedCall> {
  readonly #calls: () => Iterable<T>;
  readonly #onSilent: (call: T) => void;
  readonly #heard = new WeakMap<T, Heard>();
  readonly #timer: NodeJS.Timeout;

  /** @param onSilent Is told of a call once and again until the call is no more. */
  constructor(calls: () => Iterable<T>, onSilent: (call: T) => void) {
    this.#calls = calls;
    this.#onSilent = onSilent;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    for (const call of [...this.#calls()]) if (call.isUp) this.#lookAt(call, nowMs);
  }

  #lookAt(call: T, nowMs: number): void {
    const { streams } = call.session;
    const delivered = streams.reduce((sum, { counters }) => sum + counters.delivered, 0);
    const before = this.#heard.get(call);
    // A path that has answered lately (protocol.md 5.8) is a sign of life without media.
    const isAlive = streams.some(({ mapping }) => mapping !== undefined);
    if (!before || isAlive || delivered > before.delivered) {
      this.#heard.set(call, { delivered, sinceMs: nowMs, isAsking: false });
    } else if (nowMs - before.sinceMs >= SILENCE_MS) {
      // Who said that it would send nothing, as on hold, may well be silent: it is asked.
      if (call.leg?.streams.some(({ isSending }) => isSending) !== false) this.#onSilent(call);
      else if (!before.isAsking) void this.#ask(call, before);
    }
  }

  async #ask(call: T, heard: Heard): Promise<void> {
    heard.isAsking = true;
    const isThere = await call.isThere();
    heard.isAsking = false;
    heard.sinceMs = performance.now();
    if (!isThere && call.isUp) this.#onSilent(call);
  }
}

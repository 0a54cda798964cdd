/**
 * The one watch for peers that vanish without a BYE: a call is silent when for so long no packet of its peer's was taken and no
 * path has been proved. Who has said that it would send nothing, as on hold, is asked first. It reads counters; what happens to
 * a silent call is for the dialog to do.
 */
import type { Session, StreamStatus } from '../index.js';

export interface SilenceWatchOptions {
  /** 0: for ever. */
  readonly maxSilenceMs: number;
  readonly session: WatchedSession;
  /** Asks the peer for a sign of life; false where it has no such call. */
  readonly ask: () => Promise<boolean>;
  /** Called once. */
  readonly onSilent: () => void;
}

/** As much of a session as the watch reads. */
export interface WatchedSession {
  readonly streams: readonly Pick<StreamStatus, 'mapping' | 'counters'>[];
  on: Session['on'];
}

/** How often is looked. */
const EVERY_MS = 5000;

export type SilenceVerdict = 'wait' | 'ask' | 'silent';

/** What is to be done about a peer that has said nothing for `silentMs`. */
export function judgeSilence(silentMs: number, maxSilenceMs: number, mayBeSilent: boolean): SilenceVerdict {
  if (silentMs < maxSilenceMs) return 'wait';
  return mayBeSilent ? 'ask' : 'silent';
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #mayBeSilent: () => boolean = () => false;
  /** Packets taken from the peer until the last look. */
  #delivered = 0;
  #silentMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /**
   * Until `expectMedia` it goes by proved paths alone: when the last of them has expired, the silence begins. An application may
   * well hear its peer through other sockets than ours.
   */
  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    if (options.maxSilenceMs === 0) return;
    options.session.on('expired', () => {
      if (!this.#isAlive) this.#begin();
    });
  }

  /**
   * From now on media is expected: the silence begins here, whether or not a path was ever proved.
   *
   * @param mayBeSilent True while the peer has said that it sends nothing.
   */
  expectMedia(mayBeSilent: () => boolean): void {
    this.#mayBeSilent = mayBeSilent;
    if (this.#options.maxSilenceMs > 0) this.#begin();
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** A path that has answered lately (protocol.md 5.8) is a sign of life without media. */
  get #isAlive(): boolean {
    return this.#options.session.streams.some(({ mapping }) => mapping !== undefined);
  }

  #begin(): void {
    this.#silentMs = 0;
    this.#delivered = this.#countDelivered();
    this.#lookLater();
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const afterMs = Math.min(EVERY_MS, this.#options.maxSilenceMs);
    this.#timer = setTimeout(() => this.#look(afterMs), afterMs);
    this.#timer.unref();
  }

  #look(sinceMs: number): void {
    const delivered = this.#countDelivered();
    const hasSpoken = delivered > this.#delivered;
    this.#delivered = delivered;
    this.#silentMs = this.#isAlive || hasSpoken ? 0 : this.#silentMs + sinceMs;
    switch (judgeSilence(this.#silentMs, this.#options.maxSilenceMs, this.#mayBeSilent())) {
      case 'wait':
        return this.#lookLater();
      case 'ask':
        return void this.#ask();
      case 'silent':
        return this.#tell();
    }
  }

  async #ask(): Promise<void> {
    const isThere = await this.#options.ask();
    if (!isThere) return this.#tell();
    this.#silentMs = 0;
    this.#lookLater();
  }

  #tell(): void {
    if (this.#isOver) return;
    this.stop();
    this.#options.onSilent();
  }

  #countDelivered(): number {
    return this.#options.session.streams.reduce((sum, { counters }) => sum + counters.delivered, 0);
  }
}

// Paths that the media has left, and the rank they keep for a while: protocol.md 5.11.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';

const RANK_KEPT_MS = 30_000;
/** More switches than this within 30 s are no NAT's doing; the oldest is forgotten. */
const MAX_LEFT = 8;

export class LeftPaths {
  #left: { readonly remote: TransportAddress; readonly rankMs: number; readonly untilMs: number }[] = [];

  note(remote: TransportAddress, rankMs: number, nowMs: number): void {
    this.#left = this.#left.filter((path) => path.untilMs > nowMs && !isSameAddress(path.remote, remote));
    if (this.#left.length === MAX_LEFT) this.#left.shift();
    this.#left.push({ remote, rankMs, untilMs: nowMs + RANK_KEPT_MS });
  }

  /** When the address was first verified, if the media left it no more than 30 s ago. */
  rankMs(remote: TransportAddress, nowMs: number): number | undefined {
    return this.#left.find((path) => path.untilMs > nowMs && isSameAddress(path.remote, remote))?.rankMs;
  }

  clear(): void {
    this.#left = [];
  }
}

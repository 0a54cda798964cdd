// Who has sent to ports that nobody told it of (protocol.md 8.3.2): to one before the description with it was there, or to a canary, a port of no call.
// Who guesses ports hits such ones; a phone does not. It is suspect for a minute, and so is its SSRC from its IP address.
import type { TransportAddress } from '../wire/index.js';
import { ipKey } from './ip-key.js';

const SUSPECT_MS = 60_000;
/** Of each table; the oldest goes. */
const MAX_ENTRIES = 4096;

export class Suspects {
  readonly #sources = new TimedKeys();
  readonly #streams = new TimedKeys();
  /** A phone's own port of the last minute: what is late on the way there says nothing. */
  readonly #own = new TimedKeys();

  /** A datagram has come to a port of no call, or of one whose peer does not know it yet. */
  noteHit(local: TransportAddress, source: TransportAddress, ssrc: number | undefined, nowMs: number): void {
    const sinceMs = nowMs - SUSPECT_MS;
    if (this.#own.isNewer(pairKey(local, source), sinceMs)) return;
    if (this.#own.isNewer(hostKey(local, source.address), sinceMs)) return;
    this.#sources.note(addressKey(source), nowMs);
    if (ssrc !== undefined) this.#streams.note(streamKey(source, ssrc), nowMs);
  }

  /** The call of this source has had the port until now. */
  noteLeft(local: TransportAddress, source: TransportAddress, nowMs: number): void {
    this.#own.note(pairKey(local, source), nowMs);
  }

  /** A peer at this IP address has been told the port, which its call has no more. */
  noteToldBefore(local: TransportAddress, address: string, nowMs: number): void {
    this.#own.note(hostKey(local, address), nowMs);
  }

  has(source: TransportAddress, ssrc: number | undefined, nowMs: number): boolean {
    // Before the first hit there is nothing to look up, in either table.
    if (this.#sources.size === 0) return false;
    const sinceMs = nowMs - SUSPECT_MS;
    if (this.#sources.isNewer(addressKey(source), sinceMs)) return true;
    return ssrc !== undefined && this.#streams.isNewer(streamKey(source, ssrc), sinceMs);
  }

  /** Entries, for tests that memory stays bounded. */
  get size(): number {
    return this.#sources.size + this.#streams.size + this.#own.size;
  }
}

/** Keys with their last times; the one that was noted longest ago goes first. */
class TimedKeys {
  readonly #atMs = new Map<string, number>();

  get size(): number {
    return this.#atMs.size;
  }

  note(key: string, nowMs: number): void {
    this.#atMs.delete(key);
    this.#atMs.set(key, nowMs);
    const [oldest] = this.#atMs.size > MAX_ENTRIES ? this.#atMs.keys() : [];
    if (oldest !== undefined) this.#atMs.delete(oldest);
  }

  isNewer(key: string, sinceMs: number): boolean {
    if (this.#atMs.size === 0) return false;
    return (this.#atMs.get(key) ?? -Infinity) >= sinceMs;
  }
}

function addressKey({ address, port }: TransportAddress): string {
  return `${port}|${ipKey(address)}`;
}

function streamKey({ address }: TransportAddress, ssrc: number): string {
  return `${ssrc} ${ipKey(address)}`;
}

function hostKey(local: TransportAddress, address: string): string {
  return `${addressKey(local)} ${ipKey(address)}`;
}

function pairKey(local: TransportAddress, source: TransportAddress): string {
  return `${addressKey(local)} ${addressKey(source)}`;
}

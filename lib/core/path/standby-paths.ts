// Verified paths beside the active one, of a peer that may have several: payload is taken from them, and ICE may nominate one
// of them later (protocol.md 8.1). Nobody asks them for consent, so each is forgotten 30 s after it was verified (RFC 7675).
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { VerifiedPath } from './verified-path.js';
import type { VerifierHost } from './verifier-host.js';

const STANDBY_MS = 30_000;
/** A peer with more addresses than this is asked again for those that were forgotten. */
const MAX_STANDBYS = 4;

interface Standby {
  readonly path: VerifiedPath;
  readonly untilMs: number;
}

/** Of all verifiers whose peer has one path, which is nearly every one. */
const NONE: readonly Standby[] = [];

export class StandbyPaths {
  #list = NONE;

  constructor(private readonly host: Pick<VerifierHost, 'keep' | 'holds'>) {}

  add(path: VerifiedPath, nowMs: number): void {
    const untilMs = nowMs + STANDBY_MS;
    const others = this.#list.filter((one) => one.untilMs > nowMs && !isSamePath(one.path, path));
    this.#list = others.slice(others.length === MAX_STANDBYS ? 1 : 0).concat({ path, untilMs });
    this.host.keep(path, untilMs);
  }

  find(path: Path, nowMs: number): VerifiedPath | undefined {
    const found = this.#list.find((one) => one.untilMs > nowMs && isSamePath(one.path, path))?.path;
    return found && this.host.holds(found) ? found : undefined;
  }

  /** What another session has verified since is verified no more, and does not come back when that session leaves (protocol.md 5.1). */
  dropLost(): void {
    this.#keep(({ path }) => this.host.holds(path));
  }

  /** After a switch, which closed their routes. */
  keepAll(nowMs: number): void {
    for (const { path, untilMs } of this.#list) {
      if (untilMs > nowMs) this.host.keep(path, untilMs);
    }
  }

  remove(path: Path): void {
    this.#keep((one) => !isSamePath(one.path, path));
  }

  /** A socket of ours is gone, and all paths at it. */
  removePort(port: LocalPort): void {
    this.#keep((one) => one.path.port !== port);
  }

  /** The one that ICE nominated with the highest priority, else the newest: protocol.md 8.1. */
  best(nowMs: number): VerifiedPath | undefined {
    return this.#list
      .filter(({ path, untilMs }) => untilMs > nowMs && this.host.holds(path))
      .map(({ path }) => path)
      .reduceRight<VerifiedPath | undefined>(
        (best, path) => (best && best.nomination >= path.nomination ? best : path),
        undefined,
      );
  }

  #keep(isKept: (one: Standby) => boolean): void {
    if (this.#list.length > 0) this.#list = this.#list.filter(isKept);
  }
}

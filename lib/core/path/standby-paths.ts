// Paths that ICE has verified beside the active one: payload is taken from them, and one of them may be nominated
// (protocol.md 8.1). Each must be verified anew within the time after which consent would expire (RFC 7675).
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import type { VerifiedPath } from './verified-path.js';
import type { VerifierHost } from './verifier-host.js';

const STANDBY_MS = 30_000;
/** A peer with more addresses than this is asked again for those that were forgotten. */
const MAX_STANDBYS = 4;

export class StandbyPaths {
  #list: { readonly path: VerifiedPath; readonly untilMs: number }[] = [];

  constructor(private readonly host: Pick<VerifierHost, 'keep'>) {}

  add(path: VerifiedPath, nowMs: number): void {
    const untilMs = nowMs + STANDBY_MS;
    this.#list = this.#list.filter(
      (one) => one.untilMs > nowMs && !isSameAddress(one.path.remote, path.remote),
    );
    if (this.#list.length === MAX_STANDBYS) this.#list.shift();
    this.#list.push({ path, untilMs });
    this.host.keep({ remote: path.remote, untilMs });
  }

  find(remote: TransportAddress, nowMs: number): VerifiedPath | undefined {
    return this.#list.find(({ path, untilMs }) => untilMs > nowMs && isSameAddress(path.remote, remote))
      ?.path;
  }

  /** After a switch, which closed their routes. */
  keepAll(nowMs: number): void {
    for (const { path, untilMs } of this.#list) {
      if (untilMs > nowMs) this.host.keep({ remote: path.remote, untilMs });
    }
  }

  remove(path: VerifiedPath): void {
    this.#list = this.#list.filter((one) => one.path !== path);
  }

  clear(): void {
    this.#list = [];
  }
}

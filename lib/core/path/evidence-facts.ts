// What speaks for a source's being the peer of a call without any key (protocol.md 8.3.2, 8.3.3), by what the signalling has told and who is suspect. It looks, and
// changes nothing.
import { isUnconfirmed } from '../call-place.js';
import type { Path } from '../network-path.js';
import type { EvidenceTerms } from '../proof/evidence-terms.js';
import type { EvidenceHost } from './evidence-host.js';
import type { LockClaim } from './evidence-lock.js';
import type { EvidenceSource, Ground } from './evidence-source.js';
import { isHome, isSignalledAllowed } from './home.js';
import { liveMs } from './stream-run.js';

export interface Claim extends LockClaim {
  readonly source: EvidenceSource;
}

export class EvidenceFacts {
  /** When the dialog was confirmed; Infinity before. */
  confirmedMs = Infinity;

  constructor(
    private readonly host: EvidenceHost,
    /** What was agreed on last. */
    public terms: EvidenceTerms,
  ) {}

  groundOf(source: EvidenceSource): Ground | undefined {
    return this.groundAt(source, source.streams.keys());
  }

  groundAt(path: Path, ssrcs: Iterable<number>): Ground | undefined {
    for (const ssrc of ssrcs) if (this.terms.ssrcs.has(ssrc)) return 'ssrc';
    if (this.isSdpAddress(path)) return 'sdp';
    return isHome(this.host.owner, path.remote.address) ? 'home' : undefined;
  }

  isSdpAddress({ remote }: Path): boolean {
    const { owner } = this.host;
    const { signalled } = owner;
    return (
      signalled?.port === remote.port && signalled.address === remote.address && isSignalledAllowed(owner)
    );
  }

  isSuspect(source: EvidenceSource): boolean {
    for (const ssrc of source.streams.keys()) if (this.host.isSuspect(source.remote, ssrc)) return true;
    return this.host.isSuspect(source.remote, undefined);
  }

  get mayBeBetter(): boolean {
    return this.terms.ssrcs.size > 0 || isSignalledAllowed(this.host.owner);
  }

  /** It need not send: it only listens, or one side holds the call. */
  get mayBeSilent(): boolean {
    return !this.host.owner.expectsMedia || this.host.owner.isHeld;
  }

  /** Where the signalling tells nothing, nobody will say that it is. */
  get isConfirmed(): boolean {
    return !isUnconfirmed(this.host.owner.session);
  }

  /** When the peer could know of the call: it answered, or its ACK came. */
  get knewMs(): number {
    const { agreedMs, toldMs } = this.host.owner;
    const hasOffered = toldMs < agreedMs;
    return hasOffered || this.confirmedMs === Infinity ? agreedMs : this.confirmedMs;
  }

  /** What the sources have to say for themselves; those that may not be the peer, or are suspect, have nothing. */
  claimsOf(sources: readonly EvidenceSource[], nowMs: number): readonly Claim[] {
    return sources.flatMap((source) => {
      if (!this.host.isTold(source.port)) return [];
      const ground = this.groundOf(source);
      const claim = this.#claimOf(source, nowMs);
      if (!ground || !claim || this.isSuspect(source)) return [];
      return [{ source, ground, ...claim }];
    });
  }

  #claimOf(source: EvidenceSource, nowMs: number): Omit<LockClaim, 'ground'> | undefined {
    if (source.firstRunMs < Infinity) {
      const { firstRunMs: runMs, runBeganMs: beganMs, livesUntilMs } = source;
      const lastMs = source.lastMs + liveMs(source.packetTime);
      return {
        runMs,
        beganMs,
        livesUntilMs: livesUntilMs === -Infinity ? Math.min(lastMs, nowMs) : livesUntilMs,
        isQuiet: false,
      };
    }
    const { isThereUntilMs } = source;
    if (!this.mayBeSilent || isThereUntilMs === -Infinity) return undefined;
    return {
      runMs: source.lastMs,
      beganMs: source.firstMs,
      livesUntilMs: isThereUntilMs,
      isQuiet: true,
    };
  }
}

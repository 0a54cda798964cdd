// A path that has proved itself: the one in use, or one beside it. It remembers what was asked of it and what it answered.
// It sends nothing and decides nothing: rules 5.8 and 5.11 do, in consent.ts and trial.ts.
import type { TransportAddress } from '../../wire/index.js';
import type { Random } from '../crypto.js';
import type { Challenge } from '../proof/challenge.js';
import { Consent } from './consent.js';
import type { LocalPort, Path } from '../network-path.js';

export class VerifiedPath implements Path {
  readonly port: LocalPort;
  readonly remote: TransportAddress;
  readonly consent: Consent;
  /** A challenge under a new generation's key, sent again as rule 5.2 says: protocol.md 5.10. */
  recheck: Challenge | undefined;
  rttMs: number;
  serverSeenAs: TransportAddress;

  constructor(
    path: Path,
    answer: { readonly rttMs: number; readonly serverSeenAs: TransportAddress },
    /** When it was first verified: of two paths that answer, the earlier keeps the media (protocol.md 5.11). */
    readonly rankMs: number,
    /** The priority with which ICE nominated it; -1 where it did not (protocol.md 8.1). */
    public nomination: number,
    nowMs: number,
    random: Random,
  ) {
    ({ port: this.port, remote: this.remote } = path);
    ({ rttMs: this.rttMs, serverSeenAs: this.serverSeenAs } = answer);
    this.consent = new Consent(random, nowMs);
  }

  get outstanding(): readonly Challenge[] {
    const { outstanding } = this.consent;
    return this.recheck ? [...outstanding, this.recheck] : outstanding;
  }

  noteResponse(challenge: Challenge, nowMs: number): void {
    this.consent.noteResponse(challenge, nowMs);
    this.rttMs = nowMs - (challenge.firstSentMs ?? nowMs);
    if (this.recheck === challenge) this.recheck = undefined;
  }

  get nextMs(): number {
    return Math.min(this.consent.nextMs, this.recheck?.nextMs ?? Infinity);
  }

  /** A new generation, or the path is left: answers to what was asked before no longer count. */
  forgetOutstanding(): readonly Challenge[] {
    const { recheck } = this;
    this.recheck = undefined;
    return [...this.consent.forgetOutstanding(), ...(recheck ? [recheck] : [])];
  }
}

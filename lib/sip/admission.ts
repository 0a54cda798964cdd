/**
 * Who may call: anybody, or users by digest, phones by their certificate, carriers by their address. Judges an INVITE that begins a
 * call and nothing else: what is said inside a call comes from who was let in, and an ACK or CANCEL can answer no challenge (RFC
 * 3261 22.1). Keeps no connection and sends nothing.
 */
import { AddressRanges } from './address-ranges.js';
import { DigestVerifier } from './digest.js';
import type { DigestAlgorithm } from './digest.js';
import type { SipFlow, SipRequest } from './message-types.js';
import type { SipUser } from './users.js';

/** Any of these lets a call in; with none of them nobody gets in. */
export interface AdmissionOptions {
  /** Anybody may call. */
  readonly isOpen?: boolean | undefined;
  /** By their names; all of one realm. */
  readonly users?: ReadonlyMap<string, SipUser> | undefined;
  readonly realm?: string | undefined;
  /** Ranges of addresses (CIDR) whose calls are let in: a carrier's. */
  readonly trunks?: readonly string[] | undefined;
  /** Who showed a certificate that the TLS listeners trust is let in. */
  readonly hasClientCertificates?: boolean | undefined;
}

export type Admitted =
  | { readonly kind: 'admitted'; readonly user?: string }
  /** 401 with this WWW-Authenticate. `isWrong`: there were credentials that were wrong, or had been used before. */
  | { readonly kind: 'challenged'; readonly challenge: string; readonly isWrong: boolean }
  | { readonly kind: 'refused'; readonly status: 403; readonly warning: string };

/** Nobody is let in now, whoever it is; who comes again after so many seconds may be (RFC 3261 21.5.4). */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly status: 503;
  readonly warning: string;
  readonly retryAfterS: number;
}

export type Denied = Exclude<Admitted, { readonly kind: 'admitted' }> | Unavailable;

export interface AdmissionCounters {
  readonly admitted: number;
  readonly challenged: number;
  /** Of those challenged: the credentials were wrong, or had been used before. */
  readonly wrong: number;
  readonly refused: number;
}

/** What is offered to a name that nobody has: as to most of those that somebody has. */
const DEFAULT_ALGORITHM: DigestAlgorithm = 'SHA-256';

export class Admission {
  readonly #nowMs: () => number;
  #options: AdmissionOptions = {};
  #trunks = new AddressRanges([]);
  #digest: DigestVerifier | undefined;
  readonly #counters = { admitted: 0, challenged: 0, wrong: 0, refused: 0 };

  /** @throws LatchkeyError LATCHKEY_OPTION for a range that is none. */
  constructor(options: AdmissionOptions, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.renew(options);
  }

  /**
   * Others may call from now on; what was counted stays. A challenge that was given before is good still, where the realm is the
   * same.
   *
   * @throws LatchkeyError LATCHKEY_OPTION for a range that is none: then all stays as it was.
   */
  renew(options: AdmissionOptions): void {
    const trunks = new AddressRanges(options.trunks ?? []);
    const { realm = 'latchkey' } = options;
    const isSameRealm = this.#digest !== undefined && (this.#options.realm ?? 'latchkey') === realm;
    const find = (name: string) => this.#options.users?.get(name);
    if (options.users === undefined) this.#digest = undefined;
    else if (!isSameRealm) this.#digest = new DigestVerifier({ realm, nowMs: this.#nowMs, find });
    this.#trunks = trunks;
    this.#options = options;
  }

  get counters(): AdmissionCounters {
    return { ...this.#counters };
  }

  /**
   * Of an INVITE that has just come, and of each repetition of it: nothing is kept, and credentials can still be used. Who gets
   * past this is judged once more; only who does not is counted.
   */
  look(invite: SipRequest, flow: SipFlow, room: string): Admitted {
    const admitted = this.#judge(invite, flow, room, false);
    if (admitted.kind !== 'admitted') this.#count(admitted);
    return admitted;
  }

  /**
   * Once for each INVITE: credentials count once.
   *
   * @param room The room that is called: a user may be let into some only.
   */
  judge(invite: SipRequest, flow: SipFlow, room: string): Admitted {
    const admitted = this.#judge(invite, flow, room, true);
    this.#count(admitted);
    return admitted;
  }

  #count(admitted: Admitted): void {
    this.#counters[admitted.kind]++;
    if (admitted.kind === 'challenged' && admitted.isWrong) this.#counters.wrong++;
  }

  #judge(invite: SipRequest, flow: SipFlow, room: string, isUse: boolean): Admitted {
    const { isOpen = false, hasClientCertificates = false, users } = this.#options;
    if (isOpen || this.#trunks.has(flow.address ?? '')) return { kind: 'admitted' };
    if (hasClientCertificates && flow.isCertified === true) return { kind: 'admitted' };
    if (!this.#digest) return { kind: 'refused', status: 403, warning: 'calls are taken from others only' };
    const verdict = this.#digest.verify(invite, invite.headers.authorization, isUse);
    switch (verdict.kind) {
      case 'accepted': {
        const rooms = users?.get(verdict.user)?.rooms;
        if (!rooms || rooms.has(room)) return { kind: 'admitted', user: verdict.user };
        return { kind: 'refused', status: 403, warning: 'this user may not call this room' };
      }
      case 'refused':
        return this.#challenge(this.#digest, invite, { isStale: false, isWrong: true });
      case 'challenge':
        return this.#challenge(this.#digest, invite, { isStale: verdict.isStale, isWrong: false });
    }
  }

  /** Some phones give up on any algorithm that they do not know, also beside one that they do: so just one is offered. */
  #challenge(
    digest: DigestVerifier,
    invite: SipRequest,
    { isStale, isWrong }: { readonly isStale: boolean; readonly isWrong: boolean },
  ): Admitted {
    const entry = this.#options.users?.get(fromUser(invite));
    return {
      kind: 'challenged',
      isWrong,
      challenge: digest.challenge(entry?.algorithm ?? DEFAULT_ALGORITHM, isStale),
    };
  }
}

/** The name that the caller gives in From. It proves nothing: it only chooses what is asked. */
function fromUser({ headers: { from } }: SipRequest): string {
  const uri = from?.uri;
  if (typeof uri === 'object') return uri.user ?? '';
  return /^sips?:([^@:;]*)[@:]/i.exec(uri ?? '')?.[1] ?? '';
}

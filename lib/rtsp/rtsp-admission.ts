/**
 * Who may watch or publish: anybody, or users by password, phones by their certificate, carriers by their address. In clear a password
 * is proved by digest, with the algorithms that users have; over TLS it is sent (Basic, RFC 7617), since players know MD5 alone.
 * Keeps no connection and sends nothing.
 */
import {
  AddressRanges,
  credentialsIn,
  DIGEST_ALGORITHMS,
  DigestVerifier,
  isPassword,
  readBasic,
} from '../sip/index.js';
import type { AdmissionOptions } from '../sip/index.js';

/** A request that begins something. */
export interface RtspAsk {
  readonly method: string;
  readonly uri: string;
  readonly authorization: string | undefined;
  readonly room: string;
}

/** Whom the connection is with. */
export interface RtspPeer {
  readonly address: string;
  readonly isSecure: boolean;
  /** It has shown a certificate that we trust. */
  readonly isCertified: boolean;
}

export type RtspAdmitted =
  | { readonly kind: 'admitted'; readonly user?: string }
  /** 401 with these WWW-Authenticate. `isWrong`: there were credentials that were wrong, or had been used before. */
  | { readonly kind: 'challenged'; readonly challenges: readonly string[]; readonly isWrong: boolean }
  | { readonly kind: 'refused' };

export class RtspAdmission {
  readonly #nowMs: () => number;
  #options: AdmissionOptions = {};
  #trunks = new AddressRanges([]);
  #digest: DigestVerifier;

  constructor(options: AdmissionOptions, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#digest = this.#verifier('latchkey');
    this.renew(options);
  }

  /** Others may from now on. */
  renew(options: AdmissionOptions): void {
    const { realm = 'latchkey', trunks = [] } = options;
    this.#trunks = new AddressRanges(trunks);
    this.#options = options;
    this.#digest = this.#verifier(realm);
  }

  judge(ask: RtspAsk, peer: RtspPeer): RtspAdmitted {
    const { isOpen = false, hasClientCertificates = false, users } = this.#options;
    if (isOpen || this.#trunks.has(peer.address)) return { kind: 'admitted' };
    if (hasClientCertificates && peer.isCertified) return { kind: 'admitted' };
    if (users === undefined) return { kind: 'refused' };
    const { name, isWrong, isStale } = peer.isSecure ? this.#byPassword(ask) : this.#byDigest(ask);
    if (name === undefined)
      return { kind: 'challenged', challenges: this.#challenges(peer.isSecure, isStale), isWrong };
    const rooms = users.get(name)?.rooms;
    return rooms === undefined || rooms.has(ask.room)
      ? { kind: 'admitted', user: name }
      : { kind: 'refused' };
  }

  #byPassword({ authorization }: RtspAsk): Proof {
    const [name, password] = readBasic(authorization) ?? [];
    if (name === undefined || password === undefined) return NO_PROOF;
    const user = this.#options.users?.get(name);
    const isRight = isPassword(user, { name, realm: this.#realm, password });
    return isRight ? { name, isWrong: false, isStale: false } : WRONG;
  }

  #byDigest({ method, uri, authorization }: RtspAsk): Proof {
    if (authorization === undefined) return NO_PROOF;
    const verdict = this.#digest.verify({ method, uri }, credentialsIn(authorization));
    if (verdict.kind === 'accepted') return { name: verdict.user, isWrong: false, isStale: false };
    return verdict.kind === 'refused' ? WRONG : { ...NO_PROOF, isStale: verdict.isStale };
  }

  /** The strongest first, as RFC 7616 section 3.7 has it: players that know one take the last that they know. */
  #challenges(isSecure: boolean, isStale: boolean): readonly string[] {
    if (isSecure) return [`Basic realm="${this.#realm}", charset="UTF-8"`];
    const used = new Set([...(this.#options.users?.values() ?? [])].map(({ algorithm }) => algorithm));
    const offered = DIGEST_ALGORITHMS.filter((algorithm) => used.has(algorithm));
    const [strongest] = DIGEST_ALGORITHMS;
    return (offered.length > 0 ? offered : [strongest]).map((one) => this.#digest.challenge(one, isStale));
  }

  get #realm(): string {
    return this.#options.realm ?? 'latchkey';
  }

  #verifier(realm: string): DigestVerifier {
    const isSameTarget = (signed: string, requested: unknown) => signed === requested;
    const find = (name: string) => this.#options.users?.get(name);
    return new DigestVerifier({ realm, nowMs: this.#nowMs, find, isSameTarget, isQopOptional: true });
  }
}

interface Proof {
  readonly name: string | undefined;
  readonly isWrong: boolean;
  readonly isStale: boolean;
}

const NO_PROOF: Proof = { name: undefined, isWrong: false, isStale: false };
const WRONG: Proof = { name: undefined, isWrong: true, isStale: false };

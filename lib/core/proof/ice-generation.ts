// ICE credentials as a secret of the peer's (protocol.md 8.1): made, put into SDP, compared. We are a lite agent
// (RFC 8445 section 2.5) with one host candidate a component.
import { asciiBytes, encodeBase64url, type IceCredentials, type SdpMedia } from '../../wire/index.js';
import { randomBytes, type Crypto, type Random } from '../crypto.js';
import { Secret } from './secret.js';

export interface IceHalf {
  readonly ufrag: string;
  /** The password's characters as bytes: the key of MESSAGE-INTEGRITY (RFC 8489 section 9.1.1). */
  readonly pwd: Secret;
}

/** One pair of halves; a new one on either side is an ICE restart (RFC 8445 section 9). */
export interface IceTerms {
  readonly own: IceHalf;
  readonly peer: IceHalf;
}

export interface IceGeneration extends IceTerms {
  /** The tie-breaker that a check must carry; our role never changes, so it decides nothing. */
  readonly tieBreaker: Uint8Array;
}

/** Ufrags share a table with tags; no tag has a colon. */
export function ufragKey(ufrag: string): string {
  return `ice:${ufrag}`;
}

/** 96 and 192 bits: more than the 24 and 128 of RFC 8445 section 5.3. Of base64url's letters those of base64 are made. */
export function createIceHalf(random: Random): IceHalf {
  const text = (sizeBytes: number): string =>
    encodeBase64url(randomBytes(random, sizeBytes)).replaceAll('-', '+').replaceAll('_', '/');
  return { ufrag: text(12), pwd: new Secret(asciiBytes(text(24))) };
}

export function copyIceHalf({ ufrag, pwd }: IceHalf): IceHalf {
  return { ufrag, pwd: pwd.copy() };
}

export function isSameIceHalf(crypto: Crypto, a: IceHalf | undefined, b: IceHalf): boolean {
  return a?.ufrag === b.ufrag && crypto.equal(a.pwd.reveal(), b.pwd.reveal());
}

export function iceHalfOf({ ufrag, pwd }: IceCredentials): IceHalf {
  return { ufrag, pwd: new Secret(asciiBytes(pwd)) };
}

/** Of host candidates with one address: type preference 126, local preference 65535 (RFC 8445 section 5.1.2.1). */
export function hostPriority(component: 1 | 2): number {
  return 126 * 2 ** 24 + 65535 * 2 ** 8 + 256 - component;
}

/** Which component a check is for, by its PRIORITY: each has its own lowest byte, in candidates of every type. */
export function componentOfPriority(priority: number): 1 | 2 {
  return (priority & 0xff) === 256 - 2 ? 2 : 1;
}

export const ICE_SESSION_LINES: readonly string[] = ['a=ice-lite'];

/** A candidate of ours, at whatever address. */
export const HOST_CANDIDATE = new RegExp(
  `^a=candidate:1 (?:1 UDP ${hostPriority(1)}|2 UDP ${hostPriority(2)}) \\S+ \\d+ typ host$`,
);

/**
 * The lines of one section: our half, and a host candidate a component, at the address that the section names.
 *
 * @param rtcpPort of component 2, if there is one
 */
export function iceLines(half: IceHalf, local: SdpMedia, rtcpPort: number | undefined): string[] {
  const candidate = (component: 1 | 2, address: string, port: number): string =>
    `a=candidate:1 ${component} UDP ${hostPriority(component)} ${address} ${port} typ host`;
  const pwd = String.fromCharCode(...half.pwd.reveal());
  const lines = [`a=ice-ufrag:${half.ufrag}`, `a=ice-pwd:${pwd}`, candidate(1, local.address, local.port)];
  if (rtcpPort !== undefined) lines.push(candidate(2, local.rtcp.address, rtcpPort));
  return lines;
}

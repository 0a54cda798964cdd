// `a=crypto` in an offer and its answer (RFC 4568 section 5.1, protocol.md 8.2): which keys of the peer's count, which suite is taken,
// and what our own lines say. Keys that the application has put into its description stay there; then its answer, or the peer's to it,
// says which key of the peer's is in use, and we only verify by it. Looks, and changes nothing.
import {
  formatCrypto,
  isSecureRtp,
  type CryptoAttribute,
  type CryptoKey,
  type SdpMedia,
} from '../../wire/index.js';
import { SRTP_SUITES, srtpSuite, type SrtpSuite } from '../../srtp/index.js';
import type { Context } from '../context.js';
import { Secret } from '../proof/secret.js';
import { MAX_PEER_KEYS, type SrtpKey, type SrtpTerms } from '../proof/srtp-terms.js';
import { createSrtpKey, type Halves } from './halves.js';
import type { Stance } from './stance.js';

/** A line of the peer's whose keys we can use. */
export interface UsableLine {
  readonly tag: number;
  readonly suite: SrtpSuite;
  readonly keys: readonly CryptoKey[];
}

/** What a section agrees on. */
export interface AgreedKeys {
  /** Of the line of the offer that was taken. */
  readonly tag: number;
  readonly terms: SrtpTerms;
}

/** With keys out of a handshake the lines mean nothing. */
const KEYED_BY_SDP = /^RTP\/S?AVPF?$/i;
/** Of all session parameters this one alone changes no packet (RFC 4568 6.3.7), and our window of 1024 is larger than any that was asked for yet. */
const HINT = /^WSH=\d{1,9}$/;

/** What the peer's lines are worth on this hop: a key that others can read proves nothing, and hides nothing (protocol.md 8.2). */
export function usableLines(
  { isSecure, hasSrtp }: Pick<Stance, 'isSecure' | 'hasSrtp'>,
  { protocol, cryptos }: SdpMedia,
): readonly UsableLine[] {
  if (!isSecure || !hasSrtp || !KEYED_BY_SDP.test(protocol)) return [];
  return cryptos.flatMap((attribute) => readLine(attribute) ?? []);
}

/** Whether its media could be decrypted, where its keys have come over encrypted signalling. */
export function hasUsableKeys(media: SdpMedia): boolean {
  return usableLines({ isSecure: true, hasSrtp: true }, media).length > 0;
}

/**
 * Why a section of the peer's can have no media at all: it is SRTP by its profile, which we are to decrypt, and there are no keys.
 *
 * @param isKeyed we have agreed on keys, or could
 */
export function keysFault(stance: Stance, { protocol }: SdpMedia, isKeyed: boolean): string | undefined {
  if (!stance.terminatesSrtp || !isSecureRtp(protocol) || isKeyed) return undefined;
  if (!stance.isSecure) return `${protocol} needs encrypted signalling`;
  return `${protocol} has no a=crypto that we could take`;
}

/** Our lines of an offer, best suite first. Each has a key of its own, which later offers repeat. */
export function offeredCryptoLines(
  halves: Halves,
  stance: Stance,
  media: SdpMedia,
  { random }: Context,
): string[] {
  if (!isTerminated(stance, media)) return [];
  return SRTP_SUITES.map((suite, at) =>
    formatCrypto(at + 1, suite.name, halves.srtpForOffer(random, suite).reveal()),
  );
}

/** That of an answer: its tag names the line that was taken. None where the application has its own. */
export function answeredCryptoLines({ tag, terms: { own } }: AgreedKeys): string[] {
  return own ? [formatCrypto(tag, own.suite.name, own.keyAndSalt.reveal())] : [];
}

export function agreeOnKeys(
  stance: Stance,
  context: Context,
  halves: Halves,
  { local, remote }: { readonly local: SdpMedia; readonly remote: SdpMedia },
): AgreedKeys | undefined {
  const usable = usableLines(stance, remote);
  if (local.hasCryptoLine) return takenByApplication(stance, local, remote, usable);
  if (!isTerminated(stance, local)) return undefined;
  return stance.weOffered ? takenByPeer(halves, remote, usable) : takenByUs(context, halves, usable);
}

/** We are to make keys of our own for it. */
function isTerminated(
  { isSecure, hasSrtp, terminatesSrtp }: Stance,
  { protocol, hasCryptoLine }: SdpMedia,
): boolean {
  return isSecure && hasSrtp && terminatesSrtp && !hasCryptoLine && KEYED_BY_SDP.test(protocol);
}

/** An answer has one line, with the tag and the suite of one of the offer's. */
function takenByApplication(
  { weOffered }: Stance,
  local: SdpMedia,
  remote: SdpMedia,
  usable: readonly UsableLine[],
): AgreedKeys | undefined {
  const [offer, answer] = weOffered ? [local, remote] : [remote, local];
  const [taken, ...more] = answer.cryptos;
  const isOffered = offer.cryptos.some(({ tag, suite }) => tag === taken?.tag && suite === taken.suite);
  const theirs = usable.find(({ tag }) => tag === taken?.tag);
  if (!theirs || !isOffered || more.length > 0) return undefined;
  return { tag: theirs.tag, terms: { peer: srtpKeysOf(theirs) } };
}

/** Our lines have a suite each, so the suite of the answer says which was taken: baresip 1.0 writes tag 1 whatever it takes. */
function takenByPeer(
  halves: Halves,
  { cryptos }: SdpMedia,
  [taken]: readonly UsableLine[],
): AgreedKeys | undefined {
  if (!taken || cryptos.length > 1) return undefined;
  const keyAndSalt = halves.offeredSrtp(taken.suite);
  return keyAndSalt && agreedOn(taken, keyAndSalt);
}

function takenByUs(
  { crypto, random }: Context,
  halves: Halves,
  usable: readonly UsableLine[],
): AgreedKeys | undefined {
  // Where the peer repeats its key, so do we, and the suite stays: a repeated description changes nothing.
  const known = usable.find(({ suite, keys }) => halves.isSrtpPeer(crypto, suite, keys));
  if (known && halves.ownSrtp) return agreedOn(known, halves.ownSrtp);
  const [best] = SRTP_SUITES.flatMap((suite) => usable.find((one) => one.suite === suite) ?? []);
  return best && agreedOn(best, createSrtpKey(random, best.suite));
}

function agreedOn(line: UsableLine, keyAndSalt: Secret): AgreedKeys {
  return { tag: line.tag, terms: { peer: srtpKeysOf(line), own: { suite: line.suite, keyAndSalt } } };
}

function srtpKeysOf({ suite, keys }: UsableLine): readonly SrtpKey[] {
  return keys.map(({ keyAndSalt, ...rest }) => ({
    ...rest,
    suite,
    keyAndSalt: new Secret(Uint8Array.from(keyAndSalt)),
  }));
}

/** Undefined where we do not speak the suite, a key has not its size, or something is asked for that we do not keep. */
function readLine({ tag, suite: name, keys, sessionParams }: CryptoAttribute): UsableLine | undefined {
  const suite = srtpSuite(name);
  if (!suite || keys.length > MAX_PEER_KEYS || !sessionParams.every((param) => HINT.test(param)))
    return undefined;
  const sizeBytes = suite.keySizeBytes + suite.saltSizeBytes;
  if (keys.some(({ keyAndSalt }) => keyAndSalt.length !== sizeBytes)) return undefined;
  // Several keys are told apart by numbers of one size.
  const areTold = new Set(keys.map(({ mki }) => mki?.join())).size === keys.length;
  const haveOneSize = new Set(keys.map(({ mki }) => mki?.length)).size === 1;
  return areTold && haveOneSize ? { tag, suite, keys } : undefined;
}

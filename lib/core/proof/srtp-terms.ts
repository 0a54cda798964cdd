// The keys of `a=crypto` (RFC 4568) that two sides have told each other, as plain values. They do nothing here: srtp-keys.ts makes of
// them what judges and protects packets.
import { LatchkeyError } from '../errors.js';
import type { MasterKey, SrtpSuite } from '../../srtp/index.js';
import type { Crypto } from '../crypto.js';
import type { Secret } from './secret.js';

/** One key, as one side told it: what that side protects with it is judged with it at the other. */
export interface SrtpKey {
  readonly suite: SrtpSuite;
  /** Master key and master salt, one after the other, as `a=crypto` has them; as long as the suite says. */
  readonly keyAndSalt: Secret;
  /** 1 to 128 bytes. With it a packet that does not carry it is not authentic (protocol.md 8.2.1). */
  readonly mki?: Uint8Array | undefined;
  /** So many packets of RTP may be protected with it. */
  readonly lifetimePackets?: number | undefined;
}

export interface SrtpTerms {
  /** What the peer protects with: one key; or up to eight of one suite, each with an MKI of its own. */
  readonly peer: readonly SrtpKey[];
  /**
   * What we protect with, and then we decrypt too: the application has its packets in clear. One call has it and no other, nor has had it: its
   * numbers would be used twice (RFC 3711 9.1). Absent: the application does both itself,
   * packets pass as they are, and the peer's key only says where it is.
   */
  readonly own?: SrtpKey | undefined;
}

/** RFC 4568 has no bound. Reason: who changes keys in a call has two of them. */
export const MAX_PEER_KEYS = 8;
const MAX_MKI_SIZE_BYTES = 128;

export function copySrtpKey({ keyAndSalt, mki, ...rest }: SrtpKey): SrtpKey {
  return { ...rest, keyAndSalt: keyAndSalt.copy(), ...(mki && { mki: Uint8Array.from(mki) }) };
}

export function isSameSrtpKey(crypto: Crypto, a: SrtpKey, b: SrtpKey): boolean {
  return (
    a.suite === b.suite &&
    a.lifetimePackets === b.lifetimePackets &&
    a.mki?.join() === b.mki?.join() &&
    crypto.equal(a.keyAndSalt.reveal(), b.keyAndSalt.reveal())
  );
}

/** For the moment in which it is read: it has the bytes themselves. */
export function masterKeyOf({ suite, keyAndSalt, mki, lifetimePackets }: SrtpKey): MasterKey {
  const bytes = keyAndSalt.reveal();
  return {
    suite,
    key: bytes.subarray(0, suite.keySizeBytes),
    salt: bytes.subarray(suite.keySizeBytes),
    ...(mki && { mki }),
    ...(lifetimePackets !== undefined && { lifetimePackets }),
  };
}

/** Throws LATCHKEY_OPTION, naming the field; never with a key in the text. */
export function checkSrtpTerms({ peer, own }: SrtpTerms): void {
  if (!(peer.length >= 1) || peer.length > MAX_PEER_KEYS) refuse(`peer has 1 to ${MAX_PEER_KEYS} keys`);
  peer.forEach((key) => checkKey('peer', key));
  const mkis = new Set(peer.map(({ mki }) => mki?.join('.')));
  const sizes = new Set(peer.map(({ mki }) => mki?.length));
  if (peer.length > 1 && (mkis.has(undefined) || mkis.size < peer.length || sizes.size > 1))
    refuse('several keys of peer have an mki each, of one length, and no two the same');
  if (new Set(peer.map(({ suite }) => suite)).size > 1) refuse('the keys of peer have one suite');
  if (own) checkKey('own', own);
}

function checkKey(name: 'own' | 'peer', { suite, keyAndSalt, mki, lifetimePackets = 1 }: SrtpKey): void {
  const sizeBytes = suite.keySizeBytes + suite.saltSizeBytes;
  if (keyAndSalt.reveal().length !== sizeBytes)
    refuse(`${name}.keyAndSalt of ${suite.name} has ${sizeBytes} bytes`);
  if (mki && (mki.length < 1 || mki.length > MAX_MKI_SIZE_BYTES))
    refuse(`${name}.mki has 1 to ${MAX_MKI_SIZE_BYTES} bytes`);
  if (!Number.isSafeInteger(lifetimePackets) || lifetimePackets < 1)
    refuse(`${name}.lifetimePackets is a whole number from 1`);
}

function refuse(text: string): never {
  throw new LatchkeyError('LATCHKEY_OPTION', `the agreement cannot be carried out: ${text}`);
}

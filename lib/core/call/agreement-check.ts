// Whether an agreement may be carried out, judged before anything changes. A wrong one is its maker's fault and throws: read as
// something weaker, it would leave media without the protection that its maker meant (fail closed).
import { ipRange, parseIp, type TransportAddress } from '../../wire/index.js';
import type { Policy } from '../call-place.js';
import type { Role } from '../context.js';
import { LatchkeyError } from '../errors.js';
import { NAMED_KEY_BYTES, SECRET_BYTES, WORD_BYTES, type LatchHalf } from '../proof/credentials.js';
import type { IceHalf } from '../proof/ice-generation.js';
import { isSuite } from '../suite.js';
import { checkSrtpTerms, type SrtpTerms } from '../proof/srtp-terms.js';
import type {
  Agreement,
  EvidenceAgreement,
  IceAgreement,
  LatchAgreement,
  MediaTerms,
  SrtpAgreement,
} from './agreement.js';

/** What of the call decides. */
export interface AgreeingCall {
  readonly role: Role;
  readonly policy: Policy;
  /** Secrets may travel on its signalling (protocol.md 2). */
  readonly isSecure: boolean;
  /** The engine has the ciphers of SRTP. */
  readonly hasSrtp: boolean;
}

/** Throws LATCHKEY_OPTION, naming the field; never with a secret in the text. */
export function checkAgreement(agreement: Agreement, call: AgreeingCall): void {
  switch (agreement.kind) {
    case 'latch':
      checkLatch(agreement, call);
      return checkMedia(agreement, call);
    case 'ice':
      checkIce(agreement, call);
      return checkMedia(agreement, call);
    case 'srtp':
      checkSrtp(agreement, call);
      return checkMedia(agreement, call);
    case 'none':
      if (call.policy === 'require') refuse('the policy "require" allows no agreement of kind "none"');
      return checkMedia(agreement, call);
    case 'evidence':
      checkEvidence(agreement, call);
      return checkMedia(agreement, call);
    case 'legacy':
      // Blind latching is for those who asked for it by name (protocol.md 7).
      if (call.policy !== 'blind') refuse(`the policy "${call.policy}" allows none of kind "legacy"`);
      if (!agreement.payloadTypes.every((type) => isWhole(type, 0, 127)))
        refuse('payloadTypes has numbers from 0 to 127');
      return checkMedia(agreement, call);
    case 'closed':
      return;
    default:
      agreement satisfies never;
      return refuse('its kind is none that is known');
  }
}

function checkLatch(agreement: LatchAgreement, { role, isSecure }: AgreeingCall): void {
  const { own, peer, suite, namedKey, keepaliveS } = agreement;
  // Whoever read the secrets on the way can prove any address, unless a key was had another way (protocol.md 2).
  if (!isSecure && !namedKey)
    refuse('latch without a key that kid names is agreed on over encrypted signalling or loopback only');
  checkHalf('own', own);
  checkHalf('peer', peer);
  if (own.kid !== peer.kid || (own.kid === undefined) !== (namedKey === undefined))
    refuse('own.kid and peer.kid name one key, and namedKey is that key');
  if (namedKey && namedKey.reveal().length !== NAMED_KEY_BYTES)
    refuse(`namedKey has ${NAMED_KEY_BYTES} bytes`);
  if (own.tag === peer.tag) refuse('own and peer have the same tag');
  // Without a word of ours nobody would be challenged, and media would go where the peer says (protocol.md 5.4).
  if ((own.word !== undefined) !== (role === 'verifier'))
    refuse('own.word is there for a verifier, and only then');
  if (!isSuite(suite)) refuse('suite is none that is known');
  if (!isWhole(keepaliveS, 5, 60)) refuse('keepaliveS is a whole number from 5 to 60');
}

function checkHalf(name: 'own' | 'peer', { tag, secret, word }: LatchHalf): void {
  if (!/^[A-Za-z0-9]{8,32}$/.test(tag)) refuse(`${name}.tag is 8 to 32 letters and digits`);
  if (secret.reveal().length !== SECRET_BYTES) refuse(`${name}.secret has ${SECRET_BYTES} bytes`);
  if (word && word.reveal().length !== WORD_BYTES) refuse(`${name}.word has ${WORD_BYTES} bytes`);
}

function checkIce({ own, peer }: IceAgreement, { role, policy, isSecure }: AgreeingCall): void {
  if (role !== 'verifier') refuse('ice is for a verifier: a prover does without (protocol.md 8.1)');
  if (policy === 'require' && !isSecure) refuse('the policy "require" allows no ice over clear signalling');
  checkIceHalf('own', own);
  checkIceHalf('peer', peer);
}

function checkSrtp(agreement: SrtpAgreement, call: AgreeingCall): void {
  if (call.role !== 'verifier') refuse('srtp is for a verifier: a prover does without (protocol.md 8.2)');
  if (agreement.srtp) refuse('srtp has its keys once');
  checkSrtpKeys(agreement, call);
  if (agreement.ssrcs?.every((ssrc) => isWhole(ssrc, 0, 2 ** 32 - 1)) === false)
    refuse('ssrcs has whole numbers of 32 bits');
}

function checkSrtpKeys(terms: SrtpTerms, { isSecure, hasSrtp }: AgreeingCall): void {
  if (!hasSrtp) refuse('this engine was made without the ciphers of SRTP');
  // Whoever read the key on the way could prove any address with it, and hear the call (protocol.md 8.2).
  if (!isSecure) refuse('srtp is agreed on over encrypted signalling or loopback only');
  checkSrtpTerms(terms);
}

function checkEvidence(agreement: EvidenceAgreement, { role, policy }: AgreeingCall): void {
  if (role !== 'verifier')
    refuse('evidence is for a verifier: a prover chose its peer itself (protocol.md 6)');
  if (policy === 'require') refuse('the policy "require" allows no agreement of kind "evidence"');
  if (agreement.srtp) refuse('evidence is for peers without keys of SRTP');
  const { payloadTypes = [], eventTypes = [], ssrcs = [], clockRates = {} } = agreement;
  if (![...payloadTypes, ...eventTypes].every((type) => isWhole(type, 0, 127)))
    refuse('payloadTypes and eventTypes have numbers from 0 to 127');
  if (!ssrcs.every((ssrc) => isWhole(ssrc, 0, 2 ** 32 - 1))) refuse('ssrcs has whole numbers of 32 bits');
  if (!Object.values(clockRates).every((rate) => isWhole(rate, 1, 2 ** 31)))
    refuse('clockRates has whole numbers of Hz');
}

/** The lengths of RFC 8839 section 5.4. */
function checkIceHalf(name: 'own' | 'peer', { ufrag, pwd }: IceHalf): void {
  if (!/^[A-Za-z0-9+/]{4,256}$/.test(ufrag)) refuse(`${name}.ufrag is 4 to 256 ice-chars`);
  const { length } = pwd.reveal();
  if (length < 22 || length > 256) refuse(`${name}.pwd has 22 to 256 bytes`);
}

function checkMedia(media: MediaTerms, call: AgreeingCall): void {
  const { remote, rtcp, expectsMedia, isHeld = false, advertised, srtp } = media;
  if (srtp) {
    checkSrtpKeys(srtp, call);
    if (!srtp.own)
      refuse('srtp.own is there beside latch or ICE: keys of the application are its own matter');
  }
  checkAddress('remote', remote);
  checkAddress('rtcp.remote', rtcp?.remote);
  if (rtcp?.sharesPort !== undefined && typeof rtcp.sharesPort !== 'boolean')
    refuse('rtcp.sharesPort is true or false');
  if (typeof expectsMedia !== 'boolean') refuse('expectsMedia is true or false');
  if (typeof isHeld !== 'boolean') refuse('isHeld is true or false');
  if (advertised !== undefined && typeof advertised !== 'string') refuse('advertised is an IP address');
}

function checkAddress(name: string, remote: TransportAddress | undefined): void {
  if (remote === undefined) return;
  if (!parseIp(remote.address) || ipRange(remote.address).range === 'unspecified')
    refuse(`${name}.address is an IP address; on hold (0.0.0.0) there is none`);
  if (!isWhole(remote.port, 1, 65_535)) refuse(`${name}.port is a whole number from 1 to 65535`);
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function refuse(text: string): never {
  throw new LatchkeyError('LATCHKEY_OPTION', `the agreement cannot be carried out: ${text}`);
}

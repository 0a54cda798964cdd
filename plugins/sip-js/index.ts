/**
 * latchkey for sip.js (OnSIP) user agents in Node: decorates a session description handler factory, and brings one for RTP on
 * UDP sockets. It imports no `sip.js` at run time: sessions and classes are handed over by the caller.
 */
import type { Session as SipSession, SessionDescriptionHandler } from 'sip.js';
import { checkOptions, option, POLICIES, ROLES } from '../../lib/index.js';
import type { Latchkey, OptionRules, Policy, Role, Session } from '../../lib/index.js';
import { askWhenSilent } from '../../lib/sip/index.js';
import type { LendPorts } from '../../lib/sip/index.js';
import { callBack, tellFault } from './fault.js';
import { LatchSessionDescriptionHandler } from './handler.js';
import { signallingOf } from './hop.js';
import { onConfirmed, peerOf } from './peer.js';
import { PortOffers } from './port-offers.js';
import { askInDialog } from './question.js';
import { RtpMedia } from './rtp-media.js';
import { RtpSessionDescriptionHandler } from './rtp-handler.js';
import type { RtpFormat } from './rtp-description.js';
import { hideSecrets } from './trace.js';

export type { LendPorts, LentPorts } from '../../lib/sip/index.js';
export { LatchSessionDescriptionHandler } from './handler.js';
export { signallingOf } from './hop.js';
export { RtpMedia } from './rtp-media.js';
export type { RtpMediaEvents, RtpNegotiation } from './rtp-media.js';
export { RtpSessionDescriptionHandler } from './rtp-handler.js';
export type { RtpFormat } from './rtp-description.js';
export { hideSecrets } from './trace.js';
export { createTransportConstructor } from './transport.js';
export type { NodeTransportOptions, WebSocketClass } from './transport.js';

export interface LatchOptions {
  /** `'prover'` (a phone) unless set; `'verifier'` also challenges the peer's addresses. */
  readonly role?: Role | undefined;
  /** What to do with a peer that does not speak latch; the latchkey's unless set. */
  readonly policy?: Policy | undefined;
  /** `'terminate'`: sections of RTP become SRTP with keys of latchkey's where the peer has keys too; see `createSession`. */
  readonly srtp?: 'terminate' | undefined;
  /**
   * Lends a pair of bound sockets for a call, at a port that nobody could know: a peer without a key is then asked by a re-INVITE to send
   * there, which shows who it is (docs/protocol.md, 8.3.6). Unset, nobody is asked.
   */
  readonly ports?: LendPorts | undefined;
}

export interface DecoratorOptions<H> extends LatchOptions {
  /** A call begins, before any description of it: bind or guard the sockets of `inner` with `latch`. */
  readonly onSession?: ((latch: Session, session: SipSession, inner: H) => void) | undefined;
}

export interface RtpOptions extends LatchOptions {
  readonly latchkey: Latchkey;
  /** The IP address of ours for media: it stands in the SDP. */
  readonly address: string;
  /** What the application can send and read, best first; PCMU and PCMA unless set. */
  readonly formats?: readonly RtpFormat[] | undefined;
  /** A call begins: `media` is where its packets go in and come out. */
  readonly onMedia?: ((media: RtpMedia, session: SipSession) => void) | undefined;
}

/** Any of that kind: of this package's or of another copy of it. */
const LATCHKEY = option.withMethods('what createLatchkey makes', 'createSession');

const LATCH_RULES: OptionRules<LatchOptions> = {
  role: option.oneOf(ROLES),
  policy: option.oneOf(POLICIES),
  srtp: option.oneOf(['terminate']),
  ports: option.callback('() => Promise<{ rtp, rtcp?, release() } | undefined>'),
};
const DECORATOR_RULES: OptionRules<DecoratorOptions<never>> = {
  ...LATCH_RULES,
  onSession: option.callback('(latch, session, inner) => void'),
};
const FORMAT_RULES: OptionRules<RtpFormat> = {
  payloadType: option.required(option.wholeNumber(0, 127)),
  codec: option.required(option.text),
  fmtp: option.text,
};
const RTP_RULES: OptionRules<RtpOptions> = {
  ...LATCH_RULES,
  latchkey: option.required(LATCHKEY),
  address: option.required(option.ipAddress),
  formats: option.listOf(option.record(FORMAT_RULES)),
  onMedia: option.callback('(media, session) => void'),
};

type Factory<H> = (session: SipSession, options?: object) => H;

/**
 * For `UserAgentOptions.sessionDescriptionHandlerFactory`: the handlers of `inner`, whose every offer and answer carries and
 * reads the latch attributes. Handlers on RTCPeerConnection are given out as they are: WebRTC has ICE and DTLS of its own.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function latchSessionDescriptionHandlerFactory<H extends SessionDescriptionHandler>(
  inner: Factory<H>,
  latchkey: Latchkey,
  options: DecoratorOptions<H> = {},
): Factory<LatchSessionDescriptionHandler<H> | H> {
  LATCHKEY('latchkey', latchkey);
  checkOptions('latchSessionDescriptionHandlerFactory', options, DECORATOR_RULES);
  return (session, handlerOptions) => {
    const handler = inner(session, handlerOptions);
    if ('peerConnection' in handler) return handler;
    const latch = openSession(session, latchkey, options);
    callBack(latchkey, () => options.onSession?.(latch, session, handler));
    const offers = portOffers(session, latch, latchkey, options);
    return new LatchSessionDescriptionHandler(handler, latch, session, latchkey, offers);
  };
}

/**
 * For `UserAgentOptions.sessionDescriptionHandlerFactory`: one audio stream of RTP on UDP sockets, with latch.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function createRtpSessionDescriptionHandlerFactory(
  options: RtpOptions,
): Factory<LatchSessionDescriptionHandler<RtpSessionDescriptionHandler>> {
  checkOptions('createRtpSessionDescriptionHandlerFactory', options, RTP_RULES);
  const { latchkey, address, formats, onMedia } = options;
  return (session) => {
    const latch = openSession(session, latchkey, options);
    const media = new RtpMedia(latch, (error) => tellFault(latchkey, error));
    callBack(latchkey, () => onMedia?.(media, session));
    const { terminatesSrtp: makesKeys } = latch;
    const handler = new RtpSessionDescriptionHandler({ media, address, formats, makesKeys });
    const offers = portOffers(session, latch, latchkey, options);
    return new LatchSessionDescriptionHandler(handler, latch, session, latchkey, offers);
  };
}

function openSession(
  session: SipSession,
  latchkey: Latchkey,
  { role = 'prover', policy, srtp }: LatchOptions,
): Session {
  const { userAgent } = session;
  hideSecrets(userAgent);
  // A name for events, and nothing more: sip.js makes its ids with Math.random.
  const { request } = session as SipSession & { request?: { callId?: string } };
  const call = request?.callId;
  const signalling = signallingOf(userAgent.transport);
  const latch = latchkey.createSession({
    role,
    signalling,
    policy,
    srtp,
    call,
    peer: peerOf(userAgent.transport),
  });
  onConfirmed(session, () => {
    if (!latch.isClosed) latch.confirm();
  });
  askWhenSilent(latch, () => askInDialog(session));
  return latch;
}

function portOffers(
  session: SipSession,
  latch: Session,
  latchkey: Latchkey,
  { ports }: LatchOptions,
): PortOffers | undefined {
  const onFault = (error: unknown) => tellFault(latchkey, error);
  return ports && new PortOffers({ session, latch, ports, onFault });
}

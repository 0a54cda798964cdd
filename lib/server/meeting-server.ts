// The SIP side of `latchkey serve`: `sip:NAME@host` is the room NAME, `sip:echo@host` your own media back. Answers every
// request, calls whom it is told to, and ends every call. It registers nobody.
import { callId, contactUri, denialReply, readSdp, respond, toTag } from '../sip/index.js';
import type {
  Admission,
  Admitted,
  Arrival,
  CallUri,
  Denied,
  Doorkeeper,
  EndedCall,
  Reply,
  SipFlow,
  SipMessage,
  SipRequest,
  SipSignalling,
  SipStack,
  Unavailable,
} from '../sip/index.js';
import { parseSdp } from '../index.js';
import type { QuestionOutcome, SdpLimits, Session } from '../index.js';
import { MeetingCall } from './meeting-call.js';
import type { CallSite } from './meeting-call.js';
import { OutgoingCall } from './outgoing-call.js';
import type { CallOutcome, OutgoingSite } from './outgoing-call.js';
import type { RoomSeats } from './room-seats.js';

const METHODS = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'UPDATE'];
const ALLOW = METHODS.join(', ');
/** Told to who comes while the server takes no calls: behind one name there may be another that takes them at once. */
const RETRY_AFTER_S = 10;
/** Characters of a name that somebody gives himself: room for a person's, and not for a page's. */
const NAME_MAX = 64;
/** Reliable provisional responses may be required of us: we send no provisional ones. */
const EXTENSIONS = ['100rel'];

export interface MeetingServerSite {
  readonly signalling: SipSignalling;
  readonly seats: RoomSeats;
  /** Who may call. */
  readonly admission: Admission;
  /** Somebody who may not call has tried to; of those who were only asked who they are, nothing is told. */
  onTurnedAway(invite: SipRequest, flow: SipFlow, status: number, warning: string): void;
  /** A call was refused, by a response of ours to its INVITE. */
  onRefused(session: Session, invite: SipRequest, status: number, warning: string): void;
  /** Offer and answer are complete, for the first time or once more. */
  onAnswered(call: MeetingCall): void;
  /** The ACK to a 200 of ours has come. */
  onAcknowledged(call: MeetingCall): void;
  /** A peer without a key was asked to send to another port, or was not since none was to be had. */
  onQuestion(became: QuestionOutcome | 'noPort'): void;
  /** A defect of ours in the handling of one request, which was answered 500, or in a question. */
  onFault(error: unknown): void;
}

export class MeetingServer implements Doorkeeper {
  readonly #site: MeetingServerSite;
  readonly #calls = new Map<Session, MeetingCall>();
  readonly #outgoing = new Map<string, OutgoingCall>();
  readonly #callSite: CallSite;
  readonly #outgoingSite: OutgoingSite;
  /** INVITEs that were let in. A signalling that asks no doorkeeper must not let in everybody. */
  readonly #admitted = new WeakSet<SipRequest>();
  /** Why nobody is let in any more. */
  #closedTo: string | undefined;
  /** Called when the last call has ended. */
  #onEmpty: (() => void)[] = [];

  constructor(site: MeetingServerSite) {
    this.#site = site;
    const { signalling, seats } = site;
    this.#callSite = {
      allow: ALLOW,
      contact: contactFor,
      onRefused: (...refused) => site.onRefused(...refused),
      onAnswered: (call) => site.onAnswered(call),
      onAcknowledged: (call) => site.onAcknowledged(call),
      onEnded: (call) => this.#forget(call),
      onQuestion: (became) => site.onQuestion(became),
      onFault: (error) => site.onFault(error),
      isUnconfirmed: (call) => signalling.isUnconfirmed?.(call.dialog) === true,
      displaceFor: (call) => signalling.displaceUnconfirmed?.(call.dialog) === true,
    };
    this.#outgoingSite = {
      ...{ signalling, seats },
      call: this.#callSite,
      onCall: (call) => this.#calls.set(call.session, call),
      find: (session) => this.#calls.get(session),
    };
    signalling.on('ended', (ended) => this.#handleEnded(ended));
  }

  get calls(): ReadonlyMap<Session, MeetingCall> {
    return this.#calls;
  }

  /** Asked before anything is kept of the INVITE; takes nothing up. */
  look(invite: SipRequest, flow: SipFlow): Denied | undefined {
    const judged = this.#site.admission.look(invite, flow, roomOf(invite));
    return this.#denied(invite, flow, judged);
  }

  /** Asked once, before the INVITE gets a session, ports or a seat. */
  admit(invite: SipRequest, flow: SipFlow): Denied | undefined {
    const judged = this.#unavailable ?? this.#site.admission.judge(invite, flow, roomOf(invite));
    if (judged.kind === 'admitted') this.#admitted.add(invite);
    return this.#denied(invite, flow, judged);
  }

  get #unavailable(): Unavailable | undefined {
    const warning = this.#closedTo;
    return warning === undefined
      ? undefined
      : { kind: 'unavailable', status: 503, warning, retryAfterS: RETRY_AFTER_S };
  }

  #denied(invite: SipRequest, flow: SipFlow, judged: Admitted | Unavailable): Denied | undefined {
    if (judged.kind === 'admitted') return undefined;
    if (judged.kind !== 'challenged') this.#site.onTurnedAway(invite, flow, judged.status, judged.warning);
    return judged;
  }

  /** Handles one request, of any method; never throws. */
  handle(arrival: Arrival): void {
    try {
      this.#handle(arrival);
    } catch (error) {
      this.#fail(arrival, error);
    }
  }

  /**
   * Calls one URI, and puts whoever answers into the room; phones that ring are heard there already where they send a
   * description. Never rejects: what went wrong is in the outcome.
   *
   * @param stack One that listens on the URI's transport.
   * @param ringMs How long it may ring before it is given up.
   * @param flow The connection to call by, of those that `stack` has.
   */
  async callOut(
    uri: CallUri,
    room: string,
    stack: SipStack | undefined,
    ringMs: number,
    flow?: SipFlow,
  ): Promise<CallOutcome> {
    if (!stack) return { status: 503, reason: `nothing listens for transport=${uri.transport} here` };
    if (this.#closedTo !== undefined) return { status: 503, reason: this.#closedTo };
    const { scheme, transport } = uri;
    const user = encodeURIComponent(room);
    const contact = contactUri({ scheme, user, host: stack.hostname(), transport, stack });
    const call = new OutgoingCall(
      { uri, room, stack, contact, ringMs, ...(flow && { flow }) },
      this.#outgoingSite,
    );
    const id = callId(call.invite);
    this.#outgoing.set(id, call);
    try {
      await call.start();
      return await call.outcome;
    } catch (error) {
      this.#site.onFault(error);
      return { status: 500, reason: 'a fault of ours' };
    } finally {
      this.#outgoing.delete(id);
    }
  }

  /** The room that the dialog of a message is about, and which side called: of what a `session` event comes with. */
  placeOf(message: SipMessage): { room: string; direction: 'in' | 'out' } {
    const call = this.#outgoing.get(callId(message));
    const isOut = call !== undefined && (message === call.invite || message.method === undefined);
    return isOut ? { room: call.room, direction: 'out' } : { room: roomOf(message), direction: 'in' };
  }

  /** Lets nobody in any more; fulfilled when the last call has ended. */
  async drain(): Promise<void> {
    this.#closedTo ??= 'the server takes no calls any more';
    if (this.#calls.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #forget(call: MeetingCall): void {
    this.#calls.delete(call.session);
    if (this.#calls.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Ends all calls by BYE and waits for the answers, but no longer than this. Calls that come meanwhile are refused. */
  async close(graceMs: number): Promise<void> {
    this.#closedTo = 'the server closes';
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([Promise.all([...this.#calls.values()].map((call) => call.hangUp())), grace]);
    clearTimeout(timer);
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  #handle(arrival: Arrival): void {
    const { request } = arrival;
    const { method } = request;
    if (method === 'INVITE' && toTag(request) === undefined) return this.#invite(arrival);
    const call = this.#callOf(request);
    if (method === 'ACK') return call?.acknowledge(request);
    const unsupported = unsupportedExtensions(request);
    const answer = (reply: Reply) => this.#answer(arrival, reply);
    if (!METHODS.includes(method)) {
      answer({ status: 405, headers: { allow: ALLOW } });
    } else if (unsupported.length > 0 && method !== 'CANCEL') {
      answer({ status: 420, headers: { unsupported: unsupported.join(', ') } });
    } else if (method === 'OPTIONS') {
      // Whoever watches the server by OPTIONS, as proxies do, sends newcomers elsewhere. Who asks in a call asks about that.
      const unavailable = call ? undefined : this.#unavailable;
      answer(
        unavailable
          ? denialReply(unavailable)
          : { status: 200, headers: { allow: ALLOW, accept: 'application/sdp' } },
      );
    } else if (!call) {
      answer({ status: 481 });
    } else if (method === 'CANCEL') {
      answer({ status: 200 });
      call.cancel(request);
    } else if (method === 'BYE') {
      // The plugin ends the dialog with this answer, and tells us.
      answer({ status: 200 });
    } else {
      call.change(arrival).catch((error: unknown) => this.#fail(arrival, error));
    }
  }

  #invite(arrival: Arrival): void {
    const { request } = arrival;
    const denied = this.#admitted.has(request) ? undefined : this.admit(request, arrival.flow);
    if (denied) return this.#answer(arrival, denialReply(denied));
    const dialog = this.#site.signalling.dialog(request);
    const room = roomOf(request);
    const unsupported = unsupportedExtensions(request);
    const refuse = (reply: Reply & { warning: string }) => {
      if (dialog) this.#site.onRefused(dialog.session, request, reply.status, reply.warning);
      this.#answer(arrival, reply);
    };
    if (!dialog || this.#closedTo !== undefined) {
      refuse({ status: 503, warning: this.#closedTo ?? 'the server closes' });
    } else if (unsupported.length > 0) {
      const names = unsupported.join(', ');
      refuse({ status: 420, headers: { unsupported: names }, warning: 'an extension is required' });
    } else if (room === '') {
      refuse({ status: 404, warning: 'the URI names no room: call sip:NAME@host' });
    } else {
      const seat = this.#site.seats.take(room, dialog.session);
      const call = new MeetingCall(seat, dialog, { kind: 'in', invite: arrival }, this.#callSite);
      this.#calls.set(dialog.session, call);
      call.start().catch((error: unknown) => {
        this.#fail(arrival, error);
        call.end();
      });
    }
  }

  /** Where nobody had said BYE, the dialog has. */
  #handleEnded({ session }: EndedCall): void {
    this.#calls.get(session)?.end();
  }

  #callOf(request: SipRequest): MeetingCall | undefined {
    const session = this.#site.signalling.session(request);
    return session && this.#calls.get(session);
  }

  #fail(arrival: Arrival, error: unknown): void {
    this.#site.onFault(error);
    if (arrival.request.method !== 'ACK') this.#answer(arrival, { status: 500 });
  }

  /** In the request's dialog, where it has one: with our tag in it. */
  #answer(arrival: Arrival, reply: Reply): void {
    const dialog = this.#site.signalling.dialog(arrival.request);
    if (dialog) dialog.respond(arrival.request, reply);
    else respond(arrival, reply);
  }
}

/** The room that an INVITE asks for: the user part of its URI, unescaped. Empty where there is none. */
export function roomOf({ uri }: SipMessage): string {
  return userOf(uri);
}

function userOf(uri: SipMessage['uri'] = ''): string {
  const user = typeof uri === 'string' ? /^sips?:([^@]*)@/i.exec(uri)?.[1] : uri.user;
  const name = (user ?? '').replace(/[:;].*$/s, '');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** What the other side of the dialog calls itself, for people: its display name or its user. Empty where it says neither. */
export function nameIn({ headers }: SipMessage, direction: 'in' | 'out'): string {
  const { name = '', uri } = (direction === 'in' ? headers.from : headers.to) ?? { uri: '' };
  const shown = name.trim().replace(/^"(.*)"$/s, '$1');
  return (shown === '' ? userOf(uri) : shown).replace(/\p{C}/gu, '').slice(0, NAME_MAX);
}

/** What the description in an INVITE says of its first audio stream, for the log. */
export function audioOf(
  request: SipMessage,
  limits?: SdpLimits,
): { media: number; remote?: { address: string; port: number } } {
  const text = readSdp(request);
  const sdp = text === undefined ? undefined : parseSdp(text, limits);
  const audio = sdp?.ok
    ? sdp.value.media.find(({ kind, port }) => kind === 'audio' && port !== 0)
    : undefined;
  return audio ? { media: audio.index, remote: { address: audio.address, port: audio.port } } : { media: 0 };
}

function contactFor({ request, flow, stack }: Arrival): string {
  const uri = typeof request.uri === 'string' ? request.uri : '';
  const [, scheme = 'sip', user = ''] = /^(sips?):([^@]*)@/i.exec(uri) ?? [];
  return contactUri({
    ...{ scheme: scheme.toLowerCase(), user, host: stack.hostname(), stack },
    transport: flow.protocol.toLowerCase(),
  });
}

function unsupportedExtensions(request: SipRequest): string[] {
  const required = typeof request.headers.require === 'string' ? request.headers.require.split(',') : [];
  return required.map((name) => name.trim()).filter((name) => name !== '' && !EXTENSIONS.includes(name));
}

// The SIP side of `latchkey serve`: `sip:NAME@host` is the room NAME, `sip:echo@host` your own media back. Answers every
// request, calls whom it is told to, and ends every call. It registers nobody.
import { callId, readSdp, toTag } from '../sip/index.js';
import type { CallUri, SipFlow, SipMessage, SipRequest } from '../sip/index.js';
import type { EndedCall, LatchSip, SipPackage, Stack } from '../../plugins/sip/index.js';
import { parseSdp } from '../index.js';
import type { Session } from '../index.js';
import type { Rooms } from '../room/index.js';
import { MeetingCall } from './meeting-call.js';
import type { CallSite } from './meeting-call.js';
import type { MediaSockets } from './media-sockets.js';
import { OutgoingCall } from './outgoing-call.js';
import type { CallOutcome, OutgoingSite } from './outgoing-call.js';
import { RoomSeat } from './room-seat.js';
import type { RoomModule } from './room-seat.js';
import { reply, SipDialog } from './sip-dialog.js';
import type { Arrival, Reply } from './sip-dialog.js';

const METHODS = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'UPDATE'];
const ALLOW = METHODS.join(', ');
/** Reliable provisional responses may be required of us: we send no provisional ones. */
const EXTENSIONS = ['100rel'];

export interface MeetingServerSite {
  readonly sip: SipPackage;
  readonly latch: LatchSip;
  readonly room: RoomModule;
  readonly rooms: Rooms;
  readonly media: MediaSockets;
  readonly advertise: string;
  /** A call was refused, by a response of ours to its INVITE. */
  onRefused(session: Session, invite: SipRequest, status: number, warning: string): void;
  /** Offer and answer are complete, for the first time or once more. */
  onAnswered(call: MeetingCall): void;
  /** A defect of ours in the handling of one request, which was answered 500. */
  onFault(error: unknown): void;
}

export class MeetingServer {
  readonly #site: MeetingServerSite;
  readonly #calls = new Map<Session, MeetingCall>();
  readonly #outgoing = new Map<string, OutgoingCall>();
  readonly #callSite: CallSite;
  readonly #outgoingSite: OutgoingSite;
  #isClosing = false;

  constructor(site: MeetingServerSite) {
    this.#site = site;
    const { sip, room, rooms, media, advertise } = site;
    this.#callSite = {
      ...{ sip, room, rooms, media, advertise },
      allow: ALLOW,
      contact: (arrival) => contactUri(arrival, advertise),
      onRefused: (...refused) => site.onRefused(...refused),
      onAnswered: (call) => site.onAnswered(call),
      onEnded: (call) => this.#calls.delete(call.session),
    };
    this.#outgoingSite = {
      latch: site.latch,
      call: this.#callSite,
      onCall: (call) => this.#calls.set(call.session, call),
      find: (session) => this.#calls.get(session),
    };
    site.latch.on('ended', (ended) => this.#handleEnded(ended));
  }

  get calls(): ReadonlyMap<Session, MeetingCall> {
    return this.#calls;
  }

  /** Handles one request, of any method; never throws. */
  handle(request: SipRequest, flow: SipFlow, stack: Stack): void {
    const arrival = { request, flow, stack };
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
    stack: Stack | undefined,
    ringMs: number,
    flow?: SipFlow,
  ): Promise<CallOutcome> {
    if (!stack) return { status: 503, reason: `nothing listens for transport=${uri.transport} here` };
    if (this.#isClosing) return { status: 503, reason: 'the server closes' };
    const user = encodeURIComponent(room);
    const contact = contactOf(uri.scheme, user, this.#site.advertise, uri.transport, stack);
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

  /** Ends all calls by BYE and waits for the answers, but no longer than this. Calls that come meanwhile are refused. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([Promise.all([...this.#calls.values()].map((call) => call.hangUp())), grace]);
    clearTimeout(timer);
    this.#site.rooms.close();
  }

  #handle(arrival: Arrival): void {
    const { request } = arrival;
    const { method } = request;
    if (method === 'INVITE' && toTag(request) === undefined) return this.#invite(arrival);
    const call = this.#callOf(request);
    if (method === 'ACK') return call?.acknowledge(arrival);
    const unsupported = unsupportedExtensions(request);
    if (!METHODS.includes(method)) {
      this.#reply(arrival, { status: 405, headers: { allow: ALLOW } });
    } else if (unsupported.length > 0 && method !== 'CANCEL') {
      this.#reply(arrival, { status: 420, headers: { unsupported: unsupported.join(', ') } });
    } else if (method === 'OPTIONS') {
      this.#reply(arrival, { status: 200, headers: { allow: ALLOW, accept: 'application/sdp' } });
    } else if (!call) {
      this.#reply(arrival, { status: 481 });
    } else if (method === 'CANCEL') {
      this.#reply(arrival, { status: 200, tag: call.dialog.tag });
      call.cancel();
    } else if (method === 'BYE') {
      // The plugin ends the dialog with this answer, and tells us.
      this.#reply(arrival, { status: 200 });
    } else {
      call.change(arrival).catch((error: unknown) => this.#fail(arrival, error));
    }
  }

  #invite(arrival: Arrival): void {
    const { request } = arrival;
    const session = this.#site.latch.session(request);
    const room = roomOf(request);
    const unsupported = unsupportedExtensions(request);
    const refuse = (answer: Reply & { warning: string }) => {
      if (session) this.#site.onRefused(session, request, answer.status, answer.warning);
      this.#reply(arrival, answer);
    };
    if (!session || this.#isClosing) {
      refuse({ status: 503, warning: 'the server closes' });
    } else if (unsupported.length > 0) {
      const names = unsupported.join(', ');
      refuse({ status: 420, headers: { unsupported: names }, warning: 'an extension is required' });
    } else if (room === '') {
      refuse({ status: 404, warning: 'the URI names no room: call sip:NAME@host' });
    } else {
      const dialog = SipDialog.incoming(arrival);
      const seat = new RoomSeat(room, dialog.callId, session, this.#callSite);
      const call = new MeetingCall(session, seat, dialog, { kind: 'in', invite: arrival }, this.#callSite);
      this.#calls.set(session, call);
      call.start().catch((error: unknown) => {
        this.#fail(arrival, error);
        call.end();
      });
    }
  }

  #handleEnded({ session, reason }: EndedCall): void {
    const call = this.#calls.get(session);
    // These reasons say that nobody has said BYE.
    if (reason === 'timeout' || reason === 'expired' || reason === 'silence') void call?.hangUp();
    else call?.end();
  }

  #callOf(request: SipRequest): MeetingCall | undefined {
    if (request.method === 'CANCEL')
      return [...this.#calls.values()].find((call) => call.isInvitedBy(request));
    const session = this.#site.latch.session(request);
    return session && this.#calls.get(session);
  }

  #fail(arrival: Arrival, error: unknown): void {
    this.#site.onFault(error);
    if (arrival.request.method !== 'ACK') this.#reply(arrival, { status: 500 });
  }

  #reply(arrival: Arrival, answer: Reply): void {
    reply(this.#site.sip, arrival, answer);
  }
}

/** The room that an INVITE asks for: the user part of its URI, unescaped. Empty where there is none. */
export function roomOf(request: SipMessage): string {
  const { uri = '' } = request;
  const user = typeof uri === 'string' ? /^sips?:([^@]*)@/i.exec(uri)?.[1] : uri.user;
  const name = (user ?? '').replace(/[:;].*$/s, '');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** What the description in an INVITE says of its first audio stream, for the log. */
export function audioOf(request: SipMessage): { media: number; remote?: { address: string; port: number } } {
  const text = readSdp(request);
  const sdp = text === undefined ? undefined : parseSdp(text);
  const audio = sdp?.ok
    ? sdp.value.media.find(({ kind, port }) => kind === 'audio' && port !== 0)
    : undefined;
  return audio ? { media: audio.index, remote: { address: audio.address, port: audio.port } } : { media: 0 };
}

function contactUri({ request, flow, stack }: Arrival, advertise: string): string {
  const uri = typeof request.uri === 'string' ? request.uri : '';
  const [, schema = 'sip', user = ''] = /^(sips?):([^@]*)@/i.exec(uri) ?? [];
  return contactOf(schema.toLowerCase(), user, advertise, flow.protocol.toLowerCase(), stack);
}

/** A flow of a WSS listener calls itself WS, and so does its URI (RFC 7118 section 5). */
function contactOf(schema: string, user: string, advertise: string, transport: string, stack: Stack): string {
  const host = advertise.includes(':') ? `[${advertise}]` : advertise;
  const port = stack.addresses.find(({ protocol }) => protocol.startsWith(transport.toUpperCase()))?.port;
  return `${schema}:${user}@${host}:${port ?? 5060};transport=${transport}`;
}

function unsupportedExtensions(request: SipRequest): string[] {
  const required = typeof request.headers.require === 'string' ? request.headers.require.split(',') : [];
  return required.map((name) => name.trim()).filter((name) => name !== '' && !EXTENSIONS.includes(name));
}

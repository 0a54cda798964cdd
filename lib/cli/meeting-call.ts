// One caller in a room: offer and answer, holds and their end, the 200 until its ACK. What a description means for the
// room is lib/room's to say, what it means for the secret the session's.
import { randomInt } from 'node:crypto';
import { readSdp } from '../../plugins/sip/body.js';
import type { SipPackage, SipRequest } from '../../plugins/sip/index.js';
import { callId } from '../../plugins/sip/message.js';
import type { Session } from '../index.js';
import type * as room from '../room/index.js';
import type { Leg, NegotiatedStream, Rooms, SdpRefusal } from '../room/index.js';
import { CallPorts } from './call-ports.js';
import type { MediaSockets } from './media-sockets.js';
import { reply, SipDialog } from './sip-dialog.js';
import type { Arrival, Reply } from './sip-dialog.js';

/** lib/room, loaded when a server starts: it needs an optional peer. */
export type RoomModule = typeof room;

export interface CallSite {
  readonly sip: SipPackage;
  readonly room: RoomModule;
  readonly rooms: Rooms;
  readonly media: MediaSockets;
  /** The IP address that callers send their media to. */
  readonly advertise: string;
  readonly allow: string;
  /** Our Contact for a call that came by this request. */
  contact(arrival: Arrival): string;
  /** The call was over before it began, by a response of ours. */
  onRefused(session: Session, invite: SipRequest, status: number, warning: string): void;
  onEnded(call: MeetingCall): void;
}

/** RFC 3261 17: T1 and T2. */
const T1_MS = 500;
const T2_MS = 4000;
/** RFC 3261 14.2: 0 to 10. */
const RETRY_AFTER_S = 1;

export class MeetingCall {
  readonly dialog: SipDialog;
  readonly #site: CallSite;
  readonly #invite: Arrival;
  readonly #sessionId = String(randomInt(1, 2 ** 47));
  #state: 'early' | 'up' | 'ended' = 'early';
  readonly #ports: CallPorts;
  /** A re-INVITE waits for ports. */
  #isChanging = false;
  #leg: Leg | undefined;
  #version = 1;
  #description: string | undefined;
  /** Our offer in a 200 whose ACK is to bring the answer. */
  #pendingOffer: string | undefined;
  #retransmission: NodeJS.Timeout | undefined;

  constructor(
    readonly session: Session,
    readonly roomName: string,
    invite: Arrival,
    site: CallSite,
  ) {
    this.#site = site;
    this.#invite = invite;
    this.dialog = new SipDialog(invite);
    this.#ports = new CallPorts(session, site.media);
  }

  get leg(): Leg | undefined {
    return this.#leg;
  }

  /** Answers the INVITE that made the call. */
  async start(): Promise<void> {
    await this.#ports.lend(this.#transports(this.#invite));
    // Cancelled, or the server closes.
    if (this.#state !== 'early') return;
    const refusal = this.#answer(this.#invite);
    if (refusal) this.#refuse(refusal.status, refusal.warning);
  }

  /** A re-INVITE or UPDATE. One that cannot be taken leaves the call as it was (RFC 3261 14.2). */
  async change(arrival: Arrival): Promise<void> {
    this.dialog.follow(arrival);
    if (this.#isChanging) {
      this.#reply(arrival, { status: 500, headers: { 'retry-after': String(RETRY_AFTER_S) } });
      return;
    }
    const transports = this.#transports(arrival);
    if (!this.#ports.has(transports)) {
      this.#isChanging = true;
      await this.#ports.lend(transports);
      this.#isChanging = false;
    }
    const refusal = this.#state === 'ended' ? { status: 481 } : this.#answer(arrival);
    if (refusal) this.#reply(arrival, refusal);
  }

  /** The ACK to a 200, with the answer in it where the offer was ours. */
  acknowledge(arrival: Arrival): void {
    clearTimeout(this.#retransmission);
    this.dialog.follow(arrival);
    if (this.#pendingOffer === undefined) return;
    const answer = readSdp(arrival.request);
    const accepted =
      answer === undefined ? undefined : this.#site.room.acceptAnswer(this.#pendingOffer, answer);
    this.#pendingOffer = undefined;
    if (accepted?.ok && !this.#isShutOut) this.#place(accepted.streams);
    else void this.hangUp();
  }

  /** Whether this CANCEL names the transaction of the call's INVITE (RFC 3261 9.2): it bears no tag of ours. */
  isInvitedBy(cancel: SipRequest): boolean {
    const branchOf = ({ headers }: SipRequest) => headers.via?.[0]?.params['branch'];
    return callId(cancel) === this.dialog.callId && branchOf(cancel) === branchOf(this.#invite.request);
  }

  /** A CANCEL that came before our answer; later it changes nothing (RFC 3261 9.2). */
  cancel(): void {
    if (this.#state === 'early') this.#reply(this.#invite, { status: 487 });
  }

  /** Ends the call from our side; fulfilled when the caller has confirmed, or cannot. */
  async hangUp(): Promise<void> {
    if (this.#state === 'ended') return;
    if (this.#state === 'early') return this.#refuse(503, 'the server closes');
    await new Promise<void>((resolve) => {
      this.dialog.send('BYE', () => resolve());
      this.end();
    });
  }

  /** The dialog is over: out of the room, ports given back. Idempotent. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#retransmission);
    this.#leg?.leave();
    // After the session has said where it was closed, but before the next datagram: it may want these ports.
    process.nextTick(() => {
      this.session.close();
      this.#ports.release();
    });
    this.#site.onEnded(this);
  }

  /** The room has no place for one more, and this caller is not in it yet. */
  get #isShutOut(): boolean {
    return this.#leg === undefined && this.#site.rooms.isFull(this.roomName);
  }

  /** The transports of the description in a request, or of the one we shall offer. */
  #transports({ request }: Arrival): readonly number[] {
    const { room, rooms } = this.#site;
    const offer = readSdp(request);
    if (offer !== undefined) return room.offeredTransports(offer);
    if (this.#description !== undefined || request.method !== 'INVITE') return [];
    return room.kindsToOffer(rooms.preference(this.roomName)).map((_, index) => index);
  }

  #answer(arrival: Arrival): SdpRefusal | Reply | undefined {
    const { request } = arrival;
    const { answerOffer, createOffer, repeatOffer } = this.#site.room;
    const offer = readSdp(request);
    if (this.#isShutOut) return { status: 486, warning: 'the room is full' };
    if (offer !== undefined) {
      const answered = this.#describe((version) => answerOffer(offer, this.#descriptionOptions(version)));
      if (!answered.ok) {
        const isOutOfPorts = answered.status === 488 && !this.#ports.has(this.#transports(arrival));
        return isOutOfPorts ? { status: 503, warning: 'all media ports are taken' } : answered;
      }
      this.#place(answered.streams);
      this.#accept(arrival, answered.sdp);
    } else if (request.content) {
      return { status: 415, headers: { accept: 'application/sdp' } };
    } else if (request.method === 'UPDATE') {
      this.#accept(arrival, undefined);
    } else if (!this.#ports.has([0]) && this.#description === undefined) {
      return { status: 503, warning: 'all media ports are taken' };
    } else {
      const last = this.#description;
      const { sdp } = this.#describe((version) => ({
        ok: true,
        sdp: last === undefined ? createOffer(this.#descriptionOptions(version)) : repeatOffer(last, version),
      }));
      this.#pendingOffer = sdp;
      if (last === undefined) this.#ports.open([...this.#ports.sections.keys()]);
      this.#accept(arrival, sdp);
    }
    return undefined;
  }

  #accept(arrival: Arrival, content: string | undefined): void {
    this.#state = 'up';
    const headers = {
      contact: [{ uri: this.#site.contact(arrival) }],
      allow: this.#site.allow,
      accept: 'application/sdp',
    };
    const response = this.#reply(arrival, {
      status: 200,
      headers,
      ...(content !== undefined && { content }),
    });
    if (arrival.request.method !== 'INVITE') return;
    // RFC 3261 13.3.1.4: the 200 is repeated until the ACK, over any transport. Without one the plugin ends the dialog.
    clearTimeout(this.#retransmission);
    const repeat = (delayMs: number) => {
      this.#retransmission = setTimeout(() => {
        arrival.stack.send(response);
        repeat(Math.min(delayMs * 2, T2_MS));
      }, delayMs);
    };
    repeat(T1_MS);
  }

  /** The streams as agreed, in the room: the ports stay where they can. */
  #place(negotiated: readonly NegotiatedStream[]): void {
    // A caller who begins with every section closed has no ports.
    const streams = this.#ports.place(negotiated.filter(({ transport }) => this.#ports.has([transport])));
    if (this.#leg) return this.#leg.update(streams);
    const { callId } = this.dialog;
    this.#leg = this.#site.rooms.join(this.roomName, { call: callId, session: this.session.id, streams });
  }

  /** The version of a description rises when, and only when, it changes (RFC 3264 section 8). */
  #describe<T extends { ok: true; sdp: string } | SdpRefusal>(make: (version: number) => T): T {
    let made = make(this.#version);
    if (!made.ok) return made;
    if (this.#description !== undefined && made.sdp !== this.#description) made = make(++this.#version);
    if (made.ok) this.#description = made.sdp;
    return made;
  }

  #descriptionOptions(sessionVersion: number) {
    return {
      address: this.#site.advertise,
      rtpPort: 0,
      ports: this.#ports.sections,
      sessionId: this.#sessionId,
      sessionVersion,
      preference: this.#site.rooms.preference(this.roomName),
    };
  }

  #refuse(status: number, warning: string | undefined): void {
    const text = warning ?? `refused with ${status}`;
    this.#reply(this.#invite, { status, warning: text });
    this.#site.onRefused(this.session, this.#invite.request, status, text);
    this.end();
  }

  #reply(arrival: Arrival, answer: Reply) {
    return reply(this.#site.sip, arrival, { tag: this.dialog.tag, ...answer });
  }
}

// One caller in a room: offer and answer, holds and their end, the 200 until its ACK, the ports it was lent. What a
// description means for the room is lib/room's to say, what it means for the secret the session's.
import { randomInt } from 'node:crypto';
import { readSdp } from '../../plugins/sip/body.js';
import type { SipPackage, SipRequest } from '../../plugins/sip/index.js';
import type { MediaPort, Session } from '../index.js';
import { callId } from '../../plugins/sip/message.js';
import type * as room from '../room/index.js';
import type { Leg, NegotiatedStream, Rooms, SdpRefusal } from '../room/index.js';
import type { MediaPair, MediaSockets } from './media-sockets.js';
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

export class MeetingCall {
  readonly dialog: SipDialog;
  readonly #site: CallSite;
  readonly #invite: Arrival;
  readonly #sessionId = String(randomInt(1, 2 ** 47));
  #state: 'early' | 'up' | 'ended' = 'early';
  #pair: MediaPair | undefined;
  #rtp: MediaPort | undefined;
  #rtcp: MediaPort | undefined;
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
  }

  get leg(): Leg | undefined {
    return this.#leg;
  }

  /** Answers the INVITE that made the call. */
  async start(): Promise<void> {
    const pair = await this.#site.media.lend();
    // Cancelled, or the server closes.
    if (this.#state !== 'early') return pair?.release();
    this.#pair = pair;
    if (!pair) return this.#refuse(503, 'all media ports are taken');
    const refusal = this.#answer(this.#invite);
    if (refusal) this.#refuse(refusal.status, refusal.warning);
  }

  /** A re-INVITE or UPDATE. One that cannot be taken leaves the call as it was (RFC 3261 14.2). */
  change(arrival: Arrival): void {
    this.dialog.follow(arrival);
    const refusal = this.#answer(arrival);
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
    if (accepted?.ok) this.#place(accepted.stream);
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
      this.#pair?.release();
    });
    this.#site.onEnded(this);
  }

  #answer(arrival: Arrival): SdpRefusal | Reply | undefined {
    const { request } = arrival;
    const offer = readSdp(request);
    if (offer !== undefined) {
      const answered = this.#describe((version) =>
        this.#site.room.answerOffer(offer, this.#descriptionOptions(version)),
      );
      if (!answered.ok) return answered;
      this.#place(answered.stream);
      this.#accept(arrival, answered.sdp);
    } else if (request.content) {
      return { status: 415, headers: { accept: 'application/sdp' } };
    } else if (request.method === 'UPDATE') {
      this.#accept(arrival, undefined);
    } else {
      const { createOffer } = this.#site.room;
      const make = (version: number) =>
        ({ ok: true, sdp: createOffer(this.#descriptionOptions(version)) }) as const;
      const { sdp } = this.#describe(make);
      this.#pendingOffer = sdp;
      this.#bindRtp(this.#leg?.stream.media ?? 0);
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

  /** The stream as agreed, in the room: the ports stay where they can. */
  #place(stream: NegotiatedStream): void {
    const hasRtcp = stream.isRtcpMux || this.#rtcp !== undefined;
    if (this.#leg && this.#rtp?.media === stream.media && hasRtcp) return this.#leg.update(stream);
    this.#leg?.leave();
    const rtp = this.#bindRtp(stream.media);
    if (!stream.isRtcpMux && this.#pair)
      this.#rtcp ??= this.session.bind(this.#pair.rtcp, { media: stream.media, component: 2 });
    this.#leg = this.#site.rooms.join(this.roomName, {
      call: this.dialog.callId,
      session: this.session.id,
      stream,
      rtp,
      ...(this.#rtcp && { rtcp: this.#rtcp }),
    });
  }

  #bindRtp(media: number): MediaPort {
    if (this.#rtp?.media === media) return this.#rtp;
    if (!this.#pair) throw new Error('a call without ports has no media');
    this.#rtp?.close();
    this.#rtcp?.close();
    this.#rtcp = undefined;
    this.#rtp = this.session.bind(this.#pair.rtp, { media });
    return this.#rtp;
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
      rtpPort: this.#pair?.rtpPort ?? 0,
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

// What the requests of one connection mean, one after another (RFC 2326 section 10): descriptions that were given, streams that were announced,
// and the one session that a connection has. A session ends with its connection: who it is was shown there.
import { randomBytes, randomInt } from 'node:crypto';
import { normaliseIp } from '../../lib/index.js';
import { ECHO_ROOM, type Leg } from '../../lib/room/index.js';
import {
  describeWatch,
  parseRoomUrl,
  parseTransport,
  readAnnouncement,
  RTSP_METHODS,
  sessionIdOf,
  streamControl,
  watchableStreams,
} from '../../lib/rtsp/index.js';
import type {
  AnnouncedStream,
  RoomUrl,
  RtspMessage,
  RtspMethod,
  RtspReply,
  RtspStatus,
  TransportOffer,
  WatchableStream,
} from '../../lib/rtsp/index.js';
import type { FrameSender } from './interleaved-way.js';
import { InterleavedWay } from './interleaved-way.js';
import { LatchOffer } from './latch-offer.js';
import { LatchReply } from './latch-reply.js';
import { MediaSession } from './media-session.js';
import type { SetUp } from './media-session.js';
import type { Caller, DialogueSite } from './dialogue-site.js';
import { PunchedWay } from './punched-way.js';
import type { RtspEndReason, RtspPlace } from './rtsp-types.js';
import type { Way } from './way.js';

/** What a DESCRIBE has brought. */
interface Description {
  readonly url: RoomUrl;
  readonly call: string;
  readonly latch: LatchOffer | undefined;
  /** By what SETUP calls each. */
  readonly streams: ReadonlyMap<string, WatchableStream & { readonly section: number }>;
}

/** What an ANNOUNCE has brought. */
interface Announced {
  readonly url: RoomUrl;
  readonly call: string;
  readonly name: string;
  readonly latch: LatchReply | undefined;
  readonly streams: readonly AnnouncedStream[];
}

/** A stream that a SETUP names, and what it belongs to. */
interface Named {
  readonly name: string;
  readonly stream: SetUp['stream'];
  readonly speaker: Leg | undefined;
  readonly place: RtspPlace;
  readonly description: Description | undefined;
  readonly section: number;
}

/** A player that asks again has not forgotten the last answer at once. */
const DESCRIPTIONS_MAX = 2;
/** Guesses of one connection. */
const WRONG_MAX = 5;
const SDP = 'application/sdp';
const PUBLIC = RTSP_METHODS.join(', ');

export class Dialogue {
  readonly #site: DialogueSite;
  readonly #caller: Caller;
  readonly #sender: FrameSender;
  readonly #descriptions: Description[] = [];
  #announced: Announced | undefined;
  #session: MediaSession | undefined;
  readonly #channels = new Map<number, InterleavedWay['rtp']>();
  #wrong = 0;
  #heardMs: number;
  /** UDP without latch came to nothing here. */
  #isUdpVain = false;
  #isClosed = false;

  constructor(site: DialogueSite, caller: Caller, sender: FrameSender) {
    this.#site = site;
    this.#caller = caller;
    this.#sender = sender;
    this.#heardMs = site.nowMs();
  }

  get session(): MediaSession | undefined {
    return this.#session;
  }

  /** More guesses than anybody mistypes. */
  get isGuessing(): boolean {
    return this.#wrong >= WRONG_MAX;
  }

  readonly noteHeard = (): void => {
    this.#heardMs = this.#site.nowMs();
  };

  receiveFrame(channel: number, packet: Buffer): boolean {
    const port = this.#channels.get(channel);
    port?.receive(packet);
    return port !== undefined;
  }

  /** Once a second. */
  sweep(nowMs: number): void {
    if (nowMs - this.#heardMs > this.#site.options.limits.sessionMs) this.#session?.end('timeout');
  }

  close(reason: RtspEndReason): void {
    this.#isClosed = true;
    this.#session?.end(reason);
    for (const { latch } of this.#descriptions.splice(0)) latch?.close();
    this.#announced?.latch?.close();
  }

  async handle(message: RtspMessage): Promise<RtspReply> {
    if (message.start.kind !== 'request') return { status: 400 };
    const { method } = message.start;
    if (!(RTSP_METHODS as readonly string[]).includes(method))
      return { status: 501, headers: [['Public', PUBLIC]] };
    const required = message.fields.get('require');
    if (required) return { status: 551, headers: [['Unsupported', required.join(', ')]] };
    return this.#answer(method as RtspMethod, message.start.uri, message);
  }

  #answer(method: RtspMethod, uri: string, message: RtspMessage): RtspReply | Promise<RtspReply> {
    switch (method) {
      case 'OPTIONS':
        return { status: 200, headers: [['Public', PUBLIC]] };
      case 'DESCRIBE':
        return this.#describe(uri, message);
      case 'ANNOUNCE':
        return this.#announce(uri, message);
      case 'SETUP':
        return this.#setUp(uri, message);
      case 'PLAY':
      case 'RECORD':
        return this.#inSession(message, (session) => this.#begin(session, method));
      case 'PAUSE':
        return this.#inSession(message, (session) => {
          session.pause();
          return { status: 200 };
        });
      case 'TEARDOWN':
        return this.#inSession(message, (session) => {
          session.end('teardown');
          return { status: 200 };
        });
      case 'GET_PARAMETER':
        // Empty, it asks whether the session is there; there are no parameters.
        if (!message.fields.has('session')) return { status: message.body === '' ? 200 : 451 };
        return this.#inSession(message, () => ({ status: message.body.trim() === '' ? 200 : 451 }));
    }
  }

  #describe(uri: string, message: RtspMessage): RtspReply {
    const accepts = message.fields.get('accept');
    if (accepts && !accepts.some((one) => /application\/(?:sdp|\*)|\*\/\*/i.test(one)))
      return { status: 406 };
    const url = parseRoomUrl(uri);
    const refused = this.#admit('DESCRIBE', uri, url, message);
    if (refused) return refused;
    if (!url) return { status: 404 };
    const { rooms, latchkey } = this.#site.options.server;
    const all = [...rooms.legs].filter(({ room }) => room === url.room && room !== ECHO_ROOM);
    const wanted = all.filter((leg) => url.participant === undefined || isCalled(leg, url.participant));
    const streams = watchableStreams(wanted);
    if (streams.length === 0) return { status: 404 };
    const id = randomBytes(9).toString('base64url');
    const named = streams.map((one, section) => ({
      ...one,
      section,
      control: streamControl(`${id}-${section}`),
    }));
    const { address, participant } = { ...this.#caller.local, participant: url.participant };
    const title = participant === undefined ? url.room : `${url.room}/${participant}`;
    const sessionId = String(randomInt(1, 2 ** 47));
    const plain = describeWatch({ sessionId, address, title, streams: named });
    const call = `rtsp-${randomBytes(9).toString('base64url')}`;
    const { hop } = this.#caller;
    const latch = hop && new LatchOffer(latchkey, call, hop, plain);
    const byName = new Map(named.map((one) => [`${id}-${one.section}`, one]));
    this.#descriptions.push({ url, call, latch, streams: byName });
    if (this.#descriptions.length > DESCRIPTIONS_MAX) this.#forget(this.#descriptions[0]);
    const text = latch?.description ?? plain;
    // What a player asked for behind the ? is none of the path that its streams are below (ffmpeg leaves the ? there).
    const headers = [['Content-Base', `${uri.replace(/\/?(?:\?.*)?$/s, '')}/`]] as const;
    return { status: 200, headers, body: { type: SDP, text } };
  }

  #announce(uri: string, message: RtspMessage): RtspReply {
    const url = parseRoomUrl(uri);
    const refused = this.#admit('ANNOUNCE', uri, url, message);
    if (refused) return refused;
    if (!url || url.room === ECHO_ROOM) return { status: 404 };
    if (this.#session) return { status: 455 };
    const type = message.fields.get('content-type')?.[0] ?? '';
    if (!/^application\/sdp *(?:;|$)/i.test(type)) return { status: 415 };
    const { rooms, latchkey } = this.#site.options.server;
    const announcement = readAnnouncement(message.body, latchkey.sdpLimits);
    if (!announcement.ok) return warned(400, announcement.warning);
    const call = `rtsp-${randomBytes(9).toString('base64url')}`;
    const name = url.participant ?? call;
    if ([...rooms.legs].some((leg) => leg.room === url.room && isCalled(leg, name)))
      return warned(403, 'somebody of this name is in the room');
    const { hop } = this.#caller;
    const latch = hop && LatchReply.to(message.body, { latchkey, call, hop });
    if (typeof latch === 'string') return warned(400, latch);
    this.#announced?.latch?.close();
    this.#announced = { url, call, name, latch, streams: announcement.streams };
    return { status: 200, ...(latch && { headers: latch.headers }) };
  }

  async #setUp(uri: string, message: RtspMessage): Promise<RtspReply> {
    const session = this.#session;
    const named = this.#announced ? this.#namedByAnnounce(this.#announced, uri) : this.#namedByDescribe(uri);
    if (!named) return { status: 404 };
    const secret = message.fields.get('session')?.[0];
    if (secret !== undefined && sessionIdOf(secret) !== session?.secret) return { status: 454 };
    // What goes on cannot change its way: that is another session (RFC 2326 section 10.4 allows to refuse it).
    if (session && (session.isActive || session.place.call !== named.place.call || session.has(named.name)))
      return { status: 455 };
    if (this.#site.isDraining()) return { status: 503 };
    const way = await this.#wayFor(named, message);
    if (typeof way === 'number') return { status: way };
    if (this.#isClosed) {
      way.close();
      return { status: 454 };
    }
    const current = this.#session ?? this.#open(named);
    current.add(named.name, { stream: named.stream, speaker: named.speaker, way });
    return {
      status: 200,
      headers: [
        ['Transport', this.#site.formatTransport(way.choice, this.#caller.local.address)],
        ['Session', `${current.secret};timeout=${Math.round(this.#site.options.limits.sessionMs / 1000)}`],
      ],
    };
  }

  /** The first of the ways that the player lists which can be had; else why there is none. */
  async #wayFor(named: Named, message: RtspMessage): Promise<Way | RtspStatus> {
    const latch = message.fields.get('latch')?.[0];
    // Neither sent nor taken where others can read along (docs/protocol.md 2); malformed it is an error, not absence.
    if (latch !== undefined && !(named.description?.latch && LatchOffer.isAnswer(latch))) return 400;
    for (const offer of parseTransport(message.fields.get('transport')?.[0] ?? '')) {
      if (offer.isRecord !== (named.speaker === undefined)) continue;
      const way =
        offer.kind === 'interleaved' ? this.#interleaved(offer) : await this.#udp(named, offer, latch);
      if (way) return way;
    }
    return 461;
  }

  #interleaved(offer: TransportOffer & { readonly kind: 'interleaved' }): Way | undefined {
    let channels = offer.channels;
    for (let low = 0; !channels || channels.some((one) => this.#channels.has(one)); low += 2) {
      if (low > 254) return undefined;
      channels = [low, low + 1];
    }
    const way = new InterleavedWay(this.#sender, channels, offer.isRecord);
    this.#channels.set(channels[0], way.rtp).set(channels[1], way.rtcp);
    return way;
  }

  async #udp(
    named: Named,
    offer: TransportOffer & { readonly kind: 'udp' },
    latch: string | undefined,
  ): Promise<Way | undefined> {
    const { clientPorts, destination, isRecord } = offer;
    const { tally, options } = this.#site;
    // Nobody is sent what he has not asked for himself (RFC 2326 section 16, "denial-of-service").
    if (destination !== undefined && !isSameHost(destination, this.#caller.remote.address)) {
      tally.punches.foreign++;
      return undefined;
    }
    const announced = isRecord ? this.#announced?.latch : undefined;
    const offered = latch === undefined ? undefined : named.description?.latch;
    const isLatched = announced !== undefined || offered !== undefined;
    if (!isLatched && !this.#mayPunch()) return undefined;
    const { address } = this.#caller.remote;
    const lent = await options.server.lendMedia(address, isLatched ? 'latch' : undefined);
    if (!lent) return undefined;
    const way =
      announced?.accept(named.stream.media, clientPorts, lent) ??
      offered?.accept(named.section, latch ?? '', clientPorts, lent) ??
      PunchedWay.on(lent, address, clientPorts, isRecord, this.noteHeard);
    if (!way) lent.pair.release();
    else if (isLatched) for (const port of [way.rtp, way.rtcp]) port.on('packet', this.noteHeard);
    return way;
  }

  /** UDP without latch may be tried. */
  #mayPunch(): boolean {
    const { options } = this.#site;
    return options.hasPlainUdp && !this.#isUdpVain && !this.#site.isVain(this.#caller.remote.address);
  }

  #namedByDescribe(uri: string): Named | undefined {
    const name = parseRoomUrl(uri)?.stream ?? '';
    const description = this.#descriptions.find(({ streams }) => streams.has(name));
    const found = description?.streams.get(name);
    if (!description || !found) return undefined;
    const { url, call } = description;
    const place = { call, room: url.room, participant: url.participant, remote: this.#caller.remote };
    const { stream, speaker, section } = found;
    return { name, stream, speaker, place, description, section };
  }

  /** By its control, at the end of the URL or as a URL; by any URL where it has none. */
  #namedByAnnounce({ url, call, name: participant, streams }: Announced, uri: string): Named | undefined {
    const isMeant = (control: string) => uri === control || uri.endsWith(`/${control}`);
    const section = streams.findIndex(({ control }) => control === undefined || isMeant(control));
    const found = streams[section];
    if (!found) return undefined;
    const place = { call, room: url.room, participant, remote: this.#caller.remote };
    const { stream } = found;
    return { name: String(section), stream, speaker: undefined, place, description: undefined, section };
  }

  #open({ place, speaker }: Named): MediaSession {
    const session = new MediaSession(
      randomBytes(16).toString('base64url'),
      place,
      speaker === undefined,
      this.#site.options.server.rooms,
      (reason) => this.#onEnded(session, reason),
    );
    this.#session = session;
    this.noteHeard();
    return session;
  }

  #onEnded(session: MediaSession, reason: RtspEndReason): void {
    this.#session = undefined;
    this.#announced?.latch?.close();
    this.#announced = undefined;
    this.#channels.clear();
    for (const way of session.punched) this.#site.tally.punches.dropped += way.dropped;
    this.#forget(this.#descriptions.find(({ call }) => call === session.place.call));
    this.#site.onEnded(session, reason);
  }

  #begin(session: MediaSession, method: 'PLAY' | 'RECORD'): RtspReply {
    if (session.isRecord !== (method === 'RECORD')) return { status: 455 };
    const range = method === 'PLAY' ? ([['Range', 'npt=now-']] as const) : [];
    // A repeated PLAY keeps a session alive.
    if (session.isActive) return { status: 200, headers: range };
    const latch = this.#descriptions.find(({ call }) => call === session.place.call)?.latch;
    const fault = session.transports.includes('latch') ? latch?.agree() : undefined;
    if (fault !== undefined) return warned(400, fault);
    const { rooms } = this.#site.options.server;
    if (session.isRecord && rooms.isFull(session.place.room)) return warned(453, 'the room is full');
    try {
      session.begin();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return warned(453, error.message);
    }
    this.#site.onBegun(session, () => {
      this.#isUdpVain = true;
    });
    return { status: 200, headers: range };
  }

  #inSession(message: RtspMessage, answer: (session: MediaSession) => RtspReply): RtspReply {
    const secret = sessionIdOf(message.fields.get('session')?.[0] ?? '');
    const session = this.#session;
    if (!session || secret !== session.secret) return { status: 454 };
    const reply = answer(session);
    return { ...reply, headers: [...(reply.headers ?? []), ['Session', secret]] };
  }

  /** Undefined: who asks may. It is judged before anything is looked up: who may not, does not learn what there is. */
  #admit(
    method: RtspMethod,
    uri: string,
    url: RoomUrl | undefined,
    { fields }: RtspMessage,
  ): RtspReply | undefined {
    const { admission, tally } = this.#site;
    if (this.#site.isDraining()) return { status: 503 };
    const { address } = this.#caller.remote;
    if (this.#site.isGuessed(address)) {
      tally.bounds.wrongPasswords++;
      return { status: 503 };
    }
    const authorization = fields.get('authorization')?.[0];
    const ask = { method, uri, authorization, room: url?.room ?? '' };
    const { isSecure, isCertified } = this.#caller;
    const admitted = admission.judge(ask, { address, isSecure, isCertified });
    tally.admission[admitted.kind]++;
    if (admitted.kind === 'admitted') return undefined;
    if (admitted.kind === 'refused') return { status: 403 };
    if (admitted.isWrong) {
      tally.admission.wrong++;
      this.#wrong++;
      this.#site.noteWrong(address);
    }
    return { status: 401, headers: admitted.challenges.map((one) => ['WWW-Authenticate', one] as const) };
  }

  #forget(description: Description | undefined): void {
    if (!description || this.#session?.place.call === description.call) return;
    this.#descriptions.splice(this.#descriptions.indexOf(description), 1);
    description.latch?.close();
  }
}

function isCalled({ name, session, call }: Leg, wanted: string): boolean {
  return [name, session, call].includes(wanted);
}

function isSameHost(destination: string, address: string): boolean {
  return normaliseIp(destination) === address;
}

/** For people who read what came; the reasons are ours, and in ASCII. */
function warned(status: RtspStatus, warning: string): RtspReply {
  return { status, headers: [['Warning', `399 latchkey "${warning.replace(/["\\\r\n]/g, ' ')}"`]] };
}

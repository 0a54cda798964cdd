// The distribution server: puts the parts together and tells what happens in events. `sip:NAME@host` is the room NAME,
// `sip:echo@host` the caller's own media. It prints nothing, heeds no signals of the system, and ends no program.
import { isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import { checkOptions, createLatchkey, LatchkeyError, normaliseIp, option, SteadyEmitter } from '../index.js';
import type {
  BindableSocket,
  LatchEvent,
  LatchEventType,
  Latchkey,
  OfferedProof,
  Session,
} from '../index.js';
import { createRooms } from '../room/index.js';
import type { Leg, Rooms } from '../room/index.js';
import { Admission, callId, parseCallUri } from '../sip/index.js';
import type { EndedCall, Fault, SipFlow, SipListeners, SipMessage, SipSignalling } from '../sip/index.js';
import { CodecMatch } from './codec-match.js';
import { lendPair } from './media-ports.js';
import { openMedia } from './media-sockets.js';
import type { MeetingCall } from './meeting-call.js';
import { audioOf, MeetingServer, nameIn } from './meeting-server.js';
import type { Seat, SeatPlace, SeatPlaces, SeatSession } from './room-seat.js';
import { RoomSeats } from './room-seats.js';
import { checkRenewal, checkServerOptions, isLatchkey } from './server-options.js';
import type { CheckedServerOptions, ListenPlace } from './server-options.js';
import { ServerRecord } from './server-record.js';
import type {
  CallDescription,
  CallOutResult,
  CallPlace,
  CallSnapshot,
  DistributionServer,
  DistributionServerEvents,
  DistributionServerOptions,
  LentMedia,
  Listening,
  ListeningAt,
  Participant,
  ServerCounters,
  ServerFault,
  ServerRenewal,
  ServerSnapshot,
} from './server-types.js';

/** How long a phone rings before a person gives up, with some patience. */
const RING_MS = 60_000;
/** How long callers have to confirm the BYE. */
const GRACE_MS = 2000;
/** At most one is told in this time. */
const TURNED_AWAY_EVERY_MS = 1000;
/** Of a session: what protects it may be another thing now. */
const PATH_EVENTS: readonly LatchEventType[] = [
  ...(['verified', 'direct', 'locked', 'legacy', 'rebound', 'expired'] as const),
];

/** What speaks SIP for the server. */
interface SipSide {
  readonly meeting: MeetingServer;
  /** One for each address, in the order of the options. */
  readonly listeners: readonly SipListeners[];
}

type State =
  | { readonly is: 'new' }
  | { readonly is: 'starting' }
  | { readonly is: 'open'; readonly sip: SipSide | undefined }
  | { readonly is: 'closed'; readonly when: Promise<void> };

class OneServer extends SteadyEmitter<DistributionServerEvents> implements DistributionServer {
  readonly latchkey: Latchkey;
  readonly rooms: Rooms;
  readonly #options: CheckedServerOptions;
  /** With the certificate and the authorities of now. */
  #listen: CheckedServerOptions['listen'];
  readonly #seats: RoomSeats;
  readonly #admission: Admission;
  readonly #record: ServerRecord;
  readonly #codecs: CodecMatch;
  /** When it was last told that somebody may not call: a flood of them shall not flood the listeners. */
  #turnedAwayMs = -Infinity;
  /** What was opened or listened to, to be undone in the opposite order. */
  readonly #closers: (() => void)[] = [];
  #media: SeatPlaces | undefined;
  /** Stays when the server closes: what it has counted is still told. */
  #signalling: SipSignalling | undefined;
  #state: State = { is: 'new' };

  constructor(options: CheckedServerOptions) {
    super('fault');
    const { latchkey, rooms, listen } = options;
    this.#options = options;
    this.#listen = listen;
    this.#admission = new Admission(options.admission, () => performance.now());
    this.latchkey = isLatchkey(latchkey) ? latchkey : this.#ownLatchkey(latchkey);
    this.rooms = createRooms(rooms);
    this.#seats = new RoomSeats(this.rooms, () => this.#openMedia, {
      sdpLimits: this.latchkey.sdpLimits,
      srtp: this.#options.srtp,
      onRangeFull: (call) => this.#tellRangeFull(call),
    });
    this.#record = new ServerRecord(this.latchkey, this.rooms, this.#seats, this.#admission);
    this.#codecs = new CodecMatch({
      rooms: this.rooms,
      callOf: ({ session }) => this.#callOf(session),
      onMismatch: (leg, other) => this.tell('mismatch', mismatchOf(leg, other)),
      onFault: (error) => this.#fault('defect', 'server', error),
    });
    this.rooms.on('joined', (leg) => {
      this.tell('joined', participantOf(leg));
      this.#codecs.check(leg);
    });
    this.rooms.on('left', (leg) => this.tell('left', participantOf(leg)));
    const onEvent = (event: LatchEvent) => {
      if (PATH_EVENTS.includes(event.type)) this.#record.notePath(event.session);
      this.tell('latch', event);
      if (event.type === 'rejected') this.tell('rejected', refusalOf(event));
    };
    this.latchkey.on('event', onEvent);
    // It may be the application's, and live longer than the server.
    this.#closers.push(() => this.latchkey.off('event', onEvent));
  }

  async start(): Promise<Listening> {
    if (this.#state.is !== 'new') throw new LatchkeyError('LATCHKEY_STATE', 'the server was started before');
    this.#state = { is: 'starting' };
    const { places, signalling } = this.#options;
    try {
      const [first, second] = places;
      const media = await this.#openPlace(first);
      this.#media = second ? [media, await this.#openPlace(second)] : [media];
      const sip = signalling && (await this.#openSip(signalling));
      // Closed in the meantime.
      if (this.#state.is !== 'starting') throw new LatchkeyError('LATCHKEY_CLOSED', 'the server is closed');
      this.#state = { is: 'open', sip };
      return this.#listening(sip);
    } catch (error) {
      this.#state = { is: 'closed', when: Promise.resolve() };
      this.#release();
      throw error;
    }
  }

  get counters(): ServerCounters {
    const { gate, bounds } = this.#signalling?.counters ?? {};
    const sockets = (this.#media ?? []).flatMap((place) => [place?.media, place?.shared]);
    const kernelDrops = sockets.reduce((sum, one) => sum + (one?.kernelDrops ?? 0), 0);
    const canaries = { listening: 0, hit: 0 };
    for (const one of sockets) {
      canaries.listening += one?.canaries?.listening ?? 0;
      canaries.hit += one?.canaries?.hit ?? 0;
    }
    const signalling = { gate: gate ?? { refused: {}, answered: 0 }, bounds: bounds ?? {} };
    return { ...this.#record.counters, kernelDrops, canaries, ...signalling };
  }

  snapshot(): ServerSnapshot {
    const { calls, rooms } = this.#record;
    const { counters } = this;
    const listening = this.#state.is === 'open' ? this.#listening(this.#state.sip) : undefined;
    return { listening, calls, rooms, counters };
  }

  call(session: string): CallSnapshot | undefined {
    return this.#record.call(session);
  }

  async callOut(
    uri: string,
    room: string,
    options: { readonly ringMs?: number } = {},
  ): Promise<CallOutResult> {
    const { sip } = this.#checkOpen();
    checkOptions('callOut', options, { ringMs: option.milliseconds });
    const { ringMs = RING_MS } = options;
    if (typeof room !== 'string' || room === '')
      throw new LatchkeyError('LATCHKEY_OPTION', 'callOut wants the name of a room');
    const parsed = parseCallUri(String(uri));
    if (!parsed.ok) throw new LatchkeyError('LATCHKEY_OPTION', parsed.message);
    if (!sip) throw new LatchkeyError('LATCHKEY_STATE', 'the server has no signalling to call by');
    // No URI that can be called names an IPv6 host.
    const order = this.#options.places.map((place, index) => ({
      isIpv6: isIPv6(place?.address ?? ''),
      index,
    }));
    const { index } = order.find(({ isIpv6 }) => !isIpv6) ?? { index: 0 };
    const stack = sip.listeners[index]?.stackOf(parsed.uri.transport);
    const { status, reason, session } = await sip.meeting.callOut(parsed.uri, room, stack, ringMs);
    const result = { uri, room, status, reason, ...(session && { session: session.id }) };
    this.tell('callout', result);
    return result;
  }

  seat(room: string, session: SeatSession): Seat {
    this.#checkOpen();
    return this.#seats.take(room, session);
  }

  async lendMedia(peer: string, proof?: OfferedProof): Promise<LentMedia | undefined> {
    this.#checkOpen();
    const [first, second] = this.#openMedia;
    const isOf = (place: SeatPlace) => isIPv6(place.advertise) === isIPv6(normaliseIp(peer));
    const place = second && !isOf(first) && isOf(second) ? second : first;
    const pair = await lendPair(place, proof);
    return pair && { pair, advertise: place.advertise };
  }

  renew(given: ServerRenewal): void {
    const { sip } = this.#checkOpen();
    const { renewal, admission } = checkRenewal(given, {
      listen: this.#listen,
      places: this.#options.places,
    });
    if (sip?.listeners.some((listeners) => listeners.renew === undefined))
      throw new LatchkeyError('LATCHKEY_STATE', 'this signalling cannot take up anything while it listens');
    // What can fail has been checked, or changes nothing when it fails.
    if (admission) this.#admission.renew(admission);
    for (const listeners of sip?.listeners ?? []) listeners.renew?.(renewal);
    const named = Object.entries(renewal).filter(([, value]) => value !== undefined);
    this.#listen = { ...this.#listen, ...Object.fromEntries(named) };
  }

  async drain(): Promise<void> {
    const { sip } = this.#checkOpen();
    await sip?.meeting.drain();
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkOptions('close', options, { graceMs: option.milliseconds });
    const { graceMs = GRACE_MS } = options;
    if (this.#state.is === 'closed') return this.#state.when;
    const sip = this.#state.is === 'open' ? this.#state.sip : undefined;
    const when = this.#end(sip, graceMs);
    this.#state = { is: 'closed', when };
    return when;
  }

  async #end(sip: SipSide | undefined, graceMs: number): Promise<void> {
    await sip?.meeting.close(graceMs);
    this.#seats.close();
    this.rooms.close();
    this.#release();
  }

  #release(): void {
    // What its sessions have to say in the end is still heard.
    if (this.latchkey !== this.#options.latchkey) this.latchkey.close();
    for (const undo of this.#closers.splice(0).reverse()) undo();
  }

  #listening(sip: SipSide | undefined): Listening {
    const [first, second] = this.#options.places;
    const other = second && this.#listeningAt(second, this.#openMedia[1], sip?.listeners[1]);
    return {
      ...this.#listeningAt(first, this.#openMedia[0], sip?.listeners[0]),
      ...(other && { other }),
    };
  }

  #listeningAt(
    place: ListenPlace,
    seats: SeatPlace | undefined,
    listeners: SipListeners | undefined,
  ): ListeningAt {
    const addresses = [...(listeners?.addresses ?? [])].map(([protocol, { address, port }]) => [
      protocol,
      { address, port },
    ]);
    return {
      sip: Object.fromEntries(addresses) as Listening['sip'],
      media: [seats?.shared, seats?.media].flatMap((sockets) => sockets?.ports ?? []).join(','),
      ...place,
    };
  }

  #callOf(id: string | undefined): MeetingCall | undefined {
    const session = id === undefined ? undefined : this.latchkey.sessions.get(id);
    const sip = this.#state.is === 'open' ? this.#state.sip : undefined;
    return session && sip?.meeting.calls.get(session);
  }

  async #openPlace({ address, advertise }: ListenPlace): Promise<SeatPlace> {
    const given = this.#options.media;
    if ('lend' in given) return { advertise, media: given };
    const watch = (socket: BindableSocket) => this.latchkey.canary(socket);
    const { media, shared } = await openMedia(address, given, this.#options.io, watch);
    this.#closers.push(() => media.close());
    if (shared) this.#closers.push(() => shared.close());
    return { advertise, media, shared };
  }

  get #openMedia(): SeatPlaces {
    if (this.#media) return this.#media;
    throw new LatchkeyError('LATCHKEY_STATE', 'the server has not been started');
  }

  async #openSip(given: NonNullable<CheckedServerOptions['signalling']>): Promise<SipSide> {
    const signalling = typeof given === 'function' ? given(this.latchkey) : given;
    this.#signalling = signalling;
    const meeting = this.#meetingOf(signalling);
    try {
      const listeners: SipListeners[] = [];
      for (const place of this.#options.places) {
        if (!place) continue;
        const where = { ...this.#options.listen, ...place, doorkeeper: meeting };
        const opened = await signalling.listen(where, (arrival) => meeting.handle(arrival));
        this.#closers.push(() => opened.close());
        listeners.push(opened);
      }
      return { meeting, listeners };
    } catch (error) {
      throw new LatchkeyError('LATCHKEY_LISTEN', error instanceof Error ? error.message : String(error));
    }
  }

  /** Nobody else can hear what goes wrong in a latchkey that the server has to itself. */
  #ownLatchkey(options: Parameters<typeof createLatchkey>[0]): Latchkey {
    const latchkey = createLatchkey(options);
    latchkey.on('fault', (error) => this.#fault('defect', 'latch', error));
    latchkey.on('fetchFailed', ({ error }) => this.#fault('signalling', 'keys', error));
    latchkey.on('listenerError', (error) => this.#fault('defect', 'listener', error));
    return latchkey;
  }

  #meetingOf(signalling: SipSignalling): MeetingServer {
    const meeting = new MeetingServer({
      ...{ signalling, seats: this.#seats, admission: this.#admission },
      onTurnedAway: (...refused) => this.#tellTurnedAway(...refused),
      onRefused: (session, invite, status, warning) =>
        this.tell('rejected', {
          ...placeOf(session),
          ...describedBy(invite, this.latchkey),
          ...{ status, warning },
        }),
      onAcknowledged: ({ leg }) => leg && this.#codecs.check(leg),
      onAnswered: ({ session, roomName, leg }) => {
        if (leg) this.#codecs.check(leg);
        if (!this.#record.noteAnswer(session)) return;
        const { protection } = session;
        this.tell('answered', { ...placeOf(session), room: roomName, protection });
      },
      onQuestion: (became) => this.#record.countQuestion(became),
      onFault: (error) => this.#fault('defect', 'server', error),
    });
    this.#observe(signalling, meeting);
    return meeting;
  }

  /** Until the server closes: the signalling may be the application's, and live longer. */
  #observe(signalling: SipSignalling, meeting: MeetingServer): void {
    const onFault = ({ where, error }: Fault) => this.#fault('signalling', where, error);
    const onEnded = ({ session, reason }: EndedCall) => this.#tellEnd(session, reason);
    const onSession = (session: Session, message: SipMessage) => {
      const { room, direction } = meeting.placeOf(message);
      const described = describedBy(message, this.latchkey);
      this.#record.noteName(session, nameIn(message, direction));
      this.tell('session', { ...placeOf(session), ...described, room, direction });
    };
    signalling.on('fault', onFault).on('ended', onEnded).on('session', onSession);
    this.#closers.push(() =>
      signalling.off('fault', onFault).off('ended', onEnded).off('session', onSession),
    );
  }

  #tellTurnedAway(invite: SipMessage, flow: SipFlow, status: number, warning: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#turnedAwayMs < TURNED_AWAY_EVERY_MS) return;
    this.#turnedAwayMs = nowMs;
    const { address, port } = flow;
    const isKnown = address !== undefined && typeof port === 'number';
    const remote = isKnown ? { remote: { address, port } } : {};
    this.tell('rejected', { call: callId(invite), media: 0, component: 1, ...remote, status, warning });
  }

  /** Each is counted; told is the first, so that those who have no ports left do not flood the listeners. */
  #tellRangeFull(call: Participant): void {
    if (this.#record.countRangeFull() === 1) this.tell('rangeFull', call);
  }

  #tellEnd(session: Session, reason: EndedCall['reason']): void {
    const room = this.#seats.of(session.id)?.roomName;
    this.tell('ended', { ...placeOf(session), room, reason });
  }

  #fault(kind: ServerFault['kind'], where: string, error: unknown): boolean {
    this.#record.countFault(where);
    return this.tell('fault', { kind, where, error });
  }

  protected override tellFailure(error: unknown): boolean {
    return this.#fault('defect', 'listener', error);
  }

  #checkOpen(): State & { is: 'open' } {
    if (this.#state.is === 'open') return this.#state;
    if (this.#state.is === 'closed') throw new LatchkeyError('LATCHKEY_CLOSED', 'the server is closed');
    throw new LatchkeyError('LATCHKEY_STATE', 'the server has not been started');
  }
}

/**
 * Makes a distribution server. It opens nothing before `start()`, so that no event is lost.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts.
 */
export function createDistributionServer(options: DistributionServerOptions = {}): DistributionServer {
  return new OneServer(checkServerOptions(options));
}

function placeOf({ id, call }: Session): CallPlace {
  return { session: id, call };
}

function describedBy(message: SipMessage, { sdpLimits }: Latchkey): CallDescription {
  return { component: 1, ...audioOf(message, sdpLimits) };
}

/** The signalling has answered a description that means nothing to latch, or that the policy forbids. */
function refusalOf(event: LatchEvent & { type: 'rejected' }): DistributionServerEvents['rejected'][0] {
  const { session, call, media, component, local, remote, status, warning } = event;
  const place = { session, call, media, component, ...(local && { local }), ...(remote && { remote }) };
  return { ...place, status, warning };
}

function participantOf({ room, session = '', call }: Leg): Participant {
  return { room, session, call };
}

function mismatchOf(leg: Leg, other: Leg): DistributionServerEvents['mismatch'][0] {
  const { session } = participantOf(other);
  return { ...participantOf(leg), codecs: codecsOf(leg), other: session, otherCodecs: codecsOf(other) };
}

function codecsOf(leg: Leg): readonly string[] {
  const audio = leg.streams.find(({ channel }) => channel === 'audio');
  return audio?.accepts.map(({ codec }) => codec) ?? [];
}

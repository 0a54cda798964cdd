// One call on its sockets: hands descriptions, packets and time to the core's session. It adds no rule of its own; what
// the protocol asks is decided by the core.
import type { Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type {
  CallProtection,
  ExpectedPeer,
  LatchEvent,
  OfferedProof,
  PeerSource,
  QuestionOutcome,
  SdpSession,
  Verdict,
} from '../core/index.js';
import { snapshotOf } from './counters.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket } from './datagram-socket.js';
import type { Guard } from './guard/guard.js';
import { GuardLayer } from './guard/guard-layer.js';
import { NetGuard } from './guard/net-guard.js';
import type { MediaPort } from './media-port.js';
import { NetMediaPort } from './net-media-port.js';
import type { PortOwner, PortPlace } from './net-media-port.js';
import {
  checkDescriptionType,
  checkExpected,
  checkIp,
  checkOutcome,
  checkPeer,
  checkWhere,
} from './options.js';
import type { Where } from './options.js';
import type { DescriptionType, LatchEvents, MediaSocketPair, Session, StreamStatus } from './session.js';
import type { SharedSockets } from './shared-socket.js';
import { SteadyEmitter } from './steady-emitter.js';

/** What all sessions of a latchkey have in common. */
export interface SessionSite {
  readonly sockets: SharedSockets;
  readonly onListenerError: (error: unknown) => void;
  /** Somebody listens for questions of all sessions. */
  readonly hasAsker: () => boolean;
  readonly onEnded: (session: NetSession) => void;
  readonly adopt: (core: SdpSession) => NetSession;
}

const NO_PORTS: readonly NetMediaPort[] = [];
const NO_GUARDS: readonly NetGuard[] = [];

export class NetSession extends SteadyEmitter<LatchEvents> implements Session, PortOwner {
  readonly #core: SdpSession;
  readonly #site: SessionSite;
  /** One at each component, or none. */
  #ports: readonly NetMediaPort[] = NO_PORTS;
  #guards: readonly NetGuard[] = NO_GUARDS;
  #isClosed = false;

  constructor(core: SdpSession, site: SessionSite) {
    super();
    this.#core = core;
    this.#site = site;
  }

  get id(): string {
    return this.#core.id;
  }

  get call(): string {
    return this.#core.call;
  }

  get protection(): CallProtection {
    return this.#core.protection;
  }

  get terminatesSrtp(): boolean {
    return this.#core.terminatesSrtp;
  }

  offeredProof(media: number): OfferedProof | undefined {
    return this.#core.offeredProof(media);
  }

  get streams(): readonly StreamStatus[] {
    return this.#core.streams.map((stream) => ({ ...stream, counters: snapshotOf(stream.counters) }));
  }

  get counters(): CountersSnapshot {
    return snapshotOf(this.#core.counters);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  setRemote(sdp: unknown, type?: DescriptionType): Verdict {
    this.#checkOpen();
    checkDescriptionType(type);
    try {
      return this.#core.setRemote(sdp, this.#site.sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  setLocal(sdp: string, type?: DescriptionType): string {
    this.#checkOpen();
    checkDescriptionType(type);
    try {
      return this.#core.setLocal(sdp, this.#site.sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  addKey(kid: string, key: Uint8Array): void {
    this.#checkOpen();
    this.#core.addKey(kid, key);
  }

  /** See `SdpSession.learnKey`. A session that is closed has no use for it. */
  learnKey(kid: string, key: Uint8Array): void {
    if (!this.#isClosed) this.#core.learnKey(kid, key);
  }

  knowsKey(kid: string): boolean {
    return this.#core.knowsKey(kid);
  }

  rollback(): void {
    this.#checkOpen();
    this.#core.rollback();
    this.#changed();
  }

  fork(): Session {
    this.#checkOpen();
    return this.#site.adopt(this.#core.fork());
  }

  bind(socket: BindableSocket, where?: Where): MediaPort {
    this.#checkOpen();
    const place = checkWhere(where);
    this.#checkFree(place);
    const core = this.#core.component(place.media, place.component);
    const port = new NetMediaPort(core, this, socket);
    this.#ports = this.#ports.concat(port);
    return port;
  }

  guard(socket: Socket, where?: Where): Guard {
    this.#checkOpen();
    const place = checkWhere(where);
    const present = this.#guards.find((guard) => isAt(guard, place));
    if (present?.socket === socket) {
      present.hold();
      return present;
    }
    this.#checkFree(place);
    const core = this.#core.component(place.media, place.component);
    const layer = GuardLayer.of(socket, this.#site.sockets);
    const onReleased = (): void => {
      this.#guards = this.#guards.filter((one) => one !== guard);
    };
    const guard = new NetGuard({ ...place, core, layer, onReleased });
    this.#guards = this.#guards.concat(guard);
    return guard;
  }

  peer(source: PeerSource): void {
    this.#checkOpen();
    this.#core.peer(checkPeer(source));
    this.#changed();
  }

  confirm(): void {
    this.#checkOpen();
    this.#core.confirm(this.#site.sockets.loop.nowMs());
    this.#changed();
  }

  shown(address: string): void {
    this.#checkOpen();
    checkIp('address', address);
    this.#core.shown(address);
    this.#changed();
  }

  asked(outcome: QuestionOutcome, media?: number): void {
    this.#checkOpen();
    checkOutcome(outcome);
    if (media !== undefined) checkWhere({ media });
    this.#core.asked(outcome, this.#site.sockets.loop.nowMs(), media);
    this.#changed();
  }

  get portsWanted(): readonly number[] {
    return this.#core.portsWanted;
  }

  listen(media: number, { rtp, rtcp }: MediaSocketPair): void {
    this.#checkOpen();
    checkWhere({ media });
    this.#streamOf(media, 1, true)?.listen(rtp);
    if (rtcp) this.#streamOf(media, 2, false)?.listen(rtcp);
    this.#changed();
  }

  /** The port or guard of one stream. Throws LATCHKEY_STATE where there is to be one, and is none. */
  #streamOf(media: number, component: 1 | 2, isNeeded: boolean): NetMediaPort | NetGuard | undefined {
    const isIts = (one: NetMediaPort | NetGuard) => one.media === media && one.component === component;
    const stream = this.#ports.find(isIts) ?? this.#guards.find(isIts);
    if (!stream && isNeeded)
      throw new LatchkeyError('LATCHKEY_STATE', 'this stream has no socket yet: bind() or guard() one first');
    return stream;
  }

  expect(peer: ExpectedPeer, media = 0): void {
    this.#checkOpen();
    checkExpected(peer);
    checkWhere({ media });
    this.#core.expect(peer, media, this.#site.sockets.loop.nowMs());
    this.#changed();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#core.close(this.#site.sockets.loop.nowMs());
    this.onEnd();
    this.#changed();
  }

  protected override tellFailure(error: unknown): boolean {
    this.onListenerError(error);
    return true;
  }

  /** For its media ports. */
  get sockets(): SharedSockets {
    return this.#site.sockets;
  }

  /** For its media ports, whose listeners are the application's too. */
  onListenerError(error: unknown): void {
    this.#site.onListenerError(error);
  }

  onPortClosed(port: NetMediaPort): void {
    this.#ports = this.#ports.filter((one) => one !== port);
  }

  /** For the latchkey: what the core says of this session. */
  onEvent(event: LatchEvent): void {
    // Who is told may close the socket at once.
    if (event.type === 'released')
      this.#streamOf(event.media, event.component, false)?.onReleased(event.local);
    this.tell<'event'>(event.type as 'event', event);
    this.tell('event', event);
    if (event.type === 'question' && !this.#isAsked) this.asked('refused', event.media);
    if (event.type !== 'verified' && event.type !== 'rebound' && event.type !== 'locked') return;
    for (const port of this.#ports)
      if (port.media === event.media && port.component === event.component) port.onMoved();
  }

  /** Somebody puts the questions that are due: of this session, or of all. */
  get #isAsked(): boolean {
    return this.listenerCount('question') > 0 || this.#site.hasAsker();
  }

  /** For the latchkey: the core has closed this session, by us or by itself. */
  onEnd(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#site.onEnded(this);
    for (const port of this.#ports) port.close();
    for (const guard of this.#guards) guard.onSessionClosed();
  }

  /** Whatever was looked up by address may be stale, and the core may have something to say. */
  #changed(): void {
    this.#site.sockets.loop.epoch++;
    this.#site.sockets.loop.drain();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
  }

  #checkFree(place: PortPlace): void {
    if ([...this.#ports, ...this.#guards].some((one) => isAt(one, place)))
      throw new LatchkeyError(
        'LATCHKEY_STATE',
        'this stream has a socket already: use rebind(), or let go of it first',
      );
  }
}

function isAt(one: PortPlace, { media, component }: PortPlace): boolean {
  return one.media === media && one.component === component;
}

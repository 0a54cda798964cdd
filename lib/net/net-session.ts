// One call on its sockets: hands descriptions, packets and time to the core's session. It adds no rule of its own; what
// the protocol asks is decided by the core.
import type { Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type {
  CallProtection,
  Component,
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

export interface SessionSite {
  readonly core: SdpSession;
  readonly sockets: SharedSockets;
  readonly onListenerError: (error: unknown) => void;
  /** Somebody listens for questions of all sessions. */
  readonly hasAsker: () => boolean;
  readonly onEnded: (session: NetSession) => void;
  readonly fork: () => NetSession;
}

export class NetSession extends SteadyEmitter<LatchEvents> implements Session {
  readonly #site: SessionSite;
  readonly #ports = new Map<Component, NetMediaPort>();
  readonly #guards = new Map<Component, NetGuard>();
  #isClosed = false;

  constructor(site: SessionSite) {
    super();
    this.#site = site;
  }

  get id(): string {
    return this.#site.core.id;
  }

  get call(): string {
    return this.#site.core.call;
  }

  get protection(): CallProtection {
    return this.#site.core.protection;
  }

  get terminatesSrtp(): boolean {
    return this.#site.core.terminatesSrtp;
  }

  offeredProof(media: number): OfferedProof | undefined {
    return this.#site.core.offeredProof(media);
  }

  get streams(): readonly StreamStatus[] {
    return this.#site.core.streams.map((stream) => ({ ...stream, counters: snapshotOf(stream.counters) }));
  }

  get counters(): CountersSnapshot {
    return snapshotOf(this.#site.core.counters);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  setRemote(sdp: unknown, type?: DescriptionType): Verdict {
    this.#checkOpen();
    checkDescriptionType(type);
    const { core, sockets } = this.#site;
    try {
      return core.setRemote(sdp, sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  setLocal(sdp: string, type?: DescriptionType): string {
    this.#checkOpen();
    checkDescriptionType(type);
    const { core, sockets } = this.#site;
    try {
      return core.setLocal(sdp, sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  addKey(kid: string, key: Uint8Array): void {
    this.#checkOpen();
    this.#site.core.addKey(kid, key);
  }

  /** See `SdpSession.learnKey`. A session that is closed has no use for it. */
  learnKey(kid: string, key: Uint8Array): void {
    if (!this.#isClosed) this.#site.core.learnKey(kid, key);
  }

  knowsKey(kid: string): boolean {
    return this.#site.core.knowsKey(kid);
  }

  rollback(): void {
    this.#checkOpen();
    this.#site.core.rollback();
    this.#changed();
  }

  fork(): Session {
    this.#checkOpen();
    return this.#site.fork();
  }

  bind(socket: BindableSocket, where?: Where): MediaPort {
    this.#checkOpen();
    const { media, component } = checkWhere(where);
    const { core: session, sockets, onListenerError } = this.#site;
    const core = session.component(media, component);
    this.#checkFree(core);
    const onClosed = () => this.#ports.delete(core);
    const port = new NetMediaPort({ media, component, core, sockets, onListenerError, onClosed }, socket);
    this.#ports.set(core, port);
    return port;
  }

  guard(socket: Socket, where?: Where): Guard {
    this.#checkOpen();
    const { media, component } = checkWhere(where);
    const core = this.#site.core.component(media, component);
    const present = this.#guards.get(core);
    if (present?.socket === socket) {
      present.hold();
      return present;
    }
    this.#checkFree(core);
    const layer = GuardLayer.of(socket, this.#site.sockets);
    const onReleased = () => this.#guards.delete(core);
    const guard = new NetGuard({ media, component, core, layer, onReleased });
    this.#guards.set(core, guard);
    return guard;
  }

  peer(source: PeerSource): void {
    this.#checkOpen();
    this.#site.core.peer(checkPeer(source));
    this.#changed();
  }

  confirm(): void {
    this.#checkOpen();
    this.#site.core.confirm(this.#site.sockets.loop.nowMs());
    this.#changed();
  }

  shown(address: string): void {
    this.#checkOpen();
    checkIp('address', address);
    this.#site.core.shown(address);
    this.#changed();
  }

  asked(outcome: QuestionOutcome, media?: number): void {
    this.#checkOpen();
    checkOutcome(outcome);
    if (media !== undefined) checkWhere({ media });
    this.#site.core.asked(outcome, this.#site.sockets.loop.nowMs(), media);
    this.#changed();
  }

  get portsWanted(): readonly number[] {
    return this.#site.core.portsWanted;
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
    const core = this.#site.core.component(media, component);
    const stream = this.#ports.get(core) ?? this.#guards.get(core);
    if (!stream && isNeeded)
      throw new LatchkeyError('LATCHKEY_STATE', 'this stream has no socket yet: bind() or guard() one first');
    return stream;
  }

  expect(peer: ExpectedPeer, media = 0): void {
    this.#checkOpen();
    checkExpected(peer);
    checkWhere({ media });
    this.#site.core.expect(peer, media, this.#site.sockets.loop.nowMs());
    this.#changed();
  }

  close(): void {
    if (this.#isClosed) return;
    const { core, sockets } = this.#site;
    core.close(sockets.loop.nowMs());
    this.onEnd();
    this.#changed();
  }

  protected override tellFailure(error: unknown): boolean {
    this.#site.onListenerError(error);
    return true;
  }

  /** For the latchkey: what the core says of this session. */
  onEvent(event: LatchEvent): void {
    this.tell<'event'>(event.type as 'event', event);
    this.tell('event', event);
    if (event.type === 'released')
      this.#streamOf(event.media, event.component, false)?.onReleased(event.local);
    if (event.type === 'question' && !this.#isAsked) this.asked('refused', event.media);
    if (event.type !== 'verified' && event.type !== 'rebound' && event.type !== 'locked') return;
    for (const port of this.#ports.values())
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
    for (const port of [...this.#ports.values()]) port.close();
    for (const guard of [...this.#guards.values()]) guard.onSessionClosed();
  }

  /** Whatever was looked up by address may be stale, and the core may have something to say. */
  #changed(): void {
    this.#site.sockets.loop.epoch++;
    this.#site.sockets.loop.drain();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
  }

  #checkFree(core: Component): void {
    if (this.#ports.has(core) || this.#guards.has(core))
      throw new LatchkeyError(
        'LATCHKEY_STATE',
        'this stream has a socket already: use rebind(), or let go of it first',
      );
  }
}

// The forwarders in Node, each in a process of its own, on one port: `variant-process.ts`, told over IPC what to be. Takes the
// latchkey of dist, which is what people run.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type * as Root from '../../lib/index.js';
import type { BindableSocket, Session } from '../../lib/index.js';
import type * as RoomEntry from '../../lib/room/index.js';
import type { Leg, LegStream } from '../../lib/room/index.js';
import { here } from './checkout.js';
import { PEERS_ADDRESS, SERVER_ADDRESS, peerCount, routesOf } from './load.js';
import type { Load } from './load.js';
import type { Memory } from './variant.js';

export type NodeMode = 'dgram' | 'guard' | 'bind' | 'room';
/** `gather`: batched, and a wake-up waits for more, 0.5 ms at most. */
export type NodeIo = 'dgram' | 'batch' | 'gather';
/** What is asked of it. Offers are those of the next peers, in the order of all. */
export type Ask =
  | { readonly kind: 'open'; readonly mode: NodeMode; readonly io: NodeIo; readonly load: Load }
  | { readonly kind: 'call'; readonly offers: readonly string[] }
  | { readonly kind: 'memory' }
  /** Notes the pauses of the event loop from now on. */
  | { readonly kind: 'watch' }
  | { readonly kind: 'pause' };
export type Told =
  | { readonly kind: 'open'; readonly ports: readonly number[] }
  | { readonly kind: 'answers'; readonly answers: readonly string[] }
  /** Every path of those called so far is proved. */
  | { readonly kind: 'verified' }
  | { readonly kind: 'memory'; readonly memory: Memory }
  | { readonly kind: 'watching' }
  /** The longest since `watch`. */
  | { readonly kind: 'pause'; readonly longestMs: number }
  | { readonly kind: 'failed'; readonly why: string };

const BUFFER_BYTES = 4 * 1024 * 1024;
const GATHER_MS = 0.5;
/** How often the event loop is to come round, to see how late it does. */
const PAUSE_STEP_MS = 5;
/** Participants of one room; more than these watch it. */
const LEGS_MAX = 50;

const load = (entry: string): Promise<unknown> =>
  import(pathToFileURL(join(here, 'dist/lib', entry, 'index.js')).href);

interface Opener {
  openSocket?(options: object): Promise<BindableSocket>;
}

/** The one place that knows what is under a port. */
async function openSocket(io: NodeIo): Promise<BindableSocket> {
  const latchkey = (await load('.')) as Opener;
  if (!latchkey.openSocket && io === 'dgram') return openDgram();
  if (!latchkey.openSocket) throw new Error('this latchkey has no batched sockets');
  const options = {
    ...{ address: SERVER_ADDRESS, io: io === 'dgram' ? 'dgram' : 'batch' },
    receiveBufferBytes: BUFFER_BYTES,
  };
  return latchkey.openSocket({ ...options, ...(io === 'gather' && { gatherMs: GATHER_MS }) });
}

async function openDgram(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
  socket.bind(0, SERVER_ADDRESS);
  await once(socket, 'listening');
  return socket;
}

/** Takes the peers as they come, and forwards between them. */
interface Server {
  /** One for all, or one for each peer. */
  readonly ports: readonly number[];
  /** The answer to the offer of the next peer. */
  call(peer: number, offer: string): string;
}

async function openServer({ mode, io, load: what }: Extract<Ask, { kind: 'open' }>): Promise<Server> {
  switch (mode) {
    case 'dgram': {
      const socket = await openDgram();
      forward(socket, what);
      return { ports: [socket.address().port], call: () => '' };
    }
    case 'guard':
      return openGuarded(what);
    case 'bind':
      return openBound(await openSocket(io), what);
    case 'room':
      return openRoom(
        await Promise.all(
          Array.from({ length: what.isPortEach ? peerCount(what) : 1 }, () => openSocket(io)),
        ),
        what,
      );
  }
}

/** As anybody writes it: a packet of a known port goes to those who hear that one. */
function forward(socket: Socket, what: Load): void {
  const routes = routesOf(what);
  socket.on('message', (bytes, { port }) => {
    const receivers = routes.get(port);
    if (receivers) for (const to of receivers) socket.send(bytes, to, PEERS_ADDRESS);
  });
}

async function newSession({ isSrtp }: Load): Promise<() => Session> {
  const latchkey = ((await load('.')) as typeof Root).createLatchkey();
  return () =>
    latchkey.createSession({ signalling: 'encrypted', ...(isSrtp === true && { srtp: 'terminate' }) });
}

/** The same code as without, under a guard for each call. */
async function openGuarded(what: Load): Promise<Server> {
  const socket = await openDgram();
  const session = await newSession(what);
  forward(socket, what);
  return {
    ports: [socket.address().port],
    call(_, offer) {
      const one = watched(session());
      accept(one, offer);
      one.guard(socket);
      return one.setLocal(localOf(offer, socket.address().port));
    },
  };
}

/** Ports of latchkey's, and a fan-out by hand. */
async function openBound(socket: BindableSocket, what: Load): Promise<Server> {
  const session = await newSession(what);
  const port = localPort(socket);
  const bound: Root.MediaPort[] = [];
  return {
    ports: [port],
    call(peer, offer) {
      const one = watched(session());
      accept(one, offer);
      const own = one.bind(socket);
      bound[peer] = own;
      const first = peer - (peer % what.peers);
      own.on('packet', (bytes) => {
        for (let to = first; to < first + what.peers; to++) if (to !== peer) bound[to]?.send(bytes);
      });
      return one.setLocal(localOf(offer, port));
    },
  };
}

/** As lib/server does it, without its signalling. */
async function openRoom(sockets: readonly BindableSocket[], what: Load): Promise<Server> {
  const session = await newSession(what);
  const { answerOffer, createRooms } = (await load('room')) as typeof RoomEntry;
  const rooms = createRooms();
  const ports = sockets.map(localPort);
  const speakers = new Map<string, Leg>();
  return {
    ports,
    call(peer, offer) {
      const [socket, rtpPort] = [sockets[peer % sockets.length]!, ports[peer % ports.length]!];
      const one = watched(session());
      accept(one, offer);
      // As with a phone whose TLS connection stands.
      one.shown(PEERS_ADDRESS);
      const srtp = what.isSrtp === true ? 'require' : 'off';
      const answer = answerOffer(offer, { address: SERVER_ADDRESS, rtpPort, rtcpMux: true, srtp });
      if (!answer.ok) throw new Error(answer.warning);
      const streams = answer.streams.map((stream): LegStream => ({ stream, rtp: one.bind(socket) }));
      const name = `room ${Math.floor(peer / what.peers)}`;
      const call = `peer ${peer}`;
      const speaker = speakers.get(name);
      if (speaker && peer % what.peers >= LEGS_MAX)
        rooms.watch(name, { call, streams: streams.map((stream) => ({ ...stream, speaker })) });
      else {
        const leg = rooms.join(name, { call, session: one.id, streams });
        if (!speaker) speakers.set(name, leg);
      }
      return one.setLocal(answer.sdp);
    },
  };
}

let calledCount = 0;
let verifiedCount = 0;

function watched(session: Session): Session {
  calledCount++;
  session.once('verified', () => {
    if (++verifiedCount === calledCount) tell({ kind: 'verified' });
  });
  return session;
}

function accept(session: Session, offer: string): void {
  const verdict = session.setRemote(offer);
  if (!verdict.accepted) throw new Error(verdict.warning);
}

function localOf(offer: string, port: number): string {
  return offer
    .replace(/^a=latch.*\r\n/gm, '')
    .replaceAll(PEERS_ADDRESS, SERVER_ADDRESS)
    .replace(/m=audio \d+/, `m=audio ${port}`);
}

function localPort(socket: BindableSocket): number {
  if ('local' in socket) return socket.local?.port ?? 0;
  return socket.address().port;
}

function memoryInUse(): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { resident: rss, heap: heapUsed + arrayBuffers };
}

function tell(message: Told): void {
  process.send?.(message);
}

const pauses = monitorEventLoopDelay({ resolution: PAUSE_STEP_MS });
let server: Server | undefined;
let nextPeer = 0;

async function handle(ask: Ask): Promise<void> {
  switch (ask.kind) {
    case 'open':
      server = await openServer(ask);
      return tell({ kind: 'open', ports: server.ports });
    case 'call':
      return tell({
        kind: 'answers',
        answers: ask.offers.map((offer) => server?.call(nextPeer++, offer) ?? ''),
      });
    case 'memory':
      return tell({ kind: 'memory', memory: memoryInUse() });
    case 'watch':
      pauses.enable();
      return tell({ kind: 'watching' });
    case 'pause':
      return tell({ kind: 'pause', longestMs: pauses.max / 1e6 - PAUSE_STEP_MS });
  }
}

process.on('message', (ask: Ask) => {
  handle(ask).catch((error: unknown) => tell({ kind: 'failed', why: String(error) }));
});
process.on('disconnect', () => process.exit(0));

// Where the time of a packet goes, by function: from a socket through a room of two and out of the socket, which only takes and gives, among few
// sessions and among many. What a ratio of the benchmark is made of, by the profiler of V8 and not by opinion. Of the latchkey of dist, which is what people run.
import { Session as Inspector } from 'node:inspector/promises';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Core from '../../lib/core/index.js';
import type * as Root from '../../lib/index.js';
import type { DatagramReceiver, DatagramSocket, SendCallback, Session } from '../../lib/index.js';
import type * as NodeCrypto from '../../lib/net/node-crypto.js';
import type * as Sources from '../../lib/net/known-source.js';
import type * as RoomEntry from '../../lib/room/index.js';
import { here } from './checkout.js';
import { sdpFor } from '../net/call.js';

const load = (file: string): Promise<unknown> => import(pathToFileURL(join(here, 'dist/lib', file)).href);
const { createLatchkey } = (await load('index.js')) as typeof Root;
const { answerOffer, createRooms } = (await load('room/index.js')) as typeof RoomEntry;
const { Engine } = (await load('core/index.js')) as typeof Core;
const { KnownSource } = (await load('net/known-source.js')) as typeof Sources;
const { nodeCrypto, createNodeRandom } = (await load('net/node-crypto.js')) as typeof NodeCrypto;

/** Nanoseconds of a packet by function, the dearest among many sessions first. */
export interface PacketProfile {
  /** On one port, of which two make a call. */
  readonly sessions: { readonly few: number; readonly many: number };
  readonly few: number;
  readonly many: number;
  readonly functions: readonly { readonly name: string; readonly few: number; readonly many: number }[];
}

const FEW = 100;
const MANY = 10_000;
const BATCH = 64;
const PACKET_BYTES = 172;
const PACKETS = 1_600_000;
const SAMPLE_US = 100;
/** What takes a batch of the socket's: nothing outside of it counts. */
const TAKES = 'onBatch';
/** As many greetings as a path wants at most to be proved. */
const TURNS_MAX = 6;
const SERVER = { address: '198.51.100.1', port: 5000 };

/** Gives what comes at its pleasure, and forgets what is sent. */
class IdleSocket implements DatagramSocket {
  readonly local = SERVER;
  receiver: DatagramReceiver | undefined;
  /** Before it is measured: what has been sent, for the peer to answer. */
  sent: { readonly bytes: Uint8Array; readonly port: number }[] | undefined = [];
  readonly #callbacks: SendCallback[] = [];

  receive(receiver: DatagramReceiver | undefined): void {
    this.receiver = receiver;
  }

  send(bytes: Uint8Array, port: number, _address: string, callback: SendCallback): void {
    this.sent?.push({ bytes: Uint8Array.from(bytes), port });
    this.#callbacks.push(callback);
  }

  flush(): void {
    for (let i = 0; i < this.#callbacks.length; i++) this.#callbacks[i]!(null);
    while (this.#callbacks.length > 0) this.#callbacks.pop();
  }

  close(): void {
    this.receiver = undefined;
  }
}

interface World {
  readonly socket: IdleSocket;
  readonly sources: readonly Sources.KnownSource[];
}

/** So many sessions on one port, each proved and in a room with its neighbour. */
function callsOf(sessions: number): World {
  const latchkey = createLatchkey();
  const rooms = createRooms();
  const socket = new IdleSocket();
  const sources = Array.from({ length: sessions }, (_, i) => {
    const session = latchkey.createSession({ signalling: 'encrypted' });
    const peer = new Peer(i);
    const answer = peer.call(session);
    const streams = answer.streams.map((stream) => ({ stream, rtp: session.bind(socket) }));
    rooms.join(`room ${i >> 1}`, { call: `peer ${i}`, session: session.id, streams });
    peer.prove(session.setLocal(answer.sdp), socket);
    return peer.source;
  });
  socket.sent = undefined;
  return { socket, sources };
}

/** A client behind a NAT, until its path is proved. */
class Peer {
  readonly source: Sources.KnownSource;
  readonly #engine = new Engine({}, nodeCrypto, createNodeRandom());
  readonly #port = this.#engine.openPort({ address: '10.0.0.2', port: 4000 });
  readonly #session = this.#engine.createSession({ role: 'prover', signalling: 'encrypted' });
  #isProved = false;

  constructor(place: number) {
    this.source = new KnownSource(`203.0.113.${7 + (place >> 14)}`, 10_000 + (place & 0x3fff));
    this.#session.component(0, 1).attach(this.#port, 0);
  }

  call(session: Session) {
    const offer = this.#session.setLocal(sdpFor('10.0.0.2', 4000), 0);
    session.setRemote(offer);
    session.shown(this.source.address);
    session.once('verified', () => (this.#isProved = true));
    const { address, port: rtpPort } = SERVER;
    const answer = answerOffer(offer, { address, rtpPort, rtcpMux: true, srtp: 'off' });
    if (!answer.ok) throw new Error(answer.warning);
    return answer;
  }

  prove(answer: string, socket: IdleSocket): void {
    this.#session.setRemote(answer, 0);
    for (let turn = 0; turn < TURNS_MAX && !this.#isProved; turn++) {
      for (let out = this.#engine.pollTransmit(); out; out = this.#engine.pollTransmit())
        socket.receiver?.onBatch([{ bytes: Buffer.from(out.bytes), source: this.source }]);
      for (const { bytes, port } of socket.sent?.splice(0) ?? [])
        if (port === this.source.port)
          this.#engine.handleDatagram(this.#port, bytes, SERVER.address, SERVER.port, 1);
    }
    if (!this.#isProved) throw new Error('a path is not proved');
  }
}

/** Packets of calls by chance, as they come to a server. */
class Speech {
  readonly #batch: { bytes: Buffer; source: Sources.KnownSource }[];
  #sequence = 0;
  #chance = 12_345;

  constructor(private readonly world: World) {
    const [source] = world.sources;
    if (!source) throw new Error('nobody speaks');
    this.#batch = Array.from({ length: BATCH }, () => ({ bytes: Buffer.alloc(0), source }));
  }

  run(packets: number): void {
    for (let said = 0; said < packets; said += BATCH) {
      const block = Buffer.allocUnsafeSlow(BATCH * PACKET_BYTES);
      this.#sequence = (this.#sequence + 1) & 0xffff;
      for (let i = 0; i < BATCH; i++) this.#say(block, i);
      this.world.socket.receiver?.onBatch(this.#batch);
    }
  }

  #say(block: Buffer, i: number): void {
    this.#chance = (Math.imul(this.#chance, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const speaker = this.#chance % this.world.sources.length;
    const bytes = Buffer.from(block.buffer, i * PACKET_BYTES, PACKET_BYTES);
    bytes[0] = 0x80;
    bytes[1] = 0;
    bytes.writeUInt16BE(this.#sequence, 2);
    bytes.writeUInt32BE(this.#sequence * 160, 4);
    bytes.writeUInt32BE(0x0900_0000 + speaker, 8);
    this.#batch[i]!.bytes = bytes;
    this.#batch[i]!.source = this.world.sources[speaker]!;
  }
}

export async function profilePackets(): Promise<PacketProfile> {
  const few = await timesOf(FEW);
  const many = await timesOf(MANY);
  const names = [...new Set([...few.keys(), ...many.keys()])];
  const functions = names
    .map((name) => ({ name, few: few.get(name) ?? 0, many: many.get(name) ?? 0 }))
    .sort((a, b) => b.many - a.many);
  return { sessions: { few: FEW, many: MANY }, few: sumOf(few), many: sumOf(many), functions };
}

/** Nanoseconds of a packet by function. */
async function timesOf(sessions: number): Promise<Map<string, number>> {
  const speech = new Speech(callsOf(sessions));
  speech.run(PACKETS / 8);
  const inspector = new Inspector();
  inspector.connect();
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await inspector.post('Profiler.start');
  speech.run(PACKETS);
  const { profile } = await inspector.post('Profiler.stop');
  inspector.disconnect();
  return selfTimes(profile);
}

/** What was called from outside of `onBatch`, as the packets are made, is not in it. */
function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const isInside = (id: number | undefined): boolean =>
    id !== undefined && (byId.get(id)?.callFrame.functionName === TAKES || isInside(parents.get(id)));
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const frame = byId.get(id)?.callFrame;
    if (!frame || !isInside(id)) continue;
    const name = nameOf(frame);
    times.set(name, (times.get(name) ?? 0) + (1000 * (timeDeltas[i] ?? 0)) / PACKETS);
  }
  return times;
}

function nameOf({ functionName, url }: Profiler.ProfileNode['callFrame']): string {
  const name = functionName || 'a callback';
  const file = url.replace(/^.*\/dist\//, '').replace(/\.js$/, '.ts');
  if (file === '') return name;
  return file.startsWith('file:') ? 'the benchmark itself' : `${name}, ${file}`;
}

function sumOf(times: ReadonlyMap<string, number>): number {
  return [...times.values()].reduce((sum, ns) => sum + ns, 0);
}

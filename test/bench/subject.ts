// One build of latchkey, measured from within, in a process of its own: `subject.ts ROOT`. It is used by nothing but its
// package's public entries, so that builds of different age can be compared. Datagrams are put into the sockets by
// hand: what the kernel takes is not in these figures. Answers each question with the CPU that it cost.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Latchkey from '../../lib/index.js';
import type * as Room from '../../lib/room/index.js';
import { makeSdp } from '../support/session-description.js';
import type { Answer, Question } from './questions.js';

const MANY = 500;
const PACKETS = 60_000;
/** Handed over in one turn of the event loop, as a busy socket does. */
const BATCH = 64;
const LISTENERS = 10;

const root = process.argv[2] ?? '';
const load = (entry: string): Promise<unknown> => import(pathToFileURL(join(root, 'dist/lib', entry)).href);

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** Calls on one port of a server, every client with a socket of its own, all verified. */
class Calls {
  readonly #sockets: Socket[] = [];
  readonly #clients: Latchkey.Latchkey;
  readonly #servers: Latchkey.Latchkey;
  /** Where the packets of each client come from. */
  readonly sources: { address: string; family: 'IPv4'; port: number; size: number }[] = [];
  received = 0;

  private constructor(
    latchkey: typeof Latchkey,
    readonly socket: Socket,
    readonly isGuarded: boolean,
  ) {
    this.#clients = latchkey.createLatchkey();
    this.#servers = latchkey.createLatchkey();
    this.#sockets.push(socket);
  }

  static async start(count: number, isGuarded = false): Promise<Calls> {
    const calls = new Calls((await load('index.js')) as typeof Latchkey, await bound(), isGuarded);
    if (isGuarded) calls.socket.on('message', () => calls.received++);
    await calls.add(count);
    return calls;
  }

  async add(count: number): Promise<void> {
    const sockets = await Promise.all(Array.from({ length: count }, bound));
    this.#sockets.push(...sockets);
    for (const socket of sockets) await this.#call(socket);
  }

  async #call(socket: Socket): Promise<void> {
    const far = this.#servers.createSession({ signalling: 'loopback' });
    const near = this.#clients.createSession({ role: 'prover', signalling: 'loopback' });
    near.bind(socket);
    if (this.isGuarded) far.guard(this.socket);
    else far.bind(this.socket).on('packet', () => this.received++);
    // As behind a NAT: what the description says is nobody's address.
    const offer = near.setLocal(makeSdp({ address: '10.0.0.9', media: [{ port: 4000, isMuxed: true }] }));
    const verified = once(far, 'verified');
    const { address, port } = this.socket.address();
    far.setRemote(offer);
    near.setRemote(far.setLocal(makeSdp({ address, media: [{ port, isMuxed: true }] })));
    await verified;
    this.sources.push({ address: '127.0.0.1', family: 'IPv4', port: socket.address().port, size: 172 });
  }

  /** Microseconds of CPU for each packet handed over. */
  async receive(): Promise<number> {
    const packet = Buffer.alloc(172);
    packet[0] = 0x80;
    const before = this.received;
    const cpu = await cpuOf(async () => {
      for (let sent = 0; sent < PACKETS;) {
        for (const end = sent + BATCH; sent < end; sent++)
          this.socket.emit('message', packet, this.sources[sent % this.sources.length]);
        await new Promise(setImmediate);
      }
    });
    if (this.received - before < PACKETS) throw new Error('packets were not accepted');
    return cpu / (this.received - before);
  }

  endServer(): void {
    this.#servers.close();
  }

  close(): void {
    this.#servers.close();
    this.#clients.close();
    for (const socket of this.#sockets) socket.close();
  }
}

class MemoryPort extends EventEmitter {
  sent = 0;

  send(): boolean {
    this.sent++;
    return true;
  }
}

/** A room in memory in which one talks. */
class Talk {
  readonly #ports: MemoryPort[] = [];

  static async start(): Promise<Talk> {
    const { createRooms } = (await load('room/index.js')) as typeof Room;
    const talk = new Talk();
    const rooms = createRooms();
    const formats = [{ payloadType: 0, codec: 'PCMU/8000' }];
    const stream: Room.NegotiatedStream = {
      media: 0,
      transport: 0,
      channel: 'audio',
      isRtp: true,
      audioLevelId: 0,
      accepts: formats,
      sends: formats,
      isSending: true,
      isListening: true,
      isReportable: true,
      isRtcpMux: true,
      remote: { address: '192.0.2.1', port: 4000 },
      remoteRtcp: { address: '192.0.2.1', port: 4000 },
    };
    for (let i = 0; i <= LISTENERS; i++) {
      const rtp = new MemoryPort();
      rooms.join('talk', { call: `call-${i}`, streams: [{ stream, rtp }] });
      talk.#ports.push(rtp);
    }
    return talk;
  }

  /** Microseconds of CPU for each copy that went out. */
  async speak(): Promise<number> {
    const packet = Buffer.alloc(172);
    packet[0] = 0x80;
    packet[11] = 1;
    const before = this.#sent();
    const startMs = performance.now();
    const cpu = await cpuOf(() => {
      for (let i = 0; i < PACKETS / LISTENERS; i++) {
        packet.writeUInt16BE(i & 0xffff, 2);
        // As a media port does it: what kind of packet it is, and when it came. Older rooms look for themselves.
        this.#ports[0]?.emit('packet', packet, undefined, 'rtp', startMs + i * 20);
      }
    });
    const copies = this.#sent() - before;
    if (copies < PACKETS) throw new Error('copies are missing');
    return cpu / copies;
  }

  #sent(): number {
    return this.#ports.reduce((sum, { sent }) => sum + sent, 0);
  }
}

async function cpuOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Bytes of heap that a verified call of many keeps at the server. */
async function heapOfCall(): Promise<number> {
  const { gc } = globalThis;
  if (!gc) throw new Error('no --expose-gc');
  const calls = await Calls.start(MANY);
  gc();
  const full = process.memoryUsage();
  calls.endServer();
  gc();
  const empty = process.memoryUsage();
  calls.close();
  return (full.heapUsed + full.arrayBuffers - empty.heapUsed - empty.arrayBuffers) / MANY;
}

let single: Calls | undefined;
let many: Calls | undefined;
let guarded: Calls | undefined;
let talk: Talk | undefined;

async function measure(question: Question): Promise<number> {
  switch (question) {
    case 'call': {
      const calls = await Calls.start(1);
      const count = 50;
      const cpu = await cpuOf(() => calls.add(count));
      calls.close();
      return cpu / count;
    }
    case 'packet':
      return (single ??= await Calls.start(1)).receive();
    case 'packetOfMany':
      return (many ??= await Calls.start(MANY)).receive();
    case 'guarded':
      return (guarded ??= await Calls.start(1, true)).receive();
    case 'copy':
      return (talk ??= await Talk.start()).speak();
    case 'heap':
      return heapOfCall();
  }
}

process.on('message', (question: Question) => {
  measure(question).then(
    (cost) => process.send?.({ cost } satisfies Answer),
    (error: unknown) => process.send?.({ refused: String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(0));

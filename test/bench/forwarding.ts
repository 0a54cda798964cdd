// Plain dgram forwarding beside ours, for two builds in rotation: CPU time of the forwarding process per packet that the sink
// received.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey } from '../../lib/index.js';
import { sdpOf } from '../net/call.js';
import { answer } from './answer.js';
import type { Mode, Reply, Start } from './forwarder.js';

const PACKET_BYTES = 172;
/** Short rounds: what else the machine does falls on all alike. */
const PACKETS_PER_ROUND = 8_000;
/** Until the compiler has seen it all. */
const WARM_UP_ROUNDS = 4;
/** In flight at a time: less than the kernel's default buffers hold. */
const WINDOW = 64;

/** A forwarding process with a rig for each mode, warm. */
export interface Forwarder {
  /** Microseconds of the process's CPU for each packet that arrived, in one short round. */
  round(mode: Mode): Promise<number>;
  close(): void;
}

/** `root` is where the latchkey is built that forwards. */
export async function openForwarder(modes: readonly Mode[], root: string): Promise<Forwarder> {
  const latchkey = createLatchkey();
  const child = fork(new URL('./forwarder.ts', import.meta.url), [root], { execArgv: ['--import=tsx'] });
  const rigs = new Map<Mode, Rig>();
  for (const mode of modes) rigs.set(mode, await Rig.start(child, mode, latchkey));
  for (const rig of rigs.values()) await rig.round(PACKETS_PER_ROUND * WARM_UP_ROUNDS);
  return {
    async round(mode) {
      const rig = rigs.get(mode);
      if (!rig) throw new Error(`no rig for ${mode}`);
      return rig.round(PACKETS_PER_ROUND);
    },
    close() {
      latchkey.close();
      child.disconnect();
      for (const rig of rigs.values()) rig.stop();
    },
  };
}

class Rig {
  #received = 0;
  #onReceived: () => void = () => undefined;
  readonly #packet = Buffer.alloc(PACKET_BYTES);

  private constructor(
    private readonly child: ChildProcess,
    private readonly source: Socket,
    private readonly sink: Socket,
    private port: number,
  ) {
    this.#packet[0] = 0x80;
    sink.on('message', (bytes) => {
      if (bytes.byteLength !== PACKET_BYTES) return;
      this.#received++;
      this.#onReceived();
    });
  }

  static async start(child: ChildProcess, mode: Mode, latchkey: Latchkey): Promise<Rig> {
    const [source, sink] = [await bound(), await bound()];
    const sessions = [source, sink].map((socket) => {
      const session = latchkey.createSession({ role: 'prover', signalling: 'loopback' });
      session.bind(socket);
      return { session, offer: session.setLocal(sdpOf(socket)) };
    });
    const offers = sessions.map(({ offer }) => offer) as [string, string];
    const message: Start = { mode, offers, target: { address: '127.0.0.1', port: sink.address().port } };
    child.send(message);
    const [reply] = (await once(child, 'message')) as [Reply];
    if (reply.kind !== 'ready') throw new Error('the forwarder is out of step');
    for (const [i, { session, offer }] of sessions.entries()) {
      // Plain forwarding knows no latch; a stand-in answers, so that the caller and the sink do the same work for all. It has
      // a latchkey of its own: to ours the offer would name a socket of ours.
      const other = createLatchkey();
      const standIn = () => answer(other.createSession({ signalling: 'loopback' }), offer, reply.ports[i]);
      session.setRemote(reply.answers[i] ?? standIn());
    }
    const rig = new Rig(child, source, sink, reply.ports[0]);
    await rig.isThrough();
    return rig;
  }

  /** Microseconds of the forwarder's CPU per packet that arrived. */
  async round(packets: number): Promise<number> {
    const before = await this.#cpu();
    const received = this.#received;
    for (let sent = 0; sent < packets; sent += WINDOW) await this.#burst();
    return ((await this.#cpu()) - before) / (this.#received - received);
  }

  /** Both paths are proven when a packet gets through. */
  async isThrough(): Promise<void> {
    for (let i = 0; i < 200 && this.#received === 0; i++) await this.#burst(1, 20);
    if (this.#received === 0) throw new Error('nothing gets through the forwarder');
  }

  stop(): void {
    this.source.close();
    this.sink.close();
  }

  async #burst(packets = WINDOW, patienceMs = 100): Promise<void> {
    const until = this.#received + packets;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#onReceived = () => {
        if (this.#received < until) return;
        clearTimeout(timer);
        resolve();
      };
      for (let i = 0; i < packets; i++) this.source.send(this.#packet, this.port, '127.0.0.1');
    });
  }

  async #cpu(): Promise<number> {
    this.child.send('cpu');
    const [reply] = (await once(this.child, 'message')) as [Reply];
    return reply.kind === 'cpu' ? reply.microseconds : NaN;
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

// Bound loopback sockets for the tests of lib/net, closed after each test, and a way to wait for what they bring.
import { createSocket } from 'node:dgram';
import type { Socket, SocketType } from 'node:dgram';
import { once } from 'node:events';
import type { DatagramSource } from '../../lib/index.js';

export class Sockets {
  readonly #open = new Set<Socket>();

  async bound(type: SocketType = 'udp4', address = type === 'udp4' ? '127.0.0.1' : '::1'): Promise<Socket> {
    return this.bind(createSocket(type), address);
  }

  async bind(socket: Socket, address: string, port = 0): Promise<Socket> {
    this.#open.add(socket);
    socket.bind(port, address);
    await once(socket, 'listening');
    return socket;
  }

  async closeAll(): Promise<void> {
    for (const socket of this.#open) {
      try {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      } catch {
        // closed by the test itself
      }
    }
    this.#open.clear();
  }
}

export interface Packet {
  readonly text: string;
  readonly info: DatagramSource;
}

/** All packets that a socket hears from now on. */
export function packetsOf(socket: Socket): Packet[] {
  const packets: Packet[] = [];
  socket.on('message', (bytes, info) => packets.push({ text: bytes.toString('latin1'), info }));
  return packets;
}

/** Resolves when it holds; fails after two seconds, which loopback never needs. */
export async function until(isTrue: () => boolean, what = String(isTrue)): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Long enough for a loopback datagram that was sent before to have arrived: the sentinel comes after it. */
export async function settle(from: Socket, to: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const onMessage = (bytes: Buffer) => {
      if (bytes.toString() !== 'sentinel') return;
      to.off('message', onMessage);
      resolve();
    };
    to.on('message', onMessage);
    from.send('sentinel', to.address().port, to.address().address);
  });
}

// One forwarder in a process of its own: what comes in on one socket goes out on the other. Plain dgram, bound ports
// or guarded sockets. Tells its CPU time when asked; the caller's media and its sink are another process's.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey } from '../../lib/index.js';
import type { Session } from '../../lib/index.js';

export type Mode = 'plain' | 'bind' | 'guard';
export interface Leg {
  readonly sdp: string;
  readonly port: number;
}
/** The two legs' descriptions, in the order caller and sink; `target` is where the sink says that it is. */
export interface Start {
  readonly mode: Mode;
  readonly offers: readonly [string, string];
  readonly target: { readonly address: string; readonly port: number };
}
export type Reply =
  | { readonly kind: 'ready'; readonly answers: readonly [Leg, Leg] }
  | { readonly kind: 'cpu'; readonly microseconds: number };

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function answer(session: Session | undefined, offer: string, socket: Socket): Leg {
  const { port } = socket.address();
  if (!session) return { sdp: '', port };
  const verdict = session.setRemote(offer);
  if (!verdict.accepted) throw new Error(verdict.warning);
  return {
    sdp: session.setLocal(offer.replace(/^a=latch.*\r\n/gm, '').replace(/m=audio \d+/, `m=audio ${port}`)),
    port,
  };
}

async function start({ mode, offers, target }: Start): Promise<void> {
  const [into, out] = [await bound(), await bound()];
  const latchkey = createLatchkey();
  const sessions =
    mode === 'plain' ? [] : [1, 2].map(() => latchkey.createSession({ signalling: 'loopback' }));
  const [first, second] = sessions;
  if (mode === 'bind' && first && second) {
    const [from, to] = [first.bind(into), second.bind(out)];
    from.on('packet', (bytes) => to.send(bytes));
  } else {
    first?.guard(into);
    second?.guard(out);
    into.on('message', (bytes) => out.send(bytes, target.port, target.address));
  }
  reply({ kind: 'ready', answers: [answer(first, offers[0], into), answer(second, offers[1], out)] });
}

function reply(message: Reply): void {
  process.send?.(message);
}

process.on('message', (message: Start | 'cpu') => {
  if (message !== 'cpu') return void start(message);
  const { user, system } = process.cpuUsage();
  reply({ kind: 'cpu', microseconds: user + system });
});
process.on('disconnect', () => process.exit(0));

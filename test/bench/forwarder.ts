// The forwarders, in a process of their own: what comes in on one socket goes out on another. Plain dgram, bound ports
// and guarded sockets side by side: one process each would differ by more than what is measured, by mere luck of its
// memory layout. Tells its CPU time when asked; the callers' media and the sinks are another process's.
// `forwarder.ts ROOT` takes the latchkey that is built there.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Root from '../../lib/index.js';
import { answer } from './answer.js';

export type Mode = 'plain' | 'bind' | 'guard';
/** The two legs' descriptions, in the order caller and sink; `target` is where the sink says that it is. */
export interface Start {
  readonly mode: Mode;
  readonly offers: readonly [string, string];
  readonly target: { readonly address: string; readonly port: number };
}
export type Reply =
  | { readonly kind: 'ready'; readonly ports: readonly [number, number]; readonly answers: readonly string[] }
  | { readonly kind: 'cpu'; readonly microseconds: number };

const entry = pathToFileURL(join(process.argv[2] ?? '', 'dist/lib/index.js')).href;
const latchkey = ((await import(entry)) as typeof Root).createLatchkey();

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function start({ mode, offers, target }: Start): Promise<void> {
  const [into, out] = [await bound(), await bound()];
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
  const ports = [into.address().port, out.address().port] as const;
  reply({
    kind: 'ready',
    ports,
    answers: sessions.map((session, i) => answer(session, offers[i], ports[i])),
  });
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

// What fifty RTSP viewers of one stream of 2 Mbit/s cost `latchkey serve`, inside their connections and over UDP with latch, beside a process
// that writes the same packets to as many plain sockets, in turn in the same run. Prints its figures:
// `node --import=tsx test/slow/rtsp-cost.ts [viewers] [seconds]`. Needs the built files.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf, PACKET_BYTES, PACKETS_PER_S, RtspCrowd } from './rtsp-crowd.js';

const ROUNDS = 3;
const SETTLE_MS = 1000;

const [viewers = 50, seconds = 5] = process.argv.slice(2).map(Number);

/** Of one core, while it goes on. */
async function shareOf(pid: number | undefined): Promise<number> {
  await wait(SETTLE_MS);
  const [cpuS, startMs] = [cpuSecondsOf(pid), performance.now()];
  await wait(seconds * 1000);
  return (cpuSecondsOf(pid) - cpuS) / ((performance.now() - startMs) / 1000);
}

async function served(isLatched: boolean): Promise<number> {
  const crowd = await RtspCrowd.gather();
  crowd.film(PACKETS_PER_S);
  const all = [];
  for (let i = 0; i < viewers; i++) all.push(await (isLatched ? crowd.watchLatched() : crowd.watch()));
  const share = await shareOf(crowd.server.pid);
  for (const viewer of all) {
    if ('stop' in viewer) viewer.stop();
    else viewer.close();
  }
  await wait(SETTLE_MS);
  await crowd.close();
  return share;
}

async function plain(kind: 'net' | 'dgram'): Promise<number> {
  const sockets = await Promise.all(
    Array.from({ length: viewers }, async () => {
      const socket = createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket;
    }),
  );
  const ports = sockets.map((socket) => String(socket.address().port));
  const program = fileURLToPath(new URL('plain-sender.mjs', import.meta.url));
  // With the four bytes before an interleaved packet.
  const bytes = kind === 'net' ? PACKET_BYTES + 4 : PACKET_BYTES;
  const args = [program, kind, String(PACKETS_PER_S), String(bytes), ...(kind === 'net' ? [] : ports)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [told] = (await once(child.stdout, 'data')) as [Buffer];
  if (kind === 'net')
    for (let i = 0; i < viewers; i++)
      connect(Number(told), '127.0.0.1')
        .on('error', () => undefined)
        .resume();
  const share = await shareOf(child.pid);
  child.kill('SIGKILL');
  for (const socket of sockets) socket.close();
  return share;
}

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? NaN;
const rounds: { net: number; interleaved: number; dgram: number; latch: number }[] = [];
for (let i = 0; i < ROUNDS; i++)
  rounds.push({
    net: await plain('net'),
    interleaved: await served(false),
    dgram: await plain('dgram'),
    latch: await served(true),
  });
const of = (kind: 'net' | 'interleaved' | 'dgram' | 'latch') => median(rounds.map((one) => one[kind]));
const row = (name: string, kind: 'interleaved' | 'latch', base: 'net' | 'dgram') => ({
  way: name,
  'of a core': `${(100 * of(kind)).toFixed(1)} %`,
  'a viewer': `${((100 * of(kind)) / viewers).toFixed(2)} %`,
  plain: `${(100 * of(base)).toFixed(1)} %`,
  ratio: median(rounds.map((one) => one[kind] / one[base])).toFixed(2),
});
console.log(
  `${viewers} viewers, ${PACKETS_PER_S} packets of ${PACKET_BYTES} bytes a second each, ${cpus()[0]?.model}, medians of ${ROUNDS}`,
);
console.table([row('inside the connection', 'interleaved', 'net'), row('UDP with latch', 'latch', 'dgram')]);
process.exit();

// coturn as Debian ships it, relaying by one thread: the caller of each call is a TURN client whose media goes as ChannelData, the
// callee its peer, who sends plain RTP to the relayed port (RFC 8656). Each allocation is made from the caller's port, which the
// generator in C takes over then.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { PEERS_ADDRESS, SERVER_ADDRESS, portOf, roomsOf } from './load.js';
import { end } from './native-variant.js';
import type { Variant } from './variant.js';

const PORT = 3478;
const RELAYED_PORTS = [30_000, 59_999] as const;
const COOKIE = 0x2112_a442;
const ALLOCATE = 0x0003;
const CHANNEL_BIND = 0x0009;
const SUCCESS = 0x0100;
const REQUESTED_TRANSPORT = 0x0019;
const CHANNEL_NUMBER = 0x000c;
const XOR_PEER_ADDRESS = 0x0012;
const XOR_RELAYED_ADDRESS = 0x0016;
const UDP = 17;
/** The one of each client; the generator in C knows it too. */
const CHANNEL = 0x4000;
const REPLY_MS = 200;
const ATTEMPTS = 15;

export function coturnVersion(): string | undefined {
  const { stdout, error } = spawnSync('turnserver', ['--version'], { encoding: 'utf8' });
  return error ? undefined : /^\d+\.\S+/m.exec(stdout)?.[0];
}

export const coturnVariant: Variant = {
  name: 'coturn',
  title: 'coturn, channel data, one thread',
  whyNot({ peers, isSrtp }) {
    if (coturnVersion() === undefined) return 'not found (Debian package coturn)';
    return peers > 2 || isSrtp ? 'a call of two in clear is what it is measured with' : undefined;
  },
  async start(load) {
    const daemon = spawn(
      'turnserver',
      [
        ...['-n', '--no-auth', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp', '--allow-loopback-peers'],
        ...[`--listening-ip=${SERVER_ADDRESS}`, `--relay-ip=${SERVER_ADDRESS}`, `--listening-port=${PORT}`],
        ...[`--min-port=${RELAYED_PORTS[0]}`, `--max-port=${RELAYED_PORTS[1]}`, '--relay-threads=1'],
        ...['--log-file=/dev/null', '--pidfile=/dev/null', '--realm=benchmark'],
      ],
      { stdio: 'ignore' },
    );
    try {
      const ports: number[] = [];
      for (const [caller = 0, callee = 0] of roomsOf(load)) ports.push(PORT, await allocate(caller, callee));
      return { pid: daemon.pid ?? 0, ports, isTurn: true, close: () => end(daemon) };
    } catch (error) {
      await end(daemon);
      throw error;
    }
  },
};

/** Gives the relayed port. */
async function allocate(caller: number, callee: number): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(portOf(caller), PEERS_ADDRESS);
  await once(socket, 'listening');
  try {
    const transport = attribute(REQUESTED_TRANSPORT, Buffer.of(UDP, 0, 0, 0));
    const allocated = await ask(socket, ALLOCATE, transport);
    const channel = attribute(CHANNEL_NUMBER, Buffer.of(CHANNEL >> 8, CHANNEL & 0xff, 0, 0));
    const peer = attribute(XOR_PEER_ADDRESS, xorAddress(PEERS_ADDRESS, portOf(callee)));
    await ask(socket, CHANNEL_BIND, Buffer.concat([channel, peer]));
    return relayedPortOf(allocated);
  } finally {
    const isClosed = once(socket, 'close');
    socket.close();
    await isClosed;
  }
}

/** Asks until the daemon answers, which takes its time to start; gives the attributes of the answer. */
async function ask(socket: Socket, method: number, attributes: Buffer): Promise<Buffer> {
  const transaction = randomBytes(12);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(method, 0);
  head.writeUInt16BE(attributes.length, 2);
  head.writeUInt32BE(COOKIE, 4);
  const message = Buffer.concat([head, transaction, attributes]);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    socket.send(message, PORT, SERVER_ADDRESS);
    const answer = await Promise.race([once(socket, 'message'), silence()]);
    const [bytes] = answer as [Buffer?];
    if (!bytes?.subarray(8, 20).equals(transaction)) continue;
    if (bytes.readUInt16BE(0) === (method | SUCCESS)) return bytes.subarray(20);
    throw new Error(`coturn refuses: ${bytes.toString('latin1', 20)}`);
  }
  throw new Error('coturn does not answer');
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}

function xorAddress(address: string, port: number): Buffer {
  const value = Buffer.alloc(8);
  value[1] = 1;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  const number = Buffer.from(address.split('.').map(Number)).readUInt32BE(0);
  value.writeUInt32BE((number ^ COOKIE) >>> 0, 4);
  return value;
}

function relayedPortOf(attributes: Buffer): number {
  for (let at = 0; at + 8 <= attributes.length; at += 4 + Math.ceil(attributes.readUInt16BE(at + 2) / 4) * 4)
    if (attributes.readUInt16BE(at) === XOR_RELAYED_ADDRESS)
      return attributes.readUInt16BE(at + 6) ^ (COOKIE >>> 16);
  throw new Error('coturn has allocated nothing');
}

function silence(): Promise<[]> {
  return new Promise((resolve) => setTimeout(resolve, REPLY_MS, []));
}

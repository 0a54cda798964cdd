// Opens the UDP sockets that media goes through: batched where the machine has the addon (batch/), by node:dgram else. It looks up no
// names and shares no port.
import { createSocket } from 'node:dgram';
import { checkOptions, LatchkeyError, option } from '../core/index.js';
import type { OptionRules } from '../core/index.js';
import { parseIp } from '../wire/index.js';
import { findAddon } from './batch/addon.js';
import { BatchLoop } from './batch/batch-loop.js';
import { BatchSocket, errorOf } from './batch/batch-socket.js';
import type { DatagramSocket } from './datagram-socket.js';
import { DgramSocket } from './dgram-socket.js';

/**
 * How datagrams go between the process and the kernel: `batch` many at a time, by an addon that the package has for Linux; `dgram`
 * one by one, with node:dgram; `auto` by the batch where there is the addon.
 */
export const IOS = ['auto', 'dgram', 'batch'] as const;
export type Io = (typeof IOS)[number];

export interface OpenSocketOptions {
  /** The IP address to bind, without a zone; of IPv6 the socket takes no IPv4. */
  readonly address: string;
  /** 0: a free one of the system's choosing. */
  readonly port?: number;
  /** `auto` unless given. */
  readonly io?: Io;
  /**
   * How long a wake-up of the process waits for more datagrams while few arrive, in milliseconds, to 0.5. It saves a fifth or more of the
   * CPU that small numbers of calls cost, and adds as much to the way of each packet, and to everything else that the process does. It
   * holds for all batched sockets of the process: the last that was given counts. Unless given, 0.1 ms is waited where wake-ups follow each
   * other within that time and bring few: at some 10,000 packets a second and more. 0: never.
   */
  readonly gatherMs?: number;
  /** Bytes asked of the kernel for what nobody has taken yet; what it gives is its own choice. Its default unless given. */
  readonly receiveBufferBytes?: number;
}

const PORT_MAX = 65_535;
/** What the kernel can be asked for. */
const BUFFER_MAX = 0x3fff_ffff;
const IPV6_BYTES = 16;
const GATHER_MAX_MS = 0.5;

export const GATHER_RULE = option.of(
  `a number of milliseconds from 0 to ${GATHER_MAX_MS}`,
  (value) => typeof value === 'number' && value >= 0 && value <= GATHER_MAX_MS,
);
const RULES: OptionRules<OpenSocketOptions> = {
  address: option.required(option.ipAddress),
  port: option.wholeNumber(0, PORT_MAX),
  io: option.oneOf(IOS),
  gatherMs: GATHER_RULE,
  receiveBufferBytes: option.wholeNumber(0, BUFFER_MAX),
};

/** Why `batch` cannot be had in this process; undefined where it can. */
export function whyNoBatch(): string | undefined {
  const found = findAddon();
  return 'reason' in found ? found.reason : undefined;
}

/**
 * A bound UDP socket, for `session.bind`. Whoever opens it closes it.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 * @throws LatchkeyError LATCHKEY_LISTEN with the reason, where `io` is `batch` and the machine has no addon
 * @throws Error of the system's, such as EADDRINUSE, where the address cannot be bound
 */
export async function openSocket(options: OpenSocketOptions): Promise<DatagramSocket> {
  checkOptions('openSocket', options, RULES);
  const { address, io = 'auto' } = options;
  if (io === 'dgram') return openDgram(options);
  const found = findAddon();
  if ('addon' in found) {
    if (options.gatherMs !== undefined) found.addon.gather(Math.round(1000 * options.gatherMs));
    return openBatch(BatchLoop.of(found.addon), options);
  }
  if (io === 'auto') return openDgram(options);
  throw new LatchkeyError('LATCHKEY_LISTEN', `${address} by the batch: no addon: ${found.reason}`);
}

function openBatch(
  loop: BatchLoop,
  { address, port = 0, receiveBufferBytes = 0 }: OpenSocketOptions,
): BatchSocket {
  const bytes = parseIp(address) ?? new Uint8Array(0);
  const isIpv6 = bytes.length === IPV6_BYTES;
  const fd = loop.addon.open(isIpv6 ? 1 : 0, bytes, port, 0, receiveBufferBytes);
  if (fd < 0) throw errorOf(-fd, 'bind');
  return new BatchSocket(loop, fd, isIpv6, address);
}

async function openDgram({
  address,
  port = 0,
  receiveBufferBytes,
}: OpenSocketOptions): Promise<DatagramSocket> {
  const isIpv6 = address.includes(':');
  let isBound = false;
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    ipv6Only: isIpv6,
    // dgram asks for every packet where it goes, and its own answer costs a turn of the loop. Nobody looks names up here. While binding, the
    // answer must not come at once: 'listening' would be emitted before bind() has returned.
    lookup: (ip, _, callback) => {
      if (isBound) callback(null, ip, isIpv6 ? 6 : 4);
      else process.nextTick(callback, null, ip, isIpv6 ? 6 : 4);
    },
    ...(receiveBufferBytes !== undefined && { recvBufferSize: receiveBufferBytes }),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      isBound = true;
      socket.removeAllListeners('error');
      // A refused datagram is no reason to end a process; sessions count their own.
      socket.on('error', () => undefined);
      resolve(DgramSocket.of(socket));
    });
  });
}

// The UDP sockets for media: one pair that all calls share, or a pair of its own for each call. It binds, lends and takes
// back; what goes through a socket is the session's business.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { LatchkeyError } from '../index.js';
import type { BindableSocket } from '../index.js';

/** 0: none; 'auto': a free one of the system's choosing. */
export type ListenPort = number | 'auto';

/** A pair is an even port for RTP, and the next one for RTCP. */
export type MediaPorts =
  | { readonly kind: 'shared'; readonly port: ListenPort }
  /** A pair for each call. */
  | { readonly kind: 'range'; readonly low: number; readonly high: number }
  /** One for all peers that latch or ICE finds, and a pair for each of the others. */
  | { readonly kind: 'split'; readonly port: number; readonly low: number; readonly high: number };

/**
 * RTP on `rtpPort`, RTCP of those who do not multiplex on the next one (RFC 3550 section 11): sockets of `node:dgram`, or any
 * DatagramSocket.
 */
export interface MediaPair {
  readonly rtp: BindableSocket;
  readonly rtcp: BindableSocket;
  readonly rtpPort: number;
  /** Others have it too, so that it says nothing of who sends there. */
  readonly isShared?: boolean;
  /** Gives the pair back. Idempotent. */
  readonly release: () => void;
}

export interface MediaSockets<Pair extends MediaPair = MediaPair> {
  /** Where media is taken: `PORT` or `LOW-HIGH`. */
  readonly ports: string;
  /** A pair for one call; undefined where all are taken. */
  lend(): Promise<Pair | undefined>;
  close(): void;
}

/** Where the media of a server is taken, at one address. */
export interface OpenMedia {
  /** For all peers, or for those that `shared` is not for. */
  readonly media: MediaSockets;
  /** For peers that latch or ICE finds, and for the others while `media` has nothing left. */
  readonly shared?: MediaSockets | undefined;
}

/** As they are opened here. */
type DgramPair = MediaPair & { readonly rtp: Socket; readonly rtcp: Socket };

/** Bursts of hundreds of calls arrive on one shared socket between two turns of the loop. */
const SHARED_BUFFER_BYTES = 4 * 1024 * 1024;
/** Pairs tried for one call: in a range that others use too, a call must not wait for thousands of refusals. */
const ATTEMPTS_MAX = 64;

/** Opens what can be opened before the first call. Throws LATCHKEY_LISTEN where the shared port cannot be had. */
export async function openMedia(address: string, ports: MediaPorts): Promise<OpenMedia> {
  if (ports.kind !== 'split') return { media: await openMediaSockets(address, ports) };
  const shared = await openShared(address, ports.port);
  return { media: new RangeSockets(address, ports), shared };
}

/** As `openMedia`, of one kind. */
export async function openMediaSockets(
  address: string,
  ports: Exclude<MediaPorts, { kind: 'split' }>,
): Promise<MediaSockets<DgramPair>> {
  return ports.kind === 'shared' ? openShared(address, ports.port) : new RangeSockets(address, ports);
}

async function openShared(address: string, port: ListenPort): Promise<MediaSockets<DgramPair>> {
  let pair: DgramPair | undefined;
  if (port === 'auto') {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !pair; attempt++) {
      const probe = await bind(address, 0);
      const found = probe.address().port;
      await new Promise<void>((resolve) => probe.close(() => resolve()));
      if (found < 65535) pair = await bindPair(address, found, SHARED_BUFFER_BYTES).catch(() => undefined);
    }
    if (!pair) throw new LatchkeyError('LATCHKEY_LISTEN', 'media auto: no two free ports in a row');
  } else {
    pair = await bindPair(address, port, SHARED_BUFFER_BYTES).catch((error: NodeJS.ErrnoException) => {
      throw new LatchkeyError(
        'LATCHKEY_LISTEN',
        `media ${port}: cannot bind ${address}, ports ${port} and ${port + 1}: ${reasonOf(error)}`,
      );
    });
  }
  const { rtp, rtcp, rtpPort, release } = pair;
  return {
    ports: String(rtpPort),
    lend: () => Promise.resolve({ rtp, rtcp, rtpPort, isShared: true, release: () => undefined }),
    close: release,
  };
}

class RangeSockets implements MediaSockets<DgramPair> {
  readonly ports: string;
  readonly #address: string;
  readonly #first: number;
  readonly #count: number;
  readonly #lent = new Map<number, DgramPair | undefined>();
  #next = 0;
  #isClosed = false;

  constructor(address: string, { low, high }: { low: number; high: number }) {
    this.ports = `${low}-${high}`;
    this.#address = address;
    this.#first = low + (low % 2);
    this.#count = Math.floor((high - this.#first + 1) / 2);
  }

  async lend(): Promise<DgramPair | undefined> {
    // Round and round: a port just given back rests, while the last call's stragglers still arrive there.
    for (let tries = 0, seen = 0; tries < ATTEMPTS_MAX && seen < this.#count; seen++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#lent.has(port)) continue;
      tries++;
      this.#lent.set(port, undefined);
      const pair = await bindPair(this.#address, port).catch(() => undefined);
      if (pair && !this.#isClosed) return this.#lend(port, pair);
      this.#lent.delete(port);
      pair?.release();
    }
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const pair of [...this.#lent.values()]) pair?.release();
  }

  #lend(port: number, pair: DgramPair): DgramPair {
    const lent = {
      ...pair,
      release: () => {
        if (this.#lent.get(port) !== lent) return;
        this.#lent.delete(port);
        pair.release();
      },
    };
    this.#lent.set(port, lent);
    return lent;
  }
}

async function bindPair(address: string, rtpPort: number, bufferBytes?: number): Promise<DgramPair> {
  const rtp = await bind(address, rtpPort, bufferBytes);
  try {
    const rtcp = await bind(address, rtpPort + 1);
    let isOpen = true;
    const release = () => {
      if (!isOpen) return;
      isOpen = false;
      rtp.close();
      rtcp.close();
    };
    return { rtp, rtcp, rtpPort, release };
  } catch (error) {
    rtp.close();
    throw error;
  }
}

function bind(address: string, port: number, recvBufferSize?: number): Promise<Socket> {
  const isIpv6 = isIPv6(address);
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    ipv6Only: isIpv6,
    ...(recvBufferSize !== undefined && { recvBufferSize }),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      // A refused datagram is no reason to end a process; sessions count their own.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'in use';
  return error.code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : error.message;
}

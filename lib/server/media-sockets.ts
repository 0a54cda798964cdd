// The UDP sockets for media: one pair that all calls share, or a pair of its own for each call. It binds, lends and takes
// back; what goes through a socket is the session's business.
import { LatchkeyError, openSocket } from '../index.js';
import type { BindableSocket, DatagramSocket, OpenSocketOptions } from '../index.js';

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
  /** Datagrams that the kernel threw away since the start, where that is known. */
  readonly kernelDrops?: number;
  close(): void;
}

/** Where the media of a server is taken, at one address. */
export interface OpenMedia {
  /** For all peers, or for those that `shared` is not for. */
  readonly media: MediaSockets;
  /** For peers that latch or ICE finds, and for the others while `media` has nothing left. */
  readonly shared?: MediaSockets | undefined;
}

/** How they are opened, and where. */
interface Place {
  readonly address: string;
  readonly io: Pick<OpenSocketOptions, 'io' | 'gatherMs'>;
}

/** As they are opened here. */
type OpenedPair = MediaPair & { readonly rtp: DatagramSocket; readonly rtcp: DatagramSocket };

/** Bursts of hundreds of calls arrive on one shared socket between two turns of the loop. */
const SHARED_BUFFER_BYTES = 4 * 1024 * 1024;
/** Pairs tried for one call: in a range that others use too, a call must not wait for thousands of refusals. */
const ATTEMPTS_MAX = 64;

/** Opens what can be opened before the first call. Throws LATCHKEY_LISTEN where the shared port cannot be had. */
export async function openMedia(
  address: string,
  ports: MediaPorts,
  io: Place['io'] = {},
): Promise<OpenMedia> {
  if (ports.kind !== 'split') return { media: await openMediaSockets(address, ports, io) };
  const shared = await openShared({ address, io }, ports.port);
  return { media: new RangeSockets({ address, io }, ports), shared };
}

/** As `openMedia`, of one kind. */
export async function openMediaSockets(
  address: string,
  ports: Exclude<MediaPorts, { kind: 'split' }>,
  io: Place['io'] = {},
): Promise<MediaSockets<OpenedPair>> {
  return ports.kind === 'shared'
    ? openShared({ address, io }, ports.port)
    : new RangeSockets({ address, io }, ports);
}

async function openShared(place: Place, port: ListenPort): Promise<MediaSockets<OpenedPair>> {
  let pair: OpenedPair | undefined;
  if (port === 'auto') {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !pair; attempt++) {
      const probe = await bind(place, 0);
      const found = probe.local?.port ?? 0;
      probe.close();
      if (found < 65535) pair = await bindPair(place, found, SHARED_BUFFER_BYTES).catch(() => undefined);
    }
    if (!pair) throw new LatchkeyError('LATCHKEY_LISTEN', 'media auto: no two free ports in a row');
  } else {
    pair = await bindPair(place, port, SHARED_BUFFER_BYTES).catch((error: NodeJS.ErrnoException) => {
      throw new LatchkeyError(
        'LATCHKEY_LISTEN',
        `media ${port}: cannot bind ${place.address}, ports ${port} and ${port + 1}: ${reasonOf(error)}`,
      );
    });
  }
  const { rtp, rtcp, rtpPort, release } = pair;
  return {
    ports: String(rtpPort),
    lend: () => Promise.resolve({ rtp, rtcp, rtpPort, isShared: true, release: () => undefined }),
    get kernelDrops() {
      return dropsOf(pair);
    },
    close: release,
  };
}

class RangeSockets implements MediaSockets<OpenedPair> {
  readonly ports: string;
  readonly #place: Place;
  readonly #first: number;
  readonly #count: number;
  readonly #lent = new Map<number, OpenedPair | undefined>();
  #next = 0;
  #dropsBefore = 0;
  #isClosed = false;

  constructor(place: Place, { low, high }: { low: number; high: number }) {
    this.ports = `${low}-${high}`;
    this.#place = place;
    this.#first = low + (low % 2);
    this.#count = Math.floor((high - this.#first + 1) / 2);
  }

  async lend(): Promise<OpenedPair | undefined> {
    // Round and round: a port just given back rests, while the last call's stragglers still arrive there.
    for (let tries = 0, seen = 0; tries < ATTEMPTS_MAX && seen < this.#count; seen++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#lent.has(port)) continue;
      tries++;
      this.#lent.set(port, undefined);
      const pair = await bindPair(this.#place, port).catch(() => undefined);
      if (pair && !this.#isClosed) return this.#lend(port, pair);
      this.#lent.delete(port);
      pair?.release();
    }
    return undefined;
  }

  get kernelDrops(): number {
    return [...this.#lent.values()].reduce(
      (sum, pair) => sum + (pair ? dropsOf(pair) : 0),
      this.#dropsBefore,
    );
  }

  close(): void {
    this.#isClosed = true;
    for (const pair of [...this.#lent.values()]) pair?.release();
  }

  #lend(port: number, pair: OpenedPair): OpenedPair {
    const lent = {
      ...pair,
      release: () => {
        if (this.#lent.get(port) !== lent) return;
        this.#lent.delete(port);
        this.#dropsBefore += dropsOf(pair);
        pair.release();
      },
    };
    this.#lent.set(port, lent);
    return lent;
  }
}

async function bindPair(place: Place, rtpPort: number, bufferBytes?: number): Promise<OpenedPair> {
  const rtp = await bind(place, rtpPort, bufferBytes);
  try {
    const rtcp = await bind(place, rtpPort + 1);
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

function bind({ address, io }: Place, port: number, receiveBufferBytes?: number): Promise<DatagramSocket> {
  return openSocket({
    address,
    ...io,
    port,
    ...(receiveBufferBytes !== undefined && { receiveBufferBytes }),
  });
}

function dropsOf({ rtp, rtcp }: OpenedPair): number {
  return (rtp.kernelDrops ?? 0) + (rtcp.kernelDrops ?? 0);
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'in use';
  return error.code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : error.message;
}

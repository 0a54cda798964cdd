// The UDP sockets for media: one pair that all calls share, or a pair of its own for each call. It binds, lends and takes
// back; what goes through a socket is the session's business.
import { LatchkeyError } from '../index.js';
import { bindPair, bindSocket, dropsOf } from './media-pair.js';
import type { MediaPlace, MediaSockets, OpenedPair } from './media-pair.js';
import { PortRange } from './port-range.js';
import type { RangeOptions } from './port-range.js';

export type { MediaPair, MediaSockets, PortUse } from './media-pair.js';

/** 0: none; 'auto': a free one of the system's choosing. */
export type ListenPort = number | 'auto';

/** A pair is an even port for RTP, and the next one for RTCP. */
export type MediaPorts =
  | { readonly kind: 'shared'; readonly port: ListenPort }
  /** A pair for each call. */
  | { readonly kind: 'range'; readonly low: number; readonly high: number }
  /** One for all peers that latch or ICE finds, and a pair for each of the others. */
  | { readonly kind: 'split'; readonly port: number; readonly low: number; readonly high: number };

/** Where the media of a server is taken, at one address. */
export interface OpenMedia {
  /** For all peers, or for those that `shared` is not for. */
  readonly media: MediaSockets;
  /** For peers that latch or ICE finds, and for the others while `media` has nothing left. */
  readonly shared?: MediaSockets | undefined;
}

/** Bursts of hundreds of calls arrive on one shared socket between two turns of the loop. */
const SHARED_BUFFER_BYTES = 4 * 1024 * 1024;
/** Free ports tried, until the next one is free too. */
const ATTEMPTS_MAX = 64;

/**
 * Opens what can be opened before the first call. Throws LATCHKEY_LISTEN where the shared port cannot be had.
 *
 * @param watch Makes canaries of the idle sockets of a range.
 */
export async function openMedia(
  address: string,
  ports: MediaPorts,
  io: MediaPlace['io'] = {},
  watch?: RangeOptions['watch'],
): Promise<OpenMedia> {
  const place = { address, io };
  if (ports.kind === 'range') return { media: new PortRange(place, { ...ports, watch }) };
  const shared = await openShared(place, ports.port);
  if (ports.kind === 'shared') return { media: shared };
  return { media: new PortRange(place, { ...ports, watch }), shared };
}

/** As `openMedia`, of one kind, without canaries. */
export async function openMediaSockets(
  address: string,
  ports: Exclude<MediaPorts, { kind: 'split' }>,
  io: MediaPlace['io'] = {},
): Promise<MediaSockets<OpenedPair>> {
  return ports.kind === 'shared'
    ? openShared({ address, io }, ports.port)
    : new PortRange({ address, io }, ports);
}

async function openShared(place: MediaPlace, port: ListenPort): Promise<MediaSockets<OpenedPair>> {
  let pair: OpenedPair | undefined;
  if (port === 'auto') {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !pair; attempt++) {
      const probe = await bindSocket(place, 0);
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
    isShared: true,
    lend: () => Promise.resolve({ rtp, rtcp, rtpPort, isShared: true, release: () => undefined }),
    get kernelDrops() {
      return dropsOf(pair);
    },
    close: release,
  };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'in use';
  return error.code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : error.message;
}

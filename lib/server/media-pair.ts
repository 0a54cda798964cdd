// A pair of UDP sockets for media, and where such pairs come from. Types, and the binding of one pair.
import { openSocket } from '../index.js';
import type { BindableSocket, DatagramSocket, OpenSocketOptions } from '../index.js';

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
  /** The call that it was lent to for a port question has moved there, and stays. Idempotent. */
  readonly keep?: () => void;
  /** Gives the pair back. Idempotent. */
  readonly release: () => void;
}

/**
 * What a pair is for: a peer that proves where it is; one without a key, for whom it counts that nobody else knows the port; or a port
 * question to one of those (docs/protocol.md, 8.3.6).
 */
export type PortUse = 'proven' | 'keyless' | 'question';

export interface MediaSockets<Pair extends MediaPair = MediaPair> {
  /** Where media is taken: `PORT` or `LOW-HIGH`. */
  readonly ports: string;
  /** A pair for one call; undefined where all are taken, or as many as may be are held for questions. */
  lend(use?: PortUse): Promise<Pair | undefined>;
  /** Datagrams that the kernel threw away since the start, where that is known. */
  readonly kernelDrops?: number;
  /** One pair is all there is: see `MediaPair.isShared`. */
  readonly isShared?: boolean;
  /** Idle pairs that listen, where there are any. */
  readonly canaries?: CanaryCounts;
  close(): void;
}

export interface CanaryCounts {
  /** How many pairs listen now. */
  readonly listening: number;
  /** How many of all that have listened since the start somebody has sent to. */
  readonly hit: number;
}

/** How sockets are opened, and where. */
export interface MediaPlace {
  readonly address: string;
  readonly io: Pick<OpenSocketOptions, 'io' | 'gatherMs'>;
}

/** As it is opened here. */
export type OpenedPair = MediaPair & { readonly rtp: DatagramSocket; readonly rtcp: DatagramSocket };

export async function bindPair(
  place: MediaPlace,
  rtpPort: number,
  bufferBytes?: number,
): Promise<OpenedPair> {
  const rtp = await bindSocket(place, rtpPort, bufferBytes);
  try {
    const rtcp = await bindSocket(place, rtpPort + 1);
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

export function bindSocket(
  { address, io }: MediaPlace,
  port: number,
  receiveBufferBytes?: number,
): Promise<DatagramSocket> {
  return openSocket({
    address,
    ...io,
    port,
    ...(receiveBufferBytes !== undefined && { receiveBufferBytes }),
  });
}

export function dropsOf({ rtp, rtcp }: OpenedPair): number {
  return (rtp.kernelDrops ?? 0) + (rtcp.kernelDrops ?? 0);
}

/**
 * Where the application reads and writes the packets of one call: RTP and RTCP, on one port or two. It encodes nothing, and
 * sends only to addresses that latch, or the lack of it, allows.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { classifyPacket, isSameAddress, SteadyEmitter } from '../../lib/index.js';
import type { DatagramSource, MediaPort, Session, TransportAddress } from '../../lib/index.js';
import type { Direction, RtpFormat } from './rtp-description.js';
import { canSend } from './rtp-description.js';

/** What offer and answer agreed on. */
export interface RtpNegotiation {
  /** Ours: `sendonly` is a hold of ours, `recvonly` one of the peer's. */
  readonly direction: Direction;
  /** The formats to send, under the peer's payload types; the first is the codec of the call. */
  readonly formats: readonly RtpFormat[];
}

export interface RtpMediaEvents {
  /** An accepted packet of the peer, RTP or RTCP, and where it really came from. */
  packet: [bytes: Buffer, source: DatagramSource];
  /** Offer and answer are through, at first or anew. */
  negotiated: [negotiation: RtpNegotiation];
  /** The call is over. */
  close: [];
}

interface Line {
  readonly socket: Socket;
  /** Where that is bound; the port may have moved on to a lent one. */
  readonly bound: TransportAddress;
  readonly port: MediaPort;
}

export class RtpMedia extends SteadyEmitter<RtpMediaEvents> {
  #rtp: Line | undefined;
  #rtcp: Line | undefined;
  #negotiation: RtpNegotiation | undefined;
  #isClosed = false;

  /** Made by the plugin, not by hand. */
  constructor(
    /** The latch session of the call, for its events and counters. */
    readonly latch: Session,
    /** A listener of the application's has thrown. */
    private readonly onFault: (error: unknown) => void,
  ) {
    super();
    latch.on('released', ({ local }) => {
      for (const line of [this.#rtp, this.#rtcp])
        if (line && isSameAddress(line.bound, local)) closeSocket(line);
    });
  }

  protected override tellFailure(error: unknown): boolean {
    this.onFault(error);
    return true;
  }

  /** Where RTP is taken; undefined before the first description. */
  get local(): TransportAddress | undefined {
    return this.#rtp?.port.local;
  }

  /** Where RTCP is taken, unless on the port of RTP. */
  get localRtcp(): TransportAddress | undefined {
    return this.#rtcp?.port.local;
  }

  /** What is agreed on; undefined before the first answer. */
  get negotiation(): RtpNegotiation | undefined {
    return this.#negotiation;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends one RTP or RTCP packet. False: it was dropped, because the peer does not listen (hold), has proved no address
   * yet, or the call is over.
   */
  send(bytes: Uint8Array): boolean {
    if (classifyPacket(bytes) === 'rtcp') return (this.#rtcp ?? this.#rtp)?.port.send(bytes) ?? false;
    if (!this.#negotiation || !canSend(this.#negotiation.direction)) return false;
    return this.#rtp?.port.send(bytes) ?? false;
  }

  /** For the handler: sockets for the section `media`, and one for RTCP where it may need it. Those there are, stay. */
  async open(address: string, media: number, hasRtcp: boolean): Promise<void> {
    if (this.#rtp !== undefined && this.#rtp.port.media !== media) this.#release();
    this.#rtp ??= await this.#line(address, { media, component: 1 });
    if (hasRtcp) this.#rtcp ??= await this.#line(address, { media, component: 2 });
  }

  /** For the handler: RTCP shares the port from now on. */
  closeRtcp(): void {
    closeLine(this.#rtcp);
    this.#rtcp = undefined;
  }

  /** For the handler: what has been agreed on. */
  settle(negotiation: RtpNegotiation): void {
    this.#negotiation = negotiation;
    this.tell('negotiated', negotiation);
  }

  /** For the handler: the call is over. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#release();
    this.tell('close');
  }

  async #line(address: string, where: { media: number; component: 1 | 2 }): Promise<Line> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
    try {
      await once(socket, 'listening');
      if (this.#isClosed) throw new Error('the call is over');
      const { port: number } = socket.address();
      const port = this.latch.bind(socket, where);
      port.on('packet', (bytes, source) => this.tell('packet', bytes, source));
      return { socket, bound: { address, port: number }, port };
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  #release(): void {
    closeLine(this.#rtp);
    this.#rtp = undefined;
    this.closeRtcp();
  }
}

function closeLine(line: Line | undefined): void {
  line?.port.close();
  if (line) closeSocket(line);
}

/** It may have been closed before, when media had moved on to another port. */
function closeSocket({ socket }: Line): void {
  try {
    socket.close();
  } catch {
    // Then there is nothing to close.
  }
}

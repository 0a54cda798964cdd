// A stream over UDP without latch: a pair of ports that only this player was told, and the punch rule on each (lib/rtsp/punch.ts). It sends to
// no address that a message names.
import { EventEmitter } from 'node:events';
import { Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import type { RoomPort } from '../../lib/room/index.js';
import { Punch } from '../../lib/rtsp/index.js';
import type { PunchState, TransportChoice } from '../../lib/rtsp/index.js';
import type { LentMedia } from '../../lib/server/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import type { Way } from './way.js';

/** A first byte of RTP or RTCP (RFC 7983); a shorter packet is none of the two. */
const BYTES_MIN = 8;

export class PunchedPort extends EventEmitter implements RoomPort {
  readonly #socket: Socket;
  readonly #punch: Punch;
  readonly #onHeard: () => void;
  readonly #onMessage = (bytes: Buffer, source: { readonly address: string; readonly port: number }) => {
    const nowMs = performance.now();
    // Any packet shows a port: players send RTP without a payload, or bytes at random.
    if (!this.#punch.handlePacket(source, nowMs)) return;
    const kind = classifyPacket(bytes);
    if (bytes.length < BYTES_MIN || (kind !== 'rtp' && kind !== 'rtcp')) {
      this.#punch.dropped++;
      return;
    }
    this.#onHeard();
    this.emit('packet', bytes, source, kind, nowMs);
  };

  constructor(socket: Socket, peer: string, onHeard: () => void) {
    super();
    this.#socket = socket;
    this.#punch = new Punch(peer);
    this.#onHeard = onHeard;
    socket.on('message', this.#onMessage);
  }

  get state(): PunchState {
    return this.#punch.stateAt(performance.now());
  }

  get dropped(): number {
    return this.#punch.dropped;
  }

  send(bytes: Uint8Array): boolean {
    const { state } = this;
    if (state.is !== 'named') return false;
    const { address, port } = state.source;
    // What the system refuses says nothing that could be acted on: who does not hear asks again, or goes.
    this.#socket.send(bytes, port, address, () => undefined);
    return true;
  }

  close(): void {
    this.#socket.off('message', this.#onMessage);
  }
}

export class PunchedWay implements Way {
  readonly transport = 'udp';
  readonly choice: TransportChoice;
  readonly rtp: PunchedPort;
  readonly rtcp: PunchedPort;
  readonly #lent: LentMedia;
  #isClosed = false;

  /** Undefined where the ports are not the player's alone. */
  static on(
    lent: LentMedia,
    peer: string,
    clientPorts: readonly [number, number],
    isRecord: boolean,
    onHeard: () => void,
  ): PunchedWay | undefined {
    const { rtp, rtcp, isShared } = lent.pair;
    if (isShared === true || !(rtp instanceof Socket) || !(rtcp instanceof Socket)) return undefined;
    const ports = [rtp, rtcp].map((socket) => new PunchedPort(socket, peer, onHeard));
    return new PunchedWay(lent, ports as [PunchedPort, PunchedPort], { clientPorts, isRecord });
  }

  private constructor(
    lent: LentMedia,
    [rtp, rtcp]: readonly [PunchedPort, PunchedPort],
    agreed: { readonly clientPorts: readonly [number, number]; readonly isRecord: boolean },
  ) {
    const { pair, advertise } = lent;
    const serverPorts = [pair.rtpPort, pair.rtpPort + 1] as const;
    this.choice = { kind: 'udp', ...agreed, serverPorts, source: advertise };
    this.#lent = lent;
    this.rtp = rtp;
    this.rtcp = rtcp;
  }

  get dropped(): number {
    return this.rtp.dropped + this.rtcp.dropped;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.rtp.close();
    this.rtcp.close();
    this.#lent.pair.release();
  }
}

// A stream over UDP without latch: a pair of ports that only this player was told, and the punch rule on each (lib/rtsp/punch.ts). It sends to
// no address that a message names.
import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { datagramSocketOf } from '../../lib/index.js';
import type { Datagram, DatagramReceiver, DatagramSocket } from '../../lib/index.js';
import type { RoomPort } from '../../lib/room/index.js';
import { Punch } from '../../lib/rtsp/index.js';
import type { PunchState, TransportChoice } from '../../lib/rtsp/index.js';
import type { LentMedia } from '../../lib/server/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import type { Way } from './way.js';

/** A first byte of RTP or RTCP (RFC 7983); a shorter packet is none of the two. */
const BYTES_MIN = 8;

export class PunchedPort extends EventEmitter implements RoomPort, DatagramReceiver {
  readonly #socket: DatagramSocket;
  readonly #punch: Punch;
  readonly #onHeard: () => void;
  #isUnflushed = false;

  constructor(socket: DatagramSocket, peer: string, onHeard: () => void) {
    super();
    this.#socket = socket;
    this.#punch = new Punch(peer);
    this.#onHeard = onHeard;
    socket.receive(this);
  }

  get state(): PunchState {
    return this.#punch.stateAt(performance.now());
  }

  get dropped(): number {
    return this.#punch.dropped;
  }

  onBatch(batch: readonly Datagram[]): void {
    const nowMs = performance.now();
    for (const datagram of batch) this.#handle(datagram, nowMs);
  }

  /** What the system refuses says nothing that could be acted on: who does not hear asks again, or goes. */
  onError(): void {
    this.#punch.dropped++;
  }

  onClose(): void {
    this.removeAllListeners('packet');
  }

  send(bytes: Uint8Array): boolean {
    const { state } = this;
    if (state.is !== 'named') return false;
    const { address, port } = state.source;
    this.#socket.send(bytes, port, address, () => undefined);
    if (!this.#isUnflushed) {
      this.#isUnflushed = true;
      // With all that the room has for it in this turn.
      queueMicrotask(() => {
        this.#isUnflushed = false;
        this.#socket.flush();
      });
    }
    return true;
  }

  close(): void {
    this.#socket.receive(undefined);
  }

  #handle({ bytes, source }: Datagram, nowMs: number): void {
    // Any packet shows a port: players send RTP without a payload, or bytes at random.
    if (!this.#punch.handlePacket(source, nowMs)) return;
    const kind = classifyPacket(bytes);
    if (bytes.length < BYTES_MIN || (kind !== 'rtp' && kind !== 'rtcp')) {
      this.#punch.dropped++;
      return;
    }
    this.#onHeard();
    this.emit('packet', bytes, source, kind, nowMs);
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
    const { isShared } = lent.pair;
    const [rtp, rtcp] = [datagramSocketOf(lent.pair.rtp), datagramSocketOf(lent.pair.rtcp)];
    if (isShared === true || !rtp || !rtcp) return undefined;
    const ports = [new PunchedPort(rtp, peer, onHeard), new PunchedPort(rtcp, peer, onHeard)] as const;
    return new PunchedWay(lent, ports, { clientPorts, isRecord });
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

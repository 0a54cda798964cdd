// The impostor: one UDP socket that knows the server's media ports, sprays them, and counts what comes back to it. It
// shares nothing with the callers, and holds no key.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { classifyPacket, readRtpSsrc } from '../../wire/index.js';
import { attack, isMarked } from './attack.js';
import type { Shots, Voice } from './attack.js';
import { nowMs } from './clock.js';

const LOOPBACK = '127.0.0.1';
const TICK_MS = 10;
/** After the process was kept from running, so many rounds are made up for; the rest is left out. */
const ROUNDS_LATE_MAX = 5;

export interface ImpostorReport {
  readonly port: number;
  readonly sent: number;
  /** Every datagram that arrived on its socket and was not a challenge: media of others, then. */
  readonly stolen: number;
  /** The stolen packets that are RTP, by SSRC. */
  readonly speech: Readonly<Record<number, number>>;
  /** STUN: the server asks it to prove itself. They hold nothing of the call. */
  readonly challenges: number;
  /** Its own packets that came back to it: nobody's loss. */
  readonly own: number;
}

export class Impostor {
  #sent = 0;
  #stolen = 0;
  #challenges = 0;
  #own = 0;
  readonly #speech = new Map<number, number>();
  readonly #ssrc = randomInt(1, 2 ** 32);
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly socket: Socket,
    /** The server's media ports, both included. */
    private readonly low: number,
    private readonly high: number,
  ) {
    socket.on('message', (bytes) => this.#handle(bytes));
    // Nothing listens on most ports: some systems say so.
    socket.on('error', () => undefined);
  }

  static async open(ports: { readonly low: number; readonly high: number }): Promise<Impostor> {
    const socket = createSocket('udp4');
    socket.bind(0, LOOPBACK);
    await once(socket, 'listening');
    return new Impostor(socket, ports.low, ports.high);
  }

  /** Attacks from now on, a round every `intervalMs`; instead of what it did before. */
  spray({ intervalMs, voices }: { readonly intervalMs: number; readonly voices?: readonly Voice[] }): void {
    this.stop();
    const shots = attack(this.#ssrc, voices);
    const startMs = nowMs();
    let rounds = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor((nowMs() - startMs) / intervalMs);
      rounds = Math.max(rounds, due - ROUNDS_LATE_MAX);
      for (; rounds < due; rounds++) {
        const next = shots.next();
        if (next.done !== true) this.#shoot(next.value);
      }
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.socket.close();
  }

  report(): ImpostorReport {
    return {
      port: this.socket.address().port,
      sent: this.#sent,
      stolen: this.#stolen,
      speech: Object.fromEntries(this.#speech),
      challenges: this.#challenges,
      own: this.#own,
    };
  }

  #shoot({ even, odd }: Shots): void {
    for (let port = this.low; port <= this.high; port++) {
      for (const packet of port % 2 === 0 ? even : odd) {
        this.#sent++;
        this.socket.send(packet, port, LOOPBACK, () => undefined);
      }
    }
  }

  #handle(bytes: Uint8Array): void {
    const kind = classifyPacket(bytes);
    if (kind === 'stun') this.#challenges++;
    else if (isMarked(bytes)) this.#own++;
    else {
      this.#stolen++;
      if (kind !== 'rtp') return;
      const ssrc = readRtpSsrc(bytes);
      this.#speech.set(ssrc, (this.#speech.get(ssrc) ?? 0) + 1);
    }
  }
}

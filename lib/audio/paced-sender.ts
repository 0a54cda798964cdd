/*
 * One RTP packet of G.711 at each beat of a grid of 20 ms: what is queued, else silence. It has no clock and no socket.
 *
 * Silence is sent, and not left out: many phones and trunks hang up on a stream that stops, and the way back through the NAT stays in
 * use. A packet that does not go out, since nobody is verified yet or the call is on hold, takes nothing from the queue: a greeting
 * is not spoken into the void. Its time goes by all the same, so the timestamp runs on and the next packet has the marker
 * (RFC 3551 section 4.1).
 */
import { randomInt } from 'node:crypto';
import { writeUint16, writeUint32 } from '../wire/big-endian.js';
import { FRAME_OCTETS, SAMPLES_PER_MS } from './g711.js';
import type { G711 } from './g711.js';

export interface PacedSenderOptions {
  readonly codec: Pick<G711, 'payloadType' | 'silence'>;
  /** True where the packet went out. The bytes are the receiver's. */
  readonly send: (packet: Uint8Array) => boolean;
  readonly ssrc?: number | undefined;
}

/** Reason: bounded memory. Services send a whole answer at once, and none speaks for ten minutes. */
const MAX_QUEUED_OCTETS = 600_000 * SAMPLES_PER_MS;
const FIRST_ROOM_OCTETS = 8192;
const RTP_HEADER_BYTES = 12;
const VERSION_2 = 0x80;
const MARKER = 0x80;

export class PacedSender {
  readonly ssrc: number;
  /** Packets that went out. */
  sent = 0;
  /** Octets that found the queue full. */
  refused = 0;
  readonly #options: PacedSenderOptions;
  #sequence = randomInt(2 ** 16);
  #timestamp = randomInt(2 ** 32);
  #hasGap = true;
  /** The queue is what stands in it from `#from` to `#to`. */
  #room = new Uint8Array(FIRST_ROOM_OCTETS);
  #from = 0;
  #to = 0;

  constructor(options: PacedSenderOptions) {
    this.#options = options;
    this.ssrc = options.ssrc ?? randomInt(2 ** 32);
  }

  get queuedMs(): number {
    return (this.#to - this.#from) / SAMPLES_PER_MS;
  }

  /** Behind what is queued. False: there is no room for all of it, and none of it is taken. */
  queue(octets: Uint8Array): boolean {
    const queued = this.#to - this.#from;
    if (queued + octets.length > MAX_QUEUED_OCTETS) {
      this.refused += octets.length;
      return false;
    }
    if (this.#to + octets.length > this.#room.length) this.#makeRoom(queued + octets.length);
    this.#room.set(octets, this.#to);
    this.#to += octets.length;
    return true;
  }

  /** Cuts the queue: the next packet is silence. */
  clear(): void {
    this.#from = this.#to = 0;
  }

  /** It is time for a packet. */
  beat(): void {
    const { codec, send } = this.#options;
    const packet = new Uint8Array(RTP_HEADER_BYTES + FRAME_OCTETS).fill(codec.silence, RTP_HEADER_BYTES);
    packet[0] = VERSION_2;
    packet[1] = codec.payloadType | (this.#hasGap ? MARKER : 0);
    writeUint16(packet, 2, this.#sequence);
    writeUint32(packet, 4, this.#timestamp);
    writeUint32(packet, 8, this.ssrc);
    // The end of what is queued is filled up with silence.
    const octets = this.#room.subarray(this.#from, Math.min(this.#from + FRAME_OCTETS, this.#to));
    packet.set(octets, RTP_HEADER_BYTES);
    this.#timestamp = (this.#timestamp + FRAME_OCTETS) >>> 0;
    if (!send(packet)) {
      this.#hasGap = true;
      return;
    }
    this.#hasGap = false;
    this.sent++;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#from += octets.length;
  }

  /** So many packets are left out. */
  skip(beats: number): void {
    this.#timestamp = (this.#timestamp + beats * FRAME_OCTETS) >>> 0;
    this.#hasGap = true;
  }

  /** Twice what is wanted, so that each octet is moved a few times at most. */
  #makeRoom(wanted: number): void {
    const room = 2 * wanted > this.#room.length ? new Uint8Array(2 * wanted) : this.#room;
    room.set(this.#room.subarray(this.#from, this.#to));
    this.#room = room;
    this.#to -= this.#from;
    this.#from = 0;
  }
}

// A plain phone behind a NAT, as it comes out of the box: it talks to the address that it was told last, and hears whoever the NAT
// lets in. How it takes a port question, and when it speaks, is its model.
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Clock } from '../support/clock.js';
import { makeRtp } from '../support/media.js';
import type { Datagram, Network, Node } from '../support/network.js';
import { instantLink } from '../support/network.js';
import type { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

export interface PhoneModel {
  readonly name: string;
  /** What it does with a re-INVITE that names another port. */
  readonly asked: 'moves' | 'refuses' | 'ignores';
  /** Its SDP has `a=ssrc` (RFC 5576). */
  readonly announcesSsrc?: boolean;
  /** From the 200 to its first packet; Infinity: it never speaks. */
  readonly speaksAfterMs?: number;
  /** It sends nothing but a packet of comfort noise each 200 ms while its user is silent. */
  readonly hasDtx?: boolean;
  /** It only listens, on hold or by choice: its NAT is kept open by datagrams that are no RTP (RFC 6263), twice a second. */
  readonly isHolding?: boolean;
}

export const PHONES = {
  moves: { name: 'moves', asked: 'moves' },
  announces: { name: 'moves, announces its SSRC', asked: 'moves', announcesSsrc: true },
  dtx: { name: 'moves, has DTX', asked: 'moves', hasDtx: true },
  late: { name: 'moves, speaks after 2 s', asked: 'moves', speaksAfterMs: 2000 },
  refuses: { name: 'refuses', asked: 'refuses' },
  ignores: { name: 'does not reply', asked: 'ignores' },
  holds: { name: 'moves, only listens', asked: 'moves', isHolding: true },
  silent: { name: 'moves, never speaks', asked: 'moves', speaksAfterMs: Infinity },
} as const satisfies Record<string, PhoneModel>;

export type PhoneName = keyof typeof PHONES;

const PACKET_MS = 20;
const PAYLOAD_BYTES = 160;
const KEEPALIVE_MS = 500;
const KEEPALIVE = Uint8Array.of(13, 10, 13, 10);
const COMFORT_NOISE = 13;
const NOISE_EVERY = 10;

/** What a phone sends, as somebody who read the last packet would know it. */
export interface Numbers {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
}

export interface PhoneHost {
  readonly clock: Clock;
  readonly home: Network;
  readonly prng: Prng;
  /** The address of the server. */
  readonly server: string;
  handleHeard(bytes: Uint8Array): void;
  /** Its first packet. */
  handleSpoke(): void;
}

export class Phone implements Node {
  readonly name = 'phone';
  readonly model: PhoneModel;
  readonly local: TransportAddress = { address: '10.0.1.2', port: 5004 };
  readonly #host: PhoneHost;
  readonly #ssrc: number;
  #sequence: number;
  #timestamp: number;
  #serverPort = 0;
  #version = 0;
  #isSpeaking = false;
  /** The first byte of what it says, which no server looks at. */
  mark: number;
  /** With DTX: packets until the user falls silent, or speaks again. */
  #spellLeft = 50;
  #isQuiet = false;

  constructor(model: PhoneModel, mark: number, host: PhoneHost) {
    this.model = model;
    this.mark = mark;
    this.#host = host;
    const { prng } = host;
    this.#ssrc = prng.uint32();
    this.#sequence = prng.integer(0x10000);
    this.#timestamp = prng.uint32();
    host.home.attach(this.local.address, this, instantLink);
  }

  get numbers(): Numbers {
    return { ssrc: this.#ssrc, sequence: this.#sequence, timestamp: this.#timestamp };
  }

  description(): string {
    const { announcesSsrc, isHolding } = this.model;
    const lines = announcesSsrc ? [`a=ssrc:${this.#ssrc} cname:phone`] : [];
    const direction = isHolding ? 'recvonly' : 'sendrecv';
    const media = [{ port: this.local.port, isMuxed: true, direction, lines } as const];
    return makeSdp({ address: this.local.address, version: ++this.#version, media });
  }

  /** Where its next packet goes. */
  talkTo(serverPort: number): void {
    this.#serverPort = serverPort;
  }

  /** The call is up: the user speaks. */
  begin(): void {
    const { speaksAfterMs = 0 } = this.model;
    if (speaksAfterMs === Infinity || this.#isSpeaking) return;
    this.#isSpeaking = true;
    const { clock, prng } = this.#host;
    clock.after(speaksAfterMs + prng.next() * PACKET_MS, () => {
      this.#host.handleSpoke();
      if (this.model.isHolding) clock.every(KEEPALIVE_MS, () => this.#send(KEEPALIVE));
      else clock.every(PACKET_MS, () => this.#speak());
    });
  }

  handleDatagram({ bytes }: Datagram): void {
    this.#host.handleHeard(bytes);
  }

  #speak(): void {
    this.#timestamp = (this.#timestamp + 160) >>> 0;
    if (this.#spellLeft-- <= 0) {
      this.#isQuiet = this.model.hasDtx === true && !this.#isQuiet;
      this.#spellLeft = 25 + this.#host.prng.integer(75);
    }
    if (!this.#isQuiet) this.#sendRtp(0);
    else if (this.#spellLeft % NOISE_EVERY === 0) this.#sendRtp(COMFORT_NOISE);
  }

  #sendRtp(payloadType: number): void {
    const payload = new Uint8Array(PAYLOAD_BYTES).fill(this.mark);
    this.#send(makeRtp({ ...this.numbers, payloadType, payload }));
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }

  #send(bytes: Uint8Array): void {
    const { home, server } = this.#host;
    const destination = { address: server, port: this.#serverPort };
    home.send({ source: this.local, destination, bytes, origin: this.name }, instantLink);
  }
}

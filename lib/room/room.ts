/*
 * One room: whoever is in it hears everyone else, packet by packet and untouched. It mixes nothing,
 * translates nothing and buffers nothing; a packet goes out in the same turn in which it came in.
 */
import { readRtpPayloadType, readRtpSsrc } from '../wire/rtp.js';
import type { Format } from './formats.js';
import { Leg } from './leg.js';
import type { LegHost, LegOptions } from './leg.js';
import { encodeGoodbye } from './rtcp-goodbye.js';
import { routeRtcp } from './rtcp-routing.js';
import { Sources } from './sources.js';

export interface RoomOptions {
  readonly name: string;
  /** A participant hears itself, and nobody else: the room `echo`. */
  readonly isEcho: boolean;
  /** Called after a participant has left. */
  readonly onLeft: (leg: Leg) => void;
}

export class Room implements LegHost {
  readonly name: string;
  readonly #options: RoomOptions;
  readonly #sources = new Sources<Leg>();
  /** Replaced, never changed, so that joining and leaving while a packet is being sent out is harmless. */
  #legs: readonly Leg[] = [];
  #preference: readonly Format[] = [];

  constructor(options: RoomOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get legs(): readonly Leg[] {
    return this.#legs;
  }

  /** What the first participant was answered, best first; it stays until the room is empty. */
  get preference(): readonly Format[] {
    return this.#preference;
  }

  join(options: LegOptions): Leg {
    const leg = new Leg(this, this.name, options);
    if (this.#legs.length === 0) this.#preference = options.stream.accepts;
    this.#legs = [...this.#legs, leg];
    return leg;
  }

  handleLeave(leg: Leg): void {
    this.#legs = this.#legs.filter((other) => other !== leg);
    const goodbye = encodeGoodbye(this.#sources.release(leg).filter((source) => !source.hasSaidBye));
    if (goodbye !== undefined) {
      for (const other of this.#legs) if (other.hasListened) other.forwardRtcp(goodbye);
    }
    this.#options.onLeft(leg);
  }

  /** The packet path: two fields of the header, one comparison per listener, no copy and no allocation. */
  handleRtp(from: Leg, bytes: Uint8Array): void {
    const { dropped } = from.counters;
    if (!from.stream.isSending) {
      dropped.direction++;
      return;
    }
    const payloadType = readRtpPayloadType(bytes);
    const codec = from.codecSent(payloadType);
    if (codec === undefined) {
      dropped.payloadType++;
      return;
    }
    const ssrc = readRtpSsrc(bytes);
    if (from.currentSource?.ssrc !== ssrc || from.currentSource.owner !== from) {
      from.currentSource = this.#sources.claim(ssrc, from);
      if (from.currentSource === undefined) {
        dropped.ssrcConflict++;
        return;
      }
    }
    from.counters.received++;
    const { isEcho } = this.#options;
    for (const to of this.#legs) if ((to === from) === isEcho) to.forward(bytes, payloadType, codec);
  }

  handleRtcp(from: Leg, bytes: Uint8Array): void {
    const { isEcho } = this.#options;
    const routed = routeRtcp(bytes, {
      sender: from,
      peers: this.#legs.filter((leg) => (leg === from) === isEcho),
      ownerOf: (ssrc) => this.#sources.find(ssrc)?.owner,
      claim: (ssrc) => this.#sources.claim(ssrc, from) !== undefined,
    });
    for (const [ssrc, cname] of routed.cnames) {
      const source = this.#sources.find(ssrc);
      if (source?.owner === from) source.cname = cname;
    }
    for (const ssrc of routed.ended) {
      const source = this.#sources.find(ssrc);
      if (source?.owner === from) source.hasSaidBye = true;
    }
    const { dropped } = from.counters;
    dropped.rtcpMalformed += routed.dropped.malformed;
    dropped.rtcpUnroutable += routed.dropped.unroutable;
    dropped.ssrcConflict += routed.dropped.ssrcConflict;
    for (const [to, compound] of routed.deliveries) to.forwardRtcp(compound);
  }
}

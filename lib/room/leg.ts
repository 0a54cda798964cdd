/*
 * One participant of a room: its ports, what was negotiated, and what was counted. It checks what goes out
 * to the participant and hands the room what comes in; who hears whom is the room's business.
 */
import { classifyPacket } from '../wire/packet-class.js';
import type { NegotiatedStream } from './stream.js';
import type { Source } from './sources.js';

/** What a leg needs of a media port; `session.bind()` returns one, and so does a test. */
export interface RoomPort {
  on(event: 'packet', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'packet', listener: (bytes: Uint8Array) => void): unknown;
  /** False when there is no proven way to the participant, so that the packet was dropped. */
  send(bytes: Uint8Array): boolean;
}

/** One participant, as the caller of `Rooms.join` describes it. */
export interface LegOptions {
  /** The call's name in events and logs, such as the SIP Call-ID. */
  readonly call: string;
  /** The latch session's id, where there is one. */
  readonly session?: string;
  readonly stream: NegotiatedStream;
  readonly rtp: RoomPort;
  /** Left out with rtcp-mux, or where no RTCP is to be exchanged. */
  readonly rtcp?: RoomPort;
}

/** Packets by what became of them. `received` and what follows of it came from the participant. */
export interface LegCounters {
  /** RTP packets taken into the room. */
  received: number;
  /** RTP packets that went out to the participant. */
  sent: number;
  rtcpReceived: number;
  rtcpSent: number;
  dropped: {
    /** From or to the participant: a format that it has not negotiated under this number. */
    payloadType: number;
    /** From or to the participant: against the direction in force, or during hold. */
    direction: number;
    /** From the participant: an SSRC that belongs to somebody else in the room. */
    ssrcConflict: number;
    /** From the participant: neither RTP nor RTCP. */
    notRtp: number;
    /** From the participant: RTCP that cannot be read. A compound packet counts for each part. */
    rtcpMalformed: number;
    /** From the participant: RTCP about an SSRC that nobody here has, or that concerns nobody. */
    rtcpUnroutable: number;
    /** To the participant: its port had no proven path, or there is no port for RTCP. */
    noPath: number;
    /** To the participant: its port threw. */
    portError: number;
  };
}

/** What a leg reports to: its room. */
export interface LegHost {
  handleRtp(leg: Leg, bytes: Uint8Array): void;
  handleRtcp(leg: Leg, bytes: Uint8Array): void;
  handleLeave(leg: Leg): void;
}

type Codecs = readonly (string | undefined)[];

/** Indexed by payload type, so that the packet path looks up and compares without hashing. */
function codecsByPayloadType(formats: NegotiatedStream['accepts']): Codecs {
  const codecs: (string | undefined)[] = Array.from({ length: 128 }, () => undefined);
  for (const { payloadType, codec } of formats) codecs[payloadType] = codec;
  return codecs;
}

export class Leg {
  readonly room: string;
  readonly call: string;
  readonly session: string | undefined;
  readonly counters: LegCounters = {
    received: 0,
    sent: 0,
    rtcpReceived: 0,
    rtcpSent: 0,
    dropped: {
      payloadType: 0,
      direction: 0,
      ssrcConflict: 0,
      notRtp: 0,
      rtcpMalformed: 0,
      rtcpUnroutable: 0,
      noPath: 0,
      portError: 0,
    },
  };
  /** The source of the last RTP packet, kept by the room to spare a look-up. */
  currentSource: Source<Leg> | undefined;
  /** The participant could hear the room at some time, and so may know its sources. */
  hasListened = false;

  readonly #host: LegHost;
  readonly #rtp: RoomPort;
  readonly #rtcp: RoomPort | undefined;
  readonly #onPacket = (bytes: Uint8Array) => this.#handlePacket(bytes);
  #stream: NegotiatedStream;
  #accepts: Codecs;
  #sends: Codecs;
  #hasLeft = false;

  /** Use `Rooms.join`. */
  constructor(host: LegHost, room: string, options: LegOptions) {
    this.#host = host;
    this.room = room;
    this.call = options.call;
    this.session = options.session;
    this.#rtp = options.rtp;
    this.#rtcp = options.rtcp;
    this.#stream = options.stream;
    this.#accepts = codecsByPayloadType(options.stream.accepts);
    this.#sends = codecsByPayloadType(options.stream.sends);
    this.hasListened = options.stream.isListening;
    this.#rtp.on('packet', this.#onPacket);
    this.#rtcp?.on('packet', this.#onPacket);
  }

  /** What is negotiated now. */
  get stream(): NegotiatedStream {
    return this.#stream;
  }

  get isListening(): boolean {
    return this.#stream.isListening;
  }

  /** Takes over the outcome of a re-INVITE: formats, directions, hold and resume. The ports stay. */
  update(stream: NegotiatedStream): void {
    this.#stream = stream;
    this.#accepts = codecsByPayloadType(stream.accepts);
    this.#sends = codecsByPayloadType(stream.sends);
    this.hasListened ||= stream.isListening;
  }

  /** Takes the participant out of the room; whoever heard it gets a BYE. The ports stay open. Idempotent. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#rtp.off('packet', this.#onPacket);
    this.#rtcp?.off('packet', this.#onPacket);
    this.#host.handleLeave(this);
  }

  /** The codec the participant means by this number, if it may send it. */
  codecSent(payloadType: number): string | undefined {
    return this.#sends[payloadType];
  }

  /** Sends one RTP packet to the participant if it listens and means the same codec by the number. */
  forward(bytes: Uint8Array, payloadType: number, codec: string): void {
    if (!this.#stream.isListening) this.counters.dropped.direction++;
    else if (this.#accepts[payloadType] !== codec) this.counters.dropped.payloadType++;
    else if (this.#send(this.#rtp, bytes)) this.counters.sent++;
  }

  /** Sends one RTCP compound packet to the participant, wherever it takes RTCP. */
  forwardRtcp(bytes: Uint8Array): void {
    if (!this.#stream.isReportable) this.counters.dropped.direction++;
    else if (this.#send(this.#stream.isRtcpMux ? this.#rtp : this.#rtcp, bytes)) this.counters.rtcpSent++;
  }

  /** A port that throws must not keep the packet from the others, so nothing is thrown from here. */
  #send(port: RoomPort | undefined, bytes: Uint8Array): boolean {
    try {
      if (port?.send(bytes) === true) return true;
      this.counters.dropped.noPath++;
    } catch {
      this.counters.dropped.portError++;
    }
    return false;
  }

  /** RTCP is taken on either port: some send it multiplexed without asking, and the port has proven who sends. */
  #handlePacket(bytes: Uint8Array): void {
    switch (classifyPacket(bytes)) {
      case 'rtp':
        this.#host.handleRtp(this, bytes);
        break;
      case 'rtcp':
        this.counters.rtcpReceived++;
        this.#host.handleRtcp(this, bytes);
        break;
      default:
        this.counters.dropped.notRtp++;
    }
  }
}

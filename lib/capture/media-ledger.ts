/*
 * All RTP streams of a capture while it is read. What looks like RTP is kept on probation until its sequence numbers
 * advance or the signalling names its port, so that other traffic, scans and floods cost a fixed amount of memory.
 */
import type { TransportAddress } from '../wire/address.js';
import { readUint32 } from '../wire/big-endian.js';
import type { JudgedSrtp } from './srtp-ledger.js';
import type { CapturedDatagram } from './traffic.js';
import { MediaEndpoint } from './media-endpoint.js';
import { MediaStream } from './media-stream.js';
import type { CodecLookup } from './media-stream.js';

/** Reason: bounded memory; about a kilobyte a stream. */
export const STREAMS_MAX = 16_384;
const PROBATION_MAX = 4096;
const ENDPOINTS_MAX = 65_536;

/** An endpoint and the RTP streams that go there, by SSRC. */
interface Place {
  readonly endpoint: MediaEndpoint;
  readonly streams: Map<number, MediaStream>;
}

export class MediaLedger {
  /** By IP address, then by port. */
  readonly #places = new Map<string, Map<number, Place>>();
  #placeCount = 0;
  readonly #streams = new Set<MediaStream>();
  /** In the order in which they appeared. */
  readonly #probation = new Set<MediaStream>();
  /** Packets of streams and addresses above the limits. */
  unlistedPackets = 0;
  unlistedStreams = 0;
  readonly #codecOf: CodecLookup;

  /** @param codecOf what the signalling so far says of a payload type */
  constructor(codecOf: CodecLookup) {
    this.#codecOf = codecOf;
  }

  /** All that was kept, those on probation too, in the order in which they began. */
  streams(): MediaStream[] {
    return [...this.#streams, ...this.#probation].sort((a, b) => a.firstMs - b.firstMs);
  }

  endpoint(address: TransportAddress): MediaEndpoint | undefined {
    return this.#place(address)?.endpoint;
  }

  /** One datagram that `classifyPacket` calls `rtp`; where it is SRTP that was opened, in clear. */
  handleRtp(datagram: CapturedDatagram, judged?: JudgedSrtp): void {
    const { payload, source, destination } = datagram;
    const to = this.#placeOf(destination);
    if (!to) {
      this.unlistedPackets++;
      return;
    }
    const ssrc = readUint32(payload, 8);
    const stream = to.streams.get(ssrc) ?? this.#begin(ssrc, to, datagram);
    let from = stream.find(source);
    if (!from) {
      const endpoint = this.#placeOf(source)?.endpoint;
      from = endpoint && stream.begin(endpoint, datagram);
    }
    const isNew = stream.add(from, datagram, judged);
    // What came twice left once.
    if (from && isNew) {
      to.endpoint.noteReceived(from.target);
      from.from.noteSent();
    }
    if (from?.count.advances === 2) this.#confirm(stream);
  }

  #begin(ssrc: number, to: Place, first: CapturedDatagram): MediaStream {
    const stream = new MediaStream(ssrc, to.endpoint, first, this.#codecOf);
    to.streams.set(ssrc, stream);
    this.#probation.add(stream);
    if (this.#probation.size > PROBATION_MAX) {
      const [oldest] = this.#probation;
      if (oldest) this.#drop(oldest);
    }
    return stream;
  }

  #confirm(stream: MediaStream): void {
    if (!this.#probation.delete(stream)) return;
    if (this.#streams.size < STREAMS_MAX) this.#streams.add(stream);
    else this.#drop(stream);
  }

  #drop(stream: MediaStream): void {
    this.#probation.delete(stream);
    this.#place(stream.destination.address)?.streams.delete(stream.ssrc);
    this.unlistedPackets += stream.packets;
    this.unlistedStreams++;
  }

  #place(address: TransportAddress): Place | undefined {
    return this.#places.get(address.address)?.get(address.port);
  }

  #placeOf(address: TransportAddress): Place | undefined {
    let ports = this.#places.get(address.address);
    const known = ports?.get(address.port);
    if (known) return known;
    if (this.#placeCount === ENDPOINTS_MAX) return undefined;
    if (!ports) this.#places.set(address.address, (ports = new Map<number, Place>()));
    const endpoint = new MediaEndpoint({ address: address.address, port: address.port });
    const place = { endpoint, streams: new Map<number, MediaStream>() };
    ports.set(address.port, place);
    this.#placeCount++;
    return place;
  }
}

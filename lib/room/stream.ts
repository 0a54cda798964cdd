/*
 * What offer and answer agreed on for one stream of one participant: numbers, directions, hold.
 * Everything is told from the participant's side. It holds no sockets and knows no room.
 */
import { parseIp } from '../wire/address.js';
import type { TransportAddress } from '../wire/address.js';
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import type { Format } from './formats.js';
import type { KeyFrameRequest } from './section-attributes.js';

/** The outcome of one offer/answer exchange for one m= section, as a leg of a room needs it. */
export interface NegotiatedStream {
  /** Index of the m= section, counted from 0. */
  readonly media: number;
  /** Index of the section whose ports it shares: its own but in a BUNDLE group. */
  readonly transport: number;
  /** Whose streams it hears: those of the same channel, such as `audio`, `video`, `video 2`, `application udp wb`. */
  readonly channel: string;
  /** RTP, and not datagrams that go on unread. */
  readonly isRtp: boolean;
  /** What the participant takes, under the numbers it wants to see; the first is the codec of the call. */
  readonly accepts: readonly Format[];
  /** What the participant may send, under the numbers it was given. */
  readonly sends: readonly Format[];
  /** The participant's media comes into the room. */
  readonly isSending: boolean;
  /** The room's media goes to the participant. */
  readonly isListening: boolean;
  /** RTCP goes to the participant: also on hold, but not to c=0.0.0.0 (RFC 3264 section 8.4). */
  readonly isReportable: boolean;
  /** RTP and RTCP share the RTP port (RFC 5761). */
  readonly isRtcpMux: boolean;
  /** The id of the audio level (RFC 6464) in its packets' header extension, both ways; 0 for none. */
  readonly audioLevelId: number;
  /** How it can be asked for a key frame. */
  readonly keyFrameRequest?: KeyFrameRequest | undefined;
  /** Where the participant's own description says that RTP and RTCP should go. */
  readonly remote: TransportAddress;
  readonly remoteRtcp: TransportAddress;
}

/**
 * Whether the address is `0.0.0.0` or `::`: the old way to put a call on hold, where nothing is sent
 * (RFC 3264 section 8.4). A host name is not, nor is it anything this room resolves.
 */
function isUnspecified(address: string): boolean {
  return parseIp(address)?.every((byte) => byte === 0) === true;
}

/** With an unspecified address: it is not known yet (RFC 8840 section 4.1.1). */
const UNKNOWN_PORT = 9;

/** What is not in the participant's section alone. */
export type Agreed = Omit<
  NegotiatedStream,
  'media' | 'isSending' | 'isListening' | 'isReportable' | 'remote' | 'remoteRtcp'
>;

/**
 * Reads directions, hold and addresses out of the participant's own m= section, and joins them to what was
 * agreed. With ICE an unspecified address says only that candidates come later, and holds nothing; with latch
 * and port 9 it says that the first hello will show it.
 */
export function streamOf(sdp: Sdp, media: SdpMedia, agreed: Agreed): NegotiatedStream {
  const { direction } = media;
  const transport = sdp.media[agreed.transport] ?? media;
  const isUnknownYet = sdp.mentionsIce || (media.latch !== undefined && media.port === UNKNOWN_PORT);
  const isReportable = !isUnspecified(media.address) || isUnknownYet;
  return {
    media: media.index,
    ...agreed,
    isSending: direction === 'sendrecv' || direction === 'sendonly',
    isListening: isReportable && (direction === 'sendrecv' || direction === 'recvonly'),
    isReportable,
    remote: { address: transport.address, port: transport.port },
    remoteRtcp: transport.rtcp,
  };
}

/** Gives channels their names: the second section of a kind hears the others' second, and so on. */
export class ChannelNames {
  readonly #counts = new Map<string, number>();

  next(media: SdpMedia): string {
    const { kind, protocol, formats } = media;
    const name = kind === 'application' ? `${kind} ${protocol.toLowerCase()} ${formats.join(' ')}` : kind;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count === 1 ? name : `${name} ${count}`;
  }
}

/** A stream that the participant has taken back with port 0: nothing flows either way. */
export function closedStream(media: SdpMedia): NegotiatedStream {
  return {
    media: media.index,
    transport: media.index,
    channel: media.kind,
    isRtp: true,
    audioLevelId: 0,
    accepts: [],
    sends: [],
    isSending: false,
    isListening: false,
    isReportable: false,
    isRtcpMux: false,
    remote: { address: media.address, port: 0 },
    remoteRtcp: media.rtcp,
  };
}

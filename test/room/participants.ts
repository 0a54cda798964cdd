/*
 * Participants on ports in memory, and the packets they send, for the tests of rooms.
 */
import { EventEmitter } from 'node:events';
import {
  ByePacket,
  CompoundPacket,
  ReceiverReportPacket,
  ReceptionReport,
  RtpPacket,
  SdesChunk,
  SdesPacket,
  SenderReportPacket,
} from 'rtp.js/packets';
import type { RtcpPacket } from 'rtp.js/packets';
import { answerOffer, offeredTransports } from '../../lib/room/index.js';
import { classifyPacket } from '../../lib/wire/packet-class.js';
import type { Format, Leg, NegotiatedStream, Rooms, SectionPorts } from '../../lib/room/index.js';

export const CNAME = 1;

/** A media port without sockets: `receive` is what the network delivered, `sent` what went out. */
export class FakePort extends EventEmitter {
  readonly sent: Uint8Array[] = [];
  hasPath = true;
  /** Nothing proves who sends. */
  isKeyless = false;
  error: Error | undefined;

  send(bytes: Uint8Array): boolean {
    if (this.error !== undefined) throw this.error;
    if (this.hasPath) this.sent.push(Uint8Array.from(bytes));
    return this.hasPath;
  }

  receive(bytes: Uint8Array): void {
    this.emit('packet', bytes, { address: '192.0.2.1', port: 4000 }, classifyPacket(bytes));
  }

  /** What has been sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }
}

export interface Participant {
  readonly rtp: FakePort;
  readonly rtcp: FakePort;
  readonly leg: Leg;
}

const PCMU: Format = { payloadType: 0, codec: 'PCMU/8000' };

export function streamWith(changes: Partial<NegotiatedStream> = {}): NegotiatedStream {
  const formats = changes.accepts ?? [PCMU];
  return {
    media: 0,
    transport: 0,
    channel: 'audio',
    isRtp: true,
    audioLevelId: 0,
    accepts: formats,
    sends: formats,
    isSending: true,
    isListening: true,
    isReportable: true,
    isRtcpMux: false,
    remote: { address: '192.0.2.1', port: 4000 },
    remoteRtcp: { address: '192.0.2.1', port: 4001 },
    ...changes,
  };
}

let calls = 0;

export function join(rooms: Rooms, name: string, changes: Partial<NegotiatedStream> = {}): Participant {
  const rtp = new FakePort();
  const rtcp = new FakePort();
  const streams = [{ stream: streamWith(changes), rtp, rtcp }];
  return { rtp, rtcp, leg: rooms.join(name, { call: `call-${++calls}`, streams }) };
}

/** What is negotiated with a participant of one stream. */
export function streamOf({ leg }: Pick<Participant, 'leg'>): NegotiatedStream {
  const [stream] = leg.streams;
  if (stream === undefined) throw new Error('a participant without streams');
  return stream;
}

/** A re-INVITE of a participant of one stream. */
export function renegotiate({ leg, rtp, rtcp }: Participant, changes: Partial<NegotiatedStream>): void {
  leg.update([{ stream: { ...streamOf({ leg }), ...changes }, rtp, rtcp }]);
}

/** An offer of one audio section; the lines given come after the m= line. */
export function offerOf(formats: string, lines: readonly string[] = [], address = '192.0.2.1'): string {
  return (
    [
      'v=0',
      'o=- 1 1 IN IP4 192.0.2.1',
      's=-',
      `c=IN IP4 ${address}`,
      't=0 0',
      `m=audio 4000 RTP/AVP ${formats}`,
    ]
      .concat(lines)
      .join('\r\n') + '\r\n'
  );
}

/** A section of video, for `sdpOf`. */
export const VIDEO = ['m=video 5002 RTP/AVPF 96', 'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack pli'];

/** A description of these sections, m= lines first; lines before the first m= are the session's. */
export function sdpOf(...sections: (readonly string[])[]): string {
  const head = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
  return [...head, ...sections.flat()].map((line) => `${line}\r\n`).join('');
}

/** Ports for every transport that the offer could have: 40000 and up. */
export function portsFor(offer: string): ReadonlyMap<number, SectionPorts> {
  const transports = offeredTransports(offer);
  return new Map(transports.map((index, at) => [index, { rtpPort: 40000 + 2 * at }]));
}

/** A participant of several sections; its ports are by the index of the section that leads the transport. */
export interface Caller {
  readonly leg: Leg;
  readonly ports: ReadonlyMap<number, { readonly rtp: FakePort; readonly rtcp: FakePort }>;
}

/** Answers the offer and joins with what was agreed on: two ports for each transport. */
export function enter(rooms: Rooms, name: string, offer: string): Caller {
  const preference = rooms.preference(name);
  const answer = answerOffer(offer, {
    address: '198.51.100.1',
    rtpPort: 0,
    ports: portsFor(offer),
    preference,
  });
  if (!answer.ok) throw new Error(answer.warning);
  const pairOf = () => ({ rtp: new FakePort(), rtcp: new FakePort() });
  const ports = new Map(offeredTransports(offer).map((index) => [index, pairOf()]));
  const streams = answer.streams.map((stream) => {
    const pair = ports.get(stream.transport);
    if (pair === undefined) throw new Error('a stream without ports');
    return { stream, ...pair };
  });
  return { leg: rooms.join(name, { call: `call-${++calls}`, streams }), ports };
}

/** The port of a caller's section, for media or for RTCP. */
export function portOf({ ports }: Caller, index: number, kind: 'rtp' | 'rtcp' = 'rtp'): FakePort {
  const port = ports.get(index)?.[kind];
  if (port === undefined) throw new Error(`no port for section ${index}`);
  return port;
}

/** What a room answers to the offer, as a stream; fails the test when it refuses. */
export function agree(offer: string): NegotiatedStream {
  const answer = answerOffer(offer, { address: '198.51.100.1', rtpPort: 40000, rtcpPort: 40001 });
  if (!answer.ok) throw new Error(answer.warning);
  return answer.stream;
}

export function rtp(ssrc: number, sequence = 1, payloadType = 0): Uint8Array {
  const packet = new RtpPacket();
  packet.setSsrc(ssrc);
  packet.setSequenceNumber(sequence);
  packet.setPayloadType(payloadType);
  packet.setPayload(new DataView(Uint8Array.of(ssrc & 0xff, sequence & 0xff, 3, 4).buffer));
  return toBytes(packet.getView());
}

export function compound(...packets: RtcpPacket[]): Uint8Array {
  const whole = new CompoundPacket();
  whole.setPackets(packets);
  return toBytes(whole.getView());
}

export function block(ssrc: number, jitter = 7): ReceptionReport {
  const report = new ReceptionReport();
  report.setSsrc(ssrc);
  report.setFractionLost(9);
  report.setHighestSeqNumber(0x10203);
  report.setJitter(jitter);
  report.setLastSRTimestamp(0xcafe0001);
  report.setDelaySinceLastSR(0x1000);
  return report;
}

export function senderReport(ssrc: number, ...about: number[]): SenderReportPacket {
  const report = new SenderReportPacket();
  report.setSsrc(ssrc);
  report.setNtpSeconds(0xe0000001);
  report.setNtpFraction(0x80000000);
  report.setRtpTimestamp(1600);
  report.setPacketCount(10);
  report.setOctetCount(1600);
  report.setReports(about.map((source) => block(source)));
  return report;
}

export function receiverReport(ssrc: number, ...about: number[]): ReceiverReportPacket {
  const report = new ReceiverReportPacket();
  report.setSsrc(ssrc);
  report.setReports(about.map((source) => block(source)));
  return report;
}

export function names(...entries: [ssrc: number, cname: string][]): SdesPacket {
  const packet = new SdesPacket();
  for (const [ssrc, cname] of entries) {
    const chunk = new SdesChunk();
    chunk.setSsrc(ssrc);
    chunk.addItem(CNAME, cname);
    packet.addChunk(chunk);
  }
  return packet;
}

export function bye(...ssrcs: number[]): ByePacket {
  const packet = new ByePacket();
  packet.setSsrcs(ssrcs);
  return packet;
}

/** The packets of one compound that a participant was sent. */
export function read(bytes: Uint8Array | undefined): RtcpPacket[] {
  if (bytes === undefined) throw new Error('nothing was sent');
  return new CompoundPacket(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)).getPackets();
}

function toBytes(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/*
 * One room: whoever is in it hears everyone else, packet by packet, and untouched but for numbers that mean
 * something else to the listener. It mixes nothing, transcodes nothing and buffers nothing; a packet goes out in
 * the same turn in which it came in.
 */
import { readRtcpSsrc } from '../wire/rtcp.js';
import { readRtpPayloadType, readRtpSsrc } from '../wire/rtp.js';
import { CnameAlias } from './cname-alias.js';
import { commonCodec } from './common-codec.js';
import { kindOf } from './formats.js';
import type { Format } from './formats.js';
import { KeyFrames } from './key-frames.js';
import type { LegOptions, WatchOptions } from './leg.js';
import { Inlet, Outlet } from './inlet.js';
import type { Link, LinkInlet, LinkOutlet, LinkSent, LinkTrack } from './link.js';
import { Participant } from './participant.js';
import type { ParticipantHost } from './participant.js';
import { encodeGoodbye } from './rtcp-goodbye.js';
import { decideNumbers } from './number-shift.js';
import type { NumberShift } from './number-shift.js';
import type { ReceivedStatistics } from './reception.js';
import { ReportLedger } from './report-ledger.js';
import type { ReportedStatistics } from './report-ledger.js';
import { renameRtcp } from './rtcp-renaming.js';
import { readReportTime, readSenderTime } from './rtcp-reports.js';
import { routeRtcp } from './rtcp-routing.js';
import { shiftSenderReports, unshiftedReport } from './rtcp-shift.js';
import { speakersOf } from './rtcp-speakers.js';
import type { RtcpRouting } from './rtcp-routing.js';
import type { NegotiatedStream } from './stream.js';
import { AS_IT_IS, copyRtp, isSameSpelling } from './rtp-copy.js';
import type { Spelling } from './rtp-copy.js';
import { SenderClock } from './sender-clock.js';
import { Sources } from './sources.js';
import type { Source } from './sources.js';
import type { Tap } from './tap.js';

export interface RoomOptions {
  readonly name: string;
  /** A participant hears itself, and nobody else: the room `echo`. */
  readonly isEcho: boolean;
  /** It never has more than two, and nobody watches it. */
  readonly isPair: boolean;
  /** Called after a participant has left. */
  readonly onLeft: (leg: Participant) => void;
  /** Unguessable, of 32 bits. */
  readonly random: () => number;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Those who listen to it now. */
  readonly taps: ReadonlySet<Tap>;
}

/** How the media of one participant arrives. */
export interface LegStatistics {
  /** Of each of its sources, what has arrived at the server. */
  readonly sends: readonly ({ readonly ssrc: number; readonly channel: string } & ReceivedStatistics)[];
  /** What it reports of what it hears. */
  readonly reports: readonly ReportedStatistics[];
}

/** Of participants in one room: each packet goes out once for every one of them. */
export const LEGS_MAX = 50;
const PAIR = 2;
/** Of those who watch one room: each takes a copy of what it watches. */
export const VIEWERS_MAX = 200;

const NOBODY: readonly LinkTrack[] = [];
const PAYLOAD_TYPES = 128;
/** Ways of one transport that are kept: those of its streams and of their events. Who has more finds them anew. */
const INLETS_MAX = 64;

export class Room implements ParticipantHost {
  readonly name: string;
  readonly #options: RoomOptions;
  readonly #taps: ReadonlySet<Tap>;
  readonly #sources: Sources<Link>;
  readonly #keyFrames: KeyFrames;
  readonly #ledger = new ReportLedger();
  readonly #aliases = new CnameAlias();
  /** Replaced, never changed, so that joining and leaving while a packet is being sent out is harmless. */
  #legs: readonly Participant[] = [];
  /** They hear and are not heard, and nobody is told of them but by their reports. */
  #viewers: readonly Participant[] = [];
  #tracks: ReadonlyMap<string, readonly LinkTrack[]> = new Map();
  #preference: readonly Format[] = [];
  /**
   * Rises with all that changes where packets go, and how they read there. Each way is then worked out anew with its next packet, which costs
   * what it costs to pass a packet on, a few times over: who makes it rise all the time gains no more than that.
   */
  #version = 0;

  constructor(options: RoomOptions) {
    const { name, random, nowMs } = options;
    this.name = name;
    this.#options = options;
    this.#taps = options.taps;
    this.#sources = new Sources(random, () => this.#version++);
    const cname = `room-${random().toString(36)}`;
    this.#keyFrames = new KeyFrames({ ssrc: this.#sources.reserve(), cname, nowMs });
  }

  get legs(): readonly Participant[] {
    return this.#legs;
  }

  get isFull(): boolean {
    return this.#legs.length >= this.legsMax;
  }

  get legsMax(): number {
    return this.#options.isPair ? PAIR : LEGS_MAX;
  }

  /**
   * What the first participant was answered, best first, but what all who are here take before the rest; it stays until the
   * room is empty. What it has not at all, such as video, is as the first one here that has it.
   */
  get preference(): readonly Format[] {
    const preference = [...this.#preference];
    const known = new Set(preference.map(kindOf));
    for (const { streams } of this.#legs) {
      const added = streams.flatMap(({ accepts }) => accepts).filter((one) => !known.has(kindOf(one)));
      preference.push(...added);
      for (const format of added) known.add(kindOf(format));
    }
    const streams = this.#legs.flatMap((leg) => leg.streams);
    const isCommon = (format: Format) => commonCodec([format], streamsOf(streams, format)) !== undefined;
    const common = preference.filter(isCommon);
    return [...common, ...preference.filter((format) => !common.includes(format))];
  }

  /** How the media of a participant of this room arrives, here and with it. */
  statisticsOf(leg: Participant): LegStatistics {
    const nowMs = this.#options.nowMs();
    return {
      sends: leg.links.flatMap((link) =>
        this.#sources
          .of(link)
          .filter(({ channel }) => channel !== undefined)
          .map(({ ssrc, channel = '', reception }) => ({ ssrc, channel, ...reception.statistics })),
      ),
      reports: leg.links.flatMap((link) => this.#ledger.reportsOf(link, nowMs)),
    };
  }

  join(options: LegOptions): Participant {
    const leg = new Participant(this, this.name, options);
    if (this.#legs.length === 0) this.#preference = leg.streams.flatMap(({ accepts }) => accepts);
    this.#legs = [...this.#legs, leg];
    this.#sortTracks();
    for (const track of tracksOf(leg).filter(isSeen)) this.#askForKeyFrames(track);
    return leg;
  }

  get isFullOfViewers(): boolean {
    return this.#viewers.length >= this.viewersMax;
  }

  /** Who watches is told what is sent, too. */
  get viewersMax(): number {
    return this.#options.isPair ? 0 : VIEWERS_MAX;
  }

  /** Lets somebody see and hear what single participants send. */
  watch(options: WatchOptions): Participant {
    const viewer = new Participant(this, this.name, options);
    this.#viewers = [...this.#viewers, viewer];
    this.#sortTracks();
    for (const track of tracksOf(viewer)) {
      if (isSeen(track)) this.#askForKeyFrames(track);
      this.#tellClocks(track);
    }
    return viewer;
  }

  handleUpdate(leg: Participant, closed: readonly Link[]): void {
    for (const link of closed) this.#endSources(link);
    const seen = new Set(
      [...this.#tracks.values()]
        .flat()
        .flatMap((track) => (track.link.leg === leg && isSeen(track) ? [track.stream.channel] : [])),
    );
    this.#sortTracks();
    for (const track of tracksOf(leg).filter(isSeen)) {
      if (!seen.has(track.stream.channel)) this.#askForKeyFrames(track);
    }
  }

  handleLeave(leg: Participant): void {
    const isViewer = this.#viewers.includes(leg);
    if (isViewer) this.#viewers = this.#viewers.filter((other) => other !== leg);
    else this.#legs = this.#legs.filter((other) => other !== leg);
    this.#sortTracks();
    for (const link of leg.links) this.#endSources(link);
    if (!isViewer) this.#options.onLeft(leg);
  }

  /** The packet path: two fields of the header tell its way, which is known; no copy where nothing differs. */
  handleRtp(link: Link, bytes: Uint8Array, atMs: number | undefined): void {
    const payloadType = readRtpPayloadType(bytes);
    const ssrc = readRtpSsrc(bytes);
    let { inlet } = link;
    if (!inlet?.isOf(payloadType, ssrc) || !this.#isGood(inlet, link)) {
      inlet = link.inlet = this.#inletOf(link, payloadType, ssrc);
      if (inlet === undefined) return;
    }
    inlet.tally.received++;
    inlet.reception.handle(bytes, inlet.clockRate, this.#timeOf(atMs));
    let copy: Uint8Array | undefined;
    let last: Spelling | undefined;
    for (const to of inlet.outlets) {
      const { spelling } = to;
      if (spelling === undefined) {
        to.drop();
      } else if (spelling === AS_IT_IS) {
        this.#deliver(to, bytes);
      } else {
        if (copy === undefined || !isSameSpelling(spelling, last)) copy = copyRtp(bytes, spelling);
        last = spelling;
        this.#deliver(to, copy);
      }
    }
    if (inlet.isSeen && inlet.source.isKeyFrameDue) this.#keyFrames.ask(inlet.source);
    if (this.#taps.size > 0) this.#tapPacket(inlet.sent, inlet.source, bytes, this.#timeOf(atMs));
  }

  /** The way of such packets through the room; undefined, and counted, where there is none. */
  #inletOf(link: Link, payloadType: number, ssrc: number): LinkInlet | undefined {
    const sent = link.sentAs(payloadType);
    if (sent === undefined) return undefined;
    const key = ssrc * PAYLOAD_TYPES + payloadType;
    const known = link.inlets.get(key);
    if (known && this.#isGood(known, link)) return known;
    const source = this.#claim(ssrc, link);
    if (source === undefined) {
      link.leg.tally.dropped.ssrcConflict++;
      return undefined;
    }
    source.channel = sent.track.stream.channel;
    if (link.inlets.size === INLETS_MAX) link.inlets.clear();
    const inlet = new Inlet(
      sent,
      payloadType,
      source,
      this.#outletsOf(sent, payloadType, source),
      this.#version,
      !source.shift && !this.#isClosed,
    );
    link.inlets.set(key, inlet);
    return inlet;
  }

  /** Whether a way is as it was when it was worked out. */
  #isGood({ version, canShift }: LinkInlet, link: Link): boolean {
    return version === this.#version && !(canShift && link.isKeyless);
  }

  get #isClosed(): boolean {
    return this.#options.isEcho || this.#options.isPair;
  }

  #numbersOf(link: Link): 'own' | 'shifted' {
    return decideNumbers({ isKeyless: link.isKeyless, isClosed: this.#isClosed });
  }

  /** The source that a participant calls so. One under its own numbers ends where it is to have others, and begins anew. */
  #claim(ownSsrc: number, link: Link): Source<Link> | undefined {
    const numbers = this.#numbersOf(link);
    const known = numbers === 'shifted' ? this.#sources.find(link.swaps.swap(ownSsrc)) : undefined;
    if (known?.owner === link && !known.shift) {
      this.#sources.end(known);
      this.#sayGoodbye(link, [known]);
    }
    return this.#sources.claim(ownSsrc, link, numbers);
  }

  shiftOf(link: Link, ssrc: number): NumberShift | undefined {
    const source = this.#sources.find(ssrc);
    return source?.owner === link ? source.shift : undefined;
  }

  #outletsOf(sent: LinkSent, payloadType: number, source: Source<Link>): LinkOutlet[] {
    const { stream, link } = sent.track;
    const isHearing = (to: LinkTrack) =>
      (to.link.leg === link.leg) === this.#options.isEcho && to.isOf(link.leg);
    return (this.#tracks.get(stream.channel) ?? NOBODY)
      .filter(isHearing)
      .map((to) => new Outlet(to, to.stream.isListening ? to.spell(sent, payloadType, source) : undefined));
  }

  handleData(from: LinkTrack, bytes: Uint8Array): void {
    const { leg } = from.link;
    if (!from.stream.isSending) {
      leg.tally.dropped.direction++;
      return;
    }
    leg.tally.received++;
    for (const to of this.#tracks.get(from.stream.channel) ?? NOBODY) {
      if ((to.link.leg === leg) !== this.#options.isEcho || !to.isOf(leg)) continue;
      if (to.stream.isListening) to.link.send(bytes);
      else to.link.leg.tally.dropped.direction++;
    }
  }

  handleRtcp(from: Link, bytes: Uint8Array): void {
    const { dropped } = from.leg.tally;
    // Whose report it is comes first; a number that somebody else has is exchanged before anything is read.
    const reporter = readRtcpSsrc(bytes);
    const isKeyless = this.#numbersOf(from) === 'shifted';
    if (isKeyless) for (const ssrc of speakersOf(bytes)) this.#claim(ssrc, from);
    else if (this.#sources.isForeign(from.swaps.swap(reporter), from)) this.#sources.claim(reporter, from);
    const ownerOf = (ssrc: number) => this.#sources.find(ssrc)?.owner;
    const routed = routeRtcp(from.swaps.isEmpty ? bytes : this.#inRoomNumbers(from, bytes), {
      sender: from,
      peers: this.#peersOf(from),
      isForeign: (ssrc) => this.#sources.isForeign(ssrc, from),
      ownerOf,
      claim: (ssrc) => (isKeyless ? ownerOf(ssrc) === from : this.#sources.claimAsIs(ssrc, from)),
      isKeyless,
      isConcealed: (ssrc) => (ownerOf(ssrc) === from ? this.shiftOf(from, ssrc) !== undefined : isKeyless),
      aliasOf: (cname) => this.#aliases.of(cname),
      isHeardBy: (ssrc, peer) => peer.hears(this.#sources.find(ssrc)?.channel),
    });
    for (const [ssrc, cname] of routed.cnames) {
      const source = this.#sources.find(ssrc);
      if (source?.owner === from) source.cname = cname;
    }
    for (const ssrc of routed.ended) {
      const source = this.#sources.find(ssrc);
      if (source?.owner === from) source.hasSaidBye = true;
    }
    this.#noteReports(from, routed);
    dropped.rtcpMalformed += routed.dropped.malformed;
    dropped.rtcpUnroutable += routed.dropped.unroutable;
    dropped.ssrcConflict += routed.dropped.ssrcConflict;
    for (const [to, compound] of routed.deliveries) to.sendRtcp(compound);
    this.#tapReports(from, routed.senderReports);
  }

  #inRoomNumbers(from: Link, bytes: Uint8Array): Uint8Array {
    const copy = renameRtcp(bytes, from.swaps);
    shiftSenderReports(copy, (ssrc) => this.shiftOf(from, ssrc));
    return copy;
  }

  handleReportsDue(link: Link): void {
    for (const track of link.tracks) this.#tellClocks(track);
  }

  #tapPacket({ track, format }: LinkSent, { ssrc }: Source<Link>, bytes: Uint8Array, atMs: number): void {
    const { link, stream } = track;
    for (const tap of this.#taps) tap.onPacket(link.leg, { bytes, ssrc, format, stream, atMs });
  }

  #tapReports(from: Link, senderReports: RtcpRouting<Link>['senderReports']): void {
    if (this.#taps.size === 0) return;
    const atMs = this.#options.nowMs();
    for (const [ssrc, shifted] of senderReports) {
      const source = this.#sources.find(ssrc);
      if (source?.owner !== from) continue;
      const bytes = unshiftedReport(shifted, source.shift);
      const report = { bytes, ssrc, ...readSenderTime(bytes), atMs };
      for (const tap of this.#taps) tap.onReport?.(from.leg, report);
    }
  }

  /** The port has mostly looked at the clock already. */
  #timeOf(atMs: number | undefined): number {
    return atMs ?? this.#options.nowMs();
  }

  #noteReports(from: Link, { reports, senderReports }: RtcpRouting<Link>): void {
    const nowMs = this.#options.nowMs();
    for (const [ssrc, report] of senderReports) {
      const source = this.#sources.find(ssrc);
      if (source?.owner !== from) continue;
      source.clock = new SenderClock(report, nowMs);
      this.#ledger.noteSent(source, readReportTime(report), nowMs);
    }
    for (const block of reports) {
      const source = this.#sources.find(block.ssrc);
      if (source !== undefined) this.#ledger.noteReport(from, source, block, nowMs);
    }
  }

  #deliver(outlet: LinkOutlet, packet: Uint8Array): void {
    const isSent = outlet.send(packet);
    if (isSent === outlet.hasSent) return;
    outlet.hasSent = isSent;
    const to = outlet.track;
    if (isSent !== to.hasMissed) return;
    to.hasMissed = !isSent;
    if (!isSent) return;
    // The way to the participant has opened: what it has missed of these pictures it needs anew.
    if (isSeen(to)) this.#askForKeyFrames(to);
    if (to.speaker !== undefined) this.#tellClocks(to);
  }

  #askForKeyFrames(listener: LinkTrack): void {
    for (const source of this.#sourcesFor(listener)) this.#keyFrames.ask(source);
  }

  /**
   * So that who comes between two sender reports need not wait for the next to bring sound and picture together; and who has moved, to show that
   * it receives there (protocol.md 8.2.4).
   */
  #tellClocks(listener: LinkTrack): void {
    const nowMs = this.#options.nowMs();
    for (const source of this.#sourcesFor(listener)) {
      const report = source.clock?.encode(source, nowMs);
      if (report) listener.link.sendRtcp(report);
    }
  }

  /** The sources whose media goes to this track. */
  #sourcesFor(listener: LinkTrack): Source<Link>[] {
    return [...this.#sources.all()].filter(({ owner, channel }) => {
      const isHeard = (owner?.leg === listener.link.leg) === this.#options.isEcho;
      return channel === listener.stream.channel && isHeard && listener.isOf(owner?.leg);
    });
  }

  /** Who can hear the link, or be heard by it: over any stream. */
  #peersOf(link: Link): readonly Link[] {
    const { isEcho } = this.#options;
    return [...this.#legs, ...this.#viewers]
      .filter((leg) => (leg === link.leg) === isEcho)
      .flatMap((leg) => leg.links.filter((other) => other.meets(link)));
  }

  #endSources(link: Link): void {
    this.#sayGoodbye(link, this.#sources.release(link));
  }

  #sayGoodbye(link: Link, sources: readonly Source<Link>[]): void {
    const goodbye = encodeGoodbye(sources.filter((source) => !source.hasSaidBye));
    if (goodbye === undefined) return;
    for (const other of this.#peersOf(link)) {
      if (other.leg !== link.leg && other.hasListened) other.sendRtcp(goodbye);
    }
  }

  handleSwaps(): void {
    this.#version++;
  }

  #sortTracks(): void {
    this.#version++;
    const tracks = new Map<string, LinkTrack[]>();
    for (const track of [...this.#legs, ...this.#viewers].flatMap(tracksOf)) {
      const { channel } = track.stream;
      tracks.set(channel, [...(tracks.get(channel) ?? []), track]);
      track.link.inlets.clear();
    }
    this.#tracks = tracks;
  }
}

/** Those of the kind of a format. */
function streamsOf(streams: readonly NegotiatedStream[], format: Format): NegotiatedStream[] {
  const kind = kindOf(format);
  return streams.filter(({ accepts }) => accepts.some((one) => kindOf(one) === kind));
}

function tracksOf({ links }: Participant): readonly LinkTrack[] {
  return links.flatMap((link) => link.tracks);
}

/** Whether a track shows pictures to the participant. */
function isSeen({ stream: { channel, isListening } }: LinkTrack): boolean {
  return isListening && channel.startsWith('video');
}

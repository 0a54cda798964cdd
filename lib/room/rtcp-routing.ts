/*
 * Takes one RTCP compound packet apart and says who gets which parts of it: what a source says of itself goes
 * to all who hear it, what is said about a source goes to its owner, in new compounds that are valid on
 * their own. It sends nothing and keeps nothing; what nobody may or need know is counted.
 */
import {
  ByePacket,
  FeedbackPacket,
  ReceiverReportPacket,
  SdesChunk,
  SdesPacket,
  SenderReportPacket,
  XrPacket,
} from 'rtp.js/packets';
import type { ExtendedReport } from 'rtp.js/packets';
import { parseRtcp } from '../wire/rtcp.js';
import type { RtcpHeader } from '../wire/rtcp.js';
import { CNAME } from './rtcp-goodbye.js';
import { bytesOf, readRtcpPacket } from './rtcp-packet.js';
import { readReportBlock } from './rtcp-reports.js';
import type { ReportBlock } from './rtcp-reports.js';
import { feedbackTargets, isForEveryone, reportTarget } from './rtcp-targets.js';

/** A participant as far as RTCP is concerned. */
export interface RtcpParty {
  /** It hears the room now, or could at some time. */
  readonly isListening: boolean;
  readonly hasListened: boolean;
}

/** Whom there is, and who owns what, for one compound packet. */
export interface RtcpScene<Party extends RtcpParty> {
  readonly sender: Party;
  /** Those who hear the sender when they listen. */
  readonly peers: readonly Party[];
  /** The SSRC is somebody else's than the sender's. */
  isForeign(ssrc: number): boolean;
  ownerOf(ssrc: number): Party | undefined;
  /** Takes the SSRC for the sender; false when it belongs to somebody else. */
  claim(ssrc: number): boolean;
  /** Nothing proves the sender: what cannot be read might have its numbers in it, and is passed on to nobody. */
  readonly isKeyless: boolean;
  /** Of this SSRC, which is nobody else's, nothing is told but an alias of its CNAME. */
  isConcealed(ssrc: number): boolean;
  aliasOf(cname: string): string;
  /** Whether a peer takes the media of this source, as far as is known. */
  isHeardBy(ssrc: number, peer: Party): boolean;
}

/** What is to be done about one compound packet. Counts are of parts: packets within the compound. */
export interface RtcpRouting<Party> {
  readonly deliveries: ReadonlyMap<Party, Uint8Array>;
  /** CNAMEs the sender gave, by SSRC. */
  readonly cnames: ReadonlyMap<number, string>;
  /** SSRCs the sender said BYE for. */
  readonly ended: readonly number[];
  /** What the sender reports of sources that it can have heard. */
  readonly reports: readonly ReportBlock[];
  /** Its sender reports, by SSRC. */
  readonly senderReports: ReadonlyMap<number, Uint8Array>;
  readonly dropped: { malformed: number; ssrcConflict: number; unroutable: number };
}

/** The length of an SDES item is one byte (RFC 3550 section 6.5). */
const CNAME_BYTES_MAX = 255;
const PT_APP = 204;

/** Routes one datagram that was classified as RTCP, whatever it contains; never throws. */
export function routeRtcp<Party extends RtcpParty>(
  bytes: Uint8Array,
  scene: RtcpScene<Party>,
): RtcpRouting<Party> {
  const split = new Split(scene);
  const headers = parseRtcp(bytes);
  const [first] = headers.ok ? headers.value : [];
  if (!headers.ok || first === undefined) {
    split.dropped.malformed++;
    return split;
  }
  // What begins with the name of somebody else is not the sender's to say, none of it.
  if (first.ssrc !== undefined && split.isForeign(first.ssrc)) {
    split.dropped.ssrcConflict += headers.value.length;
    return split;
  }
  for (const header of headers.value) {
    split.add(bytes.subarray(header.offset, header.offset + header.sizeBytes), header);
  }
  split.finish(first);
  return split;
}

/** The split of one compound packet while it is made: for each party, the parts it gets, by their index. */
class Split<Party extends RtcpParty> implements RtcpRouting<Party> {
  readonly deliveries = new Map<Party, Uint8Array>();
  readonly cnames = new Map<number, string>();
  readonly ended: number[] = [];
  readonly reports: ReportBlock[] = [];
  readonly senderReports = new Map<number, Uint8Array>();
  readonly dropped = { malformed: 0, ssrcConflict: 0, unroutable: 0 };
  readonly #scene: RtcpScene<Party>;
  readonly #peers: ReadonlySet<Party>;
  readonly #parts = new Map<Party, (Uint8Array | undefined)[]>();
  readonly #names = new Map<number, Uint8Array>();
  #index = -1;

  constructor(scene: RtcpScene<Party>) {
    this.#scene = scene;
    this.#peers = new Set(scene.peers);
  }

  isForeign(ssrc: number): boolean {
    return this.#scene.isForeign(ssrc);
  }

  /** Takes one packet of the compound. `bytes` is forwarded as it is wherever all of it concerns one party. */
  add(bytes: Uint8Array, { payloadType, ssrc }: Pick<RtcpHeader, 'payloadType' | 'ssrc'>): void {
    this.#index++;
    const packet = readRtcpPacket(bytes);
    try {
      if (packet === undefined) this.dropped.malformed++;
      else if (packet instanceof SdesPacket) this.#addNames(bytes, packet);
      else if (packet instanceof ByePacket) this.#addBye(bytes, packet);
      // Further on in a compound too, nobody speaks in another's name. Names and farewells are judged one by one.
      else if (ssrc !== undefined && !this.#maySpeakAs(ssrc)) this.dropped.ssrcConflict++;
      else if (packet instanceof SenderReportPacket) this.#addReports(bytes, packet, this.#hearersOf(packet));
      else if (packet instanceof ReceiverReportPacket) this.#addReports(bytes, packet, []);
      else if (packet instanceof FeedbackPacket) this.#putTo(this.#ownersOf(feedbackTargets(packet)), bytes);
      else if (packet instanceof XrPacket) this.#addExtendedReports(bytes, packet);
      else if (payloadType === PT_APP && !this.#scene.isKeyless) this.#putTo(this.#listeners(), bytes);
      // The rest either counts on the order of report blocks, which a split changes, or is for one sender only.
      else this.dropped.unroutable++;
    } catch {
      // rtp.js could not write again what it had read, such as a text that is no UTF-8.
      this.dropped.malformed++;
    }
  }

  /** Joins the parts of each party to a compound that is valid on its own. */
  finish(first: RtcpHeader): void {
    // Names go to all who hear the sender, and with whatever else is delivered (RFC 3550 section 6.1).
    for (const [index, bytes] of this.#names) {
      for (const party of new Set([...this.#listeners(), ...this.#parts.keys()])) {
        this.#put(party, index, bytes);
      }
    }
    for (const [party, parts] of this.#parts) {
      const present = parts.filter((part) => part !== undefined);
      // A compound begins with a report, be it empty; one of reduced size (RFC 5506) stays what it was.
      if (parts[0] === undefined && isReport(first)) present.unshift(emptyReport(first.ssrc ?? 0));
      this.deliveries.set(party, concatenate(present));
    }
  }

  /** An SR goes to all who hear its source, each with the blocks about its own sources; so do blocks of an RR. */
  #addReports(
    bytes: Uint8Array,
    packet: SenderReportPacket | ReceiverReportPacket,
    hearers: readonly Party[],
  ): void {
    const kind = packet instanceof SenderReportPacket ? 'sr' : 'rr';
    if (kind === 'sr') this.senderReports.set(packet.getSsrc(), bytes);
    const reports = packet.getReports();
    const owners = reports.map((report) => this.#peerWith(report.getSsrc()));
    for (const [index, owner] of owners.entries())
      if (owner !== undefined) this.reports.push(readReportBlock(bytes, kind, index));
    if (reports.length > 0 && owners.every((owner) => owner === undefined)) this.dropped.unroutable++;
    let withoutBlocks: Uint8Array | undefined;
    for (const party of new Set([...hearers, ...owners])) {
      if (party === undefined) continue;
      const hears = hearers.includes(party);
      const mine = owners.flatMap((owner, index) => (owner === party ? [index] : []));
      if (mine.length === reports.length && (hears || packet instanceof ReceiverReportPacket)) {
        this.#put(party, this.#index, bytes);
      } else if (mine.length === 0) {
        withoutBlocks ??= withBlocks(packet, () => false);
        this.#put(party, this.#index, withoutBlocks);
      } else {
        const base = hears ? packet : asReceiverReport(packet);
        this.#put(
          party,
          this.#index,
          withBlocks(base, (index) => mine.includes(index)),
        );
      }
    }
  }

  #hearersOf(report: SenderReportPacket): readonly Party[] {
    const ssrc = report.getSsrc();
    return this.#scene.claim(ssrc)
      ? this.#listeners().filter((party) => this.#scene.isHeardBy(ssrc, party))
      : [];
  }

  /** Names pass whole or not at all: rtp.js would write texts anew, and those that are no UTF-8 differently. */
  #addNames(bytes: Uint8Array, packet: SdesPacket): void {
    const chunks = packet.getChunks();
    if (chunks.some((chunk) => this.isForeign(chunk.getSsrc()))) {
      this.dropped.ssrcConflict++;
      return;
    }
    if (chunks.some((chunk) => this.#scene.isConcealed(chunk.getSsrc()))) return this.#addAliases(chunks);
    this.#names.set(this.#index, bytes);
    for (const chunk of chunks) {
      const cname = cnameOf(chunk);
      // What is no UTF-8 comes out longer than it was, maybe longer than an item can be.
      if (cname !== undefined && Buffer.byteLength(cname) <= CNAME_BYTES_MAX) {
        this.cnames.set(chunk.getSsrc(), cname);
      }
    }
  }

  /** Names anew: of those that are not to be told the alias alone, and none of sources that the room does not know. */
  #addAliases(chunks: readonly SdesChunk[]): void {
    const packet = new SdesPacket();
    for (const chunk of chunks) {
      const ssrc = chunk.getSsrc();
      const cname = cnameOf(chunk);
      if (cname === undefined || !this.#isOwn(ssrc)) continue;
      const shown = this.#scene.isConcealed(ssrc) ? this.#scene.aliasOf(cname) : cname;
      const told = new SdesChunk();
      told.setSsrc(ssrc);
      told.addItem(CNAME, shown);
      packet.addChunk(told);
      this.cnames.set(ssrc, shown);
    }
    if (packet.getChunks().length > 0) this.#names.set(this.#index, bytesOf(packet));
    else this.dropped.unroutable++;
  }

  #addBye(bytes: Uint8Array, packet: ByePacket): void {
    const ssrcs = packet.getSsrcs();
    if (ssrcs.some((ssrc) => this.isForeign(ssrc))) this.dropped.ssrcConflict++;
    // Of what nobody has heard there is nothing to tell: a BYE of made-up sources would go to everybody (protocol.md P11).
    const own = ssrcs.filter((ssrc) => this.#isOwn(ssrc));
    if (own.length === 0) {
      if (!ssrcs.some((ssrc) => this.isForeign(ssrc))) this.dropped.unroutable++;
      return;
    }
    this.ended.push(...own);
    let farewell = bytes;
    if (own.length < ssrcs.length) {
      const rest = new ByePacket();
      rest.setSsrcs(own);
      farewell = bytesOf(rest);
    }
    const witnesses = this.#scene.peers.filter((party) => party.hasListened);
    for (const party of witnesses) this.#put(party, this.#index, farewell);
  }

  #addExtendedReports(bytes: Uint8Array, packet: XrPacket): void {
    const reports = packet.getReports();
    // Each block is asked once whom it is about, however many there are to hear it.
    const forAll = new Set(reports.filter(isForEveryone));
    const forOne = new Map<Party, Set<ExtendedReport>>();
    for (const report of reports) {
      if (forAll.has(report)) continue;
      for (const party of this.#ownersOf(reportTarget(report))) {
        const own = forOne.get(party);
        if (own) own.add(report);
        else forOne.set(party, new Set([report]));
      }
    }
    const parties = new Set([...forOne.keys(), ...(forAll.size > 0 ? this.#scene.peers : [])]);
    if (parties.size === 0) this.dropped.unroutable++;
    for (const party of parties) {
      const own = forOne.get(party);
      if (forAll.size + (own?.size ?? 0) === reports.length) {
        this.#put(party, this.#index, bytes);
        continue;
      }
      const rest = new XrPacket();
      rest.setSsrc(packet.getSsrc());
      rest.setReports(reports.filter((report) => forAll.has(report) || own?.has(report)));
      this.#put(party, this.#index, bytesOf(rest));
    }
  }

  #isOwn(ssrc: number): boolean {
    return this.#scene.ownerOf(ssrc) === this.#scene.sender;
  }

  /** An SSRC that nobody has is the sender's to take, but where the number itself is not to be told. */
  #maySpeakAs(ssrc: number): boolean {
    return this.#scene.isKeyless ? this.#isOwn(ssrc) : !this.isForeign(ssrc);
  }

  #listeners(): readonly Party[] {
    return this.#scene.peers.filter((party) => party.isListening);
  }

  /** The owner of a source, if it is one the sender can have heard. */
  #peerWith(ssrc: number): Party | undefined {
    const owner = this.#scene.ownerOf(ssrc);
    return owner !== undefined && this.#peers.has(owner) ? owner : undefined;
  }

  #ownersOf(ssrcs: readonly number[]): Party[] {
    const owners = ssrcs.map((ssrc) => this.#peerWith(ssrc));
    return [...new Set(owners.filter((owner) => owner !== undefined))];
  }

  #putTo(parties: readonly Party[], bytes: Uint8Array): void {
    if (parties.length === 0) this.dropped.unroutable++;
    for (const party of parties) this.#put(party, this.#index, bytes);
  }

  #put(party: Party, index: number, bytes: Uint8Array): void {
    const parts = this.#parts.get(party) ?? [];
    parts[index] = bytes;
    this.#parts.set(party, parts);
  }
}

function cnameOf(chunk: SdesChunk): string | undefined {
  return chunk.getItems().find((item) => Number(item.type) === CNAME)?.text;
}

function isReport(header: RtcpHeader): boolean {
  return header.payloadType === 200 || header.payloadType === 201;
}

/** A copy with the blocks whose index is chosen. */
function withBlocks(
  packet: SenderReportPacket | ReceiverReportPacket,
  isChosen: (index: number) => boolean,
): Uint8Array {
  const copy = packet.clone();
  copy.setReports(copy.getReports().filter((_, index) => isChosen(index)));
  return bytesOf(copy);
}

/** The blocks of an SR for somebody who does not hear its source. */
function asReceiverReport(packet: SenderReportPacket | ReceiverReportPacket): ReceiverReportPacket {
  const report = new ReceiverReportPacket();
  report.setSsrc(packet.getSsrc());
  report.setReports(packet.getReports());
  return report;
}

function emptyReport(ssrc: number): Uint8Array {
  const report = new ReceiverReportPacket();
  report.setSsrc(ssrc);
  return bytesOf(report);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

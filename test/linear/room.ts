// Hostile inputs for what a room reads: descriptions and RTCP.
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  offeredTransports,
  repeatOffer,
} from '../../lib/room/index.js';
import { renameRtcp } from '../../lib/room/rtcp-renaming.js';
import { routeRtcp } from '../../lib/room/rtcp-routing.js';
import type { RtcpParty, RtcpScene } from '../../lib/room/rtcp-routing.js';
import { shiftBackReports } from '../../lib/room/rtcp-shift.js';
import { SsrcSwaps } from '../../lib/room/ssrc-swaps.js';
import { familyOf } from './shapes.js';
import type { Families } from './shapes.js';
import { sdpShapes } from './wire.js';

const SDP_CHARACTERS = 65_536;
const DATAGRAM_BYTES = 65_000;
/** What makes a copy and little else: of larger ones the memory is asked for, and given back, in another way. */
const COPIED_BYTES = 16_000;
const OURS = { address: '198.51.100.1', rtpPort: 4000, sessionId: '77' };
const PORTS = new Map(Array.from({ length: 64 }, (_, i) => [i, { rtpPort: 40_000 + 2 * i }]));
const OUR_OFFER = createOffer({ ...OURS });

const onSdp = (read: (text: string) => unknown) =>
  Object.fromEntries(
    Object.entries(sdpShapes).map(([name, make]) => [name, familyOf(SDP_CHARACTERS, make, read)]),
  );

/** As many RTCP packets of `packetBytes` as fit, every SSRC in them somebody's of the room. */
function compound(
  size: number,
  payloadType: number,
  count: number,
  packetBytes: number,
  fill: number[],
): Uint8Array {
  const packets = Math.max(1, Math.min(64, Math.floor(size / packetBytes)));
  const bytes = Buffer.alloc(packets * packetBytes);
  for (let at = 0, word = 0; at < bytes.length; at += packetBytes) {
    for (let i = at; i < at + packetBytes; i += 4) bytes.writeUInt32BE(fill[word++ % fill.length]!, i);
    bytes[at] = 0x80 | count;
    bytes[at + 1] = payloadType;
    bytes.writeUInt16BE(packetBytes / 4 - 1, at + 2);
    bytes.writeUInt32BE(1, at + 4);
  }
  return bytes;
}

/** One packet of an extended report with blocks of one kind. */
function extendedReport(
  size: number,
  type: number,
  blockWords: number,
  word: (index: number) => number,
): Uint8Array {
  const blockBytes = 4 + 4 * blockWords;
  const blocks = Math.max(1, Math.floor((size - 8) / blockBytes));
  const bytes = Buffer.alloc(8 + blocks * blockBytes);
  bytes[0] = 0x80;
  bytes[1] = 207;
  bytes.writeUInt16BE(bytes.length / 4 - 1, 2);
  bytes.writeUInt32BE(1, 4);
  for (let at = 8, index = 0; at < bytes.length; at += blockBytes) {
    bytes[at] = type;
    bytes.writeUInt16BE(blockWords, at + 2);
    for (let i = 0; i < blockWords; i++) bytes.writeUInt32BE(word(index++), at + 4 + 4 * i);
  }
  return bytes;
}

/** A room of forty, each with a source: 1 is the sender's, 2 to 41 are the others'. */
function scene(): RtcpScene<RtcpParty> {
  const party = (): RtcpParty => ({ isListening: true, hasListened: true });
  const sender = party();
  const peers = Array.from({ length: 40 }, party);
  return {
    sender,
    peers,
    isForeign: (ssrc) => ssrc > 1 && ssrc < 42,
    ownerOf: (ssrc) => (ssrc === 1 ? sender : peers[ssrc - 2]),
    claim: (ssrc) => ssrc < 2 || ssrc > 41,
    isKeyless: false,
    isConcealed: () => false,
    aliasOf: (cname) => cname,
    isHeardBy: () => true,
  };
}

const SOURCES = Array.from({ length: 40 }, (_, i) => i + 2);
const route = (bytes: Uint8Array) => routeRtcp(bytes, scene());
const routeKeyless = (bytes: Uint8Array) =>
  routeRtcp(bytes, { ...scene(), isKeyless: true, isConcealed: () => true, aliasOf: () => 'alias' });
const shift = { sequence: 1, timestamp: 1 };
const swaps = new SsrcSwaps();

const rtcpShapes: Record<string, (size: number) => Uint8Array> = {
  'sender reports': (size) => compound(size, 200, 31, 8 + 20 + 31 * 24, SOURCES),
  'receiver reports': (size) => compound(size, 201, 31, 8 + 31 * 24, SOURCES),
  'descriptions of empty chunks': (size) => compound(size, 202, 31, 4 + 31 * 8, [1, 0]),
  'one description': (size) => compound(size, 202, 1, 4 * Math.floor(size / 4), [0x01ff2020]),
  farewells: (size) => compound(size, 203, 31, 4 + 31 * 4, [1, 77]),
  'generic negative acknowledgements': (size) => compound(size, 205, 1, 4 * Math.floor(size / 4), SOURCES),
  'key frame requests': (size) => compound(size, 206, 4, 4 * Math.floor(size / 4), [0, 0, ...SOURCES]),
  estimates: (size) => compound(size, 206, 15, 4 * Math.floor(size / 4), [0, 0, 0x52454d42, 0, ...SOURCES]),
  'unknown reports': (size) => extendedReport(size, 99, 0, () => 0),
  'reports of reference time': (size) => extendedReport(size, 4, 2, () => 7),
  'reports of delay': (size) => extendedReport(size, 5, 3, (i) => SOURCES[Math.floor(i / 3) % 40]!),
  'one report of delay': (size) =>
    extendedReport(size, 5, 3 * Math.floor((size - 12) / 12), (i) => SOURCES[Math.floor(i / 3) % 40]!),
  'reports of summaries': (size) => extendedReport(size, 6, 9, (i) => SOURCES[Math.floor(i / 9) % 40]!),
  'reports of lost packets': (size) => extendedReport(size, 1, 3, (i) => SOURCES[Math.floor(i / 3) % 40]!),
};

export const roomFamilies: Families = {
  offeredTransports: onSdp(offeredTransports),
  'answerOffer, every section': onSdp((text) => answerOffer(text, { ...OURS, ports: PORTS })),
  'answerOffer, audio alone': onSdp((text) => answerOffer(text, OURS)),
  acceptAnswer: onSdp((text) => acceptAnswer(OUR_OFFER, text)),
  'acceptAnswer to the same': onSdp((text) => acceptAnswer(text, text)),
  repeatOffer: onSdp((text) => repeatOffer(text, 2)),
  routeRtcp: Object.fromEntries(
    Object.entries(rtcpShapes).map(([name, make]) => [name, familyOf(DATAGRAM_BYTES, make, route)]),
  ),
  'routeRtcp of a sender without a key': Object.fromEntries(
    Object.entries(rtcpShapes).map(([name, make]) => [name, familyOf(DATAGRAM_BYTES, make, routeKeyless)]),
  ),
  shiftBackReports: Object.fromEntries(
    Object.entries(rtcpShapes).map(([name, make]) => [
      name,
      familyOf(COPIED_BYTES, make, (bytes) => shiftBackReports(bytes, () => shift)),
    ]),
  ),
  renameRtcp: Object.fromEntries(
    Object.entries(rtcpShapes).map(([name, make]) => [
      name,
      familyOf(COPIED_BYTES, make, (bytes) => renameRtcp(bytes, swaps)),
    ]),
  ),
};

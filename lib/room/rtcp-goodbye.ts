/*
 * The BYE a room sends in the name of a participant who left without one (RFC 3550 section 6.6).
 */
import { ByePacket, CompoundPacket, ReceiverReportPacket, SdesChunk, SdesPacket } from 'rtp.js/packets';
import { bytesOf } from './rtcp-packet.js';

/** SDES item type of the CNAME (RFC 3550 section 6.5.1). */
export const CNAME = 1;

/** The SSRC a farewell is for, and the CNAME it went by if it gave one. */
export interface Leaver {
  readonly ssrc: number;
  readonly cname?: string;
}

/**
 * One compound packet: an empty RR and the CNAMEs, which RFC 3550 section 6.1 wants in every compound, and a
 * BYE for all. At most 31 leavers, as one BYE can name; undefined for none.
 */
export function encodeGoodbye(leavers: readonly Leaver[]): Uint8Array | undefined {
  const [first] = leavers;
  if (first === undefined) return undefined;
  const report = new ReceiverReportPacket();
  report.setSsrc(first.ssrc);
  const names = new SdesPacket();
  for (const { ssrc, cname } of leavers) {
    if (cname === undefined) continue;
    const chunk = new SdesChunk();
    chunk.setSsrc(ssrc);
    chunk.addItem(CNAME, cname);
    names.addChunk(chunk);
  }
  const bye = new ByePacket();
  bye.setSsrcs(leavers.map(({ ssrc }) => ssrc));
  const compound = new CompoundPacket();
  compound.setPackets(names.getChunks().length > 0 ? [report, names, bye] : [report, bye]);
  return bytesOf(compound);
}

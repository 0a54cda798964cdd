/*
 * Which sources an RTCP message is about: the media SSRC of feedback, or the SSRCs inside it, and those of
 * extended report blocks. It only reads; whether anybody owns them is for rtcp-routing.ts.
 */
import {
  DlrrExtendedReport,
  EcnExtendedReport,
  GenericFeedbackPacket,
  LrleExtendedReport,
  DrleExtendedReport,
  PrtExtendedReport,
  RrtExtendedReport,
  SsExtendedReport,
  VmExtendedReport,
} from 'rtp.js/packets';
import type { ExtendedReport, FeedbackPacket } from 'rtp.js/packets';

const PT_RTPFB = 205;
const PT_PSFB = 206;
/** Bytes of one entry, which begins with an SSRC, in all messages of `isListed`. */
const ENTRY_BYTES = 8;

/**
 * The SSRCs that feedback is about. FIR, TSTR, TSTN, TMMBR and TMMBN set the media SSRC to 0 and list the SSRCs
 * inside (RFC 5104 section 4). A REMB tells of a whole connection, ours, and not of a source: nobody's.
 */
export function feedbackTargets(packet: FeedbackPacket): number[] {
  const media = packet.getMediaSsrc();
  if (media !== 0) return [media];
  if (!(packet instanceof GenericFeedbackPacket) || !isListed(packet)) return [];
  const body = packet.getBody();
  const targets: number[] = [];
  for (let at = 0; at + ENTRY_BYTES <= body.byteLength; at += ENTRY_BYTES) targets.push(body.getUint32(at));
  return targets;
}

function isListed(packet: FeedbackPacket): boolean {
  const packetType = Number(packet.getPacketType());
  const messageType = Number(packet.getMessageType());
  if (packetType === PT_RTPFB) return messageType === 3 || messageType === 4;
  return packetType === PT_PSFB && messageType >= 4 && messageType <= 6;
}

/** A receiver's reference time asks every sender for its round trip (RFC 3611 section 4.4). */
export function isForEveryone(report: ExtendedReport): boolean {
  return report instanceof RrtExtendedReport;
}

/** The SSRCs that a block of an extended report is about; none for blocks of unknown kind. */
export function reportTarget(report: ExtendedReport): number[] {
  if (report instanceof DlrrExtendedReport) return report.getSubReports().map(({ ssrc }) => ssrc);
  if (
    report instanceof LrleExtendedReport ||
    report instanceof DrleExtendedReport ||
    report instanceof PrtExtendedReport ||
    report instanceof SsExtendedReport ||
    report instanceof VmExtendedReport ||
    report instanceof EcnExtendedReport
  ) {
    return [report.getSsrc()];
  }
  return [];
}

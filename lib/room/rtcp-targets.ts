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
import { isListed, isRemb } from './rtcp-renaming.js';

/** Bytes of one entry, which begins with an SSRC, in all messages of `isListed`. */
const ENTRY_BYTES = 8;
const SSRC_BYTES = 4;
/** After the header, two SSRCs, the name, and the estimate. */
const REMB_LIST_OFFSET = 20;

/**
 * The SSRCs that feedback is about. FIR, TSTR, TSTN, TMMBR and TMMBN set the media SSRC to 0 and list the SSRCs
 * inside (RFC 5104 section 4), and so does a REMB the sources that share a receiver's way in.
 */
export function feedbackTargets(packet: FeedbackPacket): number[] {
  const media = packet.getMediaSsrc();
  if (media !== 0) return [media];
  if (!(packet instanceof GenericFeedbackPacket)) return [];
  const view = packet.getView();
  const isList = isListed(Number(packet.getPacketType()), Number(packet.getMessageType()));
  if (!isList && !isRemb(view)) return [];
  const targets: number[] = [];
  const step = isList ? ENTRY_BYTES : SSRC_BYTES;
  const end = view.byteLength - packet.getPadding();
  for (let at = isList ? 12 : REMB_LIST_OFFSET; at + step <= end; at += step)
    targets.push(view.getUint32(at));
  return targets;
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

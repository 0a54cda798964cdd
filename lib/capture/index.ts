/*
 * Reads and writes captures, finds the calls in them, and makes RTP to play. Importing it loads no third-party package.
 */
export { CaptureAnalysis } from './capture-analysis.js';
export type { CaptureFindings } from './capture-analysis.js';
export { readCaptureFile, readCaptureFiles, readDatagrams } from './capture-file.js';
export type { CapturedDatagrams, CaptureFilesSummary, DamagedFile } from './capture-file.js';
export { CaptureReader } from './capture-reader.js';
export type { CallReport, CaptureReport, OutcomeReport, StreamReport } from './capture-report.js';
export { packetizePcmu, playTone, repeatMedia } from './media-packet.js';
export type { MediaOptions, MediaPacket } from './media-packet.js';
export type { CutPackets } from './cut-count.js';
export { encodeMuLaw } from './mu-law.js';
export { PcapWriter } from './pcap-writer.js';
export { playFromCapture } from './rtp-play.js';
export type { CapturedDatagram, CapturedSip, CaptureSink, CaptureSummary, SkipReason } from './traffic.js';
export { playFromWav } from './wav.js';

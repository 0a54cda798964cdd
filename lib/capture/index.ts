/*
 * The room of captures, re-exported under one name: read and write captures, find the calls in them, and make RTP to play. Importing
 * it loads no third-party package.
 */
export * from './capture-analysis.js';
export * from './capture-file.js';
export * from './capture-reader.js';
export type * from './capture-report.js';
export * from './media-packet.js';
export * from './mu-law.js';
export * from './pcap-writer.js';
export * from './rtp-play.js';
export * from './traffic.js';
export * from './wav.js';

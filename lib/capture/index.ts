/*
 * The room of captures, re-exported under one name: read and write pcap, and make RTP to play. Importing
 * it loads no third-party package.
 */
export * from './capture-file.js';
export * from './capture-reader.js';
export * from './media-packet.js';
export * from './mu-law.js';
export * from './pcap-writer.js';
export * from './rtp-play.js';
export * from './traffic.js';
export * from './wav.js';

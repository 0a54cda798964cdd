/*
 * The room of bytes and text: every parser and encoder of latchkey under one roof. It imports
 * nothing from outside itself and never throws on input.
 */
export * from './address.js';
export * from './ascii.js';
export * from './base64url.js';
export * from './big-endian.js';
export * from './fingerprint.js';
export * from './ice-message.js';
export * from './integrity.js';
export * from './ip-range.js';
export * from './latch-attribute.js';
export * from './latch-message.js';
export * from './packet-class.js';
export * from './result.js';
export * from './rtcp.js';
export * from './rtp.js';
export * from './same-bytes.js';
export * from './sdp.js';
export * from './stun-attribute-types.js';
export * from './stun-attributes.js';
export * from './stun-encoder.js';
export * from './stun.js';

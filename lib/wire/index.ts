/*
 * The room of bytes and text: every parser and encoder of latchkey, re-exported under one name. It
 * imports nothing from outside itself and never throws on input.
 */
export * from './address.js';
export * from './ascii.js';
export * from './base64url.js';
export * from './ip-range.js';
export * from './result.js';
export * from './sdp.js';

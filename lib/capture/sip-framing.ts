/*
 * Where a SIP message begins and ends in a stream of bytes (RFC 3261 section 18.3). It reads the start line and
 * Content-Length and no other field.
 */

/** The whole of one message; a stream is searched anew after a greater one. */
export const MAX_MESSAGE_BYTES = 1 << 18;
/** A start line holds one URI. */
const MAX_LINE_BYTES = 8192;
const MAX_METHOD_BYTES = 32;

/** More bytes are needed before that can be said. */
export const MORE = -1;
/** It is no such thing. */
export const NONE = -2;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const VERSION = Uint8Array.from('SIP/2.0', (letter) => letter.charCodeAt(0));
const CONTENT_LENGTH = Uint8Array.from('content-length', (letter) => letter.charCodeAt(0));

/** Bytes of the SIP start line at `at`, its end of line included; `MORE` or `NONE`. */
export function measureStartLine(bytes: Uint8Array, at: number, end: number): number {
  const isStatus = matches(bytes, at, end, VERSION);
  if (isStatus && at + VERSION.length >= end) return MORE;
  if (isStatus && bytes[at + VERSION.length] === SPACE) return measureLine(bytes, at, end);
  let space = at;
  while (space < end && isTokenByte(bytes[space]!)) space++;
  if (space - at > MAX_METHOD_BYTES) return NONE;
  if (space === end) return MORE;
  if (space === at || bytes[space] !== SPACE) return NONE;
  const size = measureLine(bytes, at, end);
  if (size < 0) return size;
  let last = at + size - 1;
  if (bytes[last - 1] === CR) last--;
  const version = last - VERSION.length;
  const isRequest =
    version - 2 > space && bytes[version - 1] === SPACE && matches(bytes, version, end, VERSION);
  return isRequest ? size : NONE;
}

/** Bytes of the line at `at`, its end included; `MORE`, or `NONE` when it is too long. */
export function measureLine(bytes: Uint8Array, at: number, end: number): number {
  const feed = bytes.subarray(at, Math.min(end, at + MAX_LINE_BYTES)).indexOf(LF);
  if (feed >= 0) return feed + 1;
  return end - at < MAX_LINE_BYTES ? MORE : NONE;
}

/** Where the empty line after the header ends; looked for from `from` on. `MORE` when there is none. */
export function findBody(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; ; at++) {
    const feed = bytes.subarray(at, end).indexOf(LF);
    if (feed < 0) return MORE;
    at += feed;
    if (bytes[at + 1] === LF && at + 1 < end) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF && at + 2 < end) return at + 3;
  }
}

/**
 * What Content-Length, or `l`, says in the header from `at` up to `body`. Without one there is no body (RFC 3261
 * section 20.14); `NONE` for one that is no number.
 */
export function readContentLength(bytes: Uint8Array, at: number, body: number): number {
  for (let line = at; line < body; line = nextLine(bytes, line, body)) {
    const name = contentLengthName(bytes, line, body);
    if (name === 0) continue;
    let colon = line + name;
    while (isBlank(bytes[colon]) && colon < body) colon++;
    if (bytes[colon] === 0x3a) return readNumber(bytes, colon + 1, body);
  }
  return 0;
}

/** Where in the header the last line stands that could itself be the start of a message: after a loss, it is. */
export function findLastStart(bytes: Uint8Array, at: number, body: number): number {
  let last = at;
  for (let line = at; line < body; line = nextLine(bytes, line, body))
    if (measureStartLine(bytes, line, body) > 0) last = line;
  return last;
}

function nextLine(bytes: Uint8Array, at: number, end: number): number {
  const feed = bytes.subarray(at, end).indexOf(LF);
  return feed < 0 ? end : at + feed + 1;
}

/** Bytes of the field's name in either form; 0 for another field. */
function contentLengthName(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]! | 0x20;
  if (first === 0x6c) return 1;
  if (first !== 0x63 || at + CONTENT_LENGTH.length > end) return 0;
  for (let i = 0; i < CONTENT_LENGTH.length; i++) {
    const byte = bytes[at + i]!;
    if ((byte === 0x2d ? byte : byte | 0x20) !== CONTENT_LENGTH[i]) return 0;
  }
  return CONTENT_LENGTH.length;
}

function readNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (isBlank(bytes[at]) && at < end) at++;
  const first = at;
  let value = 0;
  for (; at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39; at++) {
    value = Math.min(value * 10 + bytes[at]! - 0x30, MAX_MESSAGE_BYTES + 1);
  }
  while (isBlank(bytes[at]) && at < end) at++;
  return at > first && (bytes[at] === CR || bytes[at] === LF) ? value : NONE;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x09;
}

/** RFC 3261 section 25.1. */
function isTokenByte(byte: number): boolean {
  if (byte >= 0x61 && byte <= 0x7a) return true;
  if (byte >= 0x41 && byte <= 0x5a) return true;
  return (byte >= 0x30 && byte <= 0x39) || TOKEN_MARKS.includes(byte);
}
const TOKEN_MARKS: readonly number[] = Array.from("-.!%*_+`'~", (mark) => mark.charCodeAt(0));

/** True as well when the bytes end before the word does. */
function matches(bytes: Uint8Array, at: number, end: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length && at + i < end; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

/*
 * One direction of a connection, read for SIP: as it is, or in a WebSocket whose opening may have been missed. After
 * a loss it goes on at the next message. It does not decrypt TLS and does not unpack compressed frames.
 */
import type { TransportAddress } from '../wire/address.js';
import { asciiText } from '../wire/ascii.js';
import { ByteStore } from './byte-store.js';
import {
  MAX_MESSAGE_BYTES,
  MORE,
  NONE,
  findBody,
  findLastStart,
  measureLine,
  measureStartLine,
  readContentLength,
} from './sip-framing.js';
import type { CapturedSip, SkipReason } from './traffic.js';
import { parseFrame, unmask } from './web-socket-frame.js';
import { WebSocketMessages } from './web-socket-messages.js';

/** A connection that showed no SIP in as many bytes is not searched any further. */
const MAX_SEARCH_BYTES = 1 << 16;
const MAX_UPGRADE_BYTES = 1 << 14;
/** Enough of a frame's payload to see whether SIP begins in it. */
const PROBE_BYTES = 48;

const LF = 0x0a;
const CR = 0x0d;

/**
 * `start`: nothing is known yet; `upgrade`: the HTTP head of a WebSocket; `sip` and `web-socket`: at the beginning
 * of a message or frame; `search`: anywhere; `tls` and `other`: nothing will be read.
 */
type Mode = 'start' | 'upgrade' | 'sip' | 'web-socket' | 'search' | 'tls' | 'other';

export interface SignallingOptions {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly onSip: (message: CapturedSip) => void;
}

export class SignallingStream {
  readonly #options: SignallingOptions;
  readonly #held = new ByteStore();
  #mode: Mode = 'start';
  #timeMs = 0;
  #frame = 0;
  /** What came of this stream so far. */
  #proven: CapturedSip['transport'] | undefined;
  #hasFound = false;
  /** The bytes that are there do not suffice; there must be as many. */
  #isWaiting = false;
  #needed = 0;
  /** How many bytes from here on are known to hold no end of a header: they are not searched for the next message again. */
  #scanned = 0;
  #searched = 0;
  #isLineStart = true;
  /** The message at hand comes after a loss: its start line may belong to another's body. */
  #isAfterLoss = false;
  readonly #frames = new WebSocketMessages((text) => this.#tell('ws', text));

  constructor(options: SignallingOptions) {
    this.#options = options;
  }

  /** Memory in use for what is not whole yet. */
  get heldBytes(): number {
    return this.#held.capacity + this.#frames.heldBytes;
  }

  /** The next bytes. Why they gave nothing, if they gave nothing and will not be part of anything. */
  push(timeMs: number, bytes: Uint8Array, from: number, to: number, frame = 0): SkipReason | undefined {
    this.#timeMs = timeMs;
    this.#frame = frame;
    this.#hasFound = false;
    if (this.#held.size === 0) {
      const next = this.#read(bytes, from, to);
      if (next < to) this.#held.append(bytes, next, to);
    } else {
      this.#held.append(bytes, from, to);
      if (this.#held.size >= this.#needed) this.#held.drop(this.#read(this.#held.bytes, 0, this.#held.size));
    }
    return this.#hasFound ? undefined : this.#verdict();
  }

  /** Bytes are missing here: whatever was begun is lost. */
  lose(): void {
    this.#held.clear();
    this.#frames.lose();
    this.#needed = 0;
    this.#scanned = 0;
    this.#isLineStart = true;
    this.#isAfterLoss = true;
    if (this.#mode === 'sip' || this.#mode === 'web-socket' || this.#mode === 'upgrade')
      this.#mode = 'search';
  }

  #verdict(): SkipReason | undefined {
    switch (this.#mode) {
      case 'tls':
        return 'tls';
      case 'other':
        return 'tcp-other';
      case 'search':
        return this.#proven ? 'tcp-lost' : 'tcp-other';
      case 'web-socket':
        return this.#frames.isForeign ? 'tcp-other' : undefined;
      case 'start':
      case 'upgrade':
      case 'sip':
        return undefined;
    }
  }

  /** Reads as far as it goes; what is left over begins at the offset returned. */
  #read(bytes: Uint8Array, from: number, to: number): number {
    this.#isWaiting = false;
    this.#needed = 0;
    let at = from;
    while (at < to && !this.#isWaiting) at = this.#step(bytes, at, to);
    return at;
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#mode) {
      case 'start':
        return this.#decide(bytes, at, end);
      case 'upgrade':
        return this.#readUpgrade(bytes, at, end);
      case 'sip':
        return this.#readMessage(bytes, at, end);
      case 'web-socket':
        return this.#readFrame(bytes, at, end);
      case 'search':
        return this.#search(bytes, at, end);
      case 'tls':
      case 'other':
        return end;
    }
  }

  #wait(at: number, needed = 0): number {
    this.#isWaiting = true;
    this.#needed = needed;
    return at;
  }

  #tell(transport: CapturedSip['transport'], text: Uint8Array): void {
    this.#proven = transport;
    this.#hasFound = true;
    const { source, destination } = this.#options;
    this.#options.onSip({ timeMs: this.#timeMs, frame: this.#frame, source, destination, transport, text });
  }

  #decide(bytes: Uint8Array, at: number, end: number): number {
    if (isLineEnd(bytes[at]!)) return at + 1;
    const tls = probeTls(bytes, at, end);
    const line = measureStartLine(bytes, at, end);
    const upgrade = probeUpgrade(bytes, at, end);
    const frame = probeFrame(bytes, at, end);
    if (tls === 'yes') this.#mode = 'tls';
    else if (line > 0) this.#mode = 'sip';
    else if (upgrade === 'yes') this.#mode = 'upgrade';
    else if (frame === 'yes') this.#mode = 'web-socket';
    else if (line === MORE || [tls, upgrade, frame].includes('more')) return this.#wait(at);
    else this.#mode = 'search';
    return at;
  }

  /** RFC 6455 section 4: both sides open with an HTTP head that names the new protocol. */
  #readUpgrade(bytes: Uint8Array, at: number, end: number): number {
    const body = findBody(bytes, at + Math.max(0, this.#scanned - 3), end);
    if (body === MORE) {
      this.#scanned = end - at;
      if (end - at > MAX_UPGRADE_BYTES) this.#mode = 'other';
      return this.#wait(at);
    }
    this.#scanned = 0;
    const isUpgrade = /\nupgrade:[^\n]*websocket/i.test(asciiText(bytes, at, body));
    this.#mode = isUpgrade ? 'web-socket' : 'other';
    return body;
  }

  #readMessage(bytes: Uint8Array, at: number, end: number): number {
    if (isLineEnd(bytes[at]!)) {
      this.#scanned = 0;
      return at + 1;
    }
    const line = measureStartLine(bytes, at, end);
    if (line === MORE) return this.#wait(at);
    if (line === NONE) return this.#lost(at);
    const last = Math.min(end, at + MAX_MESSAGE_BYTES);
    const body = findBody(bytes, at + Math.max(0, this.#scanned - 3), last);
    if (body === MORE) {
      const lost = last < end;
      this.#scanned = last - at - (lost ? line : 0);
      return lost ? this.#lost(at + line) : this.#wait(at);
    }
    this.#scanned = 0;
    if (this.#isAfterLoss) {
      this.#isAfterLoss = false;
      return findLastStart(bytes, at, body);
    }
    const size = readContentLength(bytes, at, body);
    const stop = body + size;
    if (size === NONE || stop - at > MAX_MESSAGE_BYTES) return this.#lost(body);
    if (stop > end) return this.#wait(at, stop - at);
    this.#tell('tcp', bytes.subarray(at, stop));
    return stop;
  }

  #readFrame(bytes: Uint8Array, at: number, end: number): number {
    const next = this.#frames.read(bytes, at, end);
    if (next === NONE) return this.#lost(at);
    return this.#frames.needed > 0 ? this.#wait(next, this.#frames.needed) : next;
  }

  #lost(at: number): number {
    this.#frames.lose();
    this.#isLineStart = true;
    this.#mode = 'search';
    return at;
  }

  #search(bytes: Uint8Array, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const line = this.#isLineStart && this.#proven !== 'ws' ? measureStartLine(bytes, at, end) : NONE;
      const frame = this.#proven === 'tcp' ? 'no' : probeFrame(bytes, at, end);
      if (line === MORE || frame === 'more') {
        this.#countSearch(at - from);
        return this.#wait(at);
      }
      if (line > 0 || frame === 'yes') {
        this.#scanned = line > 0 ? Math.max(0, this.#scanned - (at - from)) : 0;
        this.#mode = line > 0 ? 'sip' : 'web-socket';
        this.#isAfterLoss = line > 0;
        return at;
      }
      this.#isLineStart = bytes[at] === LF;
    }
    this.#countSearch(end - from);
    return end;
  }

  #countSearch(bytes: number): void {
    this.#searched += bytes;
    this.#scanned = Math.max(0, this.#scanned - bytes);
    if (!this.#proven && this.#searched > MAX_SEARCH_BYTES) this.#mode = 'other';
  }
}

type Probed = 'yes' | 'no' | 'more';

/** RFC 8446 section 5.1: the kind of record, and a version that has begun with 3 since SSL. */
function probeTls(bytes: Uint8Array, at: number, end: number): Probed {
  if (bytes[at]! < 0x14 || bytes[at]! > 0x17) return 'no';
  if (end - at < 3) return 'more';
  return bytes[at + 1] === 3 && bytes[at + 2]! <= 4 ? 'yes' : 'no';
}

const REQUEST = 'GET ';
const SWITCH = /^HTTP\/1\.\d 101[ \r]/;
const SWITCH_BYTES = 13;

/** The first line of either side's opening of a WebSocket. */
function probeUpgrade(bytes: Uint8Array, at: number, end: number): Probed {
  const begin = asciiText(bytes, at, Math.min(end, at + SWITCH_BYTES));
  if (SWITCH.test(begin)) return 'yes';
  if (!begin.startsWith(REQUEST)) {
    return begin.length < SWITCH_BYTES &&
      ('HTTP/1.'.startsWith(begin.slice(0, 7)) || REQUEST.startsWith(begin))
      ? 'more'
      : 'no';
  }
  const line = measureLine(bytes, at, end);
  if (line === MORE) return 'more';
  return line > 0 && / HTTP\/1\.\d\r?\n$/.test(asciiText(bytes, at + line - 12, at + line)) ? 'yes' : 'no';
}

/** A frame of text or bytes whose payload begins as SIP does. */
function probeFrame(bytes: Uint8Array, at: number, end: number): Probed {
  const opcode = bytes[at]! & 0x7f;
  if (opcode !== 1 && opcode !== 2) return 'no';
  const frame = parseFrame(bytes, at, end);
  if (frame === MORE) return 'more';
  if (frame === NONE || frame.payloadBytes > MAX_MESSAGE_BYTES) return 'no';
  const probed = Math.min(frame.payloadBytes, PROBE_BYTES);
  if (end - at < frame.headBytes + probed) return 'more';
  const payload = unmask(bytes, at, frame, probed);
  const line = measureStartLine(payload, 0, payload.length);
  return line > 0 || (line === MORE && payload.includes(0x20)) ? 'yes' : 'no';
}

function isLineEnd(byte: number): boolean {
  return byte === CR || byte === LF;
}

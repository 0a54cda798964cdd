/*
 * Packets, connections and pcapng files made by hand for the tests of this room, from the RFCs and the format's own
 * draft.
 */
import type { CapturedSip, CaptureSummary } from '../../lib/capture/index.js';
import { CaptureReader } from '../../lib/capture/index.js';
import { concat, hex, pcapHeader, pcapRecord } from './bytes.js';

export function text(...lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.join('\r\n'));
}

function numbers(size: 2 | 4 | 8, isLittleEndian: boolean, values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(size * values.length));
  for (const [i, value] of values.entries()) {
    if (size === 2) view.setUint16(i * 2, value, isLittleEndian);
    else if (size === 4) view.setUint32(i * 4, value, isLittleEndian);
    else view.setBigInt64(i * 8, BigInt(value), isLittleEndian);
  }
  return new Uint8Array(view.buffer);
}

/** IPv4 from 192.0.2.1 to 203.0.113.1, or back. */
export function ipv4(
  protocol: number,
  payload: Uint8Array,
  { id = 0, offset = 0, more = false, back = false, last = 1 } = {},
): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint8(0, 0x45);
  view.setUint16(2, 20 + payload.length);
  view.setUint16(4, id);
  view.setUint16(6, (offset >> 3) | (more ? 0x2000 : 0));
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  const [near, far] = [Uint8Array.of(192, 0, 2, last), hex('cb007101')];
  return concat(new Uint8Array(view.buffer, 0, 12), ...(back ? [far, near] : [near, far]), payload);
}

/** UDP from port 5060 to 5062 with a payload. */
export function udp(payload: Uint8Array): Uint8Array {
  return concat(numbers(2, false, [5060, 5062, 8 + payload.length, 0]), payload);
}

export interface SegmentFields {
  readonly sequence: number;
  readonly data?: Uint8Array;
  readonly isOpening?: boolean;
  readonly isFinal?: boolean;
  readonly acknowledged?: number;
  /** From the server, at port 5060, to the client, at 40000. */
  readonly back?: boolean;
  /** The last number of the client's address. */
  readonly last?: number;
}

export function tcp(fields: SegmentFields): Uint8Array {
  const { sequence, data = new Uint8Array(), acknowledged, back = false } = fields;
  const flags =
    (fields.isOpening ? 2 : 0) | (fields.isFinal ? 1 : 0) | (acknowledged === undefined ? 0 : 0x10);
  const header = concat(
    numbers(2, false, back ? [5060, 40_000] : [40_000, 5060]),
    numbers(4, false, [sequence >>> 0, acknowledged ?? 0]),
    Uint8Array.of(0x50, flags, 0xff, 0xff, 0, 0, 0, 0),
  );
  return ipv4(6, concat(header, data), { back, ...(fields.last !== undefined && { last: fields.last }) });
}

/** A pcap of raw IP packets, one millisecond apart or at the times given. */
export function rawCapture(packets: readonly Uint8Array[], timesMs: readonly number[] = []): Uint8Array {
  const records = packets.map((bytes, i) => {
    const ms = timesMs[i] ?? i;
    return pcapRecord({ bytes, seconds: Math.floor(ms / 1000), fraction: (ms % 1000) * 1000 });
  });
  return Buffer.concat([pcapHeader(), ...records]);
}

export interface Heard extends CaptureSummary {
  readonly sip: (Omit<CapturedSip, 'text'> & { readonly text: string })[];
  readonly datagrams: { readonly timeMs: number; readonly cutBytes: number; readonly payload: string }[];
}

/** What a capture holds, pushed in pieces of `size`: texts and payloads as Latin-1. */
export function hear(file: Uint8Array, size = Infinity): Heard {
  const sip: Heard['sip'] = [];
  const datagrams: Heard['datagrams'] = [];
  const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  const reader = new CaptureReader({
    onSip: (message) => sip.push({ ...message, text: latin1(message.text) }),
    onDatagram: ({ timeMs, cutBytes = 0, payload }) =>
      datagrams.push({ timeMs, cutBytes, payload: latin1(payload) }),
  });
  // One buffer for all pieces, as a file is read: nobody may rely on what was in it before.
  const chunk = new Uint8Array(Math.min(size, file.length));
  for (let at = 0; at < file.length; at += size) {
    const piece = file.subarray(at, at + size);
    chunk.set(piece);
    reader.push(chunk.subarray(0, piece.length));
    chunk.fill(0xee);
  }
  return { ...reader.end(), sip, datagrams };
}

/** pcapng blocks in one byte order. */
export class Blocks {
  constructor(readonly isLittleEndian = true) {}

  #four(...values: readonly number[]): Uint8Array {
    return numbers(4, this.isLittleEndian, values);
  }

  #two(...values: readonly number[]): Uint8Array {
    return numbers(2, this.isLittleEndian, values);
  }

  block(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
    const body = concat(...parts);
    const padded = concat(body, new Uint8Array(-body.length & 3));
    const size = padded.length + 12;
    return concat(this.#four(type, size), padded, this.#four(size));
  }

  option(code: number, value: Uint8Array): Uint8Array {
    return concat(this.#two(code, value.length), value, new Uint8Array(-value.length & 3));
  }

  section({ major = 1, comment = false } = {}): Uint8Array {
    const options = comment ? [this.option(1, text('a comment')), this.option(0, hex(''))] : [];
    const unknownLength = this.#four(0xffffffff, 0xffffffff);
    return this.block(0x0a0d0d0a, this.#four(0x1a2b3c4d), this.#two(major, 0), unknownLength, ...options);
  }

  interface(linkType: number, { snap = 0, resolution = -1, offsetS = 0 } = {}): Uint8Array {
    const options = [
      this.option(2, text('eth0')),
      ...(resolution < 0 ? [] : [this.option(9, Uint8Array.of(resolution))]),
      ...(offsetS === 0 ? [] : [this.option(14, numbers(8, this.isLittleEndian, [offsetS]))]),
      this.option(0, hex('')),
    ];
    return this.block(1, this.#two(linkType, 0), this.#four(snap), ...options);
  }

  packet(on: number, ticks: number, bytes: Uint8Array): Uint8Array {
    const head = this.#four(on, Math.floor(ticks / 2 ** 32), ticks % 2 ** 32, bytes.length, bytes.length);
    const padding = new Uint8Array(-bytes.length & 3);
    return this.block(6, head, bytes, padding, this.option(1, text('seen')), this.option(0, hex('')));
  }

  oldPacket(on: number, ticks: number, bytes: Uint8Array): Uint8Array {
    const head = this.#four(Math.floor(ticks / 2 ** 32), ticks % 2 ** 32, bytes.length, bytes.length);
    return this.block(2, this.#two(on, 0xffff), head, bytes);
  }

  simplePacket(bytes: Uint8Array, original = bytes.length): Uint8Array {
    return this.block(3, this.#four(original), bytes);
  }
}

// A phone that speaks ICE and no latch, played by hand with node:crypto: its checks, and its answers to ours. A second
// reading of RFC 8445 and RFC 8489, so it shares no code with what it tests.
import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { TransportAddress } from '../../lib/wire/address.js';

const COOKIE = 0x2112a442;
const CONTROLLED = 0x8029;
const CONTROLLING = 0x802a;

interface Attribute {
  readonly type: number;
  readonly value: Buffer;
}

export interface Check {
  readonly transaction: Buffer;
  readonly username: string;
  readonly isControlled: boolean;
}

export interface CheckOptions {
  readonly isNominating?: boolean;
  readonly priority?: number;
  readonly password?: string;
  readonly username?: string;
  readonly role?: 'controlling' | 'controlled';
  readonly transaction?: Buffer;
  readonly extra?: readonly Attribute[];
}

export class IcePhone {
  readonly ufrag: string;
  readonly pwd: string;
  serverUfrag = '';
  serverPwd = '';

  constructor(name: string) {
    this.ufrag = `${name}UFRG`;
    this.pwd = `${name}PasswordOf24Characters`;
  }

  get lines(): string[] {
    return [`a=ice-ufrag:${this.ufrag}`, `a=ice-pwd:${this.pwd}`];
  }

  readAnswer(sdp: string): void {
    this.serverUfrag = /a=ice-ufrag:(\S+)/.exec(sdp)?.[1] ?? '';
    this.serverPwd = /a=ice-pwd:(\S+)/.exec(sdp)?.[1] ?? '';
  }

  check(options: CheckOptions = {}): Buffer {
    const { priority = 0x6e0000ff, role = 'controlling', extra = [] } = options;
    const attributes: Attribute[] = [
      { type: 0x0006, value: Buffer.from(options.username ?? `${this.serverUfrag}:${this.ufrag}`) },
      { type: 0x0024, value: uint32(priority) },
      { type: role === 'controlled' ? CONTROLLED : CONTROLLING, value: Buffer.alloc(8, 7) },
      ...(options.isNominating ? [{ type: 0x0025, value: Buffer.alloc(0) }] : []),
      ...extra,
    ];
    return encode(
      0x0001,
      options.transaction ?? randomBytes(12),
      attributes,
      options.password ?? this.serverPwd,
    );
  }

  /** The success response to a check of the server's. */
  answer(check: Check, seenFrom: TransportAddress, password = this.pwd): Buffer {
    const value = Buffer.alloc(8);
    value[1] = 1;
    value.writeUInt16BE(seenFrom.port ^ (COOKIE >>> 16), 2);
    const ip = Buffer.from(seenFrom.address.split('.').map(Number)).readUInt32BE(0);
    value.writeUInt32BE((ip ^ COOKIE) >>> 0, 4);
    return encode(0x0101, check.transaction, [{ type: 0x0020, value }], password);
  }
}

/** A check of the server's, verified with the phone's own password; undefined for what is none. */
export function readServerCheck(bytes: Uint8Array, password: string): Check | undefined {
  const buffer = Buffer.from(bytes);
  if (buffer.length < 20 || buffer.readUInt16BE(0) !== 0x0001 || buffer.readUInt32BE(4) !== COOKIE)
    return undefined;
  let username = '';
  let isControlled = false;
  for (let at = 20; at + 4 <= buffer.length;) {
    const [type, size] = [buffer.readUInt16BE(at), buffer.readUInt16BE(at + 2)];
    const value = buffer.subarray(at + 4, at + 4 + size);
    if (type === 0x0006) username = value.toString();
    if (type === CONTROLLED) isControlled = true;
    if (type === 0x0008) {
      const head = Buffer.from(buffer.subarray(0, at));
      head.writeUInt16BE(at + 24 - 20, 2);
      if (!createHmac('sha1', password).update(head).digest().equals(value)) return undefined;
      return { transaction: buffer.subarray(8, 20), username, isControlled };
    }
    at += 4 + ((size + 3) & ~3);
  }
  return undefined;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function encode(
  type: number,
  transaction: Uint8Array,
  attributes: readonly Attribute[],
  key: string,
): Buffer {
  const tlv = ({ type: t, value }: Attribute): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(t, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
  };
  const header = Buffer.concat([Buffer.alloc(4), uint32(COOKIE), transaction]);
  header.writeUInt16BE(type, 0);
  let message = Buffer.concat([header, ...attributes.map(tlv)]);
  message.writeUInt16BE(message.length + 24 - 20, 2);
  const integrity = createHmac('sha1', key).update(message).digest();
  message = Buffer.concat([message, tlv({ type: 0x0008, value: integrity })]);
  message.writeUInt16BE(message.length + 8 - 20, 2);
  return Buffer.concat([message, tlv({ type: 0x8028, value: uint32(crc32(message) ^ 0x5354554e) })]);
}

// What passes between a caller and the inside of its simulated NAT: a datagram of 127.0.0.1 that carries another one
// and its far end, as an IP header would. Knows IPv4 only; opens and sends nothing.
import { formatIp, parseIp } from '../../wire/index.js';
import type { TransportAddress } from '../../wire/index.js';

/*
 *  0                   1                   2                   3
 * |                     IPv4 address of the far end               |
 * |       port of the far end     |     epoch     |   datagram …  |
 */
const HEADER_BYTES = 7;

/** One datagram on its way through the NAT. */
export interface NatFrame {
  /** Outward the destination that the caller named, inward the source that the NAT saw. */
  readonly far: TransportAddress;
  /** Inward: how often the NAT had rebound when the mapping was made that it came through, modulo 256. Outward 0. */
  readonly epoch: number;
  readonly payload: Uint8Array;
}

/** Undefined where the far end is no IPv4 address: such a datagram has no way out. */
export function encodeNatFrame({ far, epoch, payload }: NatFrame): Uint8Array | undefined {
  const address = parseIp(far.address);
  if (address?.length !== 4) return undefined;
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  frame.set(address, 0);
  frame.set([far.port >> 8, far.port & 0xff, epoch & 0xff], 4);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** The payload is a view of `bytes`. Undefined for what is too short. */
export function parseNatFrame(bytes: Uint8Array): NatFrame | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const [high = 0, low = 0, epoch = 0] = bytes.subarray(4, HEADER_BYTES);
  const far = { address: formatIp(bytes.subarray(0, 4)), port: high * 256 + low };
  return { far, epoch, payload: bytes.subarray(HEADER_BYTES) };
}

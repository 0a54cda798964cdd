/*
 * One segment of a TCP connection as a capture holds it. It judges nothing.
 */
import type { TransportAddress } from '../wire/address.js';

/** One TCP segment; its data are `bytes` from `start` up to, not including, `end`. */
export interface TcpSegment {
  readonly timeMs: number;
  /** The number of its packet. */
  readonly frame: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly sequence: number;
  /** The sequence number of the other direction up to which all has arrived. */
  readonly acknowledged: number | undefined;
  readonly isOpening: boolean;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/*
 * What comes out of a capture: datagrams, SIP messages out of connections, and a count of the rest. Types only;
 * nothing here reads or judges what was captured.
 */
import type { TransportAddress } from '../wire/address.js';
import type { WireError } from '../wire/result.js';
import type { CutPackets } from './cut-count.js';

/** One UDP datagram out of a capture, or for one. */
export interface CapturedDatagram {
  /** Milliseconds since 1970, with a fraction. */
  readonly timeMs: number;
  /** When read: nearly always the same object for the same address, so that comparing objects first is worth it. */
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  /** What UDP carried; when read, a view that holds during the call only. */
  readonly payload: Uint8Array;
  /** Which packet of the capture it was, counted from 1 as Wireshark does; the last of its fragments. Absent where it is from no file. */
  readonly frame?: number;
  /** How many bytes of the payload the capture did not keep (snap length); absent when it is whole. */
  readonly cutBytes?: number;
}

/** One whole SIP message out of a TCP or WebSocket connection. */
export interface CapturedSip {
  /** When its last byte was captured, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly transport: 'tcp' | 'ws';
  /** Of the packet with its last byte. */
  readonly frame: number;
  /** Start line, headers and body as they stood on the wire; a view that holds during the call only. */
  readonly text: Uint8Array;
}

/** Who listens to a capture. What a listener throws ends the reading and reaches whoever reads. */
export interface CaptureSink {
  /** In the order of the file; a fragmented datagram when its last fragment has come. */
  onDatagram?(datagram: CapturedDatagram): void;
  onSip?(message: CapturedSip): void;
}

/**
 * Why a packet gave nothing:
 * `interface` its interface was never described; `link-type` a link layer that is not read here; `not-ip` the
 * frame carries no IP; `protocol` neither UDP nor TCP nor a tunnel of theirs, or encrypted by IPsec; `cut` the capture did not keep the headers;
 * `malformed` lengths, versions or nested tunnels that cannot be; `fragment` its datagram never became whole; `tcp-empty` a
 * segment without data; `tcp-repeat` data seen before; `tcp-lost` data that memory or order left no place for;
 * `tcp-other` a connection that carries no SIP; `tls` an encrypted one.
 */
export type SkipReason =
  | 'interface'
  | 'link-type'
  | 'not-ip'
  | 'protocol'
  | 'cut'
  | 'malformed'
  | 'fragment'
  | 'tcp-empty'
  | 'tcp-repeat'
  | 'tcp-lost'
  | 'tcp-other'
  | 'tls';

/** The end of a reading. */
export interface CaptureSummary {
  /** Packets in the file up to its end or its damage. */
  readonly packets: number;
  /** How many of them gave nothing, by reason; a reason that never occurred is absent. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Packets that the capture did not keep whole; absent where there are none. */
  readonly cut?: CutPackets;
  /** Why the file could not be read, or not to its end; `offset` is where in the file, in bytes. */
  readonly error?: WireError;
}

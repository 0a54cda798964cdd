/*
 * The ports that a participant of a room brings: where its packets come in and go out. Types only.
 */
import type { PacketClass } from '../wire/packet-class.js';

/**
 * Takes one packet that the port let through.
 *
 * @param kind What `classifyPacket` says of it.
 * @param atMs When it came, by `performance.now()`, where the port has looked at the clock already.
 */
export type PacketListener = (bytes: Uint8Array, source: unknown, kind: PacketClass, atMs?: number) => void;

/** Has what a port has for its participant, in place of a listener for each event. */
export interface PortReceiver {
  /** See `PacketListener`. */
  onPacket(bytes: Uint8Array, source: unknown, kind: PacketClass, atMs?: number): void;
  /** See the event `reportsDue`. */
  onReportsDue(port: unknown): void;
}

/** What a leg needs of a media port; `session.bind()` returns one, and so does a test. */
export interface RoomPort {
  /**
   * Nothing proves the participant now: its packets are known by their numbers alone, which the others are then not told (protocol.md 8.3.11). Left
   * out: something does.
   */
  readonly isKeyless?: boolean;
  on(event: 'packet', listener: PacketListener): unknown;
  off(event: 'packet', listener: PacketListener): unknown;
  /** What is sent goes to another address than before: the participant wants a sender report of each stream, which shows that it receives there. */
  on(event: 'reportsDue', listener: () => void): unknown;
  off(event: 'reportsDue', listener: () => void): unknown;
  /**
   * Hands the receiver what comes, in place of the events. Left out, or false where another one is it: the room listens for the events. A call to
   * one that is known needs less of the memory than an event and its listener, which counts in a process of thousands of calls.
   */
  attachReceiver?(receiver: PortReceiver): boolean;
  /** No more, where it is this one. */
  detachReceiver?(receiver: PortReceiver): void;
  /** False when there is no proven way to the participant, so that the packet was dropped. */
  send(bytes: Uint8Array): boolean;
}

/** The ports of one transport. */
export interface LinkPorts {
  readonly rtp: RoomPort;
  /** Left out with rtcp-mux, or where no RTCP is to be exchanged. */
  readonly rtcp?: RoomPort | undefined;
}

/*
 * How far the numbers of one stream are moved on their way to the others (protocol.md 8.3.11). A sender without a key is followed by what its stream
 * looks like: SSRC, sequence number and timestamp. Whoever is told them could send packets in its place, so the others are told
 * numbers of ours: one random distance a stream, which leaves every gap, repetition and change of order what it was.
 */
import { readUint16, readUint32, writeUint16, writeUint32 } from '../wire/big-endian.js';

/** Added to the sender's own numbers, in their 16 and 32 bits. */
export interface NumberShift {
  readonly sequence: number;
  readonly timestamp: number;
}

/** What is known of a sender, and of those who hear it. */
export interface Listening {
  /** No key of its own proves the sender. */
  readonly isKeyless: boolean;
  /** Nobody but the sender hears it, or one other ever: the room `echo`, and rooms that are closed at two. */
  readonly isClosed: boolean;
}

/** Whether a stream that begins now gets numbers of ours. Those that it began with it keeps, but for those that are its own. */
export function decideNumbers({ isKeyless, isClosed }: Listening): 'own' | 'shifted' {
  return isKeyless && !isClosed ? 'shifted' : 'own';
}

/** @param random gives numbers of 32 bits that nobody can guess */
export function drawShift(random: () => number): NumberShift {
  // All of them alike, 0 too: one that is left out would tell something.
  return { sequence: random() & 0xffff, timestamp: random() >>> 0 };
}

/** Moves the numbers of an RTP packet, in place. */
export function shiftRtp(packet: Uint8Array, { sequence, timestamp }: NumberShift): void {
  writeUint16(packet, 2, readUint16(packet, 2) + sequence);
  writeUint32(packet, 4, readUint32(packet, 4) + timestamp);
}

// Memory for packets that are made one after the other: to set up memory for each costs as much as to hash it.
import { ByteSheet, PACKETS } from '../wire/byte-sheet.js';

const packets = new ByteSheet(PACKETS);

/** Zeros, which nobody else holds. */
export const allocatePacket = (sizeBytes: number): Uint8Array => packets.take(sizeBytes);

// Memory for packets that are made one after the other: each gets bytes of its own out of a larger piece, since to set up a piece of its
// own costs as much as to hash it. A piece goes when nobody holds a packet in it any more.

const PIECE_SIZE_BYTES = 0x1_0000;

let piece = new ArrayBuffer(PIECE_SIZE_BYTES);
let used = 0;

/** Zeros, which nobody else holds. */
export function allocatePacket(sizeBytes: number): Uint8Array {
  if (sizeBytes > PIECE_SIZE_BYTES / 8) return new Uint8Array(sizeBytes);
  if (used + sizeBytes > PIECE_SIZE_BYTES) {
    piece = new ArrayBuffer(PIECE_SIZE_BYTES);
    used = 0;
  }
  const packet = new Uint8Array(piece, used, sizeBytes);
  used += sizeBytes;
  return packet;
}

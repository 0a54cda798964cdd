/*
 * Memory for copies of packets: each gets bytes of its own out of a larger piece. Node's own pool is 8 KB, which a few packets of video fill.
 * A piece goes when nobody holds a copy in it any more.
 */
const PIECE_SIZE_BYTES = 0x1_0000;

let piece = new ArrayBuffer(0);
let used = 0;

/** A copy of these bytes, which nobody else holds. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const copy = allocateCopy(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Bytes that nobody else holds. They are not cleared: all of them are to be written before anybody sees them. */
export function allocateCopy(sizeBytes: number): Uint8Array {
  if (sizeBytes > PIECE_SIZE_BYTES / 8) return new Uint8Array(sizeBytes);
  if (used + sizeBytes > piece.byteLength) {
    piece = Buffer.allocUnsafeSlow(PIECE_SIZE_BYTES).buffer;
    used = 0;
  }
  const copy = new Uint8Array(piece, used, sizeBytes);
  used += sizeBytes;
  return copy;
}

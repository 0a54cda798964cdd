/*
 * Small short-lived runs of bytes, in one array one after the other: an array for each takes ten times what it holds, and costs more than all that is written
 * into it. No place is used twice, and a sheet lives as long as the last that lies in it: what is kept for long is copied out of it.
 */
const SHEET_BYTES = 4096;

export class ByteSheet {
  #sheet = new Uint8Array(0);
  #usedBytes = 0;

  /** All zero. What is longer than a sheet has an array of its own. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > SHEET_BYTES) return new Uint8Array(sizeBytes);
    const at = this.#usedBytes;
    if (at + sizeBytes > this.#sheet.length) return this.#takeFirst(sizeBytes);
    this.#usedBytes = at + sizeBytes;
    return this.#sheet.subarray(at, at + sizeBytes);
  }

  #takeFirst(sizeBytes: number): Uint8Array {
    this.#sheet = new Uint8Array(SHEET_BYTES);
    this.#usedBytes = sizeBytes;
    return this.#sheet.subarray(0, sizeBytes);
  }
}

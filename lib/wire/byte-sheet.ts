/*
 * Runs of bytes that are made one after the other, in one array: an array for each takes ten times what a small one holds, and costs more than all that is
 * written into it. No place is used twice, and a sheet lives as long as the last that lies in it: what is kept for long is copied out of it.
 */

/** What is longer than this part of a sheet has memory of its own. */
const LARGEST_PART = 1 / 8;
/** For short-lived runs of a few dozen bytes. */
const SMALL_SHEET_BYTES = 4096;

export interface SheetKind<Run extends Uint8Array> {
  readonly sheetBytes: number;
  /** So many bytes of memory. */
  readonly open: (sizeBytes: number) => ArrayBuffer;
  readonly view: (memory: ArrayBuffer, at: number, sizeBytes: number) => Run;
}

/** All zero. */
const SMALL: SheetKind<Uint8Array> = {
  sheetBytes: SMALL_SHEET_BYTES,
  open: (sizeBytes) => new ArrayBuffer(sizeBytes),
  view: (memory, at, sizeBytes) => new Uint8Array(memory, at, sizeBytes),
};

/** The same, for packets. */
export const PACKETS: SheetKind<Uint8Array> = { ...SMALL, sheetBytes: 0x1_0000 };

export class ByteSheet<Run extends Uint8Array> {
  #memory = new ArrayBuffer(0);
  #usedBytes = 0;

  constructor(private readonly kind: SheetKind<Run>) {}

  static small(): ByteSheet<Uint8Array> {
    return new ByteSheet(SMALL);
  }

  /** Bytes that nobody else holds. */
  take(sizeBytes: number): Run {
    const { sheetBytes, open, view } = this.kind;
    if (sizeBytes > sheetBytes * LARGEST_PART) return view(open(sizeBytes), 0, sizeBytes);
    const at = this.#usedBytes;
    if (at + sizeBytes > this.#memory.byteLength) {
      this.#memory = open(sheetBytes);
      this.#usedBytes = sizeBytes;
      return view(this.#memory, 0, sizeBytes);
    }
    this.#usedBytes = at + sizeBytes;
    return view(this.#memory, at, sizeBytes);
  }
}

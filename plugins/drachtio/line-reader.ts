/**
 * Takes a daemon's stream of bytes apart into lines: the length in bytes as digits, `#`, and that many bytes of UTF-8. The stream
 * may be cut anywhere. Each byte is copied once, and a line has an end that is known before it is kept; it reads no line.
 */

/** As long as a message that the daemon takes from its own peers (sofia-sip's bound, 2 MB), and its head. */
const MAX_LINE_BYTES = 2 ** 21 + 2 ** 16;
const MAX_DIGITS = String(MAX_LINE_BYTES).length;
const HASH = 0x23;
const [ZERO, NINE] = [0x30, 0x39];

export interface LineListener {
  onLine(text: string): void;
  /** What came is no line: nobody can tell where the next one begins. Nothing more is read. */
  onBroken(reason: string): void;
}

export class LineReader {
  readonly #listener: LineListener;
  #digits = '';
  /** Undefined while its length is read. */
  #line: { readonly bytes: Buffer; filled: number } | undefined;
  #isBroken = false;

  constructor(listener: LineListener) {
    this.#listener = listener;
  }

  push(data: Buffer): void {
    let at = 0;
    while (at < data.length && !this.#isBroken) {
      at = this.#line ? this.#takeText(this.#line, data, at) : this.#takeLength(data, at);
    }
  }

  #takeLength(data: Buffer, at: number): number {
    const byte = data[at] ?? 0;
    if (byte === HASH && this.#digits !== '') {
      const length = Number(this.#digits);
      this.#digits = '';
      if (length === 0 || length > MAX_LINE_BYTES) this.#break(`a line of ${length} bytes`);
      else this.#line = { bytes: Buffer.allocUnsafe(length), filled: 0 };
    } else if (byte < ZERO || byte > NINE || this.#digits.length === MAX_DIGITS) {
      this.#break('a line without its length');
    } else this.#digits += String.fromCharCode(byte);
    return at + 1;
  }

  #takeText(line: { readonly bytes: Buffer; filled: number }, data: Buffer, at: number): number {
    const copied = data.copy(line.bytes, line.filled, at);
    line.filled += copied;
    if (line.filled === line.bytes.length) {
      this.#line = undefined;
      this.#listener.onLine(line.bytes.toString('utf8'));
    }
    return at + copied;
  }

  #break(reason: string): void {
    this.#isBroken = true;
    this.#listener.onBroken(reason);
  }
}

// A wrapper that keeps key material out of logs, errors, metrics and util.inspect (protocol.md P7): whatever
// prints it prints `[redacted]`. It hands the bytes only to code that asks for them by name.

const REDACTED = '[redacted]';

/**
 * Secrets that are made one after the other, mostly those of one call, lie in one array: an array for each would take ten times what it
 * holds. It lives as long as the last of them, and no place in it is used twice. Those that are over within seconds lie apart, else each
 * secret of a call would keep an array of what is long gone.
 */
type Lifetime = 'call' | 'moment';
const SHEET_BYTES = 1024;
/** What is longer, which is rare, has an array of its own. */
const LONGEST_BYTES = 128;

const sheets: Record<Lifetime, { bytes: Uint8Array; usedBytes: number }> = {
  call: { bytes: new Uint8Array(SHEET_BYTES), usedBytes: 0 },
  moment: { bytes: new Uint8Array(SHEET_BYTES), usedBytes: 0 },
};

export class Secret {
  #sheet: Uint8Array;
  readonly #at: number;
  #sizeBytes: number;

  /** Takes the bytes over, and wipes them where they were: the caller must not keep them. */
  constructor(bytes: Uint8Array, lifetime: Lifetime = 'call') {
    this.#sizeBytes = bytes.length;
    if (bytes.length > LONGEST_BYTES) {
      this.#sheet = new Uint8Array(bytes);
      this.#at = 0;
    } else {
      const sheet = sheets[lifetime];
      if (sheet.usedBytes + bytes.length > SHEET_BYTES) {
        sheet.bytes = new Uint8Array(SHEET_BYTES);
        sheet.usedBytes = 0;
      }
      this.#sheet = sheet.bytes;
      this.#at = sheet.usedBytes;
      sheet.usedBytes += bytes.length;
      sheet.bytes.set(bytes, this.#at);
    }
    bytes.fill(0);
  }

  /** A view: what it shows is overwritten when the secret is forgotten. */
  reveal(): Uint8Array {
    return this.#sheet.subarray(this.#at, this.#at + this.#sizeBytes);
  }

  /** For a second holder: each forgets its own. */
  copy(): Secret {
    return new Secret(this.reveal().slice());
  }

  /** Overwrites the bytes: closing a session forgets its keys at once (protocol.md 5.10). */
  forget(): void {
    this.reveal().fill(0);
    this.#sizeBytes = 0;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}

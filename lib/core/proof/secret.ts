// A wrapper that keeps key material out of logs, errors, metrics and util.inspect (protocol.md P7): whatever
// prints it prints `[redacted]`. It hands the bytes only to code that asks for them by name.

const REDACTED = '[redacted]';

export class Secret {
  #bytes: Uint8Array;

  /** Takes the bytes over: the caller must not keep them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** For a second holder: each forgets its own. */
  copy(): Secret {
    // Not slice(): that of a Buffer copies nothing.
    return new Secret(new Uint8Array(this.#bytes));
  }

  /** Overwrites the bytes: closing a session forgets its keys at once (protocol.md 5.10). */
  forget(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
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

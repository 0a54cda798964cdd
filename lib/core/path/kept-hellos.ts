// Hellos that came before the answer which tells their key: the last four per component, judged when it comes
// (protocol.md 4). Copies, because a socket may reuse its buffer.
import { parseLatchMessage, type LatchMessage, type TransportAddress } from '../../wire/index.js';

const MAX_KEPT = 4;

type Named = Extract<LatchMessage, { username: unknown }>;

export class KeptHellos {
  #kept: { readonly bytes: Uint8Array; readonly source: TransportAddress }[] = [];

  keep(bytes: Uint8Array, source: TransportAddress): void {
    if (this.#kept.length === MAX_KEPT) this.#kept.shift();
    this.#kept.push({ bytes: bytes.slice(), source });
  }

  /** Gives back what was kept, read again, and keeps nothing. */
  take(): readonly { readonly message: Named; readonly source: TransportAddress }[] {
    return this.#kept.splice(0).flatMap(({ bytes, source }) => {
      const parsed = parseLatchMessage(bytes);
      return parsed.ok && 'username' in parsed.value ? [{ message: parsed.value, source }] : [];
    });
  }
}

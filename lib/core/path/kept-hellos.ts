// Hellos that came before the answer which tells their key: the last four per component, judged when it comes
// (protocol.md 4). Copies, because a socket may reuse its buffer.
import { parseLatchMessage, type LatchMessage } from '../../wire/index.js';
import type { Path } from '../network-path.js';

const MAX_KEPT = 4;

type Named = Extract<LatchMessage, { username: unknown }>;

interface KeptHello {
  readonly bytes: Uint8Array;
  readonly path: Path;
}

const NONE: readonly KeptHello[] = [];

export class KeptHellos {
  #kept: readonly KeptHello[] = NONE;

  keep(bytes: Uint8Array, path: Path): void {
    this.#kept = this.#kept.slice(1 - MAX_KEPT).concat({ bytes: bytes.slice(), path });
  }

  /** Gives back what was kept, read again, and keeps nothing. */
  take(): readonly { readonly message: Named; readonly path: Path }[] {
    const kept = this.#kept;
    this.#kept = NONE;
    return kept.flatMap(({ bytes, path }) => {
      const parsed = parseLatchMessage(bytes);
      return parsed.ok && 'username' in parsed.value ? [{ message: parsed.value, path }] : [];
    });
  }
}

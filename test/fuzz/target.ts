// What a fuzzed target is: a function over bytes, what it must hold beyond not throwing, and where its first inputs come
// from. A target keeps nothing from one input to the next, so that a finding can be repeated from its file alone.

export interface Target {
  readonly name: string;
  /** Longer inputs are cut: what grows without end is found by shorter ones too. */
  readonly maxBytes: number;
  /** Words that mutations put in: what no flip of bits finds in an hour. */
  readonly dictionary: readonly (string | Uint8Array)[];
  /** The first inputs. `root` is the folder of the repository, for recorded traffic. */
  seeds(root: string): Iterable<Uint8Array>;
  /** Takes one input. Throws where an invariant is broken; what the code under test throws counts as one. */
  run(bytes: Uint8Array): void;
  /** Statements of lib that one input may cost: so many, and so many for each of its bytes. */
  readonly work: { readonly base: number; readonly perByte: number };
  /** Milliseconds that one input may take, the best of three: what statements do not count, such as regular expressions. */
  readonly slowMs?: number;
}

/** An invariant that does not hold. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

export function hold(condition: boolean, text: string | (() => string)): asserts condition {
  if (!condition) throw new Broken(typeof text === 'string' ? text : text());
}

export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

export const fromLatin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

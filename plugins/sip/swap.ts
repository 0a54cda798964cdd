/**
 * Replacing a function of a shared object for the length of one synchronous call, and putting it back whatever happens.
 * The package takes no factories: this is how its sockets are seen at birth. Nothing stays replaced.
 */

type Loose = (this: unknown, ...args: unknown[]) => unknown;

export interface Swap {
  readonly target: object;
  readonly key: string;
  /** Makes the stand-in, given the original. */
  readonly make: (original: Loose) => Loose;
}

/** Runs `body` with all the replacements in place. */
export function withSwapped<T>(swaps: readonly Swap[], body: () => T): T {
  const undo: (() => void)[] = [];
  try {
    for (const { target, key, make } of swaps) {
      const original = Reflect.get(target, key) as Loose;
      Reflect.set(target, key, make(original));
      undo.unshift(() => Reflect.set(target, key, original));
    }
    return body();
  } finally {
    for (const restore of undo) restore();
  }
}

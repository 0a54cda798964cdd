// The idle pairs of a range on which nobody listens: those of which nothing is known, those that somebody has sent to, and those that a call
// has just given back. It opens no socket; who gets which is decided in port-range.ts.

/** Packets of the call that had it still arrive meanwhile, and its peer sends there until it has heard that the call is over. */
export const REST_MS = 60_000;
/** Who guesses ports for longer has met them all: then none is worse than another. */
export const HIT_MS = 600_000;

export class IdlePorts {
  readonly #random: (below: number) => number;
  /** Of these nothing is known. In no order. */
  readonly #unknown: number[];
  /** When each was last hit while somebody listened there, and since when nobody does; the earliest of these first. */
  readonly #hit = new Map<number, { readonly hitMs: number; readonly sinceMs: number }>();
  /** When each was given back, the earliest first. */
  readonly #resting = new Map<number, number>();

  /** @param random Gives a whole number from 0, below that one; nobody may foretell it. */
  constructor(ports: readonly number[], random: (below: number) => number) {
    this.#unknown = [...ports];
    this.#random = random;
  }

  /** One of which nothing is known, by chance. It is idle no more. */
  draw(nowMs: number): number | undefined {
    this.#wake(nowMs);
    const ports = this.#unknown;
    if (ports.length === 0) return undefined;
    const at = this.#random(ports.length);
    const port = ports[at]!;
    ports[at] = ports[ports.length - 1]!;
    ports.pop();
    return port;
  }

  /** The one that was hit longest ago. */
  get longestHit(): { readonly port: number; readonly hitMs: number } | undefined {
    let found: { port: number; hitMs: number } | undefined;
    for (const [port, { hitMs }] of this.#hit) if (!found || hitMs < found.hitMs) found = { port, hitMs };
    return found;
  }

  /** It is idle no more. */
  takeHit(port: number): void {
    this.#hit.delete(port);
  }

  /** The one that was given back longest ago. It is idle no more. */
  drawResting(): number | undefined {
    const [port] = this.#resting.keys();
    if (port !== undefined) this.#resting.delete(port);
    return port;
  }

  /** Nobody has sent there, as far as is known. */
  add(port: number): void {
    this.#unknown.push(port);
  }

  /** Somebody has sent there. */
  addHit(port: number, hitMs: number, nowMs: number): void {
    this.#hit.set(port, { hitMs, sinceMs: nowMs });
  }

  /** A call has given it back, or another program has it. */
  rest(port: number, nowMs: number): void {
    this.#resting.set(port, nowMs);
  }

  /** Those that have rested, or were hit long ago, are as good as any. */
  #wake(nowMs: number): void {
    for (const [port, sinceMs] of this.#resting) {
      if (nowMs - sinceMs < REST_MS) break;
      this.#resting.delete(port);
      this.#unknown.push(port);
    }
    for (const [port, { sinceMs }] of this.#hit) {
      if (nowMs - sinceMs < HIT_MS) break;
      this.#hit.delete(port);
      this.#unknown.push(port);
    }
  }
}

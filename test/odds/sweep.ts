// When a sweep over the whole range comes by one port. Thousands of packets a second go to ports at which nobody listens: only
// those that meet a socket are ever made.

export interface Sweep {
  readonly startMs: number;
  readonly packetsPerS: number;
  readonly ports: number;
  /** Packets at one port before the next one's turn. */
  readonly burst: number;
  /** The port that it begins with. */
  readonly offset: number;
  /** It keeps to one half of the ports, even or odd indices, for so long; then it flips to the other. */
  readonly flipMs?: number;
}

export interface Visit {
  readonly atMs: number;
  /** How often the sweep has been round before. */
  readonly round: number;
}

/** The first visit of the sweep at this port that begins at `fromMs` or later. */
export function nextVisit(sweep: Sweep, index: number, fromMs: number): Visit {
  const { startMs, flipMs, ports, offset } = sweep;
  const visitMs = (sweep.burst * 1000) / sweep.packetsPerS;
  if (flipMs === undefined) {
    const roundMs = ports * visitMs;
    const firstMs = startMs + ((index + offset) % ports) * visitMs;
    const round = Math.max(0, Math.ceil((fromMs - firstMs) / roundMs));
    return { atMs: firstMs + round * roundMs, round };
  }
  const half = ports / 2;
  const roundMs = half * visitMs;
  const placeMs = (((index >> 1) + offset) % half) * visitMs;
  // In each of its spells the sweep goes round its half as often as there is time for.
  let spell = Math.max(0, Math.floor((fromMs - startMs - (index % 2) * flipMs) / (2 * flipMs)));
  for (; ; spell++) {
    const spellMs = startMs + (2 * spell + (index % 2)) * flipMs;
    const turn = Math.max(0, Math.ceil((fromMs - spellMs - placeMs) / roundMs));
    const intoMs = placeMs + turn * roundMs;
    if (intoMs >= flipMs) {
      if (placeMs >= flipMs) return { atMs: Infinity, round: 0 };
      continue;
    }
    const atMs = spellMs + intoMs;
    return { atMs, round: Math.floor((atMs - startMs) / roundMs) };
  }
}

// Holds a parser to linear work: the CPU time and the memory of an input and of one twice as long are compared. Wall
// time is not looked at, so that a busy machine does not decide.
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';

v8.setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Inputs of one hostile shape, of any size. */
export interface Family<Input = unknown> {
  /** An input of about `size` bytes or characters. Made once, before anything is measured. */
  make(size: number): Input;
  /** Reads it; what is returned is kept while memory is measured. */
  read(input: Input): unknown;
  /** The larger of the two sizes: the limit of the parser where it has one. */
  readonly most: number;
}

export interface Doubling {
  /** The larger size that was used. */
  readonly size: number;
  /** Milliseconds of CPU for one reading of it. */
  readonly cpuMs: number;
  /** CPU of 2n over n, the least of five runs each, or of more. */
  readonly cpuRatio: number;
  /** Memory that is held after it, 2n over n; 1 where it is next to nothing. */
  readonly memoryRatio: number;
}

/** A run shorter than this is repeated within one measurement: the clock of the CPU is coarse. */
const MEASURED_MS = 2;
/** Where one reading takes longer, a smaller input tells as much. */
const PATIENCE_MS = 150;
const RUNS = 5;
/** As often a suspicious ratio is measured again, five runs each. */
const AGAIN = 20;
/** What the engine and the clock need by themselves. */
const NOISE_BYTES = 512 * 1024;

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Keeps results from being optimised away, and from being collected while memory is measured. */
let sink: unknown;
export const keptResult = (): unknown => sink;

function timed(family: Family, input: unknown, times: number): number {
  return cpuMs(() => {
    for (let i = 0; i < times; i++) sink = family.read(input);
  });
}

function heldBytes(family: Family, input: unknown): number {
  sink = undefined;
  collectGarbage();
  // The heap alone: the bytes of array buffers are freed, and counted, at some later time.
  const { heapUsed } = process.memoryUsage();
  sink = family.read(input);
  collectGarbage();
  return process.memoryUsage().heapUsed - heapUsed;
}

/** The largest input, up to the limit, whose reading does not try one's patience. */
function chooseSize(family: Family): number {
  let size = Math.max(64, family.most >> 4);
  while (size < family.most) {
    const next = Math.min(family.most, size * 2);
    const input = family.make(next >> 1);
    // Once to warm up, once to tell.
    timed(family, input, 1);
    if (timed(family, input, 1) > PATIENCE_MS) return next;
    size = next;
  }
  return size;
}

function measureMemory(family: Family, small: unknown, large: unknown, suspicious: number): number {
  // To collect garbage takes longer than most readings: it is not done where little was allocated at all.
  const { heapUsed } = process.memoryUsage();
  sink = family.read(large);
  const allocated = process.memoryUsage().heapUsed - heapUsed;
  if (allocated >= 0 && allocated < NOISE_BYTES) return 1;
  let ratio = Infinity;
  // What is compiled or cached meanwhile counts for one of them: not three times in a row.
  for (let run = 0; run < 3 && ratio > suspicious; run++) {
    const held = heldBytes(family, large);
    ratio = held < NOISE_BYTES ? 1 : held / Math.max(heldBytes(family, small), NOISE_BYTES / 4);
  }
  sink = undefined;
  return ratio;
}

/** @param suspicious The ratio above which it is measured again, `AGAIN` times at most. */
export function measureDoubling(family: Family, suspicious: number): Doubling {
  const size = chooseSize(family);
  const [small, large] = [family.make(size >> 1), family.make(size)];
  let times = 1;
  while (times < 1 << 14 && timed(family, small, times) < MEASURED_MS) times *= 2;
  let [least, leastDouble] = [Infinity, Infinity];
  const run = (runs: number) => {
    for (let i = 0; i < runs; i++) {
      least = Math.min(least, timed(family, small, times));
      leastDouble = Math.min(leastDouble, timed(family, large, times));
    }
  };
  run(RUNS);
  // Others may be busy on this machine, and what was allocated before may be collected now: it is measured again, and
  // the least counts. What is quadratic stays at four however often it is measured.
  for (let again = 0; again < AGAIN && leastDouble > suspicious * least; again++) {
    collectGarbage();
    run(RUNS);
  }
  const memoryRatio = measureMemory(family, small, large, suspicious);
  return {
    size,
    cpuMs: leastDouble / times,
    cpuRatio: leastDouble / Math.max(least, 0.001),
    memoryRatio,
  };
}

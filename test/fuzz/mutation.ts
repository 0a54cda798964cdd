// Changes to an input, as fuzzers make them: flips, odd numbers, words of the target's dictionary, parts moved, doubled,
// cut out and taken from another input. Every choice comes out of the generator, so a seed repeats a run.
import type { Prng } from '../support/prng.js';

const ODD_NUMBERS: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 200, 207, 254, 255, 256, 511, 512, 1023, 1024,
  4095, 4096, 32767, 32768, 65534, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

export interface Material {
  readonly dictionary: readonly Uint8Array[];
  /** Another input, to take parts from. */
  readonly other: () => Uint8Array;
}

export function mutate(input: Uint8Array, maxBytes: number, material: Material, prng: Prng): Uint8Array {
  let bytes = input;
  for (let rounds = 1 + prng.integer(prng.chance(0.3) ? 12 : 4); rounds > 0; rounds--) {
    bytes = prng.pick(MUTATIONS)(bytes, material, prng);
    if (bytes.length > maxBytes) bytes = bytes.slice(0, maxBytes);
  }
  return bytes;
}

type Mutation = (bytes: Uint8Array, material: Material, prng: Prng) => Uint8Array;

const change =
  (edit: (copy: Uint8Array, at: number, prng: Prng) => void): Mutation =>
  (bytes, _material, prng) => {
    if (bytes.length === 0) return prng.bytes(1 + prng.integer(8));
    const copy = bytes.slice();
    edit(copy, prng.integer(copy.length), prng);
    return copy;
  };

/** The part from `from` to `to` replaced. */
function splice(bytes: Uint8Array, from: number, to: number, part: Uint8Array): Uint8Array {
  const joined = new Uint8Array(bytes.length - (to - from) + part.length);
  joined.set(bytes.subarray(0, from));
  joined.set(part, from);
  joined.set(bytes.subarray(to), from + part.length);
  return joined;
}

/** Short parts more often than long ones. */
function partOf(bytes: Uint8Array, prng: Prng): readonly [number, number] {
  const from = prng.integer(bytes.length + 1);
  const most = Math.max(1, prng.chance(0.8) ? 32 : bytes.length);
  return [from, Math.min(bytes.length, from + 1 + prng.integer(most))];
}

function writeNumber(copy: Uint8Array, at: number, value: number, prng: Prng): void {
  const size = prng.pick([1, 2, 4]);
  const isLittle = prng.chance(0.25);
  for (let i = 0; i < size && at + i < copy.length; i++)
    copy[at + i] = value >>> (8 * (isLittle ? i : size - 1 - i));
}

const MUTATIONS: readonly Mutation[] = [
  change((copy, at, prng) => (copy[at]! ^= 1 << prng.integer(8))),
  change((copy, at, prng) => (copy[at] = prng.integer(256))),
  change((copy, at, prng) => (copy[at] = copy[at]! + 1 + prng.integer(8))),
  change((copy, at, prng) => (copy[at] = copy[at]! - 1 - prng.integer(8))),
  change((copy, at, prng) => writeNumber(copy, at, prng.pick(ODD_NUMBERS), prng)),
  change((copy, at, prng) => writeNumber(copy, at, copy.length - at + prng.integer(9) - 4, prng)),
  (bytes, _material, prng) => splice(bytes, ...partOf(bytes, prng), new Uint8Array()),
  (bytes, _material, prng) => bytes.slice(0, prng.integer(bytes.length + 1)),
  (bytes, _material, prng) => {
    const [from, to] = partOf(bytes, prng);
    const at = prng.integer(bytes.length + 1);
    return splice(bytes, at, at, bytes.slice(from, to));
  },
  (bytes, _material, prng) => {
    const [from, to] = partOf(bytes, prng);
    const part = bytes.subarray(from, to);
    const many = new Uint8Array(part.length * (2 + prng.integer(prng.chance(0.2) ? 200 : 6)));
    for (let at = 0; at < many.length; at += part.length) many.set(part, at);
    return splice(bytes, from, to, many);
  },
  (bytes, { other }, prng) => {
    const donor = other();
    const [from, to] = partOf(donor, prng);
    const at = prng.integer(bytes.length + 1);
    return splice(
      bytes,
      at,
      prng.chance(0.5) ? at : Math.min(bytes.length, at + to - from),
      donor.slice(from, to),
    );
  },
  (bytes, { other }, prng) => {
    const donor = other();
    const at = prng.integer(bytes.length + 1);
    return splice(bytes, at, bytes.length, donor.slice(prng.integer(donor.length + 1)));
  },
  withWord,
  withWord,
  (bytes, _material, prng) => {
    const at = prng.integer(bytes.length + 1);
    return splice(bytes, at, at, prng.bytes(1 + prng.integer(prng.chance(0.1) ? 300 : 8)));
  },
];

function withWord(bytes: Uint8Array, { dictionary }: Material, prng: Prng): Uint8Array {
  if (dictionary.length === 0) return bytes;
  const word = prng.pick(dictionary);
  const at = prng.integer(bytes.length + 1);
  return splice(bytes, at, prng.chance(0.5) ? at : Math.min(bytes.length, at + word.length), word);
}

// What the tables of hostile inputs are made of.
import type { Family } from '../support/doubling.js';

/** By parser, then by what is hostile about the input. */
export type Families = Record<string, Record<string, Family>>;

/** `read` is given what `make` made; `most` is the largest size. */
export function familyOf<Input>(
  most: number,
  make: (size: number) => Input,
  read: (input: Input) => unknown,
): Family {
  return { most, make, read: (input) => read(input as Input) };
}

/** `unit` repeated between `start` and `end` so that the whole is about `size` long and never longer. */
export function filled(start: string, unit: string, end: string, size: number): string {
  const count = Math.max(1, Math.floor((size - start.length - end.length) / unit.length));
  return start + unit.repeat(count) + end;
}

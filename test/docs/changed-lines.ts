// Two programs, line by line: what of the second is not in the first.
import { readText } from './repository.js';

/** A program of docs/examples without the comment at its head, which tells how it is run. */
export function programOf(name: string): string[] {
  return readText(`docs/examples/${name}`)
    .replace(/^(?:\/\/.*\n)+/, '')
    .split('\n');
}

/** Lines of `after` that are not lines of `before`: those of the longest common subsequence left out. */
export function changedLines(before: readonly string[], after: readonly string[]): string[] {
  const kept = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => kept[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      kept[i]![j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const changed: string[] = [];
  for (let i = 0, j = 0; j < after.length;) {
    if (before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (i < before.length && at(i + 1, j) >= at(i, j + 1)) i++;
    else changed.push(after[j++] ?? '');
  }
  return changed;
}

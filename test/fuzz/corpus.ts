// The inputs that are kept: fixtures/fuzz/TARGET, one file each, named by its content. Inputs that once were a finding
// are called crash-… and stay, with the reason beside them: each must pass from its mend on.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folderOf = (root: string, target: string): string => join(root, 'fixtures/fuzz', target);
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

/** Findings of old first. */
export function readCorpus(root: string, target: string): Uint8Array[] {
  const folder = folderOf(root, target);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => !name.endsWith('.txt'));
  return names.sort().map((name) => new Uint8Array(readFileSync(join(folder, name))));
}

/** Puts these inputs in place of those that were kept; findings stay. At most so many bytes, the smallest first. */
export function writeCorpus(
  root: string,
  target: string,
  inputs: readonly Uint8Array[],
  maxBytes: number,
): number {
  const folder = folderOf(root, target);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!name.startsWith('crash-')) rmSync(join(folder, name));
  let total = 0;
  for (const bytes of inputs) {
    if (total + bytes.length > maxBytes) continue;
    total += bytes.length;
    writeFileSync(join(folder, hashOf(bytes)), bytes);
  }
  return total;
}

export function writeFinding(root: string, target: string, bytes: Uint8Array, reason: string): string {
  const folder = folderOf(root, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `crash-${hashOf(bytes)}`);
  writeFileSync(path, bytes);
  writeFileSync(`${path}.txt`, `${reason}\n`);
  return path;
}

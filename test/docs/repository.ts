// The repository as the tests of the documents read it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const FOREIGN = new Set(['node_modules', 'dist', 'coverage', '.git', '.nyc_output']);

/** Every file of ours below a folder, relative to the root, with forward slashes. */
export function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (FOREIGN.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return [relative('.', path).split(sep).join('/')];
  });
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function documents(): string[] {
  return filesUnder('.').filter((path) => path.endsWith('.md'));
}

/** The part of a document below a heading, up to the next of the same or a higher rank. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const rank = heading.indexOf(' ');
  const isNext = new RegExp(`^#{1,${rank}} `);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => isNext.test(line));
  return rest.slice(0, end < 0 ? undefined : end).join('\n');
}

/** The first cells of a table's rows, without their backticks: every code in the cell. */
export function namesInTable(text: string): string[] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).flatMap((row) => {
    const cell = row.split('|')[1] ?? '';
    return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
  });
}

/** The contents of the fenced blocks of a language. */
export function fences(text: string, language: string): string[] {
  const pattern = new RegExp('^```' + language + '\\n([\\s\\S]*?)^```$', 'gm');
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

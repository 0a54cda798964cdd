// The programs of the comparison that run on hosts of the lab. Each is made one file of plain JavaScript first: they start by the dozen
// before a call, and so start in a quarter of the time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const NAMES = ['ng-client', 'sip-asker', 'talker'] as const;
let folder: string | undefined;

/** The command of this program, to which its arguments are added. */
export function program(name: (typeof NAMES)[number]): [string, string] {
  folder ??= build();
  return [process.execPath, join(folder, `${name}.mjs`)];
}

function build(): string {
  const outdir = mkdtempSync(join(tmpdir(), 'latchkey-compare-'));
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  buildSync({
    entryPoints: NAMES.map((name) => fileURLToPath(new URL(`${name}.ts`, import.meta.url))),
    ...{ bundle: true, platform: 'node', format: 'esm', outdir, outExtension: { '.js': '.mjs' } },
  });
  return outdir;
}

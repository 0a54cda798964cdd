// One file of a target, the loop and all of lib that it uses, with a counter at every statement, branch and function of
// what the target is about. Packages stay outside.
import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, transformSync } from 'esbuild';
import type { Plugin } from 'esbuild';
import { createInstrumenter } from 'istanbul-lib-instrument';
import { MAX_COUNTERS } from './coverage.js';

export interface Bundle {
  readonly path: string;
  readonly counters: number;
  readonly files: readonly { readonly file: string; readonly from: number; readonly to: number }[];
}

/** What istanbul writes for one counter; an array element in its place is ten times as fast. */
const COUNTER = /cov_\w+\(\)\.(?:s|f|b)\[\d+\](?:\[\d+\])?\+\+/g;

export async function bundleTarget(root: string, name: string, counted: RegExp): Promise<Bundle> {
  const files: { file: string; from: number; to: number }[] = [];
  let counters = 0;
  const counting: Plugin = {
    name: 'counting',
    setup(esbuild) {
      esbuild.onLoad({ filter: /[\\/](?:lib|plugins)[\\/].*\.ts$/ }, ({ path }) => {
        const file = relative(root, path);
        if (!counted.test(file)) return undefined;
        const { code } = transformSync(readFileSync(path, 'utf8'), {
          loader: 'ts',
          format: 'esm',
          sourcefile: path,
        });
        const from = counters;
        const instrumenter = createInstrumenter({ esModules: true, compact: true });
        const contents = instrumenter
          .instrumentSync(code, path)
          .replace(COUNTER, () => `latchkeyCounts[${counters++}]++`);
        files.push({ file, from, to: counters });
        return { contents, loader: 'js' };
      });
    },
  };
  // Inside node_modules, so that the packages are found from there.
  const folder = join(root, 'node_modules/.cache/latchkey-fuzz');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${process.pid}.mjs`);
  await build({
    stdin: {
      contents: `import { target } from './targets/${name}.js'; import { fuzz } from './loop.js'; fuzz(target);`,
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    outfile: path,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    legalComments: 'none',
    logLevel: 'error',
    banner: {
      js: `const latchkeyCounts = (globalThis.latchkeyFuzzCounts ??= new Uint32Array(${MAX_COUNTERS}));`,
    },
    plugins: [counting],
  });
  if (counters === 0 || counters > MAX_COUNTERS)
    throw new Error(`${name} has ${counters} counters, not 1 to ${MAX_COUNTERS}`);
  return { path, counters, files };
}

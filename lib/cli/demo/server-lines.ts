// The lines to add to a server, out of the examples that the tests run: what is printed is what works.
import { readFileSync } from 'node:fs';
import { packageFile } from './package-file.js';

/** Those of docs/examples/sip.ts that sip-plain.ts has not, but for what they print. Empty where the examples are not there. */
export function readServerLines(): string[] {
  try {
    const [before, after] = ['sip-plain', 'sip'].map((name) =>
      readFileSync(packageFile(`docs/examples/${name}.ts`), 'utf8').split(/\r?\n/),
    );
    const known = new Set(before);
    return (after ?? []).filter((line) => !known.has(line) && !/^\/\/|console\.log/.test(line));
  } catch {
    return [];
  }
}

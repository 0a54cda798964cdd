// The lines to add to a server, out of the example that the tests run: what is printed is what works.
import { readFileSync } from 'node:fs';
import { packageFile } from './package-file.js';

const EXAMPLE = 'docs/examples/server.ts';
const BEGIN = '// ten lines\n';
const END = '// end of the ten lines\n';

/** Empty where the example is not there, or has no such lines. */
export function readTenLines(): string[] {
  let text: string;
  try {
    text = readFileSync(packageFile(EXAMPLE), 'utf8').replaceAll('\r\n', '\n');
  } catch {
    return [];
  }
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  return begin < 0 || end < begin
    ? []
    : text
        .slice(begin + BEGIN.length, end)
        .trimEnd()
        .split('\n');
}

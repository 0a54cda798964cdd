// Where a file of this package is, built or not.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The path of a file named from the root of the package. */
export function packageFile(name: string): string {
  return join(dirname(createRequire(import.meta.url).resolve('latchkey/package.json')), name);
}

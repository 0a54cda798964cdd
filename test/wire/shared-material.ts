// Test material that lies beside the repository, not in it: corpora and vectors made by others.
// Where it is absent the tests that want it are skipped, and say why.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../../shared/', import.meta.url);

/** Skips the test that runs, or that this hook runs before, when a shared file or folder is absent. */
export function requireShared(context: Mocha.Context, path: string): void {
  if (existsSync(new URL(path, ROOT))) return;
  const test = context.currentTest ?? context.test!;
  test.title += ` (skipped: ../shared/${path} is absent)`;
  context.skip();
}

export function readShared(path: string): Buffer {
  return readFileSync(new URL(path, ROOT));
}

/** Every file of a folder, by name. */
export function readSharedFolder(path: string): { name: string; bytes: Buffer }[] {
  return readdirSync(new URL(`${path}/`, ROOT)).map((name) => ({
    name,
    bytes: readShared(`${path}/${name}`),
  }));
}

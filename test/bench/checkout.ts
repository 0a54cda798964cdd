// Another commit of this repository, checked out and built in a folder of its own, which is removed in the end.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = fileURLToPath(new URL('../..', import.meta.url));

/** Where the commit is built. It goes when the process ends, however it ends. Throws where it cannot be built. */
export function checkOut(commit: string): string {
  const hash = run('git', ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`], here).trim();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-against-'));
  const tree = join(folder, 'tree');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  process.once('exit', () => {
    spawnSync('git', ['worktree', 'remove', '--force', tree], { cwd: here });
    rmSync(folder, { recursive: true, force: true });
  });
  run('git', ['worktree', 'add', '--detach', '--quiet', tree, hash], here);
  provide(tree);
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], tree);
  return tree;
}

/** The packages that its lock file names: ours, where that names the same. */
function provide(tree: string): void {
  const [ours, theirs] = [here, tree].map((root) => readFileSync(join(root, 'package-lock.json'), 'utf8'));
  if (ours === theirs) symlinkSync(join(here, 'node_modules'), join(tree, 'node_modules'));
  else run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], tree);
  if (!existsSync(join(tree, 'node_modules/typescript'))) throw new Error('the commit has no TypeScript');
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
}

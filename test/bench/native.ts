// The programs in C that the benchmark needs, compiled where it runs: what generates and takes traffic, and the yardstick. Nothing
// of them is in the package.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('native/', import.meta.url));
const BUILD = join(FOLDER, 'build');
const PROGRAMS = ['traffic', 'forwarder', 'flood'] as const;

/** Where each program lies. */
export type NativePrograms = Readonly<Record<(typeof PROGRAMS)[number], string>>;

/** Why nothing can be compiled here; undefined where it can. */
export function whyNoCompiler(): string | undefined {
  if (process.platform !== 'linux') return 'recvmmsg and /proc are of Linux';
  const { status } = spawnSync('cc', ['--version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'there is no C compiler: `cc --version` failed (Debian package gcc)';
}

/** Throws with what the compiler said. */
export function compileNative(): NativePrograms {
  const missing = whyNoCompiler();
  if (missing !== undefined) throw new Error(missing);
  mkdirSync(BUILD, { recursive: true });
  return Object.fromEntries(PROGRAMS.map((name) => [name, compile(name)])) as NativePrograms;
}

function compile(name: string): string {
  const made = join(BUILD, name);
  // Aside first: another run may be using it.
  const fresh = `${made}.${process.pid}`;
  const args = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', fresh, join(FOLDER, `${name}.c`)];
  const { status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc ${args.join(' ')}: ${stderr}`);
  renameSync(fresh, made);
  return made;
}

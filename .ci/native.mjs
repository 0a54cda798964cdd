// Compiles the addon of lib/net/batch: `node .ci/native.mjs [host|arm64|musl]…`, which fails by any warning. Optional by nature: where it is
// missing, node:dgram does its work. One file serves every Node from 20 on, since it uses Node-API alone.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = join('lib', 'net', 'batch');
/** What is compiled, and what that includes. */
export const NATIVE_SOURCES = ['addon.c', 'srtp.c', 'mac.c', 'openssl.h'].map((file) => join(OUTPUT, file));
const FLAGS = ['-O2', '-std=c11', '-Wall', '-Wextra', '-shared', '-fPIC', '-fvisibility=hidden'];
// A system or a Node that lacks what the file needs does not load it, instead of ending the process at the first call.
const LINKED = ['-Wl,-z,now', '-Wl,-z,relro', '-Wl,-z,noexecstack'];

/** Compilers by target, and the file that each makes. musl's cannot be loaded by the Node of a glibc system: it is untested. */
const TARGETS = {
  host: { compiler: process.env.CC ?? 'cc', file: `${process.platform}-${process.arch}.node` },
  arm64: { compiler: 'aarch64-linux-gnu-gcc', file: 'linux-arm64.node' },
  musl: { compiler: 'musl-gcc', file: `linux-musl-${process.arch}.node` },
};

/** @returns what stands in the way, in one line; undefined where the file is made. */
export function compileNative(target, dist, ...flags) {
  if (process.platform !== 'linux') return `it is for Linux, and this is ${process.platform}`;
  const { compiler, file } = TARGETS[target];
  const made = join(dist, OUTPUT, file);
  mkdirSync(join(dist, OUTPUT), { recursive: true });
  // Under another name until it is whole: somebody may be about to load it.
  const next = `${made}.${process.pid}`;
  const args = [
    ...FLAGS,
    ...LINKED,
    ...flags,
    `-I${join(root, 'node_modules', 'node-api-headers', 'include')}`,
    ...NATIVE_SOURCES.filter((file) => file.endsWith('.c')).map((file) => join(root, file)),
    '-o',
    next,
  ];
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status === 0) {
    renameSync(next, made);
    return undefined;
  }
  rmSync(next, { force: true });
  if (error) return `there is no ${compiler}: ${error.message}`;
  return `${compiler} does not compile it, and ends with ${status}\n${stderr}`.trimEnd();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const targets = process.argv.slice(2);
  for (const target of targets.length > 0 ? targets : ['host']) {
    const trouble = TARGETS[target]
      ? compileNative(target, join(root, 'dist'), '-Werror')
      : `one of ${Object.keys(TARGETS).join(', ')}`;
    console.error(
      `latchkey: the addon for ${target}: ${trouble ?? `dist/${OUTPUT}/${TARGETS[target].file}`}`,
    );
    if (trouble) process.exitCode = 1;
  }
}

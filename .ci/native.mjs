// Compiles the addon of lib/net/batch: `node .ci/native.mjs [host|arm64|musl]…`. Optional by nature: where it is missing, node:dgram does
// its work. One file serves every Node from 20 on, since it uses Node-API alone.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const NATIVE_SOURCES = ['addon.c', 'srtp.c'].map((file) => join('lib', 'net', 'batch', file));
const OUTPUT = join('lib', 'net', 'batch');
const FLAGS = ['-O2', '-std=c11', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-fvisibility=hidden'];
// A system or a Node that lacks what the file needs does not load it, instead of ending the process at the first call.
const LINKED = ['-Wl,-z,now', '-Wl,-z,relro', '-Wl,-z,noexecstack'];

/** Compilers by target, and the file that each makes. musl's cannot be loaded by the Node of a glibc system: it is untested. */
const TARGETS = {
  host: { compiler: process.env.CC ?? 'cc', file: `${process.platform}-${process.arch}.node` },
  arm64: { compiler: 'aarch64-linux-gnu-gcc', file: 'linux-arm64.node' },
  musl: { compiler: 'musl-gcc', file: `linux-musl-${process.arch}.node` },
};

/** @returns what stands in the way, in one line; undefined where the file is made. */
export function compileNative(target, dist) {
  if (process.platform !== 'linux') return `it is for Linux, and this is ${process.platform}`;
  const { compiler, file } = TARGETS[target];
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const folder = join(dist, OUTPUT);
  mkdirSync(folder, { recursive: true });
  const args = [
    ...FLAGS,
    ...LINKED,
    `-I${headers}`,
    ...NATIVE_SOURCES.map((file) => join(root, file)),
    '-o',
    join(folder, file),
  ];
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (error) return `there is no compiler: ${error.message}`;
  return status === 0 ? undefined : `${compiler} does not compile it:\n${stderr}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const targets = process.argv.slice(2);
  for (const target of targets.length > 0 ? targets : ['host']) {
    const trouble = TARGETS[target]
      ? compileNative(target, join(root, 'dist'))
      : `one of ${Object.keys(TARGETS).join(', ')}`;
    console.error(
      `latchkey: the addon for ${target}: ${trouble ?? `dist/${OUTPUT}/${TARGETS[target].file}`}`,
    );
    if (trouble) process.exitCode = 1;
  }
}

// The walls of the house: who may import whom, what the root entry loads, and that the core and
// the wire know no clock and no process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import {
  circlesOf,
  importsOf,
  isIn,
  layerOf,
  readImportGraph,
  roomOf,
  sourceFiles,
  targetOf,
} from './docs/import-graph.js';
import type { ImportGraph } from './docs/import-graph.js';
import { readText, root } from './docs/repository.js';

interface Room {
  /** Folders and files, besides its own, that it may import from. */
  readonly rooms: readonly string[];
  /** May it use Node's own modules? */
  readonly node: boolean;
  /** Packages that it may use. */
  readonly packages: readonly string[];
}

const ROOMS: Readonly<Record<string, Room>> = {
  'lib/wire': { rooms: [], node: false, packages: [] },
  'lib/srtp': { rooms: ['lib/core/errors.ts', 'lib/wire'], node: false, packages: [] },
  'lib/core': { rooms: ['lib/srtp', 'lib/wire'], node: false, packages: [] },
  'lib/net': { rooms: ['lib/core', 'lib/srtp', 'lib/wire'], node: true, packages: [] },
  'lib/index.ts': { rooms: ['lib/net', 'lib/core', 'lib/wire'], node: false, packages: [] },
  'lib/room': {
    rooms: ['lib/net', 'lib/core', 'lib/wire', 'lib/index.ts'],
    node: true,
    packages: ['rtp.js'],
  },
  'lib/capture': { rooms: ['lib/core', 'lib/srtp', 'lib/wire'], node: true, packages: ['wavefile'] },
  'lib/audio': {
    rooms: ['lib/index.ts', 'lib/room', 'lib/core/index.ts', 'lib/wire'],
    node: true,
    packages: ['alawmulaw'],
  },
  'lib/sip': { rooms: ['lib/index.ts'], node: true, packages: [] },
  'lib/rtsp': {
    rooms: ['lib/index.ts', 'lib/sip/index.ts', 'lib/room', 'lib/wire'],
    node: true,
    packages: [],
  },
  'lib/server': {
    rooms: ['lib/index.ts', 'lib/sip/index.ts', 'lib/room', 'lib/wire', 'lib/core/index.ts'],
    node: true,
    packages: [],
  },
  'lib/phone': {
    rooms: [
      ...['lib/index.ts', 'lib/sip/index.ts', 'lib/rtsp/index.ts', 'lib/room', 'lib/wire'],
      ...['lib/core/index.ts', 'lib/capture'],
    ],
    node: true,
    packages: ['latchkey', 'rtp.js', 'wavefile'],
  },
  'lib/cli': {
    rooms: ['lib', 'plugins'],
    node: true,
    packages: ['commander', 'zod', 'selfsigned', 'wavefile', 'sip', 'sip.js', 'ws', 'rtp.js', 'latchkey'],
  },
  'plugins/sip': { rooms: ['lib/index.ts', 'lib/sip/index.ts'], node: true, packages: ['sip'] },
  'plugins/sip-js': { rooms: ['lib/index.ts', 'lib/sip/index.ts'], node: true, packages: ['sip.js'] },
  'plugins/https': {
    rooms: ['lib/index.ts', 'lib/sip/index.ts', 'lib/server/index.ts'],
    node: true,
    packages: ['rate-limiter-flexible', 'zod'],
  },
  'plugins/rtsp': {
    rooms: [
      'lib/index.ts',
      ...['lib/sip/index.ts', 'lib/rtsp/index.ts', 'lib/room/index.ts', 'lib/wire/index.ts'],
      'lib/server/index.ts',
    ],
    node: true,
    packages: [],
  },
  'plugins/watch': {
    rooms: ['lib/index.ts', 'lib/sip/index.ts', 'lib/server/index.ts'],
    node: true,
    packages: ['ws', 'node-rtsp-stream'],
  },
  'plugins/drachtio': {
    rooms: ['lib/index.ts', 'lib/sip/index.ts'],
    node: true,
    packages: ['drachtio-srf'],
  },
};

const sources = sourceFiles();

function packageOf(name: string): string {
  const parts = name.split('/');
  return parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
}

/** Why a room may not have this import; undefined where it may. */
function trespass(path: string, name: string): string | undefined {
  const room = Object.keys(ROOMS).find((one) => isIn(path, one));
  const rules = room === undefined ? undefined : ROOMS[room];
  if (room === undefined || rules === undefined) return `${path} is in no room of the house`;
  if (name.startsWith('.')) {
    const file = targetOf(path, name);
    const isFree = [room, ...rules.rooms].some((free) => isIn(file, free));
    return isFree ? undefined : `${path} imports ${file}`;
  }
  const isFree = name.startsWith('node:') ? rules.node : rules.packages.includes(packageOf(name));
  return isFree ? undefined : `${path} imports ${name}`;
}

/** Imports from a room of what stands above it (`LAYERS`), and of files in no room. Rooms of one layer may go sideways. */
function upwardImports(graph: ImportGraph): string[] {
  const height = (path: string): number => layerOf(roomOf(path) ?? '');
  return [...graph].flatMap(([path, targets]) =>
    targets
      .filter((to) => height(path) < 0 || height(to) < 0 || height(to) > height(path))
      .map((to) => `${path} imports ${to}`),
  );
}

/** What a file reaches by its imports, and the names of packages met on the way. */
function reach(entry: string, extension: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [entry];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    for (const name of importsOf(path)) {
      if (name.startsWith('.')) queue.push(posix.join(dirname(path), name).replace(/\.js$/, extension));
      else if (!name.startsWith('node:')) packages.add(packageOf(name));
    }
  }
  return { files, packages };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

describe('walls', () => {
  it('each file of lib and plugins imports only what its room may', () => {
    assert.ok(sources.length > 100);
    assert.deepEqual(
      sources.flatMap((path) => importsOf(path).map((name) => trespass(path, name))).filter(Boolean),
      [],
    );
  });

  it('the check itself sees what it forbids', () => {
    assert.ok(trespass('lib/wire/stun.ts', '../core/index.js'));
    assert.ok(trespass('lib/core/engine.ts', 'node:fs'));
    assert.ok(trespass('lib/core/engine.ts', '../net/loop.js'));
    assert.ok(trespass('lib/net/loop.ts', 'ws'));
    assert.ok(trespass('lib/capture/pcap.ts', '../net/loop.js'));
    assert.ok(trespass('plugins/sip/stack.ts', '../../lib/core/index.js'));
    assert.ok(trespass('plugins/sip/stack.ts', '../../lib/sip/dialog.js'));
    assert.ok(trespass('lib/server/meeting-call.ts', '../../plugins/sip/index.js'));
    assert.ok(trespass('lib/phone/sip-client.ts', '../cli/signalling-client.js'));
    assert.ok(trespass('plugins/other/index.ts', 'node:fs'));
    assert.ok(trespass('lib/server/distribution-server.ts', '../../plugins/sip/index.js'));
    assert.ok(trespass('lib/server/distribution-server.ts', '../phone/failure.js'));
    assert.equal(trespass('plugins/sip/stack.ts', '../../lib/index.js'), undefined);
    assert.ok(importsOf('lib/cli/main.ts').includes('./serve.js'), 'imports made on demand count');
  });

  it('no files import each other in a circle, types included', () => {
    assert.deepEqual(circlesOf(readImportGraph()), []);
  });

  it('no arrow runs up: a room imports only what stands below it', () => {
    assert.deepEqual(upwardImports(readImportGraph()), []);
  });

  it('the checks for circles and arrows see what they forbid', () => {
    const graph = new Map([
      ['lib/wire/stun.ts', ['lib/wire/rtp.ts']],
      ['lib/wire/rtp.ts', ['lib/wire/sdp.ts', 'lib/core/engine.ts']],
      ['lib/wire/sdp.ts', ['lib/wire/stun.ts']],
      ['lib/core/engine.ts', ['lib/wire/stun.ts', 'lib/core/path/verifier.ts']],
      ['lib/core/path/verifier.ts', ['lib/core/path/verifier.ts']],
      ['lib/room/room.ts', ['lib/sip/dialog.ts']],
      ['lib/sip/dialog.ts', []],
      ['lib/cli/main.ts', ['lib/room/room.ts']],
    ]);
    assert.deepEqual(circlesOf(graph), [
      ['lib/core/path/verifier.ts'],
      ['lib/core/engine.ts', 'lib/wire/rtp.ts', 'lib/wire/sdp.ts', 'lib/wire/stun.ts'],
    ]);
    assert.deepEqual(upwardImports(graph), ['lib/wire/rtp.ts imports lib/core/engine.ts']);
    assert.equal(roomOf('lib/core/errors.ts'), 'lib/core');
    assert.equal(roomOf('lib/core/path/verifier.ts'), 'lib/core/path');
    assert.equal(roomOf('lib/elsewhere/file.ts'), undefined);
  });

  it('the compiler gives the core, SRTP and the wire no types of Node and no DOM', () => {
    const { compilerOptions, include } = JSON.parse(readText('lib/core/tsconfig.json')) as {
      compilerOptions: { types: string[]; lib: string[] };
      include: string[];
    };
    assert.deepEqual(compilerOptions, { types: [], lib: ['ES2023'] });
    assert.deepEqual(include, ['.', '../srtp', '../wire']);
  });

  it('the core, SRTP and the wire name no clock, no chance, no process and nothing else of Node or a browser', () => {
    const foreign = new Set(
      ['Date', 'process', 'Buffer', 'performance', 'console', 'globalThis', 'fetch', 'require'].concat([
        'setTimeout',
        'setInterval',
        'setImmediate',
        'queueMicrotask',
        'TextEncoder',
        'TextDecoder',
      ]),
    );
    const found: string[] = [];
    for (const path of sources.filter((file) => /^lib\/(core|srtp|wire)\//.test(file))) {
      const file = ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2023, true);
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node) && foreign.has(node.text)) found.push(`${path}: ${node.text}`);
        if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random')
          found.push(`${path}: chance`);
        ts.forEachChild(node, visit);
      };
      visit(file);
    }
    assert.deepEqual(found, []);
  });

  it('the distribution server prints nothing and is no process: it is a part of one', () => {
    const found: string[] = [];
    for (const path of sources.filter((file) => file.startsWith('lib/server/'))) {
      const file = ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2023, true);
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node) && ['console', 'process', 'globalThis'].includes(node.text))
          found.push(`${path}: ${node.text}`);
        ts.forEachChild(node, visit);
      };
      visit(file);
    }
    assert.deepEqual(found, []);
  });

  it('the root entry reaches no package, by its sources', () => {
    const { files, packages } = reach('lib/index.ts', '.ts');
    assert.ok(files.size > 40);
    assert.deepEqual([...packages], []);
  });

  describe('as built', () => {
    before(() => assert.ok(existsSync(join(root, 'dist/lib/index.js')), 'not built: npm run build'));

    it('the types of the root entry import no package', () => {
      const { files, packages } = reach('dist/lib/index.d.ts', '.d.ts');
      assert.ok(files.size > 40);
      assert.deepEqual([...packages], []);
    });

    it('every source map carries the sources that it names', () => {
      const folder = join(root, 'dist');
      const maps = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.js.map'),
      );
      assert.ok(maps.length > 100);
      for (const name of maps) {
        const path = join(folder, name);
        const map = JSON.parse(readFileSync(path, 'utf8')) as {
          sources: string[];
          sourcesContent?: string[];
        };
        const sources = map.sources.map((source) => readFileSync(join(dirname(path), source), 'utf8'));
        assert.ok(isSame(map.sourcesContent ?? [], sources), name);
        assert.match(readFileSync(path.slice(0, -4), 'utf8'), /\n\/\/# sourceMappingURL=[\w-]+\.js\.map\s*$/);
      }
    });

    it('the root, the core, the wire and the plugins load where no package is installed', () => {
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-bare-'));
      try {
        cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
        writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
        const entries = [
          'lib/index.js',
          'lib/core/index.js',
          'lib/wire/index.js',
          'plugins/sip/index.js',
          'plugins/sip-js/index.js',
          'plugins/drachtio/index.js',
          'plugins/watch/index.js',
        ];
        const urls = entries.map((entry) => pathToFileURL(join(folder, 'dist', entry)).href);
        const program = `for (const url of ${JSON.stringify(urls)})
          console.log(Object.keys(await import(url)).length)`;
        const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
          cwd: folder,
        });
        const exported = printed.toString().trim().split('\n').map(Number);
        assert.equal(exported.length, entries.length);
        assert.ok(exported.every((count) => count > 0));
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});

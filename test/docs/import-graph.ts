// Who imports whom in lib and plugins, types included: the files, the rooms that they lie in, the order of the rooms from
// the ground up, and the circles. The walls are tested with it and docs/import-graph.svg is drawn from it. It judges nothing.
import { dirname, posix } from 'node:path';
import ts from 'typescript';
import { filesUnder, readText } from './repository.js';

export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/**
 * The rooms from the ground up: a room imports what stands below it. A name is a folder or a file, and the longest that
 * fits a file is its room: `lib/core` is what lies in none of the core's own rooms.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ['lib/wire'],
  ['lib/core'],
  ['lib/srtp'],
  ['lib/core/proof'],
  ['lib/core/route'],
  ['lib/core/path'],
  ['lib/core/call'],
  ['lib/core/exchange'],
  ['lib/core/engine.ts'],
  ['lib/core/index.ts'],
  ['lib/net'],
  ['lib/index.ts'],
  ['lib/sip', 'lib/room', 'lib/capture'],
  ['lib/rtsp'],
  ['lib/server', 'lib/phone', 'lib/audio'],
  ['plugins/sip', 'plugins/sip-js', 'plugins/drachtio', 'plugins/https', 'plugins/rtsp', 'plugins/watch'],
  ['lib/cli'],
];

const ROOMS = LAYERS.flat().sort((a, b) => b.length - a.length);

export function sourceFiles(): string[] {
  return ['lib', 'plugins'].flatMap(filesUnder).filter((path) => path.endsWith('.ts'));
}

/** The names in a file's imports and exports, those of types and those on demand included. */
export function importsOf(path: string): string[] {
  return ts.preProcessFile(readText(path), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** The source file that a relative import means. */
export function targetOf(path: string, name: string): string {
  return posix.join(dirname(path), name).replace(/\.js$/, '.ts');
}

export function readImportGraph(): ImportGraph {
  const files = sourceFiles();
  return new Map(
    files.map((path) => {
      const targets = importsOf(path)
        .filter((name) => name.startsWith('.'))
        .map((name) => targetOf(path, name));
      return [path, [...new Set(targets)]];
    }),
  );
}

export function isIn(path: string, room: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

/** Undefined for a file in no room. */
export function roomOf(path: string): string | undefined {
  return ROOMS.find((room) => isIn(path, room));
}

/** How high a room stands, from 0. */
export function layerOf(room: string): number {
  return LAYERS.findIndex((rooms) => rooms.includes(room));
}

/** The files that reach each other, one list a circle, by Tarjan's strongly connected components. */
export function circlesOf(graph: ImportGraph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): number => {
    const own = order.size;
    order.set(path, own);
    lowest.set(path, own);
    stack.push(path);
    const targets = graph.get(path) ?? [];
    for (const target of targets) {
      const low = order.has(target) ? stack.includes(target) && lowest.get(target) : visit(target);
      if (typeof low === 'number') lowest.set(path, Math.min(lowest.get(path) ?? own, low));
    }
    const low = lowest.get(path) ?? own;
    if (low === own) {
      const circle = stack.splice(stack.indexOf(path));
      if (circle.length > 1 || targets.includes(path)) circles.push(circle.sort());
    }
    return low;
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return circles;
}

// npm run graph: draws who imports whom, room by room, types included, as docs/import-graph.svg. With --check it writes
// nothing and ends with 1 where the picture is not that of the code.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Graphviz } from '@hpcc-js/wasm-graphviz';
import { LAYERS, layerOf, readImportGraph, roomOf } from './import-graph.js';
import { readText, root } from './repository.js';

const PICTURE = 'docs/import-graph.svg';

/** Colours that can be read on a white page and on a dark one; boxes bring their own ground. */
const LINE = '#7d8996';
const FONT = 'Helvetica,Arial,sans-serif';
const WRONG_WAY = '#e5484d';
const FILLS: readonly (readonly [RegExp, string])[] = [
  [/^lib\/wire$/, '#f5d67b'],
  [/^lib\/core/, '#a9cdf5'],
  [/^lib\/(net|index\.ts)$/, '#a8dfc4'],
  [/^lib\/(server|phone)$/, '#f3b8a4'],
  [/^lib\/cli$/, '#d9dde2'],
  [/^plugins\//, '#e9b9dd'],
  [/^lib\//, '#cdbff2'],
];

interface Arrow {
  readonly from: string;
  readonly to: string;
  imports: number;
}

function arrowsBetweenRooms(): { arrows: Arrow[]; files: Map<string, number> } {
  const arrows = new Map<string, Arrow>();
  const files = new Map<string, number>();
  for (const [path, targets] of readImportGraph()) {
    const from = roomOf(path);
    if (from === undefined)
      throw new Error(`${path} is in no room: LAYERS in test/docs/import-graph.ts lists them`);
    files.set(from, (files.get(from) ?? 0) + 1);
    for (const to of targets.map(roomOf)) {
      if (to === undefined || to === from) continue;
      const arrow = arrows.get(`${from} ${to}`) ?? { from, to, imports: 0 };
      arrow.imports++;
      arrows.set(`${from} ${to}`, arrow);
    }
  }
  return { arrows: [...arrows.values()], files };
}

function node(room: string, files: number): string {
  const fill = FILLS.find(([pattern]) => pattern.test(room))?.[1] ?? LINE;
  const name = room === 'lib/core' ? 'core/*.ts' : room.replace(/^lib\/(?!index)/, '');
  const label = room.endsWith('.ts') ? name : `${name}\\n${files} files`;
  return `"${room}" [fillcolor="${fill}" label="${label}" width=${(0.45 + name.length * 0.1).toFixed(2)}]`;
}

function edge({ from, to, imports }: Arrow): string {
  const isUp = layerOf(to) > layerOf(from);
  const width = Math.min(6, 0.6 + Math.sqrt(imports) * 0.55).toFixed(2);
  const colour = isUp ? WRONG_WAY : LINE;
  const tail = isUp ? `"${to}" -> "${from}" [dir=back ` : `"${from}" -> "${to}" [`;
  return `${tail} penwidth=${width} color="${colour}" fontcolor="${colour}" label=" ${imports} "]`;
}

function describe(): string {
  const { arrows, files } = arrowsBetweenRooms();
  const isThere = (room: string): boolean => files.has(room);
  const ranks = LAYERS.map((rooms) => rooms.filter(isThere)).filter((rooms) => rooms.length > 0);
  const row = (rooms: readonly string[]): string =>
    `{ rank=same; ${rooms.map((room) => `"${room}"`).join('; ')} }`;
  return [
    'digraph latchkey {',
    `graph [label="an arrow runs from who imports to what is imported; its number counts the imports, types included; red runs up"
      labelloc=b fontname="${FONT}" fontsize=11 fontcolor="${LINE}"]`,
    'graph [bgcolor=transparent nodesep=0.45 ranksep=0.5 splines=true newrank=true]',
    `node [shape=box style="filled,rounded" penwidth=0 fontname="${FONT}" margin="0.1,0.08" fontsize=13 fontcolor="#16202b"]`,
    `edge [arrowsize=0.6 fontname="${FONT}" fontsize=10]`,
    ...ranks.flat().map((room) => node(room, files.get(room) ?? 0)),
    `subgraph cluster_core { style="dashed,rounded"; color="${LINE}"; label="lib/core"; labeljust=l; fontcolor="${LINE}"; fontsize=12; fontname="${FONT}";
      ${ranks
        .flat()
        .filter((room) => room.startsWith('lib/core'))
        .map((room) => `"${room}"`)
        .join('; ')} }`,
    ...ranks.map(row),
    ...ranks.slice(1).map((rooms, i) => `"${rooms[0]}" -> "${ranks[i]?.[0]}" [style=invis weight=0]`),
    ...arrows.map(edge),
    '}',
  ].join('\n');
}

const graphviz = await Graphviz.load();
const svg = graphviz.dot(describe(), 'svg');
const isSame = existsSync(join(root, PICTURE)) && readText(PICTURE) === svg;
if (!process.argv.includes('--check')) writeFileSync(join(root, PICTURE), svg);
else if (!isSame) {
  console.error(`${PICTURE} is not that of the code: npm run graph draws it again`);
  process.exitCode = 1;
}

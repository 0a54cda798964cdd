// What a process of the lab prints, one JSON object a line.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Line = Record<string, unknown> & { event?: string };

export interface JsonLines {
  readonly all: Line[];
  readonly end: Promise<unknown>;
  /** The first line of this event that fits, now or later. */
  has(event: string, fits?: (line: Line) => boolean): Promise<Line>;
  /** Each line of this event, from now on. */
  each(event: string, listener: (line: Line) => void): void;
}

export function jsonLines(child: ChildProcess): JsonLines {
  const all: Line[] = [];
  assert.ok(child.stdout);
  const reader = createInterface(child.stdout);
  const ended = once(child, 'exit');
  const end = once(reader, 'close').then(() => ended);
  reader.on('line', (text) => {
    all.push(JSON.parse(text) as Line);
    reader.emit('more');
  });
  const has = async (event: string, fits: (line: Line) => boolean = () => true): Promise<Line> => {
    for (;;) {
      const found = all.find((line) => line.event === event && fits(line));
      if (found) return found;
      await Promise.race([once(reader, 'more'), end.then(() => assert.fail(`it ended without "${event}"`))]);
    }
  };
  const each = (event: string, listener: (line: Line) => void): void => {
    reader.on('line', () => {
      const line = all.at(-1);
      if (line?.event === event) listener(line);
    });
  };
  return { all, has, each, end };
}

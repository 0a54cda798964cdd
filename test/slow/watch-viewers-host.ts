// The watch server of watch-viewers.test.ts, in a process of its own, so that its memory is its own. Tells its figures when asked.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWatch } from '../../plugins/watch/index.js';
import type { WatchCounters } from '../../plugins/watch/index.js';
import { FakeServer } from '../plugins/watch-server.js';

export const TOKEN = 'a-token-of-the-tests';

export interface Figures {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly counters: WatchCounters;
}

/** Until nobody is there any more, but no longer. */
const SETTLE_MS = 5000;

if (process.send) await host();

async function host(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'watch-viewers-'));
  // Stands in for ffmpeg: two megabits a second.
  const ffmpeg = join(folder, 'ffmpeg.cjs');
  writeFileSync(
    ffmpeg,
    `#!${process.execPath}\nsetInterval(() => process.stdout.write(Buffer.alloc(5000, 0x47)), 20);\n`,
  );
  chmodSync(ffmpeg, 0o755);
  const server = new FakeServer();
  for (let i = 1; i <= 10; i++) server.join(`s${i}`, 'tea');
  setInterval(() => {
    for (let i = 1; i <= 10; i++) server.count(`s${i}`, 25, 0, 3);
  }, 500);
  const video = { ffmpeg, open: () => ({ url: 'rtsp://127.0.0.1/' }) };
  const watch = createWatch({ server, token: TOKEN, video });
  const { port } = await watch.start();
  process.on('disconnect', () => process.exit());
  process.on('exit', () => rmSync(folder, { recursive: true }));
  process.on('message', () => void figures().then((found) => process.send?.(found)));
  process.send?.({ port });

  async function figures(): Promise<Figures> {
    const untilMs = performance.now() + SETTLE_MS;
    const isWatched = () => watch.counters.viewers + watch.counters.video.viewers > 0;
    while (isWatched() && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rssBytes: rss, heapBytes: heapUsed, counters: watch.counters };
  }
}

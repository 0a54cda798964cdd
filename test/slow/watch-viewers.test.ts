// A thousand viewers of the page and of a picture come and go, some of them without reading: what is left of them is counted in memory.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { TOKEN } from './watch-viewers-host.js';
import type { Figures } from './watch-viewers-host.js';

const BATCH = 50;

describe('a thousand viewers of the page', function () {
  this.timeout(120_000);
  let host: ChildProcess;
  let port: number;

  before(async () => {
    const file = fileURLToPath(new URL('watch-viewers-host.ts', import.meta.url));
    host = fork(file, { execArgv: ['--import=tsx', '--expose-gc'] });
    const [listening] = (await once(host, 'message')) as [{ port: number }];
    ({ port } = listening);
  });
  after(() => host.kill('SIGKILL'));

  async function figures(): Promise<Figures> {
    const answer = once(host, 'message');
    host.send('figures');
    const [found] = (await answer) as [Figures];
    return found;
  }

  async function seePage(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${port}/feed/tea`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    await reader?.cancel();
  }

  async function seePicture(): Promise<void> {
    const viewer = new WebSocket(`ws://127.0.0.1:${port}/video/tea/s1`, ['latchkey.watch', `token.${TOKEN}`]);
    await once(viewer, 'message');
    await once(viewer, 'message');
    viewer.terminate();
    await once(viewer, 'close');
  }

  /** Asks, reads nothing and is gone. */
  async function lookAway(): Promise<void> {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(`GET /feed/tea HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await once(socket, 'readable');
    socket.destroy();
  }

  async function come(count: number): Promise<void> {
    const kinds = [seePage, seePicture, lookAway];
    const batch = Array.from({ length: BATCH }, (_, i) => kinds[i % kinds.length] ?? seePage);
    for (let done = 0; done < count; done += BATCH) await Promise.all(batch.map((see) => see()));
  }

  it('leave nothing behind: memory after the last 500 is within 10 % of that after the first 500', async () => {
    await come(500);
    const half = await figures();
    await come(500);
    const whole = await figures();
    const told = JSON.stringify({ half, whole });
    assert.equal(
      whole.counters.viewers + whole.counters.video.viewers + whole.counters.video.streams,
      0,
      told,
    );
    assert.equal(whole.counters.viewersSeen + whole.counters.video.viewersSeen, 1000, told);
    assert.ok(whole.rssBytes <= 1.1 * half.rssBytes, told);
    assert.ok(whole.heapBytes <= 1.1 * half.heapBytes, told);
  });
});

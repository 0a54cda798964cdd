// Video of the watch page without a browser: who gets it, one ffmpeg for all who watch, and what becomes of one that fails. A program
// of ours stands in for ffmpeg, and does what its URL says; the real one is in test/clients.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createWatch } from '../../plugins/watch/index.js';
import type { VideoHappening, VideoOptions, Watch, WatchOptions } from '../../plugins/watch/index.js';
import { until } from '../cli/callee.js';
import { FakeServer } from './watch-server.js';

const TOKEN = 'a-token-of-the-tests';
const PROGRAM = `#!${process.execPath}
const { appendFileSync } = require('node:fs');
appendFileSync(__dirname + '/runs', process.pid + ' ' + process.argv.slice(2).join(' ') + '\\n');
const url = process.argv[3];
const picture = Buffer.alloc(188 * 7, 0x47);
if (url.includes('crash')) {
  process.stderr.write('first words\\n' + url + ': Server returned 404 Not Found\\n');
  process.exit(1);
}
process.stdout.write(picture);
if (url.includes('end')) setTimeout(() => process.exit(0), 50);
else if (url.includes('flood')) setInterval(() => process.stdout.write(Buffer.alloc(100_000, 0x47)), 10);
else setInterval(() => process.stdout.write(picture), 20);
`;

describe('watch: video', function () {
  this.timeout(30_000);
  const watches: Watch[] = [];
  const viewers: WebSocket[] = [];
  let folder: string;
  let program: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watch-video-'));
    program = join(folder, 'ffmpeg.cjs');
    writeFileSync(program, PROGRAM);
    chmodSync(program, 0o755);
  });

  afterEach(async () => {
    for (const viewer of viewers.splice(0)) viewer.terminate();
    await Promise.all(watches.splice(0).map((watch) => watch.close()));
    rmSync(folder, { recursive: true });
  });

  interface Scene {
    readonly watch: Watch;
    readonly port: number;
    readonly told: VideoHappening[];
  }

  async function start(video: Partial<VideoOptions> = {}, more: Partial<WatchOptions> = {}): Promise<Scene> {
    const open = (room: string, id: string) => ({ url: `rtsp://watch:secret@127.0.0.1:1/${room}/${id}` });
    const options = { server: new FakeServer(), token: TOKEN, ...more };
    const watch = createWatch({ ...options, video: { ffmpeg: program, open, ...video } });
    watches.push(watch);
    const told: VideoHappening[] = [];
    watch.on('video', (happening) => told.push(happening));
    const { port } = await watch.start();
    assert.equal(watch.videoTrouble, undefined);
    return { watch, port, told };
  }

  function connect(port: number, path: string, token = TOKEN, headers = {}): WebSocket {
    const viewer = new WebSocket(
      `ws://127.0.0.1:${port}/video/${path}`,
      ['latchkey.watch', `token.${token}`],
      {
        headers,
      },
    );
    viewer.on('error', () => undefined);
    viewers.push(viewer);
    return viewer;
  }

  /** Opens one, and has what it is told: texts as objects, bytes as their number. */
  function view(
    port: number,
    path: string,
  ): { viewer: WebSocket; got: (Record<string, unknown> | number)[] } {
    const viewer = connect(port, path);
    const got: (Record<string, unknown> | number)[] = [];
    viewer.on('message', (data, isBinary) => {
      got.push(
        isBinary
          ? (data as Buffer).length
          : (JSON.parse((data as Buffer).toString()) as Record<string, unknown>),
      );
    });
    return { viewer, got };
  }

  const refusal = async (viewer: WebSocket): Promise<number | undefined> => {
    const [, response] = (await once(viewer, 'unexpected-response')) as [unknown, { statusCode?: number }];
    return response.statusCode;
  };
  const runs = (): string[] => {
    const file = join(folder, 'runs');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  const isAlive = (run: string): boolean => {
    try {
      return process.kill(Number(run.split(' ')[0]), 0);
    } catch {
      return false;
    }
  };

  it('is not for who has no token, nor for a page of somebody else’s; no ffmpeg is started for them, and they are counted', async () => {
    const { watch, port } = await start({}, { maxViewers: 1 });
    assert.equal(await refusal(connect(port, 'tea/s1', 'another-token-of-tests')), 401);
    assert.equal(
      await refusal(new WebSocket(`ws://127.0.0.1:${port}/video/tea/s1`).on('error', () => 0)),
      401,
    );
    const foreign = { origin: 'https://elsewhere.example' };
    assert.equal(await refusal(connect(port, 'tea/s1', TOKEN, foreign)), 403);
    assert.equal(await refusal(connect(port, 'tea')), 404);
    assert.equal(await refusal(connect(port, 'tea/%ff')), 404);
    assert.deepEqual(watch.counters.refused, { token: 2, origin: 1, full: 0 });
    assert.deepEqual(runs(), []);
    const viewer = connect(port, 'tea/s1', TOKEN, { origin: `http://127.0.0.1:${port}` });
    await once(viewer, 'open');
    assert.equal(viewer.protocol, 'latchkey.watch', 'the token is not repeated');
    assert.equal(await refusal(connect(port, 'tea/s1')), 503);
    assert.equal(watch.counters.refused.full, 1);
  });

  it('one ffmpeg for all who watch a stream: started for the first, stopped after the last', async () => {
    const { watch, port, told } = await start();
    const first = view(port, 'tea/s1');
    await until(() => first.got.includes(188 * 7));
    const second = view(port, 'tea/s1');
    const other = view(port, 'tea/s2');
    await until(() => second.got.includes(188 * 7) && other.got.includes(188 * 7));
    assert.deepEqual(first.got.slice(0, 2), [{ state: 'starting' }, { state: 'playing' }]);
    assert.deepEqual(second.got[0], { state: 'playing' });
    assert.equal(runs().length, 2);
    const [run = ''] = runs();
    assert.match(
      run,
      /^\d+ -i rtsp:\/\/watch:secret@127\.0\.0\.1:1\/tea\/s1 -f mpegts -codec:v mpeg1video -an /,
    );
    const { viewers: count, streams, viewersSeen } = watch.counters.video;
    assert.deepEqual([count, streams, viewersSeen], [3, 2, 3]);
    first.viewer.close();
    await once(first.viewer, 'close');
    const before = second.got.length;
    await until(() => second.got.length > before + 3);
    assert.ok(isAlive(run));
    second.viewer.close();
    await until(() => !isAlive(run));
    assert.equal(watch.counters.video.streams, 1);
    assert.deepEqual(
      told.filter(({ id }) => id === 's1').map(({ state }) => state),
      ['starting', 'playing'],
    );
  });

  it('without ffmpeg says so, to the page and to us, and tries again ever more slowly', async () => {
    const { watch, port, told } = await start({ ffmpeg: join(folder, 'none') });
    const { got } = view(port, 'tea/s1');
    await until(
      () => got.filter((one) => typeof one === 'object' && one['state'] === 'waiting').length === 3,
    );
    assert.deepEqual(
      told.filter(({ state }) => state === 'waiting').map(({ reason, retryMs }) => [reason, retryMs]),
      [
        ['missing', 500],
        ['missing', 1000],
        ['missing', 2000],
      ],
    );
    assert.deepEqual(got[1], { state: 'waiting', reason: 'missing', retryMs: 500 });
    assert.equal(watch.counters.video.ended.missing, 3);
  });

  it('one that crashes is told with its last words, without the password in them, and prints nothing of its own', async () => {
    const { port, told } = await start();
    const { error } = console;
    const printed: unknown[] = [];
    console.error = (...words: unknown[]) => printed.push(words);
    try {
      const { got } = view(port, 'tea/crash');
      await until(() => told.some(({ state }) => state === 'waiting'));
      await until(() => got.length >= 2);
      assert.deepEqual(got[1], { state: 'waiting', reason: 'crashed', retryMs: 500 });
      assert.equal(told[1]?.words, 'rtsp://127.0.0.1:1/tea/crash: Server returned 404 Not Found');
      await until(() => runs().length === 2);
    } finally {
      console.error = error;
    }
    assert.deepEqual(printed, []);
  });

  it('a stream that ends is begun again while there is one, and is over for all when there is none', async () => {
    let isThere = true;
    const released: string[] = [];
    const { port, told, watch } = await start({
      open: (room, id) =>
        isThere ? { url: `rtsp://x/${room}/${id}`, release: () => released.push(id) } : undefined,
    });
    const { got, viewer } = view(port, 'tea/end');
    await until(() => runs().length === 2);
    assert.deepEqual(
      told.slice(0, 4).map(({ state, reason }) => reason ?? state),
      ['starting', 'playing', 'ended', 'starting'],
    );
    isThere = false;
    await once(viewer, 'close');
    assert.deepEqual(got.at(-1), { state: 'over' });
    assert.deepEqual(released, ['end', 'end']);
    assert.equal(watch.counters.video.streams, 0);
  });

  it('no more streams than it may have at a time', async () => {
    const { port } = await start({ maxStreams: 1 });
    const first = view(port, 'tea/s1');
    await until(() => first.got.length > 2);
    const { got, viewer } = view(port, 'tea/s2');
    await once(viewer, 'close');
    assert.deepEqual(got, [{ state: 'full' }]);
    assert.equal(runs().length, 1);
  });

  it('who does not read is let go, and counted; who reads goes on', async () => {
    const { port, watch } = await start();
    const { got } = view(port, 'tea/flood');
    const slow = net.connect(port, '127.0.0.1');
    slow.on('error', () => undefined);
    slow.write(
      `GET /video/tea/flood HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
        `Sec-WebSocket-Protocol: latchkey.watch, token.${TOKEN}\r\n\r\n`,
    );
    await until(() => watch.counters.video.viewersSeen === 2);
    await until(() => watch.counters.dropped > 0);
    slow.destroy();
    const before = got.length;
    await until(() => got.length > before + 10 || watch.counters.video.viewers === 0);
    assert.equal(watch.counters.dropped, 1);
    assert.equal(watch.counters.video.viewers, 1);
  });

  it('bytes that are no WebSocket’s, and viewers who talk, end that connection and nothing else', async () => {
    const { port, watch } = await start();
    const { viewer } = view(port, 'tea/s1');
    await once(viewer, 'open');
    const raw = net.connect(port, '127.0.0.1');
    raw.on('error', () => undefined);
    raw.write(`GET /video/tea/s1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`);
    raw.write(`Sec-WebSocket-Protocol: token.${TOKEN}\r\nSec-WebSocket-Version: 99\r\n\r\n`);
    raw.resume();
    await once(raw, 'close');
    const talker = connect(port, 'tea/s1');
    await once(talker, 'open');
    talker.send('x'.repeat(10_000));
    await once(talker, 'close');
    assert.equal(watch.counters.video.viewers, 1);
  });

  it('ends with the server: ffmpeg is gone, and so are the viewers', async () => {
    const { port, watch } = await start();
    const { viewer, got } = view(port, 'tea/s1');
    await until(() => got.length > 2);
    const closed = once(viewer, 'close');
    await watch.close();
    await closed;
    const [run = ''] = runs();
    await until(() => !isAlive(run));
  });
});

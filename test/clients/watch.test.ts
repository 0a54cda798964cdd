// A camera's picture in a browser: ffmpeg publishes into a room by RTSP, and Debian's Chromium shows it. What fails is said on the page.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { openBrowser, openPage } from './browser.js';
import { skipBecause, whyNoClient } from './client-programs.js';

/** Runs in a page: the colours of a picture at some places, each between 0 and 1. */
const PIXELS = `async ([png, places]) => {
  const bytes = Uint8Array.from(atob(png), (one) => one.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const pen = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
  pen.drawImage(picture, 0, 0);
  return places.map(([x, y]) => [...pen.getImageData(x * picture.width, y * picture.height, 1, 1).data].slice(0, 3));
}`;

describe('a picture in the page, by ffmpeg and Chromium', function () {
  this.timeout(40_000);
  const cameras: ChildProcess[] = [];
  let browser: Browser;

  before(async function () {
    skipBecause(this, whyNoClient('chromium', 'ffmpeg'));
    browser = await openBrowser();
  });

  afterEach(async () => {
    for (const camera of cameras.splice(0)) camera.kill('SIGKILL');
    await CommandProcess.killAll();
  });
  after(() => browser?.close());

  async function scene(): Promise<{ server: ServerProcess; page: Page; complaints: readonly string[] }> {
    const server = await ServerProcess.start('--watch', 'auto', '--rtsp', 'auto');
    const url = /http:\S+/.exec(server.output)?.[0] ?? assert.fail(server.output);
    return { server, ...(await openPage(browser, url)) };
  }

  /** Seven bars of colour, the sixth red and the seventh blue. */
  function publish(server: ServerProcess): ChildProcess {
    const at = `rtsp://127.0.0.1:${server.port('rtsp')}/tea/camera`;
    const picture = ['-f', 'lavfi', '-i', 'smptebars=size=320x180:rate=25'];
    const coding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25'];
    const to = ['-pix_fmt', 'yuv420p', '-f', 'rtsp', '-rtsp_transport', 'tcp', at];
    const args = ['-loglevel', 'error', '-re', ...picture, ...coding, ...to];
    const camera = spawn('ffmpeg', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    cameras.push(camera);
    return camera;
  }

  async function watch(page: Page): Promise<Locator> {
    await page.getByRole('button', { name: 'Show the picture of Camera' }).click();
    return page.locator('.picture');
  }

  const isPlaying = (page: Page) => page.locator('.picture[data-state=playing]').waitFor({ timeout: 20_000 });

  async function coloursOf(picture: Locator): Promise<number[][]> {
    const png = (await picture.locator('canvas').screenshot()).toString('base64');
    const blank = await browser.newPage();
    const places = [5.5 / 7, 6.5 / 7].map((x) => [x, 0.3]);
    const colours = await blank.evaluate<number[][]>(`(${PIXELS})(${JSON.stringify([png, places])})`);
    await blank.close();
    return colours;
  }

  /** The ffmpegs that a server runs. */
  function playersOf(server: ServerProcess): number[] {
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
    return children.trim().split(' ').filter(Boolean).map(Number);
  }

  it('shows on the canvas, comes back when ffmpeg crashes, and is over when the camera is', async () => {
    const { server, page, complaints } = await scene();
    const camera = publish(server);
    const picture = await watch(page);
    await isPlaying(page);
    const isRed = ([red = 0, green = 0, blue = 0]: number[]) => red > 150 && green < 70 && blue < 70;
    const isBlue = ([red = 0, green = 0, blue = 0]: number[]) => blue > 150 && red < 70 && green < 70;
    let colours: number[][] = [];
    for (let i = 0; i < 50 && !isRed(colours[0] ?? []); i++) {
      await page.waitForTimeout(100);
      colours = await coloursOf(picture);
    }
    assert.ok(isRed(colours[0] ?? []) && isBlue(colours[1] ?? []), JSON.stringify(colours));

    const [player, ...others] = playersOf(server);
    assert.ok(player !== undefined && others.length === 0);
    // What stands on its command line is good for nothing else.
    const [, name, password] =
      /rtsp:\/\/(\w+):(\w+)@/.exec(readFileSync(`/proc/${player}/cmdline`, 'utf8')) ?? [];
    assert.ok(name !== undefined && password !== undefined);
    process.kill(player, 'SIGSEGV');
    await picture.getByText('ffmpeg has failed on the server. Next try in a moment.').waitFor();
    await isPlaying(page);
    assert.equal((await server.event('video', ({ state }) => state === 'waiting'))['reason'], 'crashed');
    assert.ok(!server.output.includes(password) && !server.output.includes(name));
    assert.ok(!(await page.content()).includes(password));

    camera.kill('SIGTERM');
    await once(camera, 'exit');
    await picture.getByText('Nobody sends this picture any more.').waitFor({ timeout: 20_000 });
    assert.deepEqual(playersOf(server), []);
    await page.getByRole('button', { name: 'Close the picture of Camera' }).click();
    assert.equal(await page.locator('.picture').count(), 0);
    assert.deepEqual(complaints, []);
    const { code, stderr } = await server.stop();
    assert.equal(code, 0);
    assert.match(stderr, /^latchkey: watch the rooms at \S+\n$/);
  });

  it('without ffmpeg the page says so, and shows the room all the same; ffmpeg stops with the last viewer', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    const { server, page, complaints } = await scene().finally(() => (process.env['PATH'] = path));
    publish(server);
    const picture = await watch(page);
    await picture.getByText(/^The server has no ffmpeg: .* Next try in/).waitFor();
    await page.getByText('comes over RTSP').waitFor();
    assert.equal((await server.event('video', ({ state }) => state === 'waiting'))['reason'], 'missing');
    assert.deepEqual(complaints, []);
  });

  it('ffmpeg stops when the last page is closed', async () => {
    const { server, page } = await scene();
    publish(server);
    await watch(page);
    await isPlaying(page);
    assert.equal(playersOf(server).length, 1);
    await page.close();
    const deadline = performance.now() + 10_000;
    while (playersOf(server).length > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(playersOf(server), []);
  });
});

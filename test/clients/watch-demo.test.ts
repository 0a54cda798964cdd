// What `npm start` shows in a browser: two callers, the impostor who is refused, the NAT that rebinds, and the end. Chromium is Debian's.
import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { CommandProcess } from '../cli/server-process.js';
import { openBrowser, openPage } from './browser.js';
import type { Complaints } from './browser.js';
import { skipBecause, whyNoClient } from './client-programs.js';

/** Runs in the page: the pixels of the first strip in the colours of what came and of what was refused. */
const COUNT_COLOURS = `(() => {
  const canvas = document.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = { got: 0, refused: 0 };
  for (let i = 0; i < data.length; i += 4) {
    const colour = [data[i], data[i + 1], data[i + 2]].join(' ');
    if (colour === '42 143 131') counts.got++;
    if (colour === '192 58 91') counts.refused++;
  }
  return counts;
})()`;

describe('the page of npm start, in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;
  let demo: CommandProcess;
  let page: Page;
  let told: Complaints;
  let url: string;

  before(async function () {
    skipBecause(this, whyNoClient('chromium'));
    browser = await openBrowser();
    demo = new CommandProcess('demo', '--json', '--pace', '0.5');
    url = String((await demo.event('watch'))['url']);
    ({ page, ...told } = await openPage(browser, url));
  });

  after(async () => {
    await browser?.close();
    await CommandProcess.killAll();
  });

  it('shows who is there, where each says to be and where it proved to be', async () => {
    await page.getByRole('heading', { name: 'demo', level: 1 }).waitFor();
    await demo.event('met');
    for (const [name, address] of [
      ['Alice', '10.0.1.2'],
      ['Bob', '10.0.2.2'],
    ] as const) {
      const lane = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, level: 3 }) });
      await lane.getByText('proved by latch').waitFor();
      await lane.getByText('changes address and port').waitFor();
      assert.match((await lane.locator('.signalled').textContent()) ?? '', new RegExp(`^${address}:\\d+$`));
      assert.match((await lane.locator('.mapping').textContent()) ?? '', /^127\.0\.0\.1:\d+$/);
      await lane.getByRole('button', { name: `proved: ${name} proved to be at 127.0.0.1` }).waitFor();
    }
  });

  it('the token has left the address, and is kept for a reload', async () => {
    assert.equal(new URL(page.url()).hash, '');
    await page.reload();
    await page.getByRole('heading', { name: 'Alice', level: 3 }).waitFor();
    assert.ok(!(await page.content()).includes(new URL(url).hash.slice('#token='.length)));
  });

  it('shows the impostor: what it sends is refused, below the wall of the strip', async () => {
    await page
      .getByRole('button', { name: /^refused: 127\.0\.0\.1:\d+ sends in the name of Alice/ })
      .waitFor();
    await page
      .getByText(/[\d,]+ packets refused from 127\.0\.0\.1:\d+/)
      .first()
      .waitFor();
    await page.getByText(/2 are in the room; [\d,]+ packets of strangers were refused/).waitFor();
    const colours = await page.evaluate<{ got: number; refused: number }>(COUNT_COLOURS);
    assert.ok(colours.got > 500 && colours.refused > 100, JSON.stringify(colours));
  });

  it('a NAT rebinds, and the strip, the card and the log say so', async () => {
    const { before, after } = await demo.event('rebound');
    const mark = page.getByRole('button', {
      name: `moved: Alice moved from ${before as string} to ${after as string}`,
    });
    await mark.waitFor();
    const lane = page
      .getByRole('listitem')
      .filter({ has: page.getByRole('heading', { name: 'Alice', level: 3 }) });
    await lane.locator('.mapping').getByText(String(after)).waitFor();
    const first = page.getByRole('log').getByRole('listitem').first();
    assert.match(
      (await first.textContent()) ?? '',
      new RegExp(`Alice moved from ${before as string} to ${after as string}`),
    );
    const strip = (await lane.locator('.strip').boundingBox()) ?? assert.fail('no strip');
    const place = (await mark.boundingBox()) ?? assert.fail('no mark');
    assert.ok(
      place.x > strip.x + strip.width / 2 && place.x < strip.x + strip.width,
      JSON.stringify({ strip, place }),
    );
  });

  it('works without a mouse: one stop of the tab key for each strip, arrows between its marks', async () => {
    const group = page.getByRole('group', { name: /^What happened to Alice/ });
    await group.getByRole('button').first().focus();
    const focused = () => page.evaluate<string>("document.activeElement?.getAttribute('aria-label') ?? ''");
    assert.match(await focused(), /^proved: Alice/);
    await page.keyboard.press('ArrowRight');
    assert.match(await focused(), /^refused: /);
    await page.keyboard.press('End');
    assert.match(await focused(), /^moved: Alice/);
    await page.keyboard.press('Tab');
    assert.doesNotMatch(await focused(), /Alice/);
    await page.keyboard.press('Shift+Tab');
    assert.match(await focused(), /^moved: Alice/);
  });

  it('says what the strip shows to who hears it read, and has light and dark', async () => {
    const strip = page.getByRole('img', {
      name: /^Alice, the last \d+ s: .* loss [\d.]+ %, [\d,]+ packets refused\.$/,
    });
    await strip.waitFor();
    const ground = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    assert.equal(await ground(), 'rgb(246, 245, 241)');
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.equal(await ground(), 'rgb(17, 21, 27)');
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('shows nothing to who lacks the token', async () => {
    const { page: stranger, complaints } = await openPage(browser, url.replace(/#.*/, ''));
    await stranger.getByRole('alert').getByText('needs the whole address').waitFor();
    assert.equal(await stranger.getByRole('heading', { level: 3 }).count(), 0);
    assert.deepEqual(complaints, [
      'Failed to load resource: the server responded with a status of 401 (Unauthorized)',
    ]);
    await stranger.close();
  });

  it('a page from elsewhere gets nothing, though it had the token', async () => {
    const elsewhere = await browser.newPage();
    await elsewhere.route('https://elsewhere.example/', (route) =>
      route.fulfill({ body: '<p>elsewhere</p>' }),
    );
    await elsewhere.goto('https://elsewhere.example/');
    const { origin, hash } = new URL(url);
    const outcome = await elsewhere.evaluate(
      async ([feed = '', token]) =>
        fetch(feed, { headers: { Authorization: `Bearer ${token}` } }).then(
          () => 'read',
          () => 'refused',
        ),
      [`${origin}/feed/`, hash.slice('#token='.length)],
    );
    assert.equal(outcome, 'refused');
    await elsewhere.close();
  });

  it('says that it has ended, and shows how things stood; nothing was wrong with the page all the while', async () => {
    await demo.stop('SIGINT');
    await page.getByRole('alert').getByText('The server has ended').waitFor();
    await page.getByRole('status').getByText('Ended').waitFor();
    assert.equal(await page.getByRole('heading', { level: 3 }).count(), 2);
    assert.equal(await page.locator('.lane.gone').count(), 0);
    assert.deepEqual(told.complaints, []);
  });
});

// npm run screenshot: the README's pictures of the page, light and dark, of one run of the demonstration. They show what that run measured.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, openPage } from '../clients/browser.js';
import { CommandProcess } from '../cli/server-process.js';
import { root } from './repository.js';

const FOLDER = join(root, 'docs/images');
/** Enough time has passed after the rebinding to see that the call goes on. */
const AFTER_MS = 4000;

mkdirSync(FOLDER, { recursive: true });
const browser = await openBrowser();
const demo = new CommandProcess('demo', '--json');
const url = String((await demo.event('watch'))['url']);
const { page } = await openPage(browser, url, { viewport: { width: 1100, height: 680 } });
await demo.event('rebound');
await page.waitForTimeout(AFTER_MS);
for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme });
  await page.waitForTimeout(200);
  const path = join(FOLDER, `watch-${colorScheme}.png`);
  await page.screenshot({ path });
  console.log(`${path}: ${statSync(path).size} bytes`);
}
await browser.close();
await demo.stop('SIGINT');

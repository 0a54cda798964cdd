// Debian's Chromium as these tests and the README's picture use it, and what it complains of.
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';

/** Everything that the page has to complain of; a test holds it against nothing. */
export interface Complaints {
  readonly complaints: readonly string[];
}

/** @param executablePath A program that runs Chromium, elsewhere than here. */
export async function openBrowser(executablePath = CHROMIUM): Promise<Browser> {
  // Root has no sandbox.
  return chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Complaints & { page: Page }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    // Those of the graphics driver are none of the page's.
    const isOurs = message.type() === 'error' || /Content Security Policy/i.test(message.text());
    if (isOurs) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}

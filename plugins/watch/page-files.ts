// The files of the page: a closed list, read once. Nothing of the server's is in them, so that they need no token.
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/page.css': 'page.css',
  '/page.js': 'page.js',
  '/feed.js': 'feed.js',
  '/lane.js': 'lane.js',
  '/strip.js': 'strip.js',
  '/words.js': 'words.js',
  '/video.js': 'video.js',
  '/key.svg': 'key.svg',
};
const PLAYER = '/jsmpeg.js';

/** Nothing inline, nothing from elsewhere, in nobody's frame. */
const POLICY =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'self'; " +
  "img-src 'self'; connect-src 'self'; style-src 'self'";
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

export class PageFiles {
  readonly #files = new Map<string, { readonly type: string; readonly body: Buffer }>();
  #policy = POLICY;

  constructor() {
    for (const [path, name] of Object.entries(FILES)) {
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES];
      this.#files.set(path, { type, body: readFileSync(new URL(`./page/${name}`, import.meta.url)) });
    }
  }

  /** @param styles Hashes of the style that the player puts into the page by itself, the only one that is not in a file. */
  addPlayer(text: string, styles: readonly string[]): void {
    this.#files.set(PLAYER, { type: TYPES.js, body: Buffer.from(text) });
    this.#policy = [POLICY, ...styles].join(' ');
  }

  /** False where there is no such file. */
  serve(path: string, response: ServerResponse): boolean {
    const file = this.#files.get(path);
    if (!file) return false;
    const { type, body } = file;
    const policy = { 'Content-Security-Policy': this.#policy };
    response
      .writeHead(200, { ...HEADERS, ...policy, 'Content-Type': type, 'Content-Length': body.length })
      .end(body);
    return true;
  }
}

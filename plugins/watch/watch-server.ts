// The server of the page: files for anybody, the feed of a room for who has the token. It listens on loopback unless told otherwise.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { formatAddress, LatchkeyError } from '../../lib/index.js';
import { isLoopback } from '../../lib/sip/index.js';
import { Access } from './access.js';
import type { FeedLine } from './feed-types.js';
import type { CheckedOptions } from './options.js';
import { PageFiles } from './page-files.js';
import { SAMPLE_MS, WINDOW_MS } from './person-record.js';
import { RoomsRecord } from './rooms-record.js';
import { loadPackages, Videos } from './videos.js';
import { Viewers } from './viewers.js';
import type { Watch, WatchCounters, WatchEvents } from './watch-types.js';

/** Beside the viewers: pages that are being loaded. */
const OTHER_CONNECTIONS = 50;
/** What is about to be written still goes out. */
const LAST_WORDS_MS = 200;

export class WatchServer extends EventEmitter<WatchEvents> implements Watch {
  readonly #options: CheckedOptions;
  readonly #files = new PageFiles();
  readonly #viewers = new Viewers();
  readonly #record: RoomsRecord;
  readonly #refused = { token: 0, origin: 0, full: 0 };
  readonly #video = { viewersSeen: 0, ended: { missing: 0, ended: 0, crashed: 0 } };
  #videos: Videos | undefined;
  #videoTrouble: string | undefined;
  #droppedVideos = 0;
  #server: Server | undefined;
  #access: Access | undefined;
  #url: string | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(options: CheckedOptions) {
    super();
    this.#options = options;
    this.#record = new RoomsRecord({
      server: options.server,
      isWatched: (room) => this.#viewers.isWatched(room),
      onSampled: (atMs) => this.#tellNow(atMs),
      onHappening: (room, happening) => this.#viewers.tell(room, { type: 'happened', happening }),
      onFault: (error) => this.emit('fault', error),
    });
  }

  get counters(): WatchCounters {
    const { count, seen, dropped } = this.#viewers;
    const { viewers = 0, streams = 0 } = this.#videos ?? {};
    return {
      ...{ viewers: count, viewersSeen: seen, refused: { ...this.#refused } },
      video: { viewers, streams, viewersSeen: this.#video.viewersSeen, ended: { ...this.#video.ended } },
      dropped: dropped + this.#droppedVideos,
    };
  }

  get videoTrouble(): string | undefined {
    return this.#videoTrouble;
  }

  get url(): string | undefined {
    return this.#url;
  }

  async start(): Promise<{ readonly address: string; readonly port: number }> {
    if (this.#state === 'closed') throw new LatchkeyError('LATCHKEY_CLOSED', 'the watch server is closed');
    if (this.#server) throw new LatchkeyError('LATCHKEY_STATE', 'the watch server was started before');
    await this.#loadVideo();
    const { address, port, cert, key, host = address, origins = [] } = this.#options.listen;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response);
    const isSecure = cert !== undefined;
    const server = isSecure ? createSecureServer({ cert, key }, onRequest) : createServer(onRequest);
    this.#server = server;
    server.maxConnections = 2 * this.#options.maxViewers + OTHER_CONNECTIONS;
    server.on('upgrade', (request, socket, head) => {
      if (this.#videos) this.#videos.upgrade(request, socket, head);
      else socket.destroy();
    });
    server.on('tlsClientError', (_error, socket: TLSSocket) => socket.destroy());
    try {
      server.listen(port, address);
      await once(server, 'listening');
    } catch (error) {
      await this.close();
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new LatchkeyError('LATCHKEY_LISTEN', `watch ${port} cannot be had on ${address} (${code})`);
    }
    const at = server.address() as AddressInfo;
    const scheme = isSecure ? 'https' : 'http';
    const base = `${scheme}://${formatAddress({ address: host, port: at.port })}`;
    const local = isLoopback(address) ? [`${scheme}://localhost:${at.port}`] : [];
    const own = [base, ...local].map((origin) => new URL(origin).origin);
    this.#access = new Access(this.#options.token, [...own, ...origins]);
    // Behind the `#` it is sent to nobody: it stands in no log and in no Referer.
    this.#url = `${base}/#token=${this.#options.token}`;
    this.#state = 'open';
    return { address, port: at.port };
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#record.close();
    this.#viewers.end({ type: 'ended', at: Date.now() });
    this.#videos?.close();
    const server = this.#server;
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    const timer = setTimeout(() => server.closeAllConnections(), LAST_WORDS_MS);
    server.closeIdleConnections();
    await closed;
    clearTimeout(timer);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '' } = request;
    const [path = ''] = url.split('?', 1);
    if (method !== 'GET') return refuse(response, 405, { Allow: 'GET' });
    if (path.startsWith('/feed/')) return this.#feed(request, response, path.slice('/feed/'.length));
    if (!this.#files.serve(path, response)) refuse(response, 404);
  }

  #feed(request: IncomingMessage, response: ServerResponse, encoded: string): void {
    const [, token] = /^Bearer ([\w-]+)$/.exec(request.headers.authorization ?? '') ?? [];
    const refusal = this.#refusal(request, token, this.#viewers.count);
    if (refusal) return refuse(response, refusal, refusal === 401 ? CHALLENGE : RETRY);
    const room = this.#roomFor(encoded);
    if (room === undefined) return refuse(response, 400);
    response.writeHead(200, { ...PLAIN, 'Content-Type': 'application/x-ndjson', Connection: 'close' });
    response.write(`${JSON.stringify(this.#hello(room))}\n`);
    this.#viewers.add(room, response);
    const record = this.#record.room(room);
    if (record) this.#viewers.tell(room, this.#now(room, Date.now()));
    return undefined;
  }

  /** @param count Of those who watch already, of this kind. */
  #refusal(request: IncomingMessage, token: string | undefined, count: number): 401 | 403 | 503 | undefined {
    const why =
      this.#access?.refusal(request, token) ?? (count >= this.#options.maxViewers ? 'full' : undefined);
    if (!why) return undefined;
    this.#refused[why]++;
    return STATUS[why];
  }

  /** What is missing is no reason to show nothing: the page says that there are no pictures, and why. */
  async #loadVideo(): Promise<void> {
    const { video } = this.#options;
    if (!video) return;
    try {
      const packages = await loadPackages();
      this.#files.addPlayer(packages.player, packages.playerStyles);
      this.#videos = new Videos(packages, {
        ...{ video, maxStreams: video.maxStreams },
        refusal: (request, token) => this.#refusal(request, token, this.#videos?.viewers ?? 0),
        onViewer: () => this.#video.viewersSeen++,
        onDropped: () => this.#droppedVideos++,
        onHappening: (happening) => {
          if (happening.reason) this.#video.ended[happening.reason]++;
          this.emit('video', happening);
        },
      });
    } catch (error) {
      const { message } = error as Error;
      const name = /Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1];
      this.#videoTrouble = name === undefined ? message : `video needs the package ${name}`;
    }
  }

  /** The one that is asked for; without a name the first in which somebody is. Undefined for what is no name. */
  #roomFor(encoded: string): string | undefined {
    const { lines } = this.#record;
    if (encoded === '') return (lines.find(({ people }) => people > 0) ?? lines[0])?.name ?? '';
    try {
      return decodeURIComponent(encoded);
    } catch {
      return undefined;
    }
  }

  #hello(name: string): FeedLine {
    const room = this.#record.room(name);
    const { history = [], happenings = [] } = room ?? {};
    const pace = { sampleMs: SAMPLE_MS, windowMs: WINDOW_MS };
    const trouble = this.#videoTrouble;
    const video = { isOn: this.#videos !== undefined, ...(trouble !== undefined && { trouble }) };
    return { type: 'hello', at: Date.now(), room: name, ...pace, video, history, happenings };
  }

  #now(room: string, at: number): FeedLine {
    return { type: 'now', at, rooms: this.#record.lines, people: this.#record.room(room)?.people ?? [] };
  }

  #tellNow(atMs: number): void {
    for (const room of this.#viewers.rooms) this.#viewers.tell(room, this.#now(room, atMs));
  }
}

const PLAIN = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
const STATUS = { token: 401, origin: 403, full: 503 } as const;
const RETRY = { 'Retry-After': '10' };
const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="latchkey watch"' };

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...PLAIN, ...headers, 'Content-Length': 0 }).end();
}

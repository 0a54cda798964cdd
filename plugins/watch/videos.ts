// The WebSockets by which video goes to pages, and the streams that they watch. What is asked for without the token, or by a page of
// somebody else's, gets no WebSocket.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { Mpeg1Muxer } from './ffmpeg-run.js';
import { VideoStream } from './video-stream.js';
import type { VideoHappening, VideoOptions } from './watch-types.js';

/** Offered by the page beside the token, which is no name of a protocol and is not to be repeated. */
export const PROTOCOL = 'latchkey.watch';
const TOKEN_PREFIX = 'token.';
/** Viewers say nothing. */
const PAYLOAD_MAX = 128;

export interface VideosSite {
  readonly video: VideoOptions;
  readonly maxStreams: number;
  /** Counts who is refused; undefined: he may. */
  refusal(request: IncomingMessage, token: string | undefined): 401 | 403 | 503 | undefined;
  onViewer(): void;
  onDropped(): void;
  onHappening(happening: VideoHappening): void;
}

/** What video needs beside ffmpeg: optional packages. */
export interface VideoPackages {
  readonly WebSocketServer: typeof WebSocketServer;
  readonly muxer: Mpeg1Muxer;
  /** jsmpeg, for the page. */
  readonly player: string;
  /** Hashes of the style that the player puts into a page, for its Content-Security-Policy. */
  readonly playerStyles: readonly string[];
}

/** Throws as `import` does where a package is missing. */
export async function loadPackages(): Promise<VideoPackages> {
  const require = createRequire(import.meta.url);
  const muxer = require('node-rtsp-stream/mpeg1muxer.js') as Mpeg1Muxer;
  const folder = dirname(require.resolve('@cycjimmy/jsmpeg-player'));
  const player = readFileSync(join(folder, 'jsmpeg-player.esm.js'), 'utf8');
  const [, style] = /^var css_\w+ = ("(?:[^"\\]|\\.)*");$/m.exec(player) ?? [];
  const { WebSocketServer } = await import('ws');
  // It puts the element into the page first, and the text into the element then.
  const hashes = style === undefined ? [] : ['', JSON.parse(style) as string].map(hashOf);
  return { WebSocketServer, muxer, player, playerStyles: hashes };
}

export class Videos {
  readonly #site: VideosSite;
  readonly #packages: VideoPackages;
  readonly #sockets: WebSocketServer;
  readonly #streams = new Map<string, VideoStream>();

  constructor(packages: VideoPackages, site: VideosSite) {
    this.#site = site;
    this.#packages = packages;
    this.#sockets = new packages.WebSocketServer({
      ...{ noServer: true, clientTracking: true, perMessageDeflate: false, maxPayload: PAYLOAD_MAX },
      handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL,
    });
    // What the request itself lacks is answered by the package.
    this.#sockets.on('wsClientError', (_error, socket) => socket.destroy());
  }

  get viewers(): number {
    return this.#sockets.clients.size;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** A request for a WebSocket: `/video/ROOM/ID`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    const token = offered.find((one) => one.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length);
    const place = readPlace(request.url ?? '');
    const refusal = this.#site.refusal(request, token) ?? (place ? undefined : 404);
    if (refusal !== undefined || !place) {
      socket.end(`HTTP/1.1 ${refusal} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (viewer) => {
      viewer.on('error', () => viewer.terminate());
      this.#site.onViewer();
      const stream = this.#streamOf(place.room, place.id);
      if (!stream) {
        viewer.send(JSON.stringify({ state: 'full' }));
        viewer.close();
        return;
      }
      viewer.on('close', () => stream.remove(viewer));
      stream.add(viewer);
    });
  }

  close(): void {
    for (const stream of [...this.#streams.values()]) stream.close();
    for (const viewer of this.#sockets.clients) viewer.terminate();
    this.#sockets.close();
  }

  #streamOf(room: string, id: string): VideoStream | undefined {
    const key = JSON.stringify([room, id]);
    const present = this.#streams.get(key);
    if (present || this.#streams.size >= this.#site.maxStreams) return present;
    const { video } = this.#site;
    const stream = new VideoStream({
      ...{ muxer: this.#packages.muxer, ffmpeg: video.ffmpeg ?? 'ffmpeg' },
      open: () => video.open(room, id),
      onDropped: () => this.#site.onDropped(),
      onState: (state, words) =>
        this.#site.onHappening({ room, id, ...state, ...(words !== '' && { words }) }),
      onClosed: () => this.#streams.delete(key),
    });
    this.#streams.set(key, stream);
    return stream;
  }
}

function readPlace(url: string): { room: string; id: string } | undefined {
  const [, room = '', id = ''] = /^\/video\/([^/?]+)\/([^/?]+)$/.exec(url) ?? [];
  try {
    return id === '' ? undefined : { room: decodeURIComponent(room), id: decodeURIComponent(id) };
  } catch {
    return undefined;
  }
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

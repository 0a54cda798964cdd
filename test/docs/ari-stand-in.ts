// Stands in for Asterisk, as far as the voice agent for ARI meets it: its HTTP and its WebSocket, written from the documentation of ARI, and a
// channel of external media that sends a tone from a port of its own, from when it is in a bridge with its caller.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { makeRtp } from '../support/media.js';

const USER = 'agent';
/** It has to be escaped in a URL. */
const PASSWORD = 'open:sesame@8';
const PACKET_MS = 20;
const LOUD = new Uint8Array(160).map((_, i) => (i % 16 < 8 ? 0x90 : 0x10));

/** What a request asks for, and what it is answered. */
interface Reply {
  readonly status: number;
  readonly body?: object;
}

/** A channel of external media. */
export class MediaChannel {
  /** RTP that came for it. */
  readonly heard: { readonly bytes: Buffer; readonly from: RemoteInfo }[] = [];
  readonly #socket: Socket;
  readonly #target: { readonly host: string; readonly port: number };
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  private constructor(socket: Socket, target: { readonly host: string; readonly port: number }) {
    this.#socket = socket;
    this.#target = target;
    socket.on('message', (bytes, from) => this.heard.push({ bytes, from }));
  }

  static async open(externalHost: string): Promise<MediaChannel> {
    const { hostname: host, port } = new URL(`rtp://${externalHost}`);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new MediaChannel(socket, { host, port: Number(port) });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get targetPort(): number {
    return this.#target.port;
  }

  speak(): void {
    this.#timer = setInterval(() => {
      const packet = makeRtp({
        ssrc: 0xa51,
        sequence: this.#sent,
        timestamp: 160 * this.#sent++,
        payload: LOUD,
      });
      this.#socket.send(packet, this.#target.port, this.#target.host);
    }, PACKET_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

export class AriStandIn {
  /** Each request, as `METHOD path`, in the order of their coming. */
  readonly requests: string[] = [];
  /** Callers' channels. */
  readonly callers = new Set<string>();
  readonly media = new Map<string, MediaChannel>();
  /** Who is in it, by the bridge's id. */
  readonly bridges = new Map<string, readonly string[]>();
  readonly #server: Server;
  readonly #events: WebSocketServer;
  /** Channels in the application. */
  readonly #inStasis = new Set<string>();
  readonly #hasNoMedia: boolean;

  private constructor(server: Server, hasNoMedia: boolean) {
    this.#server = server;
    this.#hasNoMedia = hasNoMedia;
    this.#events = new WebSocketServer({
      server,
      verifyClient: ({ req }: { req: IncomingMessage }) =>
        isAllowed(req) && req.url === '/ari/events?app=voice-agent',
    });
    server.on('request', (request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body && JSON.stringify(body));
      });
    });
  }

  /** With `hasNoMedia` it makes no channel of external media. */
  static async start({ hasNoMedia = false } = {}): Promise<AriStandIn> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new AriStandIn(server, hasNoMedia);
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`;
  }

  /** Nothing of any call is left. */
  get isEmpty(): boolean {
    return this.callers.size + this.media.size + this.bridges.size === 0;
  }

  /** A phone calls, and the dialplan gives it to the application. */
  call(id: string): void {
    this.callers.add(id);
    this.#enter(id);
  }

  /** The phone hangs up. */
  hangUp(id: string): void {
    this.callers.delete(id);
    this.#inStasis.delete(id);
    this.#tell('StasisEnd', id);
  }

  press(id: string, digit: string): void {
    this.#tell('ChannelDtmfReceived', id, { digit, duration_ms: 100 });
  }

  /** Asterisk ends. */
  close(): void {
    for (const client of this.#events.clients) client.terminate();
    this.#events.close();
    this.#server.close();
    this.#server.closeAllConnections();
    for (const channel of this.media.values()) channel.close();
    this.media.clear();
  }

  #enter(id: string): void {
    this.#inStasis.add(id);
    this.#tell('StasisStart', id, { args: [] });
  }

  #tell(type: string, id: string, more: object = {}): void {
    const channel = { id, name: this.media.has(id) ? `UnicastRTP/${id}` : `PJSIP/${id}`, state: 'Up' };
    const event = { type, application: 'voice-agent', timestamp: new Date().toISOString(), channel, ...more };
    for (const client of this.#events.clients) client.send(JSON.stringify(event));
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    if (!isAllowed(request)) return { status: 401 };
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://asterisk');
    const path = pathname.replace(/^\/ari\//, '');
    const what = `${request.method} ${path}`;
    this.requests.push(what);
    const [kind, id = '', verb] = path.split('/');
    if (what === 'POST channels/externalMedia') return this.#makeMedia(searchParams);
    if (what === 'POST bridges') {
      if (searchParams.get('type') !== 'mixing') return { status: 400 };
      this.bridges.set(searchParams.get('bridgeId') ?? '', []);
      return { status: 200, body: { id: searchParams.get('bridgeId'), bridge_type: 'mixing' } };
    }
    if (request.method === 'DELETE') return { status: this.#delete(kind, id) ? 204 : 404 };
    if (verb === 'answer') return { status: this.callers.has(id) ? 204 : 404 };
    if (verb === 'variable') return this.#variable(id, searchParams.get('variable'));
    if (verb === 'addChannel') return this.#bridge(id, searchParams.get('channel')?.split(',') ?? []);
    return { status: 404 };
  }

  async #makeMedia(query: URLSearchParams): Promise<Reply> {
    const isAsked = query.get('app') === 'voice-agent' && query.get('format') === 'ulaw';
    const [id, externalHost] = [query.get('channelId'), query.get('external_host')];
    if (!isAsked || id === null || externalHost === null) return { status: 400 };
    if (this.#hasNoMedia) return { status: 500, body: { message: 'Allocation failed' } };
    this.media.set(id, await MediaChannel.open(externalHost));
    // The channel enters the application by a thread of its own, after the reply.
    setTimeout(() => this.#enter(id), 30);
    return { status: 200, body: { id, name: `UnicastRTP/${externalHost}-0x1` } };
  }

  #variable(id: string, name: string | null): Reply {
    const channel = this.media.get(id);
    if (name === 'UNICASTRTP_LOCAL_ADDRESS' && channel) return { status: 200, body: { value: '127.0.0.1' } };
    if (name === 'UNICASTRTP_LOCAL_PORT' && channel)
      return { status: 200, body: { value: String(channel.port) } };
    return { status: 404, body: { message: 'Provided variable was not found' } };
  }

  #bridge(id: string, channels: readonly string[]): Reply {
    if (!this.bridges.has(id)) return { status: 404 };
    if (!channels.every((one) => this.#inStasis.has(one)))
      return { status: 422, body: { message: 'Channel not in Stasis application' } };
    this.bridges.set(id, channels);
    for (const one of channels) this.media.get(one)?.speak();
    return { status: 204 };
  }

  #delete(kind: string | undefined, id: string): boolean {
    if (kind === 'bridges') return this.bridges.delete(id);
    this.media.get(id)?.close();
    const isThere = this.media.delete(id) || this.callers.delete(id);
    if (this.#inStasis.delete(id)) this.#tell('StasisEnd', id);
    return isThere;
  }
}

function isAllowed({ headers }: IncomingMessage): boolean {
  return headers.authorization === `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
}

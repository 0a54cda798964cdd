// Watches a room by RTSP over UDP with latch (docs/protocol.md 2): the prover's side. It reads the offer in DESCRIBE, brings its halves in
// SETUP, proves its addresses, listens and reports, and moves when it is asked to. Without latch it watches nothing.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { createLatchkey } from '../index.js';
import type { Latchkey, MediaPort, Session } from '../index.js';
import { formatsOf } from '../room/formats.js';
import { isLoopback } from '../sip/index.js';
import { sessionIdOf } from '../rtsp/index.js';
import { formatLatch, parseSdp } from '../wire/index.js';
import type { SdpMedia, TransportAddress } from '../wire/index.js';
import { Failure } from './failure.js';
import { bindSocket, resolveHost } from './local-address.js';
import type { Recorder } from './recorder.js';
import { RtcpReporter } from './rtcp-reporter.js';
import { RtspLink } from './rtsp-link.js';
import type { RtspPlaceUrl, RtspTrust } from './rtsp-link.js';
import { StreamStats } from './stream-stats.js';
import type { StreamSummary } from './stream-stats.js';

export interface RtspWatcherOptions extends RtspTrust {
  readonly url: RtspPlaceUrl;
  readonly listen?: string | undefined;
  readonly recorder: Recorder | undefined;
  readonly durationMs: number | undefined;
}

export interface WatchedSection {
  /** `audio` or `video`. */
  readonly kind: string;
  readonly codec: string;
  /** The server's. */
  readonly media: TransportAddress;
}

export interface RtspWatcherEvents {
  playing: [sections: readonly WatchedSection[]];
  /** The server's challenge for this section is answered. */
  verified: [section: number];
  mapped: [mapping: TransportAddress];
  moved: [];
  rtp: [bytes: Uint8Array];
  warning: [text: string];
  ended: [by: 'us' | 'server'];
}

export interface WatchSummary {
  readonly received: number;
  /** Sections whose challenge was answered, of all. */
  readonly verified: number;
  readonly sections: number;
  readonly streams: readonly (StreamSummary & { readonly kind: string })[];
}

/** One section that is watched. */
interface Section {
  readonly media: SdpMedia;
  readonly codec: string;
  readonly clockRate: number;
  readonly control: string;
  readonly stats: StreamStats;
  sockets: readonly [Socket, Socket];
  ports: readonly MediaPort[];
  reporter: RtcpReporter | undefined;
  isVerified: boolean;
}

/** Where an offer stands whose ports are not told yet. */
const NO_PORT = 9;
const LINGER_MS = 100;

export class RtspWatcher extends EventEmitter<RtspWatcherEvents> {
  readonly #options: RtspWatcherOptions;
  readonly #latchkey: Latchkey = createLatchkey({ policy: 'require' });
  #link: RtspLink | undefined;
  #session: Session | undefined;
  #sections: readonly Section[] = [];
  /** Of the RTSP session. */
  #headers: { readonly Session: string } | undefined;
  #base = '';
  #keepAlive: NodeJS.Timeout | undefined;
  #isOver = false;
  #stop!: () => void;
  /** Whoever asks for it, and however early. */
  readonly #stopped = new Promise<'us'>((resolve) => {
    this.#stop = () => resolve('us');
  });

  constructor(options: RtspWatcherOptions) {
    super();
    this.#options = options;
  }

  get summary(): WatchSummary {
    const nowMs = performance.now();
    return {
      received: this.#sections.reduce((sum, { stats }) => sum + stats.packets, 0),
      verified: this.#sections.filter(({ isVerified }) => isVerified).length,
      sections: this.#sections.length,
      streams: this.#sections.flatMap(({ stats, media: { kind } }) =>
        stats.summary(nowMs).map((one) => ({ ...one, kind })),
      ),
    };
  }

  /** Resolves when it is over, with what was seen. Throws a Failure where it does not come about. */
  async watch(): Promise<WatchSummary> {
    try {
      await this.#begin();
      const by = await this.#end();
      const { summary } = this;
      this.emit('ended', by);
      return summary;
    } finally {
      this.#close();
    }
  }

  /** Ends it; idempotent. */
  stop(): void {
    this.#stop();
  }

  /** Moves all media to new ports of this machine, as a phone does that goes from Wi-Fi to mobile data. */
  async move(): Promise<void> {
    for (const section of this.#sections) {
      const before = section.sockets;
      section.sockets = await this.#bindPair();
      for (const [index, port] of section.ports.entries()) {
        const socket = section.sockets[index];
        if (socket) port.rebind(socket);
      }
      for (const socket of before) socket.close();
    }
    this.emit('moved');
  }

  async #begin(): Promise<void> {
    const { url, listen } = this.#options;
    const address = await resolveHost(url.host);
    const link = (this.#link = await RtspLink.open(url, address, listen, this.#options));
    const described = await link.need('DESCRIBE', url.text, { Accept: 'application/sdp' });
    this.#base = described.fields.get('content-base')?.[0] ?? url.text;
    const session = this.#openSession(link, described.body);
    const plain = await this.#answer(link, described.body);
    const latched = session.setLocal(plain);
    const ports = await this.#setUp(link, latched);
    // The same offer, now with the ports that SETUP has told: only the addresses are new.
    const verdict = session.setRemote(placed(described.body, link.remoteAddress, ports), 'offer');
    if (!verdict.accepted) throw new Failure(`the server's ports cannot be taken: ${verdict.warning}`, 1);
    session.setLocal(plain, 'answer');
    await this.#listen(session);
    await link.need('PLAY', this.#base, this.#headers);
    this.emit(
      'playing',
      this.#sections.map(({ media: { kind, index }, codec }) => ({
        ...{ kind, codec },
        media: { address: link.remoteAddress, port: ports.get(index) ?? 0 },
      })),
    );
  }

  #openSession({ remoteAddress }: RtspLink, description: string): Session {
    const { isSecure } = this.#options.url;
    const isLocal = isLoopback(remoteAddress);
    if (!isSecure && !isLocal) throw new Failure('a secret goes over RTSPS alone: rtsps://HOST:PORT/ROOM', 2);
    const signalling = isSecure ? ('encrypted' as const) : ('loopback' as const);
    const session = (this.#session = this.#latchkey.createSession({ signalling, role: 'prover' }));
    const verdict = session.setRemote(placed(description, remoteAddress, new Map()));
    if (!verdict.accepted) throw new Failure(`the server offers no latch: ${verdict.warning}`, 1);
    session.on('verified', ({ media, component, mapping }) => {
      if (component !== 1) return;
      const section = this.#sections.find((one) => one.media.index === media);
      if (section) section.isVerified = true;
      this.emit('verified', media);
      if (mapping) this.emit('mapped', mapping);
    });
    return session;
  }

  /** Our sockets, and the answer that names them. */
  async #answer(link: RtspLink, description: string): Promise<string> {
    const parsed = parseSdp(placed(description, link.remoteAddress, new Map()));
    if (!parsed.ok || parsed.value.media.some(({ latch }) => !latch))
      throw new Failure('the server offers no latch: this is for a latchkey server over RTSPS', 1);
    const network = `IN ${link.localAddress.includes(':') ? 'IP6' : 'IP4'} ${link.localAddress}`;
    const lines = ['v=0', `o=- 1 1 ${network}`, 's=-', `c=${network}`, 't=0 0'];
    const sections: Section[] = [];
    this.#sections = sections;
    for (const media of parsed.value.media) {
      const [format] = formatsOf(media);
      const text = parsed.value.text.slice(media.start, media.end);
      const control = /^a=control:(\S+)\r?$/m.exec(text)?.[1];
      if (!format || control === undefined) throw new Failure("the server's description cannot be read", 1);
      const sockets = await this.#bindPair();
      const [rtp, rtcp] = sockets;
      lines.push(
        `m=${media.kind} ${rtp.address().port} ${media.protocol} ${format.payloadType}`,
        `a=rtpmap:${format.payloadType} ${format.codec}`,
        ...['a=recvonly', `a=rtcp:${rtcp.address().port}`],
      );
      const clockRate = Number(format.codec.split('/')[1]);
      const rest = { ports: [], reporter: undefined, isVerified: false, stats: new StreamStats() };
      sections.push({ media, codec: format.codec, clockRate, control, sockets, ...rest });
    }
    return lines.map((line) => `${line}\r\n`).join('');
  }

  /** One SETUP for each section, with its half of the secret; returns the server's ports. */
  async #setUp(link: RtspLink, answer: string): Promise<ReadonlyMap<number, number>> {
    const parsed = parseSdp(answer);
    const ports = new Map<number, number>();
    for (const { media, control, sockets } of this.#sections) {
      const latch = parsed.ok ? parsed.value.media[media.index]?.latch : undefined;
      if (!latch) throw new Failure('our own answer has no latch in it', 1);
      const own = sockets.map((socket) => socket.address().port).join('-');
      const base = this.#base.endsWith('/') ? this.#base : `${this.#base}/`;
      const answered = await link.need('SETUP', base + control, {
        Transport: `RTP/AVP;unicast;client_port=${own}`,
        Latch: formatLatch(latch).replace(/^a=latch:/, ''),
        ...this.#headers,
      });
      const session = answered.fields.get('session')?.[0] ?? '';
      this.#headers ??= { Session: sessionIdOf(session) };
      this.#startKeepAlive(link, session);
      const [, low = '', high = ''] =
        /;server_port=(\d{1,5})-(\d{1,5})(?:;|$)/.exec(answered.fields.get('transport')?.[0] ?? '') ?? [];
      if (low === '' || Number(high) !== Number(low) + 1)
        throw new Failure('the server tells no pair of ports', 1);
      ports.set(media.index, Number(low));
    }
    return ports;
  }

  async #listen(session: Session): Promise<void> {
    const { recorder } = this.#options;
    for (const section of this.#sections) {
      const { media, stats, clockRate, sockets } = section;
      section.ports = sockets.map((socket, index) => {
        const component = index === 0 ? 1 : 2;
        const port = session.bind(socket, { media: media.index, component });
        port.on('packet', (bytes, source, kind) => {
          recorder?.write(bytes, source, port.local);
          const nowMs = performance.now();
          if (kind === 'rtcp') stats.handleRtcp(bytes, nowMs);
          if (kind !== 'rtp') return;
          stats.handleRtp(bytes, nowMs, clockRate);
          this.emit('rtp', bytes);
        });
        return port;
      });
      section.reporter = await this.#reporterFor(section);
      section.reporter?.start();
    }
  }

  /** Without rtp.js it is watched all the same. */
  async #reporterFor({ ports, stats, clockRate }: Section): Promise<RtcpReporter | undefined> {
    const ssrc = Math.floor(Math.random() * 2 ** 32);
    const silent = { ssrc, timestamp: 0, lastMs: 0, packets: 0, octets: 0 };
    try {
      return await RtcpReporter.load({
        send: (bytes) => void ports[1]?.send(bytes),
        player: () => silent,
        takeReceptions: (nowMs) => stats.takeReceptions(nowMs),
        clockRate,
      });
    } catch (error) {
      this.emit('warning', `no RTCP: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #startKeepAlive(link: RtspLink, session: string): void {
    const timeoutS = Number(/;\s*timeout=(\d{1,5})/.exec(session)?.[1] ?? 60);
    this.#keepAlive ??= setInterval(
      () => void link.ask('GET_PARAMETER', this.#base, this.#headers).catch(() => undefined),
      Math.max(5, timeoutS / 2) * 1000,
    ).unref();
  }

  async #end(): Promise<'us' | 'server'> {
    const { durationMs } = this.#options;
    const timer = durationMs === undefined ? undefined : setTimeout(() => this.stop(), durationMs);
    const closed = this.#link?.closed.then(() => 'server' as const);
    const by = await Promise.race([this.#stopped, ...(closed ? [closed] : [])]);
    clearTimeout(timer);
    if (by === 'us') {
      for (const { reporter } of this.#sections) reporter?.stop();
      await this.#link?.ask('TEARDOWN', this.#base, this.#headers).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    }
    return by;
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#keepAlive);
    this.#link?.close();
    for (const { reporter } of this.#sections) reporter?.cancel();
    this.#session?.close();
    this.#latchkey.close();
    for (const { sockets } of this.#sections) for (const socket of sockets) socket.close();
    const { recorder } = this.#options;
    recorder?.close();
    if (recorder?.error) this.emit('warning', `the recording ended early: ${recorder.error.message}`);
  }

  async #bindPair(): Promise<readonly [Socket, Socket]> {
    const address = this.#link?.localAddress ?? '0.0.0.0';
    const rtp = await bindSocket(address);
    return [rtp, await bindSocket(address)];
  }
}

/** The offer with the ports that are known, at the server's address. */
function placed(description: string, address: string, ports: ReadonlyMap<number, number>): string {
  let index = 0;
  return description
    .replace(/^c=.*$/m, `c=IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`)
    .replace(/^(m=\S+) 0 /gm, (_, start: string) => `${start} ${ports.get(index++) ?? NO_PORT} `);
}

// What the tests of plugins/drachtio share: an application on the real drachtio-srf with the stand-in for its daemon, and phones
// that write their SIP themselves, over UDP, with a latch session of their own in them.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import Srf from 'drachtio-srf';
import { startTerminal } from '../../lib/cli/terminal.js';
import { createLatchkey } from '../../lib/index.js';
import type { LatchEvent, Latchkey, LatchkeyOptions, Session } from '../../lib/index.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { latchDrachtio } from '../../plugins/drachtio/index.js';
import type {
  EndedCall,
  Fault,
  LatchDrachtio,
  LatchDrachtioOptions,
  RejectedCall,
} from '../../plugins/drachtio/index.js';
import { Sockets, until } from '../net/sockets.js';
import { DrachtioDaemon } from './drachtio-daemon.js';
import type { DaemonOptions } from './drachtio-daemon.js';

export const LATCH_LINE = /^a=latch:1 ([A-Za-z0-9]+) ([A-Za-z0-9_-]{43})/m;

export function describe4(port: number, ...lines: readonly string[]): string {
  return [
    ...['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
    ...[`m=audio ${port} RTP/AVP 0`, 'a=rtcp-mux', ...(lines.length > 0 ? lines : ['a=sendrecv']), ''],
  ].join('\r\n');
}

export interface ApplicationOptions {
  readonly daemon?: DaemonOptions;
  readonly latch?: LatchDrachtioOptions;
  readonly latchkey?: LatchkeyOptions;
  /** The plugin comes when the connection is up already, by `install`. */
  readonly isLate?: boolean;
  readonly connect?: object;
}

/** An application with a daemon of its own. */
export class Application {
  readonly srf = new Srf();
  readonly sessions: Session[] = [];
  readonly ended: EndedCall[] = [];
  readonly rejected: RejectedCall[] = [];
  readonly faults: Fault[] = [];
  readonly events: LatchEvent[] = [];
  /** All that drachtio-srf logs. */
  readonly log: string[] = [];
  /** IP addresses at which sessions were told that somebody receives. */
  readonly shownAddresses: string[] = [];
  readonly latchkey: Latchkey;
  readonly #sockets = new Sockets();
  readonly #phones: Phone[] = [];
  readonly #terminals: Terminal[] = [];
  readonly #options: ApplicationOptions;
  latch!: LatchDrachtio;

  private constructor(
    public daemon: DrachtioDaemon,
    options: ApplicationOptions,
  ) {
    this.latchkey = createLatchkey(options.latchkey);
    this.latchkey.on('event', (event) => this.events.push(event));
    this.#options = options;
    if (!options.isLate) this.install();
  }

  static async start(options: ApplicationOptions = {}): Promise<Application> {
    const application = new Application(await DrachtioDaemon.start(options.daemon), options);
    await application.connect(options.connect);
    return application;
  }

  install(): void {
    this.latch = latchDrachtio(this.srf, this.latchkey, this.#options.latch);
    this.latch.on('session', (session) => {
      this.sessions.push(session);
      const shown = session.shown.bind(session);
      session.shown = (address) => {
        this.shownAddresses.push(address);
        shown(address);
      };
    });
    this.latch.on('ended', (call) => this.ended.push(call));
    this.latch.on('rejected', (call) => this.rejected.push(call));
    this.latch.on('fault', (fault) => this.faults.push(fault));
  }

  async connect(more: object = {}): Promise<void> {
    const connected = once(this.srf, 'connect');
    this.srf.on('error', () => undefined);
    void this.srf.connect({
      ...{
        host: this.#options.daemon?.applicationAddress ?? '127.0.0.1',
        port: this.daemon.port,
        secret: this.daemon.secret,
      },
      logger: (text) => this.log.push(text),
      ...more,
    });
    await connected;
  }

  /** A socket of the application's, which sends back what the session takes. */
  async echo(session: Session): Promise<number> {
    const socket = await this.#sockets.bound();
    const media = session.bind(socket);
    media.on('packet', (bytes) => media.send(bytes));
    return socket.address().port;
  }

  async socket(): Promise<dgram.Socket> {
    return this.#sockets.bound();
  }

  /** `latchkey call` to the application. */
  call(protocol: 'udp' | 'tcp' | 'tls' = 'udp', more: Partial<TerminalOptions> = {}): Terminal {
    const parsed = parseCallUri(this.daemon.uri(protocol));
    if (!parsed.ok) throw new Error(parsed.message);
    const terminal = startTerminal({ uri: parsed.uri, isInsecure: true, ...more });
    this.#terminals.push(terminal);
    return terminal;
  }

  async phone(hasLatch = true): Promise<Phone> {
    const phone = await Phone.open(this.daemon.sipPort('udp'), hasLatch);
    this.#phones.push(phone);
    return phone;
  }

  /** So many paths have been proved. */
  async verified(count = 1): Promise<void> {
    await until(() => this.events.filter(({ type }) => type === 'verified').length >= count);
  }

  /** Every text that this process has shown to somebody, where no secret may be. */
  get shown(): string {
    return this.log.join('\n');
  }

  /** The secrets that stood in what went over the SIP side. */
  get secrets(): ReadonlySet<string> {
    const found = this.daemon.wire.join('\n').matchAll(new RegExp(LATCH_LINE, 'gm'));
    return new Set([...found].map(([, , secret = '']) => secret));
  }

  async close(): Promise<void> {
    await Promise.all(this.#terminals.map((terminal) => terminal.hangUp().catch(() => undefined)));
    for (const phone of this.#phones) phone.close();
    this.latchkey.close();
    try {
      this.srf.disconnect();
    } catch {
      // It was gone.
    }
    await this.#sockets.closeAll();
    await this.daemon.close();
  }
}

export interface Message {
  /** 0 for a request. */
  readonly status: number;
  readonly method: string;
  readonly first: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Parts {
  readonly body?: string;
  readonly lines?: readonly string[];
  /** Of a request's Via. */
  readonly viaParams?: string;
  /** The To tag of a response; the phone's own unless told. */
  readonly tag?: string;
}

/** A phone behind no NAT, on UDP: caller and callee. */
export class Phone {
  readonly latchkey = createLatchkey();
  session: Session | undefined;
  readonly media: dgram.Socket;
  readonly messages: Message[] = [];
  readonly events: LatchEvent[] = [];
  readonly tag = randomBytes(4).toString('hex');
  readonly callId = randomBytes(6).toString('hex');
  /** Of the URI in its requests' Contact. */
  contactParams = '';
  readonly #sip: dgram.Socket;
  readonly #port: number;
  #remoteTag = '';
  #dialogCallId: string;
  #seq = 0;
  #branch = '';
  #inviteBranch = '';
  #remoteUri = 'sip:room@127.0.0.1';

  private constructor(sip: dgram.Socket, media: dgram.Socket, port: number, hasLatch: boolean) {
    this.#sip = sip;
    this.media = media;
    this.#port = port;
    this.#dialogCallId = this.callId;
    if (hasLatch) this.renew();
    this.latchkey.on('event', (event) => this.events.push(event));
    sip.on('message', (bytes) => this.messages.push(parse(bytes.toString('latin1'))));
  }

  static async open(port: number, hasLatch: boolean): Promise<Phone> {
    const sockets = [dgram.createSocket('udp4'), dgram.createSocket('udp4')] as const;
    await Promise.all(sockets.map((socket) => once(socket.bind(0, '127.0.0.1'), 'listening')));
    return new Phone(...sockets, port, hasLatch);
  }

  get uri(): string {
    return `sip:phone@127.0.0.1:${this.#sip.address().port}`;
  }

  get mediaPort(): number {
    return this.media.address().port;
  }

  close(): void {
    this.latchkey.close();
    this.#sip.close();
    try {
      this.media.close();
    } catch {
      // closed by the test
    }
  }

  /** Another half of the secret from now on. */
  renew(): void {
    this.session?.close();
    this.session = this.latchkey.createSession({ role: 'prover', signalling: 'loopback' });
    this.session.bind(this.media);
  }

  /** A description of this phone's, with its half of the secret where it has one. */
  description(type: 'offer' | 'answer', ...lines: readonly string[]): string {
    const text = describe4(this.mediaPort, ...lines);
    return this.session ? this.session.setLocal(text, type) : text;
  }

  read(sdp: string, type: 'offer' | 'answer'): void {
    const verdict = this.session?.setRemote(sdp, type);
    if (verdict?.accepted === false) throw new Error(verdict.warning);
  }

  /** A request of this phone's, in its dialog once it has one. */
  send(method: string, parts: Parts & { branch?: string; seq?: number; toTag?: string } = {}): void {
    const { body = '', lines = [], viaParams = '' } = parts;
    if (method !== 'ACK' && method !== 'CANCEL') this.#seq++;
    this.#branch = parts.branch ?? `z9hG4bK${randomBytes(8).toString('hex')}`;
    if (method === 'INVITE') this.#inviteBranch = this.#branch;
    const toTag = parts.toTag ?? this.#remoteTag;
    this.#write([
      `${method} ${this.#remoteUri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.#sip.address().port};branch=${this.#branch};rport${viaParams}`,
      'Max-Forwards: 70',
      `From: <${this.uri}>;tag=${this.tag}`,
      `To: <sip:room@example.invalid>${toTag === '' ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${this.#dialogCallId}`,
      `CSeq: ${parts.seq ?? this.#seq} ${method}`,
      `Contact: <${this.uri}${this.contactParams}>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      ...lines,
      `Content-Length: ${body.length}`,
      '',
      body,
    ]);
  }

  /** Sends a request, and returns its final response; a 2xx to an INVITE is acknowledged with `answer`. */
  async ask(method: string, parts: Parts = {}, answer?: (offer: string) => string): Promise<Message> {
    const from = this.messages.length;
    this.send(method, parts);
    const branch = this.#branch;
    const seq = this.#seq;
    const response = await this.next(
      ({ status, headers }) => status >= 200 && headers.get('via')?.includes(branch) === true,
      from,
    );
    if (method !== 'INVITE' || response.status >= 300) return response;
    this.#remoteTag = tagIn(response.headers.get('to'));
    this.send('ACK', { seq, ...(answer && { body: answer(response.body) }) });
    return response;
  }

  /** INVITE with an offer of this phone's, its answer read. */
  async invite(...lines: readonly string[]): Promise<Message> {
    const response = await this.ask('INVITE', { body: this.description('offer', ...lines) });
    if (response.status < 300) this.read(response.body, 'answer');
    else this.session?.rollback();
    return response;
  }

  /** CANCEL of the INVITE that was sent last. */
  cancel(seq = this.#seq): void {
    this.send('CANCEL', { branch: this.#inviteBranch, seq, toTag: '' });
  }

  /** Answers a request; the dialog is then this one's. */
  reply(request: Message, status: number, parts: Parts = {}): void {
    const { body = '', lines = [], tag = this.tag } = parts;
    const header = (name: string) => request.headers.get(name) ?? '';
    const to = header('to');
    if (request.method === 'INVITE' && status < 300) {
      this.#dialogCallId = header('call-id');
      this.#remoteTag = tagIn(header('from'));
      this.#remoteUri = /<([^>]*)>/.exec(header('contact'))?.[1] ?? this.#remoteUri;
    }
    this.#write([
      `SIP/2.0 ${status} ${status < 200 ? 'Ringing' : status < 300 ? 'OK' : 'No'}`,
      ...['via', 'from'].map((name) => `${name}: ${header(name)}`),
      `To: ${to}${tagIn(to) === '' ? `;tag=${tag}` : ''}`,
      ...['call-id', 'cseq'].map((name) => `${name}: ${header(name)}`),
      `Contact: <${this.uri}>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      ...lines,
      `Content-Length: ${body.length}`,
      '',
      body,
    ]);
  }

  /** The first message from `from` on that fits, now or later. */
  async next(fits: (message: Message) => boolean, from = 0): Promise<Message> {
    await until(
      () => this.messages.slice(from).some(fits),
      `a message that fits ${String(fits)}, of ${this.messages.map(({ first }) => first).join(' | ')}`,
    );
    return this.messages.slice(from).find(fits)!;
  }

  request(method: string, from = 0): Promise<Message> {
    return this.next((message) => message.method === method, from);
  }

  response(status: number, from = 0): Promise<Message> {
    return this.next((message) => message.status === status, from);
  }

  #write(lines: readonly string[]): void {
    this.#sip.send(Buffer.from(lines.join('\r\n'), 'latin1'), this.#port, '127.0.0.1');
  }
}

function tagIn(value = ''): string {
  return /;\s*tag=([^;\s]+)/.exec(value)?.[1] ?? '';
}

function parse(text: string): Message {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  const status = Number(/^SIP\/2\.0 (\d{3})/.exec(first)?.[1] ?? 0);
  return {
    status,
    method: status === 0 ? (first.split(' ')[0] ?? '') : '',
    first,
    headers,
    body: text.slice(end + 4),
  };
}

// A SIP caller over plain UDP that writes every byte itself, so that the server is not tested with its own stack.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';

export interface RawMessage {
  /** 0 for a request. */
  readonly status: number;
  readonly method: string;
  readonly first: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface RequestParts {
  readonly user?: string;
  readonly body?: string;
  readonly lines?: readonly string[];
  /** The same transaction as an earlier request. */
  readonly branch?: string;
  /** With the peer's tag, in the same transaction too: of a re-INVITE. */
  readonly withinDialog?: boolean;
  readonly seq?: number;
}

const WAIT_MS = 5000;

export class RawPhone {
  readonly callId = randomBytes(6).toString('hex');
  readonly tag = randomBytes(4).toString('hex');
  /** Its last request's. */
  branch = '';
  readonly messages: RawMessage[] = [];
  readonly #sip: dgram.Socket;
  readonly media: dgram.Socket;
  readonly #mediaPackets: Buffer[] = [];
  readonly #server: { address: string; port: number };
  #toTag = '';
  #seq = 0;
  #wake: (() => void) | undefined;

  private constructor(sip: dgram.Socket, media: dgram.Socket, server: { address: string; port: number }) {
    this.#sip = sip;
    this.media = media;
    this.#server = server;
    sip.on('message', (bytes) => {
      this.messages.push(parse(bytes.toString('latin1')));
      this.#wake?.();
    });
    media.on('message', (bytes) => {
      this.#mediaPackets.push(bytes);
      this.#wake?.();
    });
  }

  static async open(port: number, address = '127.0.0.1'): Promise<RawPhone> {
    const sockets = [0, 1].map(() => dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4'));
    await Promise.all(sockets.map((socket) => once(socket.bind(0, address), 'listening')));
    const [sip, media] = sockets as [dgram.Socket, dgram.Socket];
    return new RawPhone(sip, media, { address, port });
  }

  close(): void {
    this.#sip.close();
    this.media.close();
  }

  get host(): string {
    const { address } = this.#server;
    return address.includes(':') ? `[${address}]` : address;
  }

  get contact(): string {
    return `sip:raw@${this.host}:${this.#sip.address().port}`;
  }

  /** A description of one audio stream at the phone's media socket. */
  sdp(...attributes: string[]): string {
    const { address } = this.#server;
    const network = `IN IP${address.includes(':') ? 6 : 4} ${address}`;
    const lines = ['v=0', `o=- 1 1 ${network}`, 's=-', `c=${network}`, 't=0 0'];
    lines.push(`m=audio ${this.media.address().port} RTP/AVP 0`, 'a=rtpmap:0 PCMU/8000', ...attributes);
    return lines.map((line) => `${line}\r\n`).join('');
  }

  send(method: string, parts: RequestParts = {}): void {
    this.sendText(this.requestText(method, parts));
  }

  /** The next request, to be sent. */
  requestText(method: string, parts: RequestParts = {}): string {
    const { user = 'room', body = '', lines = [] } = parts;
    this.branch = parts.branch ?? `z9hG4bK${randomBytes(8).toString('hex')}`;
    const isRepeated = parts.branch !== undefined && parts.withinDialog !== true;
    const to = this.#toTag === '' || isRepeated ? '' : `;tag=${this.#toTag}`;
    if (method !== 'ACK' && method !== 'CANCEL') this.#seq++;
    return [
      `${method} sip:${user === '' ? '' : `${user}@`}${this.host}:${this.#server.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.host}:${this.#sip.address().port};branch=${this.branch};rport`,
      'Max-Forwards: 70',
      `From: <sip:raw@example.invalid>;tag=${this.tag}`,
      `To: <sip:${user}@example.invalid>${to}`,
      `Call-ID: ${this.callId}`,
      `CSeq: ${parts.seq ?? this.#seq} ${method}`,
      `Contact: <${this.contact}>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      ...lines,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
  }

  sendText(text: string): void {
    this.#sip.send(Buffer.from(text, 'latin1'), this.#server.port, this.#server.address);
  }

  /** Sends a request and returns its final response; an answered INVITE is acknowledged unless `isAcked` is false. */
  async ask(method: string, parts: RequestParts & { isAcked?: boolean } = {}): Promise<RawMessage> {
    const before = this.messages.length;
    this.send(method, parts);
    const { branch } = this;
    const isFinal = (one: RawMessage) =>
      one.status >= 200 && one.headers.get('via')?.includes(branch) === true;
    const response = await this.next(isFinal, before);
    const tag = /;tag=([^;]+)/.exec(response.headers.get('to') ?? '')?.[1] ?? '';
    if (method === 'INVITE' && response.status < 300) this.#toTag = tag;
    if (method === 'INVITE' && parts.isAcked !== false) this.send('ACK');
    return response;
  }

  /** The first message from `from` on that fits, now or later. */
  async next(fits: (message: RawMessage) => boolean, from = 0): Promise<RawMessage> {
    await this.#until(() => this.messages.slice(from).some(fits), 'no such SIP message');
    return this.messages.slice(from).find(fits)!;
  }

  /** Answers a request of the server. */
  answer(request: RawMessage, status = 200): void {
    const copied = ['via', 'from', 'to', 'call-id', 'cseq'].map(
      (name) => `${name}: ${request.headers.get(name)}`,
    );
    this.sendText([`SIP/2.0 ${status} OK`, ...copied, 'Content-Length: 0', '', ''].join('\r\n'));
  }

  /** Takes an offer of the server's. */
  answerOffer(invite: RawMessage, body = this.sdp()): void {
    const copied = ['via', 'from', 'to', 'call-id', 'cseq'].map(
      (name) => `${name}: ${invite.headers.get(name)}`,
    );
    const about = [`Contact: <${this.contact}>`, 'Content-Type: application/sdp'];
    const head = ['SIP/2.0 200 OK', ...copied, ...about, `Content-Length: ${body.length}`];
    this.sendText([...head, '', body].join('\r\n'));
  }

  /** Sends RTP to the media address of a description. */
  sendRtp(sdp: string, sequence: number): void {
    const packet = Buffer.alloc(172, sequence);
    packet.set([0x80, 0, 0, sequence, 0, 0, 0, sequence, ...Buffer.from(this.tag, 'hex')]);
    this.media.send(packet, mediaPort(sdp), this.#server.address);
  }

  /** Three packets in a row: without a key that tells the server where it is, and all three are heard (protocol.md 8.3.4). */
  sendRun(sdp: string): void {
    for (const sequence of [1, 2, 3]) this.sendRtp(sdp, sequence);
  }

  async rtp(count: number): Promise<readonly Buffer[]> {
    await this.#until(() => this.#mediaPackets.length >= count, `fewer than ${count} packets`);
    return this.#mediaPackets;
  }

  get received(): number {
    return this.#mediaPackets.length;
  }

  async #until(isDone: () => boolean, complaint: string): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!isDone()) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0)
        throw new Error(`${complaint}; so far: ${this.messages.map(({ first }) => first).join(' | ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

export function mediaPort(sdp: string): number {
  return Number(/^m=audio (\d+)/m.exec(sdp)?.[1]);
}

function parse(text: string): RawMessage {
  const [head = '', body = ''] = text.split(/\r\n\r\n([^]*)/);
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]*):\s*(.*)$/.exec(line) ?? [];
    if (!headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value);
  }
  const status = Number(/^SIP\/2\.0 (\d{3})/.exec(first)?.[1] ?? 0);
  return { status, method: status === 0 ? (first.split(' ')[0] ?? '') : '', first, headers, body };
}

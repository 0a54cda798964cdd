// An ordinary phone, as most are: SIP over TLS with a verified certificate, RTP from one socket, no latch. It sends to
// the address in the server's last SDP, and hears only those that the server's SDP has named. Just enough SIP for one
// outgoing call, and for what the server asks in it.
import type { Socket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { MediaPacket } from '../../capture/index.js';
import { acceptAnswer, createOffer } from '../../room/offer.js';
import type { TransportAddress } from '../../wire/index.js';
import type { CallUri } from '../../sip/index.js';
import { bindSocket } from '../../phone/local-address.js';
import { Player } from '../../phone/player.js';

const LOOPBACK = '127.0.0.1';
const ANSWER_MS = 10_000;
const BYE_MS = 500;
/** What a response repeats of its request (RFC 3261 section 8.2.6). */
const REPEATED = /^(?:Via|v|From|f|To|t|Call-ID|i|CSeq) *:.*$/gim;

export interface PhoneOptions {
  readonly uri: CallUri;
  /** PEM. */
  readonly ca: string;
  readonly media: readonly MediaPacket[];
  readonly createSocket: () => Socket;
  readonly onRtp: (packet: Uint8Array) => void;
}

interface Response {
  readonly status: number;
  readonly to: string;
  readonly body: string;
}

interface Message {
  /** Start line and headers. */
  readonly head: string;
  readonly body: string;
}

export class Phone {
  readonly call = randomBytes(12).toString('hex');
  readonly #options: PhoneOptions;
  readonly #tag = randomBytes(8).toString('hex');
  readonly #media: Socket;
  readonly #flow: TLSSocket;
  readonly #player: Player;
  #unread = Buffer.alloc(0);
  #onResponse: (response: Response) => void = () => undefined;
  /** Where the server takes media, the newest first: what it still sends from an earlier one is heard. */
  readonly #servers: TransportAddress[] = [];
  /** Our description, which never changes. */
  readonly #offer: string;
  #to: string;

  /** Calls, and resolves when the call is answered; it says nothing until `speak()`. Rejects when it is not. */
  static async dial(options: PhoneOptions): Promise<Phone> {
    const media = await bindSocket(LOOPBACK, options.createSocket());
    const flow = connect({ host: LOOPBACK, port: options.uri.port, ca: options.ca });
    await once(flow, 'secureConnect');
    const phone = new Phone(options, media, flow);
    await phone.#invite();
    return phone;
  }

  private constructor(options: PhoneOptions, media: Socket, flow: TLSSocket) {
    this.#options = options;
    this.#media = media;
    this.#flow = flow;
    this.#to = `<${options.uri.text}>`;
    const { address, port: rtpPort } = media.address();
    this.#offer = createOffer({ address, rtpPort, rtcpMux: true });
    this.#player = new Player({ packets: options.media, send: (bytes) => this.#send(bytes) });
    media.on('message', (bytes, source) => {
      if (this.#servers.some(({ address, port }) => source.address === address && source.port === port))
        options.onRtp(bytes);
    });
    flow.on('data', (bytes: Buffer) => this.#read(bytes));
    flow.on('error', () => undefined);
  }

  get ssrc(): number {
    return this.#player.ssrc;
  }

  speak(): void {
    this.#player.start();
  }

  async hangUp(): Promise<void> {
    this.#player.stop();
    const answered = this.#nextResponse(BYE_MS).catch(() => undefined);
    this.#request('BYE', 2);
    await answered;
    this.#flow.destroy();
    this.#media.close();
  }

  async #invite(): Promise<void> {
    this.#request('INVITE', 1, this.#offer);
    const answer = await this.#nextResponse(ANSWER_MS);
    this.#to = answer.to;
    this.#request('ACK', 1);
    const warning = this.#move(answer.body);
    if (warning !== undefined) throw new Error(`the answer cannot be taken: ${warning}`);
  }

  /** The next packet goes where this description of the server's says. Gives the reason where it says nothing of use. */
  #move(description: string): string | undefined {
    const accepted = acceptAnswer(this.#offer, description);
    if (!accepted.ok) return accepted.warning;
    this.#servers.unshift(accepted.stream.remote);
    return undefined;
  }

  #send(bytes: Uint8Array): boolean {
    const [server] = this.#servers;
    if (!server) return false;
    this.#media.send(bytes, server.port, server.address);
    return true;
  }

  #request(method: string, seq: number, body = ''): void {
    this.#write(
      [
        `${method} ${this.#options.uri.text} SIP/2.0`,
        `Via: SIP/2.0/TLS ${this.#local};branch=z9hG4bK${randomBytes(8).toString('hex')}`,
        `From: <sip:phone@${LOOPBACK}>;tag=${this.#tag}`,
        `To: ${this.#to}`,
        `Call-ID: ${this.call}`,
        `CSeq: ${seq} ${method}`,
        'Max-Forwards: 70',
      ],
      body,
    );
  }

  /** A re-INVITE is answered with our description, and the media goes where it says; all else in the call is taken note of. */
  #answer({ head, body }: Message): void {
    const [method] = head.split(' ', 1);
    if (method === 'ACK') return;
    const isTaken = method !== 'INVITE' || this.#move(body) === undefined;
    const status = isTaken ? '200 OK' : '488 Not Acceptable Here';
    const repeated = head.match(REPEATED) ?? [];
    this.#write([`SIP/2.0 ${status}`, ...repeated], method === 'INVITE' && isTaken ? this.#offer : '');
  }

  get #local(): string {
    return `${LOOPBACK}:${this.#flow.localPort}`;
  }

  #write(lines: readonly string[], body: string): void {
    const head = [
      ...lines,
      `Contact: <sip:phone@${this.#local};transport=tls>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#flow.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }

  /** The next final response; rejects when it is not a 2xx. */
  #nextResponse(timeoutMs: number): Promise<Response> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server does not answer')), timeoutMs);
      this.#onResponse = (response) => {
        clearTimeout(timer);
        if (response.status < 300) resolve(response);
        else reject(new Error(`the server answers ${response.status}`));
      };
    });
  }

  /** Messages end where their Content-Length says. */
  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const end = this.#unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#unread.toString('latin1', 0, end);
      const start = end + 4;
      const stop = start + Number(/^(?:Content-Length|l) *: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (this.#unread.length < stop) return;
      const body = this.#unread.toString('latin1', start, stop);
      this.#unread = this.#unread.subarray(stop);
      this.#handle({ head, body });
    }
  }

  #handle({ head, body }: Message): void {
    const [, status] = /^SIP\/2\.0 (\d{3})/.exec(head) ?? [];
    if (status === undefined) this.#answer({ head, body });
    else if (Number(status) >= 200)
      this.#onResponse({
        status: Number(status),
        body,
        to: /^To *: *(.*)$/im.exec(head)?.[1] ?? this.#to,
      });
  }
}

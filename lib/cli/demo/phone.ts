// An ordinary phone, as most are: SIP over TLS with a verified certificate, RTP from one socket, no latch. It sends to
// the address in the server's SDP and hears only that one. Just enough SIP for one outgoing call.
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

export class Phone {
  readonly call = randomBytes(12).toString('hex');
  readonly #options: PhoneOptions;
  readonly #tag = randomBytes(8).toString('hex');
  readonly #media: Socket;
  readonly #flow: TLSSocket;
  readonly #player: Player;
  #unread = Buffer.alloc(0);
  #onResponse: (response: Response) => void = () => undefined;
  #server: TransportAddress | undefined;
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
    this.#player = new Player({ packets: options.media, send: (bytes) => this.#send(bytes) });
    media.on('message', (bytes, source) => {
      const server = this.#server;
      if (source.address === server?.address && source.port === server.port) options.onRtp(bytes);
    });
    flow.on('data', (bytes: Buffer) => this.#read(bytes));
    flow.on('error', () => undefined);
  }

  get ssrc(): number {
    return this.#player.ssrc;
  }

  /** The media address in its SDP. */
  get signalled(): TransportAddress {
    const { address, port } = this.#media.address();
    return { address, port };
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
    const { address, port: rtpPort } = this.signalled;
    const offer = createOffer({ address, rtpPort, rtcpMux: true });
    this.#request('INVITE', 1, offer);
    const answer = await this.#nextResponse(ANSWER_MS);
    this.#to = answer.to;
    this.#request('ACK', 1);
    const accepted = acceptAnswer(offer, answer.body);
    if (!accepted.ok) throw new Error(`the answer cannot be taken: ${accepted.warning}`);
    this.#server = accepted.stream.remote;
  }

  #send(bytes: Uint8Array): boolean {
    if (!this.#server) return false;
    this.#media.send(bytes, this.#server.port, this.#server.address);
    return true;
  }

  #request(method: string, seq: number, body = ''): void {
    const { text } = this.#options.uri;
    const local = `${LOOPBACK}:${this.#flow.localPort}`;
    const lines = [
      `${method} ${text} SIP/2.0`,
      `Via: SIP/2.0/TLS ${local};branch=z9hG4bK${randomBytes(8).toString('hex')}`,
      `From: <sip:phone@${LOOPBACK}>;tag=${this.#tag}`,
      `To: ${this.#to}`,
      `Call-ID: ${this.call}`,
      `CSeq: ${seq} ${method}`,
      `Contact: <sip:phone@${local};transport=tls>`,
      'Max-Forwards: 70',
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#flow.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
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

  /** Messages end where their Content-Length says; requests of the server's are left to its timers. */
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
      const status = Number(/^SIP\/2\.0 (\d{3})/.exec(head)?.[1] ?? 0);
      if (status >= 200)
        this.#onResponse({ status, body, to: /^To *: *(.*)$/im.exec(head)?.[1] ?? this.#to });
    }
  }
}

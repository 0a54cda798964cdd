// A SIP server without latch, of a few lines on the bare package: it answers a call as the test says, and sends every RTP
// packet back to where the caller's SDP wants it, or to where it came from.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { SipHeaders, SipRequest, SipResponse } from '../../lib/sip/index.js';
import type { PackageStack, SipPackage } from '../../plugins/sip/index.js';
import { classifyPacket, parseSdp } from '../../lib/wire/index.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { freePort } from '../support/free-port.js';

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const LOOPBACK = '127.0.0.1';

/**
 * The package leaves timers of 32 s and more behind (of every request that it sent): from now on until the returned function is
 * called, those keep no process alive.
 */
export function unrefLongTimers(): () => void {
  const original = globalThis.setTimeout;
  const unreffing = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = original(callback, ms, ...args);
    return (ms ?? 0) > 1500 ? timer.unref() : timer;
  };
  globalThis.setTimeout = Object.assign<typeof unreffing, typeof setTimeout>(unreffing, original);
  return () => (globalThis.setTimeout = original);
}

/** What to do with an INVITE; the default answers it. */
export type OnInvite = (invite: SipRequest, server: PlainServer) => void;

export class PlainServer {
  readonly requests: SipRequest[] = [];
  /** Blind latching: media goes to wherever media comes from. */
  isBlind = false;
  /** Blind latching to whoever came first. */
  isFirstBlind = false;
  /** Whence each RTP packet came. */
  readonly heard: TransportAddress[] = [];
  onInvite: OnInvite = (invite, server) => server.answer(invite);
  /** Any other request but an ACK. */
  onOther: OnInvite = (request, server) => void server.respond(request, 200);
  onAck: () => void = () => undefined;
  #invite: SipRequest | undefined;
  #caller: TransportAddress | undefined;
  #seq = 1;
  readonly #stack: PackageStack;

  static async start(): Promise<PlainServer> {
    const media = createSocket('udp4');
    media.bind(0, LOOPBACK);
    await once(media, 'listening');
    return new PlainServer(await freePort(), media);
  }

  private constructor(
    readonly port: number,
    readonly media: Socket,
  ) {
    // Its own name must be nobody's address: the package takes a URI with that host for a token of a flow.
    const options = { address: LOOPBACK, publicAddress: 'plain.invalid', port, udp: true, tcp: true };
    this.#stack = sip.create(options, (request: SipRequest) => this.#onRequest(request));
    media.on('message', (bytes, { address, port: from }) => {
      if (classifyPacket(bytes) !== 'rtp') return;
      this.heard.push({ address, port: from });
      const blindly = this.isFirstBlind ? this.heard[0] : this.isBlind ? { address, port: from } : undefined;
      const to = blindly ?? this.#caller;
      if (to) media.send(bytes, to.port, to.address);
    });
  }

  uri(user = 'room', transport = 'udp'): string {
    return `sip:${user}@${LOOPBACK}:${this.port};transport=${transport}`;
  }

  /** Its own description, with these lines at the end. */
  sdp(...more: string[]): string {
    const lines = ['v=0', `o=- 1 ${this.#seq} IN IP4 ${LOOPBACK}`, 's=-', `c=IN IP4 ${LOOPBACK}`, 't=0 0'];
    return [...lines, `m=audio ${this.media.address().port} RTP/AVP 0`, ...more, ''].join('\r\n');
  }

  respond(request: SipRequest, status: number, headers: SipHeaders = {}, content?: string): SipResponse {
    const body = content === undefined ? {} : { content };
    const response = sip.makeResponse(request, status, `status ${status}`, { headers, ...body });
    const { to } = response.headers;
    if (status > 100 && to) response.headers.to = { ...to, params: { ...to.params, tag: 'plain' } };
    this.#stack.send(response);
    return response;
  }

  /** 200 with its description; the caller's media goes back to it from now on. */
  answer(invite: SipRequest, ...more: string[]): SipResponse {
    return this.answerWith(invite, this.sdp(...more));
  }

  answerWith(invite: SipRequest, sdp: string): SipResponse {
    this.#invite = invite;
    const offer = parseSdp(invite.content ?? '');
    const audio = offer.ok ? offer.value.media[0] : undefined;
    this.#caller = audio && { address: audio.address, port: audio.port };
    const headers = {
      'content-type': 'application/sdp',
      contact: [
        {
          uri: `sip:${LOOPBACK}:${this.port}${/tcp/i.test(invite.headers.via?.[0]?.protocol ?? '') ? ';transport=tcp' : ''}`,
        },
      ],
    };
    return this.respond(invite, 200, headers, sdp);
  }

  /** A request in the dialog, and its final response. */
  request(
    method: string,
    content?: string,
    change: (request: SipRequest) => void = () => undefined,
  ): Promise<SipResponse> {
    const invite = this.#invite;
    const [contact] = Array.isArray(invite?.headers.contact) ? invite.headers.contact : [];
    if (!invite?.headers.to || !invite.headers.from || !contact) throw new Error('no call');
    const request: SipRequest = {
      method,
      uri: contact.uri,
      headers: {
        to: invite.headers.from,
        from: { ...invite.headers.to, params: { tag: 'plain' } },
        'call-id': String(invite.headers['call-id']),
        cseq: { seq: ++this.#seq, method },
        'max-forwards': 70,
        contact: [{ uri: `sip:${LOOPBACK}:${this.port}` }],
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
      },
      ...(content !== undefined && { content }),
    };
    change(request);
    return new Promise((resolve) =>
      this.#stack.send(request, (response) => response.status >= 200 && resolve(response)),
    );
  }

  of(method: string): SipRequest[] {
    return this.requests.filter((request) => request.method === method);
  }

  close(): void {
    this.#stack.destroy();
    this.media.close();
  }

  #onRequest(request: SipRequest): void {
    this.requests.push(request);
    if (request.method === 'INVITE') this.onInvite(request, this);
    else if (request.method === 'ACK') this.onAck();
    else this.onOther(request, this);
  }
}

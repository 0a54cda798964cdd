// Who is called, on the bare sip package: any number of phones behind one address, each a prover session of its own with a
// socket, answering as the test says.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, MediaPort, Session } from '../../lib/index.js';
import type { SipHeaders, SipRequest, SipResponse } from '../../lib/sip/index.js';
import type { PackageStack, SipPackage } from '../../plugins/sip/index.js';
import { freePort } from '../plugins/sip-phones.js';

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const LOOPBACK = '127.0.0.1';

export function rtp(sequence: number, ssrc = 0x1234): Buffer {
  const packet = Buffer.alloc(172, 0xff);
  packet.writeUInt16BE(0x8000);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(sequence * 160, 4);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

/** Waits until it is so; the test's own time limit ends it. */
export async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** One phone: its session, its socket, and what it heard. */
export class Phone {
  readonly heard: Buffer[] = [];
  readonly #port: MediaPort;

  constructor(
    readonly tag: string,
    readonly session: Session,
    readonly socket: Socket,
    readonly sdp: string,
  ) {
    this.#port = session.bind(socket);
    this.#port.on('packet', (bytes) => this.heard.push(Buffer.from(bytes)));
  }

  say(sequence: number, ssrc?: number): void {
    this.#port.send(rtp(sequence, ssrc));
  }
}

export type OnInvite = (invite: SipRequest, callee: Callee) => unknown;

export class Callee {
  readonly requests: SipRequest[] = [];
  readonly latchkey: Latchkey = createLatchkey();
  readonly phones: Phone[] = [];
  readonly #stack: PackageStack;
  #seq = 100;

  /** With a certificate, in PEM, it can be called over TLS, too. */
  static async start(onInvite: OnInvite, tls?: { key: string; cert: string }): Promise<Callee> {
    return new Callee(await freePort(), await freePort(), onInvite, tls);
  }

  private constructor(
    readonly port: number,
    readonly tlsPort: number,
    readonly onInvite: OnInvite,
    tls: { key: string; cert: string } | undefined,
  ) {
    const place = { address: LOOPBACK, publicAddress: 'callee.invalid', port, udp: true, tcp: true };
    const options = { ...place, ...(tls && { tls, tls_port: tlsPort }) };
    this.#stack = sip.create(options, (request: SipRequest) => {
      this.requests.push(request);
      if (request.method === 'INVITE') void this.onInvite(request, this);
      else if (request.method !== 'ACK') this.respond(request, 200, 'callee');
    });
  }

  uri(transport = 'udp'): string {
    const port = transport === 'tls' ? this.tlsPort : this.port;
    return `sip:callee@${LOOPBACK}:${port};transport=${transport}`;
  }

  of(method: string): SipRequest[] {
    return this.requests.filter((request) => request.method === method);
  }

  /** A phone that has read this offer and made its answer. */
  async phone(invite: SipRequest, tag = 'a'): Promise<Phone> {
    const socket = createSocket('udp4').bind(0, LOOPBACK);
    await once(socket, 'listening');
    const session = this.latchkey.createSession({ role: 'prover', signalling: 'loopback' });
    const verdict = session.setRemote(invite.content ?? '', 'offer');
    if (!verdict.accepted) throw new Error(verdict.warning);
    const phone = new Phone(
      tag,
      session,
      socket,
      session.setLocal(plainSdp(socket.address().port), 'answer'),
    );
    this.phones.push(phone);
    return phone;
  }

  respond(request: SipRequest, status: number, tag: string, content?: string, more: SipHeaders = {}): void {
    const headers: SipHeaders = { contact: [{ uri: this.uri() }], ...more };
    if (content !== undefined) headers['content-type'] = 'application/sdp';
    const body = content === undefined ? {} : { content };
    const response = sip.makeResponse(request, status, `reason ${status}`, { headers, ...body });
    const { to } = response.headers;
    if (to && status > 100 && request.method !== 'CANCEL')
      response.headers.to = { ...to, params: { tag, ...to.params } };
    this.#stack.send(response);
  }

  /** A request in the dialog with this tag, and its final response; a 2xx to an INVITE is acknowledged with `ack` in it. */
  request(
    invite: SipRequest,
    method: string,
    tag: string,
    content?: string,
    ack?: (offer: string) => string,
  ) {
    const { from, to, contact, 'call-id': id } = invite.headers;
    const [first] = Array.isArray(contact) ? contact : [];
    const make = (name: string, seq: number, body?: string): SipRequest => ({
      method: name,
      uri: first!.uri,
      headers: {
        to: from!,
        from: { ...to!, params: { tag } },
        'call-id': String(id),
        cseq: { seq, method: name },
        contact: [{ uri: this.uri() }],
        'max-forwards': 70,
        ...(body !== undefined && { 'content-type': 'application/sdp' }),
      },
      ...(body !== undefined && { content: body }),
    });
    const seq = ++this.#seq;
    return new Promise<SipResponse>((resolve) =>
      this.#stack.send(make(method, seq, content), (response) => {
        if (response.status < 200) return;
        if (method === 'INVITE' && response.status < 300)
          this.#stack.send(make('ACK', seq, ack?.(response.content ?? '')));
        resolve(response);
      }),
    );
  }

  close(): void {
    this.#stack.destroy();
    this.latchkey.close();
    for (const { socket } of this.phones) socket.close();
  }
}

export function plainSdp(port: number, ...lines: string[]): string {
  const head = ['v=0', `o=- 1 1 IN IP4 ${LOOPBACK}`, 's=-', `c=IN IP4 ${LOOPBACK}`, 't=0 0'];
  return [...head, `m=audio ${port} RTP/AVP 0`, ...lines, ''].join('\r\n');
}

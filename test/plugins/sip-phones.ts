// Two ends of a call over the real package and real loopback sockets, for the tests of plugins/sip.
import { freePort } from '../support/free-port.js';
import { createRequire } from 'node:module';
import dgram from 'node:dgram';
import { generate } from 'selfsigned';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, LatchkeyOptions } from '../../lib/index.js';
import type { SipFlow, SipMessage, SipRequest, SipResponse, SipUri } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { LatchSip, LatchSipOptions, SipOptions, SipPackage, Stack } from '../../plugins/sip/index.js';

export const sip = createRequire(import.meta.url)('sip') as SipPackage;

export const LATCH_LINE = /^a=latch:1 [A-Za-z0-9]+ ([A-Za-z0-9_-]{43})/m;

export function sdp(port = 40000, address = '127.0.0.1'): string {
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    'a=rtpmap:0 PCMU/8000',
    '',
  ].join('\r\n');
}

let certificate: Promise<{ key: string; cert: string }> | undefined;

/** A certificate with the names given, or one for localhost and 127.0.0.1 that is made once. */
export async function createCertificate(altNames?: { type: number; value?: string; ip?: string }[]) {
  const make = async (names: { type: number; value?: string; ip?: string }[]) => {
    const extensions = [{ name: 'subjectAltName', altNames: names }];
    const made = await generate([{ name: 'commonName', value: 'test' }], {
      keySize: 2048,
      extensions,
    } as never);
    return { key: made.private, cert: made.cert };
  };
  if (altNames) return make(altNames);
  certificate ??= make([
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ]);
  return certificate;
}

export { freePort };

export interface Sent {
  readonly message: SipMessage;
  readonly content: string;
  readonly target: SipFlow;
}

export interface EndOptions {
  stack?: SipOptions;
  latch?: LatchSipOptions;
  latchkey?: LatchkeyOptions;
  sip?: SipPackage;
}

type Handler = (request: SipRequest, end: End, remote: SipFlow) => void;

/** One process with latchkey and the package in it, on free ports. */
export class End {
  readonly requests: SipRequest[] = [];
  readonly faults: unknown[] = [];
  readonly latchkey: Latchkey;
  readonly latch: LatchSip;
  readonly stack: Stack;
  handler: Handler;
  #cseq = 1;

  constructor(options: EndOptions = {}, handler: Handler = () => undefined) {
    this.handler = handler;
    this.latchkey = createLatchkey(options.latchkey);
    this.latch = latchSip(options.sip ?? sip, this.latchkey, options.latch);
    this.latch.on('fault', (fault) => this.faults.push(fault));
    const stack = { address: '127.0.0.1', port: 0, tls_port: 0, ...options.stack };
    this.stack = this.latch.create(stack, (request, remote) => {
      this.requests.push(request);
      this.handler(request, this, remote);
    });
  }

  port(protocol: string): number {
    const found = this.stack.addresses.find((one) => one.protocol === protocol);
    if (!found) throw new Error(`no ${protocol}`);
    return found.port;
  }

  uri(protocol: string, host = '127.0.0.1'): string {
    return `sip:bob@${host}:${this.port(protocol)};transport=${protocol.toLowerCase()}`;
  }

  request(
    method: string,
    uri: string | SipUri,
    headers: SipMessage['headers'] = {},
    content?: string,
  ): SipRequest {
    return {
      method,
      uri,
      headers: {
        to: { uri },
        from: { uri: 'sip:alice@example.invalid', params: { tag: 'from-tag' } },
        'call-id': `call-${Math.random().toString(36).slice(2)}`,
        cseq: { method, seq: this.#cseq++ },
        contact: [{ uri: `sip:alice@127.0.0.1:${this.port('UDP')}` }],
        'max-forwards': '70',
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
        ...headers,
      },
      ...(content !== undefined && { content }),
    };
  }

  /** Sends and waits for a final response; what came before it is in `all`. */
  ask(request: SipRequest): Promise<{ final: SipResponse; all: SipResponse[] }> {
    const all: SipResponse[] = [];
    return new Promise((resolve) => {
      this.stack.send(request, (response) => {
        all.push(response);
        if (response.status >= 200) resolve({ final: response, all });
      });
    });
  }

  respond(
    request: SipRequest,
    status: number,
    content?: string,
    headers: SipMessage['headers'] = {},
  ): SipResponse {
    const response = sip.makeResponse(request, status, 'Reason', {
      headers: {
        contact: [{ uri: `sip:bob@127.0.0.1:${this.port('UDP')}` }],
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
        ...headers,
      },
      ...(content !== undefined && { content }),
    });
    const { to } = request.headers;
    if (to && status > 100) response.headers.to = { ...to, params: { tag: 'to-tag', ...to.params } };
    this.stack.send(response);
    return response;
  }

  close(): void {
    this.stack.destroy();
    this.latchkey.close();
  }
}

/** An in-dialog request of the caller, after the final response to its INVITE. */
export function inDialog(
  end: End,
  invite: SipRequest,
  final: SipResponse,
  method: string,
  content?: string,
): SipRequest {
  const { to, from } = final.headers;
  const headers = { to: to!, from: from!, 'call-id': invite.headers['call-id']! };
  const request = end.request(method, invite.uri, headers, content);
  if (method === 'ACK') request.headers.cseq = { method, seq: (invite.headers.cseq as { seq: number }).seq };
  return request;
}

/** Raw bytes at a listener, with whatever comes back. */
export async function rawUdp(port: number, ...messages: (string | Buffer)[]): Promise<Buffer[]> {
  const socket = dgram.createSocket('udp4');
  const replies: Buffer[] = [];
  socket.on('message', (bytes) => replies.push(bytes));
  for (const message of messages) {
    await new Promise((resolve) => socket.send(message, port, '127.0.0.1', resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  socket.close();
  return replies;
}

// A call without SIP: one request over HTTPS opens it, another ends it (protocol.md 2). The server's certificate is verified like that
// of any server; there is no hold and no new offer of the server's.
import { EventEmitter } from 'node:events';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Session } from '../index.js';
import type { CallUri, DigestCredentials } from '../sip/index.js';
import { Failure } from './failure.js';
import { answerOf, requestOf } from './https-description.js';
import type { SignallingClient, SipClientEvents, SipClientOptions } from './signalling-types.js';

const TIMEOUT_MS = 10_000;
/** Of a reply: what a server sends that is none of ours must not fill the memory. */
const REPLY_MAX_BYTES = 256 * 1024;

interface Reply {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: unknown;
}

export class HttpsClient extends EventEmitter<SipClientEvents> implements SignallingClient {
  readonly session: Session;
  readonly signalling = 'encrypted';
  readonly #uri: CallUri;
  readonly #trust: Pick<SipClientOptions, 'ca' | 'isInsecure'>;
  readonly #credentials: DigestCredentials | undefined;
  /** Of the session, once there is one. */
  #location: string | undefined;

  constructor({ latchkey, uri, ca, isInsecure, credentials, policy, role = 'prover' }: SipClientOptions) {
    super();
    this.#uri = uri;
    this.#trust = { ca, isInsecure };
    this.#credentials = credentials;
    this.session = latchkey.createSession({ signalling: 'encrypted', role, policy });
  }

  async invite(offer: string): Promise<string> {
    const body = requestOf(this.session.setLocal(offer), this.#uri.user ?? '');
    const reply = await this.#ask('POST', this.#uri.text, body);
    if (reply.status !== 201) throw this.#refusal(reply);
    this.#location = reply.location && new URL(reply.location, this.#uri.text).href;
    const answer = answerOf(reply.body);
    const verdict = this.session.setRemote(answer);
    if (!verdict.accepted) throw new Failure(`the server's reply cannot be taken: ${verdict.warning}`, 1);
    return answer;
  }

  reoffer(): Promise<string> {
    return Promise.reject(
      new Failure('a session over HTTPS knows no new offer: it is ended and opened anew', 1),
    );
  }

  async hangUp(): Promise<void> {
    const location = this.#location;
    this.#location = undefined;
    if (location === undefined) return;
    // It ends by itself where this does not arrive: nobody answers its challenges any more.
    await this.#ask('DELETE', location).catch(() => undefined);
  }

  close(): void {
    this.session.close();
  }

  #refusal({ status, body }: Reply): Failure {
    const { detail } = (typeof body === 'object' && body !== null ? body : {}) as { detail?: unknown };
    const why = typeof detail === 'string' ? `: ${printable(detail)}` : '';
    return new Failure(`${this.#uri.host}:${this.#uri.port}: the server refused with ${status}${why}`, 1);
  }

  #ask(method: 'POST' | 'DELETE', url: string, body?: object): Promise<Reply> {
    const { ca, isInsecure } = this.#trust;
    const text = body && JSON.stringify(body);
    const credentials = this.#credentials;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(new Failure(`${this.#uri.host}:${this.#uri.port}: ${printable(error.message)}`, 1));
      const asking = request(
        url,
        {
          method,
          ca,
          rejectUnauthorized: isInsecure !== true,
          signal: AbortSignal.timeout(TIMEOUT_MS),
          agent: false,
          headers: {
            ...(text !== undefined && {
              'Content-Type': 'application/json',
              'Content-Length': String(Buffer.byteLength(text)),
            }),
            ...(credentials && { Authorization: basic(credentials) }),
          },
        },
        (response) => void readReply(response).then(resolve, fail),
      );
      asking.on('error', fail).end(text);
    });
  }
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (size > REPLY_MAX_BYTES) throw new Error('the reply is too long');
  }
  const { statusCode: status = 0, headers } = response;
  return { status, location: headers.location, body: parsed(Buffer.concat(pieces).toString('utf8')) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function basic({ user, password }: DigestCredentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** What a stranger wrote is printed on a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

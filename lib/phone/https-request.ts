// One request of a client's over HTTPS, bounded in time and in bytes: for sessions without SIP, and for the keys that a call names.
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { DigestCredentials } from '../sip/index.js';
import { Failure } from './failure.js';

const TIMEOUT_MS = 10_000;
/** Of a reply: what a server sends that is none of ours must not fill the memory. */
const REPLY_MAX_BYTES = 256 * 1024;

export interface HttpsTerms {
  /** PEM of the authorities to trust, in place of the system's. */
  readonly ca?: string | undefined;
  /** The server's certificate is not verified: its owner asked for that by name. */
  readonly isInsecure?: boolean | undefined;
  /** Sent as they are (Basic, RFC 7617), to who has shown the certificate. */
  readonly credentials?: DigestCredentials | undefined;
}

export interface HttpsReply {
  readonly status: number;
  readonly location: string | undefined;
  /** Undefined where it is no JSON. */
  readonly body: unknown;
}

/** A key of 32 bytes, and the `kid` that names it in SDP (protocol.md 2). */
export interface FetchedKey {
  readonly kid: string;
  readonly key: Uint8Array;
}

/** Fetches a key from the server at this URL, whatever its path says. Throws a Failure. */
export async function fetchKey(server: string, terms: HttpsTerms): Promise<FetchedKey> {
  const url = new URL('/latch/v1/keys', server).href;
  const reply = await askHttps('POST', url, terms, {});
  if (reply.status !== 201) throw refusalOf(reply, url);
  const { kid, key } = (reply.body ?? {}) as { kid?: unknown; key?: unknown };
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64url') : Buffer.alloc(0);
  if (typeof kid !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(kid) || bytes.length !== 32)
    throw new Failure(`${new URL(url).host}: its reply cannot be read: there is no key in it`, 1);
  return { kid, key: bytes };
}

/** Rejects with a Failure where there is no reply. */
export function askHttps(
  method: 'POST' | 'DELETE',
  url: string,
  { ca, isInsecure, credentials }: HttpsTerms,
  body?: object,
): Promise<HttpsReply> {
  const text = body && JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new Failure(`${new URL(url).host}: ${printable(error.message)}`, 1));
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

/** What a reply that is no success says, in a line. */
export function refusalOf({ status, body }: HttpsReply, url: string): Failure {
  const { detail } = (typeof body === 'object' && body !== null ? body : {}) as { detail?: unknown };
  const why = typeof detail === 'string' ? `: ${printable(detail)}` : '';
  return new Failure(`${new URL(url).host}: the server refused with ${status}${why}`, 1);
}

async function readReply(response: IncomingMessage): Promise<HttpsReply> {
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

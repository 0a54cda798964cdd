// The client's connection to an RTSP server: one request at a time, each answered in ten seconds or never, passwords answered once. What a
// server sends is held to the same gate as what a server is sent.
import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatMessage, RTSP_LIMITS, RtspFramer } from '../rtsp/index.js';
import type { RtspMessage } from '../rtsp/index.js';
import { answerChallenge, credentialsIn } from '../sip/index.js';
import type { DigestCredentials } from '../sip/index.js';
import { connectionFailure } from './connection-trouble.js';
import { Failure } from './failure.js';

export interface RtspPlaceUrl {
  /** As it was given, without a password. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

export interface RtspTrust {
  readonly ca?: string | undefined;
  readonly isInsecure?: boolean | undefined;
  readonly credentials?: DigestCredentials | undefined;
}

export interface RtspAnswer {
  readonly status: number;
  readonly fields: RtspMessage['fields'];
  readonly body: string;
}

const TIMEOUT_MS = 10_000;
const PORTS = { rtsp: 554, rtsps: 322 };

/** Throws a Failure for what is no URL of a room. */
export function readRtspUrl(text: string): RtspPlaceUrl {
  const [, scheme = '', host = '', port] =
    /^(rtsps?):\/\/([^/@:[\]]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?\/[^?#\s]+$/i.exec(text) ?? [];
  const name = scheme.toLowerCase();
  if (name !== 'rtsp' && name !== 'rtsps') throw new Failure(`${text}: expects rtsps://HOST:PORT/ROOM`);
  const number = port === undefined ? PORTS[name] : Number(port);
  return { text, host: host.replace(/^\[|\]$/g, ''), port: number, isSecure: name === 'rtsps' };
}

export class RtspLink {
  /** The connection has ended, by whomever. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #url: RtspPlaceUrl;
  readonly #credentials: DigestCredentials | undefined;
  #wanted: ((message: RtspMessage) => void) | undefined;
  #cseq = 0;
  #asking: Promise<unknown> = Promise.resolve();

  /** Throws a Failure. */
  static async open(
    url: RtspPlaceUrl,
    address: string,
    local: string | undefined,
    trust: RtspTrust,
  ): Promise<RtspLink> {
    const { host, port, isSecure } = url;
    const { ca, isInsecure } = trust;
    const where = { host: address, port, ...(local !== undefined && { localAddress: local }) };
    const named = isIP(host) === 0 ? { servername: host } : {};
    const socket = isSecure
      ? connectTls({ ...where, ...named, ca, rejectUnauthorized: isInsecure !== true })
      : connect(where);
    try {
      await once(socket, isSecure ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      socket.on('error', () => undefined).destroy();
      throw connectionFailure(url, error);
    }
    return new RtspLink(socket, url, trust.credentials);
  }

  private constructor(socket: Socket, url: RtspPlaceUrl, credentials: DigestCredentials | undefined) {
    this.#socket = socket;
    this.#url = url;
    this.#credentials = credentials;
    const framer = new RtspFramer(RTSP_LIMITS, {
      onVerdict: (verdict) => {
        if (verdict.ok && verdict.message.start.kind === 'response') this.#wanted?.(verdict.message);
      },
      onFrame: () => undefined,
      onBroken: () => socket.destroy(),
    });
    socket.on('data', (data: Buffer) => framer.push(data)).on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? '';
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  /** The answer to one request, whatever its status. Throws a Failure where there is none. */
  ask(method: string, uri: string, headers: Readonly<Record<string, string>> = {}): Promise<RtspAnswer> {
    const asked = this.#asking.then(async () => {
      const answer = await this.#askOnce(method, uri, headers);
      const authorization = answer.status === 401 ? this.#answerTo(method, uri, answer) : undefined;
      return authorization === undefined
        ? answer
        : this.#askOnce(method, uri, { ...headers, Authorization: authorization });
    });
    this.#asking = asked.catch(() => undefined);
    return asked;
  }

  /** The answer to a request that has to succeed. Throws a Failure that says what the server said. */
  async need(
    method: string,
    uri: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RtspAnswer> {
    const answer = await this.ask(method, uri, headers);
    if (answer.status === 200) return answer;
    const warning = answer.fields.get('warning')?.[0] ?? '';
    const why = MEANINGS[answer.status] ?? `${method} was answered with ${answer.status}`;
    const said = warning.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
    throw this.#fail(said === '' ? why : `${why}: ${said}`, 'rejected');
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  async #askOnce(
    method: string,
    uri: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<RtspAnswer> {
    const cseq = ++this.#cseq;
    const fields: [string, string][] = [
      ['CSeq', String(cseq)],
      ['User-Agent', 'latchkey'],
      ...Object.entries(headers),
    ];
    const answered = new Promise<RtspMessage>((resolve) => {
      this.#wanted = (message) => message.cseq === cseq && resolve(message);
    });
    this.#socket.write(formatMessage(`${method} ${uri} RTSP/1.0`, fields), 'latin1');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS)));
    const message = await Promise.race([answered, late, this.closed]);
    clearTimeout(timer);
    if (!message) throw this.#fail(`no answer to ${method}`, 'timeout');
    const status = message.start.kind === 'response' ? message.start.status : 0;
    return { status, fields: message.fields, body: message.body };
  }

  #answerTo(method: string, uri: string, { fields }: RtspAnswer): string | undefined {
    const credentials = this.#credentials;
    if (!credentials) throw this.#fail('the server asks who we are: --user NAME', 'rejected');
    const challenges = (fields.get('www-authenticate') ?? []).flatMap(credentialsIn);
    const isBasic = challenges.some(({ scheme }) => scheme?.toLowerCase() === 'basic');
    // A password goes as it is to nobody but who has shown the certificate.
    if (isBasic && this.#url.isSecure) {
      const text = `${credentials.user}:${credentials.password}`;
      return `Basic ${Buffer.from(text).toString('base64')}`;
    }
    return answerChallenge(credentials, { method, uri }, challenges);
  }

  #fail(text: string, kind: 'timeout' | 'rejected'): Failure {
    return new Failure(`${this.#url.host}:${this.#url.port}: ${text}`, 1, kind);
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  401: 'the server does not take this name and password',
  403: 'the server does not let us in',
  404: 'nobody is in this room, or nobody of this name',
  453: 'the room is full',
  503: 'the server takes nobody new',
};

/**
 * latchkey over HTTPS (docs/protocol.md, section 2): keys that a later call names by `kid`, so that no secret has to meet SIP, and
 * sessions that need no SIP at all. One handler for node:https, fastify, express and whatever else has Node's requests. It opens
 * no port, knows no users and serves nothing without TLS.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AddressRanges, sourceOf } from '../../lib/sip/index.js';
import { readJson } from './body.js';
import { Held } from './held.js';
import { checkedOptions, type CheckedOptions } from './options.js';
import { Problem, send, sendProblem } from './problem.js';
import { readPath, type ResourcePath } from './resource-path.js';
import { Sessions } from './sessions.js';
import type { LatchHttps, LatchHttpsOptions } from './https-types.js';

export type {
  Ask,
  HttpsCounters,
  KeysOptions,
  LatchHttps,
  LatchHttpsOptions,
  Resource,
} from './https-types.js';
export type { SessionSeat, SessionsOptions } from './sessions.js';

const KEY_BYTES = 32;

/**
 * Makes the handler. Give its `findKey` to `createLatchkey`, and mount `handler` so that the paths below `/latch/v1/` reach it.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function latchHttps(options: LatchHttpsOptions): LatchHttps {
  return new HttpsResources(checkedOptions(options));
}

class HttpsResources implements LatchHttps {
  readonly #options: CheckedOptions;
  readonly #keys: Held<Uint8Array>;
  readonly #sessions: Sessions | undefined;
  readonly #requests: RateLimiterMemory;
  readonly #proxies: AddressRanges;
  readonly #problems = new Map<number, number>();
  #keysMade = 0;
  #sessionsMade = 0;

  constructor(options: CheckedOptions) {
    this.#options = options;
    const nowMs = () => Date.now();
    this.#keys = new Held(options.keys, (key) => key.fill(0), nowMs);
    if (options.sessions) this.#sessions = new Sessions(options.sessions, options.sessions, nowMs);
    this.#requests = new RateLimiterMemory({ points: options.requestsPerMinute, duration: 60 });
    this.#proxies = new AddressRanges(options.tlsProxies);
  }

  get counters() {
    return {
      keysMade: this.#keysMade,
      keys: this.#keys.size,
      sessionsMade: this.#sessionsMade,
      sessions: this.#sessions?.size ?? 0,
      problems: Object.fromEntries(this.#problems),
    };
  }

  readonly handler = (request: IncomingMessage, response: ServerResponse): void => {
    this.#serve(request, response).catch((error: unknown) => {
      const problem = error instanceof Problem ? error : new Problem(500, 'the server has failed');
      if (problem !== error) this.#options.onFault(error);
      this.#problems.set(problem.status, (this.#problems.get(problem.status) ?? 0) + 1);
      sendProblem(response, problem);
    });
  };

  readonly findKey = (kid: string): Uint8Array | undefined => this.#keys.get(kid)?.value;

  close(): void {
    this.#keys.clear();
    this.#sessions?.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = this.#addressOf(request);
    await this.#limit(address ?? 'unknown');
    const target = this.#pathOf(request);
    const { method = '' } = request;
    const isPost = target.id === undefined;
    const allowed = isPost ? 'POST' : 'DELETE';
    if (method !== allowed) throw new Problem(405, `${allowed} is all there is here`, { Allow: allowed });
    const asker = await this.#admit(request, target, address);
    if (!isPost) return this.#delete(target, response);
    const body = await readJson(request, this.#options.body);
    if (target.resource === 'keys') return this.#makeKey(target, asker, body, response);
    return this.#openSession(target, asker, body, response, address);
  }

  /** Where the client is. TLS may end at a proxy of the owner's, which then says so. @throws Problem 400 */
  #addressOf(request: IncomingMessage): string | undefined {
    const { remoteAddress } = request.socket;
    if ((request.socket as Partial<TLSSocket>).encrypted === true) return remoteAddress;
    if (remoteAddress === undefined || !this.#proxies.has(remoteAddress))
      throw new Problem(400, 'this is served over TLS only');
    const { 'x-forwarded-proto': protocol, 'x-forwarded-for': chain } = request.headers;
    if (protocol !== 'https') throw new Problem(400, 'this is served over TLS only');
    // The last is what the proxy itself has seen; what stands before it anybody may have written.
    return (
      String(chain ?? '')
        .split(',')
        .at(-1)
        ?.trim() || undefined
    );
  }

  /** @throws Problem 429 */
  async #limit(address: string): Promise<void> {
    try {
      await this.#requests.consume(sourceOf(address));
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000));
      throw new Problem(429, 'too many requests', { 'Retry-After': String(seconds) });
    }
  }

  /** @throws Problem 404 */
  #pathOf(request: IncomingMessage): ResourcePath {
    // express takes the path that it is mounted at out of `url`.
    const { originalUrl, url = '' } = request as IncomingMessage & { originalUrl?: string };
    const [path = ''] = (originalUrl ?? url).split('?', 1);
    const target = readPath(path);
    if (!target || (target.resource === 'sessions' && !this.#sessions))
      throw new Problem(404, 'there is nothing here');
    return target;
  }

  /** Whom the application lets ask. @throws Problem 401, 404 */
  async #admit(request: IncomingMessage, target: ResourcePath, address: string | undefined): Promise<string> {
    const { resource, id } = target;
    const { authorization } = request.headers;
    const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? '') ?? [];
    const owner = id === undefined ? undefined : this.#ownerOf(target);
    const method = id === undefined ? ('POST' as const) : ('DELETE' as const);
    const asker = await this.#options.mayAsk({ method, resource, token, authorization, address, owner });
    if (typeof asker !== 'string')
      throw new Problem(401, 'you may not', { 'WWW-Authenticate': this.#options.challenge });
    // Not sooner: who may not ask does not learn what there is.
    if (id !== undefined && owner === undefined) throw new Problem(404, 'there is nothing here');
    return asker;
  }

  #ownerOf({ resource, id = '' }: ResourcePath): string | undefined {
    return resource === 'keys' ? this.#keys.get(id)?.owner : this.#sessions?.owner(id);
  }

  #makeKey({ base }: ResourcePath, asker: string, body: unknown, response: ServerResponse): void {
    if (typeof body !== 'object' || body === null || Object.keys(body).length > 0)
      throw new Problem(400, 'the body is {}');
    this.#keys.checkRoom(asker);
    const kid = randomBytes(16).toString('base64url');
    const key = new Uint8Array(randomBytes(KEY_BYTES));
    const expires = new Date(this.#keys.add(kid, asker, key)).toISOString();
    this.#keysMade++;
    const reply = { kid, key: Buffer.from(key).toString('base64url'), expires };
    send(response, 201, reply, { Location: `${base}/${kid}` });
  }

  async #openSession(
    { base }: ResourcePath,
    asker: string,
    body: unknown,
    response: ServerResponse,
    address: string | undefined,
  ): Promise<void> {
    if (!this.#sessions) return;
    const { id, reply } = await this.#sessions.open(body, asker, address);
    // A client that has gone meanwhile has no Location to end it by.
    if (response.destroyed) {
      this.#sessions.end(id);
      return;
    }
    this.#sessionsMade++;
    send(response, 201, reply, { Location: `${base}/${id}` });
  }

  #delete({ resource, id = '' }: ResourcePath, response: ServerResponse): void {
    if (resource === 'keys') this.#keys.remove(id);
    else this.#sessions?.end(id);
    send(response, 204, undefined);
  }
}

/**
 * Requests on their way out: resolved, pinned to one target at a time, given a branch worth the name, and tried on the
 * next target when the package says 503 (RFC 3263 4.3). Nothing thrown below reaches the application or the process.
 */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Dialling } from './dialling.js';
import { callId } from '../../lib/sip/index.js';
import type { OnResponse, SipFlow, SipMessage, SipParams, SipUri, SipVia } from '../../lib/sip/index.js';
import type { PackageStack, SipPackage } from './sip-types.js';
import { nextHop, pinnedHop } from './target.js';
import type { Pins, Resolve, Target } from './target.js';

export interface SenderSite {
  readonly sip: SipPackage;
  readonly stack: PackageStack;
  readonly dialling: Dialling;
  readonly pins: Pins;
  readonly resolve: Resolve;
  /** The flow that a hop names, where it names one of ours. */
  flowOf(hop: SipUri): SipFlow | undefined;
  /** False where the package would print that it is gone, and throw. */
  isFlowOpen(flow: SipFlow): boolean;
  /** The host by which the package knows its own flow URIs. */
  readonly flowHost: string;
  onFault(where: string, error: unknown): void;
}

/** RFC 3261 8.1.1.7 wants them unique. */
export function newBranch(): string {
  return `z9hG4bK${randomBytes(16).toString('hex')}`;
}

/** The package draws branches from 10^6 values: this one stays. */
function strengthen(params: SipParams): void {
  const branch = newBranch();
  Object.defineProperty(params, 'branch', {
    enumerable: true,
    configurable: true,
    get: () => branch,
    set: () => undefined,
  });
}

/** Lets the package put its Via on the message, with our branch in it. */
function withStrongBranch(message: SipMessage, send: () => void): void {
  const via = (message.headers.via ??= []);
  Object.defineProperty(via, 'unshift', {
    configurable: true,
    value: (entry: SipVia) => {
      Reflect.deleteProperty(via, 'unshift');
      strengthen(entry.params);
      return via.unshift(entry);
    },
  });
  try {
    send();
  } finally {
    Reflect.deleteProperty(via, 'unshift');
  }
}

export class Sender {
  /** Where INVITEs under way went: their CANCEL goes there too (RFC 3261 9.1). */
  readonly #invites = new Map<string, Target>();

  constructor(private readonly site: SenderSite) {}

  /** Sends a request; `onResponse` hears everything, made-up failures included: 503 no target answers, 404 no target, 416
   * no SIP URI, 430 the flow is gone. */
  send(request: SipMessage, onResponse: OnResponse = () => undefined): void {
    const { sip } = this.site;
    const { route } = request.headers;
    if (typeof route === 'string') {
      const parsed = sip.parse(`SIP/2.0 200 OK\r\nRoute: ${route}\r\n\r\n`)?.headers.route;
      request.headers.route = Array.isArray(parsed) ? parsed : undefined;
    }
    const hop = nextHop(sip, request);
    if (!hop) return this.#fail(request, 416, onResponse);
    const flow = this.site.flowOf(hop);
    if (flow) {
      // 430 Flow Failed (RFC 5626 11.6).
      if (!this.site.isFlowOpen(flow)) return this.#fail(request, 430, onResponse);
      return this.#attempt(request, hop, { ...hop, host: this.site.flowHost }, onResponse);
    }
    const known = request.method === 'CANCEL' ? this.#invites.get(this.#inviteKey(request)) : undefined;
    const search = (targets: readonly Target[]) => this.#search(request, hop, targets, onResponse);
    const unresolved = (error: unknown) => {
      this.site.onFault('resolver', error);
      this.#fail(request, 404, onResponse);
    };
    try {
      const targets = known ? [known] : this.site.resolve(hop);
      if ('then' in targets) targets.then(search).catch(unresolved);
      else search(targets);
    } catch (error) {
      unresolved(error);
    }
  }

  #search(request: SipMessage, hop: SipUri, targets: readonly Target[], onResponse: OnResponse): void {
    const usable = targets.filter(
      (target) =>
        (isIP(target.address) !== 0 || target.protocol === 'WS') &&
        this.site.dialling.mayReuse(hop.host, target),
    );
    if (usable.length === 0) return this.#fail(request, targets.length > 0 ? 503 : 404, onResponse);
    const { uri } = request;
    const { route } = request.headers;
    const next = () => {
      const target = usable.shift();
      if (!target) return;
      let isDone = false;
      this.#attempt(request, hop, target, (response) => {
        if (isDone) return;
        if (response.status !== 503 || usable.length === 0)
          return this.#report(request, response, onResponse);
        isDone = true;
        request.headers.via?.shift();
        request.uri = uri as string | SipUri;
        request.headers.route = route;
        next();
      });
    };
    next();
  }

  #report(request: SipMessage, response: Parameters<OnResponse>[0], onResponse: OnResponse): void {
    if (response.status >= 200) this.#invites.delete(this.#inviteKey(request));
    onResponse(response);
  }

  #attempt(request: SipMessage, hop: SipUri, target: Target | SipUri, onResponse: OnResponse): void {
    const { stack, pins, dialling } = this.site;
    const hear: OnResponse = (response) => {
      if (dialling.isRunning) process.nextTick(() => onResponse(response));
      else onResponse(response);
    };
    const place = 'address' in target ? target : undefined;
    const pinned = place ? pinnedHop(hop, place) : (target as SipUri);
    const restore = pins.pin(request, hop, pinned);
    try {
      // What cannot be written must fail here, not in a timer of the package later.
      this.site.sip.stringify(request);
      dialling.run(hop.host, () => {
        withStrongBranch(request, () => stack.send(request, hear));
      });
      if (place && request.method === 'INVITE') this.#invites.set(this.#inviteKey(request), place);
    } catch (error) {
      this.site.onFault('request', error);
      this.#fail(request, 503, onResponse);
    } finally {
      restore();
    }
  }

  #fail(request: SipMessage, status: number, onResponse: OnResponse): void {
    if (request.method === 'ACK') return this.site.onFault('ACK', new Error(`no way to send it (${status})`));
    request.headers.via ??= [];
    const response = this.site.sip.makeResponse(request, status);
    process.nextTick(() => onResponse(response));
  }

  #inviteKey(request: SipMessage): string {
    return `${callId(request)}\n${request.headers.via?.[0]?.params['branch'] ?? ''}`;
  }
}

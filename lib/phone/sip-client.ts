// The calling side of SIP for one call: INVITE, ACK, BYE, and what the other side may ask in the dialog. It speaks through
// plugins/sip, which puts latch into the descriptions; it knows nothing of media, and answers no calls.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Session } from '../index.js';
import type { SipAddress, SipHeaders, SipMessage, SipRequest, SipResponse, SipUri } from '../sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { LatchSip, SipPackage, Stack } from '../../plugins/sip/index.js';
import { ConnectionTrouble } from './connection-trouble.js';
import { Failure } from './failure.js';
import { muteConnectionLog } from '../cli/package-log.js';
import { withPeers } from './optional-peer.js';
import type { Describe, SipClientEvents, SipClientOptions } from './signalling-types.js';

/** Reason: on a connection that is up, a server sends its 100 at once (RFC 3261 17.2.1: within 200 ms). */
const SILENT_MS = 10_000;
const RINGING_MS = 60_000;
const BYE_MS = 1500;
const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE';

type State = 'idle' | 'calling' | 'up' | 'over';

/** Made by `SipClient.open`. */
export class SipClient extends EventEmitter<SipClientEvents> {
  readonly session: Session;
  readonly #options: SipClientOptions;
  readonly #sip: SipPackage;
  readonly #stack: Stack;
  readonly #trouble: ConnectionTrouble;
  readonly #invite: SipRequest;
  readonly #unmute: () => void;
  #describe: Describe = () => ({ warning: 'the call is not up yet' });
  #state: State = 'idle';
  #hasProgress = false;
  #onFinal: () => void = () => undefined;
  #rejectInvite: (reason: Failure) => void = () => undefined;
  #remote: SipAddress | undefined;
  #target: string | SipUri | undefined;
  #routes: SipAddress[] = [];
  #seq = 1;

  /** Opens the sockets that the transport needs. Throws a Failure. */
  static async open(options: SipClientOptions): Promise<SipClient> {
    const sip = await withPeers(() => Promise.resolve(createRequire(import.meta.url)('sip') as SipPackage));
    const client = new SipClient(sip, options);
    try {
      await client.#stack.ready;
    } catch (error) {
      client.close();
      throw new Failure(error instanceof Error ? error.message : String(error));
    }
    client.#prepare();
    return client;
  }

  private constructor(sip: SipPackage, options: SipClientOptions) {
    super();
    const { latchkey, uri, local, ca, isInsecure, policy, role = 'prover' } = options;
    this.#options = options;
    this.#sip = sip;
    this.#trouble = new ConnectionTrouble(uri);
    const latch: LatchSip = latchSip(sip, latchkey, { role, ...(policy && { policy }) });
    latch.on('fault', ({ where, error }) => this.#trouble.note(where, error));
    const tls = { rejectUnauthorized: isInsecure !== true, ...(ca !== undefined && { ca }) };
    this.#unmute = muteConnectionLog();
    try {
      this.#stack = latch.create(
        {
          address: local,
          port: 0,
          udp: uri.transport === 'udp',
          tcp: uri.transport === 'tcp',
          ...(uri.transport === 'tls' && { tls, tls_port: 0 }),
          logger: { recv: (message) => this.#trouble.noteReceived(message) },
        },
        (request) => this.#onRequest(request),
      );
    } catch (error) {
      this.#unmute();
      throw new Failure(`SIP cannot start: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#invite = this.#createInvite();
    const session = latch.session(this.#invite);
    if (!session) throw new Error('the plugin makes a session for every INVITE');
    this.session = session;
  }

  /** How the hop to the server is protected. */
  get signalling(): 'encrypted' | 'loopback' | 'clear' {
    return this.#stack.expectedSignalling(this.#invite);
  }

  /**
   * Calls. Resolves with the answer's text when the call is up; `describe` answers what the other side offers later on.
   * Rejects with a Failure (exit code 1) that says why there is no call.
   */
  invite(offer: string, describe: Describe): Promise<string> {
    this.#describe = describe;
    this.#state = 'calling';
    this.#invite.content = offer;
    return new Promise<string>((resolve, reject) => {
      this.#rejectInvite = reject;
      let timer: NodeJS.Timeout | undefined;
      const settle = (action: () => void) => {
        clearTimeout(timer);
        action();
      };
      const giveUp = (afterMs: number) => () => {
        this.#state = 'over';
        void this.#cancel().then(() => reject(this.#trouble.silence(afterMs)));
      };
      timer = setTimeout(giveUp(SILENT_MS), SILENT_MS);
      this.once('progress', () => {
        clearTimeout(timer);
        timer = setTimeout(giveUp(RINGING_MS), RINGING_MS);
      });
      this.#stack.send(this.#invite, (response) => {
        const { status } = response;
        if (status < 200) return this.#onProgress(response);
        this.#onFinal();
        if (status >= 300) return settle(() => reject(this.#onFailed(response)));
        const isFirst = this.#onSuccess(response);
        if (isFirst) settle(() => resolve(response.content ?? ''));
      });
    });
  }

  /** Offers anew in mid call. Resolves with the answer's text; rejects with a Failure, and the call is as it was. */
  reoffer(offer: string): Promise<string> {
    const seq = ++this.#seq;
    const request = this.#inDialog('INVITE', seq);
    const more = { contact: [{ uri: this.#contact() }], allow: ALLOW, 'content-type': 'application/sdp' };
    return new Promise((resolve, reject) => {
      const invite = { ...request, headers: { ...request.headers, ...more }, content: offer };
      this.#stack.send(invite, (response) => {
        if (response.status < 200) return;
        if (response.status >= 300) return reject(this.#trouble.explain(response));
        // A repeated 200 only wants its ACK again (RFC 3261 13.2.2.4).
        this.#stack.send(this.#inDialog('ACK', seq));
        resolve(response.content ?? '');
      });
    });
  }

  /** Hangs up: BYE, or CANCEL where the call is not up yet. Resolves when that is answered, or will not be. */
  async hangUp(): Promise<void> {
    const was = this.#state;
    this.#state = 'over';
    if (was === 'calling') await this.#cancel();
    if (was !== 'up') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, BYE_MS);
      this.#stack.send(this.#inDialog('BYE', ++this.#seq), ({ status }) => {
        if (status < 200) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Closes all sockets; what is written still goes out. An INVITE that is not answered yet fails. */
  close(): void {
    this.#state = 'over';
    this.#rejectInvite(new Failure('the call was given up before it was answered', 1));
    this.#stack.destroy();
    this.#unmute();
  }

  /** The contact can be written when the listener's port is known. */
  #prepare(): void {
    this.#invite.headers.contact = [{ uri: this.#contact() }];
  }

  #contact(): string {
    const { uri, local } = this.#options;
    const port = this.#stack.addresses[0]?.port ?? uri.port;
    return `${uri.scheme}:latchkey@${local}:${port};transport=${uri.transport}`;
  }

  #createInvite(): SipRequest {
    const { uri, local } = this.#options;
    const address = `${uri.scheme}:${uri.user === undefined ? '' : `${uri.user}@`}${uri.host}`;
    return {
      method: 'INVITE',
      uri: uri.text,
      headers: {
        to: { uri: address },
        from: { uri: `${uri.scheme}:latchkey@${local}`, params: { tag: randomBytes(8).toString('hex') } },
        'call-id': randomBytes(12).toString('hex'),
        cseq: { seq: this.#seq, method: 'INVITE' },
        'max-forwards': 70,
        allow: ALLOW,
        'content-type': 'application/sdp',
      },
      content: '',
    };
  }

  #onProgress({ status, reason }: SipResponse): void {
    this.#hasProgress = true;
    this.emit('progress', status, reason ?? '');
  }

  #onFailed(response: SipResponse): Failure {
    this.#state = 'over';
    return this.#trouble.explain(response);
  }

  /** True for the first 2xx; a repeated one only wants its ACK again (RFC 3261 13.2.2.4). */
  #onSuccess(response: SipResponse): boolean {
    const isFirst = this.#state === 'calling';
    if (this.#target === undefined) {
      const { contact, 'record-route': recorded } = response.headers;
      this.#target = (Array.isArray(contact) ? contact[0]?.uri : undefined) ?? this.#invite.uri;
      this.#routes = Array.isArray(recorded) ? recorded.toReversed() : [];
      this.#remote = response.headers.to;
    }
    this.#stack.send(this.#inDialog('ACK', 1));
    if (isFirst) this.#state = 'up';
    // It came after we had given up: the call is up for the other side, and must not stay so.
    else if (this.#state === 'over') this.#stack.send(this.#inDialog('BYE', ++this.#seq));
    return isFirst;
  }

  #inDialog(method: string, seq: number): SipRequest {
    const { from, 'call-id': id, to } = this.#invite.headers;
    const headers: SipHeaders = {
      via: [],
      'call-id': String(id),
      cseq: { seq, method },
      'max-forwards': 70,
      ...(from && { from }),
      ...((this.#remote ?? to) && { to: this.#remote ?? to }),
      ...(this.#routes.length > 0 && { route: [...this.#routes] }),
    };
    return { method, uri: this.#target ?? this.#invite.uri, headers };
  }

  /**
   * RFC 3261 9.1: not before a provisional response; a 2xx that comes nevertheless is hung up. Resolves when the INVITE has
   * its final response, or will have none.
   */
  async #cancel(): Promise<void> {
    const { via, from, to, 'call-id': id } = this.#invite.headers;
    if (!this.#hasProgress || !via?.[0]) return;
    const headers: SipHeaders = {
      via: [via[0]],
      'call-id': String(id),
      cseq: { seq: 1, method: 'CANCEL' },
      'max-forwards': 70,
      ...(from && { from }),
      ...(to && { to }),
    };
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, BYE_MS);
      this.#onFinal = () => {
        clearTimeout(timer);
        // What the final response makes us send (ACK, BYE) is handed to the sockets first.
        setImmediate(resolve);
      };
      this.#stack.send({ method: 'CANCEL', uri: this.#invite.uri, headers }, () => undefined);
    });
  }

  #onRequest(request: SipRequest): void {
    const { method } = request;
    if (method === 'ACK') return;
    if (method === 'OPTIONS')
      return this.#reply(request, 200, 'OK', { allow: ALLOW, accept: 'application/sdp' });
    if (!this.#isOurDialog(request)) {
      const isCall = method === 'INVITE' && request.headers.to?.params?.['tag'] === undefined;
      return isCall ? this.#reply(request, 486, 'Busy Here') : this.#reply(request, 481, 'No Such Call');
    }
    switch (method) {
      case 'BYE':
        this.#state = 'over';
        this.emit('bye');
        return this.#reply(request, 200, 'OK');
      case 'INVITE':
      case 'UPDATE':
        return this.#onOffer(request);
      default:
        return this.#reply(request, 405, 'Method Not Allowed', { allow: ALLOW });
    }
  }

  #isOurDialog({ headers }: SipMessage): boolean {
    const ours = this.#invite.headers;
    const isOurCall =
      headers['call-id'] === ours['call-id'] && headers.to?.params?.['tag'] === ours.from?.params?.['tag'];
    return (
      isOurCall && this.#state === 'up' && headers.from?.params?.['tag'] === this.#remote?.params?.['tag']
    );
  }

  #onOffer(request: SipRequest): void {
    const offer = request.content === undefined || request.content === '' ? undefined : request.content;
    const { contact } = request.headers;
    if (Array.isArray(contact) && contact[0]?.uri) this.#target = contact[0].uri;
    // An UPDATE may only refresh the session's timer (RFC 4028).
    if (offer === undefined && request.method === 'UPDATE') return this.#reply(request, 200, 'OK');
    const described = this.#describe(offer);
    if ('warning' in described) {
      const warning = `399 latchkey "${described.warning.replace(/["\\]/g, "'")}"`;
      return this.#reply(request, 488, 'Not Acceptable Here', { warning });
    }
    this.#reply(request, 200, 'OK', { 'content-type': 'application/sdp' }, described.sdp);
    if (offer !== undefined) this.emit('renegotiated', offer);
  }

  #reply(request: SipRequest, status: number, reason: string, more: SipHeaders = {}, content?: string): void {
    const headers: SipHeaders = { ...more };
    if (request.method === 'INVITE' && status < 300) headers.contact = [{ uri: this.#contact() }];
    const body = content === undefined ? {} : { content };
    const response = this.#sip.makeResponse(request, status, reason, { headers, ...body });
    const { to } = response.headers;
    // RFC 3261 8.2.6.2: every response but 100 has a To tag.
    if (to && to.params?.['tag'] === undefined)
      response.headers.to = { ...to, params: { ...to.params, tag: randomBytes(8).toString('hex') } };
    this.#stack.send(response);
  }
}

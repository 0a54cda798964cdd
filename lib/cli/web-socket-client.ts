// The calling side of SIP over WebSockets (RFC 7118) for one call, by sip.js and plugins/sip-js. It dials again when its
// WebSocket drops, while the media goes on. It knows nothing of media, and answers no calls.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type * as sipJs from 'sip.js';
import type { Core, Inviter, SessionDescriptionHandler, UserAgent } from 'sip.js';
import type * as ws from 'ws';
import type { Session, Signalling } from '../index.js';
import { formatWarning } from '../index.js';
import { answerChallenge } from '../sip/index.js';
import type { DigestCredentials } from '../sip/index.js';
import {
  createTransportConstructor,
  latchSessionDescriptionHandlerFactory,
  LatchSessionDescriptionHandler,
  signallingOf,
} from '../../plugins/sip-js/index.js';
import { ConnectionTrouble } from '../phone/connection-trouble.js';
import { Failure } from '../phone/failure.js';
import { resolveHost } from '../phone/local-address.js';
import { withPeers } from '../phone/optional-peer.js';
import type {
  Describe,
  SignallingClient,
  SipClientEvents,
  SipClientOptions,
} from '../phone/signalling-types.js';

const CONNECT_S = 10;
/** At most; sip.js draws from this and four fifths of it. A NAT forgets a connection over which nothing goes. */
const KEEP_ALIVE_S = 25;
/** Reason: on a connection that is up, a server sends its 100 at once (RFC 3261 17.2.1: within 200 ms). */
const SILENT_MS = 10_000;
const RINGING_MS = 60_000;
const BYE_MS = 1500;
/** Before the first attempt to connect anew, and at most between two. */
const AGAIN_MS = 250;
const AGAIN_MAX_MS = 8000;

type Reply = Core.IncomingResponse;

type State = 'idle' | 'calling' | 'up' | 'over';

/** Made by `WebSocketClient.open`. */
export class WebSocketClient extends EventEmitter<SipClientEvents> implements SignallingClient {
  readonly session: Session;
  readonly signalling: Signalling;
  readonly #trouble: ConnectionTrouble;
  readonly #userAgent: UserAgent;
  readonly #inviter: Inviter;
  readonly #descriptions = new Descriptions();
  #state: State = 'idle';
  #reject: (failure: Failure) => void = () => undefined;
  #onOver: () => void = () => undefined;
  #warning: string | undefined;
  /** The last description of ours. */
  #offer = '';
  #again: NodeJS.Timeout | undefined;

  /** Connects. Throws a Failure. */
  static async open(options: SipClientOptions): Promise<WebSocketClient> {
    const packages = await withPeers(() => Promise.all([import('sip.js'), import('ws')]));
    const { host, port, transport } = options.uri;
    // A certificate is for a name; that a hop is loopback, only an address says.
    const authority = `${transport === 'wss' ? host : await resolveHost(host)}:${port}`;
    const client = new WebSocketClient(options, `${transport}://${authority}`, ...packages);
    try {
      await client.#userAgent.start();
      return client;
    } catch {
      client.close();
      throw client.#trouble.explain({ status: 503, headers: {} });
    }
  }

  private constructor(
    { latchkey, uri, local, credentials, ca, isInsecure, policy, role, srtp }: SipClientOptions,
    server: string,
    { Inviter, URI, UserAgent, Web }: typeof sipJs,
    { WebSocket }: typeof ws,
  ) {
    super();
    this.#trouble = new ConnectionTrouble(uri);
    const target = UserAgent.makeURI(uri.text.replace(/transport=wss?$/, 'transport=ws'));
    if (!target) throw new Failure(`${uri.text} is no URI that sip.js can call`);
    this.#userAgent = new UserAgent({
      uri: new URI('sip', credentials ? encodeURIComponent(credentials.user) : 'latchkey', local),
      contactName: randomBytes(8).toString('hex'),
      transportConstructor: createTransportConstructor(Web.Transport, WebSocket, {
        ca,
        rejectUnauthorized: isInsecure !== true,
        onError: (error) => this.#trouble.note(uri.transport, error),
      }),
      transportOptions: {
        server,
        connectionTimeout: CONNECT_S,
        traceSip: false,
        keepAliveInterval: KEEP_ALIVE_S,
      },
      sessionDescriptionHandlerFactory: () => handler,
      delegate: { onDisconnect: (error) => this.#onDisconnect(error) },
      gracefulShutdown: false,
      logBuiltinEnabled: false,
    });
    // Its own digest knows MD5 only.
    if (credentials)
      this.#userAgent.userAgentCore.configuration.authenticationFactory = () =>
        new ChallengeAnswer(credentials) as unknown as DigestAuthentication;
    this.#inviter = new Inviter(this.#userAgent, target);
    const decorate = latchSessionDescriptionHandlerFactory(() => this.#descriptions, latchkey, {
      policy,
      role,
      srtp,
    });
    const handler = decorate(this.#inviter);
    if (!(handler instanceof LatchSessionDescriptionHandler)) throw new Error('no RTCPeerConnection is here');
    this.session = handler.latch;
    this.session.on('rejected', ({ warning }) => (this.#warning = warning));
    this.signalling = signallingOf(this.#userAgent.transport);
    this.#inviter.delegate = {
      onBye: (bye) => {
        this.#state = 'over';
        void bye.accept();
        this.emit('bye');
      },
      onInvite: (request, _response, status) => {
        if (status === 200 && request.body !== '') this.emit('renegotiated', request.body);
      },
    };
    this.#inviter.stateChange.addListener((state) => {
      if ((state as string) === 'Terminated') this.#onOver();
    });
  }

  /**
   * Calls. Resolves with the answer's text when the call is up; `describe` answers what the other side offers later on.
   * Rejects with a Failure (exit code 1) that says why there is no call.
   */
  invite(offer: string, describe: Describe): Promise<string> {
    this.#offer = offer;
    this.#descriptions.describe = (theirs) =>
      theirs === undefined ? { sdp: this.#offer } : describe(theirs);
    this.#state = 'calling';
    return new Promise<string>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const giveUpAfter = (afterMs: number) => {
        clearTimeout(timer);
        timer = setTimeout(
          () => void this.hangUp().then(() => fail(this.#trouble.silence(afterMs))),
          afterMs,
        );
      };
      const fail = (this.#reject = (failure) => {
        clearTimeout(timer);
        this.#state = 'over';
        reject(failure);
      });
      giveUpAfter(SILENT_MS);
      const onProgress = ({ message }: Reply) => {
        giveUpAfter(RINGING_MS);
        this.emit('progress', message.statusCode ?? 0, message.reasonPhrase ?? '');
      };
      const requestDelegate = {
        onTrying: onProgress,
        onProgress,
        onRedirect: (reply: Reply) => fail(this.#explain(reply)),
        onReject: (reply: Reply) => fail(this.#explain(reply)),
        onAccept: ({ message }: Reply) => {
          if ((this.#inviter.state as string) !== 'Established') return fail(this.#refused());
          clearTimeout(timer);
          if (this.#state === 'calling') this.#state = 'up';
          resolve(message.body);
        },
      };
      this.#inviter.invite({ requestDelegate }).catch((error: unknown) => {
        fail(new Failure(error instanceof Error ? error.message : String(error), 1));
      });
    });
  }

  /** Offers anew in mid call. Resolves with the answer's text; rejects with a Failure, and the call is as it was. */
  reoffer(offer: string): Promise<string> {
    const before = this.#offer;
    this.#offer = offer;
    return new Promise<string>((resolve, reject) => {
      const fail = (failure: Failure) => {
        this.#offer = before;
        reject(failure);
      };
      const requestDelegate = {
        onAccept: ({ message }: Reply) => resolve(message.body),
        onReject: (reply: Reply) => fail(this.#explain(reply)),
      };
      this.#inviter.invite({ requestDelegate }).catch((error: unknown) => {
        fail(new Failure(error instanceof Error ? error.message : String(error), 1));
      });
    });
  }

  /** Hangs up: BYE, or CANCEL where the call is not up yet. Resolves when that is answered, or will not be. */
  async hangUp(): Promise<void> {
    const was = this.#state;
    this.#state = 'over';
    if (was !== 'up' && was !== 'calling') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, BYE_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      if (was === 'up') {
        const requestDelegate = { onAccept: done, onReject: done };
        void this.#inviter.bye({ requestDelegate }).catch(done);
      } else {
        this.#onOver = done;
        void this.#inviter.cancel().catch(done);
      }
    });
  }

  /** Closes the WebSocket; what is written still goes out. An INVITE that is not answered yet fails. */
  close(): void {
    this.#state = 'over';
    clearTimeout(this.#again);
    this.#reject(new Failure('the call was given up before it was answered', 1));
    this.session.close();
    void this.#userAgent.stop();
  }

  /** A call that is up goes on without its signalling; one that is not is lost. */
  #onDisconnect(error: Error | undefined): void {
    if (this.#state === 'calling') this.#reject(this.#trouble.explain({ status: 503, headers: {} }));
    else if (this.#state === 'up' && error) this.#reconnect(AGAIN_MS);
  }

  #reconnect(delayMs: number): void {
    this.#again = setTimeout(() => {
      this.#userAgent.reconnect().then(
        // Where the server's requests go from now on, it learns from one of ours.
        () => this.#inviter.invite().catch(() => undefined),
        () => this.#state === 'up' && this.#reconnect(Math.min(delayMs * 2, AGAIN_MAX_MS)),
      );
    }, delayMs);
  }

  /** Of what the server said or, where sip.js has made up the response, of what the network did. */
  #explain({ message }: Reply): Failure {
    const { statusCode: status = 0, reasonPhrase: reason = '' } = message;
    const warning = message.getHeader('warning');
    const response = { status, reason, headers: { ...(warning !== undefined && { warning }) } };
    // Only one that was parsed has its text.
    if ((message.data as string | undefined) !== undefined) this.#trouble.noteReceived(response);
    return this.#trouble.explain(response);
  }

  #refused(): Failure {
    const warning = formatWarning('latchkey', this.#warning ?? 'its answer cannot be taken');
    return this.#trouble.explain({ status: 488, reason: 'of ours', headers: { warning } });
  }
}

type DigestAuthentication = NonNullable<
  ReturnType<UserAgent['userAgentCore']['configuration']['authenticationFactory']>
>;

/** What sip.js asks when a request of its own is challenged. */
class ChallengeAnswer {
  readonly #credentials: DigestCredentials;
  #text = '';

  constructor(credentials: DigestCredentials) {
    this.#credentials = credentials;
  }

  /** @param challenge As sip.js reads it: values without quotes, `qop` a list. False: it cannot be answered. */
  authenticate(
    { method, ruri }: { readonly method: string; readonly ruri: { toString(): string } },
    challenge: Readonly<Record<string, unknown>>,
  ): boolean {
    const params = Object.entries(challenge).flatMap(([name, value]) =>
      typeof value === 'string' || Array.isArray(value) ? [[name, String(value)]] : [],
    );
    const offered = { scheme: 'Digest', ...(Object.fromEntries(params) as Record<string, string>) };
    const text = answerChallenge(this.#credentials, { method, uri: ruri.toString() }, [offered]);
    this.#text = text ?? '';
    return text !== undefined;
  }

  toString(): string {
    return this.#text;
  }
}

/** Stands between sip.js and the terminal: their offers and answers to `describe`, and back. */
class Descriptions implements SessionDescriptionHandler {
  describe: Describe = () => ({ warning: 'the call is not up yet' });
  #theirs: string | undefined;
  #isOursPending = false;

  getDescription(): Promise<{ body: string; contentType: string }> {
    const described = this.describe(this.#theirs);
    if ('warning' in described) return Promise.reject(new Error(described.warning));
    this.#isOursPending = this.#theirs === undefined;
    this.#theirs = undefined;
    return Promise.resolve({ body: described.sdp, contentType: 'application/sdp' });
  }

  setDescription(sdp: string): Promise<void> {
    this.#theirs = this.#isOursPending ? undefined : sdp;
    this.#isOursPending = false;
    return Promise.resolve();
  }

  rollbackDescription(): Promise<void> {
    this.#theirs = undefined;
    this.#isOursPending = false;
    return Promise.resolve();
  }

  hasDescription(contentType: string): boolean {
    return contentType === 'application/sdp';
  }

  sendDtmf(): boolean {
    return false;
  }

  close(): void {
    this.#theirs = undefined;
  }
}

// A call without SIP: one request over HTTPS opens it, another ends it (protocol.md 2). The server's certificate is verified like that
// of any server; there is no hold and no new offer of the server's.
import { EventEmitter } from 'node:events';
import type { Session } from '../index.js';
import type { CallUri } from '../sip/index.js';
import { Failure } from './failure.js';
import { answerOf, requestOf } from './https-description.js';
import { askHttps, refusalOf, type HttpsTerms } from './https-request.js';
import type { SignallingClient, SipClientEvents, SipClientOptions } from './signalling-types.js';

export class HttpsClient extends EventEmitter<SipClientEvents> implements SignallingClient {
  readonly session: Session;
  readonly signalling = 'encrypted';
  readonly #uri: CallUri;
  readonly #terms: HttpsTerms;
  /** Of the session, once there is one. */
  #location: string | undefined;

  constructor({ latchkey, uri, ca, isInsecure, credentials, policy, role = 'prover' }: SipClientOptions) {
    super();
    this.#uri = uri;
    this.#terms = { ca, isInsecure, credentials };
    this.session = latchkey.createSession({ signalling: 'encrypted', role, policy });
  }

  async invite(offer: string): Promise<string> {
    const body = requestOf(this.session.setLocal(offer), this.#uri.user ?? '');
    const reply = await askHttps('POST', this.#uri.text, this.#terms, body);
    if (reply.status !== 201) throw refusalOf(reply, this.#uri.text);
    this.#location = ownLocation(reply.location, this.#uri.text);
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
    await askHttps('DELETE', location, this.#terms).catch(() => undefined);
  }

  close(): void {
    this.session.close();
  }
}

/** The password is for the server that was called: a Location elsewhere is none. */
function ownLocation(location: string | undefined, server: string): string | undefined {
  if (location === undefined || !URL.canParse(location, server)) return undefined;
  const { href, origin } = new URL(location, server);
  return origin === new URL(server).origin ? href : undefined;
}

// Why a call did not come about, in one clear line: what the network or TLS said, what the server answered, or that nobody
// did. It only listens; it repeats nothing of a certificate or a description but names.
import { readWarning } from '../sip/index.js';
import type { CallUri, SipMessage, SipResponse } from '../sip/index.js';
import { Failure } from './failure.js';
import type { FailureKind } from './failure.js';

const EXIT_NO_CALL = 1;

/** What Node and OpenSSL call a certificate that nobody vouches for. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its chain ends in an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
};

const REFUSED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'the connection was closed',
  EPROTO: 'it does not speak TLS',
};

/** Statuses that mean more to whoever called than their reason phrase. */
const MEANINGS: Readonly<Record<number, string>> = {
  403: 'the server does not let us in',
  404: 'the server knows no such room',
  480: 'nobody answers there',
  486: 'the line is busy',
  488: 'the server does not take the call as it is offered',
};

export class ConnectionTrouble {
  #fault: unknown;
  readonly #received = new WeakSet<SipMessage>();
  #lastReceived: SipMessage | undefined;

  constructor(private readonly uri: CallUri) {}

  /** A fault that the plugin told of. */
  note(_where: string, error: unknown): void {
    this.#fault = error;
  }

  /** A message that came over the network, and was not made up by the package. */
  noteReceived(message: SipMessage): void {
    this.#received.add(message);
    this.#lastReceived = message;
  }

  /** Nobody has answered. */
  silence(afterMs: number): Failure {
    return this.#fail(`no answer within ${Math.round(afterMs / 1000)} s`, 'timeout');
  }

  /** The final response to the INVITE, 300 or more. */
  explain(response: SipResponse): Failure {
    const { status } = response;
    const warning = readWarning(response);
    // A 503 of the server's own comes back as one that the package made up, when there is no other way to try.
    const isTheirs = this.#received.has(response) || this.#lastReceived?.status === status;
    if (!isTheirs && warning === undefined) return this.#explainLocal(status);
    const meaning = MEANINGS[status];
    const said = `${status} ${response.reason ?? ''}`.trim();
    const why = [meaning, warning].filter((part) => part !== undefined).join(': ');
    return this.#fail(why === '' ? said : `${said}: ${why}`, 'rejected');
  }

  /** A response of the package's own making: what it means is known from the fault before it. */
  #explainLocal(status: number): Failure {
    if (status === 408) return this.#fail('no answer', 'timeout');
    if (status === 404) return this.#fail('there is no such host');
    if (status === 481) return this.#fail('the call is over');
    if (status === 491) return this.#fail('another change of the call is under way');
    return connectionFailure(this.uri, this.#fault);
  }

  #fail(text: string, kind: FailureKind = 'unreachable'): Failure {
    return failureAt(this.uri, text, kind);
  }
}

type Place = Pick<CallUri, 'host' | 'port'>;

/** Why there is no connection, by what the system or TLS said of it. */
export function connectionFailure(place: Place, fault: unknown): Failure {
  const { code, message } = (fault ?? {}) as NodeJS.ErrnoException;
  const untrusted = code === undefined ? undefined : UNTRUSTED[code];
  if (untrusted !== undefined) return trustFailure(place, untrusted);
  if (message !== undefined && /certificate/i.test(message)) return trustFailure(place, message);
  const refused = code === undefined ? undefined : REFUSED[code];
  if (refused !== undefined) return failureAt(place, `cannot connect: ${refused}`);
  return failureAt(place, `cannot connect${message === undefined ? '' : `: ${message}`}`);
}

function trustFailure(place: Place, why: string): Failure {
  return failureAt(
    place,
    `its certificate is not trusted (${why}): name its authority with --ca PEM, or go without that check with --insecure`,
    'untrusted',
  );
}

function failureAt({ host, port }: Place, text: string, kind: FailureKind = 'unreachable'): Failure {
  return new Failure(`${host}:${port}: ${text}`, EXIT_NO_CALL, kind);
}

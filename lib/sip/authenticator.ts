/**
 * The calling side of digest (RFC 3261 22.2, 22.3): answers the 401 or 407 to a request of ours, for one user. It keeps the password
 * where nothing that is printed shows it, answers each request once, and once more where only the nonce was too old.
 */
import { answerChallenge, credentialsIn, readDigests } from './digest.js';
import type { DigestCredentials } from './digest.js';
import type { SipHeaders, SipRequest, SipResponse, SipUri } from './message-types.js';

const HEADERS = {
  401: { challenge: 'www-authenticate', answer: 'authorization' },
  407: { challenge: 'proxy-authenticate', answer: 'proxy-authorization' },
} as const;

export class Authenticator {
  readonly #credentials: DigestCredentials;

  constructor(credentials: DigestCredentials) {
    this.#credentials = credentials;
  }

  /**
   * The headers that the request goes out with once more; undefined: the response is final.
   *
   * @param answered How many challenges to this request have been answered before.
   */
  answer(
    request: Pick<SipRequest, 'method' | 'uri'>,
    response: SipResponse,
    answered: number,
  ): SipHeaders | undefined {
    const { status, headers } = response;
    if (status !== 401 && status !== 407) return undefined;
    const names = HEADERS[status];
    const challenges = headers[names.challenge];
    const isStale = readDigests(challenges).some(({ stale }) => stale?.toLowerCase() === 'true');
    if (answered > (isStale ? 1 : 0)) return undefined;
    const { method, uri } = request;
    const text = answerChallenge(this.#credentials, { method, uri: uriText(uri) }, challenges);
    return text === undefined ? undefined : { [names.answer]: credentialsIn(text) };
  }
}

/** As the package writes it. */
function uriText(uri: string | SipUri): string {
  if (typeof uri === 'string') return uri;
  const { schema = 'sip', user, password, host, port, params } = uri;
  const secret = password === undefined ? '' : `:${password}`;
  const name = user === undefined ? '' : `${user}${secret}@`;
  const place = port === undefined || Number.isNaN(Number(port)) ? '' : `:${port}`;
  const rest = Object.entries(params).map(
    ([key, value]) => `;${key}${value === null || value === undefined ? '' : `=${value}`}`,
  );
  return `${schema}:${name}${host}${place}${rest.join('')}`;
}

/**
 * Which accepted connections have shown a certificate that the authorities of now vouch for. TLS has checked it against those of then,
 * and let nobody else in; a connection may live longer than its owner's trust. It closes nothing.
 */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';

const PEM = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;
/** Longer chains than anybody's are not followed. */
const MAX_CHAIN = 8;

export class ClientCertificates {
  #authorities: readonly X509Certificate[];
  #renewals = 0;

  /** @param clientCa PEM; undefined: nobody is asked for one. */
  constructor(clientCa: string | undefined) {
    this.#authorities = authoritiesIn(clientCa);
  }

  /** @throws Error for what is no certificate; then all stays as it was. */
  renew(clientCa: string): void {
    this.#authorities = authoritiesIn(clientCa);
    this.#renewals++;
  }

  /** For a connection that was just accepted: whether its certificate counts, asked with each message. */
  watch(stream: unknown): () => boolean {
    const isAsked = this.#authorities.length > 0;
    if (!isAsked || !(stream instanceof tls.TLSSocket) || !stream.authorized) return () => false;
    const shown = stream.getPeerX509Certificate();
    let judged = { renewals: this.#renewals, counts: true };
    return () => {
      if (judged.renewals !== this.#renewals)
        judged = { renewals: this.#renewals, counts: isVouchedFor(shown, this.#authorities) };
      return judged.counts;
    };
  }
}

function authoritiesIn(pem = ''): X509Certificate[] {
  return [...pem.matchAll(PEM)].map(([one]) => new X509Certificate(one));
}

/** TLS has verified the chain as it was shown: what remains is whether one of these has signed any part of it. */
function isVouchedFor(shown: X509Certificate | undefined, authorities: readonly X509Certificate[]): boolean {
  let certificate = shown;
  for (let depth = 0; certificate && depth < MAX_CHAIN; depth++) {
    const one = certificate;
    const isSigned = (by: X509Certificate) =>
      one.fingerprint256 === by.fingerprint256 || (one.checkIssued(by) && one.verify(by.publicKey));
    if (authorities.some(isSigned)) return true;
    certificate = one.issuerCertificate;
  }
  return false;
}

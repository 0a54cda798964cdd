/**
 * Whose certificate it is: the domain of the SIP URI against the certificate's names (RFC 5922 7).
 * Replaces the check against the resolved address, which the package leaves to node:tls. It validates no chain: TLS does.
 */
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { normaliseIp } from '../index.js';

interface Names {
  readonly sip: string[];
  readonly dns: string[];
  readonly ip: string[];
}

/** Node prints `URI:sip:a.example, DNS:b.example, IP Address:192.0.2.1`, with JSON strings where a value needs quoting. */
const ALT_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:,\s*|$)/g;

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return '';
  }
}

const normalise = (name: string): string => name.toLowerCase().replace(/\.$/, '');

function altNames(certificate: PeerCertificate): Names {
  const names: Names = { sip: [], dns: [], ip: [] };
  for (const [, kind, raw] of (certificate.subjectaltname ?? '').matchAll(ALT_NAME)) {
    const value = unquote(raw ?? '');
    if (kind === 'DNS') names.dns.push(normalise(value));
    else if (kind === 'IP Address') names.ip.push(normaliseIp(value));
    else if (kind === 'URI') {
      // RFC 5922 7.1: a SIP URI names a domain only when it names no user.
      const domain = /^sips?:([^@;?:]+)$/i.exec(value)?.[1];
      if (domain !== undefined) names.sip.push(normalise(domain));
    }
  }
  return names;
}

/**
 * Compares a verified certificate with the host part of the URI that was dialled.
 *
 * @param host Host name, or IP address without brackets.
 * @returns undefined where it matches; else an Error to fail the handshake with. Wildcards never match (RFC 5922 7.2);
 *   the common name counts only where there are no alternative names at all (7.1).
 */
export function checkSipIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  const wanted = normalise(host);
  const names = altNames(certificate);
  const isAddress = isIP(wanted) !== 0;
  if (
    isAddress
      ? names.ip.includes(normaliseIp(wanted))
      : names.sip.includes(wanted) || names.dns.includes(wanted)
  )
    return undefined;
  if (!isAddress && certificate.subjectaltname === undefined) {
    const common: string | string[] = certificate.subject?.CN ?? '';
    if (typeof common === 'string' && normalise(common) === wanted) return undefined;
  }
  return new Error(`the certificate does not belong to ${host} (RFC 5922)`);
}

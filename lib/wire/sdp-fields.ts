/*
 * The values of the standard SDP lines that latching needs (RFC 8866 section 5, RFC 3605), one function
 * each. They give undefined for what they cannot read and leave it to sdp.ts what that means.
 */

import { normaliseIp } from './address.js';

/** What an `m=` line says. `portCount` is the number after the slash in `m=audio 4002/2`, else 1. */
export interface MediaLine {
  readonly kind: string;
  readonly port: number;
  readonly portCount: number;
  readonly protocol: string;
  readonly formats: readonly string[];
}

/** What `a=rtcp` says; without an address RTCP goes to that of the `c=` line. */
export interface RtcpLine {
  readonly port: number;
  readonly address: string | undefined;
}

const PORT = /^[0-9]{1,5}$/;
const PORTS = /^([0-9]{1,5})(?:\/([0-9]{1,5}))?$/;
/** A host name or an IP address, the longest name of the DNS being 253 characters; zones have `%`. */
const HOST = /^[A-Za-z0-9._:%-]{1,255}$/;
const PORT_MAX = 65535;

/** Words between single spaces; more than one space is tolerated. */
function wordsOf(value: string): string[] {
  return value.split(' ').filter((word) => word !== '');
}

/** What stands in an `m=` line is repeated in answers: tokens, of which no control character is part (RFC 8866 section 9). */
const CONTROL = /[^ -~\x80-\uffff]/;

/** Reads what follows `m=`. */
export function parseMediaLine(value: string): MediaLine | undefined {
  if (CONTROL.test(value)) return undefined;
  const [kind, portText = '', protocol, ...formats] = wordsOf(value);
  const ports = PORTS.exec(portText);
  if (kind === undefined || ports === null || protocol === undefined) return undefined;
  const port = Number(ports[1]);
  const portCount = Number(ports[2] ?? 1);
  if (port > PORT_MAX || portCount < 1 || portCount > PORT_MAX) return undefined;
  return { kind, port, portCount, protocol, formats };
}

/**
 * The address in `IN IP4 ADDRESS` or `IN IP6 ADDRESS`, without the `/ttl` and `/count` of multicast: IP
 * in the form of `normaliseIp`, or a host name as it stands.
 */
export function parseNetAddress(words: readonly string[]): string | undefined {
  const [netType, addressType, text = ''] = words;
  if (netType !== 'IN' || (addressType !== 'IP4' && addressType !== 'IP6')) return undefined;
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  return HOST.test(host) ? normaliseIp(host) : undefined;
}

/** Reads what follows `c=`. */
export function parseConnection(value: string): string | undefined {
  return parseNetAddress(wordsOf(value));
}

/** Reads what follows `a=rtcp:`: a port, and maybe an address. */
export function parseRtcpLine(value: string): RtcpLine | undefined {
  const [portText = '', ...rest] = wordsOf(value);
  if (!PORT.test(portText) || Number(portText) > PORT_MAX) return undefined;
  const address = parseNetAddress(rest);
  if (address === undefined && rest.length > 0) return undefined;
  return { port: Number(portText), address };
}

/** Reads what follows `a=rtpmap:` or `a=fmtp:`: a payload type (0 to 127) and the rest, as sent. */
export function parsePayloadLine(value: string): readonly [number, string] | undefined {
  const space = value.indexOf(' ');
  const payloadType = value.slice(0, Math.max(space, 0));
  if (!/^[0-9]{1,3}$/.test(payloadType) || Number(payloadType) > 127) return undefined;
  return [Number(payloadType), value.slice(space + 1)];
}

/** Reads what follows `a=ssrc:`: a number of 32 bits, and what is said of it (RFC 5576 section 4.1). */
export function parseSsrc(value: string): number | undefined {
  const [, text] = /^([0-9]{1,10})(?: |$)/.exec(value) ?? [];
  return text !== undefined && Number(text) < 2 ** 32 ? Number(text) : undefined;
}

/** Reads what follows `a=group:` when it is a BUNDLE group: its mids in order (RFC 9143). */
export function parseBundleGroup(value: string): readonly string[] | undefined {
  const [semantics, ...mids] = wordsOf(value);
  return semantics === 'BUNDLE' ? mids : undefined;
}

/** The protocol of an `m=` line is RTP whose keys come out of a handshake on its own port (RFC 5764). */
export function isDtlsSrtp(protocol: string): boolean {
  return /^(?:UDP\/TLS|TCP\/DTLS)\/RTP\//i.test(protocol);
}

/** The protocol of an `m=` line is RTP whose keys stand in the description (RFC 4568): with them alone there is media. */
export function isSecureRtp(protocol: string): boolean {
  return /^RTP\/SAVPF?$/i.test(protocol);
}

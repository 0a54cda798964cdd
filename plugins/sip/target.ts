/**
 * Where a request goes: the next hop's URI, its addresses (RFC 3263), and the URI pinned to one of them, so that the package
 * dials what we chose while the message says what the application wrote. Adds what the package's parser lacks: IPv6 hosts,
 * `sips:` that means TLS, ports checked before a socket throws on them.
 */
import { lookup, resolveSrv } from 'node:dns/promises';
import { isIP } from 'node:net';
import { hopSignalling } from '../../lib/sip/index.js';
import type { Signalling, SipMessage, SipUri } from '../../lib/sip/index.js';
import type { SipPackage } from './sip-types.js';

export interface Target {
  /** UDP, TCP, TLS or WS. */
  readonly protocol: string;
  /** An IP address; of a WebSocket, a host. */
  readonly address: string;
  readonly port: number;
}

/** Resolves a next hop to targets, best first. Replaceable by the application. */
export type Resolve = (hop: SipUri) => Promise<readonly Target[]> | readonly Target[];

/** A SIP URI, IPv6 hosts included (`host` without brackets). undefined: it is none. */
export function parseSipUri(sip: SipPackage, uri: string | SipUri): SipUri | undefined {
  if (typeof uri !== 'string') return uri;
  const literal = /\[([0-9A-Fa-f:.]+)\]/.exec(uri);
  if (literal?.[1] === undefined) return sip.parseUri(uri) ?? undefined;
  if (isIP(literal[1]) !== 6) return undefined;
  const parsed = sip.parseUri(uri.replace(literal[0], 'ipv6.invalid'));
  return parsed && { ...parsed, host: literal[1] };
}

/** The URI that decides where a request goes: the top Route, else the Request-URI (RFC 3261 8.1.2). */
export function nextHop(sip: SipPackage, request: SipMessage): SipUri | undefined {
  const route = request.headers.route;
  const uri = Array.isArray(route) && route.length > 0 ? route[0]?.uri : request.uri;
  return uri === undefined ? undefined : parseSipUri(sip, uri);
}

function transportOf(hop: SipUri): string | undefined {
  const transport = hop.params['transport']?.toUpperCase();
  if (hop.schema !== 'sips') return transport;
  // RFC 3261 26.2.2: sips is TLS on every hop. The package dials no wss:.
  return transport === 'WS' || transport === 'WSS' ? undefined : 'TLS';
}

const defaultPort = (protocol: string): number => (protocol === 'TLS' ? 5061 : 5060);

function portOf(hop: SipUri): number | undefined {
  const port = Number(hop.port);
  return hop.port === undefined || Number.isNaN(port) ? undefined : port;
}

const isPort = ({ port }: Target): boolean => Number.isInteger(port) && port > 0 && port < 65536;

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map((one) => one.address);
}

async function resolveService(host: string, protocol: string): Promise<Target[]> {
  const service = protocol === 'TLS' ? `_sips._tcp.${host}` : `_sip._${protocol.toLowerCase()}.${host}`;
  const records = await resolveSrv(service).catch(() => []);
  records.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  const targets: Target[] = [];
  for (const { name, port } of records) {
    const addresses = await addressesOf(name).catch(() => []);
    targets.push(...addresses.map((address) => ({ protocol, address, port })));
  }
  return targets;
}

async function resolveName(hop: SipUri, transport: string | undefined): Promise<Target[]> {
  const port = portOf(hop);
  const protocols = transport === undefined ? ['UDP', 'TCP', 'TLS'] : [transport];
  if (port === undefined) {
    const found = await Promise.all(protocols.map((protocol) => resolveService(hop.host, protocol)));
    if (found.some((targets) => targets.length > 0)) return found.flat();
  }
  const addresses = await addressesOf(hop.host).catch(() => []);
  return addresses.flatMap((address) =>
    protocols.map((protocol) => ({ protocol, address, port: port ?? defaultPort(protocol) })),
  );
}

/** RFC 3263 without NAPTR. An address resolves at once, a name through SRV and the system's resolver. */
export function resolveHop(hop: SipUri): Promise<Target[]> | Target[] {
  const transport = transportOf(hop);
  const port = portOf(hop);
  if (transport === undefined && hop.schema === 'sips') return [];
  if (transport === 'WS') return [{ protocol: 'WS', address: hop.host, port: port ?? 80 }].filter(isPort);
  if (isIP(hop.host) === 0) return resolveName(hop, transport).then((targets) => targets.filter(isPort));
  const protocol = transport ?? 'UDP';
  return [{ protocol, address: hop.host, port: port ?? defaultPort(protocol) }].filter(isPort);
}

/** What a hop promises before it is resolved: enough to choose a session's signalling. Never more than will be used. */
export function expectedSignalling(hop: SipUri | undefined): Signalling {
  if (!hop) return 'clear';
  // The package dials no wss:, whatever the URI asks for: nothing but TLS encrypts a connection of its own.
  const protocol = transportOf(hop) === 'TLS' ? 'TLS' : 'UDP';
  // RFC 6761 6.3: the name localhost is this machine. Were it not, the send hook would take the secret out again.
  const host = hop.host.toLowerCase() === 'localhost' ? '127.0.0.1' : hop.host;
  return hopSignalling({ protocol, host, port: hop.port ?? NaN });
}

/** The hop as the package is to see it: one address, one transport, nothing left to resolve. */
export function pinnedHop(hop: SipUri, { protocol, address, port }: Target): SipUri {
  return { ...hop, host: address, port, params: { ...hop.params, transport: protocol.toLowerCase() } };
}

/** URIs pinned to an address, and what they stand for. */
export class Pins {
  readonly #originals = new WeakMap<object, string | SipUri>();

  /** Puts `pinned` in the place of the URI that decides; the returned function puts the message back. */
  pin(request: SipMessage, hop: SipUri, pinned: SipUri): () => void {
    const { route } = request.headers;
    const top = Array.isArray(route) ? route[0] : undefined;
    if (top && Array.isArray(route)) {
      this.#originals.set(pinned, top.uri);
      request.headers.route = [{ ...top, uri: pinned }, ...route.slice(1)];
    } else {
      this.#originals.set(pinned, request.uri ?? hop);
      request.uri = pinned;
    }
    return () => this.restore(request);
  }

  /** The URIs as the application wrote them, wherever a pinned one stands: in copies that the package made, too. */
  restore(message: SipMessage): void {
    const original = (uri: unknown) =>
      typeof uri === 'object' && uri !== null ? this.#originals.get(uri) : undefined;
    const uri = original(message.uri);
    if (uri !== undefined) message.uri = uri;
    const { route } = message.headers;
    if (!Array.isArray(route)) return;
    message.headers.route = route.map((entry) => ({ ...entry, uri: original(entry.uri) ?? entry.uri }));
  }
}

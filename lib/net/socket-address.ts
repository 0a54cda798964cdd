// Addresses between the core, which knows IPv4 and IPv6, and a dgram socket, where an IPv6 one shows IPv4 as
// `::ffff:…` and link-local addresses carry a zone. Resolves no names.
import type { Socket } from 'node:dgram';
import { formatIp, parseIp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import { isLinkLocal, LinkZones } from './link-zones.js';

/** How a socket of both families writes IPv4. */
export const MAPPED = '::ffff:';

/** Translates for one socket. The last answer is kept: neighbours in time mostly share an address. */
export class SocketAddresses {
  readonly #zones: LinkZones;
  #text = '';
  #received = '';
  #isMapping = false;

  /** @param isInUse whether media goes to and comes from this address: see LinkZones */
  constructor(
    readonly isIpv6: boolean,
    isInUse: (address: string, port: number) => boolean,
  ) {
    this.#zones = new LinkZones(isInUse);
  }

  /** The address of a sender as the core writes it; undefined for one that must not be heard. */
  received(address: string, port: number): string | undefined {
    if (!this.isIpv6) return address;
    const zone = address.indexOf('%');
    if (zone >= 0) return this.#inZone(address.slice(0, zone), port, address.slice(zone));
    if (address === this.#text) return this.#received;
    const isMapped = isMappedText(address);
    this.#isMapping ||= isMapped;
    this.#text = address;
    this.#received = isMapped ? address.slice(MAPPED.length) : address;
    return this.#received;
  }

  /** A destination of the core's as a DatagramSocket takes it. */
  sent(address: string, port: number): string {
    return this.isIpv6 && isLinkLocal(address) ? this.#zones.written(address, port) : address;
  }

  /** A source of the core's as the socket has told of it. */
  source(address: string, port: number): string {
    return this.#isMapping && !address.includes(':') ? MAPPED + address : this.sent(address, port);
  }

  /** The core knows no zones: to it an address is one peer. */
  #inZone(bare: string, port: number, zone: string): string | undefined {
    return !isLinkLocal(bare) || this.#zones.note(bare, port, zone) ? bare : undefined;
  }
}

/** The canonical text of an IP address in any spelling; undefined for a name. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes === undefined ? undefined : formatIp(bytes);
}

/** Where a socket is bound, as the core writes it; undefined while it is not bound, or is closed. */
export function localAddress(socket: Socket): TransportAddress | undefined {
  try {
    const { address, port } = socket.address();
    return { address: canonicalIp(address) ?? address, port };
  } catch {
    return undefined; // EBADF or ERR_SOCKET_DGRAM_NOT_RUNNING: there is no address to ask for
  }
}

function isMappedText(address: string): boolean {
  return address.startsWith(MAPPED) && address.includes('.');
}

/** Is the socket connected, in the sense of `socket.connect`? */
export function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false; // ERR_SOCKET_DGRAM_NOT_CONNECTED, or closed
  }
}

/** dgram keeps what kind of socket it made in `type`, which its types leave out. */
export function isIpv6Socket(socket: Socket): boolean {
  return (socket as Socket & { type?: string }).type === 'udp6';
}

// Addresses between the core, which knows IPv4 and IPv6, and a dgram socket, where an IPv6 one shows IPv4 as
// `::ffff:…` and link-local addresses carry a zone. Resolves no names.
import type { Socket } from 'node:dgram';
import { formatIp, parseIp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';

/** How a socket of both families writes IPv4. */
export const MAPPED = '::ffff:';

/** Translates for one socket. The last answers are kept: neighbours in time mostly share an address. */
export class SocketAddresses {
  #receivedText = '';
  #received = '';
  #sentText = '';
  #sent = '';
  #zone = '';
  #isMapping = false;

  constructor(readonly isIpv6: boolean) {}

  /** The address of a sender as the core writes it. */
  received(address: string): string {
    if (!this.isIpv6) return address;
    if (address === this.#receivedText) return this.#received;
    this.#receivedText = address;
    const zone = address.indexOf('%');
    // The core knows no zones. The one heard last is the one to answer into: one link-local network a socket.
    if (zone >= 0) this.#zone = address.slice(zone);
    const bare = zone < 0 ? address : address.slice(0, zone);
    this.#isMapping ||= isMappedText(bare);
    this.#received = isMappedText(bare) ? bare.slice(MAPPED.length) : bare;
    return this.#received;
  }

  /** A destination of the core's as a DatagramSocket takes it. */
  sent(address: string): string {
    if (!this.isIpv6) return address;
    if (address === this.#sentText) return this.#sent;
    this.#sentText = address;
    this.#sent = address.startsWith('fe80:') ? address + this.#zone : address;
    return this.#sent;
  }

  /** A source of the core's as the socket has told of it. */
  source(address: string): string {
    return this.#isMapping && !address.includes(':') ? MAPPED + address : this.sent(address);
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

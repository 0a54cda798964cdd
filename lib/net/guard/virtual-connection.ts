// `connect` of a guarded socket. A socket that the kernel connects to the signalled address would never hear the
// mapping, so the connection is only kept in mind: who the peer is, told as dgram tells it. No system call is made.
import { lookup as dnsLookup } from 'node:dns';
import type { Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { argumentTypeError, isConnectedError, notConnectedError, readPort } from './send-arguments.js';
import { canonicalIp, localAddress } from '../socket-address.js';

export type Lookup = (
  hostname: string,
  family: 4 | 6,
  callback: (error: Error | null, address: string) => void,
) => void;

export const systemLookup: Lookup = (hostname, family, callback) =>
  dnsLookup(hostname, family, (error, address) => callback(error, address));

export interface Peer {
  /** As the core writes it; a name only where the peer's SDP has that name. */
  readonly address: string;
  readonly port: number;
}

type State = { kind: 'disconnected' } | { kind: 'connecting' } | { kind: 'connected'; peer: Peer };

export class VirtualConnection {
  #state: State = { kind: 'disconnected' };

  constructor(
    private readonly socket: Socket,
    private readonly isIpv6: boolean,
    private readonly lookup: Lookup,
  ) {}

  get peer(): Peer | undefined {
    return this.#state.kind === 'connected' ? this.#state.peer : undefined;
  }

  /** Connected from now on, without a word: also a connection that was there before the guard. */
  adopt(peer: Peer): void {
    this.#state = { kind: 'connected', peer };
  }

  /** As `socket.connect(port[, address][, callback])`. `isKnown`: the peer's SDP has this very name; it needs no look-up. */
  connect(args: readonly unknown[], isKnown: (port: number, address: string) => boolean): void {
    const port = readPort(args[0]);
    const [, second, third] = args;
    const callback = typeof second === 'function' ? second : third;
    const text = typeof second === 'function' ? '' : (second ?? '');
    if (typeof text !== 'string') throw argumentTypeError('address', 'of type string', text);
    if (this.#state.kind !== 'disconnected') throw isConnectedError();
    const address = text || (this.isIpv6 ? '::1' : '127.0.0.1');
    const onConnect = typeof callback === 'function' ? (callback as (error?: Error) => void) : undefined;
    this.#state = { kind: 'connecting' };
    try {
      this.#whenBound(() => {
        if (onConnect) this.socket.once('connect', onConnect);
        if (canonicalIp(address) !== undefined || isKnown(port, address)) this.#connected(address, port);
        else this.#resolve(address, port, onConnect);
      });
    } catch (error) {
      this.#state = { kind: 'disconnected' };
      throw error;
    }
  }

  disconnect(): void {
    if (this.#state.kind !== 'connected') throw notConnectedError();
    this.#state = { kind: 'disconnected' };
  }

  remoteAddress(): { address: string; family: string; port: number } {
    if (this.#state.kind !== 'connected') throw notConnectedError();
    const { address, port } = this.#state.peer;
    const isMapped = this.isIpv6 && isIPv4(address);
    return { address: isMapped ? `::ffff:${address}` : address, family: this.isIpv6 ? 'IPv6' : 'IPv4', port };
  }

  #connected(address: string, port: number): void {
    this.adopt({ address: canonicalIp(address) ?? address, port });
    process.nextTick(() => this.socket.emit('connect'));
  }

  #resolve(name: string, port: number, onConnect: ((error?: Error) => void) | undefined): void {
    this.lookup(name, this.isIpv6 ? 6 : 4, (error, address) => {
      if (this.#state.kind !== 'connecting') return;
      if (!error) return this.#connected(address, port);
      this.#state = { kind: 'disconnected' };
      if (!onConnect) return void this.socket.emit('error', error);
      this.socket.off('connect', onConnect);
      onConnect(error);
    });
  }

  /** dgram's `connect` binds a socket that is not bound yet. */
  #whenBound(proceed: () => void): void {
    if (localAddress(this.socket) !== undefined) return proceed();
    try {
      this.socket.bind({ port: 0, exclusive: true });
    } catch (error) {
      // Being bound at this moment is what we wait for; anything else (closed) is the caller's to hear.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_ALREADY_BOUND') throw error;
    }
    this.socket.once('listening', proceed);
  }
}

/**
 * How many connections there may be, and how long and how large what is not whole may be: handshakes and messages. A stranger can open
 * connections and leave each hanging; who has said something whole keeps his. Counts and closes; it reads nothing of what comes.
 */
import type { Socket } from 'node:net';
import { sourceOf } from '../../lib/sip/index.js';
import type { BoundCounters, BoundName } from '../../lib/sip/index.js';
import { DescriptorLimit } from './descriptors.js';

export interface ConnectionLimits {
  /** Accepted connections in all, by TCP, TLS and WebSocket together; fewer where the process has too few descriptors (descriptors.ts). */
  readonly maxConnections: number;
  /** Of one IPv4 address or IPv6 /64: an office behind one address. */
  readonly maxConnectionsOfSource: number;
  /** How long a TLS or WebSocket handshake may take: some round trips, with packets lost. */
  readonly handshakeMs: number;
  /** How long a message may take from its first byte to its last. */
  readonly incompleteMs: number;
  /** Bytes of messages that are not whole, in all: 256 of the largest. */
  readonly maxIncompleteBytes: number;
  /** The same of one source: 16 of the largest. */
  readonly maxIncompleteBytesOfSource: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 4096,
  maxConnectionsOfSource: 256,
  handshakeMs: 10_000,
  incompleteMs: 10_000,
  maxIncompleteBytes: 32 * 1024 * 1024,
  maxIncompleteBytesOfSource: 2 * 1024 * 1024,
};

/** Of the descriptors of the process; the rest is for the sockets of calls. */
const PART_FOR_CONNECTIONS = 1 / 2;

/** The ends of a connection, as its raw socket, its TLS socket and its WebSocket all have them. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localPort'>;

interface Connection {
  /** A closed socket does not tell its ends. */
  readonly key: string;
  readonly socket: Socket;
  readonly source: Source;
  /** A whole message has come. */
  isHeard: boolean;
  handshake: NodeJS.Timeout | undefined;
  incomplete: NodeJS.Timeout | undefined;
  incompleteBytes: number;
}

interface Source {
  readonly name: string;
  count: number;
  incompleteBytes: number;
  /** Connections that have brought no whole message yet, the oldest first. */
  readonly unheard: Set<Connection>;
}

export class ConnectionBounds {
  readonly #limits: ConnectionLimits;
  readonly #counters: BoundCounters;
  readonly #descriptors: DescriptorLimit;
  readonly #connections = new Map<string, Connection>();
  readonly #sources = new Map<string, Source>();
  readonly #unheard = new Set<Connection>();
  /** Those whose message is under way, the longest first. */
  readonly #incomplete = new Set<Connection>();
  #incompleteBytes = 0;

  constructor(limits: ConnectionLimits, counters: BoundCounters, descriptors = new DescriptorLimit()) {
    this.#descriptors = descriptors;
    this.#limits = limits;
    this.#counters = counters;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** A connection was accepted. False where there is no room for it: the caller closes it. Where one that has said nothing gives way, there is. */
  admit(socket: Socket, hasHandshake: boolean): boolean {
    const { remoteAddress } = socket;
    // Gone before it was looked at.
    if (remoteAddress === undefined) return false;
    const name = sourceOf(remoteAddress);
    const source = this.#sources.get(name) ?? { name, count: 0, incompleteBytes: 0, unheard: new Set() };
    const { maxConnections, maxConnectionsOfSource, handshakeMs } = this.#limits;
    if (source.count >= maxConnectionsOfSource) {
      if (!this.#displace(source.unheard, 'connectionsOfSource')) return false;
    } else if (this.#connections.size >= maxConnections) {
      if (!this.#displace(this.#unheard, 'connections')) return false;
    } else if (this.#connections.size >= this.#descriptors.count * PART_FOR_CONNECTIONS) {
      if (!this.#displace(this.#unheard, 'descriptors')) return false;
    }
    const connection: Connection = {
      ...{ key: keyOf(socket), socket, source, isHeard: false, incompleteBytes: 0, incomplete: undefined },
      handshake: hasHandshake ? this.#closeAfter(handshakeMs, 'handshake', socket) : undefined,
    };
    this.#connections.set(connection.key, connection);
    this.#sources.set(name, source);
    source.count++;
    source.unheard.add(connection);
    this.#unheard.add(connection);
    socket.once('close', () => this.#remove(connection));
    return true;
  }

  /** Its handshake is over. */
  noteOpen(ends: Ends): void {
    clearTimeout(this.#connections.get(keyOf(ends))?.handshake);
  }

  /** A whole message has come. */
  noteWhole(ends: Ends): void {
    const connection = this.#connections.get(keyOf(ends));
    if (!connection || connection.isHeard) return;
    connection.isHeard = true;
    this.#unheard.delete(connection);
    connection.source.unheard.delete(connection);
  }

  /** So many bytes have come of a message that is not whole; 0 where none is under way. */
  noteIncomplete(ends: Ends, sizeBytes: number, isNewMessage: boolean): void {
    const connection = this.#connections.get(keyOf(ends));
    if (!connection) return;
    const { incompleteMs, maxIncompleteBytes, maxIncompleteBytesOfSource } = this.#limits;
    if (sizeBytes === 0 || isNewMessage) this.#forgetIncomplete(connection);
    if (sizeBytes === 0) return;
    const grownBytes = sizeBytes - connection.incompleteBytes;
    connection.incompleteBytes = sizeBytes;
    connection.source.incompleteBytes += grownBytes;
    this.#incompleteBytes += grownBytes;
    this.#incomplete.add(connection);
    connection.incomplete ??= this.#closeAfter(incompleteMs, 'incompleteTime', connection.socket);
    if (connection.source.incompleteBytes > maxIncompleteBytesOfSource)
      this.#close(connection, 'incompleteBytes');
    else if (this.#incompleteBytes > maxIncompleteBytes) {
      const [longest] = this.#incomplete;
      if (longest) this.#close(longest, 'incompleteBytes');
    }
  }

  #displace(unheard: ReadonlySet<Connection>, name: BoundName): boolean {
    const [oldest] = unheard;
    if (oldest) this.#close(oldest, name);
    else this.#counters.count(name);
    return oldest !== undefined;
  }

  #closeAfter(ms: number, name: BoundName, socket: Socket): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#counters.count(name);
      socket.destroy();
    }, ms);
    return timer.unref();
  }

  #close(connection: Connection, name: BoundName): void {
    this.#counters.count(name);
    connection.socket.destroy();
    this.#remove(connection);
  }

  #forgetIncomplete(connection: Connection): void {
    clearTimeout(connection.incomplete);
    connection.incomplete = undefined;
    connection.source.incompleteBytes -= connection.incompleteBytes;
    this.#incompleteBytes -= connection.incompleteBytes;
    connection.incompleteBytes = 0;
    this.#incomplete.delete(connection);
  }

  #remove(connection: Connection): void {
    if (this.#connections.get(connection.key) !== connection) return;
    this.#connections.delete(connection.key);
    clearTimeout(connection.handshake);
    this.#forgetIncomplete(connection);
    const { source } = connection;
    this.#unheard.delete(connection);
    source.unheard.delete(connection);
    if (--source.count === 0) this.#sources.delete(source.name);
  }
}

function keyOf({ remoteAddress, remotePort, localPort }: Ends): string {
  return `${remoteAddress},${remotePort},${localPort}`;
}

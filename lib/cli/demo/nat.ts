// A simulated NAT for UDP on 127.0.0.1: a caller hands it datagrams with their destinations, it sends them from a
// socket of its own for each mapping. It sends to nothing but 127.0.0.1: whatever names another address, such as a
// private one out of an SDP, is dropped and counted.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { formatAddress } from '../../wire/index.js';
import type { TransportAddress } from '../../wire/index.js';
import { encodeNatFrame, parseNatFrame } from './nat-frame.js';

const LOOPBACK = '127.0.0.1';
/** A call has two ports and one server; a symmetric NAT that is asked for more than this is being abused. */
const MAPPINGS_MAX = 256;

/** The two behaviours of a NAT (RFC 4787 sections 4.1 and 5). */
export interface NatBehaviour {
  /** One outside port per inside port, or (symmetric) another one for every destination. */
  readonly mapping: 'endpoint-independent' | 'symmetric';
  /** Who may send to a mapping: everybody, or the endpoints that were sent to through it. */
  readonly filtering: 'endpoint-independent' | 'endpoint';
}

export interface NatCounters {
  outward: number;
  inward: number;
  /** Outside datagrams of senders that the filter keeps out. */
  filtered: number;
  /** Inside datagrams for another address than 127.0.0.1: never sent. */
  unroutable: number;
  /** Inside datagrams that are no frame. */
  malformed: number;
  /** What the kernel refused, and what found no free mapping. */
  failed: number;
}

export interface NatMapping {
  readonly insidePort: number;
  /** Undefined until its socket is bound. */
  readonly outsidePort: number | undefined;
  readonly epoch: number;
}

interface Mapping {
  readonly insidePort: number;
  readonly epoch: number;
  readonly socket: Socket;
  readonly permitted: Set<string>;
  outsidePort: number | undefined;
}

export class Nat {
  readonly counters: NatCounters = {
    outward: 0,
    inward: 0,
    filtered: 0,
    unroutable: 0,
    malformed: 0,
    failed: 0,
  };
  readonly #inside: Socket;
  readonly #mappings = new Map<string, Mapping>();
  #epoch = 0;

  private constructor(
    readonly behaviour: NatBehaviour,
    inside: Socket,
  ) {
    this.#inside = inside;
    inside.on('message', (bytes: Buffer, info: RemoteInfo) => this.#handleInside(bytes, info.port));
    inside.on('error', () => this.counters.failed++);
  }

  /** A NAT whose inside is a free port of 127.0.0.1. */
  static async open(behaviour: NatBehaviour): Promise<Nat> {
    const inside = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      inside.once('error', reject);
      inside.bind(0, LOOPBACK, () => {
        inside.off('error', reject);
        resolve();
      });
    });
    return new Nat(behaviour, inside);
  }

  /** The port of 127.0.0.1 that callers send their frames to. */
  get insidePort(): number {
    return this.#inside.address().port;
  }

  /** How often it has rebound. */
  get epoch(): number {
    return this.#epoch;
  }

  get mappings(): readonly NatMapping[] {
    return [...this.#mappings.values()].map(({ insidePort, outsidePort, epoch }) => ({
      insidePort,
      outsidePort,
      epoch,
    }));
  }

  /** Forgets all mappings, as a router does that restarts: their ports are closed, new ones come with the next packets. */
  rebind(): void {
    this.#epoch++;
    for (const { socket } of this.#mappings.values()) socket.close();
    this.#mappings.clear();
  }

  close(): void {
    this.rebind();
    this.#inside.close();
  }

  #handleInside(bytes: Uint8Array, insidePort: number): void {
    const frame = parseNatFrame(bytes);
    if (!frame || frame.far.port === 0) {
      this.counters.malformed++;
      return;
    }
    const { far, payload } = frame;
    if (far.address !== LOOPBACK) {
      this.counters.unroutable++;
      return;
    }
    const mapping = this.#mappingFor(insidePort, far);
    if (!mapping) {
      this.counters.failed++;
      return;
    }
    mapping.permitted.add(formatAddress(far));
    this.counters.outward++;
    mapping.socket.send(payload, far.port, LOOPBACK, (error) => {
      if (error) this.counters.failed++;
    });
  }

  #handleOutside(mapping: Mapping, payload: Uint8Array, far: TransportAddress): void {
    if (this.behaviour.filtering === 'endpoint' && !mapping.permitted.has(formatAddress(far))) {
      this.counters.filtered++;
      return;
    }
    const frame = encodeNatFrame({ far, epoch: mapping.epoch, payload });
    if (!frame) return;
    this.counters.inward++;
    this.#inside.send(frame, mapping.insidePort, LOOPBACK, (error) => {
      if (error) this.counters.failed++;
    });
  }

  #mappingFor(insidePort: number, far: TransportAddress): Mapping | undefined {
    const key = this.behaviour.mapping === 'symmetric' ? `${insidePort} ${far.port}` : String(insidePort);
    const present = this.#mappings.get(key);
    if (present || this.#mappings.size >= MAPPINGS_MAX) return present;
    const socket = createSocket('udp4');
    const mapping: Mapping = {
      insidePort,
      epoch: this.#epoch,
      socket,
      permitted: new Set(),
      outsidePort: undefined,
    };
    socket.on('message', (bytes: Buffer, { address, port }: RemoteInfo) =>
      this.#handleOutside(mapping, bytes, { address, port }),
    );
    socket.on('error', () => this.counters.failed++);
    // What is sent before the port is there waits in dgram's own queue.
    socket.bind(0, LOOPBACK, () => (mapping.outsidePort = socket.address().port));
    this.#mappings.set(key, mapping);
    return mapping;
  }
}

// An engine that decides nothing by itself: a test says which source is accepted, where payload goes, what there
// is to send, to tell and to wait for, and when it breaks.
import { createCounters } from '../../lib/core/index.js';
import type {
  Component,
  Counters,
  Delivery,
  Engine,
  LatchEvent,
  Port,
  Transmit,
} from '../../lib/core/index.js';
import { NetLatchkey } from '../../lib/net/net-latchkey.js';
import type { Session } from '../../lib/net/session.js';
import type { TransportAddress } from '../../lib/wire/index.js';

export class FakeComponent {
  port: Port | undefined;
  signalled: TransportAddress | undefined;
  /** Where payload goes; undefined: nowhere yet. */
  mapping: TransportAddress | undefined;
  localChanges = 0;
  /** As what a packet goes out, where it is to be protected; undefined where it cannot be. */
  sealed: Uint8Array | undefined;
  isSealing = false;
  /** Nobody else is behind its sockets. */
  readonly sharing = { guest: undefined };
  readonly counters: Counters = createCounters();

  constructor(
    private readonly engine: FakeEngine,
    readonly media: number,
    readonly component: number,
  ) {}

  get destination(): TransportAddress | undefined {
    return this.mapping ?? this.signalled;
  }

  attach(port: Port): void {
    this.engine.fail();
    this.port = port;
  }

  detach(): void {
    this.port = undefined;
  }

  removePort(port: Port): void {
    if (this.port === port) this.detach();
  }

  handleLocalChange(): void {
    this.localChanges++;
  }

  seal(): Uint8Array | undefined {
    this.engine.fail();
    return this.sealed;
  }

  handleSend(): TransportAddress | undefined {
    this.engine.fail();
    if (this.mapping) this.counters.sent++;
    else this.counters.dropped.noPath++;
    return this.mapping;
  }
}

let ids = 0;

class FakeSession {
  readonly id = `session ${++ids}`;
  readonly call = 'call';
  readonly protection = 'latch';
  readonly streams = [];
  readonly counters = createCounters();
  readonly components = new Map<string, FakeComponent>();

  constructor(private readonly engine: FakeEngine) {}

  component(media: number, component: number): FakeComponent {
    const key = `${media}/${component}`;
    const present = this.components.get(key) ?? new FakeComponent(this.engine, media, component);
    this.components.set(key, present);
    return present;
  }

  close(): void {
    this.engine.tell({ type: 'closed', session: this.id, call: this.call, media: 0, component: 1 });
    for (const component of this.components.values()) component.detach();
  }
}

export class FakeEngine {
  readonly counters = createCounters();
  readonly accepted = new Map<string, FakeComponent>();
  readonly heard: { readonly text: string; readonly from: string }[] = [];
  /** When each of them came, as it was told. */
  readonly times: number[] = [];
  readonly transmits: Transmit[] = [];
  readonly deliveries: Delivery[] = [];
  readonly events: LatchEvent[] = [];
  readonly sessions: FakeSession[] = [];
  readonly open = new Set<Port>();
  timeouts: number[] = [];
  wakeMs: number | undefined;
  isBroken = false;
  /** Is called by handleDatagram. */
  onDatagram: (port: Port) => void = () => undefined;

  fail(): void {
    if (this.isBroken) throw new Error('broken on purpose');
  }

  tell(event: LatchEvent): void {
    this.events.push(event);
  }

  accept(address: TransportAddress, component: FakeComponent): void {
    this.accepted.set(`${address.address}:${address.port}`, component);
  }

  openPort(local: TransportAddress): Port {
    const route = (address: string, remotePort: number) => {
      const owner = this.accepted.get(`${address}:${remotePort}`);
      return owner?.port === port ? { owner, untilMs: Infinity } : undefined;
    };
    const port = { local, route } as unknown as Port;
    this.open.add(port);
    return port;
  }

  closePort(port: Port): void {
    this.open.delete(port);
  }

  createSession(): FakeSession {
    const session = new FakeSession(this);
    this.sessions.push(session);
    return session;
  }

  handleDatagram(
    port: Port,
    bytes: Uint8Array,
    address: string,
    remotePort: number,
    nowMs: number,
  ): FakeComponent | undefined {
    const from = `${address}:${remotePort}`;
    this.times.push(nowMs);
    this.heard.push({ text: Buffer.from(bytes).toString('latin1'), from });
    this.fail();
    this.onDatagram(port);
    const component = this.accepted.get(from);
    return component?.port === port ? component : undefined;
  }

  handleTimeout(nowMs: number): void {
    this.timeouts.push(nowMs);
    this.fail();
  }

  pollTransmit(): Transmit | undefined {
    return this.transmits.shift();
  }

  pollDelivery(): Delivery | undefined {
    return this.deliveries.shift();
  }

  pollEvent(): LatchEvent | undefined {
    return this.events.shift();
  }

  pollTimeout(): number | undefined {
    return this.wakeMs;
  }
}

export interface FakeCall {
  readonly session: Session;
  readonly core: FakeComponent;
}

/** A latchkey on the fake engine. */
export class FakeWorld {
  readonly engine = new FakeEngine();
  readonly latchkey = new NetLatchkey(this.engine as unknown as Engine);

  /** A session with the fake component of its first stream. */
  call(component: 1 | 2 = 1, media = 0): FakeCall {
    const session = this.latchkey.createSession({ signalling: 'encrypted' });
    const core = this.engine.sessions.at(-1)?.component(media, component);
    if (!core) throw new Error('the session was not made by the fake engine');
    return { session, core };
  }
}

export function asComponent(core: FakeComponent): Component {
  return core as unknown as Component;
}

// A latchkey that writes down what it is asked, for the tests of plugins/sip: no sockets, no keys, one visible attribute.
import { EventEmitter } from 'node:events';
import { createCounters, stripLatch } from '../../lib/index.js';
import type { Latchkey, PeerSource, SessionOptions, Verdict } from '../../lib/index.js';

export class FakeSession extends EventEmitter {
  readonly log: string[] = [];
  /** What it was told of its peer. */
  readonly told: string[] = [];
  isClosed = false;
  verdict: Verdict = { accepted: true };
  #count = 0;
  #paths: string[] = [];

  constructor(
    readonly options: SessionOptions,
    private readonly made: FakeSession[] = [],
  ) {
    super();
  }

  /** As events have said: each verified path is a sign of life. */
  get streams() {
    return this.#paths.map((mapping) => ({ mapping, counters: createCounters() }));
  }

  override emit(name: string, ...args: unknown[]): boolean {
    const { media, component } = (args[0] ?? {}) as { media?: number; component?: number };
    const key = `${media}/${component}`;
    if (['verified', 'rebound', 'direct'].includes(name)) this.#paths.push(key);
    if (name === 'expired') this.#paths = this.#paths.filter((path) => path !== key);
    return super.emit(name, ...args);
  }

  fork(): FakeSession {
    this.log.push('fork');
    const fork = new FakeSession(this.options, this.made);
    this.made.push(fork);
    return fork;
  }

  setRemote(sdp: string, type?: string): Verdict {
    if (this.isClosed) throw new Error('closed');
    this.log.push(`remote ${type}${sdp.includes('a=latch') ? '+latch' : ''}`);
    return this.verdict;
  }

  setLocal(sdp: string, type?: string): string {
    if (this.isClosed) throw new Error('closed');
    this.log.push(`local ${type}`);
    return `${stripLatch(sdp)}a=latch:1 FAKE${String(++this.#count).padStart(8, '0')} ${'A'.repeat(43)}\r\n`;
  }

  peer(source: PeerSource): void {
    this.told.push(`peer ${source.address} ${source.transport}`);
  }

  confirm(): void {
    this.told.push('confirm');
  }

  shown(address: string): void {
    this.told.push(`shown ${address}`);
  }

  asked(outcome: string): void {
    this.told.push(`asked ${outcome}`);
  }

  rollback(): void {
    this.log.push('rollback');
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.log.push('close');
    this.emit('closed');
  }
}

export class FakeLatchkey {
  readonly made: FakeSession[] = [];

  createSession(options: SessionOptions): FakeSession {
    const session = new FakeSession(options, this.made);
    this.made.push(session);
    return session;
  }

  missingKeys(): readonly string[] {
    return [];
  }

  get asLatchkey(): Latchkey {
    return this as unknown as Latchkey;
  }
}

// One engine on a workbench, without a network: every datagram is put in by hand, everything that comes out is kept
// with its time, and the clock moves only when told. For the tests that hold single rules to the millisecond.
import { Engine } from '../../lib/core/index.js';
import type {
  Component,
  Delivery,
  EngineOptions,
  LatchEvent,
  Port,
  SdpSession,
  Verdict,
} from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { testCrypto } from './crypto.js';
import { defaultEngineOptions } from './engine-host.js';
import type { SeenEvent } from './engine-host.js';
import { makeRtp, makeSenderReport } from './media.js';
import * as oracle from './oracle.js';
import type { Generation, LatchLine, Reading, Suite } from './oracle.js';
import { Prng } from './prng.js';
import { makeSdp } from './session-description.js';
import type { MediaDescription } from './session-description.js';

export interface Sent {
  readonly atMs: number;
  readonly port: Port;
  readonly bytes: Uint8Array;
  readonly destination: TransportAddress;
  readonly message: Reading | undefined;
}

export const isSame = (a: TransportAddress | undefined, b: TransportAddress): boolean =>
  a?.address === b.address && a.port === b.port;

export class EngineBench {
  readonly engine: Engine;
  readonly prng: Prng;
  readonly sent: Sent[] = [];
  readonly deliveries: (Delivery & { readonly atMs: number })[] = [];
  readonly events: SeenEvent[] = [];
  nowMs: number;

  constructor(options: Partial<EngineOptions> = {}, seed = 1, startMs = 1000) {
    this.prng = new Prng(seed);
    this.engine = new Engine(
      { ...defaultEngineOptions, ...options },
      testCrypto,
      this.prng.fork(),
      nodeSrtpCrypto,
    );
    this.nowMs = startMs;
  }

  /** Lets the time pass, with every wish of the engine's granted at its moment. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let rounds = 0; ; rounds++) {
      const dueMs = this.engine.pollTimeout();
      if (dueMs === undefined || dueMs > endMs) break;
      if (rounds > 100_000) throw new Error('the engine asks for the same moment without end');
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.engine.handleTimeout(this.nowMs);
      this.drain();
    }
    this.nowMs = endMs;
  }

  /** The process was asleep: the time has passed, and no timer was served meanwhile. */
  sleep(ms: number): void {
    this.nowMs += ms;
  }

  receive(port: Port, bytes: Uint8Array, source: TransportAddress): Component | undefined {
    const component = this.engine.handleDatagram(port, bytes, source.address, source.port, this.nowMs);
    this.drain();
    return component;
  }

  drain(): void {
    const { engine } = this;
    for (let sent = engine.pollTransmit(); sent !== undefined; sent = engine.pollTransmit())
      this.sent.push({ ...sent, atMs: this.nowMs, message: oracle.readMessage(sent.bytes) });
    for (let delivery = engine.pollDelivery(); delivery !== undefined; delivery = engine.pollDelivery())
      this.deliveries.push({ ...delivery, atMs: this.nowMs });
    for (let event = engine.pollEvent(); event !== undefined; event = engine.pollEvent())
      this.events.push({ ...event, atMs: this.nowMs });
  }

  sentTo(remote: TransportAddress, kind?: Reading['kind'], sinceMs = -Infinity): Sent[] {
    return this.sent.filter(
      ({ destination, message, atMs }) =>
        isSame(destination, remote) && atMs >= sinceMs && (kind === undefined || message?.kind === kind),
    );
  }

  eventsOf(type: LatchEvent['type'], sinceMs = -Infinity): SeenEvent[] {
    return this.events.filter((event) => event.type === type && event.atMs >= sinceMs);
  }
}

export interface VerifierBenchOptions {
  readonly suite?: Suite;
  /** What the peer's SDP says of its address. */
  readonly signalled?: TransportAddress;
  readonly local?: TransportAddress;
  readonly engine?: Partial<EngineOptions>;
  readonly seed?: number;
  /** Takes the bench of another session: both then share its engine, time and ports. */
  readonly beside?: Pick<VerifierBench, 'bench' | 'ports'>;
  readonly isMuxed?: boolean;
  readonly tag?: string;
}

/** A verifier session, and a peer that the test plays itself, with the peer's secret in its hand. */
export class VerifierBench {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly ports: readonly Port[];
  readonly signalled: TransportAddress;
  readonly suite: Suite;
  generation!: Generation;
  offer = '';
  answer = '';
  counter = 0;
  ssrc: number;
  #sequence = 0;
  readonly #options: VerifierBenchOptions;

  constructor(options: VerifierBenchOptions = {}) {
    this.#options = options;
    this.suite = options.suite ?? 'HMAC-SHA-256';
    this.bench = options.beside?.bench ?? new EngineBench(options.engine, options.seed);
    const local = options.local ?? { address: '203.0.113.1', port: 40_000 };
    this.ports =
      options.beside?.ports ??
      (options.isMuxed === false ? [0, 1] : [0]).map((shift) =>
        this.bench.engine.openPort({ ...local, port: local.port + shift }),
      );
    this.signalled = options.signalled ?? { address: '10.0.1.2', port: 5004 };
    this.ssrc = this.bench.prng.uint32();
    this.session = this.bench.engine.createSession({
      call: 'bench',
      role: 'verifier',
      signalling: 'encrypted',
    });
    this.ports.forEach((port, i) => this.component((i + 1) as 1 | 2).attach(port, this.bench.nowMs));
    this.negotiate();
  }

  get nowMs(): number {
    return this.bench.nowMs;
  }

  component(component: 1 | 2 = 1): Component {
    return this.session.component(0, component);
  }

  get mapping(): TransportAddress | undefined {
    return this.component().mapping;
  }

  /** The peer's offer: a new tag and secret unless told to repeat the last. */
  makeOffer(
    change: Partial<MediaDescription> & { readonly repeats?: boolean; readonly address?: string } = {},
  ): string {
    const { repeats = false, address, ...media } = change;
    const tag = this.#options.tag ?? Buffer.from(this.bench.prng.bytes(8)).toString('hex');
    const secret = Buffer.from(this.bench.prng.bytes(32)).toString('base64url');
    const own = /^a=latch:1 .*$/m.exec(this.offer)?.[0]?.trim();
    const line = repeats && own !== undefined ? own : `a=latch:1 ${tag} ${secret} suites=${this.suite}`;
    return makeSdp({
      address: address ?? this.signalled.address,
      media: [
        {
          port: this.signalled.port,
          isMuxed: this.ports.length === 1,
          ...(this.ports.length === 1 ? {} : { rtcpPort: this.signalled.port + 1 }),
          lines: [line],
          ...media,
        },
      ],
    });
  }

  /** The peer offers, the session answers, and the keys of both are known. */
  negotiate(offer = this.makeOffer()): Verdict {
    const verdict = this.session.setRemote(offer, this.nowMs, 'offer');
    this.bench.drain();
    if (!verdict.accepted) return verdict;
    const local = this.ports[0]?.local ?? { address: '', port: 0 };
    const plain = makeSdp({
      address: local.address,
      media: [{ port: local.port, isMuxed: this.ports.length === 1 }],
    });
    this.offer = offer;
    this.answer = this.session.setLocal(plain, this.nowMs, 'answer');
    this.bench.drain();
    const [offered] = oracle.readLatchLines(offer);
    const [answered] = oracle.readLatchLines(this.answer);
    if (offered !== undefined && answered !== undefined) {
      if (this.generation?.proverTag !== offered.tag) this.counter = 0;
      this.generation = generationOf(offered, answered, 'answerer');
    }
    return verdict;
  }

  advance(ms: number): void {
    this.bench.advance(ms);
  }

  receive(bytes: Uint8Array, source: TransportAddress, component: 1 | 2 = 1): Component | undefined {
    const port = this.ports[Math.min(component, this.ports.length) - 1] as Port;
    return this.bench.receive(port, bytes, source);
  }

  /** Puts a datagram in without looking for what comes out: for floods. The next `receive` drains what did. */
  engineOnly(bytes: Uint8Array, { address, port }: TransportAddress): void {
    const handedOn = this.bench.engine.handleDatagram(
      this.ports[0] as Port,
      bytes,
      address,
      port,
      this.nowMs,
    );
    if (handedOn !== undefined) throw new Error('handed to the application');
  }

  transaction(counter = ++this.counter): Buffer {
    return oracle.makeTransaction(counter, this.bench.prng.bytes(8));
  }

  hello(
    source: TransportAddress,
    options: { counter?: number; component?: 1 | 2; word?: Uint8Array } = {},
  ): Buffer {
    const { component = 1, word } = options;
    const bytes = oracle.makeHello(this.generation, component, this.transaction(options.counter), word);
    this.receive(bytes, source, component);
    return bytes;
  }

  keepalive(source: TransportAddress, counter?: number): Buffer {
    const bytes = oracle.makeKeepalive(this.generation, this.transaction(counter));
    this.receive(bytes, source);
    return bytes;
  }

  media(
    source: TransportAddress,
    options: { ssrc?: number; sizeBytes?: number; component?: 1 | 2 } = {},
  ): boolean {
    const payload = new Uint8Array((options.sizeBytes ?? 172) - 12);
    const fields = { ssrc: options.ssrc ?? this.ssrc, sequence: this.#sequence++, timestamp: 0, payload };
    return this.receive(makeRtp(fields), source, options.component) !== undefined;
  }

  report(source: TransportAddress, component: 1 | 2 = 1): boolean {
    return this.receive(makeSenderReport(this.ssrc, this.nowMs, 1), source, component) !== undefined;
  }

  challengesTo(remote: TransportAddress, sinceMs?: number): Sent[] {
    return this.bench.sentTo(remote, 'challenge', sinceMs);
  }

  /** Answers a challenge as the prover would, from `source`. */
  respond(
    challenge: Sent,
    source = challenge.destination,
    component: 1 | 2 = 1,
    generation = this.generation,
  ): Buffer {
    const { transaction, word } = challenge.message as Reading & { word: Buffer };
    const bytes = oracle.makeResponse(generation, component, { transaction, word }, challenge.port.local);
    this.receive(bytes, source, component);
    return bytes;
  }

  /** Answers the last challenge that went to `remote`, `afterMs` later. */
  answerFrom(remote: TransportAddress, afterMs = 10, component: 1 | 2 = 1): void {
    const challenge = this.challengesTo(remote).at(-1);
    if (challenge === undefined) throw new Error(`no challenge has gone to ${remote.address}:${remote.port}`);
    this.advance(afterMs);
    this.respond(challenge, remote, component);
  }

  /** Hello, challenge, response: `remote` is verified, and after what rule 5.11 asks, active. */
  verify(remote: TransportAddress, component: 1 | 2 = 1): void {
    this.hello(remote, { component });
    this.answerFrom(remote, 10, component);
  }

  /** Whether payload would go out now, and where. */
  outgoing(component: 1 | 2 = 1): TransportAddress | undefined {
    return this.speak(new Uint8Array(20), component);
  }

  /** The application sends this; where it goes. */
  speak(bytes: Uint8Array, component: 1 | 2 = 1): TransportAddress | undefined {
    return this.component(component).handleSend(bytes, this.nowMs);
  }
}

/** What both ends know after an exchange, with one of them as verifier. */
export function generationOf(
  offered: LatchLine,
  answered: LatchLine,
  verifier: 'offerer' | 'answerer',
): Generation {
  const [verifying, proving] = verifier === 'offerer' ? [offered, answered] : [answered, offered];
  return {
    ...oracle.deriveKeys(offered, answered),
    verifierTag: verifying.tag,
    proverTag: proving.tag,
    word: verifying.word ?? Buffer.alloc(16),
  };
}

export interface ProverBenchOptions {
  readonly suite?: Suite;
  readonly keepaliveS?: number;
  readonly engine?: Partial<EngineOptions>;
  readonly direction?: MediaDescription['direction'];
}

/** A prover session that has offered, and a verifier that the test plays itself. */
export class ProverBench {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly port: Port;
  readonly verifier: TransportAddress = { address: '203.0.113.1', port: 40_000 };
  readonly suite: Suite;
  generation!: Generation;
  readonly #options: ProverBenchOptions;

  constructor(options: ProverBenchOptions = {}) {
    this.#options = options;
    this.suite = options.suite ?? 'HMAC-SHA-256';
    this.bench = new EngineBench({ suites: [this.suite], ...options.engine });
    this.port = this.bench.engine.openPort({ address: '10.0.1.2', port: 5004 });
    this.session = this.bench.engine.createSession({
      call: 'bench',
      role: 'prover',
      signalling: 'encrypted',
    });
    this.component.attach(this.port, this.bench.nowMs);
    this.negotiate();
  }

  get component(): Component {
    return this.session.component(0, 1);
  }

  get nowMs(): number {
    return this.bench.nowMs;
  }

  /** The session offers; the verifier answers with a tag, secret and word of its own. */
  negotiate(direction = this.#options.direction): void {
    const media = { port: 5004, isMuxed: true, ...(direction === undefined ? {} : { direction }) };
    const offer = this.session.setLocal(
      makeSdp({ address: '10.0.1.2', media: [media] }),
      this.nowMs,
      'offer',
    );
    this.bench.drain();
    const [offered] = oracle.readLatchLines(offer);
    if (offered === undefined) throw new Error('the prover offered no latch');
    const random = (sizeBytes: number): string =>
      Buffer.from(this.bench.prng.bytes(sizeBytes)).toString('base64url');
    const tag = Buffer.from(this.bench.prng.bytes(8)).toString('hex');
    const keepalive = this.#options.keepaliveS === undefined ? '' : ` keepalive=${this.#options.keepaliveS}`;
    const answer = makeSdp({
      address: this.verifier.address,
      media: [
        {
          ...media,
          port: this.verifier.port,
          lines: [
            `a=latch:1 ${tag} ${random(32)} suite=${this.suite}${keepalive}`,
            `a=latch-challenge:${random(16)}`,
          ],
        },
      ],
    });
    const verdict = this.session.setRemote(answer, this.nowMs, 'answer');
    if (!verdict.accepted) throw new Error(`the prover refused the answer: ${verdict.warning}`);
    this.bench.drain();
    const [answered] = oracle.readLatchLines(answer);
    this.generation = generationOf(offered, answered as LatchLine, 'answerer');
  }

  advance(ms: number): void {
    this.bench.advance(ms);
  }

  receive(bytes: Uint8Array, source = this.verifier): Component | undefined {
    return this.bench.receive(this.port, bytes, source);
  }

  sent(kind: Reading['kind'], sinceMs = -Infinity): Sent[] {
    return this.bench.sent.filter(({ message, atMs }) => message?.kind === kind && atMs >= sinceMs);
  }

  /** Puts a challenge to the prover; the answer, if there is one, is the last response sent. */
  challenge(source = this.verifier, generation = this.generation): { transaction: Buffer; word: Buffer } {
    const transaction = Buffer.from(this.bench.prng.bytes(12));
    const word = Buffer.from(this.bench.prng.bytes(16));
    this.receive(oracle.makeChallenge(generation, transaction, word), source);
    return { transaction, word };
  }

  /** Welcomes the last hello, with the mapping that the verifier would have seen. */
  welcome(mapped: TransportAddress, hello = this.sent('hello').at(-1), source = this.verifier): void {
    if (hello === undefined) throw new Error('no hello to welcome');
    const transaction = (hello.message as Reading).transaction;
    this.receive(oracle.makeWelcome(this.generation, transaction, mapped), source);
  }

  media(source = this.verifier): boolean {
    return this.receive(makeRtp({ ssrc: 77, sequence: 1, timestamp: 1 }), source) !== undefined;
  }
}

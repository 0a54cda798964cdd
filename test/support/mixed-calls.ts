// Calls of every kind of protection on one shared port, in virtual time, and the judge over them. The peers are played by hand:
// honest ones answer what reaches them, attackers know everything but keys. The judge works out of datagrams alone which
// address has proven itself for which call, and holds what is delivered and sent against protocol.md 5.1, 5.4, 5.5, 5.6, 5.7
// and 6.2. It asks the engine one thing only: which mapping it says is active.
import { Engine, LatchkeyError } from '../../lib/core/index.js';
import type { Component, LatchEvent, Port } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { testCrypto } from './crypto.js';
import { generationOf } from './engine-bench.js';
import { defaultEngineOptions } from './engine-host.js';
import { IcePhone, readServerCheck } from './ice-phone.js';
import type { Check } from './ice-phone.js';
import { makeRtp, makeSenderReport } from './media.js';
import * as oracle from './oracle.js';
import type { Generation, LatchLine } from './oracle.js';
import { Prng } from './prng.js';
import { makeSdp } from './session-description.js';

type Session = ReturnType<Engine['createSession']>;

/** What the signalling tells of a peer, where the engine can be told. */
interface Told {
  peer?(source: { readonly address: string; readonly transport: 'udp' | 'tls' }): void;
  confirm?(): void;
}

/** Where every choice of a sequence comes from: a generator, or the bytes of a fuzzer. */
export interface Choices {
  integer(below: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
}

export const CALL_KINDS = ['latch', 'mutual', 'ice', 'none', 'legacy', 'prover'] as const;
/** `mutual`: latch both ways. `prover`: our side proves, the peer is a server. */
export type CallKind = (typeof CALL_KINDS)[number];
/** Whose payload only a proven address sends and gets. */
const PROVEN: readonly CallKind[] = ['latch', 'mutual', 'ice'];

export interface MixedCall {
  readonly number: number;
  readonly session: Session;
  readonly isHonest: boolean;
  readonly ssrc: number;
  kind: CallKind;
  /** Where the peer is, whatever its SDP says. */
  address: TransportAddress;
  /** What its SDP says. */
  signalled: TransportAddress;
  /** Since when its SDP says so. */
  claimedMs: number;
  /** The IP address that its signalling comes from; undefined where nobody has told. */
  readonly home: string | undefined;
  /** Its signalling comes over a connection, so somebody is known to receive at that address (protocol.md 8). */
  readonly isHomeShown: boolean;
  generation: Generation | undefined;
  phone: IcePhone | undefined;
  /** Addresses that have answered a challenge of this call, by whoever holds its keys. */
  readonly proven: Set<string>;
  sequence: number;
  counter: number;
  isOpen: boolean;
  /** Of ours, as they stand in SDP: nothing that is printed may hold them. */
  readonly secrets: string[];
}

interface Outstanding {
  readonly call: MixedCall;
  readonly key: string;
}

interface Account {
  receivedBytes: number;
  sentBytes: number;
  /** Payload of calls that nothing protects. */
  payloadBytes: number;
  /** When something went there that seemed to be paid for by what came. */
  readonly paidMs: number[];
  /** An SDP names it, or has named it: its few may have gone. */
  isNamed: boolean;
}

interface SsrcOwner {
  readonly call: MixedCall;
  lastMs: number;
}

/** What may never be. */
export class MixedViolation extends Error {
  override readonly name = 'MixedViolation';
}

const SERVER: TransportAddress = { address: '203.0.113.1', port: 40_000 };
const MINUTE_MS = 60_000;
const OWNERSHIP_MS = 30_000;
/** A hello or a challenge of ours has no more. */
const LONGEST_UNASKED_BYTES = 140;
/** Nothing that was asked before is still waited for. */
export const QUIET_MS = 6000;
const MAX_RECORDED = 60;
const MAX_OUTPUTS = 400;
export const MAX_CALLS = 10;

export const keyOf = ({ address, port }: TransportAddress): string => `${address}|${port}`;
/** No target that nothing has come from (protocol.md 5.7): loopback, link-local, private, multicast, broadcast, and our own. */
const isForbidden = (key: string): boolean =>
  /^(?:0|10|127|169\.254|2(?:2[4-9]|3\d)|255)\./.test(key) || key === keyOf(SERVER);
/** 198.18/15, where the attackers are, is for measurements between networks: an SDP may no more aim us there than at 10/8. */
const isUnrouted = ({ address }: TransportAddress): boolean => /^198\.1[89]\./.test(address);
const blockOf = (address: string): string => address.slice(0, address.lastIndexOf('.'));

export class MixedCalls {
  readonly engine: Engine;
  readonly port: Port;
  readonly prng: Prng;
  readonly calls: MixedCall[] = [];
  /** Everything that honest peers have sent, and what was sent to them, the newest last: attackers read it all. */
  readonly recorded: Uint8Array[] = [];
  /** The next so many datagrams of honest peers reach the server from an attacker first. */
  racesLeft = 0;
  nowMs = 5000;
  /** Payload of honest peers with proven addresses: how much there was to steal. */
  delivered = 0;
  proofs = 0;
  /** When a datagram last came from where nobody is known to be. */
  strayMs = -Infinity;
  readonly #byComponent = new Map<Component, MixedCall>();
  readonly #byName = new Map<string, MixedCall>();
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #lastProof = new Map<string, { readonly call: MixedCall; atMs: number }>();
  readonly #accounts = new Map<string, Account>();
  readonly #free: { readonly atMs: number; readonly ip: string }[] = [];
  readonly #ssrcOwners = new Map<number, SsrcOwner>();
  readonly #pending: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly #provenIps = new Map<string, number>();
  readonly #shownIps = new Set<string>();
  /** Challenges that went out while the last datagram was handled, by address. */
  #challenged: { readonly key: string; readonly call: MixedCall }[] = [];
  #nextPort = 30_000;
  #nextNumber = 1;

  constructor(
    readonly choices: Choices,
    seed = 1,
  ) {
    this.prng = new Prng(seed);
    this.engine = new Engine(defaultEngineOptions, testCrypto, this.prng.fork());
    this.port = this.engine.openPort(SERVER);
  }

  get open(): readonly MixedCall[] {
    return this.calls.filter(({ isOpen }) => isOpen);
  }

  honest(kinds: readonly CallKind[] = CALL_KINDS): MixedCall | undefined {
    const fitting = this.open.filter(({ isHonest, kind }) => isHonest && kinds.includes(kind));
    return fitting.length === 0 ? undefined : this.choices.pick(fitting);
  }

  /** An address of one of the attackers' own. */
  attacker(): TransportAddress {
    return { address: `198.18.66.${1 + this.choices.integer(3)}`, port: 1000 + this.choices.integer(12) };
  }

  /** A home of some honest peer, never used before. */
  freshAddress(): TransportAddress {
    return { address: `198.51.100.${1 + this.choices.integer(4)}`, port: this.#nextPort++ };
  }

  isProvenKind({ kind }: MixedCall): boolean {
    return PROVEN.includes(kind);
  }

  mappingOf(call: MixedCall): string | undefined {
    const mapping = call.session.component(0, 1).mapping;
    return mapping && keyOf(mapping);
  }

  /** The call that has proven the address last and has its media there (protocol.md 5.1). */
  holderOf(key: string): MixedCall | undefined {
    const call = this.#lastProof.get(key)?.call;
    return call?.isOpen && this.isProvenKind(call) && this.mappingOf(call) === key ? call : undefined;
  }

  /**
   * Of several calls whose SDP names the address and that prove nothing, the one whose signalling comes from there, else the
   * earlier (protocol.md 5.1).
   */
  claimantOf(key: string): MixedCall | undefined {
    let best: MixedCall | undefined;
    for (const call of this.open) {
      if (keyOf(call.signalled) !== key || !this.#claims(call)) continue;
      if (!best || this.#isBetterClaim(call, best)) best = call;
    }
    return best;
  }

  /** A prover chose its peer; a peer without a key is only taken to be where an SDP may aim us (protocol.md 5.7, 6.5). */
  #claims({ kind, signalled, home, isHomeShown }: MixedCall): boolean {
    if (kind !== 'none') return kind === 'prover';
    return (
      (isHomeShown && home === signalled.address) || !(isForbidden(keyOf(signalled)) || isUnrouted(signalled))
    );
  }

  #isBetterClaim(call: MixedCall, than: MixedCall): boolean {
    const [isHome, isOtherHome] = [call, than].map(({ home, signalled }) => home === signalled.address);
    return isHome === isOtherHome ? call.claimedMs < than.claimedMs : isHome === true;
  }

  // ---- calls -------------------------------------------------------------------------------------------------

  call(
    kind: CallKind,
    isHonest: boolean,
    address: TransportAddress,
    signalled: TransportAddress,
  ): MixedCall | undefined {
    if (this.open.length >= MAX_CALLS) return undefined;
    const session = this.engine.createSession({
      call: `call-${this.#nextNumber}`,
      role: kind === 'prover' ? 'prover' : 'verifier',
      signalling: 'encrypted',
      policy: kind === 'legacy' ? 'legacy' : 'prefer',
    });
    const isHomeKnown = this.choices.chance(0.6);
    const transport = this.choices.pick(['udp', 'tls'] as const);
    const call: MixedCall = {
      number: this.#nextNumber++,
      session,
      isHonest,
      ssrc: this.prng.uint32(),
      kind,
      address,
      signalled,
      claimedMs: this.nowMs,
      home: isHomeKnown ? address.address : undefined,
      isHomeShown: isHomeKnown && transport === 'tls',
      generation: undefined,
      phone: undefined,
      proven: new Set(),
      sequence: 0,
      counter: 0,
      isOpen: true,
      secrets: [],
    };
    this.calls.push(call);
    const component = session.component(0, 1);
    this.#byComponent.set(component, call);
    component.attach(this.port, this.nowMs);
    const told = session as Told;
    if (call.home !== undefined) told.peer?.({ address: call.home, transport });
    if (call.home !== undefined && call.isHomeShown) this.#shownIps.add(call.home);
    this.negotiate(call);
    if (call.isOpen) told.confirm?.();
    return call;
  }

  /** An exchange: the peer offers, or answers where our side proves. With a new secret where its protection has one. */
  negotiate(call: MixedCall, signalled = call.signalled): void {
    if (keyOf(signalled) !== keyOf(call.signalled)) call.claimedMs = this.nowMs;
    call.signalled = signalled;
    const { session, kind } = call;
    const local = makeSdp({ address: SERVER.address, media: [{ port: SERVER.port, isMuxed: true }] });
    if (kind === 'prover') this.#negotiateAsProver(call, local);
    else {
      const lines = this.#linesOf(call);
      const media = { port: signalled.port, isMuxed: true, lines };
      const offer = makeSdp({ address: signalled.address, media: [media] });
      const verdict = session.setRemote(offer, this.nowMs, 'offer');
      if (!verdict.accepted) return this.#handleRefusal(call, verdict.warning);
      const answer = session.setLocal(local, this.nowMs, 'answer');
      call.phone?.readAnswer(answer);
      this.#noteSecrets(call, answer);
      if (call.phone) this.#byName.set(`${call.phone.ufrag}:${call.phone.serverUfrag}`, call);
      const [offered] = oracle.readLatchLines(offer);
      const [answered] = oracle.readLatchLines(answer);
      if (offered && answered) this.#takeGeneration(call, offered, answered);
    }
    this.drain();
  }

  /** The peer offers again and names no secret any more: what was proven does not count from now on. */
  downgrade(call: MixedCall): void {
    call.kind = 'none';
    call.generation = call.phone = undefined;
    call.proven.clear();
    call.claimedMs = this.nowMs;
    this.negotiate(call);
  }

  hangUp(call: MixedCall): void {
    call.session.close(this.nowMs);
    call.isOpen = false;
    this.drain();
  }

  /** An attacker may ask for what is refused; then there is no such call. */
  #handleRefusal(call: MixedCall, warning: string): void {
    if (call.isHonest) throw new MixedViolation(`a description of an honest peer is refused: ${warning}`);
    this.hangUp(call);
  }

  #negotiateAsProver(call: MixedCall, local: string): void {
    const offer = call.session.setLocal(local, this.nowMs, 'offer');
    this.#noteSecrets(call, offer);
    const lines = [
      `a=latch:1 ${this.#tag()} ${this.#base64(32)} suite=HMAC-SHA-256`,
      `a=latch-challenge:${this.#base64(16)}`,
    ];
    const { address, port } = call.signalled;
    const answer = makeSdp({ address, media: [{ port, isMuxed: true, lines }] });
    const verdict = call.session.setRemote(answer, this.nowMs, 'answer');
    if (!verdict.accepted) return this.#handleRefusal(call, verdict.warning);
    const [offered] = oracle.readLatchLines(offer);
    const [answered] = oracle.readLatchLines(answer);
    if (offered && answered) this.#takeGeneration(call, offered, answered);
  }

  #takeGeneration(call: MixedCall, offered: LatchLine, answered: LatchLine): void {
    call.generation = generationOf(offered, answered, 'answerer');
    call.counter = 0;
    const { proverTag, verifierTag } = call.generation;
    this.#byName.set(`${proverTag}:${verifierTag}`, call);
    this.#byName.set(`${verifierTag}:${proverTag}`, call);
  }

  #linesOf(call: MixedCall): string[] {
    switch (call.kind) {
      case 'none':
      case 'legacy':
      case 'prover':
        return [];
      case 'ice':
        call.phone = new IcePhone(`n${call.number}x${this.prng.integer(1000)}`);
        return call.phone.lines;
      case 'latch':
        return [this.#latchLine()];
      case 'mutual':
        return [this.#latchLine(), `a=latch-challenge:${this.#base64(16)}`];
    }
  }

  #latchLine(): string {
    return `a=latch:1 ${this.#tag()} ${this.#base64(32)} suites=${this.choices.pick(oracle.suites)}`;
  }

  #tag(): string {
    return Buffer.from(this.prng.bytes(8)).toString('hex');
  }

  #base64(sizeBytes: number): string {
    return Buffer.from(this.prng.bytes(sizeBytes)).toString('base64url');
  }

  #noteSecrets(call: MixedCall, sdp: string): void {
    for (const { secret } of oracle.readLatchLines(sdp)) call.secrets.push(secret.toString('base64url'));
    const pwd = /a=ice-pwd:(\S+)/.exec(sdp)?.[1];
    if (pwd !== undefined) call.secrets.push(pwd);
  }

  // ---- time --------------------------------------------------------------------------------------------------

  /** Lets the time pass: the engine's timers and the peers' answers, each at its moment. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let rounds = 0; ; rounds++) {
      if (rounds > 50_000) throw new MixedViolation('the engine asks for the same moment without end');
      const timeoutMs = this.engine.pollTimeout() ?? Infinity;
      const [first] = this.#pending;
      if (first && first.atMs <= endMs && first.atMs <= timeoutMs) {
        this.#pending.shift();
        this.nowMs = Math.max(this.nowMs, first.atMs);
        first.run();
      } else if (timeoutMs <= endMs) {
        this.nowMs = Math.max(this.nowMs, timeoutMs);
        this.engine.handleTimeout(this.nowMs);
        this.drain();
      } else break;
    }
    this.nowMs = endMs;
  }

  #later(delayMs: number, run: () => void): void {
    this.#pending.push({ atMs: this.nowMs + delayMs, run });
    this.#pending.sort((a, b) => a.atMs - b.atMs);
    if (this.#pending.length > MAX_OUTPUTS) this.#pending.shift();
  }

  // ---- in ----------------------------------------------------------------------------------------------------

  /** A datagram of the call's peer, from where it is. */
  say(call: MixedCall, bytes: Uint8Array): MixedCall | undefined {
    if (call.isHonest) {
      this.#record(bytes);
      if (this.racesLeft > 0) {
        this.racesLeft--;
        this.receive(bytes, this.attacker());
      }
    }
    return this.receive(bytes, call.address);
  }

  receive(bytes: Uint8Array, source: TransportAddress): MixedCall | undefined {
    const key = keyOf(source);
    this.#account(key).receivedBytes += bytes.length;
    this.#challenged = [];
    const isKnown = this.holderOf(key) !== undefined || this.claimantOf(key) !== undefined;
    if (!isKnown) this.strayMs = this.nowMs;
    const component = this.engine.handleDatagram(this.port, bytes, source.address, source.port, this.nowMs);
    const call = component && this.#byComponent.get(component);
    if (component && !call) throw new MixedViolation('delivered to a component of nobody');
    if (call) this.#judgeDelivered(call, key, bytes);
    this.drain();
    if (!isKnown && !oracle.isStun(bytes)) this.#judgeSsrc(key, bytes);
    return call;
  }

  talk(call: MixedCall, ssrc = call.ssrc, sizeBytes = 172): MixedCall | undefined {
    const payload = new Uint8Array(Math.max(0, sizeBytes - 12));
    const key = keyOf(call.address);
    const mustReach = this.holderOf(key) === call && call.isHonest;
    const claims = this.holderOf(key) === undefined && this.claimantOf(key) === call && call.isHonest;
    const reached = this.say(call, makeRtp({ ssrc, sequence: call.sequence++, timestamp: 0, payload }));
    if (mustReach && reached !== call)
      throw new MixedViolation(
        `5.1: payload from ${key}, proven by call ${this.name(call)}, went to ${this.name(reached)}`,
      );
    // Who has proven the address keeps it before who names it, on a path that is not the active one too (protocol.md 5.1, 8.1).
    const isProven = reached !== undefined && this.isProvenKind(reached) && reached.proven.has(key);
    if (claims && reached && reached !== call && reached.kind !== 'legacy' && !isProven)
      throw new MixedViolation(
        `5.1: payload from ${key}, claimed by ${this.name(call)}, went to ${this.name(reached)}`,
      );
    if (reached === call && mustReach) this.delivered++;
    return reached;
  }

  report(call: MixedCall): void {
    this.say(call, makeSenderReport(call.ssrc, this.nowMs, 1));
  }

  /** A hello or a check, as the call's protection has it. */
  greet(call: MixedCall, source = call.address): void {
    if (call.kind === 'ice' && call.phone) {
      const transaction = Buffer.from(this.prng.bytes(12));
      const check = call.phone.check({
        transaction,
        isNominating: this.choices.chance(0.7),
        priority: this.choices.integer(256),
      });
      if (source === call.address) this.say(call, check);
      else this.receive(check, source);
    } else if (call.generation && call.kind !== 'prover') {
      const transaction = oracle.makeTransaction(++call.counter, this.prng.bytes(8));
      const hello = oracle.makeHello(call.generation, 1, transaction);
      if (source === call.address) this.say(call, hello);
      else this.receive(hello, source);
    }
  }

  keepalive(call: MixedCall): void {
    if (!call.generation || call.kind === 'prover') return;
    this.say(
      call,
      oracle.makeKeepalive(call.generation, oracle.makeTransaction(++call.counter, this.prng.bytes(8))),
    );
  }

  // ---- out ---------------------------------------------------------------------------------------------------

  /** Our application speaks to the call's peer. */
  speak(call: MixedCall): void {
    if (!call.isOpen) return;
    const bytes = makeRtp({ ssrc: markOf(call), sequence: call.sequence++, timestamp: 0 });
    const destination = call.session.component(0, 1).handleSend(bytes, this.nowMs);
    if (destination) {
      this.#judgeSent(call, keyOf(destination));
      this.#judgePayload(call, destination, bytes.length);
    }
    this.drain();
  }

  drain(): void {
    const { engine } = this;
    let outputs = 0;
    for (let sent = engine.pollTransmit(); sent; sent = engine.pollTransmit()) {
      if (++outputs > MAX_OUTPUTS) throw new MixedViolation(`more than ${MAX_OUTPUTS} datagrams for one`);
      this.#handleTransmit(sent.bytes, sent.destination);
    }
    for (let held = engine.pollDelivery(); held; held = engine.pollDelivery()) {
      const call = this.#byComponent.get(held.component);
      if (!call) throw new MixedViolation('held for a component of nobody');
      this.#judgeHeld(call, keyOf(held.source), held.bytes);
    }
    for (let event = engine.pollEvent(); event; event = engine.pollEvent()) this.#judgeEvent(event);
  }

  #judgeEvent(event: LatchEvent): void {
    const text = JSON.stringify(event);
    const isTold = this.calls.some(({ secrets }) => secrets.some((secret) => text.includes(secret)));
    if (isTold) throw new MixedViolation(`P7: the event ${event.type} tells a secret`);
  }

  #handleTransmit(bytes: Uint8Array, destination: TransportAddress): void {
    const key = keyOf(destination);
    if (!oracle.isStun(bytes)) {
      const call = this.calls.find((one) => markOf(one) === ssrcOf(bytes));
      if (!call) throw new MixedViolation(`the engine itself sends media to ${key}`);
      return this.#judgeSent(call, key);
    }
    this.#record(bytes);
    const message = oracle.readMessage(bytes);
    const call = this.#byName.get(message?.username ?? '') ?? this.#askedBy(message);
    if (call?.kind !== 'prover') this.#judgeBudget(key, bytes.length, destination.address);
    if (message) this.#handleMessage(message, call, key, bytes);
  }

  #handleMessage(message: oracle.Reading, call: MixedCall | undefined, key: string, bytes: Uint8Array): void {
    switch (message.kind) {
      case 'challenge':
        if (call) this.#handleChallenge(call, key, message.transaction, message.word);
        break;
      case 'hello':
        if (call?.kind === 'prover') this.#handleHello(call, key, message.transaction);
        break;
      case 'response':
        this.#judgeResponse(key);
        break;
      case 'other':
        this.#handleCheck(bytes, key);
        break;
      case 'welcome':
      case 'keepalive':
        break;
    }
  }

  /** Whose response this is: that of the prover that was asked. */
  #askedBy(message: oracle.Reading | undefined): MixedCall | undefined {
    return message && this.#outstanding.get(`asked ${message.transaction.toString('hex')}`)?.call;
  }

  #handleChallenge(call: MixedCall, key: string, transaction: Buffer, word: Buffer | undefined): void {
    this.#challenged.push({ key, call });
    const { generation } = call;
    if (!generation || !word || call.kind === 'prover') return;
    this.#outstanding.set(transaction.toString('hex'), { call, key });
    this.#trim();
    if (keyOf(call.address) !== key || this.choices.chance(0.04)) return;
    const source = call.address;
    this.#later(5 + this.choices.integer(30), () => {
      if (!call.isOpen || keyOf(call.address) !== key) return;
      this.#noteProof(call, transaction, source);
      this.say(call, oracle.makeResponse(generation, 1, { transaction, word }, SERVER));
    });
  }

  #handleCheck(bytes: Uint8Array, key: string): void {
    for (const call of this.open) {
      const check = call.phone && readServerCheck(bytes, call.phone.pwd);
      if (!check?.isControlled) continue;
      this.#challenged.push({ key, call });
      this.#outstanding.set(check.transaction.toString('hex'), { call, key });
      this.#trim();
      if (keyOf(call.address) !== key || this.choices.chance(0.04)) return;
      return this.#answerCheck(call, check, key);
    }
  }

  #answerCheck(call: MixedCall, check: Check, key: string): void {
    const { phone, address: source } = call;
    const transaction = Buffer.from(check.transaction);
    this.#later(5 + this.choices.integer(30), () => {
      if (!phone || !call.isOpen || keyOf(call.address) !== key) return;
      this.#noteProof(call, transaction, source);
      this.say(call, phone.answer({ ...check, transaction }, SERVER));
    });
  }

  /** The server that our side proves itself to welcomes and asks. */
  #handleHello(call: MixedCall, key: string, transaction: Buffer): void {
    const { generation, address } = call;
    if (!generation || keyOf(address) !== key || !call.isHonest) return;
    this.#later(8, () => {
      if (!call.isOpen || call.kind !== 'prover') return;
      this.say(call, oracle.makeWelcome(generation, transaction, SERVER));
      this.challengeOurs(call);
    });
  }

  challengeOurs(call: MixedCall, source = call.address): void {
    if (!call.generation) return;
    const transaction = Buffer.from(this.prng.bytes(12));
    this.#outstanding.set(`asked ${transaction.toString('hex')}`, { call, key: keyOf(source) });
    const bytes = oracle.makeChallenge(call.generation, transaction, this.prng.bytes(16));
    if (source === call.address) this.say(call, bytes);
    else this.receive(bytes, source);
  }

  /** Whoever holds the keys answers from the address that was asked: from now on it counts as proven. */
  #noteProof(call: MixedCall, transaction: Buffer, source: TransportAddress): void {
    const asked = this.#outstanding.get(transaction.toString('hex'));
    const key = keyOf(source);
    // A challenge that came twice is answered twice: the second answer is to nothing outstanding (protocol.md 5.2).
    this.#outstanding.delete(transaction.toString('hex'));
    // A call that has given up its secret meanwhile asks nothing any more.
    if (asked?.call !== call || asked.key !== key || !this.isProvenKind(call)) return;
    call.proven.add(key);
    this.#lastProof.set(key, { call, atMs: this.nowMs });
    this.#provenIps.set(source.address, this.nowMs);
    this.proofs++;
  }

  // ---- the judge ---------------------------------------------------------------------------------------------

  #judgeDelivered(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (!call.isOpen) throw new MixedViolation(`5.10: payload is handed to the closed ${this.name(call)}`);
    this.#judgeAddress(call, key, 'taken from');
    // Only a verified path is ever the active one (protocol.md 5.6): what nothing has proven owns no SSRC.
    if (this.isProvenKind(call) && this.mappingOf(call) === key) this.#noteSsrc(call, ssrcOf(bytes));
  }

  /** It came before: another may have proven the address since (protocol.md 5.11). */
  #judgeHeld(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (!call.isOpen) throw new MixedViolation(`5.10: payload is handed to the closed ${this.name(call)}`);
    if (!this.isProvenKind(call) || !call.proven.has(key))
      throw new MixedViolation(`5.4: payload from ${key} was held for ${this.name(call)} without a proof`);
    if (this.mappingOf(call) === key) this.#noteSsrc(call, ssrcOf(bytes));
  }

  #judgeSent(call: MixedCall, key: string): void {
    if (!call.isOpen) throw new MixedViolation(`5.10: payload of the closed ${this.name(call)} goes out`);
    this.#judgeAddress(call, key, 'sent to');
  }

  #judgeAddress(call: MixedCall, key: string, what: 'taken from' | 'sent to'): void {
    const holder = this.holderOf(key);
    // A call that has proven the address itself sends there until its peer, who has left, is heard elsewhere or expires.
    const mayStay = what === 'sent to' && this.isProvenKind(call) && call.proven.has(key);
    if (holder && holder !== call && !mayStay)
      throw new MixedViolation(
        `5.1: payload of ${this.name(call)} is ${what} ${key}, proven by ${this.name(holder)}`,
      );
    if (this.isProvenKind(call)) {
      if (call.proven.has(key)) return;
      throw new MixedViolation(
        `5.4: payload of ${this.name(call)} is ${what} ${key}, which has proven nothing for it`,
      );
    }
    if (call.kind === 'legacy') return;
    if (key !== keyOf(call.signalled))
      throw new MixedViolation(
        `6.5: payload of ${this.name(call)} is ${what} ${key}, its SDP says ${keyOf(call.signalled)}`,
      );
    // Who only proves itself chose its server: two calls may well have the same one (protocol.md 5.7, 6.1).
    if (call.kind === 'prover' && what === 'sent to') return;
    const first = this.claimantOf(key);
    if (first && first !== call && this.#isBetterClaim(first, call))
      throw new MixedViolation(
        `5.1: payload of ${this.name(call)} is ${what} ${key}, claimed by ${this.name(first)}`,
      );
  }

  #noteSsrc(call: MixedCall, ssrc: number): void {
    const owner = this.ssrcOwner(ssrc);
    if (!owner) this.#ssrcOwners.set(ssrc, { call, lastMs: this.nowMs });
    else if (owner.call === call) owner.lastMs = this.nowMs;
  }

  /** The call on whose active path the SSRC was first accepted, while it goes on there (protocol.md 5.1). */
  ssrcOwner(ssrc: number): SsrcOwner | undefined {
    const owner = this.#ssrcOwners.get(ssrc);
    if (!owner?.call.isOpen || !this.isProvenKind(owner.call)) return undefined;
    return this.nowMs - owner.lastMs < OWNERSHIP_MS ? owner : undefined;
  }

  /** Media from an unknown address makes a candidate for the owner of its SSRC and for nobody else (protocol.md 5.1). */
  #judgeSsrc(key: string, bytes: Uint8Array): void {
    if (bytes.length < 12) return;
    const owner = this.ssrcOwner(ssrcOf(bytes));
    for (const { key: asked, call } of this.#challenged)
      if (asked === key && owner && call !== owner.call && !call.proven.has(key))
        throw new MixedViolation(
          `5.1: media of ${this.name(owner.call)} from ${key} makes a candidate for ${this.name(call)}`,
        );
  }

  /** Whether the call was challenged at the address while the last datagram was handled. */
  wasChallenged(call: MixedCall, key: string): boolean {
    return this.#challenged.some((one) => one.call === call && one.key === key);
  }

  /** The SDP of a call that is none of these names the address. */
  noteNamed(address: TransportAddress): void {
    this.#account(keyOf(address)).isNamed = true;
  }

  /** protocol.md 5.4 and P3: three times what came from there, and beside that 5.7's few to an address that an SDP names. */
  #judgeBudget(key: string, sizeBytes: number, ip: string): void {
    if (this.#lastProof.has(key)) return;
    if ((this.#provenIps.get(ip) ?? -Infinity) > this.nowMs - 10 * MINUTE_MS) return;
    const isAllowed = !isForbidden(key);
    if (isAllowed && this.#shownIps.has(ip)) return;
    const account = this.#account(key);
    account.isNamed ||= this.calls.some(({ signalled }) => keyOf(signalled) === key);
    const { isNamed } = account;
    const fits = (): boolean => account.sentBytes + sizeBytes <= 3 * account.receivedBytes;
    if (!fits() && isAllowed && isNamed) {
      if (this.#takeFree(ip, this.nowMs))
        return void (account.sentBytes += sizeBytes - LONGEST_UNASKED_BYTES);
      // Which of them were the few cannot be seen: one that seemed to be paid for may have been one, if there was room for it.
      const at = account.paidMs.findIndex((atMs) => this.#takeFree(ip, atMs));
      if (at >= 0) account.paidMs.splice(at, 1);
      if (at >= 0) account.sentBytes -= LONGEST_UNASKED_BYTES;
    }
    if (!fits())
      throw new MixedViolation(
        `${isNamed ? '5.7' : '5.4'}: ${account.sentBytes + sizeBytes} bytes to ${key}, which sent ${account.receivedBytes}`,
      );
    account.sentBytes += sizeBytes;
    account.paidMs.push(this.nowMs);
    if (account.paidMs.length > MAX_RECORDED) account.paidMs.shift();
  }

  /** Of 10 datagrams a minute to an IP address and 40 to its /24 (protocol.md 5.7) one at this moment, if there is room. */
  #takeFree(ip: string, atMs: number): boolean {
    const one = { atMs, ip };
    const toBlock = [...this.#free, one].filter((other) => blockOf(other.ip) === blockOf(ip));
    const toIp = toBlock.filter((other) => other.ip === ip);
    if (!isWithin(toIp, 10) || !isWithin(toBlock, 40)) return false;
    this.#free.push(one);
    if (this.#free.length > MAX_OUTPUTS) this.#free.shift();
    return true;
  }

  /** Where nothing protects a call, what goes to an address that is not shown is paid for by what came from there. */
  #judgePayload(call: MixedCall, destination: TransportAddress, sizeBytes: number): void {
    if (call.kind !== 'none') return;
    const key = keyOf(destination);
    if (isForbidden(key)) throw new MixedViolation(`5.7: payload goes to ${key}`);
    if (call.isHomeShown && call.home === destination.address) return;
    const account = this.#account(key);
    account.payloadBytes += sizeBytes;
    if (account.payloadBytes <= 3 * account.receivedBytes) return;
    throw new MixedViolation(
      `P11: ${account.payloadBytes} bytes of payload to ${key}, which sent ${account.receivedBytes} and is not shown`,
    );
  }

  /** A challenge is answered only to where the prover's media goes (protocol.md 6.2). */
  #judgeResponse(key: string): void {
    if (
      this.open.some(
        (call) => call.generation && (keyOf(call.signalled) === key || this.mappingOf(call) === key),
      )
    )
      return;
    throw new MixedViolation(`6.2: a challenge is answered to ${key}, where no peer's media is`);
  }

  /** Tables do not grow with what strangers send, and closed calls leave nothing behind. */
  judgeMemory(): void {
    const { size } = this.port;
    const most = 40 + 60 * this.open.length;
    if (size > most) throw new MixedViolation(`5.9: ${size} entries for ${this.open.length} calls`);
  }

  /** Everybody hangs up: nothing may be left. */
  finish(): void {
    for (const call of this.open) this.hangUp(call);
    if (this.port.size > 0)
      throw new MixedViolation(`5.10: ${this.port.size} entries are left of closed calls`);
    this.advance(1000);
  }

  // ---- small things --------------------------------------------------------------------------------------------

  name(call: MixedCall | undefined): string {
    return call ? `${call.isHonest ? 'honest' : "an attacker's"} ${call.kind} call` : 'nobody';
  }

  #record(bytes: Uint8Array): void {
    this.recorded.push(bytes);
    if (this.recorded.length > MAX_RECORDED) this.recorded.shift();
  }

  #trim(): void {
    if (this.#outstanding.size <= MAX_OUTPUTS) return;
    const oldest = this.#outstanding.keys().next();
    if (!oldest.done) this.#outstanding.delete(oldest.value);
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (!account)
      this.#accounts.set(
        key,
        (account = { receivedBytes: 0, sentBytes: 0, payloadBytes: 0, paidMs: [], isNamed: false }),
      );
    return account;
  }
}

/** No more than so many in any minute. */
function isWithin(all: readonly { readonly atMs: number }[], limit: number): boolean {
  const times = all.map(({ atMs }) => atMs).sort((a, b) => a - b);
  return times.every((atMs, i) => (times[i + limit] ?? Infinity) - atMs >= MINUTE_MS);
}

const markOf = ({ number }: MixedCall): number => (0x5e000000 | number) >>> 0;

function ssrcOf(bytes: Uint8Array): number {
  if (bytes.length < 12) return 0;
  const isRtcp = (bytes[1] ?? 0) >= 192 && (bytes[1] ?? 0) <= 223;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(isRtcp ? 4 : 8);
}

/** Runs `act`; a bad call is refused by a LatchkeyError, and anything else thrown is a fault. */
export function refusingBadCalls(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
  }
}

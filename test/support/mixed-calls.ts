// Calls of every kind of protection on one shared port, in virtual time, and the judge over them. The peers are played by hand:
// honest ones answer what reaches them, attackers know everything but keys. The judge works out of datagrams alone which
// address has proven itself for which call, and holds what is delivered and sent against protocol.md 5.1, 5.4 to 5.8, 6.2, 8.1,
// 8.2, P10 and P11. It asks the engine two things only: which mapping it says is active, and whether it still waits for a response.
import { Engine, LatchkeyError } from '../../lib/core/index.js';
import type { Component, LatchEvent, Port } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { testCrypto } from './crypto.js';
import { generationOf } from './engine-bench.js';
import { defaultEngineOptions } from './engine-host.js';
import { IcePhone, readServerCheck } from './ice-phone.js';
import type { Check } from './ice-phone.js';
import { makeRtp, makeSenderReport } from './media.js';
import { Budgets } from './mixed-budgets.js';
import { CALL_KINDS, MixedCall } from './mixed-call.js';
import type { CallKind } from './mixed-call.js';
import type { EvidenceReading } from './mixed-evidence.js';
import { isForbidden, keyOf, MixedViolation, SERVER } from './mixed-rules.js';
import { SrtpPeer } from './mixed-srtp.js';
import type { MadePacket } from './mixed-srtp.js';
import { SsrcLedger } from './mixed-ssrcs.js';
import * as oracle from './oracle.js';
import type { LatchLine } from './oracle.js';
import { Prng } from './prng.js';
import { makeSdp } from './session-description.js';

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

interface Outstanding {
  readonly call: MixedCall;
  readonly key: string;
}

interface Proof {
  readonly call: MixedCall;
  readonly atMs: number;
}

/** Payload that nobody got at once, from an address that had proven itself. */
interface Arrival {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly atMs: number;
  readonly proof: Proof;
}

/** Nothing that was asked before is still waited for. */
export const QUIET_MS = 6000;
/** A trial lasts one and a half round trips, which are measured from the first of challenges that go out for 3100 ms (5.2, 5.11). */
const TRIAL_MS = 5000;
const MAX_RECORDED = 60;
const MAX_OUTPUTS = 400;
/** What may go to an address that nothing has come from (protocol.md 5.7); `other` is a check. */
const QUESTIONS: readonly oracle.Reading['kind'][] = ['hello', 'challenge', 'other'];
/** An IP address that has verified something is not bounded for so long (protocol.md 5.7). */
const VERIFIED_MS = 600_000;
export const MAX_CALLS = 10;

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
  /** How often an address was taken for that of a peer without a key. */
  locks = 0;
  /** When a datagram last came from where nobody is known to be. */
  strayMs = -Infinity;
  readonly #byComponent = new Map<Component, MixedCall>();
  readonly #byName = new Map<string, MixedCall>();
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #lastProof = new Map<string, Proof>();
  readonly #arrivals: Arrival[] = [];
  readonly #budgets = new Budgets();
  readonly #named = new Map<string, string>();
  readonly #ssrcs = new SsrcLedger<MixedCall>();
  readonly #pending: { readonly atMs: number; readonly run: () => void }[] = [];
  /** Sessions of which a loss of protection was told. */
  readonly #downgraded = new Set<string>();
  readonly #provenIps = new Map<string, number>();
  /** Challenges that went out while the last datagram was handled, by address. */
  #challenged: { readonly key: string; readonly call: MixedCall }[] = [];
  #open: MixedCall[] = [];
  #nextPort = 30_000;

  constructor(
    readonly choices: Choices,
    seed = 1,
  ) {
    this.prng = new Prng(seed);
    this.engine = new Engine(defaultEngineOptions, testCrypto, this.prng.fork(), nodeSrtpCrypto);
    this.port = this.engine.openPort(SERVER);
  }

  get open(): readonly MixedCall[] {
    return this.#open;
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

  /** The call that has proven the address last and has its media there (protocol.md 5.1). */
  holderOf(key: string): MixedCall | undefined {
    const call = this.#lastProof.get(key)?.call;
    return call?.isOpen && call.isProving && call.mapping === key ? call : undefined;
  }

  /**
   * Of several calls that have the address by their word alone, the one whose signalling comes from there, else the earlier
   * (protocol.md 5.1).
   */
  claimantOf(key: string): MixedCall | undefined {
    let best: MixedCall | undefined;
    for (const call of this.#open) {
      if (call.claimed === key && (!best || isBetterClaim(call, best, key))) best = call;
    }
    return best;
  }

  // ---- calls -------------------------------------------------------------------------------------------------

  call(
    kind: CallKind,
    isHonest: boolean,
    address: TransportAddress,
    signalled: TransportAddress,
  ): MixedCall | undefined {
    if (this.open.length >= MAX_CALLS) return undefined;
    const srtp = kind === 'srtp' ? new SrtpPeer(this.prng, this.choices) : undefined;
    const session = this.engine.createSession({
      ...(srtp?.terminates === true && { srtp: 'terminate' as const }),
      call: `call-${this.calls.length + 1}`,
      role: kind === 'prover' ? 'prover' : 'verifier',
      signalling: 'encrypted',
      policy: kind === 'blind' ? 'blind' : 'prefer',
    });
    const isHomeKnown = this.choices.chance(0.6);
    const transport = this.choices.pick(['udp', 'tls'] as const);
    const call = new MixedCall({
      ...{
        number: this.calls.length + 1,
        session,
        isHonest,
        ssrc: this.prng.uint32(),
        kind,
        address,
        signalled,
      },
      claimedMs: this.nowMs,
      home: isHomeKnown ? address.address : undefined,
      isHomeShown: isHomeKnown && transport === 'tls',
      srtp,
    });
    this.calls.push(call);
    this.#open = [...this.#open, call];
    this.#byComponent.set(call.component, call);
    call.component.attach(this.port, this.nowMs);
    const told = session as Told;
    if (call.home !== undefined) told.peer?.({ address: call.home, transport });
    this.negotiate(call);
    if (call.isOpen) told.confirm?.();
    return call;
  }

  /** An exchange: the peer offers, or answers where our side proves. With a new secret where its protection has one. */
  negotiate(call: MixedCall, signalled = call.signalled): void {
    const { claimed } = call;
    call.signalled = signalled;
    if (call.kind !== 'blind' && call.claimed !== claimed) call.claimedMs = this.nowMs;
    call.generations++;
    const { session, kind } = call;
    const own = call.srtp?.applicationLines ?? [];
    const local = makeSdp({
      address: SERVER.address,
      media: [{ port: SERVER.port, isMuxed: true, lines: own }],
    });
    if (kind === 'prover') this.#negotiateAsProver(call, local);
    else {
      const lines = this.#linesOf(call);
      const media = { port: signalled.port, isMuxed: true, lines };
      const offer = makeSdp({ address: signalled.address, media: [media] });
      const verdict = session.setRemote(offer, this.nowMs, 'offer');
      if (!verdict.accepted) return this.#handleRefusal(call, verdict.warning);
      const answer = session.setLocal(local, this.nowMs, 'answer');
      call.phone?.readAnswer(answer);
      const key = call.srtp?.readAnswer(answer);
      if (key !== undefined) call.secrets.push(key);
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
    call.giveUpKey(this.nowMs);
    this.#ssrcs.forget(call);
    this.#downgraded.delete(call.session.id);
    this.negotiate(call);
    if (!this.#downgraded.has(call.session.id))
      throw new MixedViolation(`P10: ${this.name(call)} has less than before, and nobody was told`);
  }

  hangUp(call: MixedCall): void {
    call.session.close(this.nowMs);
    call.isOpen = false;
    this.#open = this.#open.filter((one) => one !== call);
    this.#ssrcs.forget(call);
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
      // A peer of which media is expected gets a hello every second (protocol.md 6.4): that takes most of the time of a long wait.
      ...(this.prng.chance(0.8) ? ['a=recvonly'] : []),
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
      case 'evidence':
      case 'blind':
      case 'prover':
        return [];
      case 'ice':
        call.phone = new IcePhone(`n${call.number}x${this.prng.integer(1000)}`);
        return call.phone.lines;
      case 'srtp':
        if (call.generations > 1 && this.choices.chance(0.7)) call.srtp?.renew();
        return [...(call.srtp?.lines ?? [])];
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
    const atMs = this.nowMs + delayMs;
    const at = this.#pending.findLastIndex((one) => one.atMs <= atMs);
    this.#pending.splice(at + 1, 0, { atMs, run });
    if (this.#pending.length > MAX_OUTPUTS) this.#pending.shift();
  }

  // ---- in ----------------------------------------------------------------------------------------------------

  /** A datagram of the call's peer, from where it is. */
  say(call: MixedCall, bytes: Uint8Array): MixedCall | undefined {
    if (call.isHonest) this.#overhear(bytes);
    return this.receive(bytes, call.address);
  }

  /** Attackers read what honest peers send, and may be faster. */
  #overhear(bytes: Uint8Array): void {
    this.#record(bytes);
    if (this.racesLeft === 0) return;
    this.racesLeft--;
    this.receive(bytes, this.attacker());
  }

  receive(bytes: Uint8Array, source: TransportAddress): MixedCall | undefined {
    const key = keyOf(source);
    this.#budgets.noteReceived(key, bytes.length);
    this.#noteProtected(bytes, source);
    this.#challenged = [];
    if (!this.holderOf(key) && !this.claimantOf(key)) this.strayMs = this.nowMs;
    const component = this.engine.handleDatagram(this.port, bytes, source.address, source.port, this.nowMs);
    const call = component && this.#byComponent.get(component);
    if (component && !call) throw new MixedViolation('delivered to a component of nobody');
    this.#judgeEvents();
    for (const { evidence } of this.#open) evidence?.note(key, bytes, this.nowMs);
    this.#noteMappings();
    if (call) this.#judgeDelivered(call, key, bytes);
    const isStun = oracle.isStun(bytes);
    if (!call && !isStun) this.#noteArrival(key, bytes);
    this.drain();
    if (!isStun) this.#judgeSsrc(key, bytes);
    return call;
  }

  #noteArrival(key: string, bytes: Uint8Array): void {
    const proof = this.#lastProof.get(key);
    if (!proof) return;
    this.#arrivals.push({ key, bytes, atMs: this.nowMs, proof });
    if (this.#arrivals.length > MAX_OUTPUTS) this.#arrivals.shift();
  }

  /** What comes from a phone with SRTP, from whoever has copied it: it may show where somebody receives (protocol.md 8.2.4). */
  #noteProtected(bytes: Uint8Array, { address, port }: TransportAddress): void {
    const key = keyOf({ address, port });
    for (const call of this.#open) {
      const made = call.srtp?.noteCome(bytes, key, this.nowMs);
      if (made?.answers === key) call.reported.add(address);
    }
  }

  /** What an honest phone with SRTP has sent last, and attackers have read. */
  lastProtected(): { readonly call: MixedCall; readonly wire: Uint8Array } | undefined {
    const call = this.honest(['srtp']);
    const wire = call?.srtp?.last;
    return call && wire && { call, wire };
  }

  /** A packet that a phone with SRTP has protected; over the path in use it is handed on. */
  sayProtected(call: MixedCall, made: MadePacket): void {
    const mustReach =
      call.isHonest && this.holderOf(call.addressKey) === call && call.srtp?.hasShortTags === false;
    this.say(call, made.wire);
    if (mustReach && !made.isHandedOn)
      throw new MixedViolation(`8.2: a packet of ${this.name(call)} over the path in use is not handed on`);
    if (made.isHandedOn) this.delivered++;
  }

  talk(call: MixedCall, ssrc = call.ssrc, sizeBytes = 172): MixedCall | undefined {
    const payload = new Uint8Array(Math.max(0, sizeBytes - 12));
    if (call.srtp) {
      this.sayProtected(call, call.srtp.rtp(ssrc, call.sequence++, payload));
      return call;
    }
    const key = call.addressKey;
    const mustReach = this.holderOf(key) === call && call.isHonest;
    const claims = this.holderOf(key) === undefined && this.claimantOf(key) === call && call.isHonest;
    const reached = this.say(call, makeRtp({ ssrc, sequence: call.sequence++, timestamp: 0, payload }));
    if (mustReach && reached !== call)
      throw new MixedViolation(
        `5.1: payload from ${key}, proven by call ${this.name(call)}, went to ${this.name(reached)}`,
      );
    // Who has proven the address keeps it before who names it, on a path that is not the active one too (protocol.md 5.1, 8.1).
    if (claims && reached && reached !== call && !reached.isProving)
      throw new MixedViolation(
        `5.1: payload from ${key}, claimed by ${this.name(call)}, went to ${this.name(reached)}`,
      );
    if (reached === call && mustReach) this.delivered++;
    return reached;
  }

  report(call: MixedCall): void {
    if (call.srtp) this.sayProtected(call, call.srtp.report(call.ssrc, this.nowMs));
    else this.say(call, makeSenderReport(call.ssrc, this.nowMs, 1));
  }

  /** A hello or a check, as the call's protection has it. */
  greet(call: MixedCall, source = call.address): void {
    if (call.srtp) {
      const made = call.srtp.rtp(call.ssrc, call.sequence++, new Uint8Array(160));
      if (source === call.address) this.sayProtected(call, made);
      else this.receive(made.wire, source);
    } else if (call.kind === 'ice' && call.phone) {
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
    this.#speak(call, makeRtp({ ssrc: markOf(call), sequence: call.sequence++, timestamp: 0 }));
  }

  /** A sender report of our application's. */
  speakReport(call: MixedCall): void {
    if (call.isOpen) this.#speak(call, makeSenderReport(markOf(call), this.nowMs, call.sequence++));
  }

  #speak(call: MixedCall, clear: Uint8Array): void {
    const { component } = call;
    const bytes = component.isSealing ? component.seal(clear) : clear;
    const destination = bytes && component.handleSend(bytes, this.nowMs);
    if (bytes && destination) {
      this.#judgeSent(call, keyOf(destination), bytes);
      this.#judgePayload(call, destination, bytes.length);
      if (keyOf(destination) === call.addressKey) call.srtp?.hear(bytes, call.addressKey);
    }
    this.drain();
  }

  drain(): void {
    const { engine } = this;
    this.#noteMappings();
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
    this.#judgeEvents();
  }

  #noteMappings(): void {
    for (const call of this.#open) {
      const { mapping, claimed } = call;
      call.noteMapping(this.nowMs);
      if (call.mapping === mapping) continue;
      if (call.srtp) this.#judgeSrtpPath(call, call.srtp);
      if (call.evidence) {
        if (call.claimed !== claimed) call.claimedMs = this.nowMs;
        this.#judgeLock(call, call.evidence);
      }
    }
  }

  /** The path of a phone with SRTP is where packets of its own making have come from: the address is its own from then on (5.1, 8.2). */
  #judgeSrtpPath(call: MixedCall, { heardFrom }: SrtpPeer): void {
    const { mapping: key } = call;
    if (key === undefined) return;
    if (!heardFrom.has(key))
      throw new MixedViolation(
        `8.2.2: the path of ${this.name(call)} is ${key}, where nothing authentic came from`,
      );
    call.proven.set(key, this.nowMs);
    this.proofs++;
    // Nobody is asked, so it takes the address from none who has proven it and may be there still.
    const last = this.#lastProof.get(key);
    const isAnothers = last && last.call !== call && last.call.isOpen && last.call.isProving;
    if (!isAnothers || !(last.call.isVerified(key, this.nowMs) || last.call.mayTake(key, this.nowMs)))
      this.#lastProof.set(key, { call, atMs: this.nowMs });
  }

  /** Another address is taken for that of a peer without a key. */
  #judgeLock(call: MixedCall, evidence: EvidenceReading): void {
    const { mapping, signalledKey, homes } = call;
    const isSignalledAllowed = call.mayBeAsked(call.signalled.address);
    if (mapping === undefined) return;
    evidence.judgeLock(mapping, { signalledKey, isSignalledAllowed, homes }, this.nowMs);
    this.locks++;
  }

  #judgeEvents(): void {
    for (let event = this.engine.pollEvent(); event; event = this.engine.pollEvent()) this.#judgeEvent(event);
  }

  #judgeEvent(event: LatchEvent): void {
    const text = JSON.stringify(event);
    // No secret is shorter than 22 characters (RFC 8839 5.4), and hardly any event has a word as long as that.
    const isSuspect = /[\w+/-]{22}/.test(text);
    if (isSuspect && this.calls.some(({ secrets }) => secrets.some((secret) => text.includes(secret))))
      throw new MixedViolation(`P7: the event ${event.type} tells a secret`);
    if (event.type === 'downgraded') this.#downgraded.add(event.session);
    if (event.type !== 'legacy' || !event.remote) return;
    const call = this.#open.find(({ session }) => session.id === event.session);
    if (!call) return;
    call.locked = keyOf(event.remote);
    call.claimedMs = this.nowMs;
  }

  #handleTransmit(bytes: Uint8Array, destination: TransportAddress): void {
    const key = keyOf(destination);
    if (!oracle.isStun(bytes)) {
      const call = this.calls[ssrcOf(bytes) - FIRST_MARK];
      if (!call) throw new MixedViolation(`the engine itself sends media to ${key}`);
      if (call.srtp ?? call.evidence) this.#judgePayload(call, destination, bytes.length);
      // Our reports go to two, where nobody knows which one is the phone.
      if (key === call.addressKey) call.srtp?.hear(bytes, key);
      return this.#judgeSent(call, key, bytes);
    }
    this.#record(bytes);
    const message = oracle.readMessage(bytes);
    const call = this.#byName.get(message?.username ?? '') ?? this.#askedBy(message);
    if (call?.kind !== 'prover') this.#judgeBudget(call, destination, bytes.length, message);
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
        if (call) this.#handleCheck(call, bytes, key);
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
    if (call.addressKey !== key || this.choices.chance(0.04)) return;
    this.#later(5 + this.choices.integer(30), () => {
      if (!call.isOpen || call.addressKey !== key) return;
      this.#prove(call, transaction, oracle.makeResponse(generation, 1, { transaction, word }, SERVER));
    });
  }

  #handleCheck(call: MixedCall, bytes: Uint8Array, key: string): void {
    const check = call.phone && readServerCheck(bytes, call.phone.pwd);
    if (!call.isOpen || !check?.isControlled) return;
    this.#challenged.push({ key, call });
    this.#outstanding.set(check.transaction.toString('hex'), { call, key });
    this.#trim();
    if (call.addressKey === key && !this.choices.chance(0.04)) this.#answerCheck(call, check, key);
  }

  #answerCheck(call: MixedCall, check: Check, key: string): void {
    const { phone } = call;
    const transaction = Buffer.from(check.transaction);
    this.#later(5 + this.choices.integer(30), () => {
      if (!phone || !call.isOpen || call.addressKey !== key) return;
      this.#prove(call, transaction, phone.answer({ ...check, transaction }, SERVER));
    });
  }

  /** The server that our side proves itself to welcomes and asks. */
  #handleHello(call: MixedCall, key: string, transaction: Buffer): void {
    const { generation } = call;
    if (!generation || call.addressKey !== key || !call.isHonest) return;
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

  /**
   * Whoever holds the keys answers from the address that was asked: from now on it counts as proven, if the engine still waits for
   * it (protocol.md 5.2, 5.9, 5.10).
   */
  #prove(call: MixedCall, transaction: Buffer, response: Uint8Array): void {
    if (call.isHonest) this.#overhear(response);
    const asked = this.#outstanding.get(transaction.toString('hex'));
    const { address, addressKey: key } = call;
    const isAwaited = this.port.byTransaction(transaction) === call.component;
    // A call that has given up its secret meanwhile asks nothing any more.
    if (isAwaited && asked?.call === call && asked.key === key && call.isProving) {
      call.proven.set(key, this.nowMs);
      this.#lastProof.set(key, { call, atMs: this.nowMs });
      this.#provenIps.set(address.address, this.nowMs);
      this.proofs++;
    }
    this.receive(response, address);
  }

  // ---- the judge ---------------------------------------------------------------------------------------------

  #judgeDelivered(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (!call.isOpen) throw new MixedViolation(`5.10: payload is handed to the closed ${this.name(call)}`);
    if (call.srtp) {
      call.srtp.judgeDelivered(bytes, key);
      return this.#noteSsrc(call, key, bytes);
    }
    this.#judgeAddress(call, key, 'taken from');
    this.#noteSsrc(call, key, bytes);
  }

  /**
   * What came from a candidate after its answer, while the address was its own, is delivered when it has the media
   * (protocol.md 5.11, 5.1). It came before: another may have proven the address since.
   */
  #judgeHeld(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (call.srtp) return this.#judgeDelivered(call, key, bytes);
    if (!call.isOpen) throw new MixedViolation(`5.10: payload is handed to the closed ${this.name(call)}`);
    if (call.evidence) {
      call.evidence.judgeHeld(key, bytes);
      return this.#judgeAddress(call, key, 'taken from');
    }
    const came = this.#arrivals.filter((one) => one.key === key && Buffer.compare(one.bytes, bytes) === 0);
    const isKept = came.some(
      ({ atMs, proof }) =>
        proof.call === call && atMs - proof.atMs <= TRIAL_MS && this.nowMs - atMs <= TRIAL_MS,
    );
    if (!isKept)
      throw new MixedViolation(`5.11: payload from ${key} was held for ${this.name(call)} without a proof`);
    this.#ssrcs.note(ssrcOf(bytes), call, this.nowMs);
  }

  #judgeSent(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (!call.isOpen) throw new MixedViolation(`5.10: payload of the closed ${this.name(call)} goes out`);
    if (call.srtp) return call.srtp.judgeSent(bytes, key, this.nowMs);
    this.#judgeAddress(call, key, 'sent to');
  }

  #judgeAddress(call: MixedCall, key: string, what: 'taken from' | 'sent to'): void {
    if (call.isProving) return this.#judgeProven(call, key, what);
    const holder = this.holderOf(key);
    if (holder)
      throw new MixedViolation(
        `5.1: payload of ${this.name(call)} is ${what} ${key}, proven by ${this.name(holder)}`,
      );
    const isLate = what === 'taken from' && call.evidence?.mayBeLate(key, this.nowMs) === true;
    const told = call.kind === 'blind' ? call.locked : (call.mapping ?? call.signalledKey);
    if (key !== told && !isLate)
      throw new MixedViolation(`6.5: payload of ${this.name(call)} is ${what} ${key}, not ${told}`);
    // Who only proves itself chose its server: two calls may well have the same one (protocol.md 5.7, 6.1).
    if (call.kind === 'prover' && what === 'sent to') return;
    const first = this.claimantOf(key);
    if (first && first !== call && isBetterClaim(first, call, key))
      throw new MixedViolation(
        `5.1: payload of ${this.name(call)} is ${what} ${key}, claimed by ${this.name(first)}`,
      );
  }

  #judgeProven(call: MixedCall, key: string, what: 'taken from' | 'sent to'): void {
    const isTaken = what === 'taken from';
    if (!(isTaken ? call.mayTake(key, this.nowMs) : call.maySend(key, this.nowMs)))
      throw new MixedViolation(
        `5.4: payload of ${this.name(call)} is ${what} ${key}, which has proven nothing for it`,
      );
    // A call sends where its peer was until that is heard elsewhere or expires, whoever has come there since.
    const last = this.#lastProof.get(key);
    if (isTaken && last && last.call !== call && last.call.isOpen && last.call.isProving)
      throw new MixedViolation(
        `5.1: payload of ${this.name(call)} is taken from ${key}, proven by ${this.name(last.call)}`,
      );
  }

  /** Only a verified path is ever the active one (protocol.md 5.6): what nothing has proven owns no SSRC. */
  #noteSsrc(call: MixedCall, key: string, bytes: Uint8Array): void {
    if (call.isProving && call.mapping === key) this.#ssrcs.note(ssrcOf(bytes), call, this.nowMs);
  }

  ssrcOwner(ssrc: number): MixedCall | undefined {
    return this.#ssrcs.ownerOf(ssrc, this.nowMs);
  }

  /** Media makes a candidate for the owner of its SSRC and for nobody else, but for who has proven the address (protocol.md 5.1). */
  #judgeSsrc(key: string, bytes: Uint8Array): void {
    if (bytes.length < 12 || this.#challenged.length === 0 || this.#open.length === 1) return;
    const ssrc = ssrcOf(bytes);
    const owner = this.ssrcOwner(ssrc);
    for (const { key: asked, call } of this.#challenged) {
      if (asked !== key || this.#lastProof.get(key)?.call === call) continue;
      if (owner ? call !== owner : !this.#ssrcs.hasHeard(ssrc, call))
        throw new MixedViolation(
          `5.1: media of ${this.name(owner)} from ${key} makes a candidate for ${this.name(call)}`,
        );
    }
  }

  /** Whether the call was challenged at the address while the last datagram was handled. */
  wasChallenged(call: MixedCall, key: string): boolean {
    return this.#challenged.some((one) => one.call === call && one.key === key);
  }

  /** protocol.md 5.4, 5.7 and P3. */
  #judgeBudget(
    call: MixedCall | undefined,
    destination: TransportAddress,
    sizeBytes: number,
    message: oracle.Reading | undefined,
  ): void {
    const key = keyOf(destination);
    const ip = destination.address;
    if (call?.isProving && call.isVerified(key, this.nowMs)) return;
    const isShown = call?.isShown(ip) === true;
    const isProvers = message?.kind === 'hello' || message?.kind === 'keepalive';
    // What a prover says to a peer that is known to receive there keeps no bounds (6.1).
    if (isProvers && isShown) return;
    const isQuestion = message !== undefined && QUESTIONS.includes(message.kind);
    this.#budgets.judgeMessage(key, {
      ...{ atMs: this.nowMs, ip, sizeBytes },
      few: isQuestion ? this.#fewAt(destination, key, call) : undefined,
      isBounded: !isShown && (this.#provenIps.get(ip) ?? -Infinity) < this.nowMs - VERIFIED_MS,
    });
  }

  /** Whose few datagrams to an address that an SDP names something may be one of, if any: so many go for each generation (5.7). */
  #fewAt({ address }: TransportAddress, key: string, call: MixedCall | undefined): string | undefined {
    if (!call) return isForbidden(key) ? undefined : this.#named.get(key);
    const isNamed = call.signalledKey === key && call.mayBeAsked(address);
    return isNamed ? `${call.number}/${call.generations}/${key}` : undefined;
  }

  /** The SDP of a call that is none of these names the address. */
  noteNamed(address: TransportAddress): void {
    this.#named.set(keyOf(address), `named at ${this.nowMs}/${keyOf(address)}`);
  }

  /** Where nothing protects a call, what goes to an address that is not shown is paid for by what came from there. */
  #judgePayload(call: MixedCall, destination: TransportAddress, sizeBytes: number): void {
    if (call.kind !== 'evidence' && call.kind !== 'blind' && call.kind !== 'srtp') return;
    const key = keyOf(destination);
    if (isForbidden(key)) throw new MixedViolation(`5.7: payload goes to ${key}`);
    if (!call.isShown(destination.address)) this.#budgets.judgePayload(key, sizeBytes);
  }

  /** A challenge is answered only to where the prover's media goes (protocol.md 6.2). */
  #judgeResponse(key: string): void {
    const isPeers = ({ generation, signalledKey, mapping }: MixedCall): boolean =>
      generation !== undefined && (signalledKey === key || mapping === key);
    if (!this.#open.some(isPeers))
      throw new MixedViolation(`6.2: a challenge is answered to ${key}, where no peer's media is`);
  }

  /** Tables do not grow with what strangers send, and closed calls leave nothing behind. */
  judgeMemory(): void {
    const { size } = this.port;
    const most = 40 + 60 * this.open.length;
    if (size > most) throw new MixedViolation(`5.9: ${size} entries for ${this.open.length} calls`);
    for (const call of this.#open)
      if (call.srtp && call.session.protection !== 'srtp')
        throw new MixedViolation(`P10: ${this.name(call)} has become ${call.session.protection}`);
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
}

/**
 * Of two that have the address by their word alone: the one whose signalling comes from there, or of which it is known that it receives
 * there, else the earlier (protocol.md 5.1).
 */
function isBetterClaim(call: MixedCall, than: MixedCall, key: string): boolean {
  const ip = key.slice(0, key.indexOf('|'));
  const isBacked = (one: MixedCall): boolean => one.home === ip || one.isShown(ip);
  return isBacked(call) === isBacked(than) ? call.claimedMs < than.claimedMs : isBacked(call);
}

/** What we send says for which call. */
const FIRST_MARK = 0x5e000000;
const markOf = ({ number }: MixedCall): number => FIRST_MARK + number - 1;

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

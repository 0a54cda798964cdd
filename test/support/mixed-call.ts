// One call among mixed ones: where its peer is, what its SDP says, and what has been seen to prove where it is.
import type { Component, Engine } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import type { IcePhone } from './ice-phone.js';
import { EvidenceReading } from './mixed-evidence.js';
import { isForbidden, isUnrouted, keyOf } from './mixed-rules.js';
import type { SrtpPeer } from './mixed-srtp.js';
import type { Generation } from './oracle.js';

export type Session = ReturnType<Engine['createSession']>;

export const CALL_KINDS = ['latch', 'mutual', 'ice', 'evidence', 'blind', 'prover', 'srtp'] as const;
/** `mutual`: latch both ways. `evidence`: no key. `blind`: none, and latched blindly. `prover`: our side proves, the peer is a server. */
export type CallKind = (typeof CALL_KINDS)[number];
/** Whose payload only a proven address sends and gets. */
const PROVEN: readonly CallKind[] = ['latch', 'mutual', 'ice', 'srtp'];

/** The path before a switch may still speak (protocol.md 5.5). */
const PREVIOUS_MS = 5000;
/** A path beside the one in use is forgotten so long after it was verified, or left (protocol.md 8.1, RFC 7675). */
const STANDBY_MS = 30_000;
/** A path that answers is on trial for as long at most before it is one (protocol.md 5.11). */
const TRIAL_MS = 5000;
/** A path that has not answered for so long has expired, asked as often as it is when timers are kept (protocol.md 5.8). */
const CONSENT_MS = 30_000;

const MAX_FORMER = 4;

export interface MixedCallOptions {
  readonly number: number;
  readonly session: Session;
  readonly isHonest: boolean;
  readonly ssrc: number;
  readonly kind: CallKind;
  readonly address: TransportAddress;
  readonly signalled: TransportAddress;
  readonly claimedMs: number;
  readonly home: string | undefined;
  readonly isHomeShown: boolean;
  readonly srtp: SrtpPeer | undefined;
}

export class MixedCall {
  readonly number: number;
  readonly session: Session;
  readonly component: Component;
  readonly isHonest: boolean;
  readonly ssrc: number;
  /** The IP address that its signalling comes from; undefined where nobody has told. */
  readonly home: string | undefined;
  /** Its signalling comes over a connection, so somebody is known to receive at that address (protocol.md 8). */
  readonly isHomeShown: boolean;
  /** Since when it claims the address that nothing proves. */
  claimedMs: number;
  /** Offers and answers so far: each starts a generation. */
  generations = 0;
  generation: Generation | undefined;
  phone: IcePhone | undefined;
  srtp: SrtpPeer | undefined;
  evidence: EvidenceReading | undefined;
  /** IP addresses that a report of the phone's has shown (protocol.md 8.2.4). */
  readonly reported = new Set<string>();
  /** Addresses that have answered a challenge of this call, by whoever holds its keys, and when last. */
  readonly proven = new Map<string, number>();
  /** Where the peer was before. */
  readonly former: TransportAddress[] = [];
  /** What the engine says is its mapping. */
  mapping: string | undefined;
  /** Where a blind latch is locked to. */
  locked: string | undefined;
  sequence = 0;
  counter = 0;
  isOpen = true;
  /** Of ours, as they stand in SDP: nothing that is printed may hold them. */
  readonly secrets: string[] = [];
  #kind: CallKind;
  #address: TransportAddress;
  #addressKey: string;
  #signalled!: TransportAddress;
  #signalledKey!: string;
  #remote: TransportAddress | undefined;
  /** Mappings that were left, and when, the last one last. */
  readonly #left = new Map<string, number>();
  #before: string | undefined;

  constructor(options: MixedCallOptions) {
    ({ number: this.number, session: this.session, isHonest: this.isHonest, ssrc: this.ssrc } = options);
    ({ home: this.home, isHomeShown: this.isHomeShown, claimedMs: this.claimedMs } = options);
    this.srtp = options.srtp;
    this.#address = options.address;
    this.#addressKey = keyOf(options.address);
    this.signalled = options.signalled;
    this.#kind = options.kind;
    if (options.kind === 'evidence') this.evidence = new EvidenceReading();
    this.component = this.session.component(0, 1);
  }

  get kind(): CallKind {
    return this.#kind;
  }

  /** Only what proves itself is proven; who gives up the key has proven nothing. */
  get isProving(): boolean {
    return PROVEN.includes(this.#kind);
  }

  /** Where the peer is, whatever its SDP says. */
  get address(): TransportAddress {
    return this.#address;
  }

  set address(address: TransportAddress) {
    if (this.former.push(this.#address) > MAX_FORMER) this.former.shift();
    this.#address = address;
    this.#addressKey = keyOf(address);
  }

  get addressKey(): string {
    return this.#addressKey;
  }

  /** What its SDP says. */
  get signalled(): TransportAddress {
    return this.#signalled;
  }

  set signalled(signalled: TransportAddress) {
    this.#signalled = signalled;
    this.#signalledKey = keyOf(signalled);
  }

  get signalledKey(): string {
    return this.#signalledKey;
  }

  /** The address that it has by its word alone, if it may have one: protocol.md 5.7, 6.5, 7. */
  get claimed(): string | undefined {
    switch (this.#kind) {
      case 'latch':
      case 'mutual':
      case 'ice':
      case 'srtp':
        return undefined;
      case 'blind':
        return this.locked;
      case 'prover':
        return this.#signalledKey;
      case 'evidence':
        return this.mapping ?? (this.mayBeAsked(this.#signalled.address) ? this.#signalledKey : undefined);
    }
  }

  isShown(ip: string): boolean {
    return (this.isHomeShown && this.home === ip) || this.reported.has(ip);
  }

  /** An SDP may aim us there: protocol.md 5.7. */
  mayBeAsked(ip: string): boolean {
    if (isForbidden(`${ip}|${this.#signalled.port}`)) return this.isShown(ip);
    return this.isShown(ip) || !isUnrouted(ip);
  }

  /** The IP addresses that are home to it (protocol.md 8). */
  get homes(): readonly string[] {
    const { address } = this.#signalled;
    return [...(this.home === undefined ? [] : [this.home]), ...(this.mayBeAsked(address) ? [address] : [])];
  }

  /** From now on nothing proves where the peer is. */
  giveUpKey(nowMs: number): void {
    this.#kind = 'evidence';
    this.generation = this.phone = this.srtp = undefined;
    this.mapping = this.#remote = this.#before = undefined;
    this.evidence = new EvidenceReading();
    this.proven.clear();
    this.#left.clear();
    this.claimedMs = nowMs;
  }

  /** Looks what the engine says is the mapping. */
  noteMapping(nowMs: number): void {
    const { mapping } = this.component;
    if (mapping === this.#remote) return;
    this.#remote = mapping;
    const key = mapping && keyOf(mapping);
    if (key === this.mapping) return;
    if (this.mapping !== undefined) this.#left.set(this.mapping, nowMs);
    this.#before = this.mapping;
    this.mapping = key;
  }

  /** Payload may be taken from there: from the active path, the one before it for 5 s, with ICE from every verified one (5.5, 8.1). */
  mayTake(key: string, nowMs: number): boolean {
    const provenMs = this.proven.get(key);
    if (provenMs === undefined) return false;
    if (key === this.mapping) return true;
    const leftForMs = nowMs - (this.#left.get(key) ?? -Infinity);
    if (this.#kind !== 'ice') return key === this.#before && leftForMs <= PREVIOUS_MS;
    return leftForMs <= STANDBY_MS || nowMs - provenMs <= STANDBY_MS + TRIAL_MS;
  }

  /**
   * Payload may go there: to the active path, which has answered within 30 s (5.6, 5.8), and to one that was it for less than a
   * moment.
   */
  maySend(key: string, nowMs: number): boolean {
    const provenForMs = nowMs - (this.proven.get(key) ?? -Infinity);
    return provenForMs <= (key === this.mapping ? CONSENT_MS : TRIAL_MS);
  }

  /** A path of its own, verified not long ago: no budget holds (5.4). */
  isVerified(key: string, nowMs: number): boolean {
    return key === this.mapping || nowMs - (this.proven.get(key) ?? -Infinity) <= STANDBY_MS + TRIAL_MS;
  }
}

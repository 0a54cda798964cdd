/*
 * The STUN of a capture: latch messages (protocol.md 4), ICE checks (RFC 8445 section 7) and other Binding messages, by the
 * path that they went. It says whether each verifies in form, and with the ICE passwords of clear signalling also in its
 * integrity; a source is proven when it answered what it was asked. It knows no latch keys, and keeps no words and proofs.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { formatAddress } from '../wire/address.js';
import type { TransportAddress } from '../wire/address.js';
import { asciiBytes, asciiText } from '../wire/ascii.js';
import { isIceIntegrityValid, parseIceMessage } from '../wire/ice-message.js';
import type { IceMessage } from '../wire/ice-message.js';
import { parseLatchMessage } from '../wire/latch-message.js';
import { parseStun } from '../wire/stun.js';
import type { CapturedDatagram } from './traffic.js';

/** What a STUN datagram can be; `stun` is sound but neither latch nor ICE, `unsound` the rest. */
export type ProofKind =
  | 'hello'
  | 'welcome'
  | 'challenge'
  | 'response'
  | 'keepalive'
  | 'check'
  | 'check-response'
  | 'stun'
  | 'unsound'
  | 'fingerprint';

/** All STUN from one address to another. */
export interface ProofPath {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly counts: Partial<Record<ProofKind, number>>;
  /** Of ICE messages whose password the capture shows. */
  integrityValid: number;
  integrityInvalid: number;
  /** Answers to what the destination had asked: latch responses, and ICE responses of good integrity or unknown. */
  answers: number;
  /** Who the sender says it is: a latch tag or an ICE fragment. */
  sender: string | undefined;
  recipient: string | undefined;
}

/** Reason: a flood shall not fill our memory. */
const PATHS_MAX = 8192;
const PENDING_MAX = 4096;

interface Pending {
  readonly path: ProofPath;
  readonly kind: 'latch' | 'ice';
  /** Of the one who is asked. */
  readonly password: string | undefined;
}

export class ProofLedger {
  readonly #paths = new Map<string, ProofPath>();
  /** Requests without an answer, by transaction. */
  readonly #pending = new Map<string, Pending>();
  readonly #passwordOf: (ufrag: string) => string | undefined;
  unlisted = 0;

  /** @param passwordOf the ICE password signalled with a fragment, if the capture shows it */
  constructor(passwordOf: (ufrag: string) => string | undefined) {
    this.#passwordOf = passwordOf;
  }

  get paths(): ProofPath[] {
    return [...this.#paths.values()];
  }

  path(source: TransportAddress, destination: TransportAddress): ProofPath | undefined {
    return this.#paths.get(keyOf(source, destination));
  }

  /** One datagram that `classifyPacket` calls `stun`. */
  handleStun({ payload, source, destination }: CapturedDatagram): void {
    const path = this.#pathOf(source, destination);
    if (!path) return;
    const latch = parseLatchMessage(payload);
    if (latch.ok) {
      const message = latch.value;
      count(path, message.kind);
      if ('username' in message) this.#name(path, message.username);
      if (message.kind === 'challenge')
        this.#ask(message.transaction, { path, kind: 'latch', password: undefined });
      if (message.kind === 'response') this.#answer(message.transaction, path, () => true);
      return;
    }
    if (latch.error.code === 'fingerprint') return count(path, 'fingerprint');
    const ice = parseIceMessage(payload);
    if (ice.ok) return this.#handleIce(ice.value, path);
    count(path, parseStun(payload).ok ? 'stun' : 'unsound');
  }

  #handleIce(message: IceMessage, path: ProofPath): void {
    count(path, message.kind);
    if (message.kind === 'check') {
      this.#name(path, message.username);
      const password = this.#passwordOf(message.username.recipient);
      this.#judge(message, path, password);
      this.#ask(message.transaction, { path, kind: 'ice', password });
      return;
    }
    this.#answer(message.transaction, path, ({ password }) => this.#judge(message, path, password));
  }

  /** False only where the password is known and did not make the message. */
  #judge(message: IceMessage, path: ProofPath, password: string | undefined): boolean {
    if (password === undefined) return true;
    const isValid = isIceIntegrityValid(message, asciiBytes(password), hmacSha1, isEqual);
    if (isValid) path.integrityValid++;
    else path.integrityInvalid++;
    return isValid;
  }

  #ask(transaction: Uint8Array, pending: Pending): void {
    const key = asciiText(transaction);
    this.#pending.delete(key);
    this.#pending.set(key, pending);
    if (this.#pending.size <= PENDING_MAX) return;
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined) this.#pending.delete(oldest);
  }

  /** An answer counts from the very address that was asked, to the one that asked. */
  #answer(transaction: Uint8Array, path: ProofPath, isSound: (asked: Pending) => boolean): void {
    const key = asciiText(transaction);
    const asked = this.#pending.get(key);
    if (!asked || keyOf(asked.path.destination, asked.path.source) !== keyOf(path.source, path.destination))
      return;
    if (!isSound(asked)) return;
    this.#pending.delete(key);
    path.answers++;
    path.sender ??= asked.path.recipient;
    path.recipient ??= asked.path.sender;
  }

  #name(
    path: ProofPath,
    { sender, recipient }: { readonly sender: string; readonly recipient: string },
  ): void {
    path.sender = sender;
    path.recipient = recipient;
  }

  #pathOf(source: TransportAddress, destination: TransportAddress): ProofPath | undefined {
    const key = keyOf(source, destination);
    let path = this.#paths.get(key);
    if (path) return path;
    if (this.#paths.size === PATHS_MAX) {
      this.unlisted++;
      return undefined;
    }
    path = {
      source,
      destination,
      counts: {},
      integrityValid: 0,
      integrityInvalid: 0,
      answers: 0,
      sender: undefined,
      recipient: undefined,
    };
    this.#paths.set(key, path);
    return path;
  }
}

function keyOf(source: TransportAddress, destination: TransportAddress): string {
  return `${formatAddress(source)} ${formatAddress(destination)}`;
}

function count(path: ProofPath, kind: ProofKind): void {
  path.counts[kind] = (path.counts[kind] ?? 0) + 1;
}

function hmacSha1(key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac('sha1', key).update(data).digest();
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/*
 * What servers asked in a capture, and what they were answered: each challenge of latch (protocol.md 5.2) and check of ICE
 * (8.1) with the answers that came from the very address asked. Also how much RTP came to each address, which tells servers
 * from clients. It has no keys and verifies nothing; words and proofs stay in memory and are never printed.
 */
import { formatAddress, isSameAddress } from '../wire/address.js';
import type { TransportAddress } from '../wire/address.js';
import { asciiText } from '../wire/ascii.js';
import { parseIceMessage } from '../wire/ice-message.js';
import { parseLatchMessage } from '../wire/latch-message.js';
import { classifyPacket } from '../wire/packet-class.js';
import type { CapturedDatagram, CaptureSink } from './traffic.js';

/** One challenge, with all its transmissions. */
export interface CapturedChallenge {
  /** Who asked. */
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  /** 12 bytes. */
  readonly transaction: Uint8Array;
  /** 16 bytes; undefined for a check of ICE, whose transaction is the word. */
  readonly word: Uint8Array | undefined;
  /** Of the first transmission, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly answers: readonly CapturedAnswer[];
}

export interface CapturedAnswer {
  /** Since the first transmission of the challenge. */
  readonly afterMs: number;
  readonly bytes: Uint8Array;
}

type Recorded = CapturedChallenge & { readonly answers: CapturedAnswer[] };

/** Reason: a flood shall not fill our memory; a challenge with its answer is half a kilobyte. */
const CHALLENGES_MAX = 100_000;
/** One for each transmission of a challenge. */
const ANSWERS_MAX = 6;
const ADDRESSES_MAX = 100_000;
const TRANSACTION_OFFSET = 8;
const STUN_HEADER_BYTES = 20;

export class ChallengeSurvey implements CaptureSink {
  readonly #challenges = new Map<string, Recorded>();
  readonly #rtp = new Map<string, number>();

  get challenges(): Iterable<CapturedChallenge> {
    return this.#challenges.values();
  }

  /** How many RTP packets came to this address. */
  rtpTo(address: TransportAddress): number {
    return this.#rtp.get(formatAddress(address)) ?? 0;
  }

  /** How many challenges left this address. */
  challengesFrom(address: TransportAddress): number {
    let count = 0;
    for (const { local } of this.#challenges.values()) if (isSameAddress(local, address)) count++;
    return count;
  }

  onDatagram(datagram: CapturedDatagram): void {
    const kind = classifyPacket(datagram.payload);
    if (kind === 'rtp') this.#noteRtp(formatAddress(datagram.destination));
    if (kind !== 'stun') return;
    const challenge = this.#answered(datagram);
    if (challenge) this.#noteAnswer(challenge, datagram);
    else this.#noteChallenge(datagram);
  }

  /** The challenge that a datagram answers, from the address that was asked. */
  answeredBy(datagram: CapturedDatagram): CapturedChallenge | undefined {
    return classifyPacket(datagram.payload) === 'stun' ? this.#answered(datagram) : undefined;
  }

  #answered({ source, destination, payload }: CapturedDatagram): Recorded | undefined {
    const challenge = this.#challenges.get(transactionKey(payload));
    if (!challenge) return undefined;
    return isSameAddress(challenge.remote, source) && isSameAddress(challenge.local, destination)
      ? challenge
      : undefined;
  }

  #noteAnswer({ answers, firstMs }: Recorded, { timeMs, payload }: CapturedDatagram): void {
    if (answers.length < ANSWERS_MAX) answers.push({ afterMs: timeMs - firstMs, bytes: payload.slice() });
  }

  #noteChallenge({ timeMs, source, destination, payload }: CapturedDatagram): void {
    if (this.#challenges.size === CHALLENGES_MAX) return;
    const latch = parseLatchMessage(payload);
    let asked: { readonly transaction: Uint8Array; readonly word: Uint8Array | undefined } | undefined;
    if (latch.ok) {
      if (latch.value.kind === 'challenge') asked = latch.value;
    } else {
      const ice = parseIceMessage(payload);
      if (ice.ok && ice.value.kind === 'check')
        asked = { transaction: ice.value.transaction, word: undefined };
    }
    if (!asked) return;
    const key = asciiText(asked.transaction);
    if (this.#challenges.has(key)) return;
    this.#challenges.set(key, {
      local: source,
      remote: destination,
      transaction: asked.transaction.slice(),
      word: asked.word?.slice(),
      firstMs: timeMs,
      answers: [],
    });
  }

  #noteRtp(address: string): void {
    const count = this.#rtp.get(address);
    if (count !== undefined || this.#rtp.size < ADDRESSES_MAX) this.#rtp.set(address, (count ?? 0) + 1);
  }
}

/** The transaction of a STUN message, as a key. */
export function transactionKey(stun: Uint8Array): string {
  return asciiText(stun, TRANSACTION_OFFSET, STUN_HEADER_BYTES);
}

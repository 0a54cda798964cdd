// What the signalling has told of the peer of one call (protocol.md 8): where its descriptions come from, whether the dialog is
// confirmed, which IP addresses are shown, and what became of the last question. It believes what it is told: who tells has to
// know it. A call of which nothing is told has none of it.
import { formatIp, parseIp } from '../../wire/index.js';
import {
  PEER_TRANSPORTS,
  QUESTION_OUTCOMES,
  type AskedQuestion,
  type PeerTransport,
  type QuestionOutcome,
} from '../call-place.js';
import { LatchkeyError } from '../errors.js';

/** Where a description came from. */
export interface PeerSource {
  /** IP address; absent where nobody can say, as behind a proxy that hides it, or in a response by way of one: then the one before stays. */
  readonly address?: string | undefined;
  readonly transport: PeerTransport;
}

/** Bounded memory: a peer that moves more often than this within a call has its oldest address shown anew. */
const MAX_SHOWN = 8;
/** Who sends over these gets answers: the connection stands only with an address at which somebody receives. */
const SHOWING: readonly PeerTransport[] = ['tcp', 'tls', 'ws', 'wss', 'https'];
/** Of all who are shown nowhere. */
const NONE: readonly string[] = [];

export class PeerFacts {
  address: string | undefined;
  transport: PeerTransport | undefined;
  isConfirmed = false;
  lastQuestion: AskedQuestion | undefined;
  /** The oldest first. */
  #shown: readonly string[] = NONE;

  /** Throws LATCHKEY_OPTION. */
  noteSource({ address, transport }: PeerSource): void {
    if (!PEER_TRANSPORTS.includes(transport)) refuse('transport', PEER_TRANSPORTS.join(', '));
    const known = address === undefined ? undefined : ipOf('address', address);
    // A response by way of a proxy does not say whom it is from: as long as the dialog goes that way, its home stays (protocol.md 8).
    const isSameWay = transport === 'proxy' && this.transport === 'proxy';
    this.address = known ?? (isSameWay ? this.address : undefined);
    this.transport = transport;
    if (this.address !== undefined && SHOWING.includes(transport)) this.#show(this.address);
  }

  /** Throws LATCHKEY_OPTION. */
  noteShown(address: string): void {
    this.#show(ipOf('address', address));
  }

  /** Throws LATCHKEY_OPTION. */
  noteQuestion(outcome: QuestionOutcome, atMs: number): void {
    if (!QUESTION_OUTCOMES.includes(outcome)) refuse('outcome', QUESTION_OUTCOMES.join(', '));
    this.lastQuestion = { outcome, atMs };
  }

  isShown(address: string): boolean {
    if (this.#shown.length === 0) return false;
    // As it is written here, mostly: packets ask.
    if (this.#shown.includes(address)) return true;
    const bytes = parseIp(address);
    return bytes !== undefined && this.#shown.includes(formatIp(bytes));
  }

  #show(address: string): void {
    const others = this.#shown.filter((other) => other !== address);
    this.#shown = others.slice(others.length === MAX_SHOWN ? 1 : 0).concat(address);
  }
}

/** In one spelling; zones are ignored (protocol.md 5.7). */
function ipOf(name: string, address: string): string {
  const bytes = typeof address === 'string' ? parseIp(address) : undefined;
  return bytes ? formatIp(bytes) : refuse(name, 'an IP address');
}

function refuse(name: string, accepts: string): never {
  throw new LatchkeyError('LATCHKEY_OPTION', `"${name}" accepts ${accepts}`);
}

/**
 * How often a bound held somebody back, by the name of the bound: a closed list. Counts only; each bound itself, with its reason,
 * stands where it is kept.
 */
export const BOUND_NAMES = [
  'amplification', // UDP: not sent, being more than three times what came from an address that is not shown (protocol.md P11)
  'provisional', // UDP: a 1xx that was not sent to such an address
  'answerTooLong', // UDP: an INVITE was answered 400, since its 200 was more than three times as long
  'transactions', // UDP: the oldest transaction with such an address was forgotten for a new one
  'callsOfCallId', // a call was answered 482: there were too many with its Call-ID
  'parked', // an offer was answered 503: too many wait for a key to be fetched, of its source or in all
  'unconfirmedCalls', // UDP: the oldest call that nobody has acknowledged was ended for a new one
  'connections', // a connection was closed at once or for a newer one: there were too many in all
  'connectionsOfSource', // the same, from one IP address
  'handshake', // a connection was closed: its TLS or WebSocket handshake took too long
  'incompleteTime', // a connection was closed: a message did not become whole in time
  'incompleteBytes', // a connection was closed: too much had come of messages that are not whole
  'descriptors', // a connection was closed at once or for a newer one, or not accepted: file descriptors are short
] as const;

export type BoundName = (typeof BOUND_NAMES)[number];
export type BoundCounts = Readonly<Record<BoundName, number>>;

export class BoundCounters {
  readonly #counts = Object.fromEntries(BOUND_NAMES.map((name) => [name, 0])) as Record<BoundName, number>;

  count(name: BoundName): void {
    this.#counts[name]++;
  }

  get counts(): BoundCounts {
    return { ...this.#counts };
  }
}

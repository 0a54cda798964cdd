/**
 * How much of what this process keeps strangers may hold over UDP, where a source can be forged: numbers by name, with their reasons.
 * Each bound is kept where the thing itself is.
 */
export interface StrangerLimits {
  /**
   * Transactions of one IPv4 address or IPv6 /64. A request is sent again for 32 s where nothing answers: 512 are a busy proxy's
   * 16 a second.
   */
  readonly maxTransactionsOfSource: number;
  /** The same of all: some 10 MB. */
  readonly maxTransactions: number;
  /** Calls of one address and port, a phone's or a proxy's, that nobody has acknowledged. */
  readonly maxUnconfirmedCallsOfPort: number;
  /** The same of one source: 350 INVITEs a second in the name of one address leave each call 1.4 s to be acknowledged. */
  readonly maxUnconfirmedCallsOfSource: number;
  /** The same of all: twice that. */
  readonly maxUnconfirmedCalls: number;
  /** Dialogs with one Call-ID that a peer may begin: each message looks through them. More than any forking proxy makes of one call. */
  readonly maxCallsOfCallId: number;
  /** Offers of one source that wait for a key to be fetched: where that takes 100 ms, a proxy may bring a thousand calls a second. */
  readonly maxParkedOfSource: number;
  /** The same of all. */
  readonly maxParked: number;
}

export const STRANGER_LIMITS: StrangerLimits = {
  maxTransactionsOfSource: 512,
  maxTransactions: 4096,
  maxUnconfirmedCallsOfPort: 256,
  maxUnconfirmedCallsOfSource: 512,
  maxUnconfirmedCalls: 1024,
  maxCallsOfCallId: 64,
  maxParkedOfSource: 128,
  maxParked: 512,
};

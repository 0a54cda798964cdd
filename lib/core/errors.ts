// Errors for bad callers. Bad bytes from the network never throw: they give results, events and counted drops.
// No message here ever carries a secret, a word or a proof.

/** Every stable error code and what it tells the caller. The documentation's table is checked against this one. */
export const ERROR_CODES = {
  LATCHKEY_OPTION: 'an option has a value that is not accepted',
  LATCHKEY_STATE: 'the call does not fit the state of the offer/answer exchange',
  LATCHKEY_SDP: 'the local session description cannot be read, or names no such media',
  LATCHKEY_SOCKET: 'the socket is not bound, or is closed',
  LATCHKEY_LISTEN: 'a port or an address cannot be listened on',
  LATCHKEY_DESTINATION: 'the destination is neither the signalled address nor the mapping',
  LATCHKEY_CLOSED: 'the session or the latchkey it belongs to is closed',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What a bad call throws (or a send callback receives). `code` is stable, `message` is for people. */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

// The threefold limit, in one place (protocol.md 5.4, 8.2.4, 8.3.9): to an address where nobody has proved to be, or is known to receive, goes at most three
// times what came from there. Else whoever forges a source could have us flood a victim.

export const AMPLIFICATION_LIMIT = 3;

/** Payload and messages, both ways. */
export interface Exchanged {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Whether so many bytes more may go there. */
export function isWithinLimit({ receivedBytes, sentBytes }: Exchanged, sizeBytes: number): boolean {
  return sentBytes + sizeBytes <= AMPLIFICATION_LIMIT * receivedBytes;
}

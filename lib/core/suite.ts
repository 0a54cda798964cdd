// The proofs that the core speaks (protocol.md 3), by the names that travel in SDP.

/** In the order in which we prefer them. */
export const SUITES = ['HMAC-SHA-256', 'AES-256'] as const;
export type Suite = (typeof SUITES)[number];

export function isSuite(name: string): name is Suite {
  return (SUITES as readonly string[]).includes(name);
}

// What the parts of the judge over mixed calls have in common: what a violation is, where the server is, and which addresses an
// SDP may not aim us at.
import type { TransportAddress } from '../../lib/wire/address.js';

/** What may never be. */
export class MixedViolation extends Error {
  override readonly name = 'MixedViolation';
}

export const SERVER: TransportAddress = { address: '203.0.113.1', port: 40_000 };

export const keyOf = ({ address, port }: TransportAddress): string => `${address}|${port}`;

const SERVER_KEY = keyOf(SERVER);

/** No target that nothing has come from (protocol.md 5.7): loopback, link-local, private, multicast, broadcast, and our own. */
export const isForbidden = (key: string): boolean =>
  key === SERVER_KEY || /^(?:0|10|127|169\.254|2(?:2[4-9]|3\d)|255)\./.test(key);

/** 198.18/15, where the attackers are, is for measurements between networks: an SDP may no more aim us there than at 10/8. */
export const isUnrouted = (address: string): boolean => /^198\.1[89]\./.test(address);

// What is home to a call (protocol.md 8): the IP address that its signalling comes from, that of its description where something may go there unasked, and
// ranges that the owner names.
import type { TransportAddress } from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import { ipKey } from '../ip-key.js';

export interface HomeFacts {
  readonly session: Pick<CallPlace, 'peerAddress' | 'isOwnersHome'>;
  readonly signalled: TransportAddress | undefined;
  /** The address in the description may be a target (protocol.md 5.7). */
  readonly isSignalledAllowed: boolean;
}

export function isHome({ session, signalled, isSignalledAllowed }: HomeFacts, address: string): boolean {
  const { peerAddress } = session;
  const key = ipKey(address);
  if (peerAddress !== undefined && ipKey(peerAddress) === key) return true;
  if (signalled && isSignalledAllowed && ipKey(signalled.address) === key) return true;
  return session.isOwnersHome(address);
}

// What is home to a call (protocol.md 8): the IP address that its signalling comes from, that of its description where something may go there unasked, and
// ranges that the owner names.
import type { TransportAddress } from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import { ipKey } from '../ip-key.js';

/** What the peer has named of itself. */
interface NamedAddress {
  readonly signalled: TransportAddress | undefined;
  /** Undefined where nothing may go there unasked (protocol.md 5.7). */
  unprovenTarget(remote: TransportAddress): unknown;
}

export interface HomeFacts extends NamedAddress {
  readonly session: Pick<CallPlace, 'peerAddress' | 'isOwnersHome'>;
}

export function isHome(facts: HomeFacts, address: string): boolean {
  const { session, signalled } = facts;
  const key = ipKey(address);
  if (isSignallings(session, key)) return true;
  if (signalled && ipKey(signalled.address) === key && isSignalledAllowed(facts)) return true;
  return session.isOwnersHome(address);
}

/** The address in the peer's description may be a target (protocol.md 5.7). */
export function isSignalledAllowed(named: NamedAddress): boolean {
  return named.signalled !== undefined && named.unprovenTarget(named.signalled) !== undefined;
}

/** Somebody can vouch for the peer's being there: its signalling comes from this IP address, or somebody is known to receive there. */
export function isBacked(session: Pick<CallPlace, 'peerAddress' | 'isShown'>, address: string): boolean {
  return isSignallings(session, ipKey(address)) || session.isShown(address);
}

function isSignallings({ peerAddress }: Pick<CallPlace, 'peerAddress'>, key: string): boolean {
  return peerAddress !== undefined && ipKey(peerAddress) === key;
}

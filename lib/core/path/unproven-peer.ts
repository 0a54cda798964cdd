// Payload to a peer that proves nothing (protocol.md 7). Whoever writes an address into an SDP could aim our media at somebody
// else. So none goes there before the dialog is confirmed, none to an address that belongs to another session, and until
// somebody is known to receive there at most three times the bytes that came from there (5.1, P11). It decides and counts; it
// sends nothing.
import { ipRange, type TransportAddress } from '../../wire/index.js';
import { isWithinLimit } from './amplification.js';

/** What is known of the peer when a packet is to go to it. */
export interface UnprovenPeerState {
  /** No session with a better claim holds the address (5.1). */
  readonly isHeld: boolean;
  /** The signalling tells whether the dialog is confirmed, and it is not. */
  readonly isUnconfirmed: boolean;
  /** Somebody is known to receive at the IP address (8). */
  readonly isShown: boolean;
  /** Payload bytes that came from the address, and that went there. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export function maySendUnproven(state: UnprovenPeerState, sizeBytes: number): boolean {
  if (!state.isHeld || state.isUnconfirmed) return false;
  return state.isShown || isWithinLimit(state, sizeBytes);
}

/** Addresses that are nobody's in particular get nothing, whatever the owner's rule says. */
export function isNobodys(address: string): boolean {
  switch (ipRange(address).range) {
    case 'unspecified':
    case 'multicast':
    case 'broadcast':
      return true;
    case 'loopback':
    case 'link-local':
    case 'private':
    case 'global':
      return false;
  }
}

/** The bytes exchanged with one address. */
export class UnprovenPeer {
  receivedBytes = 0;
  sentBytes = 0;

  constructor(readonly remote: TransportAddress) {}
}

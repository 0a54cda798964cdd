/*
 * The two sides of a call: who sent its first INVITE, and whoever answered it.
 */
export type Party = 'caller' | 'callee';

export function otherParty(party: Party): Party {
  return party === 'caller' ? 'callee' : 'caller';
}

/**
 * The one rule by which media goes over UDP to a player without latch: it goes to the port of the connection's own IP address from
 * which a first packet came to a server port that this player alone was told, if no other port of that address sends within half
 * a second. Once named, a port stays: there is no proof by which it could move. What half a second leaves open is in docs/threats.md.
 */
import { isSameAddress, normaliseIp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';

/** So long a second port may show itself, and the first is not believed. */
export const TRIAL_MS = 500;
/** Players send their packet with SETUP or PLAY: so long after PLAY it is waited for. */
export const PUNCH_MS = 2000;

export type PunchState =
  | { readonly is: 'waiting' }
  | { readonly is: 'trial'; readonly source: TransportAddress; readonly sinceMs: number }
  | { readonly is: 'named'; readonly source: TransportAddress }
  /** Two ports have shown themselves: neither is believed, for good. */
  | { readonly is: 'disputed' };

export class Punch {
  readonly #address: string;
  #state: PunchState = { is: 'waiting' };
  /** Packets that were dropped: from elsewhere, too early, or after a dispute. */
  dropped = 0;

  /** @param address The IP address of the other end of the RTSP connection. */
  constructor(address: string) {
    this.#address = normaliseIp(address);
  }

  /** As of now: a trial that nobody has disputed ends by itself. */
  stateAt(nowMs: number): PunchState {
    const state = this.#state;
    if (state.is === 'trial' && nowMs - state.sinceMs >= TRIAL_MS)
      this.#state = { is: 'named', source: state.source };
    return this.#state;
  }

  /** Whether a packet that has come from there is taken for the player's. */
  handlePacket({ address, port }: TransportAddress, nowMs: number): boolean {
    const state = this.stateAt(nowMs);
    const source = { address: normaliseIp(address), port };
    const isTaken = state.is === 'named' && isSameAddress(source, state.source);
    if (!isTaken) this.dropped++;
    if (source.address !== this.#address) return false;
    if (state.is === 'waiting') this.#state = { is: 'trial', source, sinceMs: nowMs };
    else if (state.is === 'trial' && !isSameAddress(source, state.source)) this.#state = { is: 'disputed' };
    return isTaken;
  }
}

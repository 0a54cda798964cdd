// What a path may know of the call that it belongs to: its names, and what the signalling says. Values only; the call
// itself stays out of its reach.

/** What the hop is that carries the descriptions: secrets go over `clear` only where the owner allowed it by name. */
export type Signalling = 'encrypted' | 'loopback' | 'clear';

export interface CallPlace {
  readonly id: string;
  /** The application's name for the call, for events. */
  readonly call: string;
  readonly signalling: Signalling;
  /** Our own address as this peer was told it, for protocol.md 5.7. */
  readonly advertised: string | undefined;
}

// What a dialogue needs of the service that it is part of, and what is known of the other end. Types only.
import type { TransportAddress } from '../../lib/index.js';
import type { RtspAdmission, TransportChoice } from '../../lib/rtsp/index.js';
import type { LatchHop } from './latch-offer.js';
import type { MediaSession } from './media-session.js';
import type { CheckedOptions } from './options.js';
import type { RtspEndReason } from './rtsp-types.js';
import type { Tally } from './tally.js';

/** The two ends of a connection. */
export interface Caller {
  readonly remote: TransportAddress;
  readonly local: TransportAddress;
  readonly isSecure: boolean;
  /** It has shown a certificate that we trust. */
  readonly isCertified: boolean;
  /** Where latch may be offered: over TLS, or loopback. */
  readonly hop: LatchHop | undefined;
}

export interface DialogueSite {
  readonly options: CheckedOptions;
  readonly admission: RtspAdmission;
  readonly tally: Tally;
  readonly nowMs: () => number;
  isDraining(): boolean;
  /** So many wrong passwords have come from there lately that none is looked at. */
  isGuessed(address: string): boolean;
  noteWrong(address: string): void;
  /** UDP without latch came to nothing from there lately. */
  isVain(address: string): boolean;
  formatTransport(choice: TransportChoice, ownAddress: string): string;
  /** @param onUnreached UDP without latch comes to nothing. */
  onBegun(session: MediaSession, onUnreached: () => void): void;
  onEnded(session: MediaSession, reason: RtspEndReason): void;
}

// What events tell of the peer's mapping: where we see the peer, where it sees us, what its NAT changed, and whether the mapping
// is another than the last one told.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import type { VerifiedPath } from './verified-path.js';
import type { Scheme } from '../proof/scheme.js';
import { natBetween } from '../events.js';
import type { VerifierHost } from './verifier-host.js';

export class Mapping {
  #last: TransportAddress | undefined;

  constructor(private readonly host: Pick<VerifierHost, 'signalled' | 'session' | 'emit'>) {}

  /** The path carries the media from now on, or has proved itself under new keys. */
  announce(path: VerifiedPath, { protection, suite }: Scheme): void {
    const { remote, serverSeenAs, rttMs } = path;
    const { signalled, session } = this.host;
    const view = {
      ...{ mapping: remote, serverSeenAs, rttMs, protection },
      ...(signalled && { signalled }),
      nat: natBetween(signalled, remote),
      ...(suite && { suite }),
      signalling: session.signalling,
    };
    const previous = this.#last;
    this.#last = remote;
    if (previous && !isSameAddress(previous, remote))
      this.host.emit({ type: 'rebound', previous, ...view }, path);
    else this.host.emit({ type: 'verified', ...view }, path);
    if (view.nat === 'none') this.host.emit({ type: 'direct', ...view }, path);
  }
}

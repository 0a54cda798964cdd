// What events tell of the peer's mapping: where we see the peer, where it sees us, what its NAT changed, and whether the mapping
// is another than the last one told.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import { natBetween, type MappingView } from '../events.js';
import type { Path } from '../network-path.js';
import type { VerifierHost } from './verifier-host.js';

/** What an answer to a challenge has told besides: nothing, where nobody is challenged (protocol.md 8.2). */
type AnnouncedPath = Path & Pick<MappingView, 'serverSeenAs' | 'rttMs'>;
type Announcer = Pick<MappingView, 'protection'> & { readonly suite?: MappingView['suite'] | undefined };

export class Mapping {
  #last: TransportAddress | undefined;

  constructor(private readonly host: Pick<VerifierHost, 'signalled' | 'session' | 'emit'>) {}

  /** The media goes there from now on, which is told in another way. */
  note(remote: TransportAddress): void {
    this.#last = remote;
  }

  /** The path carries the media from now on, or has proved itself under new keys. */
  announce(path: AnnouncedPath, { protection, suite }: Announcer): void {
    const { remote, serverSeenAs, rttMs } = path;
    const { signalled, session } = this.host;
    const view = {
      mapping: remote,
      protection,
      ...(serverSeenAs && { serverSeenAs }),
      ...(rttMs !== undefined && { rttMs }),
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

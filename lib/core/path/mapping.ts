// What events tell of the peer's mapping: where we see the peer, where it sees us, what its NAT changed, and whether the mapping
// is another than the last one told.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import { natBetween, type MappingView } from '../events.js';
import type { Path } from '../network-path.js';
import type { VerifierHost } from './verifier-host.js';

/** What an answer to a challenge has told besides: nothing, where nobody is challenged (protocol.md 8.2). */
type AnnouncedPath = Path & Pick<MappingView, 'serverSeenAs' | 'rttMs'>;
type Announcer = Pick<MappingView, 'protection'> & { readonly suite?: MappingView['suite'] | undefined };

/**
 * The path carries the media from now on, or has proved itself under new keys.
 *
 * @param previous the address that was told last
 * @returns the one that is told now
 */
export function announceMapping(
  host: Pick<VerifierHost, 'signalled' | 'session' | 'emit'>,
  path: AnnouncedPath,
  { protection, suite }: Announcer,
  previous: TransportAddress | undefined,
): TransportAddress {
  const { remote, serverSeenAs, rttMs } = path;
  const { signalled, session } = host;
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
  if (previous && !isSameAddress(previous, remote)) host.emit({ type: 'rebound', previous, ...view }, path);
  else host.emit({ type: 'verified', ...view }, path);
  if (view.nat === 'none') host.emit({ type: 'direct', ...view }, path);
  return remote;
}

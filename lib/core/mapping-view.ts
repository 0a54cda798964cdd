// Both views of a verified mapping, as events tell them.
import type { TransportAddress } from '../wire/index.js';
import type { ActivePath } from './active-path.js';
import type { Challenger } from './challenger.js';
import { natBetween, type MappingView } from './events.js';

export function mappingView(
  path: ActivePath,
  signalled: TransportAddress | undefined,
  { protection, suite }: Challenger,
): MappingView {
  const { remote: mapping, serverSeenAs, rttMs } = path;
  const nat = natBetween(signalled, mapping);
  return {
    ...(signalled && { signalled }),
    mapping,
    serverSeenAs,
    nat,
    rttMs,
    protection,
    ...(suite && { suite }),
  };
}

// Which UDP ports are for media, and which of them a peer gets: one pair that all calls share, or a pair of its own. It opens none.
import type { OfferedProof } from '../index.js';
import type { MediaPair, MediaPorts, OpenMedia } from './media-sockets.js';

/** What is wrong with these ports, beside their kind and the single numbers. Undefined: nothing is. */
export function mediaFault(ports: MediaPorts): string | undefined {
  if (ports.kind === 'shared') return undefined;
  const { low, high } = ports;
  const range = `${low}-${high}`;
  if (low + (low % 2) + 1 > high)
    return `a range of ports with room for a pair, an even one and the next, not ${range}`;
  if (ports.kind === 'range') return undefined;
  const { port } = ports;
  if (port % 2 !== 0 || low % 2 !== 0)
    return `an even shared port and a range that begins with an even one, not ${port},${range}`;
  if (port + 1 >= low && port <= high)
    return `a shared port that lies, as the next one does, outside of the range, not ${port},${range}`;
  return undefined;
}

/**
 * Lends a peer its ports. One port for many calls suits a peer that latch or ICE finds there: its messages name the call. SRTP and media
 * without a key are told apart by where they come from and by trying keys, so those peers get a pair of their own where there is one
 * (protocol.md 8.2.7). While all pairs are lent they can share the port, which serves them too.
 *
 * @param proof What the peer brings; undefined also where nobody knows yet, as with an offer of ours: who answers may bring nothing.
 * @param onRangeFull Called where a peer shares the port because all pairs are lent. Left out, it then gets none.
 */
export async function lendPair(
  { media, shared }: OpenMedia,
  proof: OfferedProof | undefined,
  onRangeFull?: () => void,
): Promise<MediaPair | undefined> {
  if (shared && (proof === 'latch' || proof === 'ice')) return shared.lend();
  const own = await media.lend(proof === undefined ? 'keyless' : 'proven');
  if (!shared) return own;
  if (own || !onRangeFull) return own;
  onRangeFull();
  return shared.lend();
}

/** Lends another pair, for a peer that is asked to send there (protocol.md 8.3.6). A port that others have too would tell nothing of it. */
export async function lendForQuestion({ media }: OpenMedia): Promise<MediaPair | undefined> {
  const pair = media.isShared === true ? undefined : await media.lend('question');
  if (pair?.isShared !== true) return pair;
  pair.release();
  return undefined;
}

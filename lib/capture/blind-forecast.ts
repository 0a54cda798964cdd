/*
 * What a server that latches blindly (RFC 7362) would have done at a stream's destination with the media that it sent:
 * who would have got it if the server locked to the first source, and if it followed the newest. For the report only.
 */
import type { TransportAddress } from '../wire/address.js';
import { isSameAddress } from '../wire/address.js';
import type { MediaStream } from './media-stream.js';
import type { SourceChange } from './source-history.js';

/** What became of the packets that left the destination once somebody had spoken to it. */
export interface BlindOutcome {
  /** To where the sender was at that time. */
  readonly reached: number;
  /** To an intruder. */
  readonly stolen: number;
  /** To an address that the sender had left. */
  readonly lost: number;
  /** The sources that would have been sent to, and how many packets. */
  readonly targets: readonly { readonly source: TransportAddress; readonly packets: number }[];
}

export interface BlindForecast {
  readonly first: BlindOutcome;
  readonly newest: BlindOutcome;
}

/**
 * @param changes where the stream went over to another source, intruders left out
 * @param intruders addresses of all intruders at this destination
 */
export function forecastBlindLatch(
  stream: MediaStream,
  changes: readonly SourceChange[],
  isIntruder: (source: TransportAddress) => boolean,
): BlindForecast {
  const { destination } = stream;
  const firstTargets = destination.targets.filter(({ asFirst }) => asFirst > 0);
  const lost = packetsAfterLeaving(stream, changes, isIntruder);
  return {
    first: outcome(
      firstTargets.map(({ source, asFirst }) => ({ source, packets: asFirst })),
      isIntruder,
      lost,
    ),
    newest: outcome(
      destination.targets
        .filter(({ asNewest }) => asNewest > 0)
        .map(({ source, asNewest }) => ({ source, packets: asNewest })),
      isIntruder,
      0,
    ),
  };
}

function outcome(
  targets: BlindOutcome['targets'],
  isIntruder: (source: TransportAddress) => boolean,
  lost: number,
): BlindOutcome {
  let [total, stolen] = [0, 0];
  for (const { source, packets } of targets) {
    total += packets;
    if (isIntruder(source)) stolen += packets;
  }
  return { reached: total - stolen - lost, stolen, lost, targets };
}

/** Locked to the first source: what left the destination while the sender was somewhere else. */
function packetsAfterLeaving(
  { destination }: MediaStream,
  changes: readonly SourceChange[],
  isIntruder: (source: TransportAddress) => boolean,
): number {
  const locked = destination.first?.source;
  if (!locked || isIntruder(locked)) return 0;
  let away = 0;
  let leftAt: number | undefined;
  for (const { source, sentBefore } of changes) {
    const isAtLocked = isSameAddress(source.address, locked);
    if (!isAtLocked && leftAt === undefined) leftAt = sentBefore;
    if (isAtLocked && leftAt !== undefined) {
      away += sentBefore - leftAt;
      leftAt = undefined;
    }
  }
  return leftAt === undefined ? away : away + destination.sent - leftAt;
}

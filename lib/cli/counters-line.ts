// The line `counters` of `latchkey serve`, and what its line `closed` says of a stream: out of what the server tells, with
// names and order that scripts rely on. It counts nothing.
import type { Counters, LatchEvent } from '../index.js';
import type { CallSnapshot, DistributionServer, ServerSnapshot } from '../server/index.js';
import type { Fields } from './event-log.js';

/**
 * Totals since the start, and how many calls there are now.
 *
 * @param faults Of the process, beside those of the server.
 * @param isVerbose One record for each open session, too: a line that grows with the calls.
 */
export function countersLine(
  { counters, calls }: Pick<ServerSnapshot, 'counters' | 'calls'>,
  faults: Readonly<Record<string, number>>,
  isVerbose: boolean,
): Fields {
  const sessions = isVerbose && { sessions: calls.map(sessionRecord) };
  return { calls: calls.length, ...counters, faults: { ...counters.faults, ...faults }, ...sessions };
}

/** What one stream of a session counted, for its `closed` event. */
export function streamCounters(
  { latchkey }: DistributionServer,
  { session, media, component }: LatchEvent,
): Fields {
  const streams = latchkey.sessions.get(session)?.streams ?? [];
  const stream = streams.find((one) => one.media === media && one.component === component);
  if (!stream) return {};
  // A line for each stream of each call: what never happened is left out.
  const dropped = Object.entries(stream.counters.dropped).filter(([, count]) => count > 0);
  return { ...payload(stream.counters), dropped: Object.fromEntries(dropped) };
}

function sessionRecord({
  session,
  call,
  room,
  protection,
  counters,
  distribution,
  paths,
}: CallSnapshot): Fields {
  return {
    ...{ session, call },
    ...(distribution && { room }),
    protection,
    ...counters,
    ...(distribution && { distribution }),
    streams: paths.map((path) => ({ ...path, counters: undefined, ...payload(path.counters) })),
  };
}

function payload({ received, delivered, sent, dropped }: Counters): Fields {
  return { received, delivered, sent, dropped };
}

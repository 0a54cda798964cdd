// --call: what was found, but for one Call-ID and its streams. Indexes are those of what is left; the counts of the whole capture
// stay as they are.
import type { CaptureFindings } from '../capture/capture-analysis.js';

/** Undefined where no call has this Call-ID. */
export function selectCall({ report, calls }: CaptureFindings, id: string): CaptureFindings | undefined {
  const kept = calls.flatMap((call, index) => (call.callId === id ? [index] : []));
  if (kept.length === 0) return undefined;
  const callAt = new Map(kept.map((index, i) => [index, i]));
  const streams = [...new Set(kept.flatMap((index) => report.calls[index]?.streams ?? []))].sort(
    (a, b) => a - b,
  );
  const streamAt = new Map(streams.map((index, i) => [index, i]));
  const moved = (indexes: readonly number[], to: ReadonlyMap<number, number>) =>
    indexes.flatMap((index) => to.get(index) ?? []);
  return {
    calls: kept.flatMap((index) => calls[index] ?? []),
    report: {
      ...report,
      calls: kept.flatMap((index) => {
        const call = report.calls[index];
        return call ? [{ ...call, streams: moved(call.streams, streamAt) }] : [];
      }),
      streams: streams.flatMap((index) => {
        const stream = report.streams[index];
        if (!stream) return [];
        const own = moved(stream.calls, callAt);
        const intruders = stream.intruders.map((one) => ({ ...one, stream: streamAt.get(one.stream) ?? -1 }));
        return [{ ...stream, call: own[0] ?? null, calls: own, intruders }];
      }),
    },
  };
}

// One clock for all processes of the demonstration: the system's monotonic one, which they share.

/** Milliseconds since a moment that is the same for every process of this machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// Text out of a capture for a terminal: whoever sent it may have put anything into it.

/** Printable ASCII, at most `maximum` characters: the rest could move the cursor or pose as a line of ours. */
export function printable(text: string, maximum: number): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > maximum ? `${clean.slice(0, Math.max(0, maximum - 2))}..` : clean;
}

/** Seconds since the capture's beginning, to the millisecond: `12.345`. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** The time of day in UTC, to the millisecond, of milliseconds since 1970; dashes for a time that no calendar has. */
export function clock(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '--:--:--.---' : date.toISOString().slice(11, 23);
}

/** Day and time of day, likewise. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? 'an unknown time'
    : `${date.toISOString().slice(0, 10)} ${clock(ms)} UTC`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

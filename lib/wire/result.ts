/*
 * What every parser of this room returns: a value, or an error with a stable code and a place.
 * Nothing here throws, and no message ever quotes what was received: it might be a secret.
 */

/** Why some input was refused. */
export interface WireError {
  /** A stable, short name such as `truncated`. */
  readonly code: string;
  /** Where: a byte offset into a datagram, or for SDP the line, counted from 1. */
  readonly offset: number;
  /** One sentence for people; never contains received values. */
  readonly message: string;
}

/** Either a value or the reason why there is none. */
export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: WireError };

/** Wraps a value. */
export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** Makes a refusal; assignable to the `Result` of any type. */
export function refuse(code: string, offset: number, message: string): { ok: false; error: WireError } {
  return { ok: false, error: { code, offset, message } };
}

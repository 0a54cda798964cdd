// A path of protocol.md 1: one socket of ours, and one remote address. The same remote address at two sockets is two paths:
// what is proved on one of them says nothing about the other.
import { isSameAddress, type TransportAddress } from '../wire/index.js';

/** A socket of ours, as the rules know it: by identity. */
export interface LocalPort {
  readonly local: TransportAddress;
}

export interface Path {
  readonly port: LocalPort;
  readonly remote: TransportAddress;
}

export function isSamePath(a: Path, b: Path): boolean {
  return a.port === b.port && isSameAddress(a.remote, b.remote);
}

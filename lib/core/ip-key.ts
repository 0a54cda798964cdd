// One text for each IP address, by which bounds and claims are kept. Addresses are compared as bytes, and a zone is not part of
// them (protocol.md 5.7): who writes `2001:db8::1%a` and then `2001:db8::1%b` names one host.
import { formatIp, parseIp } from '../wire/index.js';

/** Text that is no IP address is returned as it is. */
export function ipKey(address: string): string {
  // IPv4 has one spelling.
  if (!address.includes(':')) return address;
  const bytes = parseIp(address);
  return bytes ? formatIp(bytes) : address;
}

/**
 * IPv6 addresses in Via headers, which every phone on IPv6 writes and the package's parser takes for something else. They are
 * veiled in the text before it parses, and unveiled in the message that comes of it: `[2001_db8__1]` between the two, which is
 * no host of anybody's. What is no address stays as it is. Other headers are not its business.
 */
import { isIPv6 } from 'node:net';
import type { SipMessage } from '../../lib/sip/index.js';

const VIA = /^(?:via|v)[ \t]*:/i;
/** A host, or a parameter whose value is an address, with brackets or (RFC 3261 25.1) without. */
const ADDRESS =
  /\[([0-9a-f:.]{2,45})\]|(;[ \t]{0,8}(?:received|maddr)[ \t]{0,8}=[ \t]{0,8})(\[?)([0-9a-f:.]{2,45})\]?/gi;
const PARAMS = ['received', 'maddr'];

/** One header line, as the package can read it. */
export function veilViaAddresses(line: string): string {
  if (!VIA.test(line)) return line;
  return line.replace(
    ADDRESS,
    (all: string, host?: string, param?: string, _open?: string, value?: string) => {
      const address = host ?? value ?? '';
      if (!isIPv6(address)) return all;
      const veiled = address.replaceAll(':', '_');
      return param === undefined ? `[${veiled}]` : `${param}${veiled}`;
    },
  );
}

function unveil(text: string): string | undefined {
  const address = text.replaceAll('_', ':');
  return isIPv6(address) ? address : undefined;
}

/** The message that the package made of such lines, as it was sent. */
export function unveilViaAddresses({ headers: { via } }: SipMessage): void {
  if (!Array.isArray(via)) return;
  for (const entry of via) {
    const host = /^\[(.*)\]$/.exec(entry.host ?? '')?.[1];
    const address = host === undefined ? undefined : unveil(host);
    if (address !== undefined) entry.host = `[${address}]`;
    for (const name of PARAMS) {
      const value = unveil(entry.params[name] ?? '');
      if (value !== undefined) entry.params[name] = value;
    }
  }
}

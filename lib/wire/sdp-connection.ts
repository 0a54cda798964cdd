/*
 * Whether media can go where a section of a description says, by its words alone. It resolves no names: whose they are a
 * stranger chooses, and so which servers would be asked, and when.
 */
import { ipRange } from './ip-range.js';
import { parseIp } from './address.js';
import type { SdpMedia } from './sdp.js';

/** What to answer, in SIP's words; `warnCode` is the code of a Warning (RFC 3261 section 20.43). */
export interface ConnectionFault {
  readonly status: 400 | 488;
  readonly warnCode: 300 | 301 | 399;
  readonly text: string;
}

const ABSENT: ConnectionFault = {
  status: 400,
  warnCode: 399,
  text: 'there is no c= line that can be read, so that nobody knows where media goes',
};
const NAME: ConnectionFault = {
  status: 488,
  warnCode: 301,
  text: 'media is sent to IP addresses: the name in the c= line is not resolved',
};

/**
 * Why nothing can be sent to the address of a section; undefined where something can, and on hold (`0.0.0.0`, `::`).
 *
 * @param own Our IP address for the media of the section. Undefined where it is not known, `::` where it is of both families.
 */
export function connectionFault(
  { address }: Pick<SdpMedia, 'address'>,
  own: string | undefined,
): ConnectionFault | undefined {
  if (address === '') return ABSENT;
  const theirs = parseIp(address);
  if (!theirs) return NAME;
  const ours = own === undefined || own === '::' ? undefined : parseIp(own);
  if (!ours || ours.length === theirs.length || ipRange(address).range === 'unspecified') return undefined;
  const [here, there] = ours.length === 4 ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
  return {
    status: 488,
    warnCode: 300,
    text: `media is sent by ${here} here, and the c= line has an address of ${there}`,
  };
}

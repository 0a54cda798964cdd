/*
 * The SSRCs in whose name one RTCP compound packet is said: those that its sender uses for itself. Names and farewells are not among them, since they
 * bring no source into being.
 */
import { parseRtcp } from '../wire/rtcp.js';

/** SR, RR, feedback of both kinds, and extended reports. */
const SPOKEN: readonly number[] = [200, 201, 205, 206, 207];

/** Each once, in their order; none where the packet cannot be read. */
export function speakersOf(bytes: Uint8Array): ReadonlySet<number> {
  const headers = parseRtcp(bytes);
  const spoken = headers.ok ? headers.value.filter(({ payloadType }) => SPOKEN.includes(payloadType)) : [];
  return new Set(spoken.flatMap(({ ssrc }) => ssrc ?? []));
}

// Which addresses of a description no call is made with (protocol.md 5.7): where nobody in particular receives. Everything else that 5.7 keeps from being a target is still a call: its media comes from elsewhere, and proves itself.
// A decision and nothing else.
import { ipRange, parseIp, type SdpMedia } from '../../wire/index.js';

/** Says why, for the Warning of a 488; undefined where nothing is wrong with it. */
export function refusedTarget({
  address,
  port,
  rtcp,
}: Pick<SdpMedia, 'address' | 'port' | 'rtcp'>): string | undefined {
  for (const target of [{ address, port }, rtcp]) {
    // A name, or no address at all, is not for this to judge.
    if (target.port === 0 || !parseIp(target.address)) continue;
    switch (ipRange(target.address).range) {
      case 'multicast':
        return 'media is not sent to a multicast address';
      case 'broadcast':
        return 'media is not sent to a broadcast address';
      case 'unspecified': // Hold.
        continue;
      case 'loopback':
      case 'link-local':
      case 'private':
      case 'global':
        continue;
    }
  }
  return undefined;
}

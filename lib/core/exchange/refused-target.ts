// Which addresses of a description no call is made with (protocol.md 5.7): where nobody in particular receives, and where this
// process does itself, so that two of its ports would send to each other for ever. Everything else that 5.7 keeps from being a
// target is still a call: its media comes from elsewhere, and proves itself. A decision and nothing else.
import { ipRange, parseIp, type SdpMedia } from '../../wire/index.js';
import type { OwnSockets } from '../own-sockets.js';
import type { WarnCode } from './verdict.js';

/** Says why, for the Warning of a 488, and its code; undefined where nothing is wrong with it. */
export function refusedTarget(
  {
    address,
    port,
    rtcp,
    rtcpMux,
    hasRtcpLine,
  }: Pick<SdpMedia, 'address' | 'port' | 'rtcp' | 'rtcpMux' | 'hasRtcpLine'>,
  ownSockets: Pick<OwnSockets, 'has'>,
): { readonly text: string; readonly warnCode?: WarnCode } | undefined {
  // The next port, which nobody has named, is some neighbour's where RTCP shares that of RTP. Should it be sent to in the end, it
  // is held against our sockets there.
  const said = rtcpMux && !hasRtcpLine ? [{ address, port }] : [{ address, port }, rtcp];
  for (const target of said) {
    // A name, or no address at all, is not for this to judge.
    if (target.port === 0 || !parseIp(target.address)) continue;
    switch (ipRange(target.address).range) {
      case 'multicast':
        return { text: 'media is not sent to a multicast address', warnCode: 330 };
      case 'broadcast':
        return { text: 'media is not sent to a broadcast address' };
      case 'unspecified': // Hold.
        continue;
      case 'loopback':
      case 'link-local':
      case 'private':
      case 'global':
        if (ownSockets.has(target.address, target.port)) return { text: 'the address and port are our own' };
    }
  }
  return undefined;
}

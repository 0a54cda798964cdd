// SRTP in a capture, opened with the keys of the call: whose media it is can then be told. Pure.
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver } from '../../lib/srtp/index.js';
import type { MasterKey } from '../../lib/srtp/index.js';

/** A datagram as it was seen, or in clear where a key opened it. */
export interface Seen extends CapturedDatagram {
  /** There were keys, and none of them made its tag: who has them does not take it. */
  readonly isRefused?: true;
}

/**
 * With one of these keys each. Nothing is remembered of a packet, so what comes twice is opened twice: the attacker of the
 * comparison repeats nobody's packets, and what a server sends twice is to be counted twice.
 */
export function opened(packets: readonly CapturedDatagram[], keys: readonly MasterKey[]): readonly Seen[] {
  if (keys.length === 0) return packets;
  const receivers = keys.map((key) => new SrtpReceiver(nodeSrtpCrypto, key, { decrypts: true }));
  return packets.map((packet) => {
    for (const receiver of receivers) {
      const tagged = receiver.checkRtp(packet.payload, packet.timeMs);
      if (typeof tagged === 'object' && tagged.clear) return { ...packet, payload: tagged.clear };
    }
    return { ...packet, isRefused: true as const };
  });
}

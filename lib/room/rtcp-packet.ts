/*
 * The seam to rtp.js: bytes to one of its packets and back. rtp.js throws on what it cannot read and reads
 * before it checks lengths, so it only sees what lib/wire has measured, and nothing of it escapes from here.
 */
import { CompoundPacket } from 'rtp.js/packets';
import type { RtcpPacket } from 'rtp.js/packets';

/** One RTCP packet out of a compound one, `bytes` being exactly it; undefined when rtp.js cannot read it. */
export function readRtcpPacket(bytes: Uint8Array): RtcpPacket | undefined {
  try {
    // A compound of one: that is where rtp.js chooses the class for a packet type.
    const compound = new CompoundPacket(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return compound.getPackets()[0];
  } catch {
    return undefined;
  }
}

/** The serialised bytes of a packet that was made or changed here. */
export function bytesOf(packet: { getView(): DataView }): Uint8Array {
  const view = packet.getView();
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

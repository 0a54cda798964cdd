// RTCP on a port of its own, of a peer without a key (protocol.md 8.3.10): it is taken from the IP address of the locked RTP, in the name of a stream that
// is locked, and follows RTP wherever that goes.
import { readRtcpSsrc, type PacketClass, type TransportAddress } from '../../wire/index.js';
import { ipKey } from '../ip-key.js';
import type { Path } from '../network-path.js';
import type { RtpBeside } from '../proof/evidence-terms.js';

export class EvidenceRtcp {
  /** Where it last came from. */
  path: Path | undefined;
  receivedBytes = 0;
  sentBytes = 0;

  constructor(readonly rtp: RtpBeside) {}

  /** True where the packet is the peer's. */
  handle(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    if (kind !== 'rtcp' || !this.isBeside(path.remote)) return false;
    const ssrc = readRtcpSsrc(bytes);
    if (ssrc === undefined || !this.rtp.hasStream(ssrc)) return false;
    this.receivedBytes += bytes.length;
    this.rtp.noteRtcp(nowMs);
    return true;
  }

  /** It comes from there now, and this was the first packet. */
  begin(path: Path, sizeBytes: number): void {
    this.path = path;
    this.receivedBytes = sizeBytes;
    this.sentBytes = 0;
  }

  /** At the IP address where RTP is locked. */
  isBeside({ address }: TransportAddress): boolean {
    const { lockedAt } = this.rtp;
    return lockedAt !== undefined && ipKey(lockedAt.address) === ipKey(address);
  }
}

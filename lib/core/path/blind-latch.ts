// Blind latching (RFC 7362) for peers that bring no secret, under the policy `legacy` only: locked to the first
// source whose RTP matches the negotiated payload types, and never moved (protocol.md 7). Less safe by nature.
import { readRtpPayloadType, type PacketClass, type TransportAddress } from '../../wire/index.js';

export class BlindLatch {
  #locked: TransportAddress | undefined;

  /**
   * @param payloadTypes what the offer/answer negotiated for this component's stream
   * @param rtp for RTCP on its own port: the RTP of the same stream, and the IP address that this is locked to, once it is
   */
  constructor(
    private readonly payloadTypes: ReadonlySet<number>,
    private readonly rtp?: { readonly latchedAddress: string | undefined },
  ) {}

  get locked(): TransportAddress | undefined {
    return this.#locked;
  }

  /** True where this datagram locks the latch to its source. */
  handle(bytes: Uint8Array, kind: PacketClass, source: TransportAddress): boolean {
    if (this.#locked || !this.#matches(bytes, kind, source)) return false;
    this.#locked = source;
    return true;
  }

  #matches(bytes: Uint8Array, kind: PacketClass, source: TransportAddress): boolean {
    if (this.rtp) return kind === 'rtcp' && this.rtp.latchedAddress === source.address;
    return kind === 'rtp' && this.payloadTypes.has(readRtpPayloadType(bytes));
  }
}

// SRTP's ciphers by the addon (srtp.c): one call for a packet, where counter-mode.ts and gcm.ts take several. It makes the same bytes.
import { allocatePacket } from '../../srtp/index.js';
import { ByteSheet, PACKETS } from '../../wire/byte-sheet.js';
import type {
  PacketKind,
  PacketPlace,
  SessionKeys,
  SrtpCrypto,
  SrtpSuite,
  Transform,
} from '../../srtp/index.js';
import { findAddon } from './addon.js';
import type { Addon, SrtpContext } from './addon.js';

const INDEX_SIZE_BYTES = 4;
const NOTHING = new Uint8Array(0);
/** What is opened, as applications are handed it. Not cleared: only what was written is handed out. */
const opened = new ByteSheet({
  ...PACKETS,
  open: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes).buffer,
  view: (memory, at, sizeBytes) => Buffer.from(memory, at, sizeBytes),
});

/** By the addon, where there is one that can. */
export const nativeTransform: NonNullable<SrtpCrypto['transform']> = (suite, keys, kind) => {
  const found = findAddon();
  return 'addon' in found ? openTransform(found.addon, suite, keys, kind) : undefined;
};

function openTransform(
  addon: Addon,
  suite: SrtpSuite,
  { cipherKey, authKey, salt }: SessionKeys,
  kind: PacketKind,
): Transform | undefined {
  const tagSizeBytes = kind === 'rtp' ? suite.rtpTagSizeBytes : suite.rtcpTagSizeBytes;
  const [isGcm, isRtcp] = [suite.kind === 'gcm' ? 1 : 0, kind === 'rtcp' ? 1 : 0] as const;
  const context = addon.srtpNew(isGcm, isRtcp, tagSizeBytes, cipherKey, authKey, salt);
  return context && new NativeTransform(addon, context, isGcm === 1, isRtcp === 1, tagSizeBytes);
}

class NativeTransform implements Transform {
  readonly #indexSizeBytes: number;

  constructor(
    private readonly addon: Addon,
    private readonly context: SrtpContext,
    private readonly isGcm: boolean,
    isRtcp: boolean,
    private readonly tagSizeBytes: number,
  ) {
    this.#indexSizeBytes = isRtcp ? INDEX_SIZE_BYTES : 0;
  }

  seal(packet: Uint8Array, { clearSizeBytes, ssrc, index }: PacketPlace, mki: Uint8Array): Uint8Array {
    const sealed = allocatePacket(packet.length + this.#indexSizeBytes + mki.length + this.tagSizeBytes);
    if (!this.addon.srtpSeal(this.context, packet, sealed, clearSizeBytes, ssrc, index, mki))
      throw new Error('a packet could not be encrypted');
    return sealed;
  }

  open(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): Uint8Array | undefined {
    const sizeBytes = sealed.length - this.tagSizeBytes - this.#indexSizeBytes - mkiSizeBytes;
    if (sizeBytes < place.clearSizeBytes) return undefined;
    const clear = opened.take(sizeBytes);
    return this.#open(sealed, clear, place, mkiSizeBytes) ? clear : undefined;
  }

  verify(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): boolean {
    // GCM tells by decrypting.
    return this.isGcm
      ? this.open(sealed, place, mkiSizeBytes) !== undefined
      : this.#open(sealed, NOTHING, place, mkiSizeBytes);
  }

  mkiAt(sealed: Uint8Array, mkiSizeBytes: number): number {
    return sealed.length - mkiSizeBytes - (this.isGcm ? 0 : this.tagSizeBytes);
  }

  forget(): void {
    this.addon.srtpForget(this.context);
  }

  #open(
    sealed: Uint8Array,
    into: Uint8Array,
    { clearSizeBytes, ssrc, index }: PacketPlace,
    mkiSizeBytes: number,
  ): boolean {
    return this.addon.srtpOpen(this.context, sealed, into, clearSizeBytes, ssrc, index, mkiSizeBytes);
  }
}

/*
 * ITU-T G.711 µ-law, the audio of PCMU (RFC 3551 section 4.5.14): linear samples to octets. Encodes
 * only: nothing here listens to a call.
 */

const BIAS = 0x84;
const CLIP = 32_635;

/** One octet for one linear sample of -32768 to 32767. */
export function encodeMuLaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  // The segment is where the highest set bit stands, counted from bit 7 up.
  const segment = 24 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (segment + 3)) & 0x0f;
  return ~(sign | (segment << 4) | mantissa) & 0xff;
}

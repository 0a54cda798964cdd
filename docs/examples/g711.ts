// G.711, as PCMU and PCMA have it, to linear samples of 16 bits.
import alawmulaw from 'alawmulaw';

const LAWS = new Map([
  ['PCMU/8000', alawmulaw.mulaw],
  ['PCMA/8000', alawmulaw.alaw],
]);

/** The samples of a payload, 8000 a second; undefined for any other codec. */
export function decodeG711(codec: string, payload: Uint8Array): Int16Array | undefined {
  return LAWS.get(codec)?.decode(payload);
}

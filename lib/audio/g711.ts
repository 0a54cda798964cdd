/*
 * G.711 as the wire and as services have it: octets of PCMU or PCMA on one side, linear PCM on the other. The laws themselves are
 * the package alawmulaw's. Nothing is resampled: both sides are mono, 8000 samples a second.
 */
import alawmulaw from 'alawmulaw';

/** RFC 3551 table 4: PCMU is 0, PCMA is 8. */
export type G711PayloadType = 0 | 8;

export const SAMPLES_PER_MS = 8;
export const FRAME_MS = 20;
/** A frame has one octet a sample. */
export const FRAME_OCTETS = FRAME_MS * SAMPLES_PER_MS;

const PCM_BYTES = 2;

/** One of the two laws. */
export interface G711 {
  readonly payloadType: G711PayloadType;
  /** The octet of the sample 0. */
  readonly silence: number;
  /** From PCM of 16 bits, little-endian; an odd byte at the end is left out. */
  encode(pcm: Uint8Array): Uint8Array;
  /** To PCM of 16 bits, little-endian: two bytes for each octet. */
  decode(octets: Uint8Array): Buffer;
}

const LAWS = { 0: alawmulaw.mulaw, 8: alawmulaw.alaw } as const;

export function g711(payloadType: G711PayloadType): G711 {
  const law = LAWS[payloadType];
  return {
    payloadType,
    silence: law.encodeSample(0) & 0xff,
    encode: (pcm) => law.encode(samplesOf(pcm)),
    decode: (octets) => pcmOf(law.decode(octets)),
  };
}

/** By hand: the bytes may lie at an odd place in memory, and the machine may be big-endian. */
function samplesOf(pcm: Uint8Array): Int16Array {
  const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const samples = new Int16Array(pcm.byteLength >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * PCM_BYTES, true);
  return samples;
}

function pcmOf(samples: Int16Array): Buffer {
  const pcm = Buffer.alloc(samples.length * PCM_BYTES);
  samples.forEach((sample, i) => pcm.writeInt16LE(sample, i * PCM_BYTES));
  return pcm;
}

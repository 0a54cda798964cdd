/*
 * A WAV file as PCMU packets, with the `wavefile` package, which is loaded on the first call and not
 * before. Writes no WAV, and refuses sample rates that no sound has and IMA ADPCM.
 */
import { createRequire } from 'node:module';
import type wavefile from 'wavefile';
import { LatchkeyError } from '../core/errors.js';
import type { MediaOptions, MediaPacket } from './media-packet.js';
import { checkMediaOptions, packetizePcmu } from './media-packet.js';

const PCMU_RATE = 8000;
// The header alone says how far resampling stretches the samples: a rate of 1 would make 8000 of each.
const MIN_RATE = 4000;
const MAX_RATE = 384_000;

/**
 * A WAV file as PCMU packets of 20 ms, mixed to mono and resampled to 8000 samples a second. Reads
 * PCM of 8 to 32 bits, float, A-law and µ-law. Throws a LatchkeyError (`LATCHKEY_OPTION`) when
 * the bytes are no such file.
 */
export function playFromWav(wav: Uint8Array, options: MediaOptions = {}): MediaPacket[] {
  checkMediaOptions('playFromWav', options);
  // Required and not imported: loaders disagree on where the names of this CommonJS package stand.
  const { WaveFile } = createRequire(import.meta.url)('wavefile') as typeof wavefile;
  let samples: ArrayLike<number>;
  try {
    samples = readSamples(new WaveFile(wav), () => new WaveFile());
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it cannot be read';
    throw new LatchkeyError('LATCHKEY_OPTION', `this WAV file cannot be played: ${reason}`);
  }
  return packetizePcmu(samples, options);
}

/** Mono samples of 16 bits at 8000 a second. Throws an Error that says what is wrong with the file. */
function readSamples(wav: wavefile.WaveFile, createWave: () => wavefile.WaveFile): ArrayLike<number> {
  const { numChannels, sampleRate } = wav.fmt as { numChannels: number; sampleRate: number };
  if (!(sampleRate >= MIN_RATE && sampleRate <= MAX_RATE)) throw new Error(`a sample rate of ${sampleRate}`);
  if (numChannels < 1) throw new Error('no channels');
  // The package assumes blocks of 256 bytes, which few files have, and loses samples even of those.
  if (wav.bitDepth === '4') throw new Error('IMA ADPCM is not decoded correctly by the package used');
  if (wav.bitDepth === '8a') wav.fromALaw('16');
  else if (wav.bitDepth === '8m') wav.fromMuLaw('16');
  else if (wav.bitDepth !== '16') wav.toBitDepth('16');
  const mixed = mixChannels(wav.getSamples(true), numChannels);
  if (mixed.length === 0 || sampleRate === PCMU_RATE) return mixed;
  const mono = createWave();
  mono.fromScratch(1, sampleRate, '16', mixed);
  mono.toSampleRate(PCMU_RATE);
  return mono.getSamples(true);
}

function mixChannels(interleaved: ArrayLike<number>, channels: number): Int16Array {
  const mixed = new Int16Array(Math.floor(interleaved.length / channels));
  for (let i = 0; i < mixed.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += interleaved[i * channels + channel] ?? 0;
    mixed[i] = Math.round(sum / channels);
  }
  return mixed;
}

// G.711, as PCMU and PCMA have it, to linear samples of 16 bits: a table each, which the wavefile package makes.
import wavefile from 'wavefile';

function table(bitDepth: '8m' | '8a'): Int16Array {
  const wave = new wavefile.WaveFile();
  wave.fromScratch(
    1,
    8000,
    bitDepth,
    Array.from({ length: 256 }, (_, octet) => octet),
  );
  if (bitDepth === '8m') wave.fromMuLaw('16');
  else wave.fromALaw('16');
  return Int16Array.from(wave.getSamples(true));
}

const TABLES = new Map([
  ['PCMU/8000', table('8m')],
  ['PCMA/8000', table('8a')],
]);

/** The samples of a payload, 8000 a second; undefined for any other codec. */
export function decodeG711(codec: string, payload: Uint8Array): Int16Array | undefined {
  const samples = TABLES.get(codec);
  return samples && Int16Array.from(payload, (octet) => samples[octet] ?? 0);
}

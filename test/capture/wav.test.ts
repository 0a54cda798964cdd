import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import type wavefile from 'wavefile';
import type { MediaPacket } from '../../lib/capture/index.js';
import { LatchkeyError } from '../../lib/core/errors.js';
import { encodeMuLaw, playFromWav } from '../../lib/capture/index.js';

const { WaveFile } = createRequire(import.meta.url)('wavefile') as typeof wavefile;

/** A WAV file of one sine per channel at a tenth of full scale. */
function wav(channels: number, rate: number, depth: string, seconds: number, hz = 440): Uint8Array {
  const file = new WaveFile();
  const isInteger = /^\d+$/.test(depth);
  const peak = isInteger ? 0.1 * 2 ** (Number(depth) - 1) : 0.1;
  const centre = depth === '8' ? 128 : 0;
  const one = Array.from({ length: seconds * rate }, (_, i) => {
    const sample = centre + peak * Math.sin((2 * Math.PI * hz * i) / rate);
    return isInteger ? Math.round(sample) : sample;
  });
  file.fromScratch(channels, rate, depth, channels === 1 ? one : Array.from({ length: channels }, () => one));
  return file.toBuffer();
}

/** How often the decoded audio changes its sign from minus to plus. */
function risingEdges(packets: readonly MediaPacket[]): number {
  const octets = packets.flatMap(({ bytes }) => [...bytes.subarray(12)]);
  return octets.filter((octet, i) => octet >= 0x80 && i > 0 && octets[i - 1]! < 0x80).length;
}

describe('capture: playFromWav', () => {
  for (const [channels, rate, depth] of [
    [1, 8000, '16'],
    [2, 8000, '16'],
    [1, 48_000, '16'],
    [2, 44_100, '24'],
    [1, 22_050, '32f'],
    [1, 16_000, '8'],
    [1, 8000, '64'],
  ] as const)
    it(`plays ${channels} × ${rate} Hz of ${depth} bits as PCMU`, () => {
      const packets = playFromWav(wav(channels, rate, depth, 1), { ssrc: 3 });
      assert.ok(Math.abs(packets.length - 50) <= 1, `${packets.length} packets`);
      assert.ok(
        packets.every(({ bytes }) => bytes.length === 172 && bytes[1]! % 128 === 0 && bytes[11] === 3),
      );
      assert.ok(Math.abs(risingEdges(packets) - 440) <= 3, `${risingEdges(packets)} Hz`);
    });

  it('passes samples of 8000 Hz through as they are', () => {
    const samples = Array.from({ length: 320 }, (_, i) => i * 200 - 32_000);
    const file = new WaveFile();
    file.fromScratch(1, 8000, '16', samples);
    const packets = playFromWav(file.toBuffer());
    assert.deepEqual(
      packets.flatMap(({ bytes }) => [...bytes.subarray(12)]),
      samples.map(encodeMuLaw),
    );
  });

  for (const [what, compress] of [
    ['µ-law', (file) => file.toMuLaw()],
    ['A-law', (file) => file.toALaw()],
  ] as const satisfies readonly (readonly [string, (file: wavefile.WaveFile) => void])[])
    it(`plays ${what}`, () => {
      const file = new WaveFile(wav(1, 8000, '16', 1));
      compress(file);
      const packets = playFromWav(file.toBuffer());
      assert.ok(Math.abs(risingEdges(packets) - 440) <= 5, `${risingEdges(packets)} Hz`);
    });

  it('gives nothing for a file without samples', () => {
    assert.deepEqual(playFromWav(wav(1, 8000, '16', 0)), []);
  });

  const adpcm = new WaveFile(wav(1, 8000, '16', 1));
  adpcm.toIMAADPCM();
  const good = wav(1, 16_000, '16', 0.02);
  const withRate = (rate: number) => {
    const file = good.slice();
    new DataView(file.buffer).setUint32(24, rate, true);
    return file;
  };
  for (const [what, bytes] of [
    ['nothing', new Uint8Array()],
    ['a capture', new Uint8Array([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0])],
    ['a file without a data chunk', good.slice(0, 30)],
    ['IMA ADPCM', adpcm.toBuffer()],
    ['a sample rate of 1, which would grow 8000 times', withRate(1)],
    ['a sample rate of 4 GHz', withRate(0xffffffff)],
  ] as const)
    it(`refuses ${what}`, () => assert.throws(() => playFromWav(bytes), { code: 'LATCHKEY_OPTION' }));

  it('gives packets or a refusal for every truncation and for damaged bytes', () => {
    const outcome = (bytes: Uint8Array) => {
      try {
        assert.ok(playFromWav(bytes).length <= 100);
      } catch (error) {
        if (!(error instanceof LatchkeyError)) throw error;
      }
    };
    for (let size = 0; size < good.length; size++) outcome(good.subarray(0, size));
    fc.assert(
      fc.property(fc.nat(43), fc.nat(255), (offset, value) => {
        const file = good.slice();
        file[offset] = value;
        outcome(file);
      }),
      { numRuns: 300 },
    );
  });

  it('is loaded without wavefile, which only a WAV needs', () => {
    const script = `
      import { createRequire } from 'node:module';
      const { playTone, playFromWav } = await import('./lib/capture/index.ts');
      const count = () => Object.keys(createRequire(process.cwd() + '/x.js').cache).filter((file) => file.includes('wavefile')).length;
      playTone(1);
      const before = count();
      try { playFromWav(new Uint8Array()); } catch {}
      console.log(before, count());`;
    const printed = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    assert.equal(printed.toString().trim(), '0 1');
  });
});

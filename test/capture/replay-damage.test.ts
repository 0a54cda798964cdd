// Copies of real captures, cut anywhere and with bits flipped anywhere: the analysis ends with a report, whatever is left.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { CaptureReader } from '../../lib/capture/capture-reader.js';
import { parseSipMessage } from '../../lib/capture/sip-message.js';
import { Prng } from '../support/prng.js';
import { fixtureCaptures, sharedCaptures } from './oracles.js';

const material = fileURLToPath(new URL('../../../shared/material/', import.meta.url));

const captures = (): string[] => [...fixtureCaptures(), ...sharedCaptures()];

/** Reads the bytes and reports; what is said must hold together. */
function analyse(bytes: Uint8Array): { packets: number; isDamaged: boolean } {
  const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
  const reader = new CaptureReader(analysis);
  reader.push(bytes);
  const summary = reader.end();
  const { calls, streams } = analysis.finish().report;
  for (const [index, { call, calls: own, sources, packets, lost, duplicates }] of streams.entries()) {
    assert.equal(own[0] ?? null, call);
    for (const one of own) assert.ok(calls[one]?.streams.includes(index));
    assert.ok(lost >= 0 && duplicates >= 0 && duplicates <= packets);
    assert.ok(sources.reduce((sum, one) => sum + one.packets, 0) <= packets);
  }
  for (const [index, call] of calls.entries())
    for (const one of call.streams) assert.ok(streams[one]?.calls.includes(index));
  return { packets: summary.packets, isDamaged: summary.error !== undefined };
}

describe('capture: replay of damaged files', function () {
  this.timeout(120_000);

  it('a file that is cut gives what came before the cut', () => {
    const prng = new Prng(1);
    for (const file of captures()) {
      const whole = readFileSync(file);
      const { packets } = analyse(whole);
      for (let i = 0; i < 20; i++) {
        const size = prng.uint32() % whole.length;
        const cut = analyse(whole.subarray(0, size));
        assert.ok(cut.packets <= packets, `${file} cut at ${size}`);
      }
    }
  });

  it('flipped bits anywhere crash nothing', () => {
    const prng = new Prng(2);
    for (const file of captures()) {
      const whole = readFileSync(file);
      for (let i = 0; i < 20; i++) {
        const copy = Uint8Array.from(whole);
        // From one bit to one in a thousand bytes.
        const flips = i < 5 ? 1 : Math.ceil(whole.length / 1000);
        for (let flip = 0; flip < flips; flip++)
          copy[prng.uint32() % copy.length]! ^= 1 << (prng.uint32() % 8);
        analyse(copy);
      }
    }
  });

  it('every torture message of RFC 4475, cut at every byte, is read or refused', function () {
    const folder = `${material}sip_torture_rfc4475/`;
    if (!existsSync(folder)) {
      this.test!.title += ' (skipped: ../shared/material is absent)';
      this.skip();
    }
    let read = 0;
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.dat'))) {
      const bytes = readFileSync(folder + name);
      for (let size = 0; size <= bytes.length; size++) parseSipMessage(bytes.subarray(0, size));
      if (parseSipMessage(bytes)) read++;
    }
    assert.ok(read >= 40, `${read} read`);
  });
});

import assert from 'node:assert/strict';
import { markedPacket } from '../../../lib/cli/demo/attack.js';
import { Ear } from '../../../lib/cli/demo/ear.js';
import { playTone } from '../../../lib/capture/index.js';

const BOB = 0xb0b;

describe('what a caller of the demonstration hears', () => {
  let nowMs: number;
  let ear: Ear;

  beforeEach(() => {
    nowMs = 1000;
    ear = new Ear(() => nowMs);
  });

  const speech = (ssrc = BOB): Uint8Array => playTone(0.02, { ssrc })[0]?.bytes ?? new Uint8Array();

  function hear(packet: Uint8Array, atMs: number, epoch = 0): void {
    nowMs = atMs;
    ear.handle(packet, epoch);
  }

  it('counts the other caller, and as injected all other media: other SSRCs, bare headers, marked payload', () => {
    ear.expect(BOB);
    hear(speech(), 1000);
    hear(speech(7), 1020);
    hear(Uint8Array.of(0x80, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1020);
    hear(markedPacket(BOB, 2, 320), 1020);
    const { heard, injected } = ear.report();
    assert.deepEqual([heard, injected], [1, 3]);
  });

  it('takes no speech for the other caller’s while there is none', () => {
    hear(speech(), 1000);
    assert.equal(ear.report().injected, 1);
  });

  it('does not judge RTCP and what is no media', () => {
    ear.expect(BOB);
    hear(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 7), 1000);
    hear(new Uint8Array(0), 1000);
    assert.deepEqual([ear.report().heard, ear.report().injected], [0, 0]);
  });

  it('finds the longest silence: before the first packet, between two, and up to now', () => {
    ear.expect(BOB);
    ear.measureFrom(1000);
    hear(speech(), 1070);
    hear(speech(), 1090);
    assert.equal(ear.report().longestSilenceMs, 70);
    hear(speech(), 1200);
    assert.equal(ear.report().longestSilenceMs, 110);
    hear(markedPacket(BOB, 2, 320), 1500);
    assert.deepEqual([ear.report().longestSilenceMs, ear.report().silentMs], [300, 300]);
  });

  it('does not count the silence from before it was to measure', () => {
    ear.expect(BOB);
    hear(speech(), 1000);
    nowMs = 5000;
    ear.measureFrom(5000);
    hear(speech(), 5020);
    assert.equal(ear.report().longestSilenceMs, 20);
  });

  it('notes when the other caller was first heard through each mapping', () => {
    ear.expect(BOB);
    hear(speech(), 1000);
    hear(speech(), 1020, 2);
    hear(speech(), 1040, 2);
    assert.deepEqual(ear.report().firstHeardMs, [1000, , 1020]); // eslint-disable-line no-sparse-arrays
  });
});

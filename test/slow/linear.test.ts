// Whatever a stranger can send costs work and memory that grow no faster than its bytes (protocol.md P11): for every
// parser the CPU time of an input of 2n bytes is at most three times that of n.
import assert from 'node:assert/strict';
import { captureFamilies } from '../linear/capture.js';
import { httpsFamilies } from '../linear/https.js';
import { drachtioFamilies } from '../linear/drachtio.js';
import { roomFamilies } from '../linear/room.js';
import type { Families } from '../linear/shapes.js';
import { rtspFamilies } from '../linear/rtsp.js';
import { sipFamilies } from '../linear/sip.js';
import { wireFamilies } from '../linear/wire.js';
import { measureDoubling } from '../support/doubling.js';

const RATIO_MAX = 3;
/**
 * Of a large input a reading that costs less than this a byte is as fast as memory is, and its ratio says where the input leaves
 * the caches: what is quadratic costs more there, even if each step only looks for a character.
 */
const MEMORY_NS = 1.5;
const LARGE_BYTES = 1 << 17;
const LAYERS: Record<string, Families> = {
  wire: wireFamilies,
  room: roomFamilies,
  sip: sipFamilies,
  rtsp: rtspFamilies,
  capture: captureFamilies,
  https: httpsFamilies,
  drachtio: drachtioFamilies,
};

describe('linear work: twice the input costs at most three times the CPU and the memory', function () {
  this.timeout(60_000);
  for (const [layer, parsers] of Object.entries(LAYERS)) {
    for (const [parser, families] of Object.entries(parsers)) {
      describe(`${layer}: ${parser}`, () => {
        for (const [shape, family] of Object.entries(families)) {
          it(shape, () => {
            const { cpuRatio, memoryRatio, cpuMs, size } = measureDoubling(family, RATIO_MAX);
            if (process.env['LATCHKEY_LINEAR'] !== undefined)
              console.log(
                `        ${parser}, ${shape}: ${size} ${cpuMs.toFixed(3)} ms ×${cpuRatio.toFixed(2)} memory ×${memoryRatio.toFixed(2)}`,
              );
            const isOfMemory = size >= LARGE_BYTES && (cpuMs * 1e6) / size < MEMORY_NS;
            assert.ok(
              cpuRatio <= RATIO_MAX || isOfMemory,
              `CPU ×${cpuRatio.toFixed(2)} at ${size}, ${cpuMs.toFixed(2)} ms`,
            );
            assert.ok(memoryRatio <= RATIO_MAX, `memory ×${memoryRatio.toFixed(2)} at ${size}`);
          });
        }
      });
    }
  }
});

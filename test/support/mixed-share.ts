// A process that plays its share of the mixed operations, and tells the totals or the violation.
import { playMixed } from './mixed-play.js';
import type { MixedPlay } from './mixed-play.js';

const play = JSON.parse(process.argv[2] ?? '') as MixedPlay;
try {
  process.send?.(playMixed(play));
} catch (error) {
  process.send?.(String(error));
}

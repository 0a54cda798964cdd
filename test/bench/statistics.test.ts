// What is said of repeated measurements, and what is read off them.
import assert from 'node:assert/strict';
import { calls } from './load.js';
import { costOf, lossOf, ratioOf } from './rounds.js';
import type { Sample, TrialResult } from './rounds.js';
import { median, spreadOf } from './statistics.js';
import { TARGETS } from './targets.js';
import type { TrafficReport } from './traffic.js';

const REPORT: TrafficReport = {
  ...{ seconds: 1, sent: 1000, due: 1000, delivered: 1000, arrived: 1000, reordered: 0, duplicates: 0 },
  ...{ strange: 0, worstSpeakerLost: 0, stalls: 0, lagMs: 0, gapMs: 0, cpuNs: 1e6 },
  latencyUs: { median: 1, p99: 2, most: 3 },
};

function sample(more: Partial<TrafficReport>): Sample {
  return { report: { ...REPORT, ...more } };
}

/** CPU of each round, in nanoseconds, by variant. */
function result(name: string, costs: Readonly<Record<string, readonly number[]>>): TrialResult {
  const samples = Object.entries(costs).map(
    ([variant, all]) => [variant, all.map((cpuNs) => sample({ cpuNs }))] as const,
  );
  return {
    trial: { name, title: name, load: calls(1), variants: Object.keys(costs) },
    samples: new Map(samples),
    refusals: new Map(),
  };
}

describe('the statistics of the benchmark', () => {
  it('takes the middle one, or what lies between the middle two', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 9]), 3);
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
  });

  it('counts CPU for each packet that arrived, and loss of what was sent', () => {
    assert.equal(costOf(sample({ cpuNs: 3e6, arrived: 1500 })), 2);
    assert.equal(lossOf(sample({ due: 200, delivered: 150 })), 0.25);
  });

  it('compares within a round, and not the middle of one with the middle of the other', () => {
    const ratio = ratioOf(result('x', { c: [1e6, 2e6, 9e6], room: [2e6, 2e6, 27e6] }), 'room', 'c');
    assert.deepEqual(ratio, { median: 2, least: 1, most: 3 });
  });

  it('says nothing of who was not measured', () => {
    assert.equal(ratioOf(result('x', { c: [1e6] }), 'room', 'c'), undefined);
    for (const { read } of TARGETS) assert.equal(read({ trials: [] }), undefined);
  });

  it('reads what a session takes off two processes', () => {
    const memory = (name: string, resident: number): TrialResult => ({
      ...result(name, {}),
      samples: new Map([['bind', [{ ...sample({}), memory: { resident, heap: 0 } }]]]),
    });
    const trials = [memory('growth-100', 1e6), memory('growth-10000', 1e6 + 9900 * 2048)];
    const target = TARGETS.find(({ what }) => what.startsWith('resident memory of a session,'));
    assert.equal(target?.read({ trials })?.median, 2);
  });

  it('reads what the second half of the sessions adds off one process', () => {
    const of = (resident: number) => ({ resident, heap: resident / 2 });
    const weighed: TrialResult = {
      ...result('weigh-10000', {}),
      samples: new Map([['bind', [{ ...sample({}), memory: of(5e7 + 5000 * 4096), memoryOfHalf: of(5e7) }]]]),
    };
    const read = (what: RegExp) =>
      TARGETS.find((target) => what.test(target.what))?.read({ trials: [weighed] })?.median;
    assert.equal(read(/^resident memory that each/), 4);
    assert.equal(read(/^of these on the heap, KB, of the last/), 2);
  });

  it('reads what must be shown off the trials', () => {
    const trials = [
      result('one-to-one', { c: [1e6, 1e6], dgram: [4e6, 4e6], guard: [5e6, 5e6] }),
      result('growth-100', { room: [4e6, 4e6] }),
      result('growth-10000', { room: [6e6, 6e6] }),
    ];
    const read = (what: RegExp) => TARGETS.find((target) => what.test(target.what))?.read({ trials });
    assert.equal(read(/guarded dgram/)?.median, 1.25);
    assert.equal(read(/^resident memory of a session,/), undefined);
    assert.equal(read(/among 10,000/)?.median, 1.5);
  });
});

// The table of the comparison: medians and worst values, who is better, and what counts as a failure of ours.
import assert from 'node:assert/strict';
import { betterThan, columnsOf, failuresOf, rowsOf, textOf } from './report.js';
import type { Result } from './report.js';
import type { Loss, Tally } from './tally.js';

const COLUMNS = columnsOf({ attacked: { name: 'attacked' }, quiet: { name: 'quiet' } });
const END: Loss = { kind: 'to-the-end' };
const gap = (ms: number): Loss => ({ kind: 'gap', ms });

function result(setting: string, scene: string, counts: Partial<Tally>): Result {
  const tally: Tally = {
    ...{ genuine: 450, attack: 900, leadMs: 100, stolen: 0, injected: 0, refused: 0, asked: 0 },
    ...{ lossToCaller: gap(0), lossFromCaller: gap(0) },
    ...counts,
  };
  return { setting, scene, tally };
}

describe('the table of the comparison', () => {
  it('gives the median and the worst of the runs, in any order of them', () => {
    const results = [5, 100, 7].map((stolen) => result('a', 'attacked', { stolen }));
    const [row] = rowsOf([...results, result('a', 'quiet', { stolen: 999 })], COLUMNS);
    assert.equal(textOf(row!.cells[0]!), '7 (worst 100)');
    assert.equal(textOf(row!.cells[1]!), '0');
  });

  it('media that never came back is worse than any gap, and media that was gone before is worse still', () => {
    const losses: Loss[] = [END, gap(8000), { kind: 'before' }];
    const [row] = rowsOf(
      losses.map((lossToCaller) => result('a', 'attacked', { lossToCaller })),
      COLUMNS,
    );
    assert.equal(textOf(row!.cells[3]!), 'to the end (worst all before)');
  });

  it('says what was not measured', () => {
    const [row] = rowsOf([result('a', 'attacked', {})], COLUMNS);
    assert.equal(textOf(row!.cells[5]!), 'not measured');
  });

  it('names whoever is better than us, column by column, and nobody who is as good', () => {
    const results = [
      result('them', 'attacked', { stolen: 200, lossFromCaller: gap(0) }),
      result('us', 'attacked', { stolen: 0, lossFromCaller: gap(40) }),
    ];
    assert.deepEqual(betterThan('us', rowsOf(results, COLUMNS), COLUMNS), [
      'from the caller, attacked: 40 ms, better: them (0 ms)',
    ]);
  });

  it('one run with something stolen, injected, passed on or not back is a failure', () => {
    const good = result('us', 'attacked', { lossToCaller: gap(900) });
    assert.deepEqual(failuresOf('us', [good, result('them', 'attacked', { stolen: 1 })]), []);
    for (const counts of [
      { stolen: 1 },
      { injected: 1 },
      { refused: 1 },
      { lossToCaller: END },
      { lossFromCaller: END },
    ])
      assert.equal(failuresOf('us', [good, result('us', 'attacked', counts)]).length, 1);
  });
});

// Every input that fuzzing has kept, once more: those that reached something, and those that once broke something.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readCorpus } from './corpus.js';
import type { Target } from './target.js';
import { TARGETS } from './targets.js';

const root = join(import.meta.dirname, '../..');

describe('the kept corpus of fuzzing', function () {
  this.timeout(60_000);

  for (const name of Object.keys(TARGETS))
    it(`${name}: every input keeps the invariants`, async () => {
      const { target } = (await import(`./targets/${name}.js`)) as { target: Target };
      assert.equal(target.name, name);
      const inputs = readCorpus(root, name);
      assert.ok(inputs.length > 0, 'nothing is kept');
      for (const bytes of [...inputs, ...target.seeds(root)])
        try {
          target.run(Uint8Array.from(bytes.subarray(0, target.maxBytes)));
        } catch (error) {
          throw new Error(`input ${Buffer.from(bytes).toString('hex').slice(0, 400)}`, { cause: error });
        }
    });
});

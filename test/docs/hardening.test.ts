// docs/hardening.md: what it says of bounds and counters is what the code has.
import assert from 'node:assert/strict';
import { LIMITS } from '../../lib/cli/serve-options.js';
import { readText, section } from './repository.js';

describe('docs/hardening.md', () => {
  it('has every limit, with its default', () => {
    const rows = section(readText('docs/hardening.md'), '## Bounds').matchAll(/^\| `(\w+)` \| (\d+) \|/gm);
    assert.deepEqual(
      [...rows].map(([, name, unless]) => [name, Number(unless)]),
      Object.entries(LIMITS),
    );
  });
});

// P7: whatever prints a secret prints a word in its place.
import assert from 'node:assert/strict';
import { format, inspect } from 'node:util';
import { Secret } from '../../lib/core/index.js';

describe('secret (P7)', () => {
  const secret = new Secret(Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i));
  const prints: Record<string, string> = {
    inspect: inspect(secret, { showHidden: true, depth: 9 }),
    json: JSON.stringify({ secret }),
    template: `${secret.toString()}`,
    format: format('%s %o %j', secret, secret, secret),
    keys: Object.entries(secret).join(),
    error: new Error('x', { cause: secret }).stack ?? '',
  };
  for (const [way, text] of Object.entries(prints)) {
    it(`is not in what ${way} prints`, () => {
      assert.doesNotMatch(text, /a0a1a2|160,\s*161|oKGi/i);
    });
  }

  it('is overwritten when it is forgotten', () => {
    const bytes = new Uint8Array(32).fill(7);
    const forgotten = new Secret(bytes);
    forgotten.forget();
    assert.deepEqual(bytes, new Uint8Array(32));
    assert.equal(forgotten.reveal().length, 0);
  });
});

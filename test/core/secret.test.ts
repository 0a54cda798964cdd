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
    assert.deepEqual(bytes, new Uint8Array(32), 'where it was made');
    const seen = forgotten.reveal();
    assert.deepEqual(seen, new Uint8Array(32).fill(7));
    forgotten.forget();
    assert.deepEqual(seen, new Uint8Array(32), 'where it is');
    assert.equal(forgotten.reveal().length, 0);
  });

  it('leaves those beside it as they are, and theirs are never its', () => {
    const many = Array.from({ length: 200 }, (_, i) => new Secret(new Uint8Array(1 + (i % 64)).fill(i + 1)));
    for (const [i, one] of many.entries()) if (i % 2 === 0) one.forget();
    for (const [i, one] of many.entries())
      assert.deepEqual([...one.reveal()], i % 2 === 0 ? [] : new Array(1 + (i % 64)).fill(i + 1), `${i}`);
  });

  it('may be longer than any place for it', () => {
    const long = new Secret(new Uint8Array(5000).fill(3));
    const copy = long.copy();
    long.forget();
    assert.equal(copy.reveal().length, 5000);
    assert.ok(copy.reveal().every((byte) => byte === 3));
    assert.equal(long.reveal().length, 0);
  });

  it('a copy is forgotten by itself', () => {
    const secret = new Secret(new Uint8Array(16).fill(9));
    const copy = secret.copy();
    copy.forget();
    assert.deepEqual(secret.reveal(), new Uint8Array(16).fill(9));
  });
});

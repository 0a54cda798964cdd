// The search for keys finds them: what it says of a capture is worth no more than this.
import assert from 'node:assert/strict';
import { findKey, formsOf } from './key-forms.js';

const KEY = Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f0fbefbe3c4b5a69788796a5b4c3d2e1ff', 'hex');
const search = (text: string | Uint8Array): string[] =>
  findKey(KEY, new Map([['here', typeof text === 'string' ? Buffer.from(text) : text]]));

describe('the search for a key in bytes', () => {
  it('finds it in every form, wherever it begins and whatever stands around it', () => {
    for (let before = 0; before < 7; before++)
      for (let after = 0; after < 7; after++) {
        const around = Buffer.concat([Buffer.alloc(before, 0xa7), KEY, Buffer.alloc(after, 0x5c)]);
        const texts = [
          around.toString('latin1'),
          around.toString('hex'),
          around.toString('hex').toUpperCase(),
          around.toString('base64'),
          around.toString('base64').replace(/=+$/, ''),
          around.toString('base64url'),
        ];
        for (const [i, text] of texts.entries()) {
          const bytes = Buffer.from(`{"key":"${text}"}`, i === 0 ? 'latin1' : 'utf8');
          assert.ok(search(bytes).length > 0, `${before} ${i} ${after}`);
        }
      }
  });

  it('finds half of it, and nothing where there is none', () => {
    assert.deepEqual(search(KEY.subarray(0, 16)), ['here: first half, raw bytes']);
    assert.deepEqual(search(KEY.subarray(16).toString('hex')), ['here: second half, hex']);
    assert.deepEqual(search(Buffer.alloc(1000, 7).toString('base64')), []);
    const other = Buffer.from(KEY);
    other[8]! ^= 1;
    other[24]! ^= 1;
    assert.deepEqual(search(other), []);
    assert.deepEqual(search(other.toString('base64url')), []);
  });

  it('looks for 41 characters of base64 at the least', () => {
    for (const { name, bytes } of formsOf(KEY))
      if (name.startsWith('base64')) assert.ok(bytes.length >= 41, `${name}: ${bytes.length}`);
  });
});

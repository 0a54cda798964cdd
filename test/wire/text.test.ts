import assert from 'node:assert/strict';
import fc from 'fast-check';
import { asciiBytes, decodeBase64url, encodeBase64url } from '../../lib/wire/index.js';
import { asciiText } from '../../lib/wire/ascii.js';

describe('ascii', () => {
  it('is one byte a character, both ways', () => {
    assert.deepEqual(asciiBytes('s3rV:er'), Uint8Array.from(Buffer.from('s3rV:er', 'latin1')));
    assert.equal(asciiText(Uint8Array.of(0x61, 0x00, 0x7e, 0xff)), 'a\u0000~\u00ff');
    assert.equal(asciiText(asciiBytes('\u00e9')), '\u00e9');
    assert.equal(asciiText(asciiBytes('\u20ac\u{1f511}')), '???');
    const long = Uint8Array.from({ length: 10_001 }, (_, i) => i & 0x7f);
    assert.equal(asciiText(long), Buffer.from(long).toString('latin1'));
  });
});

describe('base64url', () => {
  it('encodes and decodes as Buffer does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = encodeBase64url(bytes);
        assert.equal(text, Buffer.from(bytes).toString('base64url'));
        assert.deepEqual(decodeBase64url(text), bytes);
      }),
      { seed: 4648 },
    );
  });

  it('accepts one spelling of any bytes only', () => {
    const character = fc.constantFrom(...'ABQgwxyz019-_');
    fc.assert(
      fc.property(fc.array(character, { maxLength: 9 }), (characters) => {
        const text = characters.join('');
        const canonical = Buffer.from(text, 'base64url').toString('base64url') === text;
        assert.equal(decodeBase64url(text) !== undefined, canonical, text);
      }),
      { seed: 4649, numRuns: 2000 },
    );
  });

  it('refuses padding, white space, the other alphabet, and unused bits', () => {
    for (const text of [
      'AA==',
      'AA=',
      'A',
      'AAAAA',
      'AB',
      'AAB',
      'A A',
      'AA\n',
      '+A',
      '/A',
      'AA\u00e9',
      '\u{1f511}',
    ]) {
      assert.equal(decodeBase64url(text), undefined, JSON.stringify(text));
    }
    assert.deepEqual(decodeBase64url(''), new Uint8Array(0));
  });
});

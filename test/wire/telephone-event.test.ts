// Telephone events, written down by RFC 4733 section 2.3 and not with our code.
import assert from 'node:assert/strict';
import { parseTelephoneEvent } from '../../lib/wire/telephone-event.js';

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

describe('wire: telephone events', () => {
  const vectors: readonly (readonly [string, string, boolean, number])[] = [
    ['000a00a0', '0', false, 160],
    ['050a0140', '5', false, 320],
    ['098a0320', '9', true, 800],
    ['0a0a00a0', '*', false, 160],
    ['0b0a00a0', '#', false, 160],
    ['0fbfffff', 'D', true, 65535],
    ['1080ffff', '!', true, 65535],
  ];
  for (const [hex, digit, isEnd, durationTicks] of vectors)
    it(`${hex} is ${digit}`, () => {
      assert.deepEqual(parseTelephoneEvent(bytes(hex), 0), { digit, isEnd, durationTicks });
      assert.deepEqual(parseTelephoneEvent(bytes(`ffff${hex}00`), 2), { digit, isEnd, durationTicks });
      for (let size = 0; size < 4; size++)
        assert.equal(parseTelephoneEvent(bytes(hex).subarray(0, size), 0), undefined);
    });

  it('other tones and the reserved bit are no keys', () => {
    assert.equal(parseTelephoneEvent(bytes('110a00a0'), 0), undefined);
    assert.equal(parseTelephoneEvent(bytes('420a00a0'), 0), undefined);
    assert.equal(parseTelephoneEvent(bytes('054a00a0'), 0), undefined);
  });
});

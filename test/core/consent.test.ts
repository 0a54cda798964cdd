// protocol.md 5.8: when the path in use is asked, and when it has expired.
import assert from 'node:assert/strict';
import { Consent, decideConsent, type ConsentDecision } from '../../lib/core/path/consent.js';
import { Challenge } from '../../lib/core/proof/challenge.js';

const path = {
  port: { local: { address: '203.0.113.1', port: 40_000 } },
  remote: { address: '198.51.100.7', port: 20_000 },
};
const challenge = (): Challenge =>
  new Challenge(path, new Uint8Array(12), new Uint8Array(16), new Uint8Array(116), [0]);
/** Chance at its lowest and at its highest. */
const lowest = { fill: (bytes: Uint8Array) => void bytes.fill(0) };
const highest = { fill: (bytes: Uint8Array) => void bytes.fill(255) };

describe('rule 5.8: the decision', () => {
  const table: readonly [number, number, number, number, ConsentDecision][] = [
    // last response, challenges since, next due, now
    [0, 0, 5000, 4999, 'wait'],
    [0, 0, 5000, 5000, 'ask'],
    [0, 3, 31_000, 30_000, 'wait'],
    [0, 3, 30_000, 90_000, 'ask'],
    [0, 4, 31_000, 29_999, 'wait'],
    [0, 4, 29_999, 29_999, 'ask'],
    [0, 4, 31_000, 30_000, 'expire'],
    [0, 4, 30_000, 30_000, 'expire'],
    [500, 9, 31_000, 30_499, 'wait'],
    [500, 9, 31_000, 30_500, 'expire'],
  ];
  for (const [lastResponseMs, unansweredCount, askMs, nowMs, decision] of table)
    it(`${decision}: at ${nowMs}, last answered at ${lastResponseMs}, ${unansweredCount} asked since, next at ${askMs}`, () => {
      assert.equal(decideConsent({ lastResponseMs, unansweredCount, askMs }, nowMs), decision);
    });
});

describe('rule 5.8: what is remembered', () => {
  it('asks after 5 s, randomised by 0.8 to 1.2', () => {
    assert.equal(new Consent(lowest, 1000).askMs, 5000);
    assert.ok(Math.abs(new Consent(highest, 1000).askMs - 7000) < 0.01);
  });

  it('wakes when it has to ask, or to end', () => {
    const consent = new Consent(highest, 0);
    for (let nowMs = 6000; nowMs <= 24_000; nowMs += 6000) consent.noteSent(challenge(), nowMs);
    assert.ok(Math.abs(consent.nextMs - 30_000) < 0.01);
    consent.noteResponse(challenge(), 29_000);
    assert.equal(consent.unansweredCount, 0);
    assert.equal(decideConsent(consent, 59_000), 'ask');
  });

  it('waits for the answers to the last two challenges', () => {
    const consent = new Consent(lowest, 0);
    const [first, second, third] = [challenge(), challenge(), challenge()];
    assert.equal(consent.noteSent(first, 1), undefined);
    assert.equal(consent.noteSent(second, 2), undefined);
    assert.equal(consent.noteSent(third, 3), first);
    consent.noteResponse(second, 4);
    assert.deepEqual(consent.outstanding, [third]);
    assert.deepEqual(consent.forgetOutstanding(), [third]);
    assert.deepEqual(consent.outstanding, []);
  });
});

// Rule 5.7: where a challenge may go unasked, and how often.
import assert from 'node:assert/strict';
import { DirectTargets, isDefaultDirectTarget } from '../../lib/core/route/direct-targets.js';

describe('direct targets (protocol.md 5.7)', () => {
  const cases: readonly [string, string | undefined, boolean][] = [
    ['203.0.113.9', undefined, true],
    ['2001:db8::9', '192.0.2.1', true],
    ['127.0.0.1', '127.0.0.1', false],
    ['::1', '::1', false],
    ['169.254.1.1', '169.254.1.2', false],
    ['fe80::1', 'fe80::2', false],
    ['224.0.0.1', '224.0.0.1', false],
    ['ff02::1', '2001:db8::1', false],
    ['255.255.255.255', '255.255.255.255', false],
    ['0.0.0.0', '0.0.0.0', false],
    ['10.0.0.5', '203.0.113.1', false],
    ['10.0.0.5', undefined, false],
    ['10.0.0.5', '10.200.0.1', true],
    ['10.0.0.5', '192.168.0.1', false],
    ['172.16.0.5', '172.31.255.1', true],
    ['192.168.1.5', '192.168.200.1', true],
    ['fd00::5', 'fd00:1::1', true],
    ['fd00::5', '2001:db8::1', false],
  ];
  for (const [address, advertised, isAllowed] of cases) {
    it(`${address} is ${isAllowed ? '' : 'not '}asked where ${advertised ?? 'nothing'} was advertised`, () => {
      assert.equal(isDefaultDirectTarget(address, advertised), isAllowed);
    });
  }

  it('10 datagrams a minute for each address, whole process', () => {
    const targets = new DirectTargets();
    let sent = 0;
    for (let now = 0; now < 60_000; now += 500) if (targets.take('203.0.113.9', now)) sent++;
    assert.equal(sent, 10);
    assert.ok(targets.take('203.0.113.10', 59_999));
    assert.ok(targets.take('203.0.113.9', 60_000), 'the first is a minute old');
  });

  it('one candidate at a time for each address', () => {
    const targets = new DirectTargets();
    const [one, two] = [{}, {}];
    assert.ok(targets.claim('203.0.113.9', one, 0));
    assert.ok(targets.claim('203.0.113.9', one, 0));
    assert.equal(targets.claim('203.0.113.9', two, 0), false);
    targets.release('203.0.113.9', two);
    assert.equal(targets.claim('203.0.113.9', two, 0), false, 'only the holder releases');
    targets.release('203.0.113.9', one);
    assert.ok(targets.claim('203.0.113.9', two, 0));
  });

  it('memory is bounded: beyond 4096 addresses a minute, further ones are refused', () => {
    const targets = new DirectTargets();
    const address = (i: number): string => `198.18.${i >> 8}.${i & 255}`;
    for (let i = 0; i < 4096; i++) assert.ok(targets.take(address(i), 0));
    assert.equal(targets.take('203.0.113.9', 1000), false);
    assert.equal(targets.claim('203.0.113.9', {}, 1000), false);
    assert.ok(targets.take('203.0.113.9', 60_001), 'places are given back after a minute');
  });
});

// Rule 5.7: which addresses may be asked before anything came from them, and how often.
import assert from 'node:assert/strict';
import { OwnSockets } from '../../lib/core/own-sockets.js';
import { isDefaultDirectTarget, NamedTargets, TargetBounds } from '../../lib/core/route/target-bounds.js';

const target = (address: string, source?: string) => ({ address, isShown: false, source });

/** How many of so many datagrams, one each `everyMs`, may go. */
function sent(
  bounds: TargetBounds,
  count: number,
  everyMs: number,
  make: (i: number) => ReturnType<typeof target>,
): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (bounds.take(make(i), i * everyMs)) taken++;
  return taken;
}

describe('rule 5.7: the closed list of ranges', () => {
  const cases: readonly [string, string | undefined, boolean][] = [
    ['203.0.113.9', undefined, true],
    ['2001:db8::9', '192.0.2.1', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.9.9.9', '127.0.0.1', true],
    ['::1', '::1', true],
    ['127.0.0.1', '10.0.0.1', false],
    ['127.0.0.1', undefined, false],
    ['169.254.1.1', '169.254.1.2', true],
    ['169.254.1.1', '203.0.113.1', false],
    ['fe80::1', 'fe80::2', true],
    ['fe80::1%eth0', '2001:db8::1', false],
    ['224.0.0.1', '224.0.0.1', false],
    ['ff02::1', 'ff02::1', false],
    ['255.255.255.255', '255.255.255.255', false],
    ['0.0.0.0', '0.0.0.0', false],
    ['::', '::', false],
    ['10.0.0.5', '203.0.113.1', false],
    ['10.0.0.5', undefined, false],
    ['10.0.0.5', '10.200.0.1', true],
    ['10.0.0.5', '192.168.0.1', false],
    ['172.16.0.5', '172.31.255.1', true],
    ['192.168.1.5', '192.168.200.1', true],
    ['100.64.1.2', '100.127.0.1', true],
    ['fd00::5', 'fd00:1::1', true],
    ['fd00::5', '2001:db8::1', false],
    ['::ffff:127.0.0.1', '203.0.113.1', false],
    ['64:ff9b::7f00:1', '203.0.113.1', false],
  ];
  for (const [address, advertised, isAllowed] of cases) {
    it(`${address} is ${isAllowed ? '' : 'not '}asked where ${advertised ?? 'nothing'} was advertised`, () => {
      assert.equal(isDefaultDirectTarget(address, advertised), isAllowed);
    });
  }
});

describe('rule 5.7: the bounds, for the whole process', () => {
  it('10 datagrams a minute for each IP address, and then ten more', () => {
    const bounds = new TargetBounds();
    assert.equal(
      sent(bounds, 120, 500, () => target('203.0.113.9')),
      10,
    );
    assert.ok(bounds.take(target('203.0.113.10'), 60_000));
    assert.ok(bounds.take(target('203.0.113.9'), 60_001), 'the first is more than a minute old');
  });

  it('counts by bytes: another spelling or another zone is the same address', () => {
    for (const make of [
      (i: number) => target(`2001:db8::2%z${i}`),
      (i: number) => target(i % 2 === 0 ? '::ffff:192.0.2.1' : '192.0.2.1'),
    ])
      assert.equal(sent(new TargetBounds(), 100, 10, make), 10);
  });

  it('40 a minute for each /24 or /64', () => {
    for (const make of [
      (i: number) => target(`192.0.2.${i}`),
      (i: number) => target(`2001:db8:9:1::${(i + 1).toString(16)}`),
    ])
      assert.equal(sent(new TargetBounds(), 200, 10, make), 40);
  });

  it('200 a second in all, and 50 for one signalling source', () => {
    const spread = (source?: string) => (i: number) => target(`198.${18 + (i >> 8)}.${i & 255}.1`, source);
    assert.equal(sent(new TargetBounds(), 1000, 1, spread()), 200);
    assert.equal(sent(new TargetBounds(), 1000, 1, spread('192.0.2.1')), 50);
    const bounds = new TargetBounds();
    sent(bounds, 1000, 0.5, spread('192.0.2.1'));
    assert.ok(bounds.take(target('203.0.113.1', '192.0.2.2'), 500), 'another source is not kept out');
  });

  it('an address that is shown, or where somebody verified within 10 minutes, has no bound', () => {
    const bounds = new TargetBounds();
    assert.equal(
      sent(bounds, 50, 1, () => ({ ...target('203.0.113.9'), isShown: true })),
      50,
    );
    bounds.noteVerified('203.0.113.8', 0);
    assert.equal(
      sent(bounds, 50, 1, () => target('203.0.113.8')),
      50,
    );
    let taken = 0;
    for (let i = 0; i < 50; i++) if (bounds.take(target('203.0.113.8'), 600_001 + i)) taken++;
    assert.equal(taken, 10);
  });

  it('remembers 4,096 addresses where somebody verified; the one of longest ago is bounded again', () => {
    const bounds = new TargetBounds();
    for (let i = 0; i <= 4096; i++) bounds.noteVerified(`11.0.${i >> 8}.${i & 255}`, i);
    const [first, second] = ['11.0.0.0', '11.0.0.1'].map((address) =>
      Array.from({ length: 20 }, () => bounds.take(target(address), 5000)).filter(Boolean),
    );
    assert.deepEqual([first?.length, second?.length], [10, 20]);
  });

  it('memory is bounded, however many addresses are named', () => {
    const bounds = new TargetBounds();
    sent(bounds, 100_000, 5, (i) => target(`${11 + (i >> 16)}.${i & 255}.${(i >> 8) & 255}.1`));
    assert.ok(bounds.size <= 2 * 16_384 + 1, `${bounds.size} entries`);
  });

  it('what is held back may ask again when the bound lifts, and not at every moment', () => {
    const bounds = new TargetBounds();
    sent(bounds, 10, 100, () => target('203.0.113.9'));
    assert.equal(bounds.isFree(target('203.0.113.9'), 1000), false);
    assert.equal(bounds.retryMs(target('203.0.113.9'), 1000), 60_001);
    assert.equal(bounds.retryMs(target('203.0.113.9'), 59_999), 60_249);
  });

  it('one candidate at a time for each address', () => {
    const bounds = new TargetBounds();
    const [one, two] = [{}, {}];
    assert.ok(bounds.claim('203.0.113.9', one));
    assert.ok(bounds.claim('203.0.113.9', one));
    assert.equal(bounds.claim('203.0.113.9', two), false);
    bounds.release('203.0.113.9', two);
    assert.equal(bounds.claim('203.0.113.9', two), false, 'only the holder releases');
    bounds.release('203.0.113.9', one);
    assert.ok(bounds.claim('203.0.113.9', two));
  });
});

describe('rule 5.7: what one peer may name in one generation', () => {
  const at = (port: number) => ({ address: '203.0.113.9', port });

  it('3 datagrams to an address, at 0, 100 and 300 ms', () => {
    const named = new NamedTargets();
    assert.equal(named.dueMs(at(1)), -Infinity);
    named.note(at(1), 1000);
    assert.equal(named.dueMs(at(1)), 1100);
    named.note(at(1), 1100);
    assert.equal(named.dueMs(at(1)), 1300);
    named.note(at(1), 1300);
    assert.equal(named.dueMs(at(1)), Infinity);
    assert.equal(named.dueMs({ ...at(1), address: '::ffff:203.0.113.9' }), Infinity);
  });

  it('and eight addresses', () => {
    const named = new NamedTargets();
    for (let port = 1; port <= 8; port++) named.note(at(port), 0);
    assert.equal(named.dueMs(at(9)), Infinity);
    assert.equal(new NamedTargets().dueMs(at(9)), -Infinity, 'another generation has eight others');
  });
});

describe('rule 5.7: the sockets of this process', () => {
  it('are known as bound and as advertised, until the last use of them ends', () => {
    const own = new OwnSockets();
    own.add('203.0.113.1', 40_000);
    own.add('203.0.113.1', 40_000);
    assert.ok(own.has('203.0.113.1', 40_000));
    assert.ok(own.has('::ffff:203.0.113.1', 40_000));
    assert.equal(own.has('203.0.113.1', 40_001), false);
    own.remove('203.0.113.1', 40_000);
    assert.ok(own.has('203.0.113.1', 40_000));
    own.remove('203.0.113.1', 40_000);
    assert.equal(own.has('203.0.113.1', 40_000), false);
  });

  it('one that is bound to all addresses is at the loopback ones', () => {
    const own = new OwnSockets();
    own.add('0.0.0.0', 40_000);
    assert.ok(own.has('127.0.0.1', 40_000));
    assert.equal(own.has('192.0.2.1', 40_000), false);
  });
});

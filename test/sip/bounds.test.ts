// The bounds that SIP over UDP keeps for each source and in all (protocol.md P11; issue 10, demands 5 and 6), without sockets.
import assert from 'node:assert/strict';
import { LatchkeyError } from '../../lib/index.js';
import { BOUND_NAMES, BoundCounters, DatagramLedger, UnshownTransactions } from '../../lib/sip/index.js';
import { bareIp, sourceOf } from '../../lib/sip/address-ranges.js';
import { RecentCounts } from '../../lib/sip/recent-counts.js';
import { UnconfirmedCalls } from '../../lib/sip/unconfirmed-calls.js';
import type { SipRequest } from '../../lib/sip/index.js';

const at = (port: number, address = '192.0.2.1') => ({ address, port });

describe('P11: over UDP nobody gets more than three times what came from there', () => {
  let nowMs = 0;
  let ledger: DatagramLedger;
  beforeEach(() => {
    nowMs = 0;
    ledger = new DatagramLedger(() => nowMs, ['198.51.100.0/24', '2001:db8::/32']);
  });

  it('to the byte', () => {
    assert.equal(ledger.take(at(1), 1), false, 'nothing has come');
    ledger.noteReceived(at(1), 100);
    assert.equal(ledger.take(at(1), 299), true);
    assert.equal(ledger.take(at(1), 2), false);
    assert.equal(ledger.take(at(1), 1), true);
    ledger.noteReceived(at(1), 1);
    assert.equal(ledger.fits(at(1), 3), true);
    assert.equal(ledger.take(at(1), 4), false);
  });

  it('what comes from one port pays for no other, nor one address for another', () => {
    ledger.noteReceived(at(1), 1000);
    assert.equal(ledger.fits(at(2), 1), false);
    assert.equal(ledger.fits(at(1, '192.0.2.2'), 1), false);
  });

  it('until the address is shown, for ten minutes, whatever its spelling', () => {
    ledger.show('::ffff:192.0.2.1');
    assert.equal(ledger.take(at(9), 1e6), true);
    nowMs = 600_001;
    assert.equal(ledger.take(at(9), 1), false);
  });

  it('or lies in a range that the owner names', () => {
    assert.equal(ledger.take(at(9, '198.51.100.7'), 1e6), true);
    assert.equal(ledger.take(at(9, '2001:db8::1%eth0'), 1e6), true);
    assert.equal(ledger.take(at(9, '198.51.101.7'), 1), false);
    for (const range of ['198.51.100.0', '198.51.100.0/33', 'here/8', '2001:db8::/129'])
      assert.throws(() => new DatagramLedger(() => 0, [range]), LatchkeyError);
  });

  it('an account that is forgotten is worth nothing', () => {
    ledger.noteReceived(at(1), 1000);
    ledger.take(at(1), 10);
    for (let i = 0; i < 40_000; i++) ledger.noteReceived(at(5, `10.0.${i >> 8}.${i & 255}`), 10);
    assert.ok(ledger.size <= 16_384);
    assert.equal(ledger.fits(at(1), 1), false);
  });

  it('of more than 16,384 addresses the one that was shown longest ago is held to its bytes again', () => {
    ledger.show('192.0.2.1');
    for (let i = 0; i < 16_384; i++) ledger.show(`10.0.${i >> 8}.${i & 255}`);
    assert.equal(ledger.isShown('192.0.2.1'), false);
    assert.equal(ledger.isShown('10.0.0.0'), true);
  });

  it('the ports of one address fill no more than their part', () => {
    ledger.noteReceived(at(1, '192.0.2.9'), 100);
    for (let port = 1; port <= 60_000; port++) ledger.noteReceived(at(port), 10);
    assert.ok(ledger.size <= 1025);
    assert.equal(ledger.fits(at(1, '192.0.2.9'), 300), true);
  });
});

describe('bounds for each source and in all', () => {
  const invite = (branch: string, address: string): SipRequest => ({
    method: 'INVITE',
    uri: 'sip:a@b',
    headers: {
      'call-id': 'c',
      cseq: { seq: 1, method: 'INVITE' },
      via: [{ params: { branch, received: address } }],
    },
  });

  it('a source is an IPv4 address, or the /64 of an IPv6 one', () => {
    assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(sourceOf('2001:db8:0:1::7'), sourceOf('2001:db8:0:1:ffff::9%eth0'));
    assert.notEqual(sourceOf('2001:db8:0:1::7'), sourceOf('2001:db8:0:2::7'));
    assert.equal(sourceOf('::1'), '0:0:0:0');
    assert.equal(bareIp('fe80::1%eth0'), 'fe80::1');
  });

  it('transactions: the oldest of the source gives way, then the oldest of all; after 32 s they are over', () => {
    let nowMs = 0;
    const counters = new BoundCounters();
    const table = new UnshownTransactions(counters, () => nowMs);
    for (let i = 0; i < 513; i++) table.begin(invite(`b${i}`, '192.0.2.1'), '192.0.2.1');
    assert.equal(table.size, 512);
    assert.equal(table.of(invite('b0', '192.0.2.1')), undefined);
    assert.notEqual(table.of(invite('b1', '192.0.2.1')), undefined);
    assert.equal(table.of(invite('b1', '192.0.2.2')), undefined, 'another source has other transactions');
    for (let i = 0; i < 5000; i++)
      table.begin(invite(`b${i}`, `10.1.${i >> 8}.${i & 255}`), `10.1.${i >> 8}.${i & 255}`);
    assert.equal(table.size, 4096);
    assert.equal(counters.counts.transactions, 1 + 512 + 5000 - 4096);
    nowMs = 32_000;
    table.begin(invite('last', '192.0.2.3'), '192.0.2.3');
    assert.equal(table.size, 1);
    assert.equal(table.hasAnyOf('10.1.19.0'), false);
  });

  it('calls without an ACK: of a port, of a source, in all; the oldest gives way, and is counted', () => {
    const counters = new BoundCounters();
    const ended: { name: string }[] = [];
    const calls = new UnconfirmedCalls<{ name: string }>(counters, (call) => ended.push(call));
    const honest = { name: 'honest' };
    calls.add(honest, at(1));
    for (let i = 0; i < 300; i++) calls.add({ name: `p${i}` }, at(2));
    assert.deepEqual([ended.length, ended[0]?.name, calls.size], [44, 'p0', 257]);
    for (let i = 0; i < 254; i++) calls.add({ name: `s${i}` }, at(1000 + i));
    assert.deepEqual([calls.size, ended.includes(honest)], [511, false]);
    for (let i = 0; i < 2; i++) calls.add({ name: 'one too many of the source' }, at(5000 + i));
    assert.deepEqual([calls.size, ended.includes(honest)], [512, true], 'the oldest of the source');
    assert.equal(counters.counts.unconfirmedCalls, ended.length);
    for (let i = 0; i < 2000; i++) calls.add({ name: `a${i}` }, at(1, `10.2.${i >> 8}.${i & 255}`));
    assert.equal(calls.size, 1024);
  });

  it('calls without an ACK: one that finds no ports gets those of the oldest, but not its own', () => {
    const ended: object[] = [];
    const calls = new UnconfirmedCalls<object>(new BoundCounters(), (call) => ended.push(call));
    const [first, second] = [{}, {}];
    calls.add(first, at(1));
    calls.add(second, at(2));
    assert.equal(calls.displaceFor(second), true);
    assert.deepEqual(ended, [first]);
    assert.equal(calls.displaceFor(second), false);
    calls.remove(second);
    assert.equal(calls.has(second), false);
    assert.equal(calls.displaceFor({}), false);
  });

  it('what began lately: never less than in one span, and nothing after two', () => {
    const counts = new RecentCounts(1000);
    counts.note('192.0.2.1', 0);
    counts.note('192.0.2.1', 999);
    counts.note('192.0.2.2', 1000);
    assert.deepEqual(counts.of('192.0.2.1', 1500), { ofSource: 2, inAll: 3 });
    assert.deepEqual(counts.of('192.0.2.1', 2000), { ofSource: 0, inAll: 1 });
    assert.deepEqual(counts.of('192.0.2.2', 9000), { ofSource: 0, inAll: 0 });
  });

  it('what began lately: 16,384 sources are counted apart, all together always', () => {
    const counts = new RecentCounts(1000);
    for (let i = 0; i < 20_000; i++) counts.note(`10.0.${i >> 8}.${i & 255}`, 0);
    assert.deepEqual(counts.of('10.0.0.1', 0), { ofSource: 1, inAll: 20_000 });
    assert.deepEqual(counts.of('10.0.78.0', 0), { ofSource: 0, inAll: 20_000 });
  });

  it('every bound has a counter of its name, and no other has', () => {
    const { counts } = new BoundCounters();
    assert.deepEqual(Object.keys(counts), [...BOUND_NAMES]);
    assert.ok(Object.values(counts).every((count) => count === 0));
  });
});

// protocol.md 5.7: the address in the SDP, asked before anything came from it.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';

const global = { address: '198.51.100.80', port: 5004 };

describe('rule 5.7: direct', () => {
  it('a global address is asked at 0, 100 and 300 ms, and then left alone', () => {
    const peer = new VerifierBench({ signalled: global });
    const startMs = peer.nowMs;
    peer.advance(30_000);
    assert.deepEqual(
      peer.bench.sentTo(global).map(({ atMs, message }) => [Math.round(atMs - startMs), message?.kind]),
      [
        [0, 'challenge'],
        [100, 'challenge'],
        [300, 'challenge'],
      ],
    );
  });

  it('when it answers, the path is direct: no NAT, nothing is rewritten', () => {
    const peer = new VerifierBench({ signalled: global });
    peer.answerFrom(global);
    assert.deepEqual(peer.mapping, global);
    assert.equal(peer.bench.eventsOf('direct').length, 1);
    assert.equal(peer.session.protection, 'direct');
    assert.equal(peer.session.streams[0]?.nat, 'none');
  });

  it('without an answer it gets no payload', () => {
    const peer = new VerifierBench({ signalled: global });
    peer.advance(100);
    assert.equal(peer.outgoing(), undefined);
    peer.advance(10_000);
    assert.equal(peer.outgoing(), undefined);
  });

  for (const [address, local, isAsked] of [
    ['127.0.0.1', '203.0.113.1', false],
    ['169.254.7.7', '203.0.113.1', false],
    ['0.0.0.0', '203.0.113.1', false],
    ['10.0.1.2', '203.0.113.1', false],
    ['192.168.1.2', '10.0.0.1', false],
    ['172.16.0.2', '172.31.9.1', true],
    ['10.0.1.2', '10.200.0.1', true],
    ['192.168.1.2', '192.168.77.1', true],
    ['100.64.1.2', '203.0.113.1', false],
    ['100.64.1.2', '100.127.0.1', true],
    ['8.8.8.8', '203.0.113.1', true],
    ['8.8.8.8', '10.0.0.1', true],
    ['::1', '2001:db8::1', false],
    ['fe80::1', '2001:db8::1', false],
    ['fd00:1::2', '2001:db8::1', false],
    ['fd00:1::2', 'fd99::1', true],
    ['2a00:1450::1', '2001:db8::1', true],
    ['::ffff:127.0.0.1', '2001:db8::1', false],
  ] as const)
    it(`${address} is ${isAsked ? '' : 'not '}asked by a server that advertises ${local}`, () => {
      const peer = new VerifierBench({
        signalled: { address, port: 5004 },
        local: { address: local, port: 40_000 },
      });
      peer.advance(1000);
      assert.equal(peer.bench.sent.length, isAsked ? 3 : 0);
    });

  it('is the owner to say by another rule', () => {
    const peer = new VerifierBench({
      signalled: { address: '10.0.1.2', port: 5004 },
      engine: { isDirectTarget: (address) => address === '10.0.1.2' },
    });
    assert.equal(peer.bench.sent.length, 1);
    const refused = new VerifierBench({ signalled: global, engine: { isDirectTarget: () => false } });
    refused.advance(5000);
    assert.equal(refused.bench.sent.length, 0);
  });

  it('one such candidate at a time for a target, whole process', () => {
    const first = new VerifierBench({ signalled: global });
    const second = new VerifierBench({ signalled: { ...global, port: 6004 }, beside: first });
    assert.equal(first.bench.sent.length, 1);
    first.advance(1000);
    assert.equal(first.bench.sentTo(second.signalled).length, 0);
  });

  it('ten datagrams a minute for a target, whole process, and then again', () => {
    const first = new VerifierBench({ signalled: global });
    const startMs = first.nowMs;
    for (let i = 0; i < 30; i++) {
      first.advance(5000);
      new VerifierBench({ signalled: { ...global, port: 6000 + 2 * i }, beside: first });
    }
    first.advance(5000);
    const timesMs = first.bench.sent.map(({ atMs }) => atMs - startMs);
    assert.equal(timesMs.filter((atMs) => atMs < 60_000).length, 10);
    for (const fromMs of timesMs)
      assert.ok(timesMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + 60_000).length <= 10);
    assert.ok(timesMs.length > 20, 'the next minute has ten of its own');
  });

  it('a re-offer with a changed address is asked there; the active path stays', () => {
    const peer = new VerifierBench({ signalled: global });
    peer.answerFrom(global);
    const next = { address: '198.51.100.81', port: 7004 };
    peer.negotiate(peer.makeOffer({ repeats: true, address: next.address, port: next.port }));
    assert.equal(peer.challengesTo(next).length, 1);
    assert.deepEqual(peer.mapping, global);
    peer.answerFrom(next);
    peer.advance(60);
    assert.deepEqual(peer.mapping, next);
  });

  it('a re-offer that changes nothing asks nobody', () => {
    const peer = new VerifierBench({ signalled: global });
    peer.answerFrom(global);
    const { nowMs } = peer;
    peer.advance(1);
    peer.negotiate(peer.makeOffer({ repeats: true }));
    assert.equal(peer.bench.sent.filter(({ atMs }) => atMs > nowMs).length, 0);
    assert.deepEqual(peer.mapping, global);
  });

  it('port 0 and c=0.0.0.0 are asked nothing', () => {
    const peer = new VerifierBench({ signalled: { address: '0.0.0.0', port: 5004 } });
    peer.advance(1000);
    assert.equal(peer.bench.sent.length, 0);
  });
});

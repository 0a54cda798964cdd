// protocol.md 5.6: where the payload goes.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };

describe('rule 5.6: out', () => {
  it('nowhere before a path is verified: dropped and counted', () => {
    const peer = new VerifierBench();
    for (let i = 0; i < 3; i++) assert.equal(peer.outgoing(), undefined);
    assert.equal(peer.session.counters.dropped.noPath, 3);
    assert.equal(peer.session.counters.sent, 0);
  });

  it('to the mapping, not to the address in the SDP', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    assert.deepEqual(peer.outgoing(), home);
    assert.equal(peer.session.counters.sent, 1);
    const [verified] = peer.bench.eventsOf('verified');
    assert.ok(verified?.type === 'verified');
    assert.deepEqual(verified.signalled, peer.signalled);
    assert.deepEqual(verified.mapping, home);
    assert.deepEqual(verified.serverSeenAs, peer.ports[0]?.local);
    assert.equal(verified.nat, 'both');
  });

  it('to the newest verified path', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.verify(moved);
    assert.deepEqual(peer.outgoing(), home, 'rule 5.11: the old path has 1.5 round trips to answer');
    peer.advance(60);
    assert.deepEqual(peer.outgoing(), moved);
    const [rebound] = peer.bench.eventsOf('rebound');
    assert.ok(rebound?.type === 'rebound');
    assert.deepEqual([rebound.previous, rebound.mapping], [home, moved]);
  });

  for (const [signalled, nat] of [
    [{ address: '10.0.1.2', port: 5004 }, 'both'],
    [{ address: '10.0.1.2', port: 20_000 }, 'address'],
    [{ address: '198.51.100.7', port: 5004 }, 'port'],
    [{ address: '198.51.100.7', port: 20_000 }, 'none'],
  ] as const)
    it(`tells what the NAT changed: ${nat}`, () => {
      const peer = new VerifierBench({ signalled });
      peer.verify(home);
      const [verified] = peer.bench.eventsOf('verified');
      assert.ok(verified?.type === 'verified');
      assert.equal(verified.nat, nat);
    });

  it('each component on its own', () => {
    const peer = new VerifierBench({ isMuxed: false });
    peer.verify(home, 1);
    assert.deepEqual(peer.outgoing(1), home);
    assert.equal(peer.outgoing(2), undefined);
    peer.verify(moved, 2);
    assert.deepEqual(peer.outgoing(1), home);
    assert.deepEqual(peer.outgoing(2), moved);
  });
});

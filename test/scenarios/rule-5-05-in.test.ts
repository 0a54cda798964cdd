// protocol.md 5.5: what is handed to the application.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };
const stranger = { address: '192.0.2.66', port: 6000 };

function rebound(): VerifierBench {
  const peer = new VerifierBench();
  peer.verify(home);
  peer.media(home);
  peer.media(moved);
  peer.answerFrom(moved);
  peer.advance(60);
  assert.deepEqual(peer.mapping, moved);
  return peer;
}

describe('rule 5.5: in', () => {
  it('payload of every kind from the active path, and from nowhere else', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const dtls = Uint8Array.from({ length: 60 }, (_, i) =>
      i === 0 ? 22 : i === 1 ? 0xfe : i === 2 ? 0xfd : 0,
    );
    const fax = Uint8Array.of(0, 1, 2, 3, 4, 5, 6);
    for (const bytes of [dtls, fax]) {
      assert.equal(peer.receive(bytes, home), peer.component());
      assert.equal(peer.receive(bytes, stranger), undefined);
    }
    assert.ok(peer.media(home) && peer.report(home));
    assert.ok(!peer.media(stranger) && !peer.report(stranger));
    assert.ok(!peer.media({ ...home, port: home.port + 7 }));
    assert.ok(!peer.media(peer.signalled), 'the signalled address has proved nothing');
    assert.equal(peer.session.counters.delivered, 4);
    assert.equal(peer.session.counters.received, 10);
    assert.equal(peer.session.counters.dropped.unverified, 6);
  });

  it('for 5 s after a switch also from the path before, and then no more', () => {
    const peer = rebound();
    const [event] = peer.bench.eventsOf('rebound');
    assert.ok(event);
    peer.advance(event.atMs + 4990 - peer.nowMs);
    assert.ok(peer.media(home));
    assert.ok(peer.media(moved));
    peer.advance(20);
    assert.ok(!peer.media(home));
    assert.ok(peer.media(moved));
  });

  it('not a moment longer when the timers come late', () => {
    const peer = rebound();
    peer.bench.sleep(5100);
    assert.ok(!peer.media(home));
    assert.ok(peer.media(moved));
  });

  it('the path before the one before is out at once', () => {
    const peer = rebound();
    const third = { address: '198.51.100.7', port: 20_002 };
    peer.media(third);
    peer.answerFrom(third);
    peer.advance(60);
    assert.deepEqual(peer.mapping, third);
    assert.ok(peer.media(moved));
    assert.ok(!peer.media(home));
  });

  it('nothing from a path that expired', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.advance(60_000);
    assert.equal(peer.mapping, undefined);
    assert.ok(!peer.media(home));
  });

  it('messages of the protocol are never handed on', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const { delivered } = peer.session.counters;
    peer.hello(home);
    peer.keepalive(home);
    assert.equal(peer.session.counters.delivered, delivered);
  });
});

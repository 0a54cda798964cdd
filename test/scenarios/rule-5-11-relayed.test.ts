// protocol.md 5.11, where there is no old path to ask: one who reads hands its challenges on to the client, reads the answers
// and sends them too. It cannot drop the client's own, which come first: whoever is answered for from elsewhere gives way.
// Not in protocol.md; docs/deviations.md says why.
import assert from 'node:assert/strict';
import { IceBench } from '../support/ice-bench.js';
import { VerifierBench } from '../support/engine-bench.js';
import type { Sent } from '../support/engine-bench.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };
const neighbour = { address: '198.51.100.7', port: 30_000 };

function verified(): VerifierBench {
  const peer = new VerifierBench();
  peer.verify(home);
  peer.advance(1000);
  return peer;
}

function lastTo(peer: VerifierBench, remote: typeof home): Sent {
  const sent = peer.challengesTo(remote).at(-1);
  assert.ok(sent);
  return sent;
}

/** The client answers from where it is, and the neighbour sends the answer on, a moment later. */
function relayed(peer: VerifierBench, client: typeof home, challenge = lastTo(peer, neighbour)): void {
  peer.respond(challenge, client);
  peer.advance(0.5);
  peer.respond(challenge, neighbour);
}

/**
 * For so long the client, where it is now, answers all that reaches it, 5 ms later: what is asked there and what the neighbour
 * hands on. Its answers are copied. Where media went meanwhile.
 */
function live(peer: VerifierBench, client: typeof home, ms: number): number[] {
  const targets = new Set<number | undefined>();
  const startMs = peer.nowMs;
  let seen = 0;
  while (peer.nowMs < startMs + ms) {
    const due = peer.bench.sent.slice(seen).filter(({ atMs }) => atMs + 5 <= peer.nowMs);
    seen += due.length;
    for (const challenge of due.filter(({ message }) => message?.kind === 'challenge')) {
      const { port } = challenge.destination;
      if (port !== client.port && port !== neighbour.port) continue;
      peer.respond(challenge, client);
      peer.respond(challenge, neighbour);
    }
    peer.advance(1);
    targets.add(peer.outgoing()?.port);
  }
  return [...targets].flatMap((port) => port ?? []);
}

describe('rule 5.11: one whose answers come from elsewhere first gives way', () => {
  it('before media: the client is verified after it, and has the media alone', () => {
    const peer = new VerifierBench();
    const hello = peer.hello(home);
    peer.receive(hello, neighbour);
    peer.advance(5);
    relayed(peer, home);
    peer.advance(5);
    assert.equal(peer.outgoing(), undefined, 'nobody has it yet');
    peer.respond(lastTo(peer, home));
    assert.deepEqual(live(peer, home, 1000), [home.port]);
    assert.equal(peer.bench.eventsOf('conflict').length, 1);
  });

  it('at a rebinding: the neighbour is asked first, the client second, and the client has the media', () => {
    const peer = verified();
    peer.media(neighbour);
    peer.advance(2);
    relayed(peer, moved);
    peer.advance(15);
    peer.media(moved);
    assert.deepEqual(live(peer, moved, 1000), [home.port, moved.port]);
  });

  it('within a minute of a conflict too, when a switch takes 2 s', () => {
    const peer = verified();
    peer.media(neighbour);
    assert.deepEqual(live(peer, home, 1000), [home.port]);
    assert.equal(peer.bench.eventsOf('conflict').length, 1);
    peer.media(neighbour);
    peer.advance(2);
    relayed(peer, moved);
    peer.advance(15);
    peer.media(moved);
    assert.deepEqual(live(peer, moved, 3000), [home.port, moved.port]);
  });

  it('waits 30 ms or one and a half round trips for the client, and then has the media: that may be gone', () => {
    for (const [rttMs, waitMs] of [
      [4, 30],
      [40, 60],
    ] as const) {
      const peer = new VerifierBench();
      for (const source of [home, neighbour]) peer.hello(source);
      const challenge = lastTo(peer, neighbour);
      peer.advance(rttMs - 0.5);
      relayed(peer, home, challenge);
      peer.advance(waitMs - 1);
      assert.equal(peer.outgoing(), undefined);
      peer.advance(2);
      assert.deepEqual(peer.outgoing(), neighbour);
    }
  });

  it('which it loses, within 5 s, to the first other that answers, though it answers too', () => {
    for (const [laterMs, isLost] of [
      [4900, true],
      [5100, false],
    ] as const) {
      const peer = new VerifierBench();
      peer.hello(neighbour);
      relayed(peer, home);
      assert.deepEqual(peer.outgoing(), neighbour, 'nobody is there to wait for');
      peer.advance(laterMs);
      peer.media(home);
      assert.deepEqual(live(peer, home, 3000), isLost ? [neighbour.port, home.port] : [neighbour.port]);
      assert.equal(peer.bench.eventsOf('conflict').length, 1);
      assert.equal(peer.media(neighbour), !isLost, 'nor is anything taken from it');
    }
  });

  it('and in the call: an answer from the old path, to what the neighbour was asked, is one of the old path', () => {
    const peer = verified();
    peer.media(neighbour);
    peer.advance(5);
    relayed(peer, home);
    peer.advance(5000);
    assert.deepEqual(peer.outgoing(), home, 'though it answered the question itself too late, or not');
    assert.equal(peer.bench.eventsOf('conflict').length, 1);
  });

  it('also where the old path was verified after the neighbour was asked', () => {
    const peer = new VerifierBench();
    const hello = peer.hello(home);
    peer.receive(hello, neighbour);
    const asked = lastTo(peer, neighbour);
    peer.answerFrom(home, 5);
    relayed(peer, home, asked);
    peer.advance(3000);
    assert.deepEqual(peer.outgoing(), home);
    assert.equal(peer.bench.eventsOf('conflict').length, 1);
  });

  it('a copy that overtakes the client’s own answer costs the client nothing, and 30 ms if the copier is a candidate', () => {
    for (const isCandidate of [false, true]) {
      const peer = new VerifierBench();
      peer.hello(home);
      if (isCandidate) peer.media(neighbour);
      const challenge = lastTo(peer, home);
      peer.advance(4);
      peer.respond(challenge, neighbour);
      peer.respond(challenge, home);
      assert.deepEqual(peer.outgoing(), isCandidate ? undefined : home);
      peer.advance(31);
      assert.deepEqual(peer.outgoing(), home);
      peer.media(neighbour);
      peer.advance(10_000);
      assert.deepEqual(peer.outgoing(), home, 'who answers nothing takes nothing');
    }
  });

  it('only what is valid counts: a forged answer from elsewhere delays nobody', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    const challenge = lastTo(peer, home);
    peer.advance(4);
    const stranger = new VerifierBench({ seed: 2 });
    peer.respond(challenge, neighbour, 1, stranger.generation);
    assert.equal(peer.component().counters.dropped.integrity, 1);
    peer.respond(challenge, home);
    assert.deepEqual(peer.outgoing(), home);
  });

  it('a phone with ICE is protected alike', () => {
    const peer = new IceBench();
    const check = peer.phone.check({ isNominating: true });
    for (const source of [home, neighbour]) peer.send(check, source);
    peer.bench.advance(5);
    peer.answerFrom(neighbour, home);
    peer.answerFrom(neighbour);
    peer.bench.advance(5);
    assert.equal(peer.destination, undefined);
    peer.answerFrom(home);
    assert.deepEqual(peer.destination, home);
  });
});

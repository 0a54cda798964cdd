// protocol.md 5.10: new keys in mid call, and the end of a call.
import assert from 'node:assert/strict';
import { ProverBench, VerifierBench } from '../support/engine-bench.js';
import { isIntegrityValid, makeHello, makeKeepalive } from '../support/oracle.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };

describe('rule 5.10: generations', () => {
  it('a new one challenges the old active path at once, under its own key; that path carries media meanwhile', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.generation;
    peer.advance(1000);
    const { nowMs } = peer;
    peer.negotiate();
    assert.notDeepEqual(peer.generation.integrity, before.integrity);
    const [challenge] = peer.challengesTo(home, nowMs);
    assert.ok(challenge);
    assert.ok(isIntegrityValid(challenge.bytes, peer.generation.integrity));
    assert.ok(!isIntegrityValid(challenge.bytes, before.integrity));
    assert.deepEqual(peer.outgoing(), home);
    assert.ok(peer.media(home));
    peer.respond(challenge);
    assert.deepEqual(peer.outgoing(), home);
    assert.equal(peer.bench.eventsOf('rebound').length, 0);
    peer.advance(10_000);
    for (const later of peer.challengesTo(home, nowMs))
      assert.ok(isIntegrityValid(later.bytes, peer.generation.integrity), 'all of it under the new key');
  });

  it('a lost challenge to the old path is repeated as rule 5.2 says', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const { nowMs } = peer;
    peer.negotiate();
    peer.advance(3500);
    const asked = peer.challengesTo(home, nowMs);
    assert.deepEqual(
      asked.map(({ atMs }) => Math.round(atMs - nowMs)),
      [0, 100, 300, 700, 1500, 3100],
    );
    assert.deepEqual(peer.outgoing(), home);
  });

  it('hellos of the old generation name nothing any more', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.generation;
    peer.negotiate();
    const { length } = peer.bench.sent;
    peer.receive(makeHello(before, 1, peer.transaction()), moved);
    peer.receive(makeKeepalive(before, peer.transaction()), moved);
    assert.equal(peer.bench.sent.length, length);
    assert.equal(peer.bench.engine.counters.dropped.unknownTags, 2);
  });

  it('an answer to a challenge of the old generation counts no more', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.generation;
    peer.hello(moved);
    const [challenge] = peer.challengesTo(moved);
    assert.ok(challenge);
    peer.negotiate();
    peer.respond(challenge, moved, 1, before);
    peer.advance(100);
    assert.deepEqual(peer.outgoing(), home);
  });

  it('an old path that never answers under the new key expires', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.negotiate();
    peer.advance(45_000);
    assert.equal(peer.bench.eventsOf('expired').length, 1);
    assert.equal(peer.outgoing(), undefined);
  });

  it('the new word is unspent', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const before = peer.generation.word;
    peer.negotiate();
    assert.notDeepEqual(peer.generation.word, before);
    peer.hello(moved);
    assert.equal(peer.bench.eventsOf('proven').length, 2);
  });

  it('a re-offer that repeats tag and secret changes nothing', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const { generation, answer } = peer;
    const { length } = peer.bench.sent;
    peer.negotiate(peer.makeOffer({ repeats: true }));
    assert.equal(peer.bench.sent.length, length);
    assert.deepEqual(peer.generation, generation);
    assert.equal(/^a=latch.*$/m.exec(peer.answer)?.[0], /^a=latch.*$/m.exec(answer)?.[0]);
    assert.deepEqual(peer.outgoing(), home);
  });

  it('a failed re-offer changes nothing', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    const { length } = peer.bench.sent;
    peer.session.setRemote(peer.makeOffer(), peer.nowMs, 'offer');
    peer.session.rollback();
    peer.bench.drain();
    assert.equal(peer.bench.sent.length, length);
    assert.deepEqual(peer.outgoing(), home);
    peer.hello(moved);
    assert.equal(peer.challengesTo(moved).length, 1, 'the old keys are in force');
  });

  it('closing forgets keys, words and paths at once', () => {
    const peer = new VerifierBench();
    peer.verify(home);
    peer.hello(moved);
    const [challenge] = peer.challengesTo(moved);
    assert.ok(challenge);
    const component = peer.component();
    peer.session.close(peer.nowMs);
    peer.bench.drain();
    const { length } = peer.bench.sent;
    const { counter } = peer;
    for (const source of [home, moved]) {
      assert.equal(peer.media(source), false);
      peer.receive(makeHello(peer.generation, 1, peer.transaction(counter + 5)), source);
    }
    peer.respond(challenge);
    peer.advance(60_000);
    assert.equal(component.handleSend(new Uint8Array(20), peer.nowMs), undefined);
    assert.equal(component.mapping, undefined);
    assert.equal(peer.bench.sent.length, length);
    assert.equal(peer.bench.eventsOf('closed').length, 1);
    assert.equal(peer.bench.engine.pollTimeout(), undefined);
    assert.equal(peer.ports[0]?.size, 0);
  });

  it('the prover answers the old generation until it has answered the new', () => {
    const prover = new ProverBench();
    const before = prover.generation;
    prover.challenge();
    assert.equal(prover.sent('response').length, 1);
    prover.negotiate();
    assert.notDeepEqual(prover.generation.integrity, before.integrity);
    prover.challenge(prover.verifier, before);
    assert.equal(prover.sent('response').length, 2);
    assert.ok(isIntegrityValid(prover.sent('response')[1]?.bytes ?? new Uint8Array(0), before.integrity));
    prover.challenge();
    assert.equal(prover.sent('response').length, 3);
    prover.challenge(prover.verifier, before);
    assert.equal(prover.sent('response').length, 3, 'the old one is over');
  });
});

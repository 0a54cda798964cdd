// protocol.md 1: a path is one socket of ours and one remote address. While media moves from one of our sockets to another
// both are open, and what is proved at one of them says nothing about the other.
import assert from 'node:assert/strict';
import type { Port } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { ProverBench, VerifierBench } from '../support/engine-bench.js';
import type { Sent } from '../support/engine-bench.js';
import { IceBench, MAPPING } from '../support/ice-bench.js';
import { readServerCheck } from '../support/ice-phone.js';
import { makeRtp } from '../support/media.js';
import * as oracle from '../support/oracle.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };
const B_LOCAL = { address: '203.0.113.1', port: 40_002 };

/** A peer verified at port A, and a second port B open. */
class TwoPorts {
  readonly peer = new VerifierBench();
  readonly a: Port;
  readonly b: Port;
  #sequence = 1;

  constructor() {
    const { peer } = this;
    this.a = peer.ports[0] as Port;
    this.b = peer.bench.engine.openPort(B_LOCAL);
    peer.verify(home);
    peer.advance(1000);
    peer.component().addPort(this.b, peer.nowMs);
    peer.bench.drain();
  }

  hello(port: Port, source: TransportAddress): void {
    const { peer } = this;
    peer.bench.receive(port, oracle.makeHello(peer.generation, 1, peer.transaction()), source);
  }

  media(port: Port, source: TransportAddress): boolean {
    const bytes = makeRtp({ ssrc: this.peer.ssrc, sequence: this.#sequence++, timestamp: 0 });
    return this.peer.bench.receive(port, bytes, source) !== undefined;
  }

  lastChallenge(port: Port, remote: TransportAddress): Sent {
    const sent = this.peer.challengesTo(remote).findLast((one) => one.port === port);
    assert.ok(sent, 'nothing was asked there');
    return sent;
  }

  /** Answers the last challenge that left `port` for `remote`; the answer comes to `arrivesAt`, from `source`. */
  answer(port: Port, remote: TransportAddress, arrivesAt = port, source = remote): void {
    const { peer } = this;
    const { transaction, word } = this.lastChallenge(port, remote).message as {
      transaction: Buffer;
      word: Buffer;
    };
    const bytes = oracle.makeResponse(peer.generation, 1, { transaction, word }, port.local);
    peer.bench.receive(arrivesAt, bytes, source);
  }

  /** Where the next packet of the application goes, and out of which port. */
  outgoing(): readonly [Port | undefined, TransportAddress | undefined] {
    const remote = this.peer.outgoing();
    return [this.peer.component().port, remote];
  }

  /** The peer proves `remote` at port B, and answers nothing at port A. */
  move(remote = moved): void {
    this.hello(this.b, remote);
    this.peer.advance(10);
    this.answer(this.b, remote);
    this.peer.advance(30);
  }
}

describe('two ports at once (protocol.md 1): a path is (local, remote)', () => {
  it('a client that proves itself at port B, while A is active, moves the media to B', () => {
    const two = new TwoPorts();
    assert.deepEqual(two.outgoing(), [two.a, home]);
    two.move();
    assert.deepEqual(two.outgoing(), [two.b, moved]);
    assert.ok(two.media(two.b, moved));
    const [rebound] = two.peer.bench.eventsOf('rebound');
    assert.deepEqual([rebound?.local, rebound?.remote], [B_LOCAL, moved]);
  });

  it('from the same remote address too, as behind a NAT that keeps its mapping', () => {
    const two = new TwoPorts();
    two.move(home);
    assert.deepEqual(two.outgoing(), [two.b, home]);
    assert.ok(two.media(two.b, home));
    assert.deepEqual(two.peer.bench.eventsOf('verified').at(-1)?.local, B_LOCAL);
    assert.equal(two.peer.bench.eventsOf('conflict').length, 0);
  });

  it('challenges go out of the port where the candidate was heard; the old path is asked out of its own', () => {
    const two = new TwoPorts();
    const { nowMs } = two.peer;
    two.media(two.b, moved);
    two.peer.advance(200);
    const asked = (remote: TransportAddress) =>
      two.peer.challengesTo(remote, nowMs).map(({ port }) => port.local);
    assert.deepEqual(asked(moved), [B_LOCAL, B_LOCAL]);
    assert.deepEqual(asked(home), [two.a.local, two.a.local]);
    const [candidate] = two.peer.bench.eventsOf('candidate', nowMs);
    assert.deepEqual([candidate?.local, candidate?.remote], [B_LOCAL, moved]);
  });

  it('rule 5.2: a response counts only at the socket that the challenge went out of', () => {
    const two = new TwoPorts();
    const before = two.peer.bench.engine.counters.dropped.staleTransaction;
    two.hello(two.b, moved);
    two.peer.advance(10);
    two.answer(two.b, moved, two.a);
    assert.equal(two.peer.bench.engine.counters.dropped.staleTransaction, before + 1);
    two.peer.advance(1000);
    assert.deepEqual(two.outgoing(), [two.a, home]);
  });

  it('rule 5.5: nothing arrives at B from an address that is verified at A only', () => {
    const two = new TwoPorts();
    assert.equal(two.media(two.b, home), false);
    assert.ok(two.media(two.a, home));
    assert.equal(two.b.route(home.address, home.port), undefined);
  });

  it('rule 5.11: an old path at A that answers keeps the media, and its rank for 30 s', () => {
    const two = new TwoPorts();
    two.hello(two.b, moved);
    two.peer.advance(5);
    two.answer(two.b, moved);
    two.answer(two.a, home);
    two.peer.advance(100);
    assert.deepEqual(two.outgoing(), [two.a, home]);
    const [conflict] = two.peer.bench.eventsOf('conflict');
    assert.deepEqual([conflict?.local, conflict?.remote], [B_LOCAL, moved]);
  });

  it('rule 5.5: for 5 s after the switch the path before is heard, at its own port', () => {
    const two = new TwoPorts();
    two.move();
    assert.ok(two.media(two.a, home));
    assert.equal(two.media(two.b, home), false);
    two.peer.advance(5001);
    assert.equal(two.media(two.a, home), false);
  });

  it('rule 5.11: what was kept goes out of B at the switch, and what came there is delivered with its port', () => {
    const two = new TwoPorts();
    two.hello(two.b, moved);
    const { nowMs } = two.peer;
    two.peer.speak(Uint8Array.of(0x80, 1));
    two.peer.advance(5);
    two.answer(two.b, moved);
    two.media(two.b, moved);
    two.peer.advance(30);
    const again = two.peer.bench.sent.filter((sent) => sent.atMs > nowMs && sent.message === undefined);
    assert.deepEqual(
      again.map(({ port, destination }) => [port.local, destination]),
      [[B_LOCAL, moved]],
    );
    assert.deepEqual(
      two.peer.bench.deliveries.map(({ port, source }) => [port.local, source]),
      [[B_LOCAL, moved]],
    );
  });

  it('letting go of A leaves B working, and nothing of it in the tables of A', () => {
    const two = new TwoPorts();
    two.move();
    two.peer.component().removePort(two.a, two.peer.nowMs);
    assert.equal(two.a.size, 0);
    assert.equal(two.media(two.a, home), false);
    assert.deepEqual(two.outgoing(), [two.b, moved]);
    assert.ok(two.media(two.b, moved));
    two.hello(two.b, { ...moved, port: 20_002 });
    assert.ok(two.lastChallenge(two.b, { ...moved, port: 20_002 }));
  });

  it('so does a socket that is closed under it, in the middle of a trial too', () => {
    const two = new TwoPorts();
    two.hello(two.b, moved);
    two.peer.bench.engine.closePort(two.a, two.peer.nowMs);
    assert.equal(two.a.size, 0);
    assert.equal(two.peer.outgoing(), undefined, 'nothing is proved at B yet');
    two.peer.advance(10);
    two.answer(two.b, moved);
    assert.deepEqual(two.outgoing(), [two.b, moved]);
    two.peer.session.close(two.peer.nowMs);
    assert.deepEqual([two.a.size, two.b.size], [0, 0]);
  });

  it('letting go of B leaves A as it was', () => {
    const two = new TwoPorts();
    two.hello(two.b, moved);
    two.peer.component().removePort(two.b, two.peer.nowMs);
    assert.equal(two.b.size, 0);
    two.peer.advance(100);
    assert.deepEqual(two.outgoing(), [two.a, home]);
    assert.ok(two.media(two.a, home));
    assert.equal(two.peer.component().ports.length, 1);
  });

  it('attach() moves: the component is behind the new one alone', () => {
    const two = new TwoPorts();
    two.move();
    const third = two.peer.bench.engine.openPort({ ...B_LOCAL, port: 40_004 });
    two.peer.component().attach(third, two.peer.nowMs);
    assert.deepEqual(two.peer.component().ports, [third]);
    assert.deepEqual([two.a.size, two.b.size], [0, 0]);
    assert.equal(two.peer.outgoing(), undefined);
  });

  it('attach() to one of two keeps what was proved there', () => {
    const two = new TwoPorts();
    two.move();
    two.peer.component().attach(two.b, two.peer.nowMs);
    assert.deepEqual(two.peer.component().ports, [two.b]);
    assert.deepEqual(two.outgoing(), [two.b, moved]);
  });

  it('a third is refused', () => {
    const two = new TwoPorts();
    const third = two.peer.bench.engine.openPort({ ...B_LOCAL, port: 40_004 });
    assert.throws(() => two.peer.component().addPort(third, two.peer.nowMs), { code: 'LATCHKEY_STATE' });
    assert.equal(third.components.size, 0);
  });

  it('a peer with ICE stands by at the other port, and has the media there when its port is gone', () => {
    const peer = new IceBench();
    peer.connect();
    const b = peer.bench.engine.openPort(B_LOCAL);
    peer.component.addPort(b, peer.bench.nowMs);
    peer.bench.receive(b, peer.phone.check({ isNominating: true }), MAPPING);
    const checkOf = (port: Port) => {
      const sent = peer.bench.sent.findLast(
        (one) => one.port === port && one.destination.port === MAPPING.port,
      );
      const check = sent && readServerCheck(sent.bytes, peer.phone.pwd);
      assert.ok(check);
      return peer.phone.answer(check, port.local);
    };
    peer.bench.receive(b, checkOf(b), MAPPING);
    peer.bench.receive(peer.port, checkOf(peer.port), MAPPING);
    assert.deepEqual([peer.component.port, peer.destination], [peer.port, MAPPING]);
    peer.component.removePort(peer.port, peer.bench.nowMs);
    assert.deepEqual([peer.component.port, peer.destination], [b, MAPPING]);
  });

  it('a prover answers where it is asked, and takes a welcome only where it said hello', () => {
    const peer = new ProverBench();
    const b = peer.bench.engine.openPort({ address: '10.0.1.2', port: 5006 });
    peer.component.addPort(b, peer.nowMs);
    const [hello] = peer.sent('hello');
    assert.equal(hello?.port, peer.port);
    const { transaction } = hello?.message as { transaction: Buffer };
    peer.bench.receive(b, oracle.makeWelcome(peer.generation, transaction, home), peer.verifier);
    assert.equal(peer.session.streams[0]?.seenAs, undefined);
    const challenge = { transaction: Buffer.alloc(12, 3), word: Buffer.alloc(16, 4) };
    peer.bench.receive(
      b,
      oracle.makeChallenge(peer.generation, challenge.transaction, challenge.word),
      peer.verifier,
    );
    assert.equal(peer.sent('response').at(-1)?.port, b);
    peer.component.removePort(peer.port, peer.nowMs);
    assert.equal(peer.port.size, 0, 'no hello is waited for at a socket that is gone');
  });

  it('a component that agrees before it has a socket asks the signalled address when it gets one (5.7)', () => {
    const signalled = { address: '198.51.100.80', port: 5004 };
    const peer = new VerifierBench({ signalled });
    const { bench } = peer;
    const late = bench.engine.createSession({ call: 'late', role: 'verifier', signalling: 'encrypted' });
    const other = { ...signalled, address: '198.51.100.81' };
    assert.ok(late.setRemote(peer.makeOffer({ address: other.address }), bench.nowMs, 'offer').accepted);
    late.setLocal(peer.answer.replace(/a=(latch|ice|candidate).*\r\n/g, ''), bench.nowMs, 'answer');
    bench.drain();
    assert.equal(bench.sentTo(other).length, 0);
    late.component(0, 1).attach(peer.ports[0] as Port, bench.nowMs);
    bench.drain();
    assert.equal(bench.sentTo(other, 'challenge').length, 1);
  });
});

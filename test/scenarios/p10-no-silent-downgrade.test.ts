// P10: nobody can downgrade a call from latch to less without the verifier's policy allowing it and an event saying so.
import assert from 'node:assert/strict';
import { SRTP_SUITES, type EngineOptions, type Policy } from '../../lib/core/index.js';
import { EngineBench, VerifierBench } from '../support/engine-bench.js';
import { attacks } from '../support/attacker.js';
import { itOnGrid } from '../support/matrix.js';
import { suites } from '../support/oracle.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import { cryptoLine } from '../support/sdes-offers.js';
import { makeSdp } from '../support/session-description.js';

const home = { address: '198.51.100.7', port: 20_000 };
const stranger = { address: '192.0.2.66', port: 6000 };

/** What the peer's SDP says of its address: one to which media may go unproven. */
const signalled = { address: '198.51.100.80', port: 5004 };

const latched = (policy: Policy, suite = suites[0]): VerifierBench => {
  const engine: Partial<EngineOptions> = { policy };
  const peer = new VerifierBench({ engine, signalled, ...(suite === undefined ? {} : { suite }) });
  peer.verify(home);
  assert.equal(peer.session.protection, 'latch');
  return peer;
};

const stripped = (peer: VerifierBench): string =>
  peer
    .makeOffer({ repeats: true })
    .split('\r\n')
    .filter((line) => !line.startsWith('a=latch'))
    .join('\r\n');

/** What a peer brings, best first (protocol.md 8). */
const KINDS = {
  latch: [`a=latch:1 longenoughtag1 ${Buffer.alloc(32, 0x42).toString('base64url')} suites=AES-256`],
  ice: ['a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`],
  srtp: [
    cryptoLine(
      1,
      SRTP_SUITES.find(({ name }) => name === 'AES_CM_128_HMAC_SHA1_80')!,
      7,
    ),
  ],
  none: [],
} as const;
const pairs = Object.keys(KINDS).flatMap((from, i, all) => all.slice(i + 1).map((to) => [from, to]));

describe('P10: no call is downgraded in silence', () => {
  for (const policy of ['require', 'prefer', 'legacy', 'blind'] as const)
    for (const [from, to] of pairs as [keyof typeof KINDS, keyof typeof KINDS][])
      it(`${policy}, from ${from} to ${to}`, () => {
        const bench = new EngineBench({ policy });
        const session = bench.engine.createSession({ signalling: 'encrypted', srtp: 'terminate' });
        const offer = (kind: keyof typeof KINDS) =>
          session.setRemote(
            makeSdp({
              address: signalled.address,
              media: [{ port: 5004, isMuxed: true, lines: [...KINDS[kind]] }],
            }),
            bench.nowMs,
            'offer',
          );
        const answer = () =>
          session.setLocal(
            makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] }),
            bench.nowMs,
            'answer',
          );
        assert.ok(offer(from).accepted);
        answer();
        assert.equal(session.protection, from);
        const verdict = offer(to);
        if (verdict.accepted) answer();
        bench.drain();
        const lesser = {
          ...{ require: 'rejected', prefer: 'evidence', legacy: 'evidence', blind: 'legacy' },
        } as const;
        const allowed = to === 'none' ? lesser[policy] : to;
        assert.equal(verdict.accepted, allowed !== 'rejected');
        assert.equal(session.protection, allowed === 'rejected' ? from : allowed);
        const told = bench.eventsOf('downgraded').map((event) => event.type === 'downgraded' && event.to);
        assert.deepEqual(told, [allowed]);
      });

  for (const suite of suites) {
    it(`require: a re-offer without latch is rejected, and nothing changes [${suite}]`, () => {
      const peer = latched('require', suite);
      const verdict = peer.negotiate(stripped(peer));
      assert.ok(!verdict.accepted);
      assert.equal(verdict.status, 488);
      assert.equal(peer.session.protection, 'latch');
      assert.deepEqual(peer.outgoing(), home);
      assert.ok(!peer.media(stranger));
      const [event] = peer.bench.eventsOf('downgraded');
      assert.ok(event?.type === 'downgraded');
      assert.equal(event.to, 'rejected');
    });

    for (const policy of ['prefer', 'legacy'] as const)
      it(`${policy}: it is told, and the media goes by the SDP, never to whom else it came from [${suite}]`, () => {
        const peer = latched(policy, suite);
        assert.ok(peer.negotiate(stripped(peer)).accepted);
        const [event] = peer.bench.eventsOf('downgraded');
        assert.ok(event?.type === 'downgraded');
        assert.equal(event.to, 'evidence');
        assert.equal(peer.session.protection, 'evidence');
        const talk = (source: typeof home): void => {
          for (let i = 0; i < 3; i++) {
            assert.ok(!peer.media(source));
            peer.advance(20);
          }
          peer.advance(60);
        };
        talk(stranger);
        talk(home);
        assert.equal(peer.outgoing(), undefined, 'nothing has come from there');
        peer.advance(500);
        talk(signalled);
        assert.deepEqual(peer.outgoing(), signalled);
        assert.equal(peer.component(1).counters.delivered, 3);
      });

    it(`blind: it is told, and so is the blind latch that follows [${suite}]`, () => {
      const peer = latched('blind', suite);
      assert.ok(peer.negotiate(stripped(peer)).accepted);
      const [event] = peer.bench.eventsOf('downgraded');
      assert.ok(event?.type === 'downgraded');
      assert.equal(event.to, 'legacy');
      assert.ok(peer.media(home));
      assert.equal(peer.bench.eventsOf('legacy').length, 1);
    });
  }

  it('the event comes before the first packet that goes by the lesser rule', () => {
    const peer = latched('prefer');
    const verdict = peer.session.setRemote(stripped(peer), peer.nowMs, 'offer');
    assert.ok(verdict.accepted);
    peer.bench.drain();
    assert.deepEqual(peer.outgoing(), home, 'an offer alone changes nothing');
    peer.session.rollback();
    assert.equal(peer.session.protection, 'latch');
    assert.deepEqual(peer.outgoing(), home);
  });

  it('a server that offers latch and gets an answer without it judges by its policy', () => {
    for (const policy of ['require', 'prefer', 'legacy', 'blind'] as const) {
      const { bench } = new VerifierBench({ engine: { policy } });
      const session = bench.engine.createSession({ call: 'out', role: 'verifier', signalling: 'encrypted' });
      const plain = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] });
      session.setLocal(plain, bench.nowMs, 'offer');
      const answer = makeSdp({ address: '198.51.100.80', media: [{ port: 5004, isMuxed: true }] });
      const verdict = session.setRemote(answer, bench.nowMs, 'answer');
      assert.equal(verdict.accepted, policy !== 'require');
      assert.notEqual(session.protection, 'latch');
      assert.notEqual(session.protection, 'direct');
    }
  });

  it('a suite that was not offered is no support, and a chosen weaker one must have been offered', () => {
    const { bench } = new VerifierBench({ engine: { policy: 'require', suites: ['HMAC-SHA-256'] } });
    const session = bench.engine.createSession({ call: 'out', role: 'verifier', signalling: 'encrypted' });
    const plain = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] });
    session.setLocal(plain, bench.nowMs, 'offer');
    const line = `a=latch:1 longenoughtag1 ${Buffer.alloc(32, 1).toString('base64url')} suite=AES-256`;
    const answer = makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: true, lines: [line] }] });
    const verdict = session.setRemote(answer, bench.nowMs, 'answer');
    assert.ok(!verdict.accepted && verdict.status === 488);
  });

  it('on clear signalling latch is neither sent nor taken, and a verifier that requires it refuses', () => {
    for (const allowInsecureSignalling of [false, true]) {
      const { bench, makeOffer } = {
        bench: new VerifierBench({ engine: { policy: 'require', allowInsecureSignalling } }).bench,
        makeOffer: () => new VerifierBench().makeOffer(),
      };
      const session = bench.engine.createSession({ call: 'clear', role: 'verifier', signalling: 'clear' });
      const verdict = session.setRemote(makeOffer(), bench.nowMs, 'offer');
      assert.equal(verdict.accepted, allowInsecureSignalling);
      const caller = bench.engine.createSession({ call: 'clear', role: 'prover', signalling: 'clear' });
      const plain = makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: true }] });
      assert.equal(caller.setLocal(plain, bench.nowMs, 'offer').includes('a=latch'), allowInsecureSignalling);
    }
  });

  itOnGrid('no datagram downgrades anything: the protection outlives every attack', (point) => {
    const scene = new LatchScene({ ...point, engine: { policy: 'blind' } });
    scene.callUntilVerified();
    for (const attack of Object.values(attacks)) attack(scene.stage.attacker, scene.target(), 1000);
    scene.stage.attacker.guess(scene.stage.serverRtp, scene.pair.generation, 200);
    scene.stage.runFor(2000);
    assert.equal(scene.pair.server.session.protection, 'latch');
    assert.equal(scene.server.eventsOf('downgraded').length + scene.server.eventsOf('legacy').length, 0);
    assert.equal(scene.stage.stolen, 0);
    assert.deepEqual(scene.ledger.violations, []);
  });

  it('positive control: the same attacks on a call that never was more than a blind latch', () => {
    const scene = new BlindScene('follow');
    scene.call();
    scene.stage.runFor(500);
    for (const attack of Object.values(attacks)) attack(scene.stage.attacker, scene.target(), 1000);
    scene.stage.runFor(2000);
    assert.ok(scene.stage.stolen > 0);
  });
});

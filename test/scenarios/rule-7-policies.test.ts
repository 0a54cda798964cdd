// protocol.md 7: what the verifier does with a peer that does not speak latch.
import assert from 'node:assert/strict';
import type { Policy, SdpSession, Verdict } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench } from '../support/engine-bench.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';

const signalled = { address: '198.51.100.80', port: 5004 };
const stranger = { address: '192.0.2.66', port: 6000 };
const secret = Buffer.alloc(32, 0x42).toString('base64url');

interface Plain {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly verdict: Verdict;
  readonly answer: string;
  media(source: TransportAddress, payloadType?: number): boolean;
  /** Five packets of a stream, one in 20 ms; and then time for a decision. How many were taken, at once or after a lock. */
  talk(source: TransportAddress, payloadType?: number): number;
  report(source: TransportAddress): boolean;
}

/** A call from a peer whose offer has these lines, and no latch that we could use. */
function callWith(policy: Policy, lines: readonly string[] = [], isMuxed = true): Plain {
  const bench = new EngineBench({ policy });
  const session = bench.engine.createSession({ call: 'plain', role: 'verifier', signalling: 'encrypted' });
  const ports = (isMuxed ? [0] : [0, 1]).map((shift) =>
    bench.engine.openPort({ address: '203.0.113.1', port: 40_000 + shift }),
  );
  ports.forEach((port, i) => session.component(0, (i + 1) as 1 | 2).attach(port, bench.nowMs));
  const media = { port: signalled.port, isMuxed, lines };
  const offer = makeSdp({ address: signalled.address, media: [media] });
  const verdict = session.setRemote(offer, bench.nowMs, 'offer');
  bench.drain();
  const plain = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed }] });
  const answer = verdict.accepted ? session.setLocal(plain, bench.nowMs, 'answer') : '';
  bench.drain();
  const receive = (bytes: Uint8Array, source: TransportAddress, component = 1): boolean => {
    const port = ports[component - 1];
    assert.ok(port);
    return bench.receive(port, bytes, source) !== undefined;
  };
  const sequences = new Map<string, number>();
  const talk = (source: TransportAddress, payloadType = 0): number => {
    const { delivered } = session.component(0, 1).counters;
    const key = `${source.address} ${source.port}`;
    for (let i = 0; i < 5; i++) {
      const sequence = (sequences.get(key) ?? 0) + 1;
      sequences.set(key, sequence);
      receive(makeRtp({ ssrc: 5, sequence, timestamp: sequence * 160, payloadType }), source);
      bench.advance(20);
    }
    bench.advance(60);
    return session.component(0, 1).counters.delivered - delivered;
  };
  return {
    bench,
    session,
    verdict,
    answer,
    talk,
    media: (source, payloadType = 0) =>
      receive(makeRtp({ ssrc: 5, sequence: 1, timestamp: 1, payloadType }), source),
    report: (source) => receive(makeSenderReport(5, bench.nowMs, 1), source, isMuxed ? 1 : 2),
  };
}

describe('rule 7: policies', () => {
  it('require: the session is rejected with 488 and a warning that says why, and no media flows', () => {
    const { verdict, bench, session } = callWith('require');
    assert.ok(!verdict.accepted);
    assert.equal(verdict.status, 488);
    assert.match(verdict.warning, /latch/);
    const [rejected] = bench.eventsOf('rejected');
    assert.ok(rejected?.type === 'rejected');
    assert.deepEqual([rejected.status, rejected.warning], [488, verdict.warning]);
    assert.equal(session.component(0, 1).handleSend(new Uint8Array(20), bench.nowMs), undefined);
  });

  for (const policy of ['prefer', 'legacy'] as const)
    it(`${policy}: payload goes to the SDP address once evidence says that the peer is there, and comes from there alone`, () => {
      const call = callWith(policy);
      assert.ok(call.verdict.accepted);
      assert.equal(call.session.protection, 'evidence');
      assert.ok(!call.answer.includes('latch'));
      const component = call.session.component(0, 1);
      assert.ok(!call.media(signalled), 'one packet is no evidence');
      assert.equal(component.handleSend(new Uint8Array(20), call.bench.nowMs), undefined);
      assert.equal(call.talk(signalled), 5, 'one that was there before, and not twice');
      assert.deepEqual(component.handleSend(new Uint8Array(20), call.bench.nowMs), signalled);
      for (let i = 0; i < 50; i++) assert.equal(call.talk({ ...stranger, port: 6000 + i }), 0);
      assert.deepEqual(component.handleSend(new Uint8Array(20), call.bench.nowMs), signalled);
      call.bench.advance(60_000);
      assert.deepEqual(
        call.bench.sent.map(({ destination, bytes }) => [destination, bytes]),
        [[signalled, new Uint8Array(20)]],
        'nothing is asked of a peer without keys; what was to go before it was known goes once it is',
      );
      assert.equal(call.session.counters.legacy, 0);
    });

  it('legacy: latched blindly when none that may be the peer has lived for 2 s, told and counted; never under prefer', () => {
    for (const policy of ['prefer', 'legacy'] as const) {
      const call = callWith(policy);
      const component = call.session.component(0, 1);
      const natted = { address: '192.0.2.66', port: 20_000 };
      for (let i = 0; call.bench.nowMs < 2900; i++) assert.equal(call.talk(natted), 0);
      assert.equal(call.session.protection, 'evidence');
      assert.equal(component.handleSend(new Uint8Array(20), call.bench.nowMs), undefined);
      call.talk(natted);
      call.talk(natted);
      const isLatched = policy === 'legacy';
      assert.deepEqual(
        component.handleSend(new Uint8Array(20), call.bench.nowMs),
        isLatched ? natted : undefined,
      );
      assert.equal(call.session.protection, isLatched ? 'legacy' : 'evidence');
      assert.deepEqual(
        call.bench.eventsOf('legacy').map(({ remote }) => remote),
        isLatched ? [natted] : [],
      );
      assert.equal(call.session.counters.legacy, isLatched ? 1 : 0);
      assert.equal(call.talk(natted), isLatched ? 5 : 0);
    }
  });

  it('legacy: not while one that may be the peer lives, whoever else sends', () => {
    const call = callWith('legacy');
    for (let i = 0; i < 50; i++) {
      call.talk(signalled);
      assert.equal(call.talk(stranger), 0);
    }
    assert.equal(call.session.protection, 'evidence');
    assert.equal(call.session.counters.legacy, 0);
  });

  it('prefer: that nothing protects it is told at the answer, once a call', () => {
    const call = callWith('prefer');
    const told = (): unknown[] =>
      call.bench.eventsOf('unprotected').map(({ call: name, remote }) => [name, remote]);
    assert.deepEqual(told(), [['plain', signalled]]);
    call.session.setRemote(
      makeSdp({ address: '198.51.100.81', media: [{ port: 5004, isMuxed: true }] }),
      2000,
    );
    call.session.setLocal(
      makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] }),
      2000,
    );
    call.bench.drain();
    assert.equal(told().length, 1);
  });

  it('what latch, ICE or blind latching serves is not called unprotected', () => {
    const ice = ['a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`];
    const latch = [`a=latch:1 longenoughtag1 ${secret} suites=AES-256`];
    for (const [policy, lines, protection] of [
      ['prefer', ice, 'ice'],
      ['prefer', latch, 'latch'],
      ['blind', [], 'legacy'],
    ] as const) {
      const { session, bench } = callWith(policy, lines);
      assert.equal(session.protection, protection);
      assert.equal(bench.eventsOf('unprotected').length, 0);
    }
  });

  it("require: an answer that takes a section out of the offer's group is refused to its maker, and nothing flows (P10)", () => {
    const bench = new EngineBench({ policy: 'require' });
    const session = bench.engine.createSession({ signalling: 'encrypted' });
    const bundled = (lines: readonly string[]) => [
      { port: 5004, isMuxed: true, lines: ['a=mid:a', ...lines] },
      { kind: 'video' as const, port: 5004, isMuxed: true, lines: ['a=mid:b'] },
    ];
    const latch = `a=latch:1 longenoughtag1 ${secret} suites=AES-256`;
    const offer = { address: signalled.address, lines: ['a=group:BUNDLE a b'], media: bundled([latch]) };
    assert.ok(session.setRemote(makeSdp(offer), 0).accepted);
    const apart = makeSdp({ address: '203.0.113.1', media: bundled([]) });
    assert.throws(() => session.setLocal(apart, 0), { code: 'LATCHKEY_SDP' });
    assert.equal(session.protection, 'pending');
    session.setLocal(makeSdp({ address: '203.0.113.1', lines: offer.lines, media: bundled([]) }), 0);
    assert.equal(session.protection, 'latch');
  });

  it('blind: latched to the first source whose RTP has a negotiated payload type, and never moved', () => {
    const call = callWith('blind');
    const component = call.session.component(0, 1);
    assert.equal(
      component.handleSend(new Uint8Array(20), call.bench.nowMs),
      undefined,
      'nothing goes anywhere before',
    );
    assert.ok(!call.media(stranger, 111), 'a payload type that was not negotiated');
    assert.ok(!call.report(stranger), 'RTCP latches nothing');
    const natted = { address: '198.51.100.7', port: 20_000 };
    assert.ok(call.media(natted, 8));
    assert.deepEqual(component.handleSend(new Uint8Array(20), call.bench.nowMs), natted);
    assert.ok(!call.media(stranger));
    assert.deepEqual(component.handleSend(new Uint8Array(20), call.bench.nowMs), natted);
    const events = call.bench.eventsOf('legacy');
    assert.deepEqual(
      events.map(({ remote }) => remote),
      [natted],
    );
    assert.equal(call.session.counters.legacy, 1);
    assert.equal(call.session.protection, 'legacy');
  });

  it('blind: RTCP on its own port follows the IP address of the RTP', () => {
    const call = callWith('blind', [], false);
    const natted = { address: '198.51.100.7', port: 20_000 };
    assert.ok(!call.report(natted), 'before RTP is latched');
    assert.ok(call.media(natted));
    assert.ok(!call.report(stranger));
    assert.ok(call.report({ ...natted, port: 20_001 }));
  });

  for (const [name, line] of [
    ['an unknown version', `a=latch:2 longenoughtag1 ${secret} suites=HMAC-SHA-256`],
    ['only unknown suites', `a=latch:1 longenoughtag1 ${secret} suites=ROT-13`],
    ['a key id that nobody knows', `a=latch:1 longenoughtag1 ${secret} suites=HMAC-SHA-256 kid=unknown`],
  ] as const)
    it(`${name} is absence`, () => {
      const refused = callWith('require', [line]);
      assert.ok(!refused.verdict.accepted && refused.verdict.status === 488);
      const plain = callWith('prefer', [line]);
      assert.ok(plain.verdict.accepted);
      assert.equal(plain.session.protection, 'evidence');
      assert.ok(!plain.answer.includes('latch'));
    });

  for (const [name, line] of [
    ['a short tag', `a=latch:1 short ${secret} suites=HMAC-SHA-256`],
    ['a secret of the wrong length', `a=latch:1 longenoughtag1 ${secret}A suites=HMAC-SHA-256`],
    ['an offer without suites', `a=latch:1 longenoughtag1 ${secret}`],
    ['a parameter twice', `a=latch:1 longenoughtag1 ${secret} suites=AES-256 suites=AES-256`],
  ] as const)
    it(`malformed is an error under every policy, not absence: ${name}`, () => {
      for (const policy of ['require', 'prefer', 'legacy', 'blind'] as const) {
        const { verdict, bench } = callWith(policy, [line]);
        assert.ok(!verdict.accepted);
        assert.equal(verdict.status, 400);
        assert.equal(bench.eventsOf('rejected').length, 1);
      }
    });

  it('unknown parameters and suites beside known ones are skipped', () => {
    const line = `a=latch:1 longenoughtag1 ${secret} suites=ROT-13,AES-256 colour=blue`;
    const call = callWith('require', [line]);
    assert.ok(call.verdict.accepted);
    assert.match(call.answer, /suite=AES-256/);
  });
});

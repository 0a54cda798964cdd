// protocol.md 8.3.6: the port question.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, NEIGHBOUR, PlainVoice } from '../support/evidence-bench.js';

describe('rule 8.3.6: the port question', () => {
  it('behind no symmetric NAT the source goes on: the same address at another port of ours', () => {
    const call = new EvidenceBench();
    call.talk(2, HOME);
    call.ask();
    call.answer();
    call.talk(7, HOME);
    assert.deepEqual([call.locked, call.grounds], [HOME, ['question']]);
  });

  it('a phone that begins only at the new port is the one, at the confirmation', () => {
    const call = new EvidenceBench();
    call.ask();
    call.answer();
    call.talk(7, MOVED);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']]);
  });

  it('behind a proxy the answer does not say whom it is from: home is what the call said, and one question is enough', () => {
    const call = new EvidenceBench({ transport: 'proxy' });
    call.talk(2, HOME);
    call.ask();
    call.session.peer({ transport: 'proxy' });
    call.answer();
    call.talk(14, HOME);
    assert.deepEqual([call.locked, call.count('question'), call.grounds], [HOME, 1, ['question']]);
  });

  it('the last that the limits leave is waited for too, while the signalling is about to put it', () => {
    const call = new EvidenceBench();
    for (const source of [undefined, NEIGHBOUR]) {
      if (source) call.talk(55, { ...source, address: '192.0.2.66' }, new PlainVoice(7));
      call.ask();
      call.answer();
      call.advance(3000);
    }
    call.talk(8, HOME);
    assert.deepEqual([call.count('question'), call.locked], [3, undefined]);
    call.talk(100, HOME);
    assert.deepEqual([call.locked, call.grounds], [HOME, ['home']], 'unanswered for 2 s');
  });

  it('a stream that goes on by more than 64, or falls behind, has not moved', () => {
    for (const [ahead, isMoved] of [
      [64, true],
      [65, false],
      [-200, false],
    ] as const) {
      const call = new EvidenceBench({ ssrcs: [9] });
      call.talk(14, HOME);
      assert.equal(call.count('question'), 1);
      call.ask();
      call.answer();
      call.voice.sequence += ahead - 1;
      call.talk(10, MOVED);
      assert.deepEqual(call.locked, isMoved ? MOVED : undefined, `${ahead} ahead`);
    }
  });

  it('who goes on at the old port as well has not moved', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    call.talk(14, HOME);
    const old = call.port;
    call.ask();
    call.answer();
    for (let i = 0; i < 20; i++) {
      const bytes = call.voice.next();
      call.receive(bytes, HOME, old);
      call.receive(bytes, MOVED);
      call.advance(20);
    }
    assert.equal(call.locked, undefined);
  });

  it('counts until 500 ms after the answer, or as long after it as it took', () => {
    for (const [tookMs, laterMs, isMoved] of [
      [0, 490, true],
      [0, 520, false],
      [900, 890, true],
      [900, 920, false],
    ] as const) {
      const call = new EvidenceBench();
      call.ask();
      call.advance(tookMs);
      call.answer();
      call.advance(laterMs);
      call.talk(8, MOVED);
      assert.deepEqual(call.locked, isMoved ? MOVED : undefined, `${tookMs} ms, then ${laterMs} ms`);
    }
  });

  for (const outcome of ['refused', 'unanswered'] as const)
    it(`${outcome}: port and call are as they were, and the phone is served`, () => {
      const call = new EvidenceBench();
      call.talk(3, HOME);
      const port = call.ask();
      call.refuse(outcome);
      assert.deepEqual(
        call.bench.eventsOf('released').map((event) => event.local),
        [port.local],
      );
      call.talk(10, HOME);
      assert.deepEqual([call.locked, call.grounds], [HOME, ['home']]);
    });

  it('491: it is asked again with the same port; meanwhile home counts, and a late answer too', () => {
    const call = new EvidenceBench();
    const old = call.port;
    call.ask();
    call.refuse('pending');
    call.talk(10, HOME, call.voice, old);
    assert.deepEqual(call.grounds, ['home']);
    call.session.setLocal(call.ours(), call.nowMs, 'offer');
    call.answer();
    call.talk(10, MOVED);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['home', 'question']]);
  });

  it('no reply for 2 s: home counts, and a late answer does still', () => {
    const call = new EvidenceBench();
    const old = call.port;
    call.ask();
    call.talk(95, HOME, call.voice, old);
    assert.equal(call.locked, undefined);
    call.talk(60, HOME, call.voice, old);
    assert.deepEqual(call.grounds, ['home']);
    call.answer();
    call.talk(10, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('three a minute and ten in ten minutes a call, twenty a second in the process', () => {
    const call = new EvidenceBench();
    for (let second = 0; second < 700; second++) {
      if (call.bench.eventsOf('question').length > call.ports.length - 1) {
        call.ask();
        call.answer();
      }
      call.talk(5, { ...HOME, port: 10_000 + second }, new PlainVoice(second + 1));
      call.advance(900);
      if (second === 58) assert.equal(call.count('question'), 3);
      if (second === 598) assert.equal(call.count('question'), 10);
    }
    const first = new EvidenceBench();
    const others = Array.from({ length: 30 }, () => new EvidenceBench({ beside: first }));
    const asked = () => first.bench.eventsOf('question').length;
    assert.ok(others.length > 20);
    assert.equal(asked(), 20);
    first.advance(1001);
    assert.equal(asked(), 31);
  });

  it('several at the new port are none of them locked', () => {
    const call = new EvidenceBench();
    call.ask();
    call.answer();
    call.talkAll(8, [
      [call.voice, MOVED],
      [new PlainVoice(5), NEIGHBOUR],
    ]);
    assert.deepEqual([call.locked, call.count('question')], [undefined, 2]);
  });

  it('RTCP on a port of its own goes along', () => {
    const call = new EvidenceBench({ hasRtcp: true });
    const [oldRtcp] = call.rtcpPorts;
    call.talk(2, HOME);
    call.ask();
    call.answer();
    call.talk(8, MOVED);
    call.advance(600);
    assert.deepEqual(
      call.bench.eventsOf('released').map(({ component, local }) => [component, local]),
      [
        [2, oldRtcp?.local],
        [1, call.ports[0]?.local],
      ],
    );
    assert.deepEqual(call.rtcp.ports, [call.rtcpPorts[1]]);
  });
});

// protocol.md 8.3.6, P12: whoever sprays all ports has been at the new one, too. What `npm run odds` found that this could still do.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, NEIGHBOUR, PlainVoice, STRANGER } from '../support/evidence-bench.js';

const CANARY = { address: '203.0.113.1', port: 40_000 };

/** A call of which nobody but a stranger is heard, so that the question is put about it. */
function heardFromAStranger(isSuspect: boolean): EvidenceBench {
  const call = new EvidenceBench();
  call.ask();
  call.answer();
  call.advance(700);
  if (isSuspect) call.receive(new PlainVoice(9).next(), STRANGER, call.bench.engine.openPort(CANARY));
  call.talk(60, STRANGER);
  return call;
}

describe('rule 8.3.6: the port question, sprayed', () => {
  it('nobody is taken for the phone before it has answered', () => {
    const call = new EvidenceBench();
    call.ask();
    const neighbour = new PlainVoice(99);
    call.talk(8, NEIGHBOUR, neighbour);
    assert.equal(call.locked, undefined);
    call.advance(200);
    call.answer();
    call.talk(8, MOVED);
    assert.deepEqual([call.locked, call.deliveredFrom(NEIGHBOUR)], [MOVED, 0]);
    assert.equal(call.count('question'), 1);
  });

  it('a burst just before the answer is not locked before the phone can be there', () => {
    const call = new EvidenceBench();
    call.ask();
    call.talk(4, NEIGHBOUR, new PlainVoice(99), call.port, 1);
    call.answer();
    call.advance(20);
    call.talk(12, MOVED);
    assert.deepEqual([call.locked, call.deliveredFrom(NEIGHBOUR)], [MOVED, 0]);
  });

  it('who comes by both ports in turn is silent at none', () => {
    const call = new EvidenceBench();
    const old = call.port;
    const sprayed = new PlainVoice(99);
    call.talk(1, NEIGHBOUR, sprayed, old, 30);
    call.ask();
    call.answer();
    for (let round = 0; round < 6; round++) {
      call.talk(1, NEIGHBOUR, sprayed, call.port, 100);
      assert.equal(call.locked, undefined);
      call.talk(1, NEIGHBOUR, sprayed, old, 100);
      assert.equal(call.locked, undefined);
    }
  });

  it('strangers who spray cost no question while the phone is asked', () => {
    const call = new EvidenceBench();
    call.ask();
    call.answer();
    call.talk(20, STRANGER, new PlainVoice(99));
    assert.equal(call.count('question'), 1, 'it has only begun there, and is no phone that was asked');
    call.talk(12, MOVED);
    assert.deepEqual([call.locked, call.count('question')], [MOVED, 1]);
  });

  it('a stranger is asked about twice before it is taken', () => {
    const call = heardFromAStranger(false);
    for (const questions of [2, 3]) {
      assert.equal(call.count('question'), questions);
      call.ask();
      call.answer();
      call.talk(24, STRANGER);
      assert.equal(call.count('question'), questions, 'the phone has 500 ms to move first');
      call.talk(4, STRANGER);
    }
    assert.deepEqual([call.locked, call.grounds], [STRANGER, ['question']]);
  });

  it('one that has hit a canary never is', () => {
    const call = heardFromAStranger(true);
    assert.equal(call.count('question'), 1);
  });

  it('a suspect of the phone’s own address is asked about', () => {
    const call = new EvidenceBench();
    call.receive(call.voice.peek(), HOME, call.bench.engine.openPort(CANARY));
    for (const questions of [1, 2]) {
      assert.equal(call.count('question'), questions);
      call.ask();
      call.answer();
      call.talk(30, HOME);
    }
    assert.deepEqual([call.locked, call.grounds], [HOME, ['question']]);
  });

  it('a stream of a stranger does not go on at another IP address', () => {
    const call = heardFromAStranger(false);
    for (const address of ['192.0.2.67', '192.0.2.68', '192.0.2.69']) {
      if (call.count('question') < call.ports.length) break;
      call.ask();
      call.answer();
      call.talk(30, { ...STRANGER, address });
    }
    assert.equal(call.locked, undefined);
    assert.equal(call.count('question'), 2, 'nobody has moved');
  });
});

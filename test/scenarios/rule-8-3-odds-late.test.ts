// protocol.md 8.3.4 to 8.3.6, P12: a phone that speaks late, or only listens, beside a neighbour who sprays all ports. What `npm run odds`
// found that this could still do.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, MOVED_AGAIN, NEIGHBOUR, PlainVoice } from '../support/evidence-bench.js';

const KEEPALIVE = Uint8Array.of(13, 10, 13, 10);

/** The neighbour has sprayed the port of the question, while the phone was silent, and is locked. */
function lockedAtNeighbour(neighbour: PlainVoice): EvidenceBench {
  const call = new EvidenceBench();
  call.ask();
  call.answer();
  call.talk(10, NEIGHBOUR, neighbour);
  assert.deepEqual([call.locked, call.grounds], [NEIGHBOUR, ['question']]);
  return call;
}

describe('rule 8.3.4: phones that are late', () => {
  it('who has only begun at the port of the question is contested by the phone within 5 s, and loses', () => {
    const neighbour = new PlainVoice(99);
    const call = lockedAtNeighbour(neighbour);
    const first = call.port;
    call.talkAll(4, [
      [neighbour, NEIGHBOUR],
      [call.voice, MOVED],
    ]);
    assert.deepEqual([call.locked, call.send(), call.count('contested')], [undefined, undefined, 1]);
    assert.equal(call.count('question'), 2);
    call.ask();
    call.answer();
    call.talkAll(12, [
      [neighbour, NEIGHBOUR, first],
      [call.voice, MOVED_AGAIN],
    ]);
    assert.deepEqual(call.locked, MOVED_AGAIN);
    call.talkAll(10, [
      [new PlainVoice(100), NEIGHBOUR],
      [call.voice, MOVED_AGAIN],
    ]);
    assert.deepEqual(
      [call.locked, call.count('contested')],
      [MOVED_AGAIN, 1],
      'it has gone on there: it stays',
    );
  });

  it('who talks on to the old port contests nothing', () => {
    const call = new EvidenceBench();
    const old = call.port;
    call.ask();
    call.answer();
    call.talkAll(20, [
      [new PlainVoice(99), NEIGHBOUR, old],
      [call.voice, MOVED],
    ]);
    assert.deepEqual([call.locked, call.count('contested'), call.count('question')], [MOVED, 0, 1]);
  });

  it('sixteen who talk to the old port leave a place at the new one', () => {
    const call = new EvidenceBench();
    const old = call.port;
    const crowd = Array.from({ length: 16 }, (_, i) => {
      const source = { ...NEIGHBOUR, port: 33_000 + i };
      return [new PlainVoice(200 + i), source, old] as const;
    });
    call.talkAll(5, crowd);
    call.ask();
    call.answer();
    call.talkAll(15, [...crowd, [call.voice, MOVED]]);
    assert.deepEqual(call.locked, MOVED);
  });

  it('sixteen that have fallen silent leave the phone a place', () => {
    const call = new EvidenceBench({ canAsk: false, isConfirmed: false });
    for (let i = 0; i < 16; i++)
      call.talk(4, { ...NEIGHBOUR, port: 33_000 + i }, new PlainVoice(200 + i), call.port, 1);
    call.confirm();
    call.advance(1000);
    call.talk(20, HOME);
    assert.deepEqual(call.locked, HOME);
  });

  it('a rebinding within the 5 s is followed, and is no contest', () => {
    const call = new EvidenceBench();
    call.ask();
    call.answer();
    call.talk(10, MOVED);
    assert.deepEqual(call.locked, MOVED);
    call.talk(5, MOVED_AGAIN);
    assert.deepEqual([call.locked, call.count('contested'), call.count('question')], [MOVED_AGAIN, 0, 1]);
  });

  it('where bursts of neighbours have used up its questions, a phone is taken without one', () => {
    const call = new EvidenceBench();
    for (let i = 0; i < 3; i++) {
      assert.equal(call.count('question'), i + 1);
      call.ask();
      call.answer();
      call.advance(1200);
      call.talk(4, { ...NEIGHBOUR, port: 32_000 + i }, new PlainVoice(100 + i), call.port, 1);
    }
    call.advance(300);
    call.talk(10, HOME);
    assert.deepEqual([call.locked, call.grounds, call.count('question')], [HOME, ['home', 'home'], 3]);
  });

  it('one that only listens is found by what keeps its NAT open, and not asked', () => {
    const call = new EvidenceBench({ direction: 'recvonly' });
    for (let i = 0; i < 3; i++) {
      call.receive(KEEPALIVE, HOME);
      call.advance(i < 2 ? 500 : 60);
    }
    assert.deepEqual([call.locked, call.grounds, call.count('question')], [HOME, ['home'], 0]);
  });
});

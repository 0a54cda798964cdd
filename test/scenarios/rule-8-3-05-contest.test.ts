// protocol.md 8.3.5 and 8.3.3: two sources that may be the phone, and those that may not.
import assert from 'node:assert/strict';
import {
  EvidenceBench,
  HOME,
  MOVED,
  MOVED_AGAIN,
  NEIGHBOUR,
  PlainVoice,
  STRANGER,
} from '../support/evidence-bench.js';

describe('rule 8.3.5: a contest', () => {
  it('of two home sources is told, asked about, and nothing is sent or taken', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    assert.equal(call.count('question'), 0);
    const other = new PlainVoice(7);
    call.talkAll(5, [
      [call.voice, HOME],
      [other, NEIGHBOUR],
    ]);
    assert.deepEqual([call.count('contested'), call.count('question'), call.locked], [1, 1, undefined]);
    assert.equal(call.send(), undefined);
    assert.equal(call.bench.deliveries.length, 0);
  });

  it('is ended by who moves, though the other goes on at the old port', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    const other = new PlainVoice(7);
    const old = call.port;
    call.talkAll(5, [
      [call.voice, HOME],
      [other, NEIGHBOUR],
    ]);
    call.ask();
    call.answer();
    call.talkAll(8, [
      [call.voice, MOVED],
      [other, NEIGHBOUR, old],
    ]);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']]);
    assert.equal(call.deliveredFrom(NEIGHBOUR), 0);
  });

  it('of two that have moved is asked again, twice', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    const other = new PlainVoice(7);
    const talk = (count: number, phone: typeof HOME) =>
      call.talkAll(count, [
        [call.voice, phone],
        [other, NEIGHBOUR],
      ]);
    talk(5, HOME);
    for (let round = 1; round <= 3; round++) {
      assert.equal(call.count('question'), round);
      call.ask();
      call.answer();
      talk(8, { ...MOVED, port: MOVED.port + round });
    }
    assert.deepEqual([call.count('question'), call.locked], [3, undefined]);
  });

  it('of two announced SSRCs, or two at the address of the description, is one as well', () => {
    const call = new EvidenceBench({ ssrcs: [1, 2], isConfirmed: false });
    for (let i = 0; i < 2; i++) {
      call.talkAll(1, [
        [new PlainVoice(1, 10 + i), HOME],
        [new PlainVoice(2, 10 + i), STRANGER],
      ]);
    }
    const [one, two] = [new PlainVoice(1, 12), new PlainVoice(2, 12)];
    call.receive(one.next(), HOME);
    assert.deepEqual(call.locked, HOME, 'the first run is locked');
    call.receive(two.next(), STRANGER);
    assert.deepEqual(call.locked, HOME, 'and stays');
  });

  it('is over when one of the two has gone, where nobody can ask', () => {
    const call = new EvidenceBench({ canAsk: false });
    const other = new PlainVoice(7);
    call.talkAll(5, [
      [call.voice, HOME],
      [other, NEIGHBOUR],
    ]);
    assert.deepEqual([call.locked, call.count('contested')], [undefined, 1]);
    call.talk(20, HOME);
    assert.deepEqual(call.locked, HOME);
  });
});

describe('rule 8.3.3: who may be the phone', () => {
  it('a stranger is asked when none that may has lived for 1 s, and has to move twice', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    call.talk(49, STRANGER);
    assert.equal(call.count('question'), 0);
    call.talk(3, STRANGER);
    assert.equal(call.count('question'), 1);
    call.ask();
    call.answer();
    const first = { ...STRANGER, port: 4001 };
    call.talk(30, first);
    assert.deepEqual([call.locked, call.count('question')], [undefined, 2]);
    call.ask();
    call.answer();
    const second = { ...STRANGER, port: 4002 };
    call.talk(30, second);
    assert.deepEqual([call.locked, call.grounds], [second, ['question']]);
  });

  it('one that stays at the old port is not locked, however long it sends', () => {
    const call = new EvidenceBench({ ssrcs: [9] });
    const old = call.port;
    call.talk(55, STRANGER);
    call.ask();
    call.answer();
    call.talk(300, STRANGER, call.voice, old);
    assert.deepEqual([call.locked, call.bench.deliveries.length], [undefined, 0]);
  });

  it('strangers are in nobody’s way', () => {
    const call = new EvidenceBench();
    const strangers = [1, 2, 3].map((ssrc) => [new PlainVoice(ssrc), { ...STRANGER, port: ssrc }] as const);
    call.talkAll(5, [[call.voice, HOME], ...strangers]);
    call.ask();
    call.answer();
    call.talkAll(8, [[call.voice, MOVED_AGAIN], ...strangers]);
    assert.deepEqual([call.locked, call.count('contested')], [MOVED_AGAIN, 0]);
  });
});

// protocol.md 8.3.4: which source is taken for a phone that brings no key, and when.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, NEIGHBOUR, PlainVoice, STRANGER } from '../support/evidence-bench.js';

const DIRECT = { address: '198.51.100.7', port: 5004 };

describe('rule 8.3.4: the lock', () => {
  it('(a) an announced SSRC is locked at its first run, wherever it comes from', () => {
    const call = new EvidenceBench({ ssrcs: [0x1234] });
    assert.equal(call.talk(2, STRANGER), 0);
    assert.equal(call.locked, undefined);
    call.talk(1, STRANGER);
    assert.deepEqual([call.locked, call.grounds], [STRANGER, ['ssrc']]);
    assert.equal(call.deliveredFrom(STRANGER), 3, 'what was kept of it is delivered');
    assert.equal(call.talk(5, STRANGER), 5);
    assert.equal(call.count('question'), 0);
  });

  it('(b) the address of the description is locked 60 ms after its first run', () => {
    const call = new EvidenceBench({ signalled: DIRECT });
    call.talk(3, DIRECT, call.voice, call.port, 10);
    call.advance(49);
    assert.equal(call.locked, undefined);
    call.advance(1);
    assert.deepEqual([call.locked, call.grounds, call.count('question')], [DIRECT, ['sdp'], 0]);
  });

  it('(c) a home address is locked when its stream has moved with the question of the confirmation', () => {
    const call = new EvidenceBench();
    assert.equal(call.count('question'), 1, 'at the confirmation, without waiting for a run');
    call.talk(3, HOME);
    const old = call.port;
    call.ask();
    call.talk(1, HOME, call.voice, old);
    call.answer();
    call.talk(3, MOVED);
    assert.equal(call.locked, undefined);
    call.advance(40);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']]);
    assert.deepEqual(call.send(), MOVED);
    assert.equal(call.component.port, call.port);
    assert.equal(call.talk(2, MOVED), 2);
    call.advance(500);
    assert.equal(call.count('released'), 1);
    assert.deepEqual(call.component.ports, [call.port]);
  });

  it('nothing goes out, and nothing is taken, before the lock', () => {
    const call = new EvidenceBench();
    assert.equal(call.talk(5, HOME), 0);
    assert.equal(call.send(), undefined);
    assert.equal(call.bench.deliveries.length, 0);
  });

  it('before the confirmation only (a) and (b) lock', () => {
    const call = new EvidenceBench({ isConfirmed: false, canAsk: false });
    call.talk(50, HOME);
    assert.equal(call.locked, undefined);
    const early = new EvidenceBench({ isConfirmed: false, ssrcs: [0x1234] });
    early.talk(3, HOME);
    assert.deepEqual(early.locked, HOME);
  });

  describe('where nobody can ask, a home source', () => {
    it('is locked once it has been the only one for 60 ms', () => {
      const call = new EvidenceBench({ canAsk: false });
      call.talk(3, HOME, call.voice, call.port, 10);
      call.advance(49);
      assert.equal(call.locked, undefined);
      call.advance(1);
      assert.deepEqual([call.locked, call.grounds], [HOME, ['home']]);
    });

    it('and for 1 s, if it has sent since before the phone could know of the call', () => {
      const call = new EvidenceBench({ canAsk: false, isConfirmed: false });
      call.talk(10, HOME);
      call.confirm();
      call.talk(30, HOME);
      assert.equal(call.locked, undefined);
      call.talk(20, HOME);
      assert.deepEqual([call.locked, call.grounds], [HOME, ['home']]);
    });

    it('is contested by a second one within 5 s, and not later', () => {
      for (const [laterMs, locked] of [
        [4000, undefined],
        [5001, HOME],
      ] as const) {
        const call = new EvidenceBench({ canAsk: false });
        call.talk(10, HOME);
        assert.deepEqual(call.locked, HOME);
        call.talk(Math.ceil(laterMs / 20), HOME);
        call.talkAll(5, [
          [call.voice, HOME],
          [new PlainVoice(99), NEIGHBOUR],
        ]);
        assert.deepEqual(call.locked, locked, `${laterMs} ms`);
        assert.equal(call.count('contested'), locked ? 0 : 1);
      }
    });
  });

  it('a stranger is never locked, and told of by unheard', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(400, STRANGER);
    assert.equal(call.locked, undefined);
    assert.ok(call.count('unheard') > 0);
    assert.equal(call.bench.deliveries.length, 0);
  });
});

// protocol.md 8.3.2: who sends to ports that nobody has told is suspect.
import assert from 'node:assert/strict';
import { Suspects } from '../../lib/core/suspects.js';
import type { Port } from '../../lib/core/index.js';
import {
  EvidenceBench,
  HOME,
  MOVED,
  MOVED_AGAIN,
  NEIGHBOUR,
  PlainVoice,
  SERVER,
} from '../support/evidence-bench.js';

const CANARY = { ...SERVER, port: 41_000 };

describe('rule 8.3.2: suspects', () => {
  it('a source that has hit a canary is not locked, but by two port questions', () => {
    const call = new EvidenceBench({ canAsk: false });
    const canary = call.bench.engine.openPort(CANARY);
    call.receive(new PlainVoice(5).next(), NEIGHBOUR, canary);
    assert.equal(canary.hitMs, call.nowMs);
    call.talk(60, NEIGHBOUR, new PlainVoice(6));
    assert.equal(call.locked, undefined);
  });

  it('nor is its SSRC from its IP address, wherever it sends from', () => {
    const call = new EvidenceBench({ canAsk: false });
    const canary = call.bench.engine.openPort(CANARY);
    call.receive(new PlainVoice(5).next(), NEIGHBOUR, canary);
    call.talk(60, { ...NEIGHBOUR, port: 31_001 }, new PlainVoice(5));
    assert.equal(call.locked, undefined);
  });

  it('it does not contest the phone, before its lock and after', () => {
    const call = new EvidenceBench({ canAsk: false });
    const canary = call.bench.engine.openPort(CANARY);
    const spray = new PlainVoice(5);
    call.receive(spray.next(), NEIGHBOUR, canary);
    call.talkAll(20, [
      [call.voice, HOME],
      [spray, NEIGHBOUR],
    ]);
    assert.deepEqual([call.locked, call.count('contested')], [HOME, 0]);
  });

  it('for 60 s from its last such packet', () => {
    const call = new EvidenceBench({ canAsk: false });
    const canary = call.bench.engine.openPort(CANARY);
    const spray = new PlainVoice(5);
    call.receive(spray.next(), NEIGHBOUR, canary);
    call.advance(60_001);
    call.talk(60, NEIGHBOUR, spray);
    assert.deepEqual(call.locked, NEIGHBOUR);
  });

  it('who sends to the port of a question before it is told is one', () => {
    const call = new EvidenceBench();
    const next = call.bench.engine.openPort({ ...SERVER, port: SERVER.port + 2 });
    const spray = new PlainVoice(5);
    call.receive(spray.next(), NEIGHBOUR, next);
    call.component.addPort(next, call.nowMs);
    call.receive(spray.next(), NEIGHBOUR, next);
    call.ports.push(next);
    call.session.setLocal(call.ours(), call.nowMs, 'offer');
    call.answer();
    call.talkAll(10, [
      [call.voice, MOVED],
      [spray, NEIGHBOUR],
    ]);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']], 'it is in nobody’s way');
  });

  it('a phone’s own port of the last minute does not count', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(20, HOME);
    assert.deepEqual(call.locked, HOME);
    call.session.close(call.nowMs);
    call.receive(call.voice.next(), HOME, call.port);
    const next = new EvidenceBench({ canAsk: false, beside: call });
    next.talk(20, HOME, new PlainVoice(0x1234, 500));
    assert.deepEqual(next.locked, HOME, 'what was late to the call before makes no suspect');
  });

  it('an honest lock is never touched by it', () => {
    const call = new EvidenceBench({ canAsk: false });
    const canary = call.bench.engine.openPort(CANARY);
    call.talk(20, HOME);
    call.receive(new PlainVoice(call.voice.ssrc).next(), HOME, canary);
    assert.equal(call.talk(20, HOME), 20);
  });

  /** A phone that was asked, and is at the next port. */
  function moved(): { readonly call: EvidenceBench; readonly old: Port } {
    const call = new EvidenceBench();
    const old = call.port;
    call.talk(2, HOME);
    call.ask();
    call.answer();
    call.talk(40, MOVED);
    assert.deepEqual([call.locked, call.grounds, call.count('released')], [MOVED, ['question'], 1]);
    return { call, old };
  }

  it('what is late to the port that a phone has left with a question does not count, and it is followed as before', () => {
    for (const source of [HOME, MOVED]) {
      const { call, old } = moved();
      call.receive(call.voice.peek(), source, old);
      call.talk(20, MOVED_AGAIN);
      assert.deepEqual(call.locked, MOVED_AGAIN);
      assert.equal(call.count('question'), 1);
    }
  });

  it('nor does what is late to the port of a question that it has refused', () => {
    const call = new EvidenceBench();
    call.talk(2, HOME);
    const next = call.ask();
    call.refuse();
    call.talk(10, HOME);
    assert.deepEqual(call.grounds, ['home']);
    call.receive(call.voice.peek(), HOME, next);
    call.talk(20, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('a phone that has hit a canary keeps its lock; where its NAT rebinds within the minute two port questions find it', () => {
    const { call } = moved();
    const canary = call.bench.engine.openPort(CANARY);
    call.receive(call.voice.peek(), MOVED, canary);
    assert.equal(call.talk(20, MOVED), 20, 'its lock');
    const reboundMs = call.nowMs;
    for (let asked = 1; call.locked?.port === MOVED.port && call.nowMs < reboundMs + 5000;) {
      if (call.count('question') > asked) {
        call.ask();
        call.answer();
        asked++;
      }
      call.talk(5, { ...MOVED_AGAIN, port: MOVED_AGAIN.port + asked });
    }
    assert.deepEqual([call.grounds, call.count('question')], [['question', 'question'], 3]);
    assert.ok(call.nowMs < reboundMs + 2500);
  });

  it('4,096 of each are remembered, and the oldest goes', () => {
    const suspects = new Suspects();
    const at = (port: number) => ({ address: '192.0.2.1', port });
    for (let port = 1; port <= 4097; port++) suspects.noteHit(SERVER, at(port), port, port);
    assert.equal(suspects.size, 2 * 4096);
    assert.deepEqual(
      [1, 2, 4097].map((port) => suspects.has(at(port), undefined, 4097)),
      [false, true, true],
    );
  });
});

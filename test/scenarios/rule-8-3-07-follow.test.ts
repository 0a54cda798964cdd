// protocol.md 8.3.7: a stream that goes on from elsewhere is followed; who copies it is not.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, PlainVoice, STRANGER } from '../support/evidence-bench.js';

/** A phone that has talked for a while, and is locked. */
function talking(voice?: Partial<PlainVoice>): EvidenceBench {
  const call = new EvidenceBench({ canAsk: false });
  Object.assign(call.voice, voice);
  call.talk(300, HOME);
  assert.deepEqual(call.locked, HOME);
  return call;
}

describe('rule 8.3.7: follow', () => {
  it('a rebinding costs three packet times, and nothing is lost', () => {
    const call = talking();
    const sent = [call.send(), call.send()];
    assert.deepEqual(sent, [HOME, HOME]);
    const before = call.deliveredFrom(MOVED);
    assert.equal(call.talk(3, MOVED), 0);
    assert.equal(call.send() === undefined, false);
    assert.equal(call.talk(1, MOVED), 1, 'from 60 ms on, with three packets');
    assert.deepEqual(call.locked, MOVED);
    assert.equal(call.deliveredFrom(MOVED) - before, 3);
    const [event] = call.bench.eventsOf('rebound');
    assert.ok(event?.type === 'rebound' && event.protection === 'evidence');
    assert.deepEqual([event.previous, event.remote], [HOME, MOVED]);
  });

  it('what went to the old source meanwhile goes again to the new one', () => {
    const call = talking();
    call.talk(1, MOVED);
    for (let i = 0; i < 3; i++) assert.deepEqual(call.send(), HOME);
    call.talk(3, MOVED);
    assert.equal(call.bench.sentTo(MOVED).length, 3);
    assert.equal(call.component.counters.resent, 3);
  });

  it('where it goes on late: one number for each packet time of the silence', () => {
    for (const [ahead, isFollowed] of [
      [165, true],
      [166, false],
    ] as const) {
      const call = talking();
      call.advance(2000);
      call.voice.sequence += ahead - 1;
      call.voice.timestamp += 16_000;
      call.talk(5, MOVED);
      assert.deepEqual(call.locked, isFollowed ? MOVED : HOME, `${ahead} ahead`);
    }
  });

  it('with timestamps that have risen by no more than the time and a second, telephone events excepted', () => {
    for (const [risen, payloadType, isFollowed] of [
      [8000, 0, true],
      [8400, 0, false],
      [90_000, 101, true],
    ] as const) {
      const call = talking();
      call.voice.timestamp += risen - 160;
      call.voice.payloadType = payloadType;
      if (payloadType === 101) call.voice.step = 0;
      call.talk(5, MOVED);
      assert.deepEqual(call.locked, isFollowed ? MOVED : HOME, `${risen} of ${payloadType}`);
    }
  });

  for (const [name, change] of [
    ['another SSRC', (voice: PlainVoice) => new PlainVoice(voice.ssrc + 1, voice.sequence, voice.timestamp)],
    [
      'a number behind',
      (voice: PlainVoice) => new PlainVoice(voice.ssrc, voice.sequence - 200, voice.timestamp),
    ],
    [
      'a number far ahead',
      (voice: PlainVoice) => new PlainVoice(voice.ssrc, voice.sequence + 70, voice.timestamp),
    ],
    [
      'a timestamp behind',
      (voice: PlainVoice) => new PlainVoice(voice.ssrc, voice.sequence, voice.timestamp - 50_000),
    ],
  ] as const)
    it(`not with ${name}`, () => {
      const call = talking();
      call.talk(20, STRANGER, change(call.voice));
      assert.deepEqual([call.locked, call.deliveredFrom(STRANGER), call.count('conflict')], [HOME, 0, 0]);
    });

  it('nor with a payload type that is not of the call', () => {
    const call = talking();
    call.voice.payloadType = 96;
    call.talk(20, STRANGER);
    assert.deepEqual(call.locked, HOME);
  });

  it('who copies each packet is a conflict while the phone goes on, told once a second, and gets nothing', () => {
    const call = talking();
    for (let i = 0; i < 100; i++) {
      const bytes = call.voice.next();
      call.receive(bytes, i % 2 === 0 ? HOME : STRANGER);
      call.receive(bytes, i % 2 === 0 ? STRANGER : HOME);
      assert.deepEqual(call.send(), HOME);
      call.advance(20);
    }
    assert.deepEqual([call.locked, call.deliveredFrom(STRANGER)], [HOME, 0]);
    assert.ok(call.count('conflict') >= 1 && call.count('conflict') <= 3);
  });

  it('and for 60 s after that the wait is 200 ms', () => {
    const call = talking();
    call.receive(call.voice.peek(), STRANGER);
    call.talk(3, HOME);
    assert.equal(call.count('conflict'), 1);
    call.talk(9, MOVED);
    assert.deepEqual(call.locked, HOME);
    call.talk(3, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('of two that both go on neither is followed', () => {
    const call = talking();
    for (let i = 0; i < 20; i++) {
      const bytes = call.voice.next();
      call.receive(bytes, MOVED);
      call.receive(bytes, STRANGER);
      call.advance(20);
    }
    assert.deepEqual(call.locked, HOME);
    assert.ok(call.count('conflict') > 0);
  });

  it('a source that was left takes the stream back when it speaks within 30 s, and not after', () => {
    for (const [laterMs, isBack] of [
      [20_000, true],
      [30_100, false],
    ] as const) {
      const call = talking();
      call.talk(10, STRANGER);
      assert.deepEqual(call.locked, STRANGER, 'whoever goes on alone is followed');
      call.talk(laterMs / 20, STRANGER);
      call.talk(1, HOME);
      assert.deepEqual(call.locked, isBack ? HOME : STRANGER, `${laterMs} ms`);
      assert.equal(call.count('conflict'), isBack ? 1 : 0);
    }
  });

  it('what is late from the source before is taken for 5 s', () => {
    const call = talking();
    const late = call.voice.next();
    call.talk(10, MOVED);
    assert.deepEqual(call.locked, MOVED);
    assert.equal(call.receive(late, HOME), true);
    assert.deepEqual([call.locked, call.count('conflict')], [MOVED, 0]);
    call.talk(260, MOVED);
    assert.equal(call.receive(late, HOME), false);
  });

  it('a new SSRC from the locked source is the stream after a run; from elsewhere never', () => {
    const call = talking();
    const fresh = new PlainVoice(0x9999, 7, 7);
    assert.equal(call.talk(10, HOME, fresh), 10);
    call.talk(5, MOVED, fresh);
    assert.deepEqual(call.locked, MOVED);
    call.talk(20, STRANGER, new PlainVoice(0x8888, 7, 7));
    assert.deepEqual(call.locked, MOVED);
  });

  it('bears DTX: the phone is silent, rebinds, and goes on', () => {
    const call = talking();
    call.advance(4000);
    call.voice.timestamp += 32_000;
    call.talk(5, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('bears a sequence that begins anew at the locked source', () => {
    const call = talking();
    call.voice.sequence = 3;
    call.voice.timestamp = 99;
    assert.equal(call.talk(5, HOME), 5);
    call.talk(5, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('with packets of many a timestamp, as of video', () => {
    const call = talking({ step: 0 });
    for (let i = 0; i < 5; i++) call.receive(call.voice.next(), MOVED);
    call.advance(70);
    call.receive(call.voice.next(), MOVED);
    assert.deepEqual(call.locked, MOVED);
  });
});

// protocol.md 7: the policy `legacy` takes the first source where no evidence can be had, and only there.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, PlainVoice, SERVER, STRANGER } from '../support/evidence-bench.js';

/** Nobody who may be the phone has spoken; a stranger has, and was taken. */
function latched(): { readonly call: EvidenceBench; readonly stranger: PlainVoice } {
  const call = new EvidenceBench({ policy: 'legacy', canAsk: false });
  const stranger = new PlainVoice(0xbad);
  call.talk(110, STRANGER, stranger);
  assert.deepEqual([call.locked, call.session.protection], [STRANGER, 'legacy']);
  return { call, stranger };
}

describe('rule 7: the policy legacy', () => {
  it('takes no source that has sprayed ports, for as long as that is remembered', () => {
    const call = new EvidenceBench({ policy: 'legacy', canAsk: false });
    const canary = call.bench.engine.openPort({ ...SERVER, port: 41_000 });
    const sprayer = new PlainVoice(0xbad);
    call.receive(sprayer.next(), STRANGER, canary);
    call.talk(200, STRANGER, sprayer);
    assert.deepEqual([call.locked, call.count('legacy')], [undefined, 0]);
    call.talk(20, { ...STRANGER, address: '192.0.2.99' }, new PlainVoice(0x900d));
    assert.deepEqual([call.locked?.address, call.count('legacy')], ['192.0.2.99', 1]);
  });

  it('what was taken without evidence gives way to a phone that has some, as soon as it speaks', () => {
    const { call, stranger } = latched();
    for (let i = 0; i < 10; i++) {
      call.receive(call.voice.next(), HOME);
      call.talk(1, STRANGER, stranger);
    }
    assert.deepEqual([call.locked, call.grounds, call.session.protection], [HOME, ['home'], 'evidence']);
    assert.deepEqual(call.send(), HOME);
    assert.equal(call.talk(5, STRANGER, stranger), 0);
  });

  it('by the port question, where that can be put: not to one that does not move', () => {
    for (const moves of [true, false]) {
      const call = new EvidenceBench({ policy: 'legacy' });
      const stranger = new PlainVoice(0xbad);
      call.ask();
      call.answer();
      const old = call.port;
      call.advance(2500);
      call.talk(5, STRANGER, stranger);
      assert.deepEqual([call.locked, call.session.protection], [STRANGER, 'legacy']);
      // It was asked about as well, and stays where it is.
      call.ask();
      call.answer();
      call.talk(60, STRANGER, stranger, old);
      assert.deepEqual([call.locked, call.count('question')], [STRANGER, 2]);
      call.talk(5, HOME, call.voice, old);
      assert.deepEqual([call.locked, call.count('question')], [STRANGER, 3]);
      call.ask();
      call.answer();
      call.talk(10, HOME, call.voice, moves ? call.port : old);
      assert.deepEqual([call.locked, call.grounds], moves ? [HOME, ['question']] : [STRANGER, []]);
      assert.equal(call.session.protection, moves ? 'evidence' : 'legacy');
    }
  });

  it('is not contested by strangers, and followed by nobody but its own stream', () => {
    const { call, stranger } = latched();
    call.talkAll(50, [
      [stranger, STRANGER],
      [new PlainVoice(7), { ...STRANGER, port: 1 }],
    ]);
    assert.deepEqual([call.locked, call.count('contested')], [STRANGER, 0]);
    call.talk(5, { ...STRANGER, port: 2 }, stranger);
    assert.deepEqual([call.locked, call.session.protection], [{ ...STRANGER, port: 2 }, 'legacy']);
  });

  it('of two that may be the phone neither is taken, and what was taken before has the call no more', () => {
    const { call } = latched();
    call.talkAll(10, [
      [call.voice, HOME],
      [new PlainVoice(7), MOVED],
    ]);
    assert.deepEqual([call.locked, call.count('contested')], [undefined, 1]);
    assert.equal(call.send(), undefined);
  });
});

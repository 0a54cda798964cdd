// protocol.md 8.3.8: silence frees nothing, and a peer that says that it has moved is asked.
import assert from 'node:assert/strict';
import {
  EvidenceBench,
  HOME,
  MOVED,
  NEIGHBOUR,
  PlainVoice,
  PRIVATE,
  SERVER,
  STRANGER,
} from '../support/evidence-bench.js';

function locked(options: ConstructorParameters<typeof EvidenceBench>[0] = {}): EvidenceBench {
  const call = new EvidenceBench({ ssrcs: [0x1234], ...options });
  call.talk(300, HOME);
  assert.deepEqual(call.locked, HOME);
  return call;
}

/** The phone's re-offer arrives, from there. */
function reoffer(
  call: EvidenceBench,
  changes: Parameters<EvidenceBench['theirs']>[0],
  from = HOME.address,
): readonly number[] {
  call.session.peer({ address: from, transport: 'tls' });
  call.session.setRemote(call.theirs(changes), call.nowMs, 'offer');
  return call.session.portsWanted;
}

function answer(call: EvidenceBench): void {
  call.session.setLocal(call.ours(), call.nowMs, 'answer');
  call.bench.drain();
}

/** It tells another port of ours. */
function answerWithPort(call: EvidenceBench): void {
  const port = call.bench.engine.openPort({ ...SERVER, port: SERVER.port + 10 });
  call.component.addPort(port, call.nowMs);
  call.ports.push(port);
  answer(call);
}

describe('rule 8.3.8: re-offer', () => {
  it('silence frees nothing: another that may is asked after 500 ms of it, and not locked without', () => {
    const call = locked();
    call.talk(20, NEIGHBOUR, new PlainVoice(5));
    assert.equal(call.count('question'), 0);
    call.talk(10, NEIGHBOUR, new PlainVoice(5, 900));
    assert.deepEqual([call.count('question'), call.locked], [1, HOME]);
    assert.equal(call.deliveredFrom(NEIGHBOUR), 0);
  });

  it('and has the call once it has moved', () => {
    const call = locked();
    const other = new PlainVoice(5);
    call.talk(30, NEIGHBOUR, other);
    call.ask();
    call.answer();
    call.talk(10, MOVED, other);
    assert.deepEqual([call.locked, call.grounds.at(-1)], [MOVED, 'question']);
  });

  it('of a stream that goes on elsewhere after a silence 8.3.7 decides, and nobody is asked', () => {
    const call = locked();
    call.advance(600);
    call.talk(5, MOVED);
    assert.deepEqual([call.count('question'), call.locked], [0, MOVED]);
  });

  it('the address of a newer description takes over when the locked source has been silent for 60 ms', () => {
    const call = locked();
    const direct = { address: HOME.address, port: 7000 };
    reoffer(call, { signalled: direct });
    answer(call);
    call.talkAll(10, [
      [call.voice, HOME],
      [new PlainVoice(5), direct],
    ]);
    assert.deepEqual(call.locked, HOME, 'not while it speaks');
    call.talk(8, direct, new PlainVoice(5, 500));
    assert.deepEqual([call.locked, call.grounds.at(-1)], [direct, 'sdp']);
  });

  it('where the address in the description or the signalling’s source changed, our answer should tell another port', () => {
    assert.deepEqual(reoffer(locked(), { signalled: { address: '10.9.9.9', port: 5004 } }), [0]);
    assert.deepEqual(reoffer(locked(), {}, STRANGER.address), [0]);
    assert.deepEqual(reoffer(locked(), {}), []);
    assert.deepEqual(reoffer(locked(), { direction: 'sendonly' }), [], 'a hold is no change');
    assert.deepEqual(
      reoffer(locked(), { signalled: { ...PRIVATE, address: '0.0.0.0' } }),
      [],
      'nor is 0.0.0.0',
    );
  });

  it('a home source that begins there is locked; the old lock holds until then', () => {
    const call = locked();
    reoffer(call, { signalled: { address: '10.9.9.9', port: 5004 }, ssrcs: [] });
    answerWithPort(call);
    const [old] = call.ports;
    assert.equal(call.talk(5, HOME, call.voice, old), 5);
    assert.equal(call.count('question'), 0);
    const gateway = new PlainVoice(77);
    call.talk(8, MOVED, gateway);
    assert.deepEqual([call.locked, call.grounds.at(-1)], [MOVED, 'question']);
    call.advance(600);
    assert.deepEqual(call.component.ports, [call.port]);
  });

  it('and stays where there is no new port', () => {
    const call = locked();
    reoffer(call, { signalled: { address: '10.9.9.9', port: 5004 } });
    answer(call);
    assert.equal(call.talk(5, HOME), 5);
    assert.deepEqual(call.locked, HOME);
  });

  it('three a minute at most', () => {
    const call = locked();
    const wanted = [1, 2, 3, 4].map((n) => {
      const wants = reoffer(call, { signalled: { address: '10.9.9.9', port: 5000 + n } });
      const port = call.bench.engine.openPort({ ...SERVER, port: SERVER.port + 20 + 2 * n });
      if (wants.length > 0) {
        call.component.addPort(port, call.nowMs);
        call.ports.push(port);
      }
      answer(call);
      call.talk(10, { ...HOME, port: 20_100 + n });
      call.advance(600);
      return wants.length;
    });
    assert.deepEqual(wanted, [1, 1, 1, 0]);
  });
});

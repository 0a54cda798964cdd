// protocol.md 8.3.1: what a run is. Honest phones have one in all that they do; strays and probes have none.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, PlainVoice } from '../support/evidence-bench.js';

/** One whose SSRC is announced is locked at its first run: so the lock shows the run. */
const announced = () => new EvidenceBench({ ssrcs: [0x1234] });

const isLocked = (call: EvidenceBench) => call.locked !== undefined;

describe('rule 8.3.1: a run', () => {
  it('is three packets in a row', () => {
    const call = announced();
    assert.deepEqual(
      [1, 2, 3].map(() => {
        call.talk(1, HOME);
        return isLocked(call);
      }),
      [false, false, true],
    );
  });

  it('skips duplicates: redundancy makes none', () => {
    const call = announced();
    for (let i = 0; i < 8; i++) call.receive(call.voice.peek(), HOME);
    assert.equal(isLocked(call), false);
    call.talk(3, HOME);
    assert.equal(isLocked(call), true);
  });

  it('bears loss of up to 15 packets between two, and no more', () => {
    for (const [step, expected] of [
      [16, true],
      [17, false],
    ] as const) {
      const call = announced();
      for (let i = 0; i < 3; i++) {
        call.receive(call.voice.peek(), HOME);
        call.voice.sequence += step;
        call.voice.timestamp += 160 * step;
        call.advance(20);
      }
      assert.equal(isLocked(call), expected, `rising by ${step}`);
    }
  });

  it('bears late packets: they neither count nor begin anew', () => {
    const call = announced();
    const packets = [0, 1, 2, 3, 4].map(() => call.voice.next());
    for (const at of [1, 0, 3, 2]) call.receive(packets[at]!, HOME);
    assert.equal(isLocked(call), false);
    call.receive(packets[4]!, HOME);
    assert.equal(isLocked(call), true);
  });

  it('wraps around with its sequence numbers and timestamps', () => {
    const call = announced();
    call.voice.sequence = 0xffff;
    call.voice.timestamp = 0xffff_ff80;
    call.talk(3, HOME);
    assert.equal(isLocked(call), true);
  });

  it('has pauses of up to 500 ms', () => {
    for (const [everyMs, expected] of [
      [500, true],
      [501, false],
    ] as const) {
      const call = announced();
      call.talk(3, HOME, call.voice, call.port, everyMs);
      assert.equal(isLocked(call), expected, `${everyMs} ms`);
    }
  });

  it('has timestamps that may stand still, as telephone events do, and do not fall', () => {
    for (const [step, expected] of [
      [0, true],
      [-1, false],
    ] as const) {
      const call = announced();
      call.voice.step = step;
      call.voice.payloadType = 101;
      call.talk(3, HOME);
      assert.equal(isLocked(call), expected, `rising by ${step}`);
    }
  });

  it('has payload types of either description, and comfort noise', () => {
    for (const [payloadType, expected] of [
      [0, true],
      [8, true],
      [101, true],
      [13, true],
      [96, false],
    ] as const) {
      const call = announced();
      call.voice.payloadType = payloadType;
      call.talk(5, HOME);
      assert.equal(isLocked(call), expected, `payload type ${payloadType}`);
    }
  });

  for (const packetMs of [10, 30, 60])
    it(`lives for five packet times: ${packetMs} ms packets`, () => {
      const call = new EvidenceBench({ canAsk: false });
      call.voice.step = 8 * packetMs;
      call.talk(20, HOME, call.voice, call.port, packetMs);
      assert.deepEqual(call.locked, HOME);
    });

  it('of a peer that may be silent is three datagrams of any kind from home, 500 ms to 60 s apart', () => {
    const call = new EvidenceBench({ direction: 'recvonly', canAsk: false });
    const keepalive = Uint8Array.of(0);
    call.receive(keepalive, HOME);
    call.advance(250);
    call.receive(keepalive, HOME);
    call.advance(249);
    call.receive(keepalive, HOME);
    call.advance(100);
    assert.equal(call.locked, undefined, '499 ms');
    call.advance(15_000);
    call.receive(keepalive, HOME);
    call.advance(61);
    assert.deepEqual([call.locked, call.grounds], [HOME, ['home']]);
    assert.deepEqual(call.send(), HOME);
  });

  it('keepalives of RFC 6263 from home do not make one where media is expected', () => {
    const call = new EvidenceBench({ canAsk: false });
    for (let i = 0; i < 5; i++) {
      call.receive(Uint8Array.of(0), HOME);
      call.advance(1000);
    }
    assert.equal(call.locked, undefined);
  });

  it('several of one source are one, and all its streams are locked with it', () => {
    const call = new EvidenceBench({ canAsk: false });
    const second = new PlainVoice(77, 9000, 5);
    call.talkAll(8, [
      [call.voice, HOME],
      [second, HOME],
    ]);
    assert.equal(call.count('contested'), 0);
    assert.deepEqual(call.locked, HOME);
    assert.equal(call.receive(second.next(), HOME), true);
  });
});

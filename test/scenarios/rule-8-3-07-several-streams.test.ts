// protocol.md 8.3 for a phone that sends several streams of one section: retransmissions under an SSRC of their own (RFC 4588), with sequence numbers of their
// own and the timestamps of what they repeat; and simulcast, of which streams start and stop. What is locked is the source with all of them.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, NEIGHBOUR, PlainVoice, STRANGER } from '../support/evidence-bench.js';
import { makeRtp } from '../support/media.js';

const FRAME_MS = 33;
const MEDIA_TYPE = 96;
const RTX_TYPE = 97;
/** Off the home network, as after a change from wireless LAN to mobile. */
const AWAY = { address: '192.0.2.200', port: 9000 };

interface Packet {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
}

/** One layer of video: frames of three packets, and what was lost of them again. */
class Layer {
  sequence: number;
  timestamp = 90_000;
  rtxSequence: number;
  readonly sent: Packet[] = [];

  constructor(
    readonly ssrc: number,
    readonly rtxSsrc = ssrc + 0x100,
    sequence = 1000,
  ) {
    this.sequence = sequence;
    this.rtxSequence = sequence + 20_000;
  }

  frame(): Uint8Array[] {
    this.timestamp += 3000;
    return Array.from({ length: 3 }, () => {
      const { ssrc, timestamp } = this;
      const packet = { ssrc, timestamp, sequence: this.sequence++ & 0xffff };
      this.sent.push(packet);
      return makeRtp({ ...packet, payloadType: MEDIA_TYPE });
    });
  }

  /** The packet that was sent so many ago, again. */
  again(ago: number): Uint8Array {
    const { timestamp } = this.sent.at(-ago)!;
    const sequence = this.rtxSequence++ & 0xffff;
    return makeRtp({ ssrc: this.rtxSsrc, sequence, timestamp, payloadType: RTX_TYPE });
  }
}

/** A frame of each. Gives how many of its packets were taken at once. */
function showFrame(call: EvidenceBench, layers: readonly Layer[], source: typeof HOME): number {
  const packets = layers.flatMap((layer) => layer.frame());
  return packets.filter((packet) => call.receive(packet, source)).length;
}

function play(call: EvidenceBench, frames: number, layers: readonly Layer[], source: typeof HOME): number {
  let taken = 0;
  for (let i = 0; i < frames; i++) {
    taken += showFrame(call, layers, source);
    call.advance(FRAME_MS);
  }
  return taken;
}

/** A phone with video that is locked, and past the time in which a neighbour contests that. */
function seen(layers: readonly Layer[], ssrcs: readonly number[] = []): EvidenceBench {
  const call = new EvidenceBench({ isVideo: true, canAsk: false, ssrcs });
  play(call, 200, layers, HOME);
  assert.deepEqual([call.locked, call.count('contested')], [HOME, 0]);
  return call;
}

describe('rule 8.3: retransmissions under an SSRC of their own', () => {
  it('are of the locked source, whatever order their timestamps have, and no contest', () => {
    const layer = new Layer(1);
    const call = new EvidenceBench({ isVideo: true, canAsk: false });
    for (let i = 0; i < 60; i++) {
      for (const packet of layer.frame()) call.receive(packet, HOME);
      for (const ago of [1, 3, 2]) call.receive(layer.again(ago), HOME);
      call.advance(FRAME_MS);
    }
    assert.deepEqual([call.locked, call.count('locked'), call.count('contested')], [HOME, 1, 0]);
    assert.equal(call.receive(layer.again(3), HOME), true);
  });

  it('alone do not make another of the phone: it moves with a port question by its video', () => {
    const layer = new Layer(1);
    const call = new EvidenceBench({ isVideo: true });
    play(call, 3, [layer], HOME);
    assert.equal(call.count('question'), 1);
    call.ask();
    call.answer();
    call.receive(layer.again(2), MOVED);
    call.receive(layer.again(1), MOVED);
    play(call, 8, [layer], MOVED);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']]);
    assert.ok(call.deliveredFrom(MOVED) > 0);
  });

  it('a rebinding is followed, with all that was sent meanwhile, and those too', () => {
    for (const to of [MOVED, AWAY]) {
      const layer = new Layer(1);
      const call = seen([layer]);
      for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
      call.advance(FRAME_MS);
      const before = call.deliveredFrom(to);
      call.receive(layer.frame()[0]!, to);
      call.receive(layer.again(2), to);
      call.advance(FRAME_MS);
      const taken = play(call, 3, [layer], to);
      assert.deepEqual([call.locked, call.count('conflict')], [to, 0]);
      assert.equal(call.deliveredFrom(to) - before + taken, 1 + 1 + 9);
    }
  });

  it('what begins with one of them is followed as well, though strangers fill the places', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
    call.advance(FRAME_MS);
    // An older packet again: its timestamp falls, so that nothing says whose it is.
    call.receive(layer.again(90), AWAY);
    call.receive(layer.frame()[0]!, AWAY);
    for (let port = 1; port <= 18; port++)
      for (let i = 0; i < 3; i++) call.receive(new PlainVoice(port, i).next(), { ...STRANGER, port });
    call.advance(2 * FRAME_MS);
    for (const packet of layer.frame()) call.receive(packet, AWAY);
    assert.deepEqual(call.locked, AWAY);
  });

  it('one that is late at the source before, of which the new one has sent none yet, is no conflict', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
    const late = [layer.again(3), layer.again(2)];
    call.advance(FRAME_MS);
    play(call, 2, [layer], MOVED);
    assert.equal(call.receive(late[0]!, HOME), true, 'while the candidate is on trial');
    play(call, 3, [layer], MOVED);
    assert.deepEqual(call.locked, MOVED);
    assert.equal(call.receive(late[1]!, HOME), true, 'and after it');
    play(call, 30, [layer], MOVED);
    assert.deepEqual([call.locked, call.count('conflict'), call.count('rebound')], [MOVED, 0, 1]);
  });

  it('one who guesses at their numbers after a long pause is not followed: the phone has sent all the time', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
    play(call, 900, [layer], HOME);
    const guess = new Layer(2, layer.rtxSsrc);
    guess.rtxSequence = layer.rtxSequence + 2000;
    guess.sent.push(layer.sent.at(-1)!);
    for (let i = 0; i < 5; i++) call.receive(guess.again(1), STRANGER);
    call.advance(70);
    for (let i = 0; i < 5; i++) call.receive(guess.again(1), STRANGER);
    assert.deepEqual([call.locked, call.count('conflict')], [HOME, 0]);
    assert.equal(call.receive(layer.again(1), HOME), true);
  });

  it('who goes on with them while the phone sends its video is a conflict, and gets nothing', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
    for (let i = 0; i < 30; i++) {
      call.receive(layer.again(1), STRANGER);
      for (const packet of layer.frame()) call.receive(packet, HOME);
      call.advance(FRAME_MS);
    }
    assert.deepEqual([call.locked, call.deliveredFrom(STRANGER)], [HOME, 0]);
    assert.ok(call.count('conflict') >= 1);
  });

  it('a phone takes its streams back with whichever of them it speaks first', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    for (const ago of [3, 2, 1]) call.receive(layer.again(ago), HOME);
    call.advance(FRAME_MS);
    const thief = new Layer(1, 0x99, layer.sequence);
    thief.timestamp = layer.timestamp;
    play(call, 10, [thief], STRANGER);
    assert.deepEqual(call.locked, STRANGER, 'who alone goes on with what it has read is followed');
    play(call, 30, [thief], STRANGER);
    assert.equal(call.receive(layer.again(1), HOME), true);
    assert.deepEqual([call.locked, call.count('conflict')], [HOME, 1]);
  });

  it('another SSRC at the address that was left is nobody’s, and the phone can still take its streams back', () => {
    const layer = new Layer(1);
    const call = seen([layer]);
    const thief = new Layer(1, 0x99, layer.sequence);
    thief.timestamp = layer.timestamp;
    play(call, 10, [thief], STRANGER);
    assert.deepEqual(call.locked, STRANGER);
    call.receive(makeRtp({ ssrc: 0x77, sequence: 1, timestamp: 1, payloadType: MEDIA_TYPE }), HOME);
    assert.deepEqual(call.locked, STRANGER);
    layer.sequence += 60;
    layer.timestamp += 60_000;
    assert.equal(play(call, 2, [layer], HOME), 6);
    assert.deepEqual(call.locked, HOME);
  });
});

describe('rule 8.3: simulcast', () => {
  const layers = (): Layer[] => [new Layer(1), new Layer(2, 0x102, 40_000), new Layer(3, 0x103, 65_500)];

  it('is one source from the start: one lock, and layers that start and stop change nothing', () => {
    const [low, middle, high] = layers() as [Layer, Layer, Layer];
    const call = new EvidenceBench({ isVideo: true, canAsk: false, ssrcs: [1, 2, 3] });
    play(call, 10, [low], HOME);
    play(call, 50, [low, middle, high], HOME);
    play(call, 50, [high], HOME);
    assert.equal(play(call, 50, [middle, low], HOME), 300);
    assert.deepEqual([call.locked, call.grounds, call.count('contested')], [HOME, ['ssrc'], 0]);
    assert.equal(call.count('conflict'), 0);
  });

  it('a rebinding is followed by whichever layers go on, one that has paused among them', () => {
    for (const going of [[0], [2], [0, 1, 2]]) {
      const all = layers();
      const call = seen(all);
      play(call, 300, [all[1]!], HOME);
      play(
        call,
        5,
        going.map((at) => all[at]!),
        MOVED,
      );
      assert.deepEqual([call.locked, call.count('conflict')], [MOVED, 0], going.join());
    }
  });

  it('and what was sent from the old source last is late, not a conflict', () => {
    const all = layers();
    const call = seen(all);
    const late = [...all[1]!.frame(), ...all[2]!.frame()];
    play(call, 2, [all[0]!], MOVED);
    for (const packet of late) assert.equal(call.receive(packet, HOME), true);
    play(call, 4, all, MOVED);
    assert.deepEqual([call.locked, call.count('conflict')], [MOVED, 0]);
  });

  it('who goes on with a layer that has stopped is not followed while another goes on', () => {
    const [low, , high] = layers() as [Layer, Layer, Layer];
    const call = seen([low, high]);
    play(call, 100, [low], HOME);
    for (let i = 0; i < 30; i++) {
      for (const packet of high.frame()) call.receive(packet, STRANGER);
      for (const packet of low.frame()) assert.equal(call.receive(packet, HOME), true);
      call.advance(FRAME_MS);
    }
    assert.deepEqual([call.locked, call.deliveredFrom(STRANGER)], [HOME, 0]);
    assert.ok(call.count('conflict') >= 1);
  });

  it('twelve streams of one source are known each: three layers of two cameras, with retransmissions', () => {
    const cameras = [1, 2, 3, 4, 5, 6].map((ssrc) => new Layer(ssrc));
    const call = new EvidenceBench({ isVideo: true, canAsk: false });
    const round = (source: typeof HOME): void => {
      for (const layer of cameras)
        for (const packet of [layer.frame()[0]!, layer.again(1)]) call.receive(packet, source);
      call.advance(FRAME_MS);
    };
    for (let i = 0; i < 200; i++) round(HOME);
    assert.deepEqual(call.locked, HOME);
    for (let i = 0; i < 6; i++) round(MOVED);
    assert.deepEqual([call.locked, call.count('conflict')], [MOVED, 0]);
  });

  it('of a neighbour is a contest like any other, and the port question tells the two apart', () => {
    const all = layers();
    const other = [new Layer(11), new Layer(12), new Layer(13)];
    const call = new EvidenceBench({ isVideo: true, ssrcs: [99] });
    const old = call.port;
    const both = (frames: number, phone: typeof HOME): void => {
      for (let i = 0; i < frames; i++) {
        for (const layer of all) for (const packet of layer.frame()) call.receive(packet, phone);
        for (const layer of other) for (const packet of layer.frame()) call.receive(packet, NEIGHBOUR, old);
        call.advance(FRAME_MS);
      }
    };
    both(4, HOME);
    assert.deepEqual([call.count('contested'), call.locked], [1, undefined]);
    call.ask();
    call.answer();
    both(10, MOVED);
    assert.deepEqual([call.locked, call.grounds], [MOVED, ['question']]);
    assert.equal(call.deliveredFrom(NEIGHBOUR), 0);
  });
});

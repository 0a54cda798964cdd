// Protocol 8.2.2 and 8.2.3: who has the media where packets under the peer's key come from two addresses. The phone has moved, or somebody
// reads its packets and copies them.
import assert from 'node:assert/strict';
import { HOME, READER, REBOUND, SrtpBench, SrtpVoice } from '../support/srtp-bench.js';

/** Each packet of the phone comes twice: the reader's copy, and so much later the original. */
function race(scene: SrtpBench, packets: number, source = HOME, aheadMs = 2): void {
  for (let at = 0; at < packets; at++) {
    const packet = scene.voice.rtp();
    scene.receive(packet, READER);
    scene.bench.advance(aheadMs);
    scene.receive(packet, source);
    scene.bench.advance(20 - aheadMs);
  }
}

describe('8.2.2: without a path in use', () => {
  it('the first authentic source has the media at once, and the event says by what', () => {
    const scene = new SrtpBench();
    scene.receive(scene.voice.rtp());
    assert.deepEqual(scene.mapping, HOME);
    const [verified] = scene.bench.eventsOf('verified');
    assert.ok(verified?.type === 'verified');
    assert.equal(verified.protection, 'srtp');
    assert.equal(verified.nat, 'both');
    assert.equal(scene.call.protection, 'srtp');
  });

  it('the same packet from a second address is a conflict: of the two the one at home has the media', () => {
    const scene = new SrtpBench({ from: HOME.address });
    race(scene, 50);
    assert.ok(scene.count('conflict') >= 1);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.component.counters.delivered, 50);
  });

  it('where neither is at home it is the first, and the conflict is told all the same', () => {
    const scene = new SrtpBench();
    race(scene, 50);
    assert.ok(scene.count('conflict') >= 1);
    assert.deepEqual(scene.mapping, READER);
  });

  it('a recording of long ago from elsewhere says nothing', () => {
    const scene = new SrtpBench();
    const recorded = Array.from({ length: 20 }, () => scene.voice.rtp());
    for (const packet of recorded) scene.receive(packet);
    scene.talk(HOME, 100);
    for (const packet of recorded) scene.receive(packet, READER);
    assert.equal(scene.count('conflict'), 0);
    assert.deepEqual(scene.mapping, HOME);
  });
});

describe('8.2.3: a phone that moves', () => {
  for (const everyMs of [10, 20, 30, 60])
    it(`with a packet every ${everyMs} ms is followed after three packets' time and 60 ms, without a conflict`, () => {
      const scene = new SrtpBench({ from: HOME.address });
      scene.talk(HOME, 20, everyMs);
      const movedMs = scene.nowMs;
      while (scene.mapping?.port !== REBOUND.port) scene.talk(REBOUND, 1, everyMs);
      const [rebound] = scene.bench.eventsOf('rebound');
      assert.ok(rebound?.type === 'rebound');
      assert.equal(rebound.protection, 'srtp');
      const waitMs = Math.max(60, 3 * everyMs);
      assert.equal(Math.round(rebound.atMs - movedMs), waitMs);
      assert.ok(everyMs > 20 || rebound.atMs - movedMs <= 100);
      assert.equal(scene.count('conflict'), 0);
      scene.talk(REBOUND, 20, everyMs);
      assert.equal(scene.component.counters.delivered, scene.component.counters.received);
    });

  it('what was sent meanwhile goes again to the new address, the newest 16', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.receive(scene.voice.rtp(), REBOUND);
    for (let at = 0; at < 20; at++) assert.deepEqual(scene.send(100 + at), HOME);
    scene.bench.advance(60);
    const again = scene.bench.sentTo(REBOUND).map(({ bytes }) => bytes.length);
    assert.deepEqual(
      again,
      Array.from({ length: 16 }, (_, at) => 104 + at),
    );
    assert.equal(scene.component.counters.resent, 16);
  });

  it('packets that were late on the old way are delivered, and are no conflict', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    const late = [scene.voice.rtp(), scene.voice.rtp()];
    scene.receive(scene.voice.rtp(), REBOUND);
    scene.receive(late[0]!, HOME);
    scene.bench.advance(70);
    assert.deepEqual(scene.mapping, REBOUND);
    scene.receive(late[1]!, HOME);
    assert.equal(scene.count('conflict'), 0);
    assert.equal(scene.component.counters.delivered, 23);
    assert.deepEqual(scene.mapping, REBOUND);
  });

  it('with two streams, of which one is late on the old way', () => {
    const scene = new SrtpBench({ from: HOME.address });
    const video = new SrtpVoice(scene.master, 0x5678);
    for (let at = 0; at < 20; at++) {
      scene.receive(video.rtp());
      scene.talk();
    }
    const late = [video.rtp(), video.rtp()];
    scene.talk(REBOUND, 1);
    scene.receive(late[0]!, HOME);
    scene.talk(REBOUND, 3);
    assert.deepEqual(scene.mapping, REBOUND);
    scene.receive(late[1]!, HOME);
    scene.talk(REBOUND, 1);
    scene.receive(video.rtp(), REBOUND);
    scene.talk(REBOUND, 20);
    assert.equal(scene.count('conflict'), 0);
    assert.equal(scene.count('rebound'), 1);
    assert.equal(scene.component.counters.delivered, scene.component.counters.received);
  });

  it('back and forth, as networks change', () => {
    const scene = new SrtpBench({ from: HOME.address });
    for (const source of [HOME, REBOUND, HOME, REBOUND]) {
      scene.talk(source, 30);
      assert.deepEqual(scene.mapping, source);
    }
    assert.equal(scene.count('conflict'), 0);
    assert.equal(scene.component.counters.delivered, 120);
  });

  it('twice within 60 ms: the last address has it', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.talk(REBOUND, 1);
    const third = { ...HOME, port: 20_201 };
    scene.talk(third, 10);
    assert.deepEqual(scene.mapping, third);
    assert.equal(scene.count('conflict'), 0);
  });
});

describe('8.2.3: silence', () => {
  it('comfort noise every 200 ms, and a rebinding in it: no conflict, and the path is found', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.talk(HOME, 20, 200);
    scene.talk(REBOUND, 3, 200);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.count('conflict'), 0);
    scene.talk(REBOUND, 50);
    assert.equal(scene.component.counters.delivered, 93);
  });

  it('no packets for ten seconds, and then from another address', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.bench.advance(10_000);
    scene.talk(REBOUND, 10);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.component.counters.delivered, 30);
  });
});

describe('8.2.3: a reader who copies', () => {
  it('2 ms ahead of each packet, in the call: nothing goes to it, and the conflict is told once a second', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 50);
    for (let at = 0; at < 250; at++) {
      race(scene, 1);
      assert.deepEqual(scene.mapping, HOME);
    }
    const conflicts = scene.count('conflict');
    assert.ok(conflicts >= 4 && conflicts <= 6, `${conflicts}`);
    assert.equal(scene.component.counters.delivered, 300);
  });

  it('the last packet of a talk spurt, ahead or behind: its original decides', () => {
    for (const isAhead of [true, false]) {
      const scene = new SrtpBench();
      scene.talk(HOME, 50);
      const last = scene.voice.rtp();
      scene.receive(last, isAhead ? READER : HOME);
      scene.bench.advance(2);
      scene.receive(last, isAhead ? HOME : READER);
      scene.bench.advance(3000);
      assert.deepEqual(scene.mapping, HOME, `ahead: ${isAhead}`);
      assert.equal(scene.component.counters.delivered, 51);
    }
  });

  it('the last packet of a talk spurt, whose original is lost: the phone has the media again with its next', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 50);
    scene.receive(scene.voice.rtp(), READER);
    scene.bench.advance(500);
    assert.deepEqual(scene.mapping, READER);
    scene.talk(HOME, 4);
    assert.deepEqual(scene.mapping, HOME);
    // What it copies from then on it copies ahead of a path that is left, and that has the older claim.
    race(scene, 50);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('who has the media by a lost packet and copies each later one ahead loses it to the path that was left', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 50);
    scene.receive(scene.voice.rtp(), READER);
    scene.bench.advance(500);
    race(scene, 2);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.count('conflict'), 1);
  });

  it('at a rebinding: of the two that go on the one at home has the media, with a conflict', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 50);
    race(scene, 10, REBOUND);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.ok(scene.count('conflict') >= 1);
    assert.ok(scene.component.counters.delivered >= 58);
  });

  it('2 ms behind each packet, behind the same NAT: at a rebinding he is not the first, though he copied before', () => {
    const neighbour = { ...HOME, port: 31_000 };
    const scene = new SrtpBench({ from: HOME.address });
    const copied = (source: typeof HOME, packets: number) => {
      for (let at = 0; at < packets; at++) {
        const packet = scene.voice.rtp();
        scene.receive(packet, source);
        scene.bench.advance(2);
        scene.receive(packet, neighbour);
        scene.send();
        scene.bench.advance(19);
      }
    };
    scene.talk(HOME, 50);
    copied(HOME, 50);
    copied(REBOUND, 150);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.count('rebound'), 1);
    assert.deepEqual(scene.bench.sentTo(neighbour), []);
  });

  it('from twenty addresses at once: a rebinding is followed within 100 ms all the same', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 50);
    const readers = Array.from({ length: 20 }, (_, at) => ({ ...READER, port: 5000 + at }));
    const movedMs = scene.nowMs;
    while (scene.mapping?.port !== REBOUND.port && scene.nowMs < movedMs + 1000) {
      const packet = scene.voice.rtp();
      for (const reader of readers) scene.receive(packet, reader);
      scene.receive(packet, REBOUND);
      scene.bench.advance(20);
    }
    assert.ok(scene.nowMs - movedMs <= 100, `${scene.nowMs - movedMs} ms`);
  });

  it('after a conflict a rebinding waits 2 s, for a minute', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 50);
    race(scene, 1);
    scene.talk(REBOUND, 90);
    assert.deepEqual(scene.mapping, HOME);
    scene.talk(REBOUND, 20);
    assert.deepEqual(scene.mapping, REBOUND);
    scene.bench.advance(25_000);
    scene.talk(REBOUND, 1);
    scene.bench.advance(25_000);
    scene.talk(REBOUND, 1);
    scene.bench.advance(12_000);
    scene.talk(HOME, 8, 20);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('SRTCP and SRTP are each compared within itself', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.receive(scene.voice.rtcp(scene.nowMs));
    scene.talk(HOME, 50);
    const report = scene.voice.rtcp(scene.nowMs);
    scene.receive(report, READER);
    scene.bench.advance(2);
    scene.receive(report, HOME);
    scene.talk(HOME, 50);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.count('conflict'), 1);
  });
});

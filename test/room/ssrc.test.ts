import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createRooms } from '../../lib/room/index.js';
import type { Leg } from '../../lib/room/index.js';
import type { Link } from '../../lib/room/link.js';
import { Participant } from '../../lib/room/participant.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import { join, rtp } from './participants.js';

function linksOf(leg: Leg): readonly Link[] {
  assert.ok(leg instanceof Participant);
  return leg.links;
}

describe('room: SSRCs', () => {
  it('go on as they are, though two use one, and the second is heard under another', () => {
    const rooms = createRooms({ random: numbers(0xaaaaaaaa, 0x1234) });
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    a.rtp.receive(rtp(5, 1));
    b.rtp.receive(rtp(5, 2));
    assert.deepEqual(c.rtp.take().map(readRtpSsrc), [5, 0x1234]);
    assert.deepEqual(a.rtp.take().map(readRtpSsrc), [0x1234]);
    b.rtp.take();
    a.rtp.receive(rtp(5, 3));
    // To the second, 5 is its own: the first goes by the number that the others know the second by.
    assert.deepEqual(b.rtp.take().map(readRtpSsrc), [0x1234]);
    assert.deepEqual(c.rtp.take().map(readRtpSsrc), [5]);
    assert.equal(b.leg.counters.dropped.ssrcConflict, 0);
    a.leg.leave();
    b.rtp.receive(rtp(5, 4));
    assert.deepEqual(c.rtp.take().map(readRtpSsrc), [0x1234]);
  });

  it('are not taken from somebody who sends back what it hears', () => {
    const rooms = createRooms();
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    for (let round = 0; round < 4; round++) {
      a.rtp.receive(rtp(5, round));
      for (const bytes of b.rtp.take()) b.rtp.receive(bytes);
    }
    // The first loop looks like a collision; from then on b sends what it knows to be another's.
    assert.equal(b.leg.counters.received, 1);
    assert.equal(b.leg.counters.dropped.ssrcConflict, 3);
    assert.equal(c.rtp.take().length, 5);
  });

  it('of one participant are remembered up to 31, the oldest forgotten first', () => {
    const rooms = createRooms();
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    for (let ssrc = 1; ssrc <= 32; ssrc++) a.rtp.receive(rtp(ssrc));
    assert.equal(c.rtp.take().length, 32);
    b.rtp.receive(rtp(1));
    b.rtp.receive(rtp(2));
    const [first, second] = c.rtp.take().map(readRtpSsrc);
    assert.equal(first, 1);
    assert.notEqual(second, 2);
    a.rtp.receive(rtp(1));
    const [mapped] = c.rtp.take().map(readRtpSsrc);
    assert.ok(mapped !== 1 && mapped !== second);
  });

  it('are told apart in all of their 32 bits', () => {
    const rooms = createRooms();
    const [a, b] = [join(rooms, 'hall'), join(rooms, 'hall')];
    for (const ssrc of [0, 0x7fffffff, 0x80000000, 0xffffffff]) a.rtp.receive(rtp(ssrc));
    assert.deepEqual(b.rtp.take().map(readRtpSsrc), [0, 0x7fffffff, 0x80000000, 0xffffffff]);
    b.rtp.receive(rtp(0x80000000));
    assert.notEqual(a.rtp.take().map(readRtpSsrc)[0], 0x80000000);
  });

  it('go both ways one to one, whoever comes, speaks and goes, and nobody hears two as one, or another as itself', () => {
    const step = fc.tuple(fc.nat(3), fc.nat(4), fc.nat(9));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const rooms = createRooms({ random: lottery() });
        const legs = Array.from({ length: 4 }, () => join(rooms, 'hall'));
        for (const [index, ssrc, what] of steps) {
          const speaker = legs[index]!;
          if (what === 0) {
            speaker.leg.leave();
            legs[index] = join(rooms, 'hall');
          } else speaker.rtp.receive(labelled(ssrc, index));
          for (const [at, listener] of legs.entries()) {
            const heard = listener.rtp.take().map((bytes) => [readRtpSsrc(bytes), bytes[12]]);
            assert.ok(at !== index || heard.length === 0);
            const [link] = linksOf(listener.leg);
            for (const [number] of heard) {
              // What it hears is no number of its own, and leads back to where it came from.
              const inRoom = link!.swaps.swap(number!);
              assert.equal(link!.swaps.swap(inRoom), number);
              const [other] = linksOf(speaker.leg);
              assert.equal(other!.swaps.swap(inRoom), ssrc);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** The numbers given, and then nothing that repeats. */
function numbers(...given: number[]): () => number {
  // A room takes two for itself: a name and an SSRC.
  const queue = [0xfffffff0, ...given];
  let next = 0x80000000;
  return () => queue.shift() ?? ++next;
}

/** Few numbers, so that what is drawn is often taken. */
function lottery(): () => number {
  let drawn = 0;
  return () => drawn++ % 97;
}

function labelled(ssrc: number, label: number): Uint8Array {
  const bytes = rtp(ssrc);
  bytes[12] = label;
  return bytes;
}

// The ways of packets through a room: worked out once, anew after each change, and bounded.
import assert from 'node:assert/strict';
import { Room } from '../../lib/room/room.js';
import { FakePort, rtp, streamWith } from './participants.js';

function open(): Room {
  let number = 0x7000_0000;
  return new Room({
    name: 'room',
    isEcho: false,
    isPair: false,
    onLeft: () => undefined,
    random: () => number++,
    nowMs: () => 0,
    taps: new Set(),
  });
}

const enter = (room: Room, call: string) => {
  const port = new FakePort();
  const leg = room.join({ call, streams: [{ stream: streamWith({ channel: 'audio' }), rtp: port }] });
  return { port, leg };
};
const ssrcs = (packets: readonly Uint8Array[]) =>
  packets.map((packet) => Buffer.from(packet).readUInt32BE(8));

describe('the ways through a room', () => {
  it('who comes is heard and hears with the next packet, and who goes is no more', () => {
    const room = open();
    const [alice, bob] = [enter(room, 'alice'), enter(room, 'bob')];
    alice.port.receive(rtp(1, 1));
    const carol = enter(room, 'carol');
    alice.port.receive(rtp(1, 2));
    carol.port.receive(rtp(3, 1));
    bob.leg.leave();
    alice.port.receive(rtp(1, 3));
    assert.equal(ssrcs(bob.port.take()).filter((ssrc) => ssrc === 1).length, 2);
    assert.equal(ssrcs(carol.port.take()).filter((ssrc) => ssrc === 1).length, 2);
    assert.deepEqual(
      ssrcs(alice.port.take()).filter((ssrc) => ssrc === 3),
      [3],
    );
  });

  it('a number that somebody else has is another one from the next packet on, and its own again once it is free', () => {
    const room = open();
    const [alice, bob, carol] = [enter(room, 'alice'), enter(room, 'bob'), enter(room, 'carol')];
    alice.port.receive(rtp(7, 1));
    bob.port.receive(rtp(7, 1));
    const [first, second] = ssrcs(carol.port.take());
    assert.equal(first, 7);
    assert.notEqual(second, 7);
    // Who has the number himself hears it of nobody else.
    assert.ok(!ssrcs(alice.port.take()).includes(7));
    alice.leg.leave();
    carol.port.take();
    bob.port.receive(rtp(7, 2));
    assert.equal(ssrcs(carol.port.take()).length, 1);
  });

  it('however many numbers one member sends with, others that were worked out stay few', () => {
    const room = open();
    const [alice, bob] = [enter(room, 'alice'), enter(room, 'bob')];
    for (let ssrc = 1; ssrc <= 5000; ssrc++) {
      alice.port.receive(rtp(ssrc, 1));
      if (ssrc % 10 === 0) bob.port.receive(rtp(0x8000_0000, ssrc));
    }
    const kept = room.legs.flatMap((leg) => leg.links.map(({ inlets }) => inlets.size));
    assert.ok(Math.max(...kept) <= 64, String(kept));
    assert.equal(bob.port.take().length, 5000);
    assert.equal(
      alice.port.take().filter((packet) => Buffer.from(packet).readUInt32BE(8) === 0x8000_0000).length,
      500,
    );
  });
});

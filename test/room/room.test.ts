import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import type { Leg, Rooms } from '../../lib/room/index.js';
import { agree, FakePort, join, offerOf, renegotiate, rtp, streamWith } from './participants.js';

const OPUS_96 = { payloadType: 96, codec: 'opus/48000/2' };
const OPUS_111 = { payloadType: 111, codec: 'opus/48000/2' };
const EVENTS_96 = { payloadType: 96, codec: 'telephone-event/48000' };
const PCMU = { payloadType: 0, codec: 'PCMU/8000' };

describe('room: who hears whom', () => {
  let rooms: Rooms;
  beforeEach(() => {
    rooms = createRooms();
  });

  for (const size of [2, 10, 50]) {
    it(`gives each of ${size} participants everyone else, byte for byte, and nobody itself`, () => {
      const all = Array.from({ length: size }, () => join(rooms, 'hall'));
      for (const [index, { rtp: port }] of all.entries()) {
        for (let sequence = 0; sequence < 3; sequence++) port.receive(rtp(1000 + index, sequence));
      }
      for (const [index, { rtp: port, leg }] of all.entries()) {
        const expected = all.flatMap((_, other) =>
          other === index ? [] : [0, 1, 2].map((sequence) => Buffer.from(rtp(1000 + other, sequence))),
        );
        assert.deepEqual(
          port.sent.map((bytes) => Buffer.from(bytes)),
          expected,
        );
        assert.equal(leg.counters.received, 3);
        assert.equal(leg.counters.sent, 3 * (size - 1));
        assert.ok(Object.values(leg.counters.dropped).every((count) => count === 0));
      }
    });
  }

  it('keeps rooms apart', () => {
    const here = join(rooms, 'here');
    const there = join(rooms, 'there');
    here.rtp.receive(rtp(1));
    assert.equal(there.rtp.sent.length, 0);
  });

  it('hands on the very bytes it was given', () => {
    const a = join(rooms, 'hall');
    const port = new FakePort();
    const seen: Uint8Array[] = [];
    port.send = (bytes) => seen.push(bytes) > 0;
    rooms.join('hall', { call: 'b', streams: [{ stream: streamWith(), rtp: port }] });
    const packet = rtp(1);
    a.rtp.receive(packet);
    assert.equal(seen[0], packet);
  });

  it("returns your own media, and nobody else's, in echo, even under one SSRC", () => {
    const a = join(rooms, 'echo');
    const b = join(rooms, 'echo');
    a.rtp.receive(rtp(7, 1));
    b.rtp.receive(rtp(7, 2));
    assert.deepEqual(a.rtp.take(), [rtp(7, 1)]);
    assert.deepEqual(b.rtp.take(), [rtp(7, 2)]);
    assert.equal(rooms.preference('echo').length, 0);
  });

  it('takes what kind of packet it is from the port, and looks no second time', () => {
    const [a, b] = [join(rooms, 'hall'), join(rooms, 'hall')];
    const source = { address: '192.0.2.1', port: 4000 };
    a.rtp.emit('packet', rtp(1, 1), source, 'dtls');
    assert.equal(a.leg.counters.dropped.notRtp, 1);
    a.rtp.emit('packet', rtp(1, 1), source, 'rtp');
    assert.equal(b.rtp.take().length, 1);
  });

  it('shows its counters as copies that nobody can change', () => {
    const { rtp: port, leg } = join(rooms, 'hall');
    const before = leg.counters;
    port.receive(rtp(1, 1));
    assert.deepEqual([before.received, leg.counters.received], [0, 1]);
    assert.throws(() => Object.assign(leg.counters, { received: 7 }), TypeError);
    assert.throws(() => Object.assign(leg.counters.dropped, { noPath: 7 }), TypeError);
  });

  it('counts packets that are neither RTP nor RTCP', () => {
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    for (const bytes of [[], [0], [0x80], [0x80, 0, 0, 1, 0, 0, 0], [22, 254, 253, 0], [0xff, 1, 2, 3]]) {
      a.rtp.receive(Uint8Array.from(bytes));
    }
    assert.equal(a.leg.counters.dropped.notRtp, 6);
    assert.equal(b.rtp.sent.length, 0);
  });
});

describe('room: payload types', () => {
  it('are translated for whoever has another number, and go to nobody without the codec', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall', { accepts: [OPUS_96, PCMU] });
    const same = join(rooms, 'hall', { accepts: [OPUS_96] });
    const otherNumber = join(rooms, 'hall', { accepts: [OPUS_111] });
    const otherCodec = join(rooms, 'hall', { accepts: [PCMU, EVENTS_96] });
    a.rtp.receive(rtp(1, 1, 96));
    assert.deepEqual(same.rtp.sent, [rtp(1, 1, 96)]);
    assert.deepEqual(otherNumber.rtp.sent, [rtp(1, 1, 111)]);
    assert.equal(otherCodec.rtp.sent.length, 0);
    assert.equal(otherCodec.leg.counters.dropped.payloadType, 1);
    a.rtp.receive(rtp(1, 2, 0));
    assert.deepEqual(
      [same, otherNumber, otherCodec].map(({ rtp: port }) => port.take().length),
      [1, 1, 1],
    );
    assert.equal(otherNumber.leg.counters.dropped.payloadType, 1);
  });

  it('takes nothing that the sender has not negotiated, whatever the others accept', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall', { accepts: [PCMU] });
    const b = join(rooms, 'hall', { accepts: [PCMU, { payloadType: 8, codec: 'PCMA/8000' }] });
    a.rtp.receive(rtp(1, 1, 8));
    assert.equal(b.rtp.sent.length, 0);
    assert.equal(a.leg.counters.dropped.payloadType, 1);
    assert.equal(a.leg.counters.received, 0);
  });

  it('tells what a participant sends from what it accepts, where an answer renumbered', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall', { accepts: [OPUS_111], sends: [OPUS_96] });
    const b = join(rooms, 'hall', { accepts: [OPUS_96, OPUS_111] });
    a.rtp.receive(rtp(1, 1, 96));
    assert.equal(b.rtp.sent.length, 1);
    b.rtp.receive(rtp(2, 1, 96));
    b.rtp.receive(rtp(2, 2, 111));
    assert.deepEqual(a.rtp.sent, [rtp(2, 1, 111), rtp(2, 2, 111)]);
  });
});

describe('room: directions and hold', () => {
  const cases = [
    ['sendrecv', '192.0.2.1', true, true],
    ['sendonly', '192.0.2.1', true, false],
    ['recvonly', '192.0.2.1', false, true],
    ['inactive', '192.0.2.1', false, false],
    ['sendrecv', '0.0.0.0', true, false],
    ['recvonly', '0.0.0.0', false, false],
  ] as const;
  for (const [direction, address, isHeard, hears] of cases) {
    it(`${direction} at ${address}: ${isHeard ? 'is heard' : 'is not heard'}, ${hears ? 'hears' : 'hears nothing'}`, () => {
      const rooms = createRooms();
      const held = join(rooms, 'hall', agree(offerOf('0', [`a=${direction}`], address)));
      const other = join(rooms, 'hall');
      held.rtp.receive(rtp(1));
      other.rtp.receive(rtp(2));
      assert.equal(other.rtp.sent.length, isHeard ? 1 : 0);
      assert.equal(held.rtp.sent.length, hears ? 1 : 0);
      assert.equal(held.leg.counters.dropped.direction, (isHeard ? 0 : 1) + (hears ? 0 : 1));
    });
  }

  it("follows hold and resume at each re-INVITE, the SSRC staying the participant's", () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    const exchange = () => {
      a.rtp.receive(rtp(1));
      b.rtp.receive(rtp(2));
      return [a.rtp.take().length, b.rtp.take().length];
    };
    assert.deepEqual(exchange(), [1, 1]);
    renegotiate(a, agree(offerOf('0', ['a=sendonly'])));
    assert.deepEqual(exchange(), [0, 1]);
    renegotiate(a, agree(offerOf('0', [], '0.0.0.0')));
    assert.deepEqual(exchange(), [0, 1]);
    renegotiate(a, agree(offerOf('0', ['a=inactive'])));
    assert.deepEqual(exchange(), [0, 0]);
    renegotiate(a, agree(offerOf('0')));
    assert.deepEqual(exchange(), [1, 1]);
  });

  it('takes over other formats at a re-INVITE', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall', { accepts: [PCMU, OPUS_96] });
    renegotiate(a, streamWith({ accepts: [OPUS_96] }));
    a.rtp.receive(rtp(1, 1, 0));
    a.rtp.receive(rtp(1, 2, 96));
    assert.deepEqual(b.rtp.take(), [rtp(1, 2, 96)]);
  });
});

describe('room: ports that fail', () => {
  it('counts a port without a path, and one that throws, and serves the others', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const throwing = join(rooms, 'hall');
    const unproven = join(rooms, 'hall');
    const fine = join(rooms, 'hall');
    throwing.rtp.error = new Error('socket is closed');
    unproven.rtp.hasPath = false;
    a.rtp.receive(rtp(1));
    assert.equal(fine.rtp.sent.length, 1);
    assert.equal(throwing.leg.counters.dropped.portError, 1);
    assert.equal(throwing.leg.counters.sent, 0);
    assert.equal(unproven.leg.counters.dropped.noPath, 1);
    throwing.rtp.error = undefined;
    a.rtp.receive(rtp(1, 2));
    assert.equal(throwing.rtp.sent.length, 1);
  });

  it('survives a participant who leaves while its packet is on the way round', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    const c = join(rooms, 'hall');
    b.rtp.send = () => {
      b.leg.leave();
      return true;
    };
    a.rtp.receive(rtp(1));
    assert.equal(c.rtp.sent.length, 1);
    a.rtp.receive(rtp(1, 2));
    assert.equal(c.rtp.sent.length, 2);
    assert.equal(b.leg.counters.sent, 1);
  });
});

describe('rooms: by name', () => {
  it('come with the first and go with the last, and say who joined and left', () => {
    const rooms = createRooms();
    const log: string[] = [];
    rooms.on('joined', (leg: Leg) => log.push(`+${leg.room}`));
    rooms.on('left', (leg: Leg) => log.push(`-${leg.room}`));
    const a = join(rooms, 'hall', { accepts: [OPUS_96, PCMU] });
    const b = join(rooms, 'hall', { accepts: [PCMU] });
    assert.deepEqual(rooms.preference('hall'), [PCMU, OPUS_96], 'what both take first');
    a.leg.leave();
    a.leg.leave();
    assert.deepEqual(rooms.preference('hall'), [PCMU, OPUS_96]);
    b.leg.leave();
    assert.deepEqual(rooms.preference('hall'), []);
    assert.equal(rooms.legs.size, 0);
    join(rooms, 'hall', { accepts: [PCMU] });
    assert.deepEqual(rooms.preference('hall'), [PCMU]);
    assert.deepEqual(log, ['+hall', '+hall', '-hall', '-hall', '+hall']);
  });

  it('prefer of a kind that the first has not what another here has, as long as it is here', () => {
    const rooms = createRooms();
    const [H264, VP8] = ['H264/90000', 'VP8/90000'].map((codec, index) => ({
      payloadType: 97 + index,
      codec,
    }));
    join(rooms, 'hall', { accepts: [PCMU] });
    const b = join(rooms, 'hall', { accepts: [OPUS_96, H264!] });
    const c = join(rooms, 'hall', { accepts: [VP8!] });
    assert.deepEqual(rooms.preference('hall'), [PCMU, H264]);
    b.leg.leave();
    assert.deepEqual(rooms.preference('hall'), [PCMU, VP8]);
    renegotiate(c, { accepts: [] });
    assert.deepEqual(rooms.preference('hall'), [PCMU]);
  });

  it('a participant who left neither hears nor is heard, and its ports are let go', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    a.leg.leave();
    a.rtp.receive(rtp(1));
    b.rtp.receive(rtp(2));
    assert.equal(a.rtp.sent.length + b.rtp.sent.length, 0);
    assert.equal(a.rtp.listenerCount('packet') + a.rtcp.listenerCount('packet'), 0);
  });

  it('close lets everybody leave, echo included', () => {
    const rooms = createRooms();
    const all = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'echo')];
    rooms.close();
    assert.equal(rooms.legs.size, 0);
    for (const { rtp: port } of all) assert.equal(port.listenerCount('packet'), 0);
  });
});

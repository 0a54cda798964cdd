import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import type { Rooms } from '../../lib/room/index.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import { bye, compound, enter, join, names, portOf, rtp, sdpOf, senderReport } from './participants.js';
import type { Caller } from './participants.js';

const KINDS = ['audio', 'video', 'text'] as const;
/** Packets of each kind that everybody sends. */
const PACKETS = 20;

/** Nobody numbers like the one before; every third bundles, and every second has its sections the other way round. */
function offerOf(index: number): string {
  const [audio, video, text] = [96, 106, 116].map((first) => first + (index % 10));
  const sections = [
    [`m=audio 5000 RTP/AVP ${audio}`, `a=rtpmap:${audio} opus/48000/2`],
    [`m=video 5002 RTP/AVP ${video}`, `a=rtpmap:${video} VP8/90000`],
    [`m=text 5004 RTP/AVP ${text}`, `a=rtpmap:${text} t140/1000`],
  ];
  if (index % 2 === 1) sections.reverse();
  if (index % 3 !== 0) return sdpOf(...sections);
  const bundled = sections.map((lines, at) => [...lines, `a=mid:${at}`, 'a=rtcp-mux']);
  return sdpOf(['a=group:BUNDLE 0 1 2'], ...bundled);
}

/** What a caller sends of a kind: under its own numbers, and its SSRC tells the kind. */
function send(caller: Caller, index: number, kind: number, sequence: number): void {
  const channel = KINDS[kind];
  const stream = caller.leg.streams.find((one) => one.channel === channel);
  const payloadType = stream?.sends[0]?.payloadType;
  assert.ok(stream && payloadType !== undefined);
  portOf(caller, stream.transport).receive(rtp(1000 * (kind + 1) + index, sequence, payloadType));
}

/** Who received how many packets of each kind from whom: `table[to][from]`, and anything amiss as a text. */
function tableOf(callers: readonly Caller[]): { table: number[][][]; faults: string[] } {
  const faults: string[] = [];
  const table = callers.map((caller, to) => {
    const row = callers.map(() => [0, 0, 0]);
    const last = new Map<number, number>();
    for (const { channel, transport, accepts } of caller.leg.streams) {
      for (const bytes of portOf(caller, transport).sent) {
        if ((bytes[1]! & 0x7f) !== accepts[0]?.payloadType) continue;
        const ssrc = readRtpSsrc(bytes);
        const [kind, from] = [Math.floor(ssrc / 1000) - 1, ssrc % 1000];
        const sequence = (bytes[2]! << 8) | bytes[3]!;
        if (KINDS[kind] !== channel) faults.push(`${to} got ${KINDS[kind]} of ${from} as ${channel}`);
        if (sequence !== (last.get(ssrc) ?? -1) + 1) faults.push(`${to} lost ${ssrc} before ${sequence}`);
        last.set(ssrc, sequence);
        row[from]![kind]!++;
      }
    }
    return row;
  });
  return { table, faults };
}

function meet(size: number): { rooms: Rooms; callers: Caller[] } {
  const rooms = createRooms();
  return { rooms, callers: Array.from({ length: size }, (_, index) => enter(rooms, 'hall', offerOf(index))) };
}

function droppedBy(callers: readonly Caller[]): number {
  return callers.reduce(
    (sum, { leg }) => sum + Object.values(leg.counters.dropped).reduce((all, count) => all + count, 0),
    0,
  );
}

describe('room: a meeting', () => {
  it('of ten with audio, video and text: everybody gets everything of everybody else, and nothing of its own', () => {
    const { callers } = meet(10);
    for (let sequence = 0; sequence < PACKETS; sequence++) {
      for (const [index, caller] of callers.entries()) {
        for (const kind of KINDS.keys()) send(caller, index, kind, sequence);
      }
    }
    const { table, faults } = tableOf(callers);
    assert.deepEqual(faults, []);
    const all = [PACKETS, PACKETS, PACKETS];
    const expected = callers.map((_, to) => callers.map((__, from) => (to === from ? [0, 0, 0] : all)));
    assert.deepEqual(table, expected);
    assert.equal(droppedBy(callers), 0);
    for (const { leg } of callers) {
      assert.equal(leg.counters.received, 3 * PACKETS);
      assert.equal(leg.counters.sent, 9 * 3 * PACKETS);
    }
  });

  it('of fifty, who come, speak and go one after another', () => {
    const { rooms, callers } = meet(50);
    for (const [index, caller] of callers.entries()) {
      for (const kind of KINDS.keys()) send(caller, index, kind, 0);
    }
    const { table, faults } = tableOf(callers);
    assert.deepEqual(faults, []);
    assert.ok(table.every((row, to) => row.every(([audio], from) => audio === (to === from ? 0 : 1))));
    assert.equal(droppedBy(callers), 0);
    for (const { leg } of callers) leg.leave();
    assert.equal(rooms.legs.size, 0);
  });

  it('has fifty places; the next one gets in when somebody leaves', () => {
    const { rooms, callers } = meet(50);
    assert.ok(rooms.isFull('hall') && !rooms.isFull('other'));
    assert.throws(() => join(rooms, 'hall'), RangeError);
    assert.equal(rooms.legs.size, 50);
    callers[7]?.leg.leave();
    assert.ok(!rooms.isFull('hall'));
    join(rooms, 'hall');
    assert.ok(rooms.isFull('hall'));
  });

  it('keeps each kind to those who have it', () => {
    const rooms = createRooms();
    const [full, other] = [enter(rooms, 'hall', offerOf(1)), enter(rooms, 'hall', offerOf(2))];
    const phone = enter(rooms, 'hall', sdpOf(['m=audio 5000 RTP/AVP 0 96', 'a=rtpmap:96 opus/48000/2']));
    for (const kind of KINDS.keys()) send(full, 1, kind, 0);
    assert.deepEqual(portOf(phone, 0).sent.map(readRtpSsrc), [1001]);
    assert.equal(other.leg.counters.sent, 3);
    assert.equal(droppedBy([full, other, phone]), 0);
  });
});

describe('room: data', () => {
  const offer = (lines: string[] = []) =>
    sdpOf(['m=audio 5000 RTP/AVP 0'], ['m=application 5002 udp wb', ...lines]);

  it('goes to all others as it is, whatever it looks like', () => {
    const rooms = createRooms();
    const [a, b, c] = [
      enter(rooms, 'hall', offer()),
      enter(rooms, 'hall', offer()),
      enter(rooms, 'hall', offer()),
    ];
    const datagrams = [
      Uint8Array.of(),
      Uint8Array.of(1, 2, 3),
      rtp(5),
      compound(senderReport(5), names([5, 'x']), bye(5)),
      new Uint8Array(1400).fill(7),
    ];
    for (const bytes of datagrams) portOf(a, 1).receive(bytes);
    for (const { ports } of [b, c]) assert.deepEqual(ports.get(1)?.rtp.sent, datagrams);
    assert.deepEqual([portOf(a, 1).sent, portOf(b, 0).sent], [[], []]);
    assert.equal(a.leg.counters.received, datagrams.length);
    assert.equal(droppedBy([a, b, c]), 0);
  });

  it('of another kind, or against its direction, goes to nobody', () => {
    const rooms = createRooms();
    const a = enter(rooms, 'hall', offer());
    const held = enter(rooms, 'hall', offer(['a=inactive']));
    const board = enter(rooms, 'hall', sdpOf(['m=application 5002 udp whiteboard']));
    portOf(a, 1).receive(Uint8Array.of(1));
    portOf(held, 1).receive(Uint8Array.of(2));
    assert.deepEqual([portOf(held, 1).sent, portOf(board, 0).sent, portOf(a, 1).sent], [[], [], []]);
    assert.equal(held.leg.counters.dropped.direction, 2);
  });

  it('comes back in echo', () => {
    const a = enter(createRooms(), 'echo', offer());
    portOf(a, 1).receive(Uint8Array.of(1));
    assert.deepEqual(portOf(a, 1).sent, [Uint8Array.of(1)]);
  });
});

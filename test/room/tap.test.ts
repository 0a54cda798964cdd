// What a tap is told of a room: packets as they came, whose they are, and what sender reports say of their timestamps.
import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import type { Leg, Rooms, TappedPacket, TappedReport } from '../../lib/room/index.js';
import { readSenderTime } from '../../lib/room/rtcp-reports.js';
import { LatchkeyError } from '../../lib/index.js';
import { compound, enter, join, names, portOf, rtp, sdpOf, senderReport } from './participants.js';

const ALICE = 0xa11ce;
/** Of `senderReport`: half a second into second 0xe0000001 of NTP. */
const NTP_MS = (0xe0000001 - 2_208_988_800) * 1000 + 500;

class Listener {
  readonly packets: (TappedPacket & { from: Leg })[] = [];
  readonly reports: (TappedReport & { from: Leg })[] = [];

  onPacket(from: Leg, packet: TappedPacket): void {
    this.packets.push({ from, ...packet });
  }

  onReport(from: Leg, report: TappedReport): void {
    this.reports.push({ from, ...report });
  }
}

describe('room: a tap', () => {
  let rooms: Rooms;
  let listener: Listener;
  let end: () => void;
  let nowMs: number;
  beforeEach(() => {
    nowMs = 5000;
    rooms = createRooms({ nowMs: () => nowMs });
    listener = new Listener();
    end = rooms.tap(listener);
  });

  it('is told of each packet as it came: whose, when, and what its number means', () => {
    const opus = sdpOf(['m=audio 4000 RTP/AVP 111 0', 'a=rtpmap:111 opus/48000/2']);
    const [alice, bob] = [enter(rooms, 'r', opus), join(rooms, 'r')];
    const packet = rtp(ALICE, 7, 111);
    portOf(alice, 0).receive(packet);
    nowMs = 5020;
    bob.rtp.receive(rtp(0xb0b, 8));
    const [first, second, ...more] = listener.packets;
    assert.deepEqual(more, []);
    assert.equal(first?.from, alice.leg);
    assert.deepEqual(first.bytes, packet);
    assert.deepEqual(
      [first.ssrc, first.format.codec, first.stream.channel, first.atMs],
      [ALICE, 'opus/48000/2', 'audio', 5000],
    );
    assert.deepEqual([second?.from, second?.format.codec, second?.atMs], [bob.leg, 'PCMU/8000', 5020]);
  });

  it('tells two of one number apart, by the numbers of the room, in packets and in reports', () => {
    const [alice, bob] = [join(rooms, 'r'), join(rooms, 'r')];
    for (const { rtp: port, rtcp } of [alice, bob]) {
      port.receive(rtp(ALICE));
      rtcp.receive(compound(senderReport(ALICE), names([ALICE, 'n'])));
    }
    const [a, b] = listener.packets.map(({ ssrc }) => ssrc);
    assert.equal(a, ALICE);
    assert.notEqual(b, ALICE);
    assert.deepEqual(
      listener.reports.map(({ ssrc, from }) => [ssrc, from]),
      [
        [a, alice.leg],
        [b, bob.leg],
      ],
    );
  });

  it('is told what sender reports say of the timestamps, and nothing in the name of somebody else', () => {
    const [alice, bob] = [join(rooms, 'r'), join(rooms, 'r')];
    alice.rtp.receive(rtp(ALICE));
    bob.rtp.receive(rtp(0xb0b));
    alice.rtcp.receive(compound(senderReport(ALICE), senderReport(0xb0b), names([ALICE, 'n'])));
    assert.deepEqual(
      listener.reports.map(({ from, ssrc, ntpMs, timestamp, atMs }) => ({
        from,
        ssrc,
        ntpMs,
        timestamp,
        atMs,
      })),
      [{ from: alice.leg, ssrc: ALICE, ntpMs: NTP_MS, timestamp: 1600, atMs: 5000 }],
    );
    assert.equal(listener.reports[0]?.bytes.length, 28);
  });

  it('is not told what the room does not take, such as from one on hold', () => {
    const alice = join(rooms, 'r', { isSending: false });
    alice.rtp.receive(rtp(ALICE));
    assert.deepEqual(listener.packets, []);
  });

  it('keeps no packet from the participants by throwing', () => {
    const [alice, bob] = [join(rooms, 'r'), join(rooms, 'r')];
    rooms.tap({
      onPacket: () => {
        throw new Error('a defect of the tap');
      },
    });
    assert.throws(() => alice.rtp.receive(rtp(ALICE)), /a defect of the tap/);
    assert.equal(bob.rtp.sent.length, 1);
  });

  it('hears nothing once it has ended; one that listens twice is told twice', () => {
    const alice = join(rooms, 'r');
    const endAgain = rooms.tap(listener);
    alice.rtp.receive(rtp(ALICE));
    assert.equal(listener.packets.length, 2);
    endAgain();
    alice.rtp.receive(rtp(ALICE, 2));
    assert.equal(listener.packets.length, 3);
    end();
    alice.rtp.receive(rtp(ALICE, 3));
    assert.equal(listener.packets.length, 3);
  });

  it('has to be one', () => {
    assert.throws(
      () => rooms.tap({} as Listener),
      (error) => error instanceof LatchkeyError && error.code === 'LATCHKEY_OPTION',
    );
  });
});

describe('room: the time in a sender report', () => {
  const report = (seconds: number, fraction: number) => {
    const bytes = new Uint8Array(28);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, seconds);
    view.setUint32(12, fraction);
    view.setUint32(16, 0xffffffff);
    return bytes;
  };
  const cases: [string, number, number, number | undefined][] = [
    ['1970 and a half second', 2_208_988_800, 0x80000000, 500],
    ['2024', 3_913_056_000, 0, 1_704_067_200_000],
    ['the first second of the next era, in 2036', 0, 0x80000000, 2_085_978_496_500],
    ['none', 0, 0, undefined],
  ];
  for (const [name, seconds, fraction, ntpMs] of cases) {
    it(name, () => {
      assert.deepEqual(readSenderTime(report(seconds, fraction)), { ntpMs, timestamp: 0xffffffff });
    });
  }
});

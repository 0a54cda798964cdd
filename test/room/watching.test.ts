import assert from 'node:assert/strict';
import { ByePacket, PliPacket, SdesPacket, SenderReportPacket } from 'rtp.js/packets';
import { createRooms } from '../../lib/room/index.js';
import type { Leg, Rooms } from '../../lib/room/index.js';
import {
  compound,
  FakePort,
  names,
  read,
  receiverReport,
  rtp,
  senderReport,
  streamWith,
} from './participants.js';

const A = 0xa0000001;
const B = 0xb0000001;
const VIEWER = 0xc0000001;
const VP8 = { payloadType: 97, codec: 'VP8/90000' };

interface Speaker {
  readonly leg: Leg;
  readonly rtp: FakePort;
  readonly rtcp: FakePort;
}

function speak(rooms: Rooms, call: string, channel = 'audio'): Speaker {
  const [port, rtcp] = [new FakePort(), new FakePort()];
  const isVideo = channel === 'video';
  const stream = streamWith({
    channel,
    ...(isVideo && { accepts: [VP8], sends: [VP8], keyFrameRequest: 'pli' as const }),
  });
  return { leg: rooms.join('r', { call, streams: [{ stream, rtp: port, rtcp }] }), rtp: port, rtcp };
}

function watch(rooms: Rooms, speaker: Leg, call = 'viewer') {
  const [port, rtcp] = [new FakePort(), new FakePort()];
  const [heard] = speaker.streams;
  assert.ok(heard);
  const stream = { ...heard, accepts: heard.sends, sends: [], isSending: false, isListening: true };
  const leg = rooms.watch('r', { call, streams: [{ stream, speaker, rtp: port, rtcp }] });
  return { leg, rtp: port, rtcp };
}

describe('room: who watches', () => {
  let rooms: Rooms;
  let nowMs: number;
  beforeEach(() => {
    nowMs = 1000;
    rooms = createRooms({ nowMs: () => nowMs });
  });

  it('gets the media of the one whom it watches, and nobody else’s', () => {
    const [a, b] = [speak(rooms, 'a'), speak(rooms, 'b')];
    const viewer = watch(rooms, a.leg);
    a.rtp.receive(rtp(A));
    b.rtp.receive(rtp(B));
    assert.deepEqual(viewer.rtp.take(), [Uint8Array.from(rtp(A))]);
    viewer.leg.leave();
    a.rtp.receive(rtp(A));
    assert.deepEqual(viewer.rtp.sent, []);
  });

  it('is heard by nobody, told to nobody, and counted apart', () => {
    const a = speak(rooms, 'a');
    const told: string[] = [];
    rooms.on('joined', ({ call }) => told.push(call)).on('left', ({ call }) => told.push(call));
    const viewer = watch(rooms, a.leg);
    viewer.rtp.receive(rtp(VIEWER));
    assert.deepEqual(a.rtp.sent, []);
    assert.equal([...rooms.legs].length, 1);
    for (let i = 1; i < 200; i++) watch(rooms, a.leg);
    assert.throws(() => watch(rooms, a.leg), RangeError);
    assert.equal(rooms.isFull('r'), false);
    viewer.leg.leave();
    assert.deepEqual(told, []);
    assert.throws(() => rooms.watch('nobody', { call: 'x', streams: [] }), RangeError);
  });

  it('reports to those whom it watches, and to no other viewer or participant', () => {
    const [a, b] = [speak(rooms, 'a'), speak(rooms, 'b')];
    const [viewer, other] = [watch(rooms, a.leg), watch(rooms, a.leg)];
    a.rtp.receive(rtp(A));
    viewer.rtcp.receive(compound(receiverReport(VIEWER, A), names([VIEWER, 'v'])));
    assert.equal(a.rtcp.take().length, 1);
    assert.deepEqual([b.rtcp.sent, other.rtcp.sent], [[], []]);
  });

  it('hears sender reports and farewells of the one whom it watches only', () => {
    const [a, b] = [speak(rooms, 'a'), speak(rooms, 'b')];
    const viewer = watch(rooms, a.leg);
    for (const [{ rtp: port, rtcp }, ssrc] of [
      [a, A],
      [b, B],
    ] as const) {
      port.receive(rtp(ssrc));
      rtcp.receive(compound(senderReport(ssrc), names([ssrc, 'n'])));
    }
    const [reports, ...more] = viewer.rtcp.take().map(read);
    assert.deepEqual(more, []);
    assert.ok(reports?.[0] instanceof SenderReportPacket);
    assert.equal(reports[0].getSsrc(), A);
    b.leg.leave();
    assert.deepEqual(viewer.rtcp.take(), []);
    a.leg.leave();
    assert.ok(
      viewer.rtcp
        .take()
        .map(read)
        .flat()
        .some((packet) => packet instanceof ByePacket),
    );
  });

  it('is told at once how timestamps and wall-clock time lie together, as of this moment', () => {
    const a = speak(rooms, 'a');
    a.rtp.receive(rtp(A));
    const report = new SenderReportPacket();
    report.setSsrc(A);
    report.setNtpSeconds(5000);
    report.setNtpFraction(2 ** 31);
    report.setRtpTimestamp(2 ** 32 - 4000);
    a.rtcp.receive(compound(report, names([A, 'camera'])));
    nowMs += 2500;
    const viewer = watch(rooms, a.leg);
    const [sent, ...more] = viewer.rtcp.take().map(read);
    assert.deepEqual(more, []);
    const [clock, name] = sent ?? [];
    assert.ok(clock instanceof SenderReportPacket && name instanceof SdesPacket);
    // 2.5 s at 8000 ticks a second, over the end of the numbers.
    assert.deepEqual(
      [clock.getSsrc(), clock.getNtpSeconds(), clock.getNtpFraction(), clock.getRtpTimestamp()],
      [A, 5003, 0, 16_000],
    );
  });

  it('is told it again when its way opens later than it began to watch', () => {
    const a = speak(rooms, 'a');
    a.rtp.receive(rtp(A));
    a.rtcp.receive(compound(senderReport(A), names([A, 'camera'])));
    const viewer = watch(rooms, a.leg);
    viewer.rtcp.take();
    viewer.rtp.hasPath = false;
    a.rtp.receive(rtp(A, 2));
    assert.deepEqual(viewer.rtcp.take(), []);
    viewer.rtp.hasPath = true;
    a.rtp.receive(rtp(A, 3));
    a.rtp.receive(rtp(A, 4));
    const [clock, ...more] = viewer.rtcp.take().map(read);
    assert.ok(clock?.[0] instanceof SenderReportPacket);
    assert.deepEqual(more, []);
  });

  it('brings a key frame of the one whom it watches', () => {
    const [a, b] = [speak(rooms, 'a', 'video'), speak(rooms, 'b', 'video')];
    for (const [{ rtp: port }, ssrc] of [
      [a, A],
      [b, B],
    ] as const)
      port.receive(rtp(ssrc, 1, 97));
    nowMs += 1000;
    for (const { rtcp } of [a, b]) rtcp.take();
    watch(rooms, a.leg);
    assert.ok(
      a.rtcp
        .take()
        .map(read)
        .flat()
        .some((packet) => packet instanceof PliPacket),
    );
    assert.deepEqual(b.rtcp.sent, []);
  });
});

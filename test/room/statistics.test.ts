// Loss, jitter and round trip of a room's participants: what the server counts itself (RFC 3550 appendix A.3, A.8), and
// what the participants' reports say (6.4.1).
import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import type { LegStatistics, Rooms } from '../../lib/room/index.js';
import { Reception } from '../../lib/room/reception.js';
import { readReportBlock } from '../../lib/room/rtcp-reports.js';
import type { Participant } from './participants.js';
import { block, bye, compound, join, receiverReport, rtp, senderReport } from './participants.js';

const ALICE = 0xa11ce;
const BOB = 0xb0b;
/** The middle of the NTP time in `senderReport`. */
const REPORT_TIME = 0x00018000;

function packet(sequence: number, timestamp = 0): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint16(2, sequence);
  new DataView(bytes.buffer).setUint32(4, timestamp);
  return bytes;
}

function receive(sequences: readonly number[]) {
  const reception = new Reception();
  for (const sequence of sequences) reception.handle(packet(sequence), 8000, 0);
  const { packets, expected, lost } = reception.statistics;
  return [packets, expected, lost];
}

describe('room: what is received of a source', () => {
  const cases: [string, readonly number[], readonly [packets: number, expected: number, lost: number]][] = [
    ['nothing', [], [0, 0, 0]],
    ['all', [1, 2, 3], [3, 3, 0]],
    ['all but two', [1, 2, 5], [3, 5, 2]],
    ['in another order', [1, 3, 2, 4], [4, 4, 0]],
    ['one twice: less than none is lost', [1, 2, 2, 3], [4, 3, -1]],
    ['over the wrap of the numbers', [65534, 65535, 0, 1], [4, 4, 0]],
    ['with losses over the wrap', [65534, 2], [2, 5, 3]],
    ['one from elsewhere: it says nothing', [1, 2, 30_000, 3], [4, 3, 0]],
    ['the source begins anew: what was lost before stays lost', [1, 3, 30_000, 30_001, 30_003], [5, 6, 2]],
  ];
  for (const [name, sequences, counted] of cases)
    it(name, () => assert.deepEqual(receive(sequences), counted));

  it('jitter: a sixteenth of each difference, in milliseconds of the codec', () => {
    const reception = new Reception();
    // 20 ms apart by their timestamps, the third is 8 ms late.
    for (const [index, atMs] of [0, 20, 48].entries())
      reception.handle(packet(index, 160 * index), 8000, atMs);
    assert.equal(reception.statistics.jitterMs, 8 / 16);
    reception.handle(packet(3, 480), 8000, 60);
    assert.equal(reception.statistics.jitterMs, 0.5 + (8 - 0.5) / 16);
  });

  it('jitter: timestamps that jump, another clock and telephone events are none', () => {
    const reception = new Reception();
    reception.handle(packet(1, 0), 8000, 0);
    reception.handle(packet(2, 0x7fffffff), 8000, 20);
    reception.handle(packet(3, 0x7fffffff + 960), 48_000, 40);
    reception.handle(packet(4, 0), 0, 400);
    assert.equal(reception.statistics.jitterMs, 0);
    assert.equal(reception.statistics.lost, 0);
  });
});

describe('room: what participants report', () => {
  let nowMs = 0;
  let rooms: Rooms;
  let alice: Participant;
  let bob: Participant;
  beforeEach(() => {
    nowMs = 1000;
    rooms = createRooms({ nowMs: () => nowMs });
    alice = join(rooms, 'tea');
    bob = join(rooms, 'tea');
    alice.rtp.receive(rtp(ALICE));
    bob.rtp.receive(rtp(BOB));
  });

  const of = ({ leg }: Participant): LegStatistics => {
    const statistics = rooms.statisticsOf(leg);
    assert.ok(statistics);
    return statistics;
  };

  function report(ssrc: number, heldMs: number, { lost = 3, lastReport = REPORT_TIME } = {}) {
    const one = block(ssrc, 80);
    one.setFractionLost(64);
    one.setLastSRTimestamp(lastReport);
    one.setDelaySinceLastSR(Math.round(heldMs * 65.536));
    const whole = receiverReport(BOB);
    whole.setReports([one]);
    const bytes = compound(whole);
    // All 24 bits: rtp.js writes 12.
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(12, ((64 << 24) | (lost & 0xffffff)) >>> 0);
    return bytes;
  }

  it('loss, jitter and the round trip between us and the reporter', () => {
    alice.rtcp.receive(compound(senderReport(ALICE)));
    nowMs += 540;
    bob.rtcp.receive(report(ALICE, 500));
    nowMs += 7;
    const [heard, ...others] = of(bob).reports;
    assert.deepEqual(others, []);
    assert.ok(heard?.roundTripMs !== undefined && Math.abs(heard.roundTripMs - 40) < 0.1, 'LSR and DLSR');
    assert.deepEqual(
      { ...heard, roundTripMs: 40 },
      { ssrc: ALICE, from: undefined, fractionLost: 0.25, lost: 3, jitterMs: 10, roundTripMs: 40, ageMs: 7 },
    );
    assert.deepEqual(of(alice).reports, []);
    assert.deepEqual(of(alice).sends, [
      { ssrc: ALICE, channel: 'audio', packets: 1, expected: 1, lost: 0, jitterMs: 0 },
    ]);
  });

  it('the cumulative loss has 24 bits and a sign', () => {
    for (const lost of [0, 1, -1, 0x7fffff, -0x800000, 5000]) {
      bob.rtcp.receive(report(ALICE, 0, { lost }));
      assert.equal(of(bob).reports[0]?.lost, lost);
    }
  });

  it('a sender report carries blocks too', () => {
    bob.rtcp.receive(compound(senderReport(BOB, ALICE)));
    assert.deepEqual(
      of(bob).reports.map(({ ssrc, fractionLost, jitterMs }) => [ssrc, fractionLost, jitterMs]),
      [[ALICE, 9 / 256, 7 / 8]],
    );
  });

  it('no round trip where no sender report of ours is answered, or where it was held longer than it can have been', () => {
    alice.rtcp.receive(compound(senderReport(ALICE)));
    nowMs += 100;
    for (const bytes of [
      report(ALICE, 10, { lastReport: 77 }),
      report(ALICE, 200),
      report(ALICE, 10, { lastReport: 0 }),
    ]) {
      bob.rtcp.receive(bytes);
      assert.equal(of(bob).reports[0]?.roundTripMs, undefined);
    }
    bob.rtcp.receive(report(ALICE, 100.5));
    assert.equal(of(bob).reports[0]?.roundTripMs, 0, 'clocks do not run alike');
  });

  it('a report that answers nothing keeps the round trip that is known', () => {
    alice.rtcp.receive(compound(senderReport(ALICE)));
    nowMs += 30;
    bob.rtcp.receive(report(ALICE, 0));
    nowMs += 5000;
    bob.rtcp.receive(report(ALICE, 0, { lastReport: 0, lost: 4 }));
    assert.deepEqual(
      of(bob).reports.map(({ lost, roundTripMs }) => [lost, roundTripMs]),
      [[4, 30]],
    );
  });

  it('nothing is noted of a source that nobody has, of ones own, or in the name of another', () => {
    bob.rtcp.receive(compound(receiverReport(BOB, 0xdead)));
    bob.rtcp.receive(compound(receiverReport(BOB, BOB)));
    alice.rtcp.receive(compound(receiverReport(BOB, ALICE)));
    assert.deepEqual([of(bob).reports, of(alice).reports.filter(({ ssrc }) => ssrc !== BOB)], [[], []]);
  });

  it('is gone with the source, and with the reporter', () => {
    bob.rtcp.receive(report(ALICE, 0));
    assert.equal(of(bob).reports.length, 1);
    alice.rtcp.receive(compound(receiverReport(ALICE), bye(ALICE)));
    alice.leg.leave();
    assert.deepEqual(of(bob).reports, []);
    bob.leg.leave();
    assert.equal(rooms.statisticsOf(bob.leg), undefined);
  });

  it('is bounded for each reporter, whatever is reported', () => {
    const speakers = Array.from({ length: 8 }, () => join(rooms, 'tea'));
    for (const [index, speaker] of speakers.entries())
      for (let ssrc = 1; ssrc <= 31; ssrc++) speaker.rtp.receive(rtp(1000 * (index + 1) + ssrc));
    for (let index = 0; index < speakers.length; index++)
      bob.rtcp.receive(
        compound(receiverReport(BOB, ...Array.from({ length: 31 }, (_, at) => 1000 * (index + 1) + at + 1))),
      );
    const reported = of(bob).reports.map(({ ssrc }) => ssrc);
    assert.equal(reported.length, 128);
    assert.equal(reported.at(-1), 8031, 'the oldest went');
  });

  it('reads a block where it stands', () => {
    const bytes = compound(receiverReport(BOB, 1, 2));
    assert.equal(readReportBlock(bytes, 'rr', 1).ssrc, 2);
    assert.equal(readReportBlock(bytes, 'rr', 1).delaySinceLastReport, 0x1000);
  });
});

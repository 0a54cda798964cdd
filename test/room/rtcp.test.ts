import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ByePacket,
  DlrrExtendedReport,
  GenericFeedbackPacket,
  GenericPacket,
  NackPacket,
  PliPacket,
  ReceiverReportPacket,
  RrtExtendedReport,
  SdesPacket,
  SenderReportPacket,
  SsExtendedReport,
  XrPacket,
} from 'rtp.js/packets';
import type { PsFeedbackMessageType, RtcpPacket } from 'rtp.js/packets';
import { createRooms } from '../../lib/room/index.js';
import type { Rooms } from '../../lib/room/index.js';
import { parseRtcp } from '../../lib/wire/rtcp.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import {
  block,
  bye,
  compound,
  join,
  names,
  read,
  receiverReport,
  renegotiate,
  rtp,
  senderReport,
  streamOf,
} from './participants.js';
import type { Participant } from './participants.js';

const A = 0xa0000001;
const B = 0xb0000001;
const C = 0xc0000001;

/** rtp.js has no name for FIR in its enumeration (RFC 5104 section 4.3.1). */
const FIR = 4 as PsFeedbackMessageType;

function kinds(packets: readonly RtcpPacket[]): string[] {
  return packets.map((packet) => packet.constructor.name);
}

function only(participant: Participant): RtcpPacket[] {
  const sent = participant.rtcp.take();
  assert.equal(sent.length, 1);
  return read(sent[0]);
}

function reportsIn(packet: RtcpPacket | undefined): number[] {
  assert.ok(packet instanceof SenderReportPacket || packet instanceof ReceiverReportPacket);
  return packet.getReports().map((report) => report.getSsrc());
}

function fir(sender: number, ...targets: number[]): GenericFeedbackPacket {
  const packet = new GenericFeedbackPacket(undefined, 206, FIR);
  packet.setSenderSsrc(sender);
  const body = new DataView(new ArrayBuffer(targets.length * 8));
  targets.forEach((ssrc, index) => body.setUint32(index * 8, ssrc));
  packet.setBody(body);
  return packet;
}

function remb(...targets: number[]): GenericFeedbackPacket {
  const packet = new GenericFeedbackPacket(undefined, 206, 15);
  packet.setSenderSsrc(B);
  const body = new DataView(new ArrayBuffer(8 + 4 * targets.length));
  body.setUint32(0, 0x52454d42);
  body.setUint32(4, (targets.length << 24) | 0x1000);
  targets.forEach((ssrc, index) => body.setUint32(8 + 4 * index, ssrc));
  packet.setBody(body);
  return packet;
}

function extended(sender: number, ...about: number[]): XrPacket {
  const packet = new XrPacket();
  packet.setSsrc(sender);
  for (const ssrc of about) {
    const summary = new SsExtendedReport();
    summary.setSsrc(ssrc);
    packet.addReport(summary);
  }
  return packet;
}

describe('room: RTCP to whom it concerns', () => {
  let rooms: Rooms;
  let a: Participant;
  let b: Participant;
  let c: Participant;

  beforeEach(() => {
    rooms = createRooms();
    [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    a.rtp.receive(rtp(A));
    b.rtp.receive(rtp(B));
    c.rtp.receive(rtp(C));
    for (const { rtp: port } of [a, b, c]) port.take();
  });

  it('SR and SDES go to all who hear the source, byte for byte', () => {
    const bytes = compound(senderReport(A), names([A, 'alice@example.com']));
    a.rtcp.receive(bytes);
    assert.deepEqual(b.rtcp.take(), [bytes]);
    assert.deepEqual(c.rtcp.take(), [bytes]);
    assert.deepEqual(a.rtcp.take(), []);
    assert.equal(b.leg.counters.rtcpSent, 1);
    assert.equal(a.leg.counters.rtcpReceived, 1);
  });

  it('the blocks of an SR go each to the owner of the source they are about', () => {
    a.rtcp.receive(compound(senderReport(A, B, C, 0xdead), names([A, 'alice'])));
    for (const [participant, ssrc] of [
      [b, B],
      [c, C],
    ] as const) {
      const [report, sdes] = only(participant);
      assert.ok(report instanceof SenderReportPacket);
      assert.deepEqual(reportsIn(report), [ssrc]);
      assert.deepEqual(
        [report.getSsrc(), report.getNtpSeconds(), report.getRtpTimestamp(), report.getOctetCount()],
        [A, 0xe0000001, 1600, 1600],
      );
      const [got] = report.getReports();
      assert.deepEqual(
        new Uint8Array(got!.getView().buffer, got!.getView().byteOffset, 24),
        blockBytes(ssrc),
      );
      assert.ok(sdes instanceof SdesPacket);
    }
  });

  it('the blocks of an RR go to the owners only; everybody who hears still gets the name', () => {
    b.rtcp.receive(compound(receiverReport(B, A), names([B, 'bob'])));
    assert.deepEqual(reportsIn(only(a)[0]), [A]);
    const [empty, sdes] = only(c);
    assert.ok(empty instanceof ReceiverReportPacket);
    assert.equal(empty.getSsrc(), B);
    assert.deepEqual(reportsIn(empty), []);
    assert.ok(sdes instanceof SdesPacket);
  });

  it('a second RR of one compound is told apart like the first', () => {
    b.rtcp.receive(compound(receiverReport(B, A), receiverReport(B, C)));
    assert.deepEqual(only(a).map(reportsIn), [[A]]);
    assert.deepEqual(only(c).map(reportsIn), [[], [C]]);
  });

  it('someone on hold gets the blocks about its own source as RR, and no SR', () => {
    renegotiate(a, { isListening: false });
    b.rtcp.receive(compound(senderReport(B, A, C), names([B, 'bob'])));
    const [report, sdes] = only(a);
    assert.ok(report instanceof ReceiverReportPacket);
    assert.equal(report.getSsrc(), B);
    assert.deepEqual(reportsIn(report), [A]);
    assert.ok(sdes instanceof SdesPacket);
    assert.ok(only(c)[0] instanceof SenderReportPacket);
  });

  it('nothing goes to c=0.0.0.0', () => {
    renegotiate(a, { isListening: false, isReportable: false });
    b.rtcp.receive(compound(senderReport(B, A)));
    assert.equal(a.rtcp.sent.length, 0);
    assert.equal(a.leg.counters.dropped.direction, 1);
  });

  it('NACK, PLI and FIR go to the owner, after an empty report and with the name', () => {
    const nack = new NackPacket();
    nack.setSenderSsrc(B);
    nack.setMediaSsrc(A);
    nack.addItem(100, 0b101);
    const pli = new PliPacket();
    pli.setSenderSsrc(B);
    pli.setMediaSsrc(C);
    b.rtcp.receive(compound(receiverReport(B), names([B, 'bob']), nack, pli, fir(B, A)));
    const atA = only(a);
    assert.deepEqual(kinds(atA), [
      'ReceiverReportPacket',
      'SdesPacket',
      'NackPacket',
      'GenericFeedbackPacket',
    ]);
    assert.deepEqual((atA[2] as NackPacket).getItems(), [{ pid: 100, bitmask: 0b101 }]);
    assert.deepEqual(kinds(only(c)), ['ReceiverReportPacket', 'SdesPacket', 'PliPacket']);
  });

  it('feedback of reduced size stays so (RFC 5506)', () => {
    const pli = new PliPacket();
    pli.setSenderSsrc(B);
    pli.setMediaSsrc(A);
    b.rtcp.receive(compound(pli));
    assert.deepEqual(kinds(only(a)), ['PliPacket']);
    assert.equal(c.rtcp.sent.length, 0);
  });

  it('feedback about nobody here is counted and goes nowhere', () => {
    const pli = new PliPacket();
    pli.setSenderSsrc(B);
    pli.setMediaSsrc(0xdead);
    b.rtcp.receive(compound(receiverReport(B, 0xdead), pli, remb(0xdead)));
    assert.equal(a.rtcp.sent.length + c.rtcp.sent.length, 0);
    assert.equal(b.leg.counters.dropped.rtcpUnroutable, 3);
  });

  it('an estimate of bandwidth (REMB) goes to those it lists', () => {
    b.rtcp.receive(compound(receiverReport(B), remb(A)));
    assert.deepEqual(kinds(only(a)), ['ReceiverReportPacket', 'GenericFeedbackPacket']);
    assert.equal(c.rtcp.sent.length, 0);
  });

  it('nobody is told about itself', () => {
    a.rtcp.receive(compound(receiverReport(A, A), fir(A, A)));
    assert.deepEqual(
      [a, b, c].map(({ rtcp }) => rtcp.sent.length),
      [0, 0, 0],
    );
  });

  it('extended reports are taken apart by their blocks; a reference time goes to all', () => {
    const dlrr = new DlrrExtendedReport();
    dlrr.addSubReport({ ssrc: C, lrr: 1, dlrr: 2 });
    const xr = extended(B, A);
    for (const report of [new RrtExtendedReport(), dlrr]) xr.addReport(report);
    b.rtcp.receive(compound(receiverReport(B), xr));
    const blocksOf = (packets: RtcpPacket[]) =>
      (packets[1] as XrPacket).getReports().map((report) => report.constructor.name);
    assert.deepEqual(blocksOf(only(a)), ['SsExtendedReport', 'RrtExtendedReport']);
    assert.deepEqual(blocksOf(only(c)), ['RrtExtendedReport', 'DlrrExtendedReport']);
  });

  it('APP goes to all who hear; types that cannot survive a split are counted', () => {
    const app = new GenericPacket(undefined, 204);
    app.setBody(new DataView(Uint8Array.of(0xa0, 0, 0, 1, 65, 66, 67, 68).buffer));
    const jitter = new GenericPacket(undefined, 209);
    jitter.setBody(new DataView(new ArrayBuffer(8)));
    a.rtcp.receive(compound(receiverReport(A), app, jitter));
    assert.deepEqual(kinds(only(b)), ['ReceiverReportPacket', 'GenericPacket']);
    assert.equal(a.leg.counters.dropped.rtcpUnroutable, 1);
  });

  it('goes to the RTP port with rtcp-mux and to its own without, wherever it came from', () => {
    renegotiate(b, { isRtcpMux: true });
    const bytes = compound(senderReport(A));
    a.rtp.receive(bytes);
    assert.deepEqual(b.rtp.take(), [bytes]);
    assert.deepEqual(b.rtcp.take(), []);
    assert.deepEqual(c.rtcp.take(), [bytes]);
    assert.deepEqual(c.rtp.take(), []);
  });

  it('a participant without an RTCP port is counted as without a path', () => {
    const { rtp: port } = join(createRooms(), 'elsewhere');
    const leg = rooms.join('hall', { call: 'd', streams: [{ stream: streamOf(a), rtp: port }] });
    a.rtcp.receive(compound(senderReport(A)));
    assert.equal(leg.counters.dropped.noPath, 1);
  });

  it('echo returns reports and feedback too', () => {
    const echo = join(rooms, 'echo');
    echo.rtp.receive(rtp(9));
    const bytes = compound(senderReport(9, 9), names([9, 'me']));
    echo.rtcp.receive(bytes);
    assert.deepEqual(echo.rtcp.take(), [bytes]);
  });
});

describe("room: RTCP in another's name", () => {
  it('is not taken: SR, RR, XR, SDES and BYE', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const impostor = join(rooms, 'hall');
    const c = join(rooms, 'hall');
    a.rtp.receive(rtp(A));
    impostor.rtp.receive(rtp(B));
    const xr = new XrPacket();
    xr.setSsrc(A);
    impostor.rtcp.receive(compound(receiverReport(B), senderReport(A), receiverReport(A), bye(A), xr));
    assert.equal(c.rtcp.sent.length, 0);
    assert.equal(impostor.leg.counters.dropped.ssrcConflict, 4);
    a.leg.leave();
    assert.deepEqual(
      read(c.rtcp.take()[0]).map((packet) => packet.constructor.name),
      ['ReceiverReportPacket', 'ByePacket'],
    );
  });

  it('is not taken further on in a compound either: feedback and packets of applications', () => {
    const rooms = createRooms();
    const [a, impostor, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    a.rtp.receive(rtp(A));
    impostor.rtp.receive(rtp(B));
    c.rtp.receive(rtp(C));
    const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
    const said = (sender: number) => [
      [0x80, 204, 0, 2, ...word(sender), ...Buffer.from('test')],
      [0x81, 206, 0, 2, ...word(sender), ...word(C)],
      [0x81, 205, 0, 3, ...word(sender), ...word(C), 0, 1, 0, 0],
    ];
    for (const [sender, parts] of [
      [A, 0],
      [B, 3],
    ] as const) {
      impostor.rtcp.receive(Buffer.from([...compound(receiverReport(B)), ...said(sender).flat()]));
      const heard = c.rtcp.take().flatMap((bytes) => read(bytes));
      // With what is delivered goes a report.
      assert.equal(Math.max(0, heard.length - 1), parts);
    }
    assert.equal(impostor.leg.counters.dropped.ssrcConflict, 3);
  });

  it('is taken for a collision when all of it is: it goes on under another number', () => {
    const rooms = createRooms();
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    a.rtp.receive(rtp(A));
    c.rtp.take();
    b.rtcp.receive(compound(senderReport(A), names([A, 'me']), bye(A)));
    const [report, sdes, farewell] = only(c);
    assert.ok(report instanceof SenderReportPacket && sdes instanceof SdesPacket);
    assert.ok(farewell instanceof ByePacket);
    const number = report.getSsrc();
    assert.notEqual(number, A);
    assert.deepEqual(
      [sdes.getChunks().map((chunk) => chunk.getSsrc()), farewell.getSsrcs()],
      [[number], [number]],
    );
    b.rtp.receive(rtp(A, 2));
    assert.deepEqual(c.rtp.take().map(readRtpSsrc), [number]);
    assert.equal(b.leg.counters.dropped.ssrcConflict, 0);
  });

  it('a BYE of sources that nobody has heard goes to nobody, and is counted', () => {
    const rooms = createRooms();
    const [a, b] = [join(rooms, 'hall'), join(rooms, 'hall')];
    b.rtp.receive(rtp(B));
    a.rtp.receive(rtp(A));
    a.rtcp.receive(compound(receiverReport(A), bye(A + 7, A + 8), bye(A + 9)));
    assert.deepEqual(b.rtcp.take(), []);
    assert.equal(a.leg.counters.dropped.rtcpUnroutable, 2);
    a.rtcp.receive(compound(receiverReport(A), bye(A, A + 7)));
    const [report, farewell] = only(b);
    assert.ok(report instanceof ReceiverReportPacket && farewell instanceof ByePacket);
    assert.deepEqual(farewell.getSsrcs(), [A]);
  });

  it('only the own part of a BYE goes on, and no SDES that names another', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    const c = join(rooms, 'hall');
    a.rtp.receive(rtp(A));
    b.rtp.receive(rtp(B));
    b.rtcp.receive(compound(receiverReport(B), names([B, 'bob'], [A, 'bob too']), bye(A, B)));
    const [report, farewell, ...rest] = only(c);
    assert.ok(report instanceof ReceiverReportPacket && farewell instanceof ByePacket);
    assert.deepEqual(farewell.getSsrcs(), [B]);
    assert.equal(rest.length, 0);
    assert.equal(b.leg.counters.dropped.ssrcConflict, 2);
  });

  it('the first report of a source makes the SSRC its own, before any media', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    a.rtcp.receive(compound(senderReport(A)));
    b.rtp.receive(rtp(A));
    assert.notEqual(a.rtp.take().map(readRtpSsrc)[0], A);
  });
});

describe('room: leaving', () => {
  function three(): Participant[] {
    const rooms = createRooms();
    return [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall', { isListening: false })];
  }

  it('sends one BYE for all SSRCs, with report and name, to those who heard them', () => {
    const [a, b, never] = three() as [Participant, Participant, Participant];
    a.rtp.receive(rtp(A));
    a.rtp.receive(rtp(A + 1));
    a.rtcp.receive(compound(senderReport(A), names([A, 'alice@example.com'])));
    b.rtcp.take();
    never.rtcp.take();
    a.leg.leave();
    const [report, sdes, farewell] = only(b);
    assert.ok(report instanceof ReceiverReportPacket && report.getSsrc() === A);
    assert.ok(sdes instanceof SdesPacket);
    assert.deepEqual(
      sdes.getChunks().map((chunk) => [chunk.getSsrc(), chunk.getItems()]),
      [[A, [{ type: 1, text: 'alice@example.com' }]]],
    );
    assert.ok(farewell instanceof ByePacket);
    assert.deepEqual(farewell.getSsrcs(), [A, A + 1]);
    assert.equal(never.rtcp.sent.length, 0);
    assert.equal(a.rtcp.sent.length, 0);
  });

  it('tells someone on hold, who heard it before', () => {
    const [a, b] = three() as [Participant, Participant, Participant];
    a.rtp.receive(rtp(A));
    renegotiate(b, { isListening: false });
    a.leg.leave();
    assert.deepEqual(kinds(only(b)), ['ReceiverReportPacket', 'ByePacket']);
  });

  it('says nothing for what has said BYE itself, stragglers included, and nothing for silence', () => {
    const [a, b, silent] = three() as [Participant, Participant, Participant];
    a.rtp.receive(rtp(A));
    a.rtp.receive(rtp(A + 1));
    a.rtcp.receive(compound(receiverReport(A), names([A, 'alice']), bye(A)));
    assert.deepEqual(kinds(only(b)), ['ReceiverReportPacket', 'SdesPacket', 'ByePacket']);
    a.rtp.receive(rtp(A, 2));
    a.leg.leave();
    const [, farewell] = only(b);
    assert.deepEqual((farewell as ByePacket).getSsrcs(), [A + 1]);
    silent.leg.leave();
    assert.equal(b.rtcp.sent.length, 0);
  });

  it('names up to 31 SSRCs in one BYE', () => {
    const [a, b] = three() as [Participant, Participant, Participant];
    for (let ssrc = 1; ssrc <= 40; ssrc++) a.rtp.receive(rtp(ssrc));
    a.leg.leave();
    const farewell = only(b).at(-1);
    assert.ok(farewell instanceof ByePacket);
    assert.deepEqual(
      farewell.getSsrcs(),
      Array.from({ length: 31 }, (_, index) => index + 10),
    );
  });

  it('goes on when a port throws at the BYE', () => {
    const rooms = createRooms();
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    a.rtp.receive(rtp(A));
    b.rtcp.error = new Error('closed');
    a.leg.leave();
    assert.equal(b.leg.counters.dropped.portError, 1);
    assert.equal(c.rtcp.sent.length, 1);
  });
});

describe('room: RTCP that is malformed', () => {
  const whole = compound(
    senderReport(A, B, C),
    names([A, 'alice@example.com']),
    fir(A, B),
    extended(A, B, C),
    bye(A),
  );

  it('every truncation of a compound is counted or routed, and nothing throws', () => {
    for (let size = 0; size < whole.length; size++) {
      const rooms = createRooms();
      const a = join(rooms, 'hall');
      const b = join(rooms, 'hall');
      b.rtp.receive(rtp(B));
      a.rtcp.receive(whole.subarray(0, size));
      const { notRtp, rtcpMalformed } = a.leg.counters.dropped;
      assert.equal(notRtp + rtcpMalformed + b.rtcp.sent.length, 1, `${size} bytes`);
    }
  });

  it('a part that cannot be read is left out, and the others go on', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    const extended = Uint8Array.from([...compound(receiverReport(A)), 1, 2, 3, 4]);
    extended[3] = 2;
    a.rtcp.receive(Buffer.concat([compound(senderReport(A)), extended, compound(bye(A))]));
    assert.deepEqual(kinds(only(b)), ['SenderReportPacket', 'ByePacket']);
    assert.equal(a.leg.counters.dropped.rtcpMalformed, 1);
  });

  it('a name that is no UTF-8 goes on as it is, and is not repeated at leaving', () => {
    const rooms = createRooms();
    const a = join(rooms, 'hall');
    const b = join(rooms, 'hall');
    a.rtp.receive(rtp(A));
    const sdes = compound(names([A, 'x'.repeat(250)])).map((byte) => (byte === 0x78 ? 0xe4 : byte));
    const bytes = Buffer.concat([compound(senderReport(A)), sdes]);
    a.rtcp.receive(bytes);
    assert.deepEqual(
      b.rtcp.take().map((sent) => Buffer.from(sent)),
      [bytes],
    );
    a.leg.leave();
    assert.deepEqual(kinds(only(b)), ['ReceiverReportPacket', 'ByePacket']);
  });

  it('a part that rtp.js reads but cannot write again goes to nobody who would need a part of it', () => {
    const rooms = createRooms();
    const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    b.rtp.receive(rtp(B));
    a.rtp.receive(rtp(A));
    const bytes = compound(extended(A, B));
    // A reference time is of 8 bytes after its header; this one claims 12.
    const tooLong = Uint8Array.of(4, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3);
    const longer = Uint8Array.from([...bytes, ...tooLong]);
    longer[3] = longer.length / 4 - 1;
    a.rtcp.receive(Buffer.concat([compound(receiverReport(A)), longer, compound(bye(A))]));
    assert.deepEqual(kinds(only(b)).at(-1), 'ByePacket');
    assert.deepEqual(kinds(only(c)), ['ReceiverReportPacket', 'ByePacket']);
    assert.equal(a.leg.counters.dropped.rtcpMalformed, 1);
  });

  it('changed bytes never throw, never reach the sender, and what is sent can be read by lib/wire', () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const rooms = createRooms();
        const [a, b, c] = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
        b.rtp.receive(rtp(B));
        c.rtp.receive(rtp(C));
        a.rtp.take();
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        a.rtcp.receive(bytes);
        a.leg.leave();
        assert.equal(a.rtcp.sent.length + a.rtp.sent.length, 0);
        for (const sent of [...b.rtcp.sent, ...c.rtcp.sent]) assert.ok(parseRtcp(sent).ok);
      }),
      { numRuns: 2000 },
    );
  });
});

function blockBytes(ssrc: number): Uint8Array {
  const view = block(ssrc).getView();
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

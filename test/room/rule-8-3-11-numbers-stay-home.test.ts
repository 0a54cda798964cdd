// protocol.md 8.3.11: who listens does not learn by which numbers the stream of a sender without a key goes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SenderReportPacket, SdesPacket } from 'rtp.js/packets';
import { createRooms } from '../../lib/room/index.js';
import type { Rooms, TappedPacket, TappedReport } from '../../lib/room/index.js';
import { parseRtcp, parseRtp } from '../../lib/wire/index.js';
import type { RtpHeader } from '../../lib/wire/rtp.js';
import { makeRtp } from '../support/media.js';
import { ClearPhone, KeyedRoom, LatchPhone, SrtpPhone } from './keyed-phones.js';
import {
  bye,
  compound,
  FakePort,
  join,
  names,
  read,
  receiverReport,
  renegotiate,
  senderReport,
  streamOf,
  streamWith,
} from './participants.js';
import type { Participant } from './participants.js';

const OWN = 0x0badcafe;
const FOREIGN = 0x5eed0001;

function keyless(rooms: Rooms, name = 'hall'): Participant {
  const participant = join(rooms, name);
  participant.rtp.isKeyless = true;
  return participant;
}

function said(sequence: number, timestamp = 160 * sequence, ssrc = OWN): Uint8Array {
  return makeRtp({ ssrc, sequence, timestamp, payload: Uint8Array.of(sequence >> 8, sequence, 3, 4) });
}

function headerOf(bytes: Uint8Array | undefined): RtpHeader {
  const header = parseRtp(bytes ?? new Uint8Array());
  assert.ok(header.ok);
  return header.value;
}

const headersOf = (port: FakePort): RtpHeader[] => port.take().map(headerOf);
const low16 = (number: number): number => number & 0xffff;
const uint32 = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32BE(at);

/** What the numbers of a stream are moved by, as nobody in the room knows it. */
function shiftOf(sent: Uint8Array, heard: RtpHeader): { sequence: number; timestamp: number } {
  const { sequence, timestamp } = headerOf(sent);
  return { sequence: low16(heard.sequence - sequence), timestamp: (heard.timestamp - timestamp) >>> 0 };
}

/** A keyless speaker and somebody who hears it, with what each has of the stream. */
function scene(options = {}) {
  const rooms = createRooms(options);
  const [speaker, listener] = [keyless(rooms), join(rooms, 'hall')];
  const first = said(1000);
  speaker.rtp.receive(first);
  const [heard] = headersOf(listener.rtp);
  assert.ok(heard);
  return { rooms, speaker, listener, heard, shift: shiftOf(first, heard) };
}

describe('rule 8.3.11: numbers stay home', () => {
  it('of a keyless sender nobody hears the SSRC, the sequence number or the timestamp, from the first packet on', () => {
    const heard = Array.from({ length: 400 }, () => scene());
    assert.ok(heard.every((one) => one.heard.ssrc !== OWN));
    // A distance that is drawn of 65536 is the same seldom, and takes every quarter about as often.
    for (const [of, span] of [
      [(one: (typeof heard)[0]) => one.shift.sequence, 2 ** 16],
      [(one: (typeof heard)[0]) => one.shift.timestamp, 2 ** 32],
      [(one: (typeof heard)[0]) => one.heard.ssrc, 2 ** 32],
    ] as const) {
      const all = heard.map(of);
      assert.ok(new Set(all).size > 390, 'the numbers of one stream say nothing of another');
      const quarters = [0, 1, 2, 3].map((at) => all.filter((n) => Math.floor((4 * n) / span) === at).length);
      assert.ok(Math.min(...quarters) > 50, String(quarters));
    }
  });

  it('of a sender that latch, ICE or SRTP proves all is as it is: not a byte is copied', () => {
    const rooms = createRooms();
    const [speaker, listener] = [join(rooms, 'hall'), join(rooms, 'hall')];
    const sent: unknown[] = [];
    listener.rtp.send = (bytes: Uint8Array) => sent.push(bytes) > 0;
    const packet = said(1);
    speaker.rtp.receive(packet);
    assert.equal(sent[0], packet);
  });

  it('all hear the same numbers, and who shares them shares the copy', () => {
    const rooms = createRooms();
    const speaker = keyless(rooms);
    const listeners = [join(rooms, 'hall'), join(rooms, 'hall'), join(rooms, 'hall')];
    const sent: Uint8Array[] = [];
    for (const { rtp } of listeners) rtp.send = (bytes: Uint8Array) => sent.push(bytes) > 0;
    speaker.rtp.receive(said(7));
    assert.equal(sent.length, 3);
    assert.equal(new Set(sent).size, 1);
    assert.notEqual(headerOf(sent[0]).ssrc, OWN);
  });

  it('gaps, repetitions and changes of order stay what they are, also over the ends of the numbers', () => {
    const packet = fc.record({
      sequence: fc.integer({ min: 0, max: 0xffff }),
      timestamp: fc.integer({ min: 0, max: 0xffffffff }),
      payloadType: fc.constantFrom(0, 0x80),
      payload: fc.uint8Array({ maxLength: 40 }),
      which: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 40 }), (packets) => {
        const rooms = createRooms();
        const [speaker, listener] = [keyless(rooms), join(rooms, 'hall')];
        const shifts = new Map<number, string>();
        const shown = new Map<number, number>();
        for (const { which, ...fields } of packets) {
          const sent = makeRtp({ ssrc: OWN + which, ...fields });
          speaker.rtp.receive(sent);
          const [bytes, ...more] = listener.rtp.take();
          assert.ok(bytes && more.length === 0);
          const heard = headerOf(bytes);
          const shift = JSON.stringify(shiftOf(sent, heard));
          assert.equal(shifts.get(which) ?? shift, shift);
          assert.equal(shown.get(which) ?? heard.ssrc, heard.ssrc);
          shifts.set(which, shift);
          shown.set(which, heard.ssrc);
          assert.deepEqual([bytes[0], bytes[1]], [sent[0], sent[1]]);
          assert.deepEqual(bytes.subarray(12), sent.subarray(12));
        }
        assert.equal(new Set(shown.values()).size, shown.size, 'each stream has a number of its own');
        assert.equal(new Set(shifts.values()).size, shifts.size, 'and distances of its own');
      }),
      { numRuns: 200 },
    );
  });

  it('a stream that wraps goes on without a jump', () => {
    const { speaker, listener, heard } = scene();
    for (let step = 1; step <= 140; step++)
      speaker.rtp.receive(said(low16(1000 + 500 * step), (160_000 + 33_554_432 * step) >>> 0));
    let before = heard;
    for (const header of headersOf(listener.rtp)) {
      assert.equal(low16(header.sequence - before.sequence), 500);
      assert.equal((header.timestamp - before.timestamp) >>> 0, 33_554_432);
      before = header;
    }
  });

  it('a new SSRC of the sender is a new stream with other numbers', () => {
    const { speaker, listener, heard, shift } = scene();
    const next = said(1001, 160_160, OWN + 1);
    speaker.rtp.receive(next);
    const [other] = headersOf(listener.rtp);
    assert.ok(other);
    assert.notEqual(other.ssrc, heard.ssrc);
    assert.notDeepEqual(shiftOf(next, other), shift);
  });

  it('an SSRC that is drawn as it was before keeps no other number at home', () => {
    const drawn = [1, 2, OWN, 5, 7];
    const { heard, shift } = scene({ random: () => drawn.shift() ?? 9 });
    assert.deepEqual([heard.ssrc, shift], [OWN, { sequence: 5, timestamp: 7 }]);
  });

  it('no SSRC is drawn that begins with a zero, which readers of names stumble over', () => {
    const drawn = [1, 2, 0x00ffffff, 0x01000000, 5, 7];
    assert.equal(scene({ random: () => drawn.shift() ?? 9 }).heard.ssrc, 0x01000000);
  });

  it('two without a key who use one SSRC are told apart, and each gets what is said to it', () => {
    const rooms = createRooms();
    const [one, other, listener] = [keyless(rooms), keyless(rooms), join(rooms, 'hall')];
    one.rtp.receive(said(1));
    other.rtp.receive(said(2));
    const [first, second] = headersOf(listener.rtp);
    assert.ok(first && second);
    assert.equal(new Set([OWN, first.ssrc, second.ssrc]).size, 3);
    assert.deepEqual(
      [one, other].map(({ rtp }) => headersOf(rtp)[0]?.ssrc),
      [second.ssrc, first.ssrc],
    );
    listener.rtcp.receive(compound(receiverReport(FOREIGN, second.ssrc)));
    assert.deepEqual([one.rtcp.take().length, uint32(other.rtcp.take()[0]!, 8)], [0, OWN]);
  });

  it('those whom a mixer heard are not told, and the rest of the packet is', () => {
    const rooms = createRooms();
    const [speaker, listener] = [keyless(rooms), join(rooms, 'hall')];
    const extension = [0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0];
    const mixed = Buffer.concat([
      said(5).subarray(0, 12),
      Buffer.from('0badcafe11223344', 'hex'),
      Uint8Array.from([...extension, 9, 8, 7]),
    ]);
    mixed[0] = 0x92;
    speaker.rtp.receive(mixed);
    const [bytes] = listener.rtp.take();
    assert.ok(bytes);
    assert.equal(bytes[0], 0x90);
    assert.deepEqual([...bytes.subarray(12)], [...extension, 9, 8, 7]);
    assert.equal(headerOf(bytes).csrcCount, 0);
    // A list that is cut off is no list.
    for (let length = 12; length < 20; length++) speaker.rtp.receive(mixed.subarray(0, length));
    for (const cut of listener.rtp.take()) assert.ok(cut.length === 12 && cut[0] === 0x90);
  });

  it('who watches hears the same numbers as all', () => {
    const { rooms, speaker, heard } = scene();
    const port = new FakePort();
    const streams = [{ stream: streamWith({ isSending: false }), rtp: port, speaker: speaker.leg }];
    rooms.watch('hall', { call: 'viewer', streams });
    speaker.rtp.receive(said(1001));
    const [seen] = headersOf(port);
    assert.deepEqual([seen?.ssrc, seen?.sequence], [heard.ssrc, low16(heard.sequence + 1)]);
  });
});

describe('rule 8.3.11: rooms that are closed at two', () => {
  const isPair = (name: string): boolean => name === 'pair';

  it('keep the numbers, and take no third and nobody who watches', () => {
    const rooms = createRooms({ isPair });
    const [one, other] = [keyless(rooms, 'pair'), join(rooms, 'pair')];
    const packet = said(4);
    one.rtp.receive(packet);
    assert.deepEqual(other.rtp.take(), [packet]);
    assert.ok(rooms.isFull('pair'));
    assert.throws(() => join(rooms, 'pair'), /RangeError: the room has 2 participants already/);
    const streams = [{ stream: streamWith(), rtp: new FakePort(), speaker: one.leg }];
    assert.throws(() => rooms.watch('pair', { call: 'viewer', streams }), RangeError);
  });

  it('are none but those that are named so: two in another room may be three soon', () => {
    const rooms = createRooms({ isPair });
    const [one, other] = [keyless(rooms), join(rooms, 'hall')];
    one.rtp.receive(said(4));
    assert.notEqual(headersOf(other.rtp)[0]?.ssrc, OWN);
    assert.ok(!rooms.isFull('hall'));
  });

  it('in echo everybody hears its own numbers', () => {
    const rooms = createRooms();
    const alone = keyless(rooms, 'echo');
    const packet = said(4);
    alone.rtp.receive(packet);
    assert.deepEqual(alone.rtp.take(), [packet]);
  });
});

describe('rule 8.3.11: what proves a sender changes in mid call', () => {
  for (const isTold of [true, false])
    it(`from keyed to keyless it begins then${isTold ? '' : ', though nobody tells the room'}`, () => {
      const rooms = createRooms();
      const [speaker, listener] = [join(rooms, 'hall'), join(rooms, 'hall')];
      const last = said(1);
      speaker.rtp.receive(last);
      assert.deepEqual(listener.rtp.take(), [last]);
      speaker.rtp.isKeyless = true;
      if (isTold) renegotiate(speaker, {});
      speaker.rtp.receive(said(2));
      speaker.rtp.receive(said(3));
      const [first, second] = headersOf(listener.rtp);
      assert.ok(first && second);
      assert.notEqual(first.ssrc, OWN);
      assert.deepEqual([second.ssrc, second.sequence], [first.ssrc, low16(first.sequence + 1)]);
      // Who heard it under its own number is told that this one has ended.
      const farewells = listener.rtcp.take();
      assert.equal(farewells.length, 1);
      assert.ok(Buffer.from(farewells[0]!).includes(Buffer.from('0badcafe', 'hex')));
      // Feedback about the old number finds nobody; about the new one it finds the sender.
      listener.rtcp.receive(compound(receiverReport(FOREIGN, OWN)));
      assert.equal(speaker.rtcp.take().length, 0);
      listener.rtcp.receive(compound(receiverReport(FOREIGN, first.ssrc)));
      assert.equal(speaker.rtcp.take().length, 1);
    });

  it('the next report of a sender that has no key any more says no number of it', () => {
    const rooms = createRooms();
    const [speaker, listener] = [join(rooms, 'hall'), join(rooms, 'hall')];
    speaker.rtp.receive(said(1));
    listener.rtp.take();
    speaker.rtp.isKeyless = true;
    speaker.rtcp.receive(compound(senderReport(OWN), names([OWN, 'a@b'])));
    const [farewell, report] = listener.rtcp.take();
    assert.ok(Buffer.from(farewell!).includes(Buffer.from('0badcafe', 'hex')));
    assert.ok(!Buffer.from(report!).includes(Buffer.from('0badcafe', 'hex')));
  });

  it('from keyless to keyed a stream keeps what it began with, and the next has its own', () => {
    const { speaker, listener, heard, shift } = scene();
    speaker.rtp.isKeyless = false;
    renegotiate(speaker, { audioLevelId: 0 });
    speaker.rtp.receive(said(1001));
    const [kept] = headersOf(listener.rtp);
    assert.deepEqual([kept?.ssrc, kept?.sequence], [heard.ssrc, low16(1001 + shift.sequence)]);
    speaker.rtcp.receive(compound(senderReport(OWN), names([OWN, 'a@b'])));
    const [report] = listener.rtcp.take();
    assert.deepEqual([uint32(report!, 4), uint32(report!, 16)], [heard.ssrc, (1600 + shift.timestamp) >>> 0]);
    const next = said(1, 1, OWN + 1);
    speaker.rtp.receive(next);
    assert.deepEqual(listener.rtp.take(), [next]);
  });
});

describe('rule 8.3.11: RTCP', () => {
  it('a sender report is about the stream as it is heard: its SSRC, its timestamps', () => {
    const { speaker, listener, heard, shift } = scene();
    speaker.rtcp.receive(compound(senderReport(OWN), names([OWN, 'phone@192.0.2.1'])));
    const [report, sdes] = read(listener.rtcp.take()[0]);
    assert.ok(report instanceof SenderReportPacket && sdes instanceof SdesPacket);
    assert.equal(report.getSsrc(), heard.ssrc);
    assert.equal(report.getRtpTimestamp(), (1600 + shift.timestamp) >>> 0);
    assert.deepEqual([report.getNtpSeconds(), report.getPacketCount()], [0xe0000001, 10]);
    assert.deepEqual(
      sdes.getChunks().map((chunk) => chunk.getSsrc()),
      [heard.ssrc],
    );
  });

  it('a CNAME says nothing but what belongs together', () => {
    const { speaker, listener } = scene();
    const nameOf = (bytes: Uint8Array | undefined) =>
      read(bytes)
        .flatMap((packet) => (packet instanceof SdesPacket ? packet.getChunks() : []))
        .flatMap((chunk) => chunk.getItems());
    const tell = (ssrc: number, cname: string) => {
      speaker.rtcp.receive(compound(senderReport(ssrc), names([ssrc, cname])));
      return nameOf(listener.rtcp.take()[0]);
    };
    const [one, other] = [tell(OWN, 'phone@192.0.2.1'), tell(OWN + 1, 'phone@192.0.2.1')];
    assert.deepEqual(one, other);
    assert.match(one[0]!.text, /^[\w-]{16}$/);
    assert.notDeepEqual(tell(OWN + 2, 'another'), one);
    // The room says the same name when it says farewell for it.
    speaker.leg.leave();
    assert.ok(nameOf(listener.rtcp.take()[0]).some(({ text }) => text === one[0]!.text));
  });

  it('a farewell is for the SSRC that was heard', () => {
    const { speaker, listener, heard } = scene();
    speaker.rtcp.receive(compound(receiverReport(OWN), bye(OWN)));
    const farewell = listener.rtcp.take()[0]!;
    assert.equal(uint32(farewell, farewell.length - 4), heard.ssrc);
    speaker.leg.leave();
    assert.equal(listener.rtcp.take().length, 0);
  });

  it('a report about it comes back in its own numbers', () => {
    const { speaker, listener, heard, shift } = scene();
    for (const report of [receiverReport(FOREIGN, heard.ssrc), senderReport(FOREIGN, heard.ssrc)]) {
      listener.rtcp.receive(compound(report));
      const bytes = speaker.rtcp.take()[0]!;
      const at = report instanceof SenderReportPacket ? 28 : 8;
      assert.equal(uint32(bytes, at), OWN);
      assert.equal(uint32(bytes, at + 8), (0x10203 - shift.sequence) >>> 0);
      assert.deepEqual([uint32(bytes, at + 16), uint32(bytes, at + 20)], [0xcafe0001, 0x1000]);
    }
  });

  it('what one reports of several comes to each about its own alone', () => {
    const rooms = createRooms();
    const [one, keyed, listener] = [keyless(rooms), join(rooms, 'hall'), join(rooms, 'hall')];
    one.rtp.receive(said(1));
    keyed.rtp.receive(said(1, 1, FOREIGN + 1));
    const [first] = headersOf(listener.rtp);
    listener.rtcp.receive(compound(receiverReport(FOREIGN, first!.ssrc, FOREIGN + 1)));
    assert.equal(uint32(one.rtcp.take()[0]!, 8), OWN);
    const toKeyed = keyed.rtcp.take()[0]!;
    assert.deepEqual([uint32(toKeyed, 8), uint32(toKeyed, 16)], [FOREIGN + 1, 0x10203]);
  });

  it('packets that are asked for again are those that it sent', () => {
    const { speaker, listener, heard, shift } = scene();
    const nack = (type: number) =>
      Buffer.from([
        0x80 | type,
        205,
        0,
        4,
        ...words(FOREIGN, heard.ssrc),
        ...half(heard.sequence),
        0,
        5,
        ...half(3),
        0,
        0,
      ]);
    for (const type of [1, 7]) {
      listener.rtcp.receive(nack(type));
      const bytes = Buffer.from(speaker.rtcp.take()[0]!);
      assert.deepEqual([uint32(bytes, 4), uint32(bytes, 8)], [FOREIGN, OWN]);
      assert.deepEqual([bytes.readUInt16BE(12), bytes.readUInt16BE(14)], [1000, 5]);
      assert.equal(bytes.readUInt16BE(16), low16(3 - shift.sequence));
    }
  });

  it('key frames are asked of it, by PLI and by FIR', () => {
    const { speaker, listener, heard } = scene();
    listener.rtcp.receive(Uint8Array.from([0x81, 206, 0, 2, ...words(FOREIGN, heard.ssrc)]));
    assert.equal(uint32(speaker.rtcp.take()[0]!, 8), OWN);
    listener.rtcp.receive(Uint8Array.from([0x84, 206, 0, 4, ...words(FOREIGN, 0, heard.ssrc, 0x01000000)]));
    assert.equal(uint32(speaker.rtcp.take()[0]!, 12), OWN);
    const remb = [0x8f, 206, 0, 5, ...words(FOREIGN, 0, 0x52454d42, 0x01000001, heard.ssrc)];
    listener.rtcp.receive(Uint8Array.from(remb));
    assert.equal(uint32(speaker.rtcp.take()[0]!, 20), OWN);
  });

  it('extended reports are about the packets that it sent, and come at their times', () => {
    const { speaker, listener, heard, shift } = scene();
    const range = [...half(heard.sequence), ...half(heard.sequence + 2)];
    const times = [...range, ...words(shift.timestamp, shift.timestamp + 160)];
    const blocks: [type: number, rest: readonly number[]][] = [
      [1, [...range, 0xc0, 0, 0, 0]],
      [2, [...range, 0xc0, 0, 0, 0]],
      [3, times],
      [6, [...range, ...words(0, 0, 0, 0, 0, 0, 0)]],
    ];
    for (const [type, rest] of blocks) {
      const block = [type, 0, ...half(1 + rest.length / 4), ...words(heard.ssrc), ...rest];
      listener.rtcp.receive(
        Uint8Array.from([0x80, 207, ...half(1 + block.length / 4), ...words(FOREIGN), ...block]),
      );
      const bytes = Buffer.from(speaker.rtcp.take()[0] ?? []);
      assert.equal(bytes.readUInt32BE(12), OWN, `block ${type}`);
      assert.deepEqual([bytes.readUInt16BE(16), bytes.readUInt16BE(18)], [1000, 1002], `block ${type}`);
      if (type === 3) assert.deepEqual([bytes.readUInt32BE(20), bytes.readUInt32BE(24)], [0, 160]);
    }
  });

  it('a tap goes by the numbers of the sender, reports and packets alike', () => {
    const rooms = createRooms();
    const [speaker, listener] = [keyless(rooms), join(rooms, 'hall')];
    const packets: TappedPacket[] = [];
    const reports: TappedReport[] = [];
    rooms.tap({ onPacket: (_, one) => packets.push(one), onReport: (_, one) => reports.push(one) });
    const packet = said(9);
    speaker.rtp.receive(packet);
    speaker.rtcp.receive(compound(senderReport(OWN), names([OWN, 'a@b'])));
    assert.equal(packets[0]?.bytes, packet);
    const shown = headersOf(listener.rtp)[0]?.ssrc;
    assert.deepEqual([packets[0].ssrc, reports[0]?.ssrc], [shown, shown]);
    assert.deepEqual([reports[0]?.timestamp, uint32(reports[0]!.bytes, 16)], [1600, 1600]);
  });

  it('whatever its reports are, they have no SSRC of its own in them', () => {
    const secret = fc.constantFrom(OWN, OWN + 1, OWN + 2);
    const part = fc.oneof(
      secret.map((ssrc) => senderReport(ssrc)),
      secret.map((ssrc) => receiverReport(ssrc, FOREIGN)),
      fc
        .tuple(secret, fc.constantFrom('a@b', '0badcafe'))
        .map(([ssrc, cname]) => names([ssrc, cname], [ssrc + 1, 'c'])),
      secret.map((ssrc) => bye(ssrc)),
    );
    const raw = fc.oneof(
      secret.map((ssrc) => [0x80, 204, 0, 3, ...words(ssrc, 0x506f4331, ssrc)]),
      secret.map((ssrc) => [0x81, 206, 0, 2, ...words(ssrc, FOREIGN)]),
      secret.map((ssrc) => [0x81, 205, 0, 3, ...words(ssrc, FOREIGN, 0x00010000)]),
      secret.map((ssrc) => [0x80, 207, 0, 4, ...words(ssrc, 0x04000002, 1, 2)]),
    );
    const packets = fc.array(
      fc.oneof(
        part.map((one) => [...compound(one)]),
        raw,
      ),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.array(packets, { maxLength: 6 }), (compounds) => {
        const rooms = createRooms();
        const [speaker, listener] = [keyless(rooms), join(rooms, 'hall')];
        listener.rtp.receive(said(1, 1, FOREIGN));
        for (const [at, parts] of compounds.entries()) {
          if (at === 2) speaker.rtp.receive(said(at));
          speaker.rtcp.receive(Uint8Array.from(parts.flat()));
          for (const bytes of [...listener.rtcp.take(), ...listener.rtp.take()]) {
            const text = Buffer.from(bytes).toString('hex');
            assert.doesNotMatch(text, /0badca|0badcb/);
            assert.doesNotMatch(text, new RegExp(Buffer.from('0badcafe').toString('hex')));
            assert.ok(parseRtcp(bytes).ok || parseRtp(bytes).ok);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('feedback goes out in a name of the room, and what cannot be read does not', () => {
    const { speaker, listener, heard } = scene();
    listener.rtp.receive(said(1, 1, FOREIGN));
    const pli = (ssrc: number) => Uint8Array.from([0x81, 206, 0, 2, ...words(ssrc, FOREIGN)]);
    // Behind a report of the one, feedback of the other: both get numbers of the room.
    speaker.rtcp.receive(Uint8Array.from([...compound(receiverReport(OWN)), ...pli(OWN + 1)]));
    const bytes = listener.rtcp.take()[0]!;
    const at = bytes.length - 8;
    assert.deepEqual([uint32(bytes, 4), uint32(bytes, at + 4)], [heard.ssrc, FOREIGN]);
    assert.ok(![OWN, OWN + 1, heard.ssrc].includes(uint32(bytes, at)));
    // An application's own packet may say numbers: "the last packet of this talk was 1000".
    speaker.rtcp.receive(Uint8Array.from([0x80, 204, 0, 2, ...words(OWN, 0x506f4331)]));
    assert.equal(listener.rtcp.take().length, 0);
    assert.equal(speaker.leg.counters.dropped.rtcpUnroutable, 1);
  });
});

describe('rule 8.3.11: phones of each kind in one room', () => {
  let room: KeyedRoom;

  beforeEach(() => {
    room = new KeyedRoom();
  });
  afterEach(() => room.close());

  it('of those with SRTP or latch the numbers are told, of the one that nothing proves they are not', () => {
    const phones = [
      new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1' }),
      new LatchPhone(room, { ssrc: 22, address: '198.51.100.2' }),
      new ClearPhone(room, { ssrc: 33, address: '198.51.100.3' }),
    ];
    // The one without a key is heard after a run.
    for (let round = 0; round < 6; round++) {
      room.advance(100);
      for (const phone of phones) {
        phone.talk();
        phone.report();
      }
    }
    room.advance(100);
    assert.deepEqual(
      phones.map(({ isKeyless }) => isKeyless),
      [false, false, true],
    );
    const [srtp, latch, clear] = phones.map(({ ssrcsHeard }) => [...ssrcsHeard].sort((a, b) => a - b));
    assert.deepEqual(clear, [11, 22]);
    const [hidden] = srtp!.filter((ssrc) => ssrc !== 22);
    assert.ok(hidden !== undefined && hidden !== 33, `heard as ${hidden}`);
    assert.deepEqual([srtp?.length, latch?.length], [2, 2]);
    assert.deepEqual(
      latch,
      [11, hidden].sort((a, b) => a - b),
    );
  });
});

describe('rule 8.3.11: data', () => {
  it('that is not RTP goes on as it is', () => {
    const rooms = createRooms();
    const data = { channel: 'application udp x', isRtp: false, accepts: [], sends: [] };
    const [one, other] = [join(rooms, 'hall', data), join(rooms, 'hall', data)];
    one.rtp.isKeyless = true;
    assert.equal(streamOf(one).isRtp, false);
    const datagram = said(77);
    one.rtp.receive(datagram);
    assert.deepEqual(other.rtp.take(), [datagram]);
  });
});

function words(...numbers: number[]): number[] {
  return numbers.flatMap((number) => [
    number >>> 24,
    (number >>> 16) & 0xff,
    (number >>> 8) & 0xff,
    number & 0xff,
  ]);
}

function half(number: number): number[] {
  return [(number >>> 8) & 0xff, number & 0xff];
}

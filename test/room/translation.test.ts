import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RtpPacket } from 'rtp.js/packets';
import { createRooms } from '../../lib/room/index.js';
import type { Format } from '../../lib/room/index.js';
import { parseRtp } from '../../lib/wire/rtp.js';
import { enter, FakePort, join, portOf, rtp, sdpOf, streamWith } from './participants.js';

/** RTP with a header extension of these bytes, whole words, and this payload. */
function packet(
  payloadType: number,
  payload: readonly number[],
  extension?: { id: number; value: readonly number[] },
): Uint8Array {
  const header = rtp(7, 1, payloadType).subarray(0, 12);
  if (!extension) return Uint8Array.from([...header, ...payload]);
  header[0] = 0x90;
  const { id, value } = extension;
  return Uint8Array.from([...header, id >> 8, id & 0xff, 0, value.length / 4, ...value, ...payload]);
}

function video(payloadType: number, codec: string, fmtp = ''): string {
  const lines = [`m=video 5000 RTP/AVP ${payloadType}`, `a=rtpmap:${payloadType} ${codec}/90000`];
  return sdpOf(fmtp === '' ? lines : [...lines, `a=fmtp:${payloadType} ${fmtp}`]);
}

describe('room: payload types of another', () => {
  it('are changed in a copy; the marker and everything else stay, and nobody else sees it', () => {
    const rooms = createRooms();
    const speaker = enter(rooms, 'hall', video(96, 'VP8'));
    const others = [97, 96, 98].map((number) => enter(rooms, 'hall', video(number, 'VP8')));
    const sent = rtp(7, 1, 96);
    sent[1]! |= 0x80;
    const before = Uint8Array.from(sent);
    portOf(speaker, 0).receive(sent);
    assert.deepEqual(sent, before);
    for (const [index, number] of [97, 96, 98].entries()) {
      const expected = Uint8Array.from(before);
      expected[1] = 0x80 | number;
      assert.deepEqual(portOf(others[index]!, 0).sent, [expected]);
    }
  });

  it('are one copy for all who want the same', () => {
    const rooms = createRooms();
    const speaker = enter(rooms, 'hall', video(96, 'VP8'));
    const seen: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      const port = portOf(enter(rooms, 'hall', video(97, 'VP8')), 0);
      port.send = (bytes) => seen.push(bytes) > 0;
    }
    portOf(speaker, 0).receive(rtp(7, 1, 96));
    assert.equal(seen.length, 3);
    assert.ok(seen.every((bytes) => bytes === seen[0]));
  });

  it('map one to one between any two: what comes back has the number that it went out with', () => {
    const codecs = ['opus/48000/2', 'PCMU/8000', 'PCMA/8000', 'G722/8000'];
    const numbers = fc.uniqueArray(
      fc.oneof(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 96, max: 127 })),
      {
        minLength: codecs.length,
        maxLength: codecs.length,
      },
    );
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        const formatsOf = (given: number[]): Format[] =>
          codecs.map((codec, index) => ({ payloadType: given[index]!, codec }));
        const rooms = createRooms();
        const a = join(rooms, 'hall', { accepts: formatsOf(one) });
        const b = join(rooms, 'hall', { accepts: formatsOf(other) });
        const reached = one.map((number) => {
          a.rtp.receive(rtp(1, 1, number));
          const [there] = b.rtp.take();
          b.rtp.receive(Uint8Array.from(there!).fill(2, 11, 12));
          const [back] = a.rtp.take();
          assert.equal(back![1], number);
          return there![1];
        });
        assert.deepEqual(reached, other);
      }),
    );
  });
});

describe('room: the same codec, or not', () => {
  const cases: readonly [from: string, to: string, codec: string, isTaken: boolean][] = [
    [
      'profile-level-id=42e01f;packetization-mode=1',
      'packetization-mode=1;profile-level-id=42E034',
      'H264',
      true,
    ],
    ['profile-level-id=42e01f', 'profile-level-id=42e01f;packetization-mode=0', 'H264', true],
    ['', 'profile-level-id=42000a', 'H264', true],
    ['profile-level-id=42e01f', 'profile-level-id=42e01f;packetization-mode=1', 'H264', true],
    ['profile-level-id=42e01f;packetization-mode=1', 'profile-level-id=42e01f', 'H264', false],
    ['profile-level-id=4d801f', 'profile-level-id=42c01f', 'H264', true],
    ['profile-level-id=42e01f', 'profile-level-id=64001f', 'H264', true],
    ['profile-level-id=64001f', 'profile-level-id=42e01f', 'H264', false],
    ['profile-level-id=42801f', 'profile-level-id=42e01f', 'H264', false],
    ['packetization-mode=2', 'packetization-mode=1', 'H264', false],
    ['profile-id=0', '', 'VP9', true],
    ['profile-id=2', 'profile-id=0', 'VP9', false],
    ['level-idx=5;profile=0;tier=0', 'profile=0', 'AV1', true],
    ['profile=1', 'profile=0', 'AV1', false],
    ['max-fr=30', '', 'VP8', true],
  ];
  for (const [from, to, codec, isTaken] of cases) {
    it(`${codec} "${from}" is ${isTaken ? '' : 'not '}taken by "${to}"`, () => {
      const rooms = createRooms();
      const a = enter(rooms, 'hall', video(96, codec, from));
      const b = enter(rooms, 'hall', video(97, codec, to));
      portOf(a, 0).receive(rtp(1, 1, 96));
      assert.deepEqual(
        portOf(b, 0).sent.map((bytes) => bytes[1]),
        isTaken ? [97] : [],
      );
      assert.equal(b.leg.counters.dropped.payloadType, isTaken ? 0 : 1);
    });
  }

  it('opus is opus, whatever each likes to receive', () => {
    const rooms = createRooms();
    const opus = (fmtp: string) =>
      sdpOf(['m=audio 5000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2', `a=fmtp:111 ${fmtp}`]);
    const a = enter(rooms, 'hall', opus('useinbandfec=1'));
    const b = enter(rooms, 'hall', opus('stereo=1;maxaveragebitrate=20000'));
    portOf(a, 0).receive(rtp(1, 1, 111));
    assert.equal(portOf(b, 0).sent.length, 1);
  });
});

describe('room: audio levels', () => {
  const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
  const audio = (id?: number) =>
    sdpOf(['m=audio 5000 RTP/AVP 0', ...(id === undefined ? [] : [`a=extmap:${id} ${LEVEL}`])]);
  const short = { id: 0xbede, value: [0x50, 1, 0, 0x10, 0x85, 0x20, 2, 0] };

  for (const [what, extension, expected] of [
    ['one byte', short, [0x50, 1, 0, 0x30, 0x85, 0x20, 2, 0]],
    ['two bytes', { id: 0x1000, value: [5, 1, 9, 0, 1, 1, 0x85, 0] }, [5, 1, 9, 0, 3, 1, 0x85, 0]],
    ['no form known', { id: 0x1234, value: [0x10, 0x85, 0, 0] }, [0x10, 0x85, 0, 0]],
    ['the end marked', { id: 0xbede, value: [0xf0, 0x10, 0x85, 0] }, [0xf0, 0x10, 0x85, 0]],
  ] as const) {
    it(`keep their id where it is the same, and get the listener's where not: headers of ${what}`, () => {
      const rooms = createRooms();
      const speaker = enter(rooms, 'hall', audio(1));
      const [same, other, none] = [1, 3, undefined].map((id) => portOf(enter(rooms, 'hall', audio(id)), 0));
      const sent = packet(0, [1, 2, 3], extension);
      portOf(speaker, 0).receive(sent);
      assert.deepEqual([same!.sent, none!.sent], [[sent], [sent]]);
      const bytes = other!.sent[0]!;
      assert.deepEqual([...bytes.subarray(16, 16 + expected.length)], expected);
      assert.deepEqual(bytes.subarray(16 + expected.length), Uint8Array.of(1, 2, 3));
    });
  }

  it('never stop a packet, whatever its extension', () => {
    const rooms = createRooms();
    const speaker = enter(rooms, 'hall', audio(1));
    const listener = portOf(enter(rooms, 'hall', audio(3)), 0);
    const id = fc.constantFrom(0xbede, 0x1000, 0x100f);
    fc.assert(
      fc.property(id, fc.uint8Array({ maxLength: 40 }), fc.nat(12), (profile, value, words) => {
        const bytes = Uint8Array.from([...packet(0, []), profile >> 8, profile & 0xff, 0, words, ...value]);
        bytes[0] = 0x90;
        portOf(speaker, 0).receive(bytes);
        const [heard] = listener.take();
        assert.equal(heard?.length, bytes.length);
        assert.equal(parseRtp(heard).ok, parseRtp(bytes).ok);
      }),
    );
  });
});

describe('room: redundant text', () => {
  const text = (red: number | undefined, t140: number) =>
    red === undefined
      ? sdpOf([`m=text 5000 RTP/AVP ${t140}`, `a=rtpmap:${t140} t140/1000`])
      : sdpOf([
          `m=text 5000 RTP/AVP ${red} ${t140}`,
          `a=rtpmap:${t140} t140/1000`,
          `a=rtpmap:${red} red/1000`,
          `a=fmtp:${red} ${t140}/${t140}/${t140}`,
        ]);
  const red = (t140: number) => [0x80 | t140, 0, 0, 2, 0x80 | t140, 0, 0, 1, t140, 65, 66, 67, 68, 69];

  it('has the numbers inside changed too, and loses its redundancy where that is not taken', () => {
    const rooms = createRooms();
    const speaker = enter(rooms, 'hall', text(100, 98));
    const listeners = (
      [
        [100, 98],
        [100, 99],
        [101, 102],
        [undefined, 103],
      ] as const
    ).map(([outer, inner]) => portOf(enter(rooms, 'hall', text(outer, inner)), 0));
    portOf(speaker, 0).receive(packet(100, red(98)));
    assert.deepEqual(
      listeners.map(({ sent }) => sent),
      [[packet(100, red(98))], [packet(100, red(99))], [packet(101, red(102))], [packet(103, [68, 69])]],
    );
  });

  it('is read as RTP by others, in every truncation', () => {
    const rooms = createRooms();
    const speaker = enter(rooms, 'hall', text(100, 98));
    const listeners = [text(101, 102), text(undefined, 103)].map((offer) =>
      portOf(enter(rooms, 'hall', offer), 0),
    );
    const whole = packet(100, red(98));
    for (let size = 12; size <= whole.length; size++) {
      portOf(speaker, 0).receive(whole.subarray(0, size));
      for (const { sent } of listeners) {
        const bytes = sent.at(-1)!;
        const { payloadType } = { payloadType: new RtpPacket(new DataView(bytes.buffer)).getPayloadType() };
        assert.ok(payloadType === 101 || payloadType === 103);
      }
    }
  });
});

describe('room: several sections on one port', () => {
  const offer = sdpOf(
    ['a=group:BUNDLE a v'],
    ['m=audio 5000 RTP/AVP 0', 'a=mid:a', 'a=rtcp-mux'],
    ['m=video 5002 RTP/AVP 96', 'a=mid:v', 'a=rtcp-mux', 'a=rtpmap:96 VP8/90000', 'a=recvonly'],
  );

  it('are told apart by number; each goes to the section of the others, wherever that is', () => {
    const rooms = createRooms();
    const bundled = enter(rooms, 'hall', offer.replace('a=recvonly', 'a=sendrecv'));
    const apart = enter(
      rooms,
      'hall',
      sdpOf(['m=video 5002 RTP/AVP 100', 'a=rtpmap:100 VP8/90000'], ['m=audio 5000 RTP/AVP 0']),
    );
    portOf(bundled, 0).receive(rtp(1, 1, 0));
    portOf(bundled, 0).receive(rtp(2, 1, 96));
    assert.deepEqual(portOf(apart, 1).sent, [rtp(1, 1, 0)]);
    assert.deepEqual(portOf(apart, 0).sent, [rtp(2, 1, 100)]);
    portOf(apart, 0).receive(rtp(3, 1, 100));
    portOf(apart, 1).receive(rtp(4, 1, 0));
    assert.deepEqual(portOf(bundled, 0).sent, [rtp(3, 1, 96), rtp(4, 1, 0)]);
  });

  it('have a direction each', () => {
    const rooms = createRooms();
    const viewer = enter(rooms, 'hall', offer);
    const other = join(rooms, 'hall');
    portOf(viewer, 0).receive(rtp(1, 1, 96));
    portOf(viewer, 0).receive(rtp(2, 1, 0));
    assert.equal(viewer.leg.counters.dropped.direction, 1);
    assert.deepEqual(other.rtp.sent, [rtp(2, 1, 0)]);
  });

  it('come and go by re-INVITE, the others going on', () => {
    const rooms = createRooms();
    const [a, b] = [join(rooms, 'hall'), join(rooms, 'hall')];
    const [mine, theirs, reports] = [new FakePort(), new FakePort(), new FakePort()];
    const pictures = streamWith({
      media: 1,
      transport: 1,
      channel: 'video',
      accepts: [{ payloadType: 96, codec: 'VP8/90000' }],
    });
    a.leg.update([
      { stream: streamWith(), rtp: a.rtp, rtcp: a.rtcp },
      { stream: pictures, rtp: mine },
    ]);
    b.leg.update([
      { stream: streamWith(), rtp: b.rtp, rtcp: b.rtcp },
      { stream: pictures, rtp: theirs, rtcp: reports },
    ]);
    mine.receive(rtp(1, 1, 96));
    assert.deepEqual(theirs.take(), [rtp(1, 1, 96)]);
    a.leg.update([{ stream: streamWith(), rtp: a.rtp, rtcp: a.rtcp }]);
    assert.equal(mine.listenerCount('packet'), 0);
    // Whoever saw it is told that it is over.
    assert.deepEqual(
      reports.take().map((bytes) => bytes[1]),
      [201],
    );
    a.rtp.receive(rtp(2));
    assert.equal(b.rtp.take().length, 1);
  });
});

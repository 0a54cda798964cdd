import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { createRooms } from '../../lib/room/index.js';
import { classifyPacket } from '../../lib/wire/packet-class.js';
import { agree, join, offerOf, streamOf } from './participants.js';
import type { FakePort, Participant } from './participants.js';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

function datagramsOf(name: string): CapturedDatagram[] {
  return [...readDatagrams(readFileSync(new URL(name, FIXTURES)))];
}

/** RTP and RTCP of one sender; ffmpeg's and baresip's RTCP comes from the odd port. */
function mediaFrom(datagrams: readonly CapturedDatagram[], address: string): CapturedDatagram[] {
  return datagrams.filter(
    ({ source, payload }) => source.address === address && ['rtp', 'rtcp'].includes(classifyPacket(payload)),
  );
}

function hex(packets: readonly Uint8Array[]): string[] {
  return packets.map((bytes) => Buffer.from(bytes).toString('hex'));
}

/** What the other heard, RTP and RTCP apart, must be what was sent, byte for byte and in order. */
function assertHeard(listener: Participant, sent: readonly CapturedDatagram[]): void {
  for (const [port, kind] of [
    [listener.rtp, 'rtp'],
    [listener.rtcp, 'rtcp'],
  ] as const) {
    const expected = sent.filter(({ payload }) => classifyPacket(payload) === kind);
    assert.deepEqual(hex(port.sent), hex(expected.map(({ payload }) => payload)));
  }
}

describe('room: recorded calls', () => {
  it('two baresips meet: speech, telephone events, reports and BYEs pass untouched', function () {
    if (!existsSync(new URL('baresip/call.pcap', FIXTURES))) this.skip();
    const datagrams = datagramsOf('baresip/call.pcap');
    const bodies = datagrams.flatMap(({ payload }) => {
      const text = Buffer.from(payload).toString('latin1');
      return text.includes('\r\n\r\nv=0') ? [text.slice(text.indexOf('v=0'))] : [];
    });
    const [offer, answer] = bodies;
    assert.ok(offer !== undefined && answer !== undefined);
    const rooms = createRooms();
    const alice = join(rooms, 'hall', agree(offer));
    const bob = join(rooms, 'hall', agree(answer));
    const fromAlice = mediaFrom(datagrams, streamOf(alice).remote.address);
    const fromBob = mediaFrom(datagrams, streamOf(bob).remote.address);
    for (const datagram of datagrams) {
      if (fromAlice.includes(datagram)) deliver(alice, datagram.payload);
      if (fromBob.includes(datagram)) deliver(bob, datagram.payload);
    }
    assert.ok(fromAlice.some(({ payload }) => ((payload[1] ?? 0) & 0x7f) === 101));
    assertHeard(bob, fromAlice);
    assertHeard(alice, fromBob);
    // Both have said BYE, with a reason; the room adds none.
    alice.leg.leave();
    assertHeard(bob, fromAlice);
  });

  for (const [file, formats, lines] of [
    ['ffmpeg/pcma.pcap', '8', []],
    ['ffmpeg/g722.pcap', '9', []],
    ['ffmpeg/opus.pcap', '111', ['a=rtpmap:111 opus/48000/2']],
    ['speech/alice.pcap', '0', []],
  ] as const) {
    it(`${file} is heard by two others as it was sent`, function () {
      if (!existsSync(new URL(file, FIXTURES))) this.skip();
      const rooms = createRooms();
      const stream = agree(offerOf(formats, lines));
      const [speaker, ...others] = [1, 2, 3].map(() => join(rooms, 'hall', stream));
      assert.ok(speaker !== undefined);
      const sent = datagramsOf(file).filter(({ payload }) =>
        ['rtp', 'rtcp'].includes(classifyPacket(payload)),
      );
      assert.ok(sent.length > 100);
      for (const { payload } of sent) deliver(speaker, payload);
      for (const other of others) assertHeard(other, sent);
    });
  }
});

function deliver({ rtp, rtcp }: { rtp: FakePort; rtcp: FakePort }, payload: Uint8Array): void {
  (classifyPacket(payload) === 'rtcp' ? rtcp : rtp).receive(payload);
}

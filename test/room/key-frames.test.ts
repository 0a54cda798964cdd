import assert from 'node:assert/strict';
import {
  GenericFeedbackPacket,
  NackPacket,
  PliPacket,
  ReceiverReportPacket,
  SdesPacket,
  SenderReportPacket,
} from 'rtp.js/packets';
import { createRooms } from '../../lib/room/index.js';
import type { Rooms } from '../../lib/room/index.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import {
  compound,
  enter,
  names,
  portOf,
  read,
  receiverReport,
  rtp,
  sdpOf,
  senderReport,
} from './participants.js';
import type { Caller } from './participants.js';

const A = 0xa0000001;
const B = 0xb0000001;

function offer(...feedback: string[]): string {
  const lines = feedback.map((value) => `a=rtcp-fb:96 ${value}`);
  return sdpOf(['m=audio 5000 RTP/AVP 0'], ['m=video 5002 RTP/AVPF 96', 'a=rtpmap:96 VP8/90000', ...lines]);
}

function requestsTo(caller: Caller): unknown[] {
  const sent = portOf(caller, 1, 'rtcp').take().map(read);
  return sent.filter((packets) =>
    packets.some((one) => one instanceof PliPacket || one instanceof GenericFeedbackPacket),
  );
}

describe('room: key frames', () => {
  let rooms: Rooms;
  let nowMs: number;
  beforeEach(() => {
    nowMs = 1000;
    rooms = createRooms({ nowMs: () => nowMs });
  });

  it('are asked of every sender of video when somebody joins, by the room itself and in a valid compound', () => {
    const senders = [
      enter(rooms, 'hall', offer('nack pli', 'ccm fir')),
      enter(rooms, 'hall', offer('nack pli')),
    ];
    for (const [index, sender] of senders.entries()) {
      portOf(sender, 0).receive(rtp(10 + index));
      portOf(sender, 1).receive(rtp(A + index, 1, 96));
    }
    for (const sender of senders) portOf(sender, 1, 'rtcp').take();
    const viewer = enter(rooms, 'hall', offer());
    const askers = senders.map((sender, index) => {
      assert.equal(portOf(sender, 0, 'rtcp').sent.length, 0);
      const [report, sdes, pli, ...rest] = read(portOf(sender, 1, 'rtcp').take()[0]);
      assert.ok(
        report instanceof ReceiverReportPacket && sdes instanceof SdesPacket && pli instanceof PliPacket,
      );
      assert.equal(rest.length, 0);
      assert.equal(pli.getMediaSsrc(), A + index);
      assert.equal(sdes.getChunks()[0]?.getSsrc(), report.getSsrc());
      assert.equal(pli.getSenderSsrc(), report.getSsrc());
      return report.getSsrc();
    });
    assert.equal(askers[0], askers[1]);
    assert.equal(portOf(viewer, 1, 'rtcp').sent.length, 0);
  });

  it('are asked for by FIR, each with a number of its own, where only that was agreed on; and not at all without', () => {
    const [fir, none] = [enter(rooms, 'hall', offer('ccm fir')), enter(rooms, 'hall', offer('nack'))];
    portOf(fir, 1).receive(rtp(A, 1, 96));
    portOf(none, 1).receive(rtp(B, 1, 96));
    for (const sequence of [0, 1]) {
      enter(rooms, 'hall', offer());
      const [, , request] = read(portOf(fir, 1, 'rtcp').take()[0]);
      assert.ok(request instanceof GenericFeedbackPacket);
      assert.deepEqual([Number(request.getPacketType()), Number(request.getMessageType())], [206, 4]);
      const body = request.getBody();
      assert.deepEqual([request.getMediaSsrc(), body.getUint32(0), body.getUint8(4)], [0, A, sequence]);
      nowMs += 500;
    }
    assert.equal(portOf(none, 1, 'rtcp').sent.length, 0);
  });

  it('are asked for twice a second at most; whoever came meanwhile is not forgotten', () => {
    const sender = enter(rooms, 'hall', offer('nack pli'));
    portOf(sender, 1).receive(rtp(A, 1, 96));
    for (let i = 0; i < 5; i++) {
      enter(rooms, 'hall', offer());
      nowMs += 20;
    }
    assert.equal(requestsTo(sender).length, 1);
    for (let sequence = 2; sequence < 100; sequence++) {
      nowMs += 20;
      portOf(sender, 1).receive(rtp(A, sequence, 96));
    }
    assert.equal(requestsTo(sender).length, 1);
  });

  it('are asked for when the way to a viewer opens, and when a hold ends', () => {
    const sender = enter(rooms, 'hall', offer('nack pli'));
    const viewer = enter(rooms, 'hall', offer());
    const port = portOf(viewer, 1);
    port.hasPath = false;
    for (let sequence = 0; sequence < 3; sequence++) portOf(sender, 1).receive(rtp(A, sequence, 96));
    assert.equal(requestsTo(sender).length, 0);
    port.hasPath = true;
    for (let sequence = 3; sequence < 6; sequence++) portOf(sender, 1).receive(rtp(A, sequence, 96));
    assert.equal(requestsTo(sender).length, 1);
    nowMs += 1000;
    const hold = (isListening: boolean) => {
      const streams = viewer.leg.streams.map((stream) => ({ ...stream, isListening }));
      viewer.leg.update(streams.map((stream) => ({ stream, ...viewer.ports.get(stream.transport)! })));
      nowMs += 1000;
      return requestsTo(sender).length;
    };
    assert.deepEqual([hold(false), hold(true), hold(true)], [0, 1, 0]);
  });

  it('are not asked for where nobody sees, nor from a sender on hold', () => {
    const sender = enter(rooms, 'hall', offer('nack pli'));
    portOf(sender, 1).receive(rtp(A, 1, 96));
    enter(rooms, 'hall', sdpOf(['m=audio 5000 RTP/AVP 0']));
    enter(rooms, 'hall', offer('nack pli').concat('a=sendonly\r\n'));
    assert.equal(requestsTo(sender).length, 0);
  });
});

describe('room: RTCP between two who use one SSRC', () => {
  const rooms = () => createRooms({ nowMs: () => 0 });

  function collide(): { a: Caller; b: Caller; c: Caller; alias: number } {
    const hall = rooms();
    const [a, b, c] = [
      enter(hall, 'hall', offer()),
      enter(hall, 'hall', offer()),
      enter(hall, 'hall', offer()),
    ];
    portOf(a, 1).receive(rtp(A, 1, 96));
    portOf(b, 1).receive(rtp(A, 2, 96));
    const [, second] = portOf(c, 1).take().map(readRtpSsrc);
    for (const { ports } of [a, b, c]) for (const { rtp: port } of ports.values()) port.take();
    return { a, b, c, alias: second! };
  }
  const packetsTo = (caller: Caller) => portOf(caller, 1, 'rtcp').take().flatMap(read);
  const nack = (sender: number, media: number) => {
    const packet = new NackPacket();
    packet.setSenderSsrc(sender);
    packet.setMediaSsrc(media);
    packet.addItem(7, 0);
    return packet;
  };

  it('reports and names of the second go on under its other number', () => {
    const { a, b, c, alias } = collide();
    portOf(b, 1, 'rtcp').receive(compound(senderReport(A), names([A, 'bob'])));
    for (const listener of [a, c]) {
      const [report, sdes] = packetsTo(listener);
      assert.ok(report instanceof SenderReportPacket && sdes instanceof SdesPacket);
      assert.deepEqual([report.getSsrc(), sdes.getChunks()[0]?.getSsrc()], [alias, alias]);
    }
    b.leg.leave();
    const [, , farewell] = packetsTo(c);
    assert.deepEqual((farewell as unknown as { getSsrcs(): number[] }).getSsrcs(), [alias]);
  });

  it('what is said about either reaches that one, in the number it knows', () => {
    const { a, b, c, alias } = collide();
    portOf(c, 1, 'rtcp').receive(compound(receiverReport(3, A, alias), nack(3, alias)));
    const [toFirst] = packetsTo(a);
    assert.deepEqual(
      (toFirst as ReceiverReportPacket).getReports().map((one) => one.getSsrc()),
      [A],
    );
    const [toSecond, request] = packetsTo(b);
    assert.deepEqual(
      (toSecond as ReceiverReportPacket).getReports().map((one) => one.getSsrc()),
      [A],
    );
    assert.ok(request instanceof NackPacket && request.getMediaSsrc() === A);
  });

  it('and so does what they say of each other', () => {
    const { a, b, alias } = collide();
    // To the second, the first goes by the alias.
    portOf(b, 1, 'rtcp').receive(compound(receiverReport(A, alias), nack(A, alias)));
    const [report, request] = packetsTo(a);
    assert.ok(report instanceof ReceiverReportPacket && request instanceof NackPacket);
    assert.deepEqual([report.getSsrc(), report.getReports()[0]?.getSsrc()], [alias, A]);
    assert.deepEqual([request.getSenderSsrc(), request.getMediaSsrc()], [alias, A]);
    portOf(a, 1, 'rtcp').receive(compound(receiverReport(A, alias)));
    const [back] = packetsTo(b);
    assert.ok(back instanceof ReceiverReportPacket);
    assert.deepEqual([back.getSsrc(), back.getReports()[0]?.getSsrc()], [alias, A]);
  });
});

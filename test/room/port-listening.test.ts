// A port that hands its packets over, and those that have events alone: whoever has the port hears each packet once, and nobody afterwards.
import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import type { PortReceiver } from '../../lib/room/index.js';
import { classifyPacket } from '../../lib/wire/packet-class.js';
import { compound, FakePort, names, rtp, senderReport, streamWith } from './participants.js';

/** As `session.bind` makes them: one receiver, and the events beside it. */
class HandingPort extends FakePort {
  receiver: PortReceiver | undefined;

  attachReceiver(receiver: PortReceiver): boolean {
    this.receiver ??= receiver;
    return this.receiver === receiver;
  }

  detachReceiver(receiver: PortReceiver): void {
    if (this.receiver === receiver) this.receiver = undefined;
  }

  override receive(bytes: Uint8Array): void {
    this.receiver?.onPacket(bytes, undefined, classifyPacket(bytes));
    super.receive(bytes);
  }
}

const join = (rooms: ReturnType<typeof createRooms>, room: string, call: string, rtpPort: FakePort) =>
  rooms.join(room, { call, streams: [{ stream: streamWith({ channel: 'audio' }), rtp: rtpPort }] });

describe('how a room hears a port', () => {
  it('is handed what comes, once, and listens for no event there', () => {
    const rooms = createRooms();
    const [alice, bob] = [new HandingPort(), new FakePort()];
    join(rooms, 'one', 'alice', alice);
    join(rooms, 'one', 'bob', bob);
    assert.deepEqual(alice.eventNames(), []);
    alice.receive(rtp(1, 1));
    assert.equal(bob.take().length, 1);
  });

  it('by the events where another room has the port already, and each room hears each packet once', () => {
    const rooms = createRooms();
    const [alice, bob, carol] = [new HandingPort(), new FakePort(), new FakePort()];
    const first = join(rooms, 'one', 'alice', alice);
    join(rooms, 'one', 'bob', bob);
    const second = join(rooms, 'two', 'alice again', alice);
    join(rooms, 'two', 'carol', carol);
    alice.receive(rtp(1, 1));
    assert.deepEqual([bob.take().length, carol.take().length], [1, 1]);
    first.leave();
    alice.receive(rtp(1, 2));
    assert.equal(carol.take().length, 1);
    second.leave();
    assert.equal(alice.receiver, undefined);
    assert.deepEqual(alice.eventNames(), []);
  });

  it('nobody does once the participant has left', () => {
    const rooms = createRooms();
    const [alice, bob] = [new HandingPort(), new FakePort()];
    const leg = join(rooms, 'one', 'alice', alice);
    join(rooms, 'one', 'bob', bob);
    leg.leave();
    alice.receive(rtp(1, 1));
    assert.equal(alice.receiver, undefined);
    assert.equal(bob.take().length, 0);
  });

  it('asks for sender reports over the port that goes elsewhere, however it is told', () => {
    for (const port of [new HandingPort(), new FakePort()]) {
      const rooms = createRooms();
      const other = new FakePort();
      const stream = streamWith({ channel: 'audio', isRtcpMux: true });
      rooms.join('one', { call: 'bob', streams: [{ stream, rtp: other }] });
      rooms.join('one', { call: 'alice', streams: [{ stream, rtp: port }] });
      other.receive(rtp(2, 1));
      other.receive(compound(senderReport(2), names([2, 'bob'])));
      port.take();
      if (port instanceof HandingPort) port.receiver?.onReportsDue(port);
      else port.emit('reportsDue');
      assert.equal(port.take().length, 1);
    }
  });
});

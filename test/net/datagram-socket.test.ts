// Sessions on sockets that are not node:dgram's: a batch is one turn, what is sent in it goes out in one flush, and what the
// socket refuses is counted.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import sinon from 'sinon';
import type { PacketClass } from '../../lib/index.js';
import type { Datagram } from '../../lib/net/datagram-socket.js';
import { DgramSocket } from '../../lib/net/dgram-socket.js';
import { Callers, exchange, rtp, sdpFor, textOf } from './call.js';
import { FakeWorld } from './fake-engine.js';
import { MemoryNetwork } from './memory-network.js';
import type { MemorySocket } from './memory-network.js';
import { Sockets } from './sockets.js';

const CLIENT = { address: '192.0.2.7', port: 4000 };
const SERVER = { address: '198.51.100.1', port: 5000 };

describe('net: DatagramSocket', () => {
  let network: MemoryNetwork;
  let near: MemorySocket;
  let far: MemorySocket;

  beforeEach(() => {
    network = new MemoryNetwork();
    near = network.open(CLIENT.address, CLIENT.port);
    far = network.open(SERVER.address, SERVER.port);
  });

  describe('with two latchkeys', () => {
    let callers: Callers;

    beforeEach(() => {
      callers = new Callers();
    });

    afterEach(() => callers.close());

    it('bind: verifies the mapping, then carries media both ways, and tells what each packet is', async () => {
      const call = callers.sessions('in memory');
      const [client, server] = [call.client.bind(near), call.server.bind(far)];
      const told: { text: string; from: string; kind: PacketClass }[] = [];
      for (const port of [client, server])
        port.on('packet', (bytes, { address }, kind) =>
          told.push({ text: textOf(bytes), from: address, kind }),
        );
      const verified = once(call.server, 'verified');
      exchange(call, sdpFor('10.9.8.7', 4000), sdpFor(SERVER.address, SERVER.port));
      network.deliver();
      await verified;
      assert.deepEqual(call.server.streams[0]?.mapping, CLIENT);
      assert.equal(client.send(rtp('up')), true);
      assert.equal(server.send(rtp('down')), true);
      const report = rtp('report');
      report[1] = 200;
      client.send(report);
      network.deliver();
      assert.deepEqual(told.map(({ text, from, kind }) => `${text} from ${from}: ${kind}`).sort(), [
        `down from ${SERVER.address}: rtp`,
        `report from ${CLIENT.address}: rtcp`,
        `up from ${CLIENT.address}: rtp`,
      ]);
    });

    it('closing a session, the latchkey and the socket lets go of it', () => {
      const call = callers.sessions('closed');
      const [client, server] = [call.client.bind(near), call.server.bind(far)];
      assert.equal(near.isHeard && far.isHeard, true);
      client.close();
      assert.equal(near.isHeard, false);
      far.close();
      assert.equal(server.isClosed, true);
      assert.equal(server.send(rtp('late')), false);
      assert.throws(() => call.client.bind(far), { code: 'LATCHKEY_SOCKET' });
      assert.equal(call.client.bind(near).local, near.local);
    });

    it('what is no socket is refused, and a socket belongs to one latchkey', () => {
      const call = callers.sessions('refused');
      for (const none of [{}, null, undefined, 'socket', { local: SERVER, receive: () => undefined }])
        assert.throws(() => call.client.bind(none as never), { code: 'LATCHKEY_SOCKET' });
      call.client.bind(near);
      assert.throws(() => call.server.bind(near), { code: 'LATCHKEY_SOCKET' });
    });
  });

  describe('a batch', () => {
    let world: FakeWorld;

    beforeEach(() => {
      world = new FakeWorld();
    });

    afterEach(() => {
      sinon.restore();
      world.latchkey.close();
    });

    it('of 32 is one turn: one look at the clock, one drain, and one flush of all that is sent in it', () => {
      const [from, to] = [world.call(), world.call()];
      const [port, out] = [from.session.bind(near), to.session.bind(far)];
      from.core.mapping = { address: '203.0.113.1', port: 1 };
      to.core.mapping = { address: '203.0.113.2', port: 2 };
      world.engine.accept(from.core.mapping, from.core);
      const times = new Set<number>();
      port.on('packet', (bytes, _source, _kind, atMs) => {
        times.add(atMs);
        out.send(bytes);
      });
      for (let i = 0; i < 32; i++) near.put(rtp(String(i)), from.core.mapping);
      const flushes = far.flushes;
      const clock = sinon.spy(performance, 'now');
      const waits = sinon.spy(world.engine, 'pollTimeout');
      near.arrive();
      assert.equal(clock.callCount, 1);
      assert.deepEqual([...times], [clock.firstCall.returnValue], 'and who is handed a packet is told');
      assert.equal(world.engine.times.length, 32);
      assert.deepEqual(new Set(world.engine.times), new Set([clock.firstCall.returnValue]));
      // Nothing but payload: no timer has come nearer, so that the drain is spared altogether.
      assert.equal(waits.callCount, 0);
      assert.equal(far.flushes - flushes, 1);
      assert.deepEqual(far.bursts, [32]);
      // Strangers beside the peer: one drain for all of them.
      for (let i = 0; i < 32; i++)
        near.put(rtp('x'), i % 2 ? from.core.mapping : { address: '203.0.113.9', port: i });
      near.arrive();
      assert.equal(waits.callCount, 1);
      assert.deepEqual(far.bursts, [32, 16]);
    });

    it("gives out what the engine said about a datagram before the next one's packet", () => {
      const { session, core } = world.call();
      const port = session.bind(near);
      core.mapping = { address: '203.0.113.1', port: 1 };
      world.engine.accept(core.mapping, core);
      const told: string[] = [];
      const { engine } = world;
      port.on('packet', (bytes) => told.push(textOf(bytes)));
      session.on('candidate', () => told.push('candidate'));
      engine.onDatagram = (at) => {
        if (engine.heard.length !== 2) return;
        engine.deliveries.push({
          port: at,
          component: core as never,
          bytes: rtp('held'),
          source: { address: '203.0.113.1', port: 1 },
          kind: 'rtp',
        });
        engine.tell({ type: 'candidate', session: session.id, call: 'call', media: 0, component: 1 });
      };
      near.put(rtp('before'), core.mapping);
      near.put(rtp('a stranger'), { address: '203.0.113.9', port: 9 });
      near.put(rtp('after'), core.mapping);
      near.arrive();
      assert.deepEqual(told, ['before', 'held', 'candidate', 'after']);
    });

    it('ends where a listener closes the socket', () => {
      const { session, core } = world.call();
      const port = session.bind(near);
      core.mapping = { address: '203.0.113.1', port: 1 };
      world.engine.accept(core.mapping, core);
      let packets = 0;
      port.on('packet', () => {
        packets++;
        near.close();
      });
      for (let i = 0; i < 3; i++) near.put(rtp('x'), core.mapping);
      near.arrive();
      assert.equal(packets, 1);
      assert.equal(world.engine.heard.length, 1);
      assert.equal(port.isClosed, true);
    });

    it('sent outside of any turn, a packet goes out at once; in a timeout, all go out together', () => {
      const { session, core } = world.call();
      const port = session.bind(near);
      core.mapping = SERVER;
      port.send(rtp('alone'));
      assert.deepEqual(near.bursts, [1]);
      assert.ok(core.port);
      for (let i = 0; i < 3; i++)
        world.engine.transmits.push({ port: core.port, bytes: rtp('challenge'), destination: SERVER });
      world.call();
      assert.deepEqual(near.bursts, [1, 3]);
    });

    it('errors of sending are counted, the socket goes on', () => {
      const { session, core } = world.call();
      const port = session.bind(near);
      core.mapping = SERVER;
      network.unreachable.add(SERVER.address);
      assert.equal(port.send(rtp('lost')), true);
      assert.equal(port.counters.dropped.sendError, 1);
      near.fail(new Error('ECONNREFUSED'));
      assert.equal(world.latchkey.counters.dropped.sendError, 1);
      network.unreachable.clear();
      port.send(rtp('there'));
      assert.equal(far.arrive(), true);
      assert.equal(port.counters.dropped.sendError, 1);
    });
  });

  describe('of node:dgram', () => {
    const sockets = new Sockets();

    afterEach(() => sockets.closeAll());

    it('what comes of one look at the kernel is one batch for each socket, in order, and what comes meanwhile the next', async () => {
      const batches: string[] = [];
      const info = { address: '192.0.2.1', port: 9, family: 'IPv4' as const, size: 1 };
      const open = async (name: string, onBatch: () => void) => {
        const socket = await sockets.bound();
        const receiver = (as: string) => ({
          onBatch: (batch: readonly Datagram[]) => {
            batches.push(`${as}: ${batch.map(({ bytes }) => bytes.toString()).join(' ')}`);
            onBatch();
          },
          onError: () => undefined,
          onClose: () => undefined,
        });
        DgramSocket.of(socket).receive(receiver(name));
        return { socket, hand: (text: string) => socket.emit('message', Buffer.from(text), info), receiver };
      };
      const one = await open('one', () => {
        if (batches.length === 1) one.hand('d');
      });
      const two = await open('two', () => undefined);
      one.hand('a');
      one.hand('b');
      two.hand('c');
      assert.deepEqual(batches, []);
      // Whoever listened when it came gets it.
      DgramSocket.of(two.socket).receive(two.receiver('another'));
      await setImmediate();
      assert.deepEqual(batches, ['one: a b', 'two: c']);
      await setImmediate();
      two.hand('e');
      await setImmediate();
      assert.deepEqual(batches.slice(2), ['one: d', 'another: e']);
    });

    it('is one adapter for one socket, with nothing of it on the socket while nobody receives', async () => {
      const socket = await sockets.bound();
      const adapter = DgramSocket.of(socket);
      assert.equal(DgramSocket.of(socket), adapter);
      assert.deepEqual(adapter.local, { address: '127.0.0.1', port: socket.address().port });
      assert.equal(DgramSocket.of(createSocket('udp4')).local, undefined);
      const heard: string[] = [];
      const lists = new Set<unknown>();
      adapter.receive({
        onBatch: (batch) => {
          lists.add(batch);
          for (const { bytes, source } of batch) heard.push(`${bytes.toString()} from ${source.port}`);
        },
        onError: () => heard.push('error'),
        onClose: () => heard.push('close'),
      });
      const peer = await sockets.bound();
      const { port } = peer.address();
      for (const text of ['one', 'two']) peer.send(text, socket.address().port, '127.0.0.1');
      while (heard.length < 2) await setImmediate();
      assert.deepEqual(heard, [`one from ${port}`, `two from ${port}`]);
      assert.equal(lists.size, 1);
      adapter.receive(undefined);
      assert.deepEqual(socket.eventNames(), []);
      const other = new FakeWorld();
      other.call().session.bind(socket);
      assert.throws(() => new FakeWorld().call().session.bind(adapter), { code: 'LATCHKEY_SOCKET' });
      other.latchkey.close();
      adapter.close();
      assert.equal(adapter.local, undefined);
    });
  });
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { MediaPort } from '../../lib/index.js';
import type { RoomPort } from '../../lib/room/index.js';
import { FakeWorld } from './fake-engine.js';
import type { FakeCall } from './fake-engine.js';
import { packetsOf, Sockets, until } from './sockets.js';

describe('net: media port', () => {
  const sockets = new Sockets();
  let world: FakeWorld;
  let call: FakeCall;
  let socket: Socket;
  let peer: Socket;
  let port: MediaPort;

  beforeEach(async () => {
    world = new FakeWorld();
    call = world.call();
    socket = await sockets.bound();
    peer = await sockets.bound();
    port = call.session.bind(socket);
    call.core.mapping = { address: '127.0.0.1', port: peer.address().port };
    world.engine.accept(call.core.mapping, call.core);
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  it('hands on what the engine accepts, with its real source, and nothing else', async () => {
    const stranger = await sockets.bound();
    const local = socket.address();
    stranger.send('injected', local.port, local.address);
    await until(() => world.engine.heard.length === 1);
    const packet = once(port, 'packet');
    peer.send('media', local.port, local.address);
    const [bytes, info] = (await packet) as [Buffer, { port: number }];
    assert.equal(bytes.toString(), 'media');
    assert.equal(info.port, peer.address().port);
    assert.deepEqual(port.local, { address: '127.0.0.1', port: local.port });
    assert.deepEqual([port.media, port.component], [0, 1]);
  });

  it('send: true to a proven address; false, and counted, without one', async () => {
    const heard = packetsOf(peer);
    assert.equal(port.send(Buffer.from('down')), true);
    await until(() => heard.length === 1);
    call.core.mapping = undefined;
    assert.equal(port.send(Buffer.from('lost')), false);
    assert.equal(port.counters.dropped.noPath, 1);
    assert.throws(() => port.send('text' as never), { code: 'LATCHKEY_OPTION' });
  });

  it('send: what is to be protected goes out as another array, or not at all', async () => {
    const heard = packetsOf(peer);
    const clear = Buffer.from('clear');
    Object.assign(call.core, { isSealing: true, sealed: Buffer.from('sealed') });
    assert.equal(port.send(clear), true);
    await until(() => heard.length === 1);
    assert.equal(heard[0]?.text, 'sealed');
    assert.equal(clear.toString(), 'clear');
    call.core.sealed = undefined;
    assert.equal(port.send(clear), false);
    world.engine.isBroken = true;
    assert.equal(port.send(clear), false);
    world.engine.isBroken = false;
    assert.equal(world.latchkey.counters.dropped.internal, 1);
    assert.equal(port.counters.sent, 1);
  });

  it('what the kernel refuses is counted, not as sent, and ends nothing', async () => {
    port.send(Buffer.alloc(70_000));
    await until(() => port.counters.dropped.sendError === 1);
    call.core.mapping = { address: '::1', port: 9 };
    port.send(Buffer.from('an IPv6 destination on an IPv4 socket'));
    await until(() => port.counters.dropped.sendError === 2);
    assert.equal(port.counters.sent, 0);
    socket.emit('error', Object.assign(new Error('recvmsg'), { code: 'ECONNREFUSED' }));
    assert.equal(world.latchkey.counters.dropped.sendError, 1);
  });

  it("a packet listener that throws is told of by the latchkey's listenerError; the next packet comes", async () => {
    const errors: unknown[] = [];
    let packets = 0;
    world.latchkey.on('listenerError', (error) => errors.push(error));
    port.on('packet', () => {
      packets++;
      throw new Error('of the application');
    });
    const local = socket.address();
    peer.send('one', local.port, local.address);
    peer.send('two', local.port, local.address);
    await until(() => packets === 2);
    assert.equal(errors.length, 2);
  });

  it("closes when the application closes its socket, and forgets the engine's port", async () => {
    const closed = once(port, 'close');
    socket.close();
    await closed;
    assert.equal(port.isClosed, true);
    assert.equal(port.send(Buffer.from('late')), false);
    assert.equal(world.engine.open.size, 0);
    assert.equal(call.core.port === undefined || !world.engine.open.has(call.core.port), true);
    const next = await sockets.bound();
    assert.throws(() => port.rebind(next), { code: 'LATCHKEY_CLOSED' });
    const again = call.session.bind(next);
    assert.equal(again.send(Buffer.from('on another socket')), true);
  });

  it('close() lets go of the socket and leaves it open; other sessions on it go on', async () => {
    const second = world.call();
    const other = second.session.bind(socket);
    second.core.mapping = { address: '127.0.0.1', port: (await sockets.bound()).address().port };
    assert.equal(world.engine.open.size, 1);
    port.close();
    port.close();
    assert.equal(socket.listenerCount('message'), 1);
    assert.equal(call.core.port, undefined);
    assert.equal(other.send(Buffer.from('goes on')), true);
    other.close();
    assert.equal(
      socket.listenerCount('message') + socket.listenerCount('error') + socket.listenerCount('close'),
      0,
    );
    assert.equal(world.engine.open.size, 0);
    assert.ok(socket.address().port > 0);
  });

  it('rebind() moves to another socket, tells the core, and lets go of the old one', async () => {
    const next = await sockets.bound();
    const heard = packetsOf(peer);
    port.rebind(next);
    assert.equal(call.core.localChanges, 1);
    assert.equal(port.local.port, next.address().port);
    assert.equal(call.core.port?.local.port, next.address().port);
    assert.equal(socket.listenerCount('message'), 0);
    port.send(Buffer.from('from the new one'));
    await until(() => heard.length === 1);
    assert.equal(heard[0]?.info.port, next.address().port);
    port.rebind(next);
    assert.equal(call.core.localChanges, 2);
    const unbound = createSocket('udp4');
    assert.throws(() => port.rebind(unbound), { code: 'LATCHKEY_SOCKET' });
    unbound.close();
    assert.equal(port.send(Buffer.from('still there')), true);
  });

  it('one receiver has each packet before those who listen; what it throws is told, and the next packet comes', async () => {
    const room = port as MediaPort & Pick<Required<RoomPort>, 'attachReceiver' | 'detachReceiver'>;
    const [order, faults]: [string[], string[]] = [[], []];
    const receiver = { onPacket: () => void order.push('room'), onReportsDue: () => undefined };
    assert.equal(room.attachReceiver(receiver), true);
    assert.equal(room.attachReceiver({ ...receiver }), false);
    world.latchkey.on('listenerError', (error) => faults.push(String(error)));
    port.on('packet', () => void order.push('listener'));
    const hand = async (expected: number) => {
      peer.send('x', socket.address().port, '127.0.0.1');
      await until(() => order.length + faults.length === expected);
    };
    await hand(2);
    receiver.onPacket = () => assert.fail('a bug of a room');
    await hand(3);
    room.detachReceiver({ ...receiver });
    await hand(4);
    room.detachReceiver(receiver);
    await hand(5);
    assert.deepEqual(order, ['room', 'listener', 'listener']);
    assert.equal(faults.length, 2);
    assert.match(faults[0]!, /a bug of a room/);
  });

  it('link-local sources: without their zone for the engine, with it for the socket', async () => {
    const far = await sockets.bound('udp6', '::');
    const next = world.call();
    next.session.bind(far);
    const info = { address: 'fe80::1%lo', port: 9, family: 'IPv6' as const, size: 1 };
    far.emit('message', Buffer.from('x'), info);
    await setImmediate();
    assert.equal(world.engine.heard.at(-1)?.from, 'fe80::1:9');
  });
});

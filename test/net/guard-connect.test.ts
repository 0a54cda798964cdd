import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:dgram';
import type { LatchkeyError } from '../../lib/index.js';
import { FakeWorld } from './fake-engine.js';
import type { FakeCall } from './fake-engine.js';
import { packetsOf, settle, Sockets, until } from './sockets.js';

const SIGNALLED = { address: '10.9.8.7', port: 4000 };

describe('net: connect under a guard', () => {
  const sockets = new Sockets();
  let world: FakeWorld;
  let call: FakeCall;
  let socket: Socket;
  let peer: Socket;
  let heard: { text: string }[];
  let heardByPeer: { text: string }[];

  const connected = (target: Socket, port: number, address: string) =>
    new Promise<void>((resolve) => target.connect(port, address, resolve));

  beforeEach(async () => {
    world = new FakeWorld();
    call = world.call();
    socket = await sockets.bound();
    peer = await sockets.bound();
    heard = packetsOf(socket);
    heardByPeer = packetsOf(peer);
    call.core.signalled = SIGNALLED;
    call.core.mapping = { address: '127.0.0.1', port: peer.address().port };
    world.engine.accept(call.core.mapping, call.core);
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  it('is virtual: send() goes to the mapping, the mapping is heard, and dgram sees its peer', async () => {
    const guard = call.session.guard(socket);
    assert.throws(() => socket.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' });
    assert.throws(() => socket.disconnect(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' });
    await connected(socket, SIGNALLED.port, SIGNALLED.address);
    assert.deepEqual(socket.remoteAddress(), { address: '10.9.8.7', family: 'IPv4', port: 4000 });
    assert.throws(() => socket.connect(4001, '10.9.8.7'), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' });
    await new Promise((resolve) => socket.send('one', resolve));
    await new Promise((resolve) => socket.send(Buffer.from('xtwox'), 1, 3, resolve));
    socket.send(['th', 'ree']);
    await until(() => heardByPeer.length === 3);
    assert.deepEqual(
      heardByPeer.map(({ text }) => text),
      ['one', 'two', 'three'],
    );
    assert.throws(() => socket.send('x', 0, 1, 4000, '10.9.8.7'), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' });
    peer.send('back', socket.address().port, '127.0.0.1');
    await until(() => heard.length === 1);
    socket.disconnect();
    assert.throws(() => socket.send('no port'), { code: 'ERR_SOCKET_BAD_PORT' });
    await new Promise((resolve) => socket.send('four', 4000, '10.9.8.7', resolve));
    await until(() => heardByPeer.length === 4);
    guard.unguard();
  });

  it('hears only the stream of its peer', async () => {
    call.session.guard(socket);
    const second = world.call();
    const other = await sockets.bound();
    second.core.signalled = { address: '10.9.8.7', port: 4002 };
    second.core.mapping = { address: '127.0.0.1', port: other.address().port };
    world.engine.accept(second.core.mapping, second.core);
    second.session.guard(socket);
    await connected(socket, 4002, '10.9.8.7');
    peer.send('of the first', socket.address().port, '127.0.0.1');
    await until(() => world.engine.heard.length === 1);
    other.send('of the second', socket.address().port, '127.0.0.1');
    await until(() => heard.length === 1);
    assert.equal(heard[0]?.text, 'of the second');
  });

  it('to a stranger: nothing goes out, nothing comes in', async () => {
    call.session.guard(socket);
    const stranger = await sockets.bound();
    const heardByStranger = packetsOf(stranger);
    await connected(socket, stranger.address().port, '127.0.0.1');
    const error = await new Promise((resolve) => socket.send('leak', resolve));
    assert.equal((error as LatchkeyError).code, 'LATCHKEY_DESTINATION');
    peer.send('accepted, but not of the peer', socket.address().port, '127.0.0.1');
    await until(() => world.engine.heard.length === 1);
    await settle(peer, stranger);
    assert.equal(heardByStranger.filter(({ text }) => text !== 'sentinel').length, 0);
    assert.deepEqual(heard, []);
  });

  it('takes names, defaults and failures as dgram does', async () => {
    call.core.signalled = { address: '127.0.0.1', port: 4000 };
    call.session.guard(socket);
    await connected(socket, 4000, 'localhost');
    assert.equal(socket.remoteAddress().address, '127.0.0.1');
    socket.disconnect();
    const atOnce = once(socket, 'connect');
    socket.connect(4000);
    await atOnce;
    assert.equal(socket.remoteAddress().address, '127.0.0.1');
    socket.disconnect();
    const failed = new Promise((resolve) =>
      socket.connect(4000, 'no.such.name.invalid', resolve as () => void),
    );
    assert.ok((await failed) instanceof Error);
    assert.equal(socket.listenerCount('connect'), 0);
    const error = once(socket, 'error');
    socket.connect(4000, 'no.such.name.invalid');
    await error;
    assert.throws(() => socket.connect(0, '127.0.0.1'), { code: 'ERR_SOCKET_BAD_PORT' });
    assert.throws(() => socket.connect(4000, 12 as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('stays connected when the guard goes: then to the very address', async () => {
    const guard = call.session.guard(socket);
    await connected(socket, peer.address().port, '127.0.0.1');
    const again = once(socket, 'connect');
    guard.unguard();
    await again;
    assert.equal(socket.remoteAddress().port, peer.address().port);
    assert.equal(Object.hasOwn(socket, 'remoteAddress'), false);
    await new Promise((resolve) => socket.send('for real', resolve));
    await until(() => heardByPeer.length === 1);
  });

  it('a socket that was connected already hears the mapping, on the port that it had', async () => {
    const elsewhere = await sockets.bound();
    await connected(socket, elsewhere.address().port, '127.0.0.1');
    call.core.signalled = { address: '127.0.0.1', port: elsewhere.address().port };
    const { port } = socket.address();
    const guard = call.session.guard(socket);
    assert.equal(socket.address().port, port);
    peer.send('from the mapping', port, '127.0.0.1');
    await until(() => heard.length === 1);
    await new Promise((resolve) => socket.send('to the mapping', resolve));
    await until(() => heardByPeer.length === 1);
    const again = once(socket, 'connect');
    guard.unguard();
    await again;
    assert.equal(socket.address().port, port);
    assert.equal(socket.remoteAddress().port, elsewhere.address().port);
  });

  it('IPv6 sockets: peers and mapped IPv4 peers', async () => {
    const far = await sockets.bound('udp6', '::');
    const next = world.call();
    next.core.signalled = SIGNALLED;
    next.core.mapping = { address: '127.0.0.1', port: peer.address().port };
    const guard = next.session.guard(far);
    await connected(far, 4000, '::ffff:10.9.8.7');
    assert.deepEqual(far.remoteAddress(), { address: '::ffff:10.9.8.7', family: 'IPv6', port: 4000 });
    await new Promise((resolve) => far.send('mapped', resolve));
    await until(() => heardByPeer.length === 1);
    far.disconnect();
    guard.unguard();
  });

  it('bind() refuses a connected socket', async () => {
    await connected(socket, peer.address().port, '127.0.0.1');
    assert.throws(() => call.session.bind(socket), { code: 'LATCHKEY_SOCKET' });
  });
});

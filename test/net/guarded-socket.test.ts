import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:dgram';
import type { LatchkeyError } from '../../lib/index.js';
import { FakeWorld } from './fake-engine.js';
import { packetsOf, settle, Sockets, until } from './sockets.js';

describe('net: createSocket, guarded from birth', () => {
  const sockets = new Sockets();
  let world: FakeWorld;
  let peer: Socket;
  let heardByPeer: { text: string }[];

  beforeEach(async () => {
    world = new FakeWorld();
    peer = await sockets.bound();
    heardByPeer = packetsOf(peer);
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  const sent = (send: Socket['send'], port: number, address = '127.0.0.1') =>
    new Promise<Error | null>((resolve) => send('text', port, address, resolve));

  it('nothing goes out or comes in without a session, with one its media does, and none after it', async () => {
    const heard: string[] = [];
    const socket = world.latchkey.createSocket('udp4', (bytes) => heard.push(bytes.toString()));
    const send = socket.send.bind(socket);
    assert.equal(((await sent(send, peer.address().port)) as LatchkeyError).code, 'LATCHKEY_DESTINATION');
    await sockets.bind(socket, '127.0.0.1');
    assert.equal(((await sent(send, peer.address().port)) as LatchkeyError).code, 'LATCHKEY_DESTINATION');
    peer.send('early', socket.address().port, '127.0.0.1');
    const { session, core } = world.call();
    const guard = session.guard(socket);
    core.signalled = { address: '10.9.8.7', port: 4000 };
    core.mapping = { address: '127.0.0.1', port: peer.address().port };
    world.engine.accept(core.mapping, core);
    assert.equal(await sent(send, 4000, '10.9.8.7'), null);
    await until(() => heardByPeer.length === 1);
    const before = heard.length;
    peer.send('media', socket.address().port, '127.0.0.1');
    await until(() => heard.length === before + 1);
    guard.unguard();
    assert.equal(Object.hasOwn(socket, 'send'), true);
    peer.send('late', socket.address().port, '127.0.0.1');
    assert.equal(((await sent(send, peer.address().port)) as LatchkeyError).code, 'LATCHKEY_DESTINATION');
    await settle(await sockets.bound(), peer);
    assert.equal(heard.at(-1), 'media');
    assert.equal(world.engine.open.size, 0);
    const next = world.call();
    next.core.mapping = core.mapping;
    world.engine.accept(core.mapping, next.core);
    next.session.guard(socket);
    peer.send('of the next call', socket.address().port, '127.0.0.1');
    await until(() => heard.at(-1) === 'of the next call');
  });

  it('can be bound to a session instead', async () => {
    const socket = await sockets.bind(world.latchkey.createSocket({ type: 'udp4' }), '127.0.0.1');
    const raw = packetsOf(socket);
    const { session, core } = world.call();
    const port = session.bind(socket);
    core.mapping = { address: '127.0.0.1', port: peer.address().port };
    world.engine.accept(core.mapping, core);
    const packet = once(port, 'packet');
    peer.send('media', socket.address().port, '127.0.0.1');
    await packet;
    assert.equal(port.send(Buffer.from('down')), true);
    await until(() => heardByPeer.length === 1);
    assert.deepEqual(raw, []);
  });

  it("'listening' comes after bind() has returned, and an IP destination costs no turn", async () => {
    const socket = world.latchkey.createSocket('udp4');
    const order: string[] = [];
    socket.bind(0, '127.0.0.1');
    order.push('returned');
    socket.once('listening', () => order.push('listening'));
    await until(() => order.length === 2);
    await sockets.bind(world.latchkey.createSocket('udp4'), '127.0.0.1');
    assert.deepEqual(order, ['returned', 'listening']);
    socket.close();
  });

  it('names go to the look-up that was given, IP addresses do not', async () => {
    const asked: string[] = [];
    const socket = world.latchkey.createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        asked.push(name);
        callback(null, '127.0.0.1', 4);
      },
    });
    await sockets.bind(socket, '127.0.0.1');
    const { session, core } = world.call();
    session.guard(socket);
    core.signalled = core.mapping = { address: '127.0.0.1', port: peer.address().port };
    assert.equal(await sent(socket.send.bind(socket), peer.address().port, 'phone.example'), null);
    assert.equal(await sent(socket.send.bind(socket), peer.address().port), null);
    await until(() => heardByPeer.length === 2);
    assert.deepEqual(asked, ['phone.example']);
  });

  it('connect binds, as for a plain socket', async () => {
    const socket = world.latchkey.createSocket('udp4');
    const connect = once(socket, 'connect');
    socket.connect(4000, '127.0.0.1');
    await connect;
    assert.ok(socket.address().port > 0);
    assert.equal(socket.remoteAddress().port, 4000);
    socket.close();
  });

  it('asks for a type that there is', () => {
    for (const options of ['udp5', { type: 'tcp' }, {}, null])
      assert.throws(() => world.latchkey.createSocket(options as never), { code: 'LATCHKEY_OPTION' });
  });
});

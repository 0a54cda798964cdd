import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { LatchEvent } from '../../lib/index.js';
import { FakeWorld } from './fake-engine.js';
import { packetsOf, Sockets, until } from './sockets.js';

describe('net: the loop', () => {
  const sockets = new Sockets();
  let world: FakeWorld;

  const event = (session: string): LatchEvent => ({
    type: 'candidate',
    session,
    call: 'call',
    media: 0,
    component: 1,
  });

  beforeEach(() => {
    world = new FakeWorld();
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  it('gives an event to its session and to the latchkey, by its type and as any event', () => {
    const { session } = world.call();
    const told: string[] = [];
    session.on('candidate', () => told.push('session'));
    session.on('event', ({ type }) => told.push(`session, any: ${type}`));
    world.latchkey.on('candidate', () => told.push('latchkey'));
    world.latchkey.on('event', () => told.push('latchkey, any'));
    world.engine.tell(event(session.id));
    world.engine.tell(event('of nobody'));
    world.call();
    assert.deepEqual(told, [
      'session',
      'session, any: candidate',
      'latchkey',
      'latchkey, any',
      'latchkey',
      'latchkey, any',
    ]);
  });

  it('a listener that throws breaks nothing; the exception goes to listenerError', () => {
    const { session } = world.call();
    const errors: unknown[] = [];
    let told = 0;
    world.latchkey.on('listenerError', (error) => errors.push(error));
    session.on('candidate', () => {
      throw new Error('of the application');
    });
    world.latchkey.on('candidate', () => told++);
    world.engine.tell(event(session.id));
    world.engine.tell(event(session.id));
    world.call();
    assert.equal(told, 2);
    assert.equal(errors.length, 2);
    assert.match(String(errors[0]), /of the application/);
  });

  it('unheard, the exception surfaces once the loop is done', async () => {
    const { session } = world.call();
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
      let told = 0;
      session.on('candidate', () => {
        throw new Error('nobody hears it');
      });
      world.latchkey.on('candidate', () => told++);
      world.engine.tell(event(session.id));
      world.call();
      assert.equal(told, 1);
      assert.match(String(await surfaced), /nobody hears it/);
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  it('what a listener does while the loop is at it is done after, in order, without recursion', () => {
    const { session } = world.call();
    const told: string[] = [];
    session.on('candidate', () => {
      told.push('first in');
      world.engine.tell({ ...event(session.id), type: 'proven' });
      world.call();
      told.push('first out');
    });
    session.on('proven', () => told.push('second'));
    world.engine.tell(event(session.id));
    world.call();
    assert.deepEqual(told, ['first in', 'first out', 'second']);
  });

  it('a session that is closed by its own listener still hears that it is closed, and then is forgotten', () => {
    const { session } = world.call();
    const told: string[] = [];
    session.on('candidate', () => session.close());
    session.on('closed', () => told.push('closed'));
    world.engine.tell(event(session.id));
    world.call();
    assert.deepEqual(told, ['closed']);
    assert.equal(world.latchkey.sessions.has(session.id), false);
    assert.throws(() => session.setRemote(''), { code: 'LATCHKEY_CLOSED' });
  });

  it('wakes the engine when it asks, sooner where it asks for sooner, and does not keep the process alive', async () => {
    const { engine } = world;
    const startedMs = performance.now();
    engine.wakeMs = startedMs + 60_000;
    world.call();
    engine.wakeMs = startedMs + 20;
    world.call();
    const alive = setTimeout(() => undefined, 1000);
    await until(() => engine.timeouts.length > 0);
    clearTimeout(alive);
    const [firstMs = 0] = engine.timeouts;
    assert.ok(firstMs >= startedMs + 19 && firstMs < startedMs + 500, `${firstMs - startedMs}`);
  });

  it('a timeout that fails every time does not spin', async () => {
    const faults: unknown[] = [];
    world.latchkey.on('fault', (fault) => faults.push(fault));
    world.engine.isBroken = true;
    world.engine.wakeMs = 0;
    world.call();
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.ok(
      world.engine.timeouts.length >= 1 && world.engine.timeouts.length <= 3,
      `${world.engine.timeouts.length}`,
    );
    assert.equal(faults.length, world.engine.timeouts.length);
  });

  it('a fault that nobody listens for is a process warning, once', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    const socket = await sockets.bound();
    const { session } = world.call();
    session.bind(socket);
    world.engine.isBroken = true;
    for (let i = 0; i < 3; i++)
      socket.emit('message', Buffer.from('x'), { address: '127.0.0.1', port: 9, family: 'IPv4', size: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    assert.deepEqual(warnings, ['broken on purpose']);
    assert.equal(world.latchkey.counters.dropped.internal, 3);
  });

  it("sends the engine's messages from the right socket, and counts those that the kernel refuses", async () => {
    const [one, two, peer] = [await sockets.bound(), await sockets.bound(), await sockets.bound()];
    const heard = packetsOf(peer);
    const first = world.call();
    first.session.bind(one);
    const second = world.call();
    second.session.bind(two);
    const destination = { address: '127.0.0.1', port: peer.address().port };
    const { engine } = world;
    assert.ok(first.core.port && second.core.port);
    engine.transmits.push({ port: second.core.port, bytes: Buffer.from('from two'), destination });
    engine.transmits.push({ port: first.core.port, bytes: Buffer.from('from one'), destination });
    engine.transmits.push({ port: first.core.port, bytes: Buffer.alloc(70_000), destination });
    engine.transmits.push({
      port: first.core.port,
      bytes: Buffer.from('x'),
      destination: { address: '::1', port: 9 },
    });
    world.call();
    await until(() => heard.length === 2 && world.latchkey.counters.dropped.sendError === 2);
    assert.deepEqual(
      heard.map(({ info }) => info.port),
      [two.address().port, one.address().port],
    );
    const gone = first.core.port;
    one.close();
    await until(() => !engine.open.has(gone));
    engine.transmits.push({ port: gone, bytes: Buffer.from('late'), destination });
    world.call();
    assert.equal(world.latchkey.counters.dropped.sendError, 3);
  });

  it('a closed latchkey makes nothing, and lets go of its sockets', async () => {
    const socket = await sockets.bound();
    const { session } = world.call();
    const port = session.bind(socket);
    world.latchkey.close();
    world.latchkey.close();
    assert.equal(port.isClosed && session.isClosed, true);
    assert.equal(world.engine.open.size, 0);
    assert.equal(socket.listenerCount('message'), 0);
    assert.throws(() => world.latchkey.createSession({ signalling: 'encrypted' }), {
      code: 'LATCHKEY_CLOSED',
    });
    assert.throws(() => world.latchkey.createSocket('udp4'), { code: 'LATCHKEY_CLOSED' });
    assert.doesNotThrow(() => createSocket('udp4').close());
  });
});

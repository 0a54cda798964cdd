import assert from 'node:assert/strict';
import { createSocket, Socket } from 'node:dgram';
import { once, on } from 'node:events';
import { LatchkeyError } from '../../lib/index.js';
import type { Guard } from '../../lib/index.js';
import { FakeWorld } from './fake-engine.js';
import type { FakeCall } from './fake-engine.js';
import { packetsOf, settle, Sockets, until } from './sockets.js';

type AnySend = (...args: unknown[]) => void;
const SIGNALLED = { address: '10.9.8.7', port: 4000 };

/** What can be seen of an object's own methods. */
function shape(socket: Socket): unknown {
  return Object.getOwnPropertyNames(socket)
    .filter((name) => name !== '_events' && name !== '_eventsCount')
    .map((name) => [name, Object.getOwnPropertyDescriptor(socket, name)]);
}

describe('net: guard', () => {
  const sockets = new Sockets();
  let world: FakeWorld;
  let call: FakeCall;
  let socket: Socket;
  let peer: Socket;
  let guard: Guard;
  let heard: { text: string }[];
  let heardByPeer: { text: string }[];

  const peerAddress = () => ({ address: peer.address().address, port: peer.address().port });
  const sendResult = (...args: unknown[]) =>
    new Promise<{ error: Error | null; size: number }>((resolve) => {
      (socket.send as AnySend).call(socket, ...args, (error: Error | null, size: number) =>
        resolve({ error, size }),
      );
    });
  const texts = (packets: { text: string }[]) =>
    packets.map(({ text }) => text).filter((text) => text !== 'sentinel');

  beforeEach(async () => {
    world = new FakeWorld();
    call = world.call();
    socket = await sockets.bound();
    peer = await sockets.bound();
    heard = packetsOf(socket);
    heardByPeer = packetsOf(peer);
    guard = call.session.guard(socket);
    call.core.signalled = SIGNALLED;
    call.core.mapping = peerAddress();
    world.engine.accept(peerAddress(), call.core);
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  describe('receiving', () => {
    it("'message' carries only what the engine accepts, for on, once and async iterators alike", async () => {
      const stranger = await sockets.bound();
      const once1: string[] = [];
      socket.once('message', (bytes: Buffer) => once1.push(bytes.toString()));
      const iterator = on(socket, 'message')[Symbol.asyncIterator]();
      const { port, address } = socket.address();
      stranger.send('injected', port, address);
      await until(() => world.engine.heard.length === 1);
      peer.send('first', port, address);
      peer.send('second', port, address);
      await until(() => heard.length === 2);
      assert.deepEqual(texts(heard), ['first', 'second']);
      assert.deepEqual(once1, ['first']);
      const { value } = (await iterator.next()) as { value: [Buffer] };
      assert.equal(value[0].toString(), 'first');
      assert.equal(socket.listenerCount('message'), 2);
    });

    it("a 'message' that somebody emits by hand goes through the engine too", () => {
      socket.emit('message', Buffer.from('forged'), {
        address: '203.0.113.5',
        port: 9,
        family: 'IPv4',
        size: 6,
      });
      assert.deepEqual(heard, []);
      assert.equal(world.engine.heard.length, 1);
    });

    it('other events pass with all their arguments', () => {
      const seen: unknown[][] = [];
      socket.on('custom', (...args) => seen.push(args));
      (socket.emit as (...args: unknown[]) => boolean)('custom', 1, 2, 3, 4);
      assert.deepEqual(seen, [[1, 2, 3, 4]]);
    });

    it('what a listener throws is its own, as without a guard; the loop has finished by then', () => {
      socket.on('message', () => {
        throw new Error('of the application');
      });
      const info = { ...peerAddress(), family: 'IPv4', size: 1 };
      assert.throws(() => socket.emit('message', Buffer.from('x'), info), /of the application/);
      assert.throws(() => socket.emit('message', Buffer.from('y'), info), /of the application/);
      assert.deepEqual(texts(heard), ['x', 'y']);
    });
  });

  describe('sending', () => {
    const { port, address } = SIGNALLED;
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, 0x61626364);
    const wide = new Uint16Array([0x6162, 0x6162]);
    const forms: [string, unknown[], string][] = [
      ['(buffer, port, address)', [Buffer.from('abcd'), port, address], 'abcd'],
      ['(string, port, address)', ['abcd', port, address], 'abcd'],
      ['(Uint8Array, port, address)', [Uint8Array.of(0x61), port, address], 'a'],
      ['(DataView, port, address)', [view, port, address], 'abcd'],
      ['(Uint16Array, port, address)', [wide, port, address], Buffer.from(wide.buffer).toString()],
      [
        '(list of buffers and strings)',
        [[Buffer.from('ab'), 'cd', Uint8Array.of(0x65)], port, address],
        'abcde',
      ],
      ['(empty list)', [[], port, address], ''],
      ['(buffer, 0, length, port, address)', [Buffer.from('abcd'), 0, 4, port, address], 'abcd'],
      ['(buffer, offset, length, port, address)', [Buffer.from('xabcdx'), 1, 4, port, address], 'abcd'],
      ['(string, offset, length, port, address)', ['xabcdx', 1, 4, port, address], 'abcd'],
      ['(DataView, offset, length, port, address)', [view, 1, 2, port, address], 'bc'],
      ['(port in a string)', ['abcd', String(port), address], 'abcd'],
      ['(address spelt as mapped IPv6)', ['abcd', port, `::ffff:${address}`], 'abcd'],
    ];
    for (const [form, args, text] of forms) {
      it(`${form} goes to the mapping, with its callback and without`, async () => {
        const { error, size } = await sendResult(...args);
        assert.equal(error, null);
        assert.equal(size, Buffer.byteLength(text));
        (socket.send as AnySend)(...args);
        await until(() => heardByPeer.length === 2);
        assert.deepEqual(texts(heardByPeer), [text, text]);
        assert.equal(call.core.counters.sent, 2);
      });
    }

    const refused: [string, unknown[], string][] = [
      ['no port', ['abcd'], 'ERR_SOCKET_BAD_PORT'],
      ['port 0', ['abcd', 0, address], 'ERR_SOCKET_BAD_PORT'],
      ['port 65536', ['abcd', 65536, address], 'ERR_SOCKET_BAD_PORT'],
      ['an odd port', ['abcd', { valueOf: () => port }, address], 'ERR_SOCKET_BAD_PORT'],
      ['no buffer', [12, port, address], 'ERR_INVALID_ARG_TYPE'],
      ['a list with a number', [['a', 1], port, address], 'ERR_INVALID_ARG_TYPE'],
      ['an address that is no string', ['abcd', port, 12], 'ERR_INVALID_ARG_TYPE'],
      ['an offset outside', [Buffer.from('ab'), 3, 0, port, address], 'ERR_BUFFER_OUT_OF_BOUNDS'],
      ['a length outside', [Buffer.from('ab'), 1, 2, port, address], 'ERR_BUFFER_OUT_OF_BOUNDS'],
    ];
    for (const [what, args, code] of refused) {
      it(`${what} throws ${code}, as a plain socket does`, async () => {
        const plain = createSocket('udp4');
        assert.throws(() => (plain.send as AnySend).call(plain, ...args), { code });
        assert.throws(() => (socket.send as AnySend)(...args), { code });
        plain.close();
        await settle(await sockets.bound(), peer);
        assert.deepEqual(texts(heardByPeer), []);
      });
    }

    it('the mapping itself is a destination, so that answering the source of a packet works', async () => {
      await sendResult('to the mapping', peer.address().port, peer.address().address);
      await until(() => heardByPeer.length === 1);
    });

    it('any other address: dropped, counted, and told to the callback', async () => {
      const stranger = await sockets.bound();
      const heardByStranger = packetsOf(stranger);
      const { error } = await sendResult('leak', stranger.address().port, '127.0.0.1');
      assert.ok(error instanceof LatchkeyError);
      assert.equal(error.code, 'LATCHKEY_DESTINATION');
      socket.send('leak', stranger.address().port, '127.0.0.1');
      const { error: other } = await sendResult('leak', SIGNALLED.port + 1, SIGNALLED.address);
      assert.equal((other as LatchkeyError).code, 'LATCHKEY_DESTINATION');
      await settle(peer, stranger);
      assert.deepEqual(texts(heardByStranger), []);
      assert.equal(guard.counters.dropped.destination, 3);
    });

    it('before proof: dropped and counted like loss, the callback hears of no error', async () => {
      call.core.mapping = undefined;
      const { error, size } = await sendResult('early', SIGNALLED.port, SIGNALLED.address);
      assert.equal(error, null);
      assert.equal(size, 5);
      assert.equal(guard.counters.dropped.noPath, 1);
    });

    it('a name that the SDP has is known; another is looked up, and must be a known address', async () => {
      call.core.signalled = { address: 'phone.example', port: 4000 };
      assert.equal((await sendResult('by name', 4000, 'phone.example')).error, null);
      const { error } = await sendResult('by look-up', peer.address().port, 'localhost');
      assert.equal(error, null);
      await until(() => heardByPeer.length === 2);
      const strange = await sendResult('no', peer.address().port + 1, 'localhost');
      assert.equal((strange.error as LatchkeyError).code, 'LATCHKEY_DESTINATION');
      const unknown = await sendResult('no', 4000, 'no.such.name.invalid');
      assert.notEqual(unknown.error, null);
      assert.equal(heardByPeer.length, 2);
    });

    it('without an address the destination is this host, as for a plain socket', async () => {
      await sendResult('here', peer.address().port);
      await until(() => heardByPeer.length === 1);
      assert.deepEqual(texts(heardByPeer), ['here']);
    });

    it('what the kernel refuses is told to the callback and ends nothing', async () => {
      const { error } = await sendResult(Buffer.alloc(70_000), SIGNALLED.port, SIGNALLED.address);
      assert.equal((error as NodeJS.ErrnoException).code, 'EMSGSIZE');
      socket.send(Buffer.alloc(70_000), SIGNALLED.port, SIGNALLED.address);
      assert.deepEqual([guard.counters.sent, guard.counters.dropped.sendError], [0, 2]);
    });

    it('a closed socket throws as it always did', async () => {
      socket.close();
      await once(socket, 'close');
      assert.throws(() => socket.send('late', 4000, '10.9.8.7'), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
      assert.equal(world.engine.open.size, 0);
      guard.unguard();
    });
  });

  describe('failing closed', () => {
    it('an exception of ours lets nothing in and nothing out, and is told', async () => {
      const faults: unknown[] = [];
      world.latchkey.on('fault', (fault) => faults.push(fault));
      world.engine.isBroken = true;
      const { port, address } = socket.address();
      peer.send('in', port, address);
      await until(() => world.engine.heard.length === 1);
      const { error } = await sendResult('out', SIGNALLED.port, SIGNALLED.address);
      assert.equal(error, null);
      await settle(await sockets.bound(), peer);
      assert.deepEqual(texts(heard), []);
      assert.deepEqual(texts(heardByPeer), []);
      assert.equal(faults.length, 2);
      assert.equal(world.latchkey.counters.dropped.internal, 2);
      world.engine.isBroken = false;
      peer.send('in again', port, address);
      await until(() => heard.length === 1);
    });

    it('a guard that cannot be put on leaves no trace', async () => {
      const other = await sockets.bound();
      const before = shape(other);
      const next = world.call();
      world.engine.isBroken = true;
      assert.throws(() => next.session.guard(other), /broken on purpose/);
      assert.deepEqual(shape(other), before);
      assert.equal(other.listenerCount('message'), 0);
      assert.equal(world.engine.open.size, 1);
      world.engine.isBroken = false;
      next.session.guard(other).unguard();
    });

    it('a closed session shuts its socket until unguard()', async () => {
      call.session.close();
      const { error } = await sendResult('late', SIGNALLED.port, SIGNALLED.address);
      assert.equal((error as LatchkeyError).code, 'LATCHKEY_DESTINATION');
      const { port, address } = socket.address();
      peer.send('late', port, address);
      await settle(await sockets.bound(), peer);
      assert.deepEqual(texts(heard), []);
      guard.unguard();
      peer.send('plain', port, address);
      await until(() => heard.length === 1);
      assert.deepEqual(texts(heard), ['plain']);
    });
  });

  describe('taking it off', () => {
    it('restores the socket exactly, own properties and listeners', async () => {
      const plain = await sockets.bound();
      const own = { value: plain.send.bind(plain), writable: true, configurable: true, enumerable: true };
      Object.defineProperty(plain, 'send', own);
      const before = shape(plain);
      const symbols = Object.getOwnPropertySymbols(plain);
      const next = world.call();
      const other = next.session.guard(plain);
      assert.notDeepEqual(shape(plain), before);
      assert.deepEqual(Object.keys(plain), Object.keys(Object.assign({}, plain)));
      other.unguard();
      other.unguard();
      assert.deepEqual(shape(plain), before);
      assert.deepEqual(Object.getOwnPropertySymbols(plain), symbols);
      assert.deepEqual(plain.eventNames(), []);
      assert.equal(Object.getOwnPropertyDescriptor(plain, 'send')?.value, own.value);
    });

    it('guarded twice for one stream is one Guard that wants two unguards', async () => {
      assert.equal(call.session.guard(socket), guard);
      guard.unguard();
      assert.equal((await sendResult('x', 1, '127.0.0.1')).error instanceof LatchkeyError, true);
      guard.unguard();
      assert.equal(Object.hasOwn(socket, 'send'), false);
      guard.unguard();
      assert.equal(Object.hasOwn(socket, 'emit'), false);
      const again = call.session.guard(socket);
      assert.notEqual(again, guard);
      assert.equal(Object.hasOwn(socket, 'send'), true);
      again.unguard();
    });

    it('wrapped by somebody since: theirs stays, ours lets through, and their unwrapping still works', async () => {
      const methods = () => ({
        send: Reflect.get(socket, 'send') as AnySend,
        emit: Reflect.get(socket, 'emit') as AnySend,
      });
      const ours = methods();
      const seen: string[] = [];
      socket.send = function (this: Socket, ...args: unknown[]) {
        seen.push('send');
        return ours.send.apply(this, args);
      } as Socket['send'];
      socket.emit = function (this: Socket, ...args: unknown[]) {
        seen.push(String(args[0]));
        return ours.emit.apply(this, args) as unknown as boolean;
      };
      const theirs = methods();
      guard.unguard();
      assert.deepEqual(methods(), theirs);
      assert.equal(Object.hasOwn(socket, 'connect'), false);
      await sendResult('plain', peer.address().port, '127.0.0.1');
      const { port, address } = socket.address();
      peer.send('plain', port, address);
      await until(() => heard.length === 1 && heardByPeer.length === 1);
      assert.deepEqual(seen, ['send', 'message']);
      socket.send = ours.send as Socket['send'];
      socket.emit = ours.emit as unknown as Socket['emit'];
      await sendResult('plain', peer.address().port, '127.0.0.1');
      const again = call.session.guard(socket);
      const { error } = await sendResult('refused', 1, '127.0.0.1');
      assert.equal((error as LatchkeyError).code, 'LATCHKEY_DESTINATION');
      again.unguard();
    });

    it('what goes past the guard finds the socket itself shut: EPERM, counted, until the guard is taken off', async () => {
      guard.unguard();
      const early = socket.send.bind(socket);
      guard = call.session.guard(socket);
      const stranger = await sockets.bound();
      const heardByStranger = packetsOf(stranger);
      const { port, address } = stranger.address();
      const pastIt = (name: 'send' | 'connect', ...args: unknown[]) =>
        void (Reflect.get(Socket.prototype, name) as AnySend).apply(socket, args);
      const ways: Record<string, (text: string, onSent: (error: Error | null) => void) => void> = {
        early: (text, onSent) => early(text, port, address, onSent),
        prototype: (text, onSent) => pastIt('send', text, port, address, onSent),
        name: (text, onSent) => pastIt('send', text, port, 'localhost', onSent),
        connect: (_text, onSent) => pastIt('connect', port, address, onSent),
      };
      for (const [text, send] of Object.entries(ways)) {
        const before = world.latchkey.counters.dropped.destination;
        const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => send(text, resolve));
        assert.equal(error?.code, 'EPERM', text);
        assert.equal(world.latchkey.counters.dropped.destination, before + 1, text);
      }
      assert.equal((await sendResult('through it', SIGNALLED.port, SIGNALLED.address)).error, null);
      await until(() => heardByPeer.length === 1);
      guard.unguard();
      early('unguarded', port, address);
      await until(() => heardByStranger.length > 0);
      assert.deepEqual(texts(heardByStranger), ['unguarded']);
    });
  });

  describe('several on one socket', () => {
    it('two sessions by their signalled addresses; the last to go restores', async () => {
      const second = world.call();
      const other = await sockets.bound();
      const heardByOther = packetsOf(other);
      const guard2 = second.session.guard(socket);
      second.core.signalled = { address: '10.9.8.7', port: 4002 };
      second.core.mapping = { address: '127.0.0.1', port: other.address().port };
      world.engine.accept(second.core.mapping, second.core);
      await sendResult('one', 4000, '10.9.8.7');
      await sendResult('two', 4002, '10.9.8.7');
      await until(() => heardByOther.length === 1 && heardByPeer.length === 1);
      assert.deepEqual([texts(heardByPeer), texts(heardByOther)], [['one'], ['two']]);
      const { port, address } = socket.address();
      other.send('from two', port, address);
      await until(() => heard.length === 1);
      guard.unguard();
      assert.equal(Object.hasOwn(socket, 'send'), true);
      peer.send('no longer guarded for', port, address);
      other.send('still', port, address);
      await until(() => heard.length === 2);
      assert.deepEqual(texts(heard), ['from two', 'still']);
      guard2.unguard();
      assert.equal(Object.hasOwn(socket, 'send'), false);
      assert.equal(world.engine.open.size, 0);
    });

    it('the address of two sessions: who proves nothing changes nothing, who has proved comes first', async () => {
      const other = await sockets.bound();
      const heardByOther = packetsOf(other);
      const second = world.call();
      second.core.signalled = SIGNALLED;
      second.session.guard(socket);
      assert.equal((await sendResult('proven first', SIGNALLED.port, SIGNALLED.address)).error, null);
      const mapping = call.core.mapping;
      call.core.mapping = undefined;
      assert.equal((await sendResult('nobody has', SIGNALLED.port, SIGNALLED.address)).error, null);
      assert.deepEqual([call.core.counters.dropped.noPath, second.core.counters.dropped.noPath], [1, 0]);
      second.core.mapping = { address: '127.0.0.1', port: other.address().port };
      assert.equal((await sendResult('proven second', SIGNALLED.port, SIGNALLED.address)).error, null);
      await until(() => heardByOther.length === 1 && heardByPeer.length === 1);
      assert.deepEqual([texts(heardByPeer), texts(heardByOther)], [['proven first'], ['proven second']]);
      call.core.mapping = mapping;
      const { error } = await sendResult('whose?', SIGNALLED.port, SIGNALLED.address);
      assert.equal((error as LatchkeyError).code, 'LATCHKEY_DESTINATION');
      assert.match((error as LatchkeyError).message, /two sessions .* bind\(\)/);
      assert.equal(world.latchkey.counters.dropped.destination, 1);
      // The mapping of one is its own, whatever the other has signalled.
      second.core.signalled = call.core.mapping;
      assert.equal((await sendResult('by mapping', peer.address().port, '127.0.0.1')).error, null);
      await until(() => heardByPeer.length === 2);
    });

    it('connected to the address of two sessions, the socket hears the one that it sends to', async () => {
      const other = await sockets.bound();
      const second = world.call();
      second.core.signalled = SIGNALLED;
      second.session.guard(socket);
      world.engine.accept({ address: '127.0.0.1', port: other.address().port }, second.core);
      const connected = once(socket, 'connect');
      socket.connect(SIGNALLED.port, SIGNALLED.address);
      await connected;
      const { port, address } = socket.address();
      other.send('in its place', port, address);
      peer.send('the peer', port, address);
      await until(() => heard.length === 1 && world.engine.heard.length === 2);
      assert.deepEqual(texts(heard), ['the peer']);
    });

    it('one session guards and another binds', async () => {
      const second = world.call();
      const other = await sockets.bound();
      const port = second.session.bind(socket);
      second.core.mapping = { address: '127.0.0.1', port: other.address().port };
      world.engine.accept(second.core.mapping, second.core);
      const bound: string[] = [];
      port.on('packet', (bytes) => bound.push(bytes.toString()));
      const local = socket.address();
      other.send('to the port', local.port, local.address);
      peer.send('to the guard', local.port, local.address);
      await until(() => bound.length + heard.length === 2);
      assert.deepEqual([bound, texts(heard)], [['to the port'], ['to the guard']]);
      const atOther = once(other, 'message');
      assert.equal(port.send(Buffer.from('out')), true);
      await atOther;
      guard.unguard();
      other.send('again', local.port, local.address);
      await until(() => bound.length === 2);
      port.close();
      assert.equal(world.engine.open.size, 0);
    });

    it("another latchkey's socket is refused", () => {
      const strange = new FakeWorld().call();
      assert.throws(() => strange.session.guard(socket), { code: 'LATCHKEY_SOCKET' });
      assert.throws(() => strange.session.bind(socket), { code: 'LATCHKEY_SOCKET' });
    });

    it('a stream has one socket; what is not bound has none', async () => {
      const other = await sockets.bound();
      assert.throws(() => call.session.guard(other), { code: 'LATCHKEY_STATE' });
      assert.throws(() => call.session.bind(socket), { code: 'LATCHKEY_STATE' });
      const unbound = createSocket('udp4');
      assert.throws(() => world.call().session.guard(unbound), { code: 'LATCHKEY_SOCKET' });
      assert.throws(() => world.call().session.guard({} as Socket), { code: 'LATCHKEY_SOCKET' });
      unbound.close();
    });
  });
});

// The bounds on connections (issue 10, demand 6), over real sockets of this machine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';
import { CONNECTION_LIMITS } from '../../plugins/sip/connection-bounds.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { LatchSip, LatchSipOptions } from '../../plugins/sip/index.js';
import { sip } from '../plugins/sip-phones.js';
import { createCertificate } from '../../lib/cli/certificate.js';
import type { ServerCounters } from '../../lib/server/index.js';
import { RawPhone } from '../cli/raw-phone.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';

const OPTIONS = [
  'OPTIONS sip:a@127.0.0.1 SIP/2.0',
  'Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKoptions',
  'From: <sip:a@127.0.0.1>;tag=f',
  'To: <sip:b@127.0.0.1>',
  'Call-ID: options',
  'CSeq: 1 OPTIONS',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n';

let asked = 0;

describe('bounds on connections', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
  });

  async function listen(limits: NonNullable<LatchSipOptions['limits']>, extra: object = {}) {
    const latchkey = createLatchkey();
    const latch: LatchSip = latchSip(sip, latchkey, { limits });
    latch.on('fault', () => undefined);
    const listeners = await latch.listen(
      { address: '127.0.0.1', tcp: 0, ws: 0, ...extra },
      ({ request, stack }) => stack.send(sip.makeResponse(request, 200)),
    );
    closers.push(() => {
      listeners.close();
      latchkey.close();
    });
    const portOf = (protocol: 'TCP' | 'TLS' | 'WS') => listeners.addresses.get(protocol)?.port ?? 0;
    return { latch, portOf };
  }

  async function connect(
    port: number,
    localAddress = '127.0.0.1',
  ): Promise<net.Socket & { isOver?: boolean }> {
    const socket: net.Socket & { isOver?: boolean } = net.connect({ port, host: '127.0.0.1', localAddress });
    closers.push(() => socket.destroy());
    socket.on('error', () => undefined).on('close', () => (socket.isOver = true));
    socket.resume();
    await once(socket, 'connect');
    return socket;
  }

  async function isAnswered(socket: net.Socket): Promise<boolean> {
    socket.write(OPTIONS.replaceAll('options', `options${++asked}`));
    const answer = once(socket, 'data').then(([data]) => String(data).startsWith('SIP/2.0 200'));
    return Promise.race([answer, once(socket, 'close').then(() => false), wait(2000).then(() => false)]);
  }

  it('one source has so many; one that has said nothing gives way to a new one, one that has spoken does not', async () => {
    const { latch, portOf } = await listen({ maxConnectionsOfSource: 2 });
    const spoken = await connect(portOf('TCP'));
    assert.equal(await isAnswered(spoken), true);
    const silent = await connect(portOf('TCP'));
    const newer = await connect(portOf('TCP'));
    assert.equal(await isAnswered(newer), true);
    assert.equal(silent.isOver, true);
    const refused = await connect(portOf('TCP'));
    assert.equal(await isAnswered(refused), false);
    assert.equal(
      await isAnswered(await connect(portOf('TCP'), '127.0.0.2')),
      true,
      'another source has its own',
    );
    assert.equal(await isAnswered(spoken), true);
    assert.equal(latch.counters.bounds.connectionsOfSource, 2);
  });

  it('all together have so many', async () => {
    const { latch, portOf } = await listen({ maxConnections: 2 });
    for (const source of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) await connect(portOf('TCP'), source);
    assert.equal(await isAnswered(await connect(portOf('TCP'), '127.0.0.5')), true);
    assert.equal(latch.counters.bounds.connections, 2);
  });

  it('a message has so long to become whole; a new one has as long again', async () => {
    const { latch, portOf } = await listen({ incompleteMs: 300 });
    const slow = await connect(portOf('TCP'));
    slow.write(OPTIONS.slice(0, 40));
    const steady = await connect(portOf('TCP'));
    for (let i = 0; i < 6; i++) {
      steady.write(i === 0 ? OPTIONS.slice(0, 40) : OPTIONS.slice(40) + OPTIONS.slice(0, 40));
      await wait(100);
    }
    assert.equal(slow.isOver, true);
    assert.equal(steady.isOver, undefined);
    assert.equal(latch.counters.bounds.incompleteTime, 1);
  });

  it('what is not whole has so many bytes, of a source and in all', async () => {
    const ofSource = await listen({ maxIncompleteBytesOfSource: 1000 });
    const first = await connect(ofSource.portOf('TCP'));
    first.write(OPTIONS.slice(0, 20) + 'x'.repeat(600));
    const second = await connect(ofSource.portOf('TCP'));
    second.write(OPTIONS.slice(0, 20) + 'x'.repeat(600));
    await once(second, 'close');
    assert.equal(first.isOver, undefined);
    const inAll = await listen({ maxIncompleteBytes: 1000 });
    const oldest = await connect(inAll.portOf('TCP'));
    oldest.write(OPTIONS.slice(0, 20) + 'x'.repeat(600));
    await wait(50);
    const newest = await connect(inAll.portOf('TCP'), '127.0.0.2');
    newest.write(OPTIONS.slice(0, 20) + 'x'.repeat(600));
    await once(oldest, 'close');
    assert.equal(newest.isOver, undefined);
    assert.deepEqual(
      [ofSource, inAll].map(({ latch }) => latch.counters.bounds.incompleteBytes),
      [1, 1],
    );
  });

  it('bytes of messages that became whole count no more', async () => {
    const { latch, portOf } = await listen({ maxIncompleteBytesOfSource: 1000, maxIncompleteBytes: 1000 });
    const steady = await connect(portOf('TCP'));
    for (let i = 0; i < 4; i++) {
      const message = OPTIONS.replaceAll('options', `options${++asked}`).replace(
        'Content-Length',
        `X: ${'x'.repeat(400)}\r\nContent-Length`,
      );
      steady.write(message.slice(0, -2));
      await wait(50);
      steady.write(message.slice(-2));
      await once(steady, 'data');
    }
    assert.equal(steady.isOver, undefined);
    assert.equal(latch.counters.bounds.incompleteBytes, 0);
  });

  it('a handshake and a message have 10 s unless set', () => {
    const { handshakeMs, incompleteMs } = CONNECTION_LIMITS;
    assert.deepEqual([handshakeMs, incompleteMs], [10_000, 10_000]);
  });

  it('a handshake has so long, by TLS and by WebSocket', async () => {
    const certificate = await createCertificate(['127.0.0.1']);
    const { cert, key } = certificate;
    closers.push(() => certificate.dispose());
    const { latch, portOf } = await listen({ handshakeMs: 300 }, { tls: 0, cert, key });
    const half = await connect(portOf('TLS'));
    half.write(Buffer.from([22]));
    const web = await connect(portOf('WS'));
    web.write('GET / HTTP/1.1\r\n');
    const plain = await connect(portOf('TCP'));
    await Promise.all([once(half, 'close'), once(web, 'close')]);
    assert.equal(await isAnswered(plain), true, 'there is none by TCP');
    assert.equal(latch.counters.bounds.handshake, 2);
  });

  it('a WebSocket message in frames has so long and so many bytes, too', async () => {
    const { latch, portOf } = await listen({ incompleteMs: 300 });
    const web = await connect(portOf('WS'));
    web.write(UPGRADE);
    await once(web, 'data');
    web.write(Buffer.concat([Buffer.from([0x01, 0xfe, 0x10, 0, 0, 0, 0, 0]), Buffer.alloc(100)]));
    await once(web, 'close');
    assert.equal(latch.counters.bounds.incompleteTime, 1);
  });

  it('frames of a WebSocket message that is not whole have so many bytes, of a source and in all', async () => {
    const frame = (sizeBytes: number) =>
      Buffer.concat([Buffer.from([0x01, 0xfe, 0x10, 0, 0, 0, 0, 0]), Buffer.alloc(sizeBytes)]);
    const open = async (port: number, localAddress = '127.0.0.1') => {
      const web = await connect(port, localAddress);
      web.write(UPGRADE);
      await once(web, 'data');
      return web;
    };
    const ofSource = await listen({ maxIncompleteBytesOfSource: 1000 });
    const first = await open(ofSource.portOf('WS'));
    first.write(frame(600));
    const second = await open(ofSource.portOf('WS'));
    second.write(frame(600));
    await once(second, 'close');
    assert.equal(first.isOver, undefined);
    const inAll = await listen({ maxIncompleteBytes: 1000 });
    const oldest = await open(inAll.portOf('WS'));
    oldest.write(frame(600));
    await wait(50);
    const newest = await open(inAll.portOf('WS'), '127.0.0.2');
    newest.write(frame(600));
    await once(oldest, 'close');
    assert.equal(newest.isOver, undefined);
    assert.deepEqual(
      [ofSource, inAll].map(({ latch }) => latch.counters.bounds.incompleteBytes),
      [1, 1],
    );
  });

  it('nothing is left of connections that are gone', async () => {
    const { latch, portOf } = await listen({ maxConnectionsOfSource: 3 });
    for (let i = 0; i < 12; i++) {
      const socket = await connect(portOf('TCP'));
      assert.equal(await isAnswered(socket), true);
      socket.destroy();
      await wait(20);
    }
    assert.equal(latch.counters.bounds.connectionsOfSource, 0);
  });

  it('an option that is none throws', () => {
    const latchkey = createLatchkey();
    for (const limits of [
      { maxConnections: 0 },
      { incompleteMs: NaN },
      { maxTransactions: 2 ** 31 },
      { of: 1 },
      null,
    ] as NonNullable<LatchSipOptions['limits']>[])
      assert.throws(() => latchSip(sip, latchkey, { limits }), LatchkeyError);
    latchkey.close();
  });
});

describe('bounds on connections: the descriptors of the process', () => {
  after(() => CommandProcess.killAll());

  it('a flood of connections leaves some to calls, is counted, and keeps no later connection out', async function () {
    // So few ports that none of them listens beforehand: all descriptors are of connections and calls.
    const server = await ServerProcess.start('--media', '40000-40099');
    const limit = spawnSync('prlimit', ['--nofile=120:120', '--pid', String(server.pid)]);
    if (limit.status !== 0) return this.skip();
    const ask = async () => {
      const socket = net.connect(server.port('tcp'), '127.0.0.1').on('error', () => undefined);
      socket.write(OPTIONS.replaceAll('options', `options${++asked}`));
      const isAnswered = await new Promise<boolean>((resolve) => {
        socket.on('data', (data) => resolve(String(data).startsWith('SIP/2.0 200')));
        socket.on('close', () => resolve(false));
      });
      socket.destroy();
      return isAnswered;
    };
    const sockets = Array.from({ length: 200 }, () =>
      net.connect(server.port('tcp'), '127.0.0.1').on('error', () => undefined),
    );
    await Promise.all(sockets.map((socket) => once(socket, 'connect').catch(() => undefined)));
    const phone = await RawPhone.open(server.port('udp'));
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
    assert.equal(await ask(), true);
    for (const socket of sockets) socket.destroy();
    phone.close();
    await server.stop();
    const { bounds } = server.events.at(-1) as unknown as Pick<ServerCounters, 'bounds'>;
    assert.ok((bounds.descriptors ?? 0) > 0);
  });

  it('idle ports that listen for who guesses ports give way to calls', async function () {
    const server = await ServerProcess.start('--media', '40000-49999');
    const limit = spawnSync('prlimit', ['--nofile=120:120', '--pid', String(server.pid)]);
    if (limit.status !== 0) return this.skip();
    const phone = await RawPhone.open(server.port('udp'));
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
    phone.close();
    await server.stop();
    const { canaries } = server.events.at(-1) as unknown as Pick<ServerCounters, 'canaries'>;
    assert.equal(canaries?.listening, 0);
  });
});

// openSocket: the same results by the batch and one by one. What batches is built where there is a compiler.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openSocket, whyNoBatch } from '../../lib/index.js';
import type {
  DatagramReceiver,
  DatagramSocket,
  DatagramSource,
  Io,
  OpenSocketOptions,
} from '../../lib/index.js';
import { BatchSocket } from '../../lib/net/batch/batch-socket.js';
import { Callers, exchange, rtp, sdpFor, textOf } from './call.js';

interface Heard {
  readonly bytes: Buffer;
  readonly source: DatagramSource;
}

/** Waits for datagrams, in their order. */
class Receiver implements DatagramReceiver {
  readonly heard: Heard[] = [];
  readonly batchSizes: number[] = [];
  isClosed = false;
  #wanted = Infinity;
  #onEnough = (): void => undefined;

  onBatch(batch: readonly Heard[]): void {
    this.batchSizes.push(batch.length);
    this.heard.push(...batch.map(({ bytes, source }) => ({ bytes, source })));
    if (this.heard.length >= this.#wanted) this.#onEnough();
  }

  onError(error: Error): void {
    throw error;
  }

  onClose(): void {
    this.isClosed = true;
  }

  async until(count: number): Promise<readonly Heard[]> {
    if (this.heard.length < count)
      await new Promise<void>((resolve) => {
        this.#wanted = count;
        this.#onEnough = resolve;
      });
    return this.heard;
  }
}

const send = (socket: DatagramSocket, bytes: Uint8Array, { address, port }: DatagramSource) =>
  new Promise<NodeJS.ErrnoException | null>((resolve) => {
    socket.send(bytes, port, address, resolve);
    socket.flush();
  });

function localOf({ local }: DatagramSocket): DatagramSource {
  assert.ok(local);
  return local;
}

const noBatch = whyNoBatch();

for (const io of ['dgram', 'batch'] as const satisfies readonly Io[])
  describe(`net: sockets by ${io}`, () => {
    const opened: DatagramSocket[] = [];

    before(function () {
      if (io === 'dgram' || noBatch === undefined) return;
      if (process.env.CI) assert.fail(`no addon: ${noBatch}`);
      this.skip();
    });

    afterEach(() => {
      for (const socket of opened.splice(0)) if (socket.local) socket.close();
    });

    async function open(options: Partial<OpenSocketOptions> = {}): Promise<DatagramSocket> {
      const socket = await openSocket({ address: '127.0.0.1', io, ...options });
      opened.push(socket);
      return socket;
    }

    for (const address of ['127.0.0.1', '::1'])
      it(`datagrams go from ${address} to ${address}, whole and in their order, and say where they come from`, async () => {
        const [from, to] = [await open({ address }), await open({ address, receiveBufferBytes: 1 << 20 })];
        const receiver = new Receiver();
        to.receive(receiver);
        const sizes = [172, 172, 172, 12, 0, 1200, 1200, 1, 60_000, 172];
        for (const [i, size] of sizes.entries())
          from.send(Buffer.alloc(size, i), localOf(to).port, address, (error) => assert.equal(error, null));
        from.flush();
        const heard = await receiver.until(sizes.length);
        assert.deepEqual(
          heard.map(({ bytes }) => bytes),
          sizes.map((size, i) => Buffer.alloc(size, i)),
        );
        for (const { source } of heard)
          assert.deepEqual([source.address, source.port], [address, localOf(from).port]);
      });

    it('many destinations in one turn get theirs, and no more', async () => {
      const from = await open();
      const receivers = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const socket = await open();
          const receiver = new Receiver();
          socket.receive(receiver);
          return { receiver, ...localOf(socket) };
        }),
      );
      for (let sequence = 0; sequence < 30; sequence++) {
        const shared = Buffer.from([sequence, 255]);
        for (const [i, { address, port }] of receivers.entries())
          from.send(i % 2 ? shared : Buffer.from([sequence, i]), port, address, () => undefined);
      }
      from.flush();
      for (const [i, { receiver }] of receivers.entries()) {
        const heard = await receiver.until(30);
        assert.deepEqual(
          heard.map(({ bytes }) => [...bytes]),
          Array.from({ length: 30 }, (_, sequence) => [sequence, i % 2 ? 255 : i]),
        );
      }
    });

    it('more than the tables hold go out too, and each is told of after send has returned', async () => {
      const [from, to] = [await open(), await open({ receiveBufferBytes: 8 << 20 })];
      const receiver = new Receiver();
      to.receive(receiver);
      let told = 0;
      const { address, port } = localOf(to);
      for (let i = 0; i < 2500; i++) {
        let hasReturned = false;
        from.send(Buffer.from([i >> 8, i & 255]), port, address, (error) => {
          assert.equal(error, null);
          assert.equal(hasReturned, true);
          told++;
        });
        hasReturned = true;
        // As the loop does, at the end of a turn: what has waited goes out.
        if (i % 500 === 499) from.flush();
        if (i % 100 === 99) await receiver.until(Math.max(0, i - 600));
      }
      from.flush();
      const heard = await receiver.until(2500);
      assert.deepEqual(
        heard.map(({ bytes }) => bytes.readUInt16BE()),
        Array.from({ length: 2500 }, (_, i) => i),
      );
      while (told < 2500) await new Promise(setImmediate);
    });

    it('what the receiver keeps is not written to again', async () => {
      const [from, to] = [await open(), await open({ receiveBufferBytes: 4 << 20 })];
      const receiver = new Receiver();
      to.receive(receiver);
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 50; i++) await send(from, Buffer.alloc(200, i), localOf(to));
        await receiver.until(50 * (round + 1));
      }
      for (const [i, { bytes }] of receiver.heard.entries())
        assert.deepEqual(bytes, Buffer.alloc(200, i % 50));
    });

    it('what cannot be sent is told of, and the rest goes out', async () => {
      const [from, to] = [await open(), await open()];
      const receiver = new Receiver();
      to.receive(receiver);
      const failures = await Promise.all([
        send(from, Buffer.alloc(70_000), localOf(to)),
        send(from, Buffer.from('first'), localOf(to)),
        send(from, Buffer.from('nobody'), { address: '255.255.255.255', port: 9 }),
        send(from, Buffer.from('second'), localOf(to)),
      ]);
      assert.deepEqual(
        failures.map((error) => error?.code),
        ['EMSGSIZE', undefined, 'EACCES', undefined],
      );
      assert.deepEqual(
        (await receiver.until(2)).map(({ bytes }) => bytes.toString()),
        ['first', 'second'],
      );
    });

    it('hands what arrives to the last who asked, and to nobody while nobody does', async () => {
      const [from, to] = [await open(), await open()];
      const [first, second] = [new Receiver(), new Receiver()];
      to.receive(first);
      await send(from, Buffer.from('1'), localOf(to));
      await first.until(1);
      to.receive(undefined);
      to.receive(second);
      await send(from, Buffer.from('2'), localOf(to));
      await second.until(1);
      assert.equal(first.heard.length, 1);
    });

    it('closed, it has no address, sends nothing, and says so once', async () => {
      const socket = await open();
      const receiver = new Receiver();
      socket.receive(receiver);
      const local = localOf(socket);
      socket.close();
      assert.equal(socket.local, undefined);
      assert.throws(() => socket.send(Buffer.from('late'), 9, '127.0.0.1', () => undefined));
      socket.flush();
      while (!receiver.isClosed) await new Promise(setImmediate);
      // Its port is free again.
      assert.deepEqual(localOf(await open({ port: local.port })), local);
    });

    it('tells why it cannot be opened', async () => {
      const { port } = localOf(await open());
      await assert.rejects(open({ port }), { code: 'EADDRINUSE' });
      await assert.rejects(open({ address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' });
      await assert.rejects(open({ address: 'localhost' }), { code: 'LATCHKEY_OPTION' });
      await assert.rejects(open({ port: 65_536 }), { code: 'LATCHKEY_OPTION' });
      await assert.rejects(open({ io: 'fast' as never }), { code: 'LATCHKEY_OPTION' });
      await assert.rejects(openSocket({ address: '127.0.0.1', reuse: true } as never), {
        code: 'LATCHKEY_OPTION',
      });
    });

    it('a call is verified over it, and media goes both ways', async () => {
      const callers = new Callers();
      try {
        const [near, far] = [await open(), await open()];
        const call = callers.sessions('over it');
        const [client, server] = [call.client.bind(near), call.server.bind(far)];
        const verified = once(call.server, 'verified');
        exchange(call, sdpFor('10.9.8.7', 4000), sdpFor('127.0.0.1', localOf(far).port));
        await verified;
        assert.deepEqual(call.server.streams[0]?.mapping, localOf(near));
        const [atServer, atClient] = [once(server, 'packet'), once(client, 'packet')];
        assert.equal(client.send(rtp('up')), true);
        assert.equal(server.send(rtp('down')), true);
        assert.equal(textOf((await atServer)[0] as Buffer), 'up');
        assert.equal(textOf((await atClient)[0] as Buffer), 'down');
      } finally {
        callers.close();
      }
    });

    it('a process ends once its sockets are closed, and a worker with an open one when it is told to', async () => {
      const entry = new URL('../../lib/index.ts', import.meta.url).href;
      const code = (then: string) => `
        import('tsx/esm/api').then(async ({ tsImport }) => {
          const { openSocket } = await tsImport('${entry}', '${entry}');
          const socket = await openSocket({ address: '127.0.0.1', io: '${io}' });
          socket.receive({ onBatch() {}, onError() {}, onClose() {} });
          ${then}
        });`;
      const ended = spawnSync(process.execPath, ['-e', code('socket.close();')], { timeout: 15_000 });
      assert.equal(ended.status, 0, String(ended.stderr));
      const worker = new Worker(code("require('node:worker_threads').parentPort.postMessage('open');"), {
        eval: true,
      });
      await once(worker, 'message');
      await worker.terminate();
    });

    it('a worker that is ended leaves no port behind, whatever arrives there', async () => {
      const entry = new URL('../../lib/index.ts', import.meta.url).href;
      const code = `
        import('tsx/esm/api').then(async ({ tsImport }) => {
          const { openSocket } = await tsImport('${entry}', '${entry}');
          const socket = await openSocket({ address: '127.0.0.1', io: '${io}' });
          socket.receive({ onBatch() {}, onError() {}, onClose() {} });
          require('node:worker_threads').parentPort.postMessage(socket.local.port);
        });`;
      const from = await open();
      const flood = setInterval(() => {
        for (let i = 0; i < 100; i++) from.send(Buffer.alloc(172), port, '127.0.0.1', () => undefined);
        from.flush();
      }, 1);
      let port = 9;
      try {
        for (let round = 0; round < 3; round++) {
          const worker = new Worker(code, { eval: true });
          [port] = (await once(worker, 'message')) as [number];
          await new Promise((resolve) => setTimeout(resolve, 20));
          await worker.terminate();
          await open({ port });
          opened.pop()?.close();
        }
      } finally {
        clearInterval(flood);
      }
    });
  });

describe('net: sockets by the batch', () => {
  before(function () {
    if (noBatch !== undefined) this.skip();
  });

  it('come many at a time, and what nobody took in time is counted by the kernel', async () => {
    const [from, to] = await Promise.all(
      [1 << 20, 4096].map((receiveBufferBytes) =>
        openSocket({ address: '127.0.0.1', io: 'batch', receiveBufferBytes }),
      ),
    );
    assert.ok(from instanceof BatchSocket && to instanceof BatchSocket);
    const receiver = new Receiver();
    to.receive(receiver);
    for (let i = 0; i < 500; i++)
      from.send(Buffer.alloc(172), localOf(to).port, '127.0.0.1', () => undefined);
    from.flush();
    assert.ok(to.kernelDrops > 0);
    await receiver.until(500 - to.kernelDrops);
    assert.equal(receiver.heard.length, 500 - to.kernelDrops);
    assert.ok(Math.max(...receiver.batchSizes) > 1);
    from.close();
    to.close();
  });

  it('256 are handed on at a time, whole, in whatever blocks they lie', async () => {
    const [from, to] = await Promise.all(
      [1, 2].map(() => openSocket({ address: '127.0.0.1', io: 'batch', receiveBufferBytes: 8 << 20 })),
    );
    assert.ok(from && to);
    const sizeOf = (i: number) => (i % 100 === 99 ? 60_000 : (i * 37) % 1300);
    const sent = Array.from({ length: 600 }, (_, i) => Buffer.alloc(sizeOf(i), i));
    for (const bytes of sent) from.send(bytes, localOf(to).port, '127.0.0.1', assert.ifError);
    from.flush();
    const receiver = new Receiver();
    to.receive(receiver);
    const heard = await receiver.until(sent.length);
    assert.deepEqual(receiver.batchSizes, [256, 256, 88]);
    for (const [i, { bytes }] of heard.entries()) assert.deepEqual(bytes, sent[i], `the datagram ${i}`);
    from.close();
    to.close();
  });

  it('wake-ups that follow each other at once are 0.1 ms apart, or as soon as they can where none is to wait', async () => {
    const entry = new URL('../../lib/index.ts', import.meta.url).href;
    // A worker has an addon of its own, whatever this process has asked for. The datagram that comes back is sent again.
    const code = `
      import('tsx/esm/api').then(async ({ tsImport }) => {
        const { openSocket } = await tsImport('${entry}', '${entry}');
        const milliseconds = async (count, options) => {
          const socket = await openSocket({ address: '127.0.0.1', io: 'batch', ...options });
          const { port } = socket.local;
          const send = () => socket.send(new Uint8Array(1), port, '127.0.0.1', () => undefined);
          const startedMs = performance.now();
          await new Promise((resolve) => {
            socket.receive({
              onBatch() {
                if (--count === 0) return resolve();
                send();
                socket.flush();
              },
              onError() {},
              onClose() {},
            });
            send();
            socket.flush();
          });
          socket.close();
          return performance.now() - startedMs;
        };
        const apart = await milliseconds(301);
        const quick = [];
        for (let i = 0; i < 50; i++) quick.push(await milliseconds(21, { gatherMs: 0 }));
        require('node:worker_threads').parentPort.postMessage([apart / 300, Math.min(...quick) / 20]);
      });`;
    const worker = new Worker(code, { eval: true });
    const [[apartMs, quickMs]] = (await once(worker, 'message')) as [[number, number]];
    await worker.terminate();
    assert.ok(apartMs > 0.095, `${apartMs}`);
    assert.ok(quickMs < 0.095, `${quickMs}`);
  });

  it('a sender is one and the same, whatever came by IPv6 in between', async () => {
    const sockets = await Promise.all(
      ['127.0.0.1', '127.0.0.1', '::1', '::1'].map((address) => openSocket({ address, io: 'batch' })),
    );
    const [from4, to4, from6, to6] = sockets as [
      DatagramSocket,
      DatagramSocket,
      DatagramSocket,
      DatagramSocket,
    ];
    const [by4, by6] = [new Receiver(), new Receiver()];
    to4.receive(by4);
    to6.receive(by6);
    await send(from4, Buffer.from('1'), localOf(to4));
    await by4.until(1);
    await send(from6, Buffer.from('2'), localOf(to6));
    await by6.until(1);
    await send(from4, Buffer.from('3'), localOf(to4));
    const [first, second] = await by4.until(2);
    assert.ok(first && second);
    assert.equal(first.source, second.source);
    for (const socket of sockets) socket.close();
  });

  it('a second copy of the modules disturbs none of the first', async () => {
    const copy = (await import(new URL('../../lib/net/open-socket.ts?copy', import.meta.url).href)) as {
      openSocket: typeof openSocket;
    };
    assert.notEqual(copy.openSocket, openSocket);
    const [to, from] = [
      await openSocket({ address: '127.0.0.1', io: 'batch' }),
      await copy.openSocket({ address: '127.0.0.1', io: 'batch' }),
    ];
    const receiver = new Receiver();
    to.receive(receiver);
    await send(from, Buffer.from('heard'), localOf(to));
    await receiver.until(1);
    for (const socket of [to, from]) socket.close();
  });

  it('auto takes it', async () => {
    const socket = await openSocket({ address: '127.0.0.1' });
    assert.ok(socket instanceof BatchSocket);
    socket.close();
  });
});

// What waits when the kernel has no room, with an addon that does what the test says; and the table of senders.
import assert from 'node:assert/strict';
import { ENTRY_WORDS } from '../../lib/net/batch/addon.js';
import type { Addon } from '../../lib/net/batch/addon.js';
import { BatchLoop } from '../../lib/net/batch/batch-loop.js';
import { BatchSocket } from '../../lib/net/batch/batch-socket.js';
import { SourceTable } from '../../lib/net/batch/source-table.js';
import { KnownSource } from '../../lib/net/known-source.js';

const EAGAIN = 11;
const ROOM = 2;

/** The kernel of a test: it has room for so many datagrams. */
class FakeKernel {
  room = Infinity;
  readonly sent: string[] = [];
  watched = 0;
  ready: Uint32Array = new Uint32Array(0);
  onReady: (count: number) => number = () => 0;

  readonly addon: Addon = {
    start: (onReady, _received, ready) => {
      this.onReady = onReady;
      this.ready = ready;
    },
    open: () => 3,
    port: () => 4000,
    listen: () => undefined,
    watch: (_fd, events) => (this.watched = events),
    close: () => undefined,
    drops: () => 0,
    zone: () => 0,
    zoneName: () => '',
    receive: () => 0,
    copy: () => undefined,
    gather: () => undefined,
    srtpNew: () => undefined,
    srtpSeal: () => false,
    srtpOpen: () => false,
    srtpForget: () => undefined,
    hmac: () => false,
    send: (_fd, _isIpv6, table, count, _takesSegments, ...packets) => {
      for (let entry = 0; entry < count; entry++) {
        const at = entry * ENTRY_WORDS;
        const hasRoom = this.room-- > 0;
        table[at + 7] = hasRoom ? 0 : EAGAIN;
        if (hasRoom) this.sent.push(`${Buffer.from(packets[table[at]!]!).toString()} to ${table[at + 1]}`);
      }
      return 1;
    },
  };

  hasRoom(): void {
    this.room = Infinity;
    this.ready.set([3, ROOM]);
    this.onReady(1);
  }
}

describe('net: a batched socket whose kernel has no room', () => {
  let kernel: FakeKernel;
  let socket: BatchSocket;
  let told: string[];

  beforeEach(() => {
    kernel = new FakeKernel();
    socket = new BatchSocket(new BatchLoop(kernel.addon), 3, false, '127.0.0.1');
    told = [];
  });

  function send(text: string, port: number): void {
    socket.send(Buffer.from(text), port, '127.0.0.1', (error) =>
      told.push(`${text} ${error ? error.message : 'sent'}`),
    );
  }

  it('keeps the rest in its order, before what is sent later, until there is room', () => {
    kernel.room = 2;
    for (const text of ['a', 'b', 'c', 'd']) send(text, 1);
    socket.flush();
    send('e', 2);
    socket.flush();
    assert.deepEqual(kernel.sent, ['a to 1', 'b to 1']);
    assert.deepEqual(told, ['a sent', 'b sent']);
    assert.equal(kernel.watched, ROOM);
    kernel.hasRoom();
    assert.deepEqual(kernel.sent, ['a to 1', 'b to 1', 'c to 1', 'd to 1', 'e to 2']);
    assert.deepEqual(told, ['a sent', 'b sent', 'c sent', 'd sent', 'e sent']);
    assert.equal(kernel.watched, 0);
  });

  it('refuses what is beyond its bound, and tells', async () => {
    kernel.room = 0;
    for (let i = 0; i < 1500; i++) send(String(i), 1);
    socket.flush();
    assert.deepEqual(told, []);
    await new Promise(setImmediate);
    assert.equal(told.length, 1500 - 1024);
    assert.equal(told[0], '1024 send ENOBUFS');
    kernel.hasRoom();
    assert.equal(kernel.sent.length, 1024);
  });

  it('a packet for many stands once among those that wait', () => {
    kernel.room = 1;
    const bytes = Buffer.from('all');
    for (let port = 1; port <= 3; port++) socket.send(bytes, port, '127.0.0.1', () => undefined);
    socket.flush();
    kernel.hasRoom();
    assert.deepEqual(kernel.sent, ['all to 1', 'all to 2', 'all to 3']);
  });

  it('what a callback sends goes out too', () => {
    let isFirst = true;
    socket.send(Buffer.from('first'), 1, '127.0.0.1', () => {
      if (isFirst) send('second', 1);
      isFirst = false;
      socket.flush();
    });
    socket.flush();
    assert.deepEqual(kernel.sent, ['first to 1', 'second to 1']);
  });

  it('closed, it tells whoever waits', async () => {
    kernel.room = 0;
    send('a', 1);
    socket.flush();
    socket.close();
    await new Promise(setImmediate);
    assert.deepEqual(told, ['a send ENOBUFS']);
  });
});

describe('net: the table of senders', () => {
  const words = (port: number, ...address: readonly number[]) =>
    Uint32Array.from([port, ...address, 0, 0, 0, 0, 0].slice(0, 6));

  it('has one object for each who is heard again, however many there are', () => {
    const table = new SourceTable(() => '');
    const entry = (i: number) => words(i & 0xffff, 0x0100007f + i);
    const first = Array.from({ length: 20_000 }, (_, i) => {
      const source = table.find(entry(i), 0, false);
      assert.equal(table.find(entry(i), 0, false), source);
      return source;
    });
    assert.equal(new Set(first).size, 20_000);
    for (const [i, source] of first.entries()) assert.equal(table.find(entry(i), 0, false), source);
    assert.deepEqual({ ...first[0] }, { address: '127.0.0.1', port: 0 });
  });

  it('a flood of senders displaces nobody whose packets are taken, nor who is heard twice, and is forgotten itself', () => {
    const table = new SourceTable(() => '');
    const [taken, twice, once] = [1, 2, 3].map((port) => table.find(words(port, 9), 0, false));
    assert.ok(taken && twice && once);
    KnownSource.noteTaken(taken);
    table.find(words(2, 9), 0, false);
    for (let i = 0; i < 100_000; i++) table.find(words(7, 1000 + i), 0, false);
    assert.equal(table.find(words(1, 9), 0, false), taken);
    assert.equal(table.find(words(2, 9), 0, false), twice);
    assert.notEqual(table.find(words(3, 9), 0, false), once);
    assert.deepEqual(table.find(words(3, 9), 0, false), once);
  });

  it('forgets all when there are too many, and goes on', () => {
    const table = new SourceTable(() => '');
    const hear = (port: number, address: number) =>
      [1, 2].map(() => table.find(words(port, address), 0, false))[1];
    const first = hear(1, 1);
    for (let i = 0; i < 40_000; i++) hear(7, 1000 + i);
    assert.notEqual(table.find(words(1, 1), 0, false), first);
    assert.deepEqual(table.find(words(1, 1), 0, false), first);
  });

  it('senders that somebody has chosen cost what others cost', () => {
    // Of one network: 64 bits are for whoever has it to choose.
    const chosen = (i: number) => Uint32Array.from([7, 0xb80d0120, 0, i, i << 1, 0]);
    const others = (i: number) => Uint32Array.from([7, 0xb80d0120, 0, 0, i, 0]);
    const costOf = (senders: (i: number) => Uint32Array) => {
      const table = new SourceTable(() => '');
      const before = performance.now();
      for (let i = 0; i < 30_000; i++) {
        table.find(senders(i), 0, true);
        table.find(senders(i), 0, true);
      }
      return performance.now() - before;
    };
    costOf(others);
    assert.ok(costOf(chosen) < 10 * costOf(others));
  });

  it('reads IPv6, with the name of the interface where there is one', () => {
    const table = new SourceTable((zone) => (zone === 2 ? 'eth0' : ''));
    const bytes = Uint8Array.from([0xfe, 0x80, ...new Array<number>(13).fill(0), 1]);
    const entry = (zone: number) => Uint32Array.from([5000, ...new Uint32Array(bytes.buffer), zone]);
    assert.deepEqual({ ...table.find(entry(2), 0, true) }, { address: 'fe80::1%eth0', port: 5000 });
    assert.deepEqual({ ...table.find(entry(3), 0, true) }, { address: 'fe80::1%3', port: 5000 });
    assert.deepEqual({ ...table.find(entry(0), 0, true) }, { address: 'fe80::1', port: 5000 });
  });
});

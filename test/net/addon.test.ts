// The compiled addon: which file is loaded and which refused, and that it holds its bounds whatever it is given.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENTRY_WORDS, findAddon, RECEIVED_MAX, SENT_MAX } from '../../lib/net/batch/addon.js';
import type { Addon } from '../../lib/net/batch/addon.js';
import { BatchLoop } from '../../lib/net/batch/batch-loop.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BATCH = join('dist', 'lib', 'net', 'batch');
const FILE = `${process.platform}-${process.arch}.node`;
const BUILT = join(ROOT, BATCH, FILE);
const CM80 = { key: new Uint8Array(16), auth: new Uint8Array(20), salt: new Uint8Array(14) };

/** What a program of the package's says for `auto` and for `batch`. */
const ASKS = `
  const { openSocket, whyNoBatch } = await import('./dist/lib/index.js');
  const socket = await openSocket({ address: '127.0.0.1', io: 'auto' });
  const refused = await openSocket({ address: '127.0.0.1', io: 'batch' }).then((other) => other.close(), (error) => error.message);
  console.log(JSON.stringify({ by: socket.constructor.name, why: whyNoBatch(), refused }));
  socket.close();`;

describe('net: the file of the addon', () => {
  let folder: string;
  let built: Buffer;

  before(function () {
    if (!existsSync(BUILT)) {
      if (process.env.CI) assert.fail(`there is no ${FILE}`);
      this.skip();
    }
    built = readFileSync(BUILT);
    folder = mkdtempSync(join(tmpdir(), 'latchkey-addon-'));
    cpSync(join(ROOT, 'dist', 'lib'), join(folder, 'dist', 'lib'), { recursive: true });
    rmSync(join(folder, BATCH, `linux-musl-${process.arch}.node`), { force: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  });

  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  function ask(): { by: string; why?: string; refused?: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', ASKS], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    return JSON.parse(stdout) as { by: string };
  }

  function changed(from: string, to: string): Buffer {
    assert.equal(from.length, to.length);
    const bytes = Buffer.from(built);
    for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from)) bytes.write(to, at, 'latin1');
    assert.ok(!bytes.equals(built));
    return bytes;
  }

  function forMachine(number: number): Buffer {
    const bytes = Buffer.from(built);
    bytes.writeUInt16LE(number, 18);
    return bytes;
  }

  it('is taken as it was built', () => {
    assert.deepEqual(ask(), { by: 'BatchSocket' });
  });

  const broken: [string, () => Buffer | undefined, RegExp][] = [
    ['missing', () => undefined, /^there is no linux-\w+\.node$/],
    ['empty', () => Buffer.alloc(0), /: file too short$/],
    ['no library', () => Buffer.from('no library, by any means'.repeat(20)), /: invalid ELF header$/],
    ['for another machine', () => forMachine(0xf3), /: cannot open shared object file/],
    [
      'for another libc',
      () => changed('libc.so.6', 'libc.so.9'),
      /: libc\.so\.9: cannot open shared object file/,
    ],
    ['for a newer glibc', () => changed('GLIBC_2.', 'GLIBC_9.'), /: version `GLIBC_9\.\d+' not found/],
    // Were it found at the first call only, it would end the process.
    [
      'for another Node',
      () => changed('uv_poll_start', 'uv_poll_stort'),
      /: undefined symbol: uv_poll_stort$/,
    ],
  ];
  for (const [what, bytes, reason] of broken)
    it(`${what}: auto goes by dgram in silence, batch says why and names no folder`, () => {
      rmSync(join(folder, BATCH, FILE), { force: true });
      const given = bytes();
      if (given) writeFileSync(join(folder, BATCH, FILE), given);
      const { by, why, refused } = ask();
      assert.equal(by, 'DgramSocket');
      assert.match(why ?? '', reason);
      assert.equal(refused, `127.0.0.1 by the batch: no addon: ${why}`);
      for (const place of [folder, ROOT, tmpdir()]) assert.ok(!refused.includes(place), refused);
    });

  it('runs on the oldest glibc that Node 20 runs on, and on no musl', () => {
    const text = built.toString('latin1');
    const versions = [...text.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    assert.ok(versions.length > 0);
    assert.ok(Math.max(...versions) <= 28, `GLIBC_2.${Math.max(...versions)}`);
    assert.match(text, /gnu_get_libc_version/);
  });
});

describe('net: the addon, called as nobody calls it', () => {
  let addon: Addon;
  let fd: number;

  before(function () {
    const found = findAddon();
    if ('addon' in found) ({ addon } = found);
    else if (process.env.CI) assert.fail(found.reason);
    else this.skip();
  });

  beforeEach(() => {
    BatchLoop.of(addon);
    fd = addon.open(0, Uint8Array.of(127, 0, 0, 1), 0, 0, 0);
    assert.ok(fd > 0);
  });

  afterEach(() => addon.close(fd));

  it('touches no descriptor but those that it has opened', () => {
    const other = openSync(BUILT, 'r');
    for (const number of [other, -1, 1 << 30]) {
      addon.close(number);
      addon.watch(number, 3);
      assert.equal(addon.port(number), 0);
      assert.equal(addon.drops(number), 0);
      assert.ok(addon.receive(number, new Uint8Array(0), 0) < 0);
    }
    assert.ok(fstatSync(other).size > 0);
    closeSync(other);
  });

  const entry = (...words: number[]) =>
    Uint32Array.from([...words, ...new Array<number>(8).fill(0)].slice(0, 8));
  const packet = Buffer.from('packet');

  it('sends no more than the tables have, and nothing that is no bytes', () => {
    const send = (packets: unknown[], table: unknown, count: number) => () =>
      addon.send(fd, 0, table as Uint32Array, count, 1, ...(packets as Uint8Array[]));
    assert.throws(send([packet], entry(0), 2), RangeError);
    assert.throws(send([packet], entry(0), -1), RangeError);
    assert.throws(send([packet], new Uint8Array(ENTRY_WORDS * 4), 1), TypeError);
    assert.throws(send([packet], {}, 1), TypeError);
    for (const many of [SENT_MAX + 1, 3 * SENT_MAX])
      assert.throws(send(new Array(many).fill(packet), entry(0), 1), RangeError);
    assert.throws(send([packet], new Uint32Array((SENT_MAX + 1) * ENTRY_WORDS), SENT_MAX + 1), RangeError);
    assert.throws(send([packet], entry(1), 1), RangeError);
    assert.throws(send([], entry(0), 1), RangeError);
    for (const thing of [{}, 'text', undefined, new DataView(new ArrayBuffer(8)), new Float64Array(2)])
      assert.throws(send([thing], entry(0), 1), TypeError);
    assert.throws(send([packet, undefined], entry(0), 1), TypeError);
    assert.throws(() => (addon.send as unknown as () => void)(), TypeError);
  });

  it('of bytes that were given away meanwhile it sends none', () => {
    const gone = new Uint8Array(1000);
    structuredClone(gone, { transfer: [gone.buffer] });
    const table = entry(0, addon.port(fd), new Uint32Array(Uint8Array.of(127, 0, 0, 1).buffer)[0]!);
    assert.equal(addon.send(fd, 0, table, 1, 1, gone), 1);
    assert.equal(table[7], 0);
    const block = new Uint8Array(10);
    assert.equal(addon.receive(fd, block, 10), 1);
    assert.deepEqual(block, new Uint8Array(10));
  });

  it('copies nothing beyond the block', () => {
    const table = entry(0, addon.port(fd), new Uint32Array(Uint8Array.of(127, 0, 0, 1).buffer)[0]!);
    const block = new Uint8Array(10);
    for (const at of [5, 11, -1, -6, 2 ** 31]) {
      addon.send(fd, 0, table, 1, 1, packet);
      assert.equal(addon.receive(fd, block, at), 1);
      assert.deepEqual(block, new Uint8Array(10), 'it waits where there is no room');
    }
    assert.throws(() => addon.copy([] as unknown as Uint8Array, 0), TypeError);
    addon.copy(block.subarray(0, 5), 0);
    for (const from of [-1, 1, 2 ** 31]) addon.copy(block, from);
    assert.deepEqual(block, new Uint8Array(10), 'nor where there is none that has this number');
    addon.copy(block.subarray(4), 0);
    assert.equal(Buffer.from(block.subarray(4)).toString(), 'packet');
    addon.send(fd, 0, table, 1, 1, packet);
    assert.equal(addon.receive(fd, block, 1), 1);
    assert.equal(Buffer.from(block.subarray(1, 7)).toString(), 'packet');
  });

  it('copies whole datagrams alone, and none before those for which there was no room', () => {
    const to = new Uint32Array(Uint8Array.of(127, 0, 0, 1).buffer)[0]!;
    const table = Uint32Array.from([0, 1, 2].flatMap((i) => [...entry(i, addon.port(fd), to)]));
    addon.send(fd, 0, table, 3, 0, ...['first', 'the second', 'third'].map((text) => Buffer.from(text)));
    const [block, next] = [new Uint8Array(12), new Uint8Array(12)];
    assert.equal(addon.receive(fd, block, 0), 3);
    addon.copy(next, 1);
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString().replaceAll('\0', ' ').trim();
    assert.deepEqual([text(block), text(next)], ['first', 'the second']);
    addon.copy(next, 2);
    assert.equal(text(next), 'thirdecond');
  });

  it('opens no address of the wrong size, and starts once', () => {
    assert.throws(() => addon.open(1, new Uint8Array(4), 0, 0, 0), TypeError);
    assert.throws(() => addon.open(0, 'text' as unknown as Uint8Array, 0, 0, 0), TypeError);
    const start = () =>
      addon.start(() => 0, new Uint32Array(RECEIVED_MAX * ENTRY_WORDS), new Uint32Array(512));
    assert.throws(start, /has been started/);
  });

  it('makes no SRTP with a tag, an index or a size that there is none of', () => {
    const { key, auth, salt } = CM80;
    assert.throws(() => addon.srtpNew(1, 0, 10, key, auth, new Uint8Array(12)), TypeError);
    assert.throws(() => addon.srtpNew(0, 0, 21, key, auth, salt), TypeError);
    assert.throws(() => addon.srtpNew(0, 0, 10, key, new Uint8Array(65), salt), TypeError);
    assert.equal(addon.srtpNew(0, 0, 10, new Uint8Array(17), auth, salt), undefined);
    const context = addon.srtpNew(0, 0, 10, key, auth, salt);
    assert.ok(context);
    const seal = (into: Uint8Array, clear: number, index: number, bytes = new Uint8Array(20)) =>
      addon.srtpSeal(context, bytes, into, clear, 1, index, new Uint8Array(0));
    assert.equal(seal(new Uint8Array(30), 12, 2 ** 48 - 1), true);
    for (const index of [-1, NaN, Infinity, 2 ** 48])
      assert.throws(() => seal(new Uint8Array(30), 12, index), TypeError);
    assert.equal(seal(new Uint8Array(29), 12, 1), false);
    assert.equal(seal(new Uint8Array(30), 21, 1), false);
    assert.throws(() => seal(new Uint8Array(30), 12, 1, new Uint8Array((1 << 20) + 1)), TypeError);
    for (const mkiSize of [11, 0xffff_ffff])
      assert.equal(addon.srtpOpen(context, new Uint8Array(20), new Uint8Array(0), 0, 1, 1, mkiSize), false);
  });
});

import assert from 'node:assert/strict';
import { readDatagrams } from '../../lib/capture/index.js';
import { concat, frames, hex } from './bytes.js';
import { Blocks, hear, ipv4, text, udp } from './packets.js';

const one = (word: string) => ipv4(17, udp(text(word)));
const words = (file: Uint8Array) => hear(file).datagrams.map(({ payload }) => payload);
const times = (file: Uint8Array) => hear(file).datagrams.map(({ timeMs }) => timeMs);

/** Every kind of block, in one byte order: names and statistics around the packets. */
function whole(isLittleEndian: boolean): { blocks: Uint8Array[]; words: string[] } {
  const blocks = new Blocks(isLittleEndian);
  return {
    blocks: [
      blocks.section({ comment: true }),
      blocks.interface(101),
      blocks.block(4, text('names')),
      blocks.packet(0, 1_000_000, one('enhanced')),
      blocks.oldPacket(0, 2_000_000, one('obsolete')),
      blocks.block(0x0bad_cafe, new Uint8Array(37)),
      blocks.simplePacket(one('simple')),
      blocks.block(5, new Uint8Array(12)),
    ],
    words: ['enhanced', 'obsolete', 'simple'],
  };
}

describe('capture: pcapng', () => {
  for (const isLittleEndian of [true, false]) {
    const name = isLittleEndian ? 'little' : 'big';
    const { blocks, words: expected } = whole(isLittleEndian);
    const file = concat(...blocks);

    it(`reads all three packet blocks and passes over the rest, ${name}-endian`, () => {
      const heard = hear(file);
      assert.deepEqual(
        heard.datagrams.map(({ timeMs, payload }) => [timeMs, payload]),
        expected.map((word, i) => [[1000, 2000, 2000][i], word]),
      );
      assert.deepEqual([heard.packets, heard.skipped, heard.error], [3, {}, undefined]);
    });

    it(`gives the good part and the offset at every truncation, ${name}-endian`, () => {
      const ends = blocks.map((_, i) => concat(...blocks.slice(0, i + 1)).length);
      const packetsAt = [3, 4, 6].map((i) => ends[i]!);
      for (let size = 0; size <= file.length; size++) {
        const heard = hear(file.subarray(0, size));
        const good = ends.filter((end) => end <= size).at(-1) ?? 0;
        assert.equal(heard.packets, packetsAt.filter((end) => end <= size).length, `${size} bytes`);
        assert.equal(heard.error?.code, size === good && size > 0 ? undefined : 'truncated', `${size} bytes`);
        if (heard.error) assert.equal(heard.error.offset, good, `${size} bytes`);
      }
    });

    it(`does not mind how the bytes come, ${name}-endian`, () => {
      const expectedAll = hear(file);
      for (let size = 1; size <= file.length; size++)
        assert.deepEqual(hear(file, size), expectedAll, `${size}`);
    });
  }

  it('reads sections of both byte orders, each with interfaces of its own', () => {
    const [little, big] = [new Blocks(true), new Blocks(false)];
    const file = concat(
      little.section(),
      little.interface(1),
      little.interface(113),
      little.packet(1, 0, frames.cooked),
      little.packet(0, 0, frames.ethernetVlan),
      big.section(),
      big.interface(276),
      big.packet(0, 0, frames.cooked2),
      big.packet(1, 0, frames.cooked),
    );
    const heard = hear(file);
    assert.equal(heard.datagrams.length, 3);
    assert.deepEqual([heard.packets, heard.skipped, heard.error], [4, { interface: 1 }, undefined]);
  });

  for (const [what, resolution, ticks, expected] of [
    ['microseconds by default', -1, 1_795_358_095_250_001, 1_795_358_095_250.001],
    ['milliseconds', 3, 1_795_358_095_250, 1_795_358_095_250],
    ['nanoseconds', 9, 1_795_358_095_250_001 * 1000, 1_795_358_095_250.001],
    ['seconds', 0, 1_795_358_095, 1_795_358_095_000],
    ['parts of a power of two', 0x8a, 1024 * 5 + 512, 5500],
  ] as const)
    it(`reads times in ${what}`, () => {
      const blocks = new Blocks();
      const file = concat(
        blocks.section(),
        blocks.interface(101, { resolution }),
        blocks.packet(0, ticks, one('x')),
      );
      assert.ok(Math.abs(times(file)[0]! - expected) < 0.0005, `${times(file)[0]}`);
    });

  it('adds the offset of the interface, which may be negative', () => {
    for (const blocks of [new Blocks(true), new Blocks(false)])
      for (const offsetS of [1_700_000_000, -3]) {
        const file = concat(
          blocks.section(),
          blocks.interface(101, { offsetS }),
          blocks.packet(0, 5_000_000, one('x')),
        );
        assert.deepEqual(times(file), [5000 + offsetS * 1000]);
      }
  });

  it('cuts a simple packet at the snap length of the interface', () => {
    const blocks = new Blocks();
    const packet = one('long enough');
    const file = concat(
      blocks.section(),
      blocks.interface(101, { snap: 32 }),
      blocks.simplePacket(packet.subarray(0, 32), packet.length),
    );
    assert.deepEqual(hear(file).datagrams, [{ timeMs: 0, cutBytes: 7, payload: 'long' }]);
  });

  it('counts the packets of interfaces that it cannot read and goes on', () => {
    const blocks = new Blocks();
    const file = concat(
      blocks.section(),
      blocks.simplePacket(one('early')),
      blocks.interface(195),
      blocks.interface(101),
      blocks.packet(0, 0, one('radio')),
      blocks.packet(7, 0, one('nobody')),
      blocks.packet(1, 0, one('heard')),
    );
    const heard = hear(file);
    assert.deepEqual(
      heard.datagrams.map(({ payload }) => payload),
      ['heard'],
    );
    assert.deepEqual([heard.packets, heard.skipped], [4, { 'link-type': 1, interface: 2 }]);
  });

  it('accepts a block whose length leaves out the padding', () => {
    const blocks = new Blocks();
    const odd = blocks.packet(0, 0, one('abc'));
    const unpadded = blocks.oldPacket(0, 0, one('odd'));
    // 28 + 31 bytes of packet: the length said is one less than what the block takes.
    for (const at of [4, unpadded.length - 4])
      new DataView(unpadded.buffer).setUint32(at, unpadded.length - 1, true);
    assert.deepEqual(words(concat(blocks.section(), blocks.interface(101), unpadded, odd)), ['odd', 'abc']);
  });

  const blocks = new Blocks();
  const good = concat(blocks.section(), blocks.interface(101), blocks.packet(0, 0, one('good')));
  const broken = (block: Uint8Array, at: number, value: number) => {
    new DataView(block.buffer).setUint32(at, value, true);
    return block;
  };
  for (const [what, block, code] of [
    ['a block shorter than its fixed part', broken(blocks.packet(0, 0, one('x')), 4, 28), 'block-size'],
    ['a length of zero', broken(blocks.packet(0, 0, one('x')), 4, 0), 'block-size'],
    ['an unknown block without an end', broken(blocks.block(77, hex('')), 4, 11), 'block-size'],
    ['a packet block of two gigabytes', broken(blocks.packet(0, 0, one('x')), 4, 2 ** 31), 'block-size'],
    ['a packet larger than its block', broken(blocks.packet(0, 0, one('x')), 20, 60), 'block-size'],
    ['a packet of 4 GB', broken(blocks.packet(0, 0, one('x')), 20, 2 ** 32 - 1), 'block-size'],
    ['two lengths that differ', broken(blocks.simplePacket(one('xyz')), 44, 44), 'block-end'],
    ['a section without a byte order', broken(blocks.section(), 8, 0), 'byte-order'],
    ['a section of version 2', blocks.section({ major: 2 }), 'version'],
  ] as const)
    it(`stops at ${what}: ${code}`, () => {
      const heard = hear(concat(good, block, blocks.packet(0, 0, one('after'))));
      assert.equal(heard.error?.code, code);
      assert.equal(heard.error.offset, good.length);
      assert.equal(heard.packets, 1);
    });

  it('passes over an unknown block of any size without holding it', () => {
    const huge = blocks.block(0x0bad_cafe, new Uint8Array(5 << 20));
    const file = Buffer.concat([good, huge, blocks.packet(0, 0, one('after'))]);
    assert.equal(readDatagrams(file).packets, 2);
    assert.equal(hear(file, 4096).packets, 2);
    const cut = hear(file.subarray(0, -200), 4096);
    assert.deepEqual([cut.packets, cut.error?.code, cut.error?.offset], [1, 'truncated', good.length]);
  });

  it('stops at more interfaces than anybody has', () => {
    const many = Array.from({ length: 4097 }, () => blocks.interface(101));
    const heard = hear(Buffer.concat([blocks.section(), ...many]));
    assert.equal(heard.error?.code, 'interfaces');
  });
});

// Damaged captures: never a throw, never an endless loop, never memory that grows with what a header claims.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Prng } from '../support/prng.js';
import { CaptureReader } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';
import { fixtureCaptures, sharedCaptures } from './oracles.js';
import { Blocks, hear, ipv4, tcp, text, udp } from './packets.js';
import type { Heard } from './packets.js';

const FLIPPED_FILES = 20_000;

/** One of everything: both byte orders, all blocks, all link layers, fragments, SIP over TCP and WebSocket. */
function everything(): Uint8Array {
  const message = text('BYE sip:bob@example.net SIP/2.0', 'Call-ID: 1', 'l: 0', '', '');
  const upgrade = text('GET / HTTP/1.1', 'Upgrade: websocket', '', '');
  const big = udp(new Uint8Array(40).fill(0x61));
  return concat(
    ...[true, false].flatMap((isLittleEndian) => {
      const blocks = new Blocks(isLittleEndian);
      const links = [1, 101, 113, 276, 0, 108, 228, 229];
      const linked = [
        frames.ethernetQinQ,
        frames.rawIpv6Extensions,
        frames.cookedVlan,
        frames.cooked2,
        frames.nullLittle,
        frames.nullBig,
        frames.rawIpv4Options,
        frames.rawIpv6Atomic,
      ];
      const [last, other] = isLittleEndian ? [1, 7] : [2, 8];
      const raw = [
        ipv4(17, big.subarray(0, 24), { id: 3, more: true }),
        ipv4(17, big.subarray(24), { id: 3, offset: 24 }),
        tcp({ last, sequence: 0, isOpening: true }),
        tcp({ last, sequence: 1 + message.length, data: message.subarray(0, 20), acknowledged: 0 }),
        tcp({ last, sequence: 1, data: message }),
        tcp({ last, sequence: 21 + message.length, data: message.subarray(20) }),
        tcp({ sequence: 9, data: upgrade, last: other }),
        tcp({
          sequence: 9 + upgrade.length,
          data: concat(hex('81fe'), Uint8Array.of(0, message.length), new Uint8Array(4), message),
          last: other,
        }),
      ];
      return [
        blocks.section({ comment: true }),
        ...links.map((link) => blocks.interface(link, { resolution: 6, offsetS: 5 })),
        ...linked.map((frame, on) => blocks.packet(on, 1_000_000 + on, frame)),
        ...raw.map((packet, i) => blocks.oldPacket(1, 2_000_000 + i, packet)),
        blocks.block(0x0bad, new Uint8Array(20)),
        blocks.simplePacket(frames.ethernetIpv4),
      ];
    }),
  );
}

/** What holds for any file at all. */
function check(heard: Heard, file: Uint8Array): void {
  const skipped = Object.values(heard.skipped).reduce((sum, count) => sum + count, 0);
  assert.ok(skipped + heard.datagrams.length <= heard.packets, 'no packet counts twice');
  assert.ok(heard.packets <= file.length / 12);
  for (const { timeMs } of heard.datagrams) assert.ok(Number.isFinite(timeMs));
  for (const message of heard.sip) assert.ok(message.text.length <= file.length);
  if (heard.error) assert.ok(heard.error.offset <= file.length);
}

describe('capture: damage', function () {
  this.timeout(60_000);
  const file = everything();

  it('is not in the capture that the others are made of', () => {
    const heard = hear(file);
    assert.equal(heard.error, undefined);
    assert.deepEqual(heard.skipped, { 'tcp-empty': 2 });
    assert.deepEqual([heard.packets, heard.datagrams.length, heard.sip.length], [34, 20, 6]);
  });

  it('gives the same however the bytes come', () => {
    const whole = hear(file);
    for (const size of [1, 2, 3, 7, 13, 64, 1000]) assert.deepEqual(hear(file, size), whole, `${size}`);
  });

  it('by truncation leaves the good part, at every length', () => {
    const whole = hear(file);
    for (let size = 0; size < file.length; size++) {
      const heard = hear(file.subarray(0, size));
      check(heard, file);
      assert.deepEqual(heard.datagrams, whole.datagrams.slice(0, heard.datagrams.length));
      if (heard.error) assert.equal(heard.error.code, 'truncated');
    }
  });

  it(`by flipped bits throws nothing and costs no memory, in ${FLIPPED_FILES} files`, () => {
    const prng = new Prng(7);
    const codes = new Set<string>();
    global.gc?.();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < FLIPPED_FILES; i++) {
      const damaged = file.slice();
      for (let flips = 1 + (i % 8); flips > 0; flips--)
        damaged[prng.integer(file.length)]! ^= 1 << prng.integer(8);
      const heard = hear(damaged, i % 2 === 0 ? Infinity : 1 + prng.integer(600));
      check(heard, file);
      codes.add(heard.error?.code ?? 'none');
      for (const reason of Object.keys(heard.skipped)) codes.add(reason);
    }
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 300e6, `${grown} bytes`);
    // The flips reached what they were meant to reach.
    const expected = ['none', 'truncated', 'block-size', 'block-end', 'byte-order', 'version'];
    expected.push('interface', 'link-type', 'not-ip', 'protocol', 'cut', 'malformed', 'fragment');
    assert.deepEqual(
      expected.filter((code) => !codes.has(code)),
      [],
    );
  });

  it('or none, a capture of 256 MB costs no more memory than a small one', () => {
    const records = Array.from({ length: 5000 }, (_, i) => {
      const frame = concat(frames.rawIpv4.subarray(0, 20), udp(new Uint8Array(172)));
      frame.set([0, frame.length], 2);
      return pcapRecord({ bytes: frame, seconds: i });
    });
    const chunk = Buffer.concat(records);
    let datagrams = 0;
    const reader = new CaptureReader({ onDatagram: () => datagrams++ });
    reader.push(pcapHeader());
    const chunks = Math.ceil(256e6 / chunk.length);
    const before = process.memoryUsage().rss;
    let most = before;
    for (let i = 0; i < chunks; i++) {
      reader.push(chunk);
      most = Math.max(most, process.memoryUsage().rss);
    }
    assert.deepEqual(reader.end(), { packets: chunks * 5000, skipped: {} });
    assert.equal(datagrams, chunks * 5000);
    assert.ok(most - before < 100e6, `${most - before} bytes`);
  });

  for (const path of [...fixtureCaptures(), ...sharedCaptures()])
    it(`to ${basename(path)}, cut or with flipped bits, throws nothing`, () => {
      const original = readFileSync(path);
      const whole = hear(original);
      check(whole, original);
      const prng = new Prng(original.length);
      for (let i = 0; i < 8; i++) {
        const cut = hear(original.subarray(0, prng.integer(original.length)), 1 + prng.integer(100_000));
        check(cut, original);
        assert.deepEqual(cut.datagrams, whole.datagrams.slice(0, cut.datagrams.length));
        const flipped = new Uint8Array(original);
        for (let flips = 0; flips < 1 << i; flips++)
          flipped[prng.integer(flipped.length)]! ^= 1 << prng.integer(8);
        check(hear(flipped), original);
      }
    });
});

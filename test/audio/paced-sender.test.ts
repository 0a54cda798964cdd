// What a paced sender sends at each beat.
import assert from 'node:assert/strict';
import { PacedSender } from '../../lib/audio/paced-sender.js';
import { parseRtp } from '../../lib/wire/index.js';

const codec = { payloadType: 8, silence: 0xd5 } as const;

describe('audio: the paced sender', () => {
  let isOpen: boolean;
  let packets: Uint8Array[];
  let sender: PacedSender;

  beforeEach(() => {
    isOpen = true;
    packets = [];
    sender = new PacedSender({
      codec,
      send: (packet) => {
        if (isOpen) packets.push(packet);
        return isOpen;
      },
    });
  });

  const beat = (times = 1): void => {
    for (let i = 0; i < times; i++) sender.beat();
  };
  const headers = () =>
    packets.map((packet) => {
      const header = parseRtp(packet);
      assert.ok(header.ok);
      assert.equal(packet.length, 172);
      return header.value;
    });
  const payloads = () => packets.map((packet) => [...new Set(packet.subarray(12))]);
  const steps = (values: readonly number[], modulus: number) =>
    values.slice(1).map((value, i) => (value - values[i]! + modulus) % modulus);

  it('sends a frame at each beat, and silence where nothing is queued', () => {
    assert.equal(sender.queue(new Uint8Array(320).fill(1)), true);
    assert.equal(sender.queuedMs, 40);
    beat(3);
    assert.deepEqual(payloads(), [[1], [1], [0xd5]]);
    assert.equal(sender.queuedMs, 0);
  });

  it('fills the end of what is queued up with silence', () => {
    sender.queue(new Uint8Array(200).fill(1));
    beat(2);
    assert.deepEqual([...packets[1]!.subarray(12, 52)], new Array(40).fill(1));
    assert.deepEqual([...packets[1]!.subarray(52)], new Array(120).fill(0xd5));
  });

  it('numbers go up by one, timestamps by 160, and the first packet alone has the marker', () => {
    beat(70_000 / 20);
    const all = headers();
    assert.deepEqual(
      [
        ...new Set(
          steps(
            all.map(({ sequence }) => sequence),
            2 ** 16,
          ),
        ),
      ],
      [1],
    );
    assert.deepEqual(
      [
        ...new Set(
          steps(
            all.map(({ timestamp }) => timestamp),
            2 ** 32,
          ),
        ),
      ],
      [160],
    );
    assert.deepEqual(all.map(({ marker }) => marker).indexOf(true, 1), -1);
    assert.equal(all[0]?.marker, true);
    assert.deepEqual([...new Set(all.map((one) => `${one.ssrc} ${one.payloadType}`))], [`${sender.ssrc} 8`]);
  });

  it('barge-in: the packet after a cut is silence, and what is queued then is spoken', () => {
    sender.queue(new Uint8Array(16_000).fill(1));
    beat();
    sender.clear();
    assert.equal(sender.queuedMs, 0);
    beat();
    sender.queue(new Uint8Array(160).fill(2));
    beat();
    assert.deepEqual(payloads(), [[1], [0xd5], [2]]);
  });

  it('what cannot go out is not lost; its time goes by, its number does not', () => {
    isOpen = false;
    sender.queue(new Uint8Array(320).fill(1));
    beat(3);
    isOpen = true;
    beat();
    isOpen = false;
    beat(2);
    isOpen = true;
    beat();
    assert.deepEqual(payloads(), [[1], [1]]);
    const all = headers();
    assert.deepEqual(
      steps(
        all.map(({ sequence }) => sequence),
        2 ** 16,
      ),
      [1],
    );
    assert.deepEqual(
      steps(
        all.map(({ timestamp }) => timestamp),
        2 ** 32,
      ),
      [480],
    );
    assert.deepEqual(
      all.map(({ marker }) => marker),
      [true, true],
    );
    assert.equal(sender.sent, 2);
  });

  it('skips beats: the timestamp jumps, and the marker says so', () => {
    beat();
    sender.skip(10);
    beat();
    const all = headers();
    assert.deepEqual(
      steps(
        all.map(({ timestamp }) => timestamp),
        2 ** 32,
      ),
      [160 * 11],
    );
    assert.deepEqual(
      steps(
        all.map(({ sequence }) => sequence),
        2 ** 16,
      ),
      [1],
    );
    assert.equal(all[1]?.marker, true);
  });

  it('takes ten minutes and no more, in order, in pieces of any size', () => {
    let n = 0;
    const piece = (size: number) => Uint8Array.from({ length: size }, () => n++ % 251);
    for (let i = 0; i < 300; i++) {
      assert.equal(sender.queue(piece((i * 37) % 400)), true);
      if (i % 3 === 0 && sender.queuedMs >= 20) beat();
    }
    while (sender.queuedMs >= 20) beat();
    const spoken = packets.flatMap((packet) => [...packet.subarray(12)]);
    assert.ok(spoken.length > 50_000);
    assert.ok(spoken.every((octet, i) => octet === i % 251));
    sender.clear();
    assert.equal(sender.queue(new Uint8Array(4_800_000)), true);
    assert.equal(sender.queue(new Uint8Array(1)), false);
    assert.equal(sender.refused, 1);
    assert.equal(sender.queuedMs, 600_000);
  });
});

// What is counted of each source: losses by the extended sequence number, silences, and what a report says of them.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { StreamStats } from '../../lib/phone/stream-stats.js';

const ssrc = 0x1badcafe;

function rtp(sequence: number, from = ssrc, timestamp = sequence * 160): Uint8Array {
  const bytes = new Uint8Array(12 + 160);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80);
  view.setUint16(2, sequence);
  view.setUint32(4, timestamp);
  view.setUint32(8, from);
  return bytes;
}

function bye(...ssrcs: number[]): Uint8Array {
  const bytes = new Uint8Array(8 + 4 + 4 * ssrcs.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x80c90001); // an empty RR before it, as RFC 3550 section 6.1 wants
  view.setUint32(4, 1);
  view.setUint8(8, 0x80 | ssrcs.length);
  view.setUint8(9, 203);
  view.setUint16(10, ssrcs.length);
  ssrcs.forEach((one, i) => view.setUint32(12 + 4 * i, one));
  return bytes;
}

/** Hears these sequence numbers, 20 ms apart. */
function hear(sequences: readonly number[], stats = new StreamStats()): StreamStats {
  sequences.forEach((sequence, i) => stats.handleRtp(rtp(sequence & 0xffff), i * 20));
  return stats;
}

function summaryOf(sequences: readonly number[]) {
  const [summary] = hear(sequences).summary((sequences.length - 1) * 20);
  assert.ok(summary);
  return summary;
}

const span = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('what is heard of a source', () => {
  const cases: readonly [string, readonly number[], number][] = [
    ['all in order', span(7, 100), 0],
    ['one lost', [1, 2, 4, 5], 1],
    ['a hole of ten', [...span(0, 5), ...span(15, 5)], 10],
    ['reordered', [1, 3, 2, 4, 6, 5], 0],
    ['over the wrap', span(65_530, 20), 0],
    ['lost over the wrap', [65_534, 65_535, 2, 3], 2],
    ['reordered over the wrap', [65_534, 0, 65_535, 1], 0],
    ['twice over the wrap', span(60_000, 140_000), 0],
    ['a duplicate, which makes up for nothing that is not lost', [1, 2, 2, 3], 0],
    ['late from before the first', [10, 9, 11], 0],
    ['a source that began anew', [...span(100, 50), ...span(40_000, 50)], 0],
    ['a loss before it began anew', [1, 2, 4, ...span(40_000, 5)], 1],
    ['one stray number', [1, 2, 40_000, 3, 4], 0],
  ];
  for (const [name, sequences, lost] of cases)
    it(`${name}: ${lost} lost`, () => {
      const summary = summaryOf(sequences);
      assert.equal(summary.lost, lost);
      assert.equal(summary.packets, sequences.length);
      assert.equal(summary.ssrc, ssrc);
    });

  it('never loses what was reordered within bounds, wherever it wraps', () => {
    const order = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), order, (first, delays) => {
        const sent = delays.map((delay, i) => ({ sequence: first + i, at: i + delay }));
        const heard = sent.toSorted((a, b) => a.at - b.at).map(({ sequence }) => sequence);
        assert.equal(summaryOf(heard).lost, 0);
      }),
    );
  });

  it('counts every loss in the middle', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 65_535 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 998 }), { maxLength: 300 }),
        (first, missing) => {
          const gone = new Set(missing);
          const heard = span(0, 1000).filter((i) => !gone.has(i));
          assert.equal(summaryOf(heard.map((i) => first + i)).lost, missing.length);
        },
      ),
    );
  });

  it('tells the longest silence, that at the end included', () => {
    const stats = new StreamStats();
    for (const atMs of [0, 20, 40, 340, 360]) stats.handleRtp(rtp(atMs / 20), atMs);
    assert.equal(stats.summary(380)[0]?.maxGapMs, 300);
    assert.equal(stats.summary(1360)[0]?.maxGapMs, 1000);
  });

  it('takes what comes after a BYE for no silence', () => {
    const stats = hear([1, 2, 3]);
    stats.handleRtcp(bye(1, ssrc), 60);
    assert.equal(stats.summary(10_000)[0]?.maxGapMs, 20);
    stats.handleRtp(rtp(4), 20_000);
    assert.equal(stats.summary(20_000)[0]?.maxGapMs, 20);
    assert.equal(stats.summary(20_500)[0]?.maxGapMs, 500);
  });

  it('keeps sources apart, in the order in which they spoke', () => {
    const stats = new StreamStats();
    stats.handleRtp(rtp(1, 30), 0);
    stats.handleRtp(rtp(1, 20), 0);
    stats.handleRtp(rtp(2, 30), 20);
    assert.deepEqual(
      stats.summary(20).map((one) => [one.ssrc, one.packets]),
      [
        [30, 2],
        [20, 1],
      ],
    );
    assert.equal(stats.packets, 3);
  });

  it('is bounded, whatever number of SSRCs there is', () => {
    const stats = new StreamStats();
    for (let i = 0; i < 5000; i++) stats.handleRtp(rtp(0, i), i);
    assert.equal(stats.packets, 5000);
    assert.equal(stats.summary(5000).length, 1024);
  });

  it('reads no garbage', () => {
    const stats = new StreamStats();
    stats.handleRtp(new Uint8Array(3), 0);
    stats.handleRtcp(new Uint8Array([0x81, 203]), 0);
    stats.handleRtcp(new Uint8Array([0x9f, 203, 0, 1, 0, 0, 0, 9]), 0);
    assert.deepEqual(stats.summary(0), []);
  });
});

describe('the reception for a report', () => {
  it('names loss since the last report, and the extended sequence number', () => {
    const stats = hear([65_534, 65_535, 2, 3]);
    const [first] = stats.takeReceptions(100);
    assert.deepEqual(
      [first?.ssrc, first?.highestSequence, first?.totalLost, first?.fractionLost],
      [ssrc, 0x10003, 2, Math.floor((2 * 256) / 6)],
    );
    stats.handleRtp(rtp(4), 120);
    const [second] = stats.takeReceptions(200);
    assert.deepEqual([second?.totalLost, second?.fractionLost], [2, 0]);
  });

  it('is of those only that were heard since', () => {
    const stats = hear([1, 2]);
    assert.equal(stats.takeReceptions(100).length, 1);
    assert.equal(stats.takeReceptions(200).length, 0);
  });

  it('tells of the last sender report, and how long ago it came', () => {
    const stats = hear([1, 2]);
    const report = new Uint8Array(28);
    const view = new DataView(report.buffer);
    view.setUint32(0, 0x80c80006);
    view.setUint32(4, ssrc);
    view.setUint32(8, 0xaaaa1234);
    view.setUint32(12, 0x5678bbbb);
    stats.handleRtcp(report, 1000);
    const [reception] = stats.takeReceptions(2500);
    assert.equal(reception?.lastReport, 0x12345678);
    assert.equal(reception?.sinceLastReport, 1.5 * 65_536);
  });

  it('has no jitter where packets come as they were sent, and some where not', () => {
    const even = hear(span(0, 100)).takeReceptions(2000)[0];
    assert.equal(even?.jitter, 0);
    const stats = new StreamStats();
    for (let i = 0; i < 200; i++) stats.handleRtp(rtp(i), i * 20 + (i % 2) * 10);
    // Every transit differs by 10 ms, 80 ticks, from the one before.
    assert.ok(Math.abs((stats.takeReceptions(4000)[0]?.jitter ?? 0) - 80) <= 2);
  });
});

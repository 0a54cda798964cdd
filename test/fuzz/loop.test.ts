// The fuzzer itself: it finds a fault that only coverage leads to, makes it small, and repeats a run from its seed.
import assert from 'node:assert/strict';
import { Loop, SHARED_BYTES, SHARED_HEAD_BYTES } from './loop.js';
import type { Finding, Job } from './loop.js';
import { hold } from './target.js';
import type { Target } from './target.js';

const WORD = [...'LATCH'].map((letter) => letter.charCodeAt(0));

/** Counts as a bundle would: one counter for each byte of the word that is right. */
function target(atTheEnd: (bytes: Uint8Array) => void, changes: Partial<Target> = {}): Target {
  return {
    name: 'planted',
    maxBytes: 64,
    dictionary: [],
    seeds: () => [new Uint8Array(16)],
    run: (bytes) => {
      for (const [i, letter] of WORD.entries()) {
        globalThis.latchkeyFuzzCounts[i]!++;
        if (bytes[i + 2] !== letter) return;
      }
      atTheEnd(bytes);
    },
    work: { base: 100, perByte: 10 },
    ...changes,
  };
}

function fuzz(planted: Target, durationMs = 10_000): { findings: Finding[]; executions: number } {
  const findings: Finding[] = [];
  const shared = new SharedArrayBuffer(SHARED_HEAD_BYTES + SHARED_BYTES);
  const job: Job = { root: '', seed: 7, durationMs, counters: WORD.length, files: [], corpus: [], shared };
  let executions = 0;
  const counted = { ...planted, run: (bytes: Uint8Array) => (executions++, planted.run(bytes)) };
  new Loop(counted, { ...job, maxFindings: 1 }, (finding) => findings.push(finding)).run();
  return { findings, executions };
}

describe('the fuzzer', function () {
  this.timeout(60_000);
  const fault = target(() => hold(false, 'planted'));

  it('finds what five right bytes in a row lead to, and makes it as short as can be', () => {
    const { findings } = fuzz(fault);
    assert.equal(findings.length, 1);
    assert.match(findings[0]!.reason, /planted/);
    assert.equal(Buffer.from(findings[0]!.bytes.subarray(2)).toString(), 'LATCH');
  });

  it('goes the same way again under the same seed', () => {
    assert.equal(fuzz(fault).executions, fuzz(fault).executions);
  });

  it('takes what throws, what takes too long and what works too much for findings', () => {
    const throwing = target(() => {
      throw new RangeError('out of 17');
    });
    assert.match(fuzz(throwing).findings[0]?.reason ?? '', /^RangeError: out of 17/);
    const busy = target(() => void (globalThis.latchkeyFuzzCounts[0]! += 1000));
    assert.match(fuzz(busy).findings[0]?.reason ?? '', /^work: more than 100 and 10 a byte/);
    const slow = target(
      () => {
        for (const before = process.cpuUsage(); process.cpuUsage(before).user < 4000;);
      },
      { slowMs: 2 },
    );
    assert.match(fuzz(slow).findings[0]?.reason ?? '', /^slow: more than 2 ms/);
  });
});

// The captures beside the repository that stand for what once was read wrongly, with the right values.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import { readCaptureFile } from '../../lib/capture/index.js';
import type { CaptureSummary } from '../../lib/capture/index.js';

const folder = fileURLToPath(new URL('../../../shared/cases/2026-11/', import.meta.url));

type Read = CaptureReport & { readonly summary: CaptureSummary };

const CALL_OF_TWO = ({ calls, streams }: Read): void => {
  assert.deepEqual(
    calls.map(({ outcome, ended }) => [outcome, ended]),
    [['answered', true]],
  );
  assert.deepEqual(
    streams.map(({ packets, lost, duplicates, call }) => [packets, lost, duplicates, call]),
    [
      [50, 0, 0, 0],
      [50, 0, 0, 0],
    ],
  );
};

const cases: Readonly<Record<string, (read: Read) => void>> = {
  'duplicates-hide-loss': ({ streams: [stream], capturedTwice }) => {
    assert.deepEqual([stream?.packets, stream?.lost, stream?.duplicates], [180, 10, 90]);
    assert.deepEqual(capturedTwice, { streams: 1, rtpPackets: 90, sipMessages: 0 });
  },
  'reordered-start': ({ streams: [stream] }) =>
    assert.deepEqual([stream?.packets, stream?.lost, stream?.duplicates], [100, 0, 0]),
  'rebind-twice-quickly': ({ streams: [stream] }) => {
    assert.deepEqual(
      stream?.changes.map(({ atMs, source }) => [atMs, source]),
      [
        [2000, '192.0.2.1:4002'],
        [2400, '192.0.2.1:4004'],
      ],
    );
    const { reached, stolen, lost } = stream.latch.blind.first;
    assert.deepEqual([reached, stolen, lost], [100, 0, 200]);
  },
  'fork-after-update': ({ calls: [call] }) =>
    assert.deepEqual(
      call?.media.map(({ party, role, dialog }) => `${party} ${role} ${dialog}`.trim()),
      [
        'caller offer',
        ...['t1', 't2'].flatMap((tag) => [
          `callee answer ${tag}`,
          `caller offer ${tag}`,
          `callee answer ${tag}`,
        ]),
      ],
    ),
  'auth-not-a-fork': (read) => {
    CALL_OF_TWO(read);
    assert.equal(read.calls[0]?.forks.length, 1);
  },
  'one-direction': ({ calls: [call], streams }) => {
    assert.deepEqual([call?.outcome, call?.status, call?.onlyHeard], ['answered', null, 'caller']);
    assert.equal(streams.length, 1);
  },
  pppoe: CALL_OF_TWO,
  ipip: CALL_OF_TWO,
  snaplen400: (read) => {
    CALL_OF_TWO(read);
    assert.deepEqual(read.summary.cut, { packets: 2, fromBytes: 400, toBytes: 400 });
    assert.deepEqual(
      read.calls[0]?.media.map(({ party, role }) => [party, role]),
      [['callee', 'answer']],
    );
  },
  'two-legs-one-stream': ({ calls, streams }) => {
    assert.deepEqual(
      calls.map(({ callId, streams: own }) => [callId, own]),
      [
        ['legA', [0, 1]],
        ['legB', [0, 1]],
      ],
    );
    assert.deepEqual(
      streams.map((one) => [...one.calls].sort()),
      [
        [0, 1],
        [0, 1],
      ],
    );
  },
  'silence-nine-seconds': ({ streams: [stream] }) =>
    assert.deepEqual(stream?.longestGap, { ms: 9000, atMs: 4000, missing: 0 }),
};

describe('capture: cases from the field', () => {
  for (const [name, check] of Object.entries(cases))
    it(name, async function () {
      const file = `${folder}${name}.pcap`;
      if (!existsSync(file)) {
        this.test!.title += ' (skipped: ../shared/cases is absent)';
        this.skip();
      }
      const analysis = new CaptureAnalysis();
      const summary = await readCaptureFile(file, analysis);
      assert.equal(summary.error, undefined);
      check({ ...analysis.finish().report, summary });
    });
});

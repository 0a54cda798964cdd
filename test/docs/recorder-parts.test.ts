// What docs/examples/recorder.ts is made of: where in a recording a packet belongs, in virtual time, and files on a disk that
// has no room.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import wavefile from 'wavefile';
import { PcapFile, WavFile } from '../../docs/examples/recorder-files.js';
import { Timeline } from '../../docs/examples/recorder-timeline.js';
import { readDatagrams } from '../../lib/capture/index.js';

/** The recording begins at this time of the monotonic clock, which is that time of the day. */
const START_MS = 1000;
const DAY_MS = 1_700_000_000_000;

/** A speaker whose packets of 20 ms take `delayMs` to us, with a clock that is `clockOffMs` off and `drift` times too fast. */
interface Speaker {
  readonly delayMs: number;
  readonly clockOffMs?: number;
  /** The sound card's, of timestamps. */
  readonly drift?: number;
  /** Between the two clocks of a report. */
  readonly reportErrorMs?: (index: number) => number;
}

const FIRST_TIMESTAMP = 0xffffff00;
const OTHER = 0x3fffffff;

class Scene {
  readonly timeline = new Timeline(START_MS, 8000);
  #reports = 0;

  constructor(readonly speaker: Speaker) {}

  timestampAt(saidMs: number): number {
    const { drift = 1 } = this.speaker;
    return (FIRST_TIMESTAMP + Math.round((saidMs - START_MS) * 8 * drift)) >>> 0;
  }

  report(sentMs: number): void {
    const { delayMs, clockOffMs = 0, reportErrorMs = () => 0 } = this.speaker;
    const atMs = sentMs + delayMs;
    const report = {
      ...{ bytes: new Uint8Array(28), ssrc: 1, atMs },
      ntpMs: DAY_MS + sentMs + clockOffMs,
      timestamp: this.timestampAt(sentMs + reportErrorMs(this.#reports++)),
    };
    this.timeline.takeReport(report, DAY_MS + atMs);
  }

  /** How many milliseconds after it was said a packet is placed. */
  lateness(saidMs: number): number {
    const sample = this.timeline.sampleOf(this.timestampAt(saidMs), saidMs + this.speaker.delayMs);
    return START_MS + sample / 8 - saidMs;
  }
}

function within(value: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(value - wanted) <= tolerance, `${value}, and not ${wanted}`);
}

describe('docs: where in a recording a packet belongs', () => {
  it('what a report of a right clock says, whatever the way takes: two speakers are in step', () => {
    for (const delayMs of [5, 180, 400]) {
      const scene = new Scene({ delayMs });
      scene.report(3000);
      assert.equal(scene.timeline.clockErrorMs, 0);
      // Said before the report, and after it.
      for (const saidMs of [1500, 3020, 9000]) within(scene.lateness(saidMs), 0, 0.5);
    }
  });

  it('of a clock that is wrong, when its reports came', () => {
    for (const clockOffMs of [-3_600_000, 86_400_000, -900]) {
      const scene = new Scene({ delayMs: 30, clockOffMs });
      scene.report(3000);
      within(scene.lateness(3500), 30, 0.5);
      assert.equal(scene.timeline.clockErrorMs, -clockOffMs + 30);
    }
  });

  it('without a report, when the fastest of the packets came', () => {
    const timeline = new Timeline(START_MS, 8000);
    const packets = [0, 1, 2, 3].map((i) => ({
      timestamp: i * 160,
      atMs: 2000 + 20 * i + ([70, 0, 40, 10][i] ?? 0),
    }));
    timeline.settle(packets);
    assert.deepEqual(
      packets.map(({ timestamp, atMs }) => timeline.sampleOf(timestamp, atMs)),
      [8000, 8160, 8320, 8480],
    );
  });

  it('in one piece while it is in step, and in step over an hour with a sound card that is off by 200 of a million', () => {
    const scene = new Scene({ delayMs: 20, drift: 1.0002 });
    scene.report(START_MS);
    let moves = 0;
    let expected: number | undefined;
    for (let saidMs = START_MS; saidMs < START_MS + 3_600_000; saidMs += 20 / 1.0002) {
      if (Math.floor(saidMs / 5000) > Math.floor((saidMs - 20) / 5000)) scene.report(saidMs);
      const late = scene.lateness(saidMs);
      within(late, 0, 15);
      const sample = Math.round((late + saidMs - START_MS) * 8);
      if (expected !== undefined && Math.abs(sample - expected) > 2) moves++;
      expected = sample + 160;
    }
    assert.ok(moves > 30 && moves < 150, `${moves} moves`);
  });

  it('reports whose clocks are read up to 20 ms apart move nothing to and fro', () => {
    const scene = new Scene({
      delayMs: 20,
      reportErrorMs: (index) => [0, -20, -3, -17, -9, -12, -1][index % 7] ?? 0,
    });
    scene.report(START_MS);
    const places: number[] = [];
    for (let i = 1; i < 100; i++) {
      scene.report(START_MS + i * 5000);
      places.push(Math.round(scene.lateness(START_MS + i * 5000)));
    }
    assert.equal(new Set(places.slice(10)).size, 1, places.join());
    assert.ok(places.every((place) => Math.abs(place) <= 20));
  });

  it('timestamps that begin anew go on where they arrive; so does what a report says of other days', () => {
    const scene = new Scene({ delayMs: 20 });
    scene.report(3000);
    within(scene.lateness(4000), 0, 0.5);
    assert.equal(scene.timeline.sampleOf(OTHER, 5000), 32_000);
    assert.equal(scene.timeline.sampleOf(OTHER + 160, 5021), 32_160);
    const ntpMs = DAY_MS + 6000;
    const wild = { ...{ bytes: new Uint8Array(28), ssrc: 1, atMs: 6000 }, ntpMs, timestamp: 0x7fffffff };
    for (let i = 0; i < 5; i++) scene.timeline.takeReport(wild, DAY_MS + 6000);
    assert.equal(scene.timeline.sampleOf(OTHER + 8000, 6000), 40_000);
  });
});

describe('docs: files of a recording', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-recorder-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('a WAV with what was written where, in any order, and silence in between, in folders that it makes', async () => {
    const path = join(folder, 'a', 'b', '1.wav');
    const failures: Error[] = [];
    const file = new WavFile(path, (error) => failures.push(error));
    file.write(Int16Array.of(5, 6), 20_000);
    file.write(Int16Array.of(1, 2, 3), -1);
    file.write(Int16Array.of(4), 2);
    assert.equal(file.seconds, 20_002 / 8000);
    await file.close();
    assert.deepEqual(failures, []);
    const wav = new wavefile.WaveFile(readFileSync(path));
    const { numChannels, sampleRate } = wav.fmt as { numChannels: number; sampleRate: number };
    assert.deepEqual([numChannels, sampleRate, wav.bitDepth], [1, 8000, '16']);
    const samples = [...wav.getSamples(true)];
    assert.equal(samples.length, 20_002);
    assert.deepEqual(
      samples.flatMap((sample, at) => (sample === 0 ? [] : [[at, sample]])),
      [
        [0, 2],
        [1, 3],
        [2, 4],
        [20_000, 5],
        [20_001, 6],
      ],
    );
  });

  it('a WAV can be played before it is closed', async () => {
    const path = join(folder, '1.wav');
    const file = new WavFile(path, () => undefined);
    file.write(new Int16Array(16_001).fill(7), 0);
    while (!(statSync(path, { throwIfNoEntry: false })?.size === 44 + 32_000))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await file.close();
    assert.equal(new wavefile.WaveFile(readFileSync(path)).getSamples(true).length, 16_001);
  });

  for (const [name, path, code] of [
    ['a full disk', '/dev/full', 'ENOSPC'],
    ['a folder that is none', '/dev/null/recordings/1.wav', 'ENOTDIR'],
  ] as const) {
    it(`${name} is told once, and nothing is written from then on`, async function () {
      if (process.platform !== 'linux') this.skip();
      const failures: string[] = [];
      const onFailure = ({ message }: Error) => failures.push(message);
      const [wav, pcap] = [new WavFile(path, onFailure), new PcapFile(path, onFailure)];
      for (let second = 0; second < 60; second++) {
        wav.write(new Int16Array(8000), 8000 * second);
        pcap.write(new Uint8Array(200), DAY_MS);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await wav.close();
      await pcap.close();
      assert.equal(failures.length, 2, failures.join());
      for (const message of failures) assert.match(message, new RegExp(code));
    });
  }

  it('a disk that does not keep up costs a megabyte and no more', async () => {
    const failures: string[] = [];
    const file = new WavFile(join(folder, '1.wav'), ({ message }) => failures.push(message));
    // Nothing is written before this turn is over.
    for (let second = 0; second < 1000; second++) file.write(new Int16Array(8000), 8000 * second);
    assert.deepEqual(failures, ['the disk is too slow']);
    await file.close();
    assert.ok(statSync(join(folder, '1.wav')).size <= 1 << 20);
  });

  it('a capture with RTP and RTCP at their times', async () => {
    const path = join(folder, '1.pcap');
    const file = new PcapFile(path, () => undefined);
    file.write(Uint8Array.of(0x80, 111), DAY_MS);
    file.write(Uint8Array.of(0x80, 200), DAY_MS + 20.5);
    await file.close();
    const read = [...readDatagrams(readFileSync(path))];
    assert.deepEqual(
      read.map(({ timeMs, payload }) => [timeMs, [...payload]]),
      [
        [DAY_MS, [0x80, 111]],
        [DAY_MS + 20.5, [0x80, 200]],
      ],
    );
  });
});

// A recording is a capture: what went in comes out of lib/capture again.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { playTone, readDatagrams } from '../../lib/capture/index.js';
import { Recorder } from '../../lib/phone/recorder.js';

describe('the recorder', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const here = { address: '10.0.0.2', port: 4000 };
  const there = { address: '192.0.2.1', port: 40_000 };

  it('writes both ways, with addresses and times', () => {
    const path = join(folder, 'call.pcap');
    const recorder = new Recorder(path);
    const [packet] = playTone(0.02);
    assert.ok(packet);
    const beforeMs = Date.now();
    recorder.write(packet.bytes, here, there);
    recorder.write(packet.bytes.subarray(0, 20), there, here);
    recorder.close();
    recorder.write(packet.bytes, here, there);

    const capture = readDatagrams(readFileSync(path));
    assert.equal(capture.error, undefined);
    const datagrams = [...capture];
    assert.deepEqual(
      datagrams.map(({ source, destination, payload }) => [source, destination, payload.length]),
      [
        [here, there, packet.bytes.length],
        [there, here, 20],
      ],
    );
    assert.deepEqual(Buffer.from(datagrams[0]?.payload ?? []), Buffer.from(packet.bytes));
    for (const { timeMs } of datagrams) assert.ok(Math.abs(timeMs - beforeMs) < 1000, `${timeMs}`);
    assert.equal(recorder.error, undefined);
  });

  it('is a capture also where there was no media', () => {
    const path = join(folder, 'empty.pcap');
    new Recorder(path).close();
    assert.deepEqual([...readDatagrams(readFileSync(path))], []);
  });

  it('ends the recording, not the call, where something cannot be written', () => {
    const recorder = new Recorder(join(folder, 'broken.pcap'));
    recorder.write(new Uint8Array(4), { address: 'nowhere', port: 1 }, there);
    assert.match(recorder.error?.message ?? '', /address/);
    recorder.write(new Uint8Array(4), here, there);
    recorder.close();
  });

  it('says at once where the file cannot be opened', () => {
    assert.throws(() => new Recorder(join(folder, 'no', 'such', 'folder.pcap')), /ENOENT/);
  });
});

// Captures out of files: packed by gzip, several as one in the order of time, and what is said of damage.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readCaptureFile, readCaptureFiles } from '../../lib/capture/index.js';
import type { CaptureSink } from '../../lib/capture/index.js';
import { concat, frames, pcapHeader, pcapRecord } from './bytes.js';
import { rawCapture, tcp, text } from './packets.js';

describe('capture: files', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-'))));
  after(() => rmSync(folder, { recursive: true }));

  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  /** One datagram at each of these times. */
  const at = (...timesMs: readonly number[]): Uint8Array =>
    rawCapture(
      timesMs.map(() => frames.rawIpv4),
      timesMs,
    );
  const listen = () => {
    const seen: [number, number | undefined][] = [];
    const sink: CaptureSink = { onDatagram: ({ timeMs, frame }) => seen.push([timeMs, frame]) };
    return { seen, sink };
  };

  it('unpacks what gzip packed, whatever its name, in many members too', async () => {
    const [first, second] = [at(1, 2), at(3, 4).subarray(24)];
    for (const packed of [gzipSync(concat(first, second)), concat(gzipSync(first), gzipSync(second))]) {
      const { seen, sink } = listen();
      const summary = await readCaptureFile(write('packed.pcap', packed), sink);
      assert.deepEqual([summary.packets, summary.error], [4, undefined]);
      assert.deepEqual(seen, [
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
      ]);
    }
  });

  it('gives the good part of a packed file that is cut or damaged, and says so', async () => {
    const times = Array.from({ length: 20_000 }, (_, i) => i);
    const packed = gzipSync(at(...times), { level: 1 });
    for (const broken of [
      packed.subarray(0, packed.length - 500),
      Uint8Array.from(packed).fill(0xff, packed.length >> 1),
    ]) {
      const { sink } = listen();
      const { packets, error } = await readCaptureFile(write('broken.gz', broken), sink);
      assert.ok(packets > 1000 && packets < 20_000, `${packets}`);
      assert.ok(error?.code === 'gzip' || error?.code === 'record-size', error?.code);
    }
    const short = await readCaptureFile(write('short.gz', packed.subarray(0, 8)), {});
    assert.deepEqual([short.packets, short.error?.code, short.error?.offset], [0, 'gzip', 0]);
  });

  it('reads several files as one, in the order of time, with frames counted over all', async () => {
    const files = [at(5000, 5020, 5040), at(10, 20), at(5010, 5030, 9000)].map((bytes, i) =>
      write(`part${i}.pcap`, i === 2 ? gzipSync(bytes) : bytes),
    );
    const { seen, sink } = listen();
    const { packets, damaged } = await readCaptureFiles(files, sink);
    const times = [10, 20, 5000, 5010, 5020, 5030, 5040, 9000];
    assert.deepEqual(
      seen,
      times.map((timeMs, i) => [timeMs, i + 1]),
    );
    assert.deepEqual([packets, damaged], [8, []]);
  });

  it('a SIP message over TCP that goes on in the next file is whole', async () => {
    const message = text(
      'OPTIONS sip:a@b SIP/2.0',
      'Call-ID: x',
      'CSeq: 1 OPTIONS',
      'Content-Length: 0',
      '',
      '',
    );
    const [head, tail] = [message.subarray(0, 30), message.subarray(30)];
    const files = [
      write('0.pcap', rawCapture([tcp({ sequence: 1, isOpening: true }), tcp({ sequence: 2, data: head })])),
      write('1.pcap', rawCapture([tcp({ sequence: 32, data: tail })], [1000])),
    ];
    const texts: string[] = [];
    await readCaptureFiles(files, {
      onSip: ({ text: bytes, frame }) => texts.push(`${frame} ${bytes.length}`),
    });
    assert.deepEqual(texts, [`3 ${message.length}`]);
  });

  it('says of each file what is wrong with it, reads the others, and leaves none open', async () => {
    const whole = at(100, 200);
    const files = [
      write('good.pcap', at(150)),
      write('cut.pcap', whole.subarray(0, whole.length - 3)),
      write('none.pcap', new Uint8Array()),
      write('empty.pcap', pcapHeader()),
    ];
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const { seen, sink } = listen();
    const { packets, damaged, error } = await readCaptureFiles(files, sink);
    assert.equal(open(), before);
    assert.deepEqual(seen, [
      [100, 1],
      [150, 2],
    ]);
    assert.equal(packets, 2);
    assert.deepEqual(
      damaged.map(({ file, error: { code, offset } }) => [file, code, offset > 0]).sort(),
      [
        [files[1], 'truncated', true],
        [files[2], 'truncated', false],
      ].sort(),
    );
    assert.ok(error);
    await assert.rejects(readCaptureFiles([files[0]!, join(folder, 'absent')], {}), { code: 'ENOENT' });
    assert.equal(open(), before);
  });

  it('a packed file of any size costs a bounded amount of memory', async function () {
    this.timeout(60_000);
    const record = pcapRecord({ bytes: frames.rawIpv4 });
    const million = new Uint8Array(record.length * 1_000_000);
    for (let i = 0; i < million.length; i += record.length) million.set(record, i);
    const packed = gzipSync(concat(pcapHeader(), million), { level: 1 });
    assert.equal(gunzipSync(packed).length, 24 + million.length);
    const path = write('bomb.gz', packed);
    const before = process.memoryUsage().arrayBuffers;
    let [count, most] = [0, 0];
    await readCaptureFile(path, {
      onDatagram: () => {
        if (++count % 50_000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
      },
    });
    assert.equal(count, 1_000_000);
    assert.ok(most - before < 16e6, `${most - before} bytes`);
    assert.equal(readFileSync(path).length, packed.length);
  });
});

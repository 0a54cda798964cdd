// What --play takes: captures and WAV files, told apart by their first bytes, and clear words for all else.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PcapWriter, playTone } from '../../lib/capture/index.js';
import { Failure } from '../../lib/phone/failure.js';
import { formatOf, loadMedia } from '../../lib/phone/media-file.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

function wav(): Uint8Array {
  const bytes = Buffer.alloc(44 + 800 * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(8000, 24);
  bytes.writeUInt32LE(16_000, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(1600, 40);
  return bytes;
}

describe('what is played', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'))));
  after(() => rmSync(folder, { recursive: true }));

  function file(name: string, bytes: Uint8Array | string): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  function captureOf(payload: Uint8Array): Buffer {
    const parts: Uint8Array[] = [];
    const writer = new PcapWriter((bytes) => parts.push(bytes));
    const [source, destination] = [
      { address: '192.0.2.1', port: 1000 },
      { address: '192.0.2.2', port: 2000 },
    ];
    writer.write({ timeMs: 0, source, destination, payload });
    return Buffer.concat(parts);
  }

  it('is a tone unless told', () => {
    assert.deepEqual(formatOf(loadMedia(undefined)), { payloadType: 0, codec: 'PCMU/8000' });
  });

  const captures: readonly [string, string][] = [
    ['speech/alice.pcap', 'PCMU/8000'],
    ['ffmpeg/pcma.pcap', 'PCMA/8000'],
    ['ffmpeg/g722.pcap', 'G722/8000'],
    ['ffmpeg/opus.pcap', 'opus/48000/2'],
  ];
  for (const [name, codec] of captures)
    it(`is the RTP of ${name}: ${codec}`, () => {
      const packets = loadMedia(fixture(name));
      assert.ok(packets.length > 50);
      assert.equal(formatOf(packets).codec, codec);
    });

  it('is a WAV file', () => {
    const packets = loadMedia(file('call.wav', wav()));
    assert.equal(packets.length, 5);
    assert.equal(formatOf(packets).codec, 'PCMU/8000');
  });

  const refused: readonly [string, () => string, RegExp][] = [
    ['no file', () => join(folder, 'none'), /there is no such file/],
    ['an empty file', () => file('empty', ''), /nothing .* can be played/],
    [
      'a text',
      () => file('text', 'not a capture, and far too long to be cut off'),
      /neither pcap nor pcapng/,
    ],
    ['a capture without RTP', () => file('stun.pcap', captureOf(new Uint8Array(20))), /no RTP/],
    ['a broken WAV', () => file('broken.wav', wav().subarray(0, 20)), /cannot play/],
    [
      'video',
      () => {
        const bytes = playTone(0.02)[0]?.bytes.slice() ?? new Uint8Array();
        bytes[1] = 26;
        return file('jpeg.pcap', captureOf(bytes));
      },
      /payload type 26 cannot be played/,
    ],
  ];
  for (const [name, path, why] of refused)
    it(`is not ${name}`, () => {
      assert.throws(
        () => loadMedia(path()),
        (error: unknown) => error instanceof Failure && error.exitCode === 2 && why.test(error.message),
      );
    });
});

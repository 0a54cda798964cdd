// Every format beside the programs that others read captures with: editcap makes the files, tshark says what is in them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCaptureFile, readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';
import { needProgram, sharedCaptures, tshark } from './oracles.js';
import { hear, ipv4, rawCapture, tcp, text, udp } from './packets.js';

const sipp = fileURLToPath(new URL('../../fixtures/sipp/call.pcap', import.meta.url));
const fields = ['ip.src', 'ipv6.src', 'udp.srcport', 'ip.dst', 'ipv6.dst', 'udp.dstport', 'udp.length'];

function asFields({ source, destination, payload, cutBytes = 0 }: CapturedDatagram): string[] {
  const end = ({ address, port }: CapturedDatagram['source']) =>
    address.includes(':') ? ['', address, String(port)] : [address, '', String(port)];
  return [...end(source), ...end(destination), String(8 + payload.length + cutBytes)];
}

describe('capture: agreement with editcap and tshark on every format', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-'))));
  after(() => rmSync(folder, { recursive: true }));

  const inFile = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const editcap = (from: string, name: string, ...options: readonly string[]) => {
    const path = join(folder, name);
    execFileSync('editcap', [...options, from, path], { stdio: 'ignore' });
    return path;
  };

  for (const format of ['pcapng', 'nsecpcap', 'pcap'])
    it(`reads what editcap writes as ${format}`, function () {
      needProgram(this, 'editcap');
      const copy = readDatagrams(readFileSync(editcap(sipp, `copy.${format}`, '-F', format)));
      const original = readDatagrams(readFileSync(sipp));
      assert.equal(copy.error, undefined);
      assert.ok([...original].length > 100);
      const rounded = ({ timeMs, ...rest }: CapturedDatagram) => ({ us: Math.round(timeMs * 1000), ...rest });
      assert.deepEqual(Array.from(copy, rounded), Array.from(original, rounded));
    });

  it('reads packets that editcap cut to 60 bytes: tshark counts as many', function () {
    needProgram(this, 'editcap');
    needProgram(this, 'tshark');
    const cut = editcap(sipp, 'cut.pcap', '-F', 'pcap', '-s', '60');
    const ours = readDatagrams(readFileSync(cut));
    const expected = tshark(cut, fields);
    assert.deepEqual(Array.from(ours, asFields), expected);
    assert.ok([...ours].every(({ payload, cutBytes = 0 }) => payload.length === 18 && cutBytes > 0));
  });

  it('reads the frames of every link layer like tshark, in one pcapng with an interface for each', function () {
    needProgram(this, 'mergecap');
    needProgram(this, 'tshark');
    const files = (
      [
        [1, frames.ethernetIpv4],
        [1, frames.ethernetIpv6],
        [1, frames.ethernetVlan],
        [1, frames.ethernetQinQ],
        [12, frames.rawIpv4],
        [101, frames.rawIpv6],
        [101, frames.rawIpv4Options],
        [101, frames.rawIpv4Authenticated],
        [101, frames.rawIpv6Extensions],
        [101, frames.rawIpv6Atomic],
        [228, frames.rawIpv4],
        [229, frames.rawIpv6],
        [113, frames.cooked],
        [113, frames.cookedVlan],
        [276, frames.cooked2],
        [0, frames.nullLittle],
        [0, frames.nullBig],
        [108, frames.nullBig],
      ] as const
    ).map(([linkType, bytes], i) =>
      inFile(`link${i}.pcap`, concat(pcapHeader({ linkType }), pcapRecord({ seconds: i, bytes }))),
    );
    const all = join(folder, 'links.pcapng');
    execFileSync('mergecap', ['-a', '-F', 'pcapng', '-w', all, ...files], { stdio: 'ignore' });
    const ours = readDatagrams(readFileSync(all));
    assert.deepEqual(Array.from(ours, asFields), tshark(all, fields));
    assert.equal([...ours].length, files.length);
  });

  it('reassembles fragments like tshark', function () {
    needProgram(this, 'tshark');
    const datagram = udp(new Uint8Array(3000).fill(0x78));
    const part = (from: number, to: number, id: number) =>
      ipv4(17, datagram.subarray(from, to), { id, offset: from, more: to < datagram.length });
    const packets = [1, 2, 3].flatMap((id) => [
      part(1480, 2960, id),
      part(0, 1480, id),
      ...(id === 2 ? [] : [part(2960, datagram.length, id)]),
    ]);
    const file = rawCapture(packets);
    const seen = values(inFile('fragments.pcap', file), 'udp && ip.reassembled.length', ['udp.length']);
    assert.deepEqual(
      hear(file).datagrams.map(({ payload }) => String(payload.length + 8)),
      seen,
    );
    assert.equal(seen.length, 2);
  });

  it('finds the SIP of TCP connections like tshark, out of order too', function () {
    needProgram(this, 'tshark');
    const message = (method: string, body: string) =>
      text(`${method} sip:bob@example.net SIP/2.0`, 'Call-ID: 1', `Content-Length: ${body.length}`, '', body);
    const stream = concat(message('INVITE', 'v=0\r\n'.repeat(100)), message('ACK', ''), message('BYE', ''));
    const sizes = Array.from({ length: Math.ceil(stream.length / 100) }, (_, i) => i * 100);
    const segments = sizes.map((at) => tcp({ sequence: 1 + at, data: stream.subarray(at, at + 100) }));
    [segments[1], segments[2]] = [segments[2]!, segments[1]!];
    const packets = [tcp({ sequence: 0, isOpening: true }), ...segments];
    const made = inFile('tcp.pcap', rawCapture(packets));
    const shared = sharedCaptures().filter((path) => /tcp|body-large/.test(path));
    for (const path of [made, ...shared]) {
      const lines = values(path, 'sip && tcp', ['sip.Request-Line', 'sip.Status-Line']);
      assert.ok(lines.length >= 2, path);
      assert.deepEqual(
        hear(readFileSync(path)).sip.map(({ text }) => text.split('\r\n', 1)[0]),
        lines,
        path,
      );
    }
  });

  it('reads a file from the disk as it reads it from memory, and rejects when there is none', async function () {
    const found: CapturedDatagram[] = [];
    const summary = await readCaptureFile(sipp, {
      onDatagram: (datagram) => found.push({ ...datagram, payload: datagram.payload.slice() }),
    });
    const { packets, skipped, ...rest } = readDatagrams(readFileSync(sipp));
    assert.deepEqual(summary, { packets, skipped });
    assert.deepEqual(found, [...rest]);
    await assert.rejects(readCaptureFile(join(folder, 'absent.pcap'), {}), { code: 'ENOENT' });
    const thrown = new Error('enough');
    const sink = {
      onDatagram: () => {
        throw thrown;
      },
    };
    await assert.rejects(readCaptureFile(sipp, sink), thrown);
    const wav = inFile('none.wav', concat(hex('52494646'), new Uint8Array(100)));
    assert.equal((await readCaptureFile(wav, {})).error?.code, 'magic');
  });
});

/** All values of some fields as tshark sees them, with TCP out of order put in order and no checksum looked at. */
function values(path: string, filter: string, names: readonly string[]): string[] {
  const options = ['-n', '-o', 'tcp.reassemble_out_of_order:TRUE', '-Y', filter, '-T', 'fields'];
  const wanted = names.flatMap((name) => ['-e', name]);
  const args = ['-r', path, ...options, '-E', 'aggregator=\t', ...wanted];
  const printed = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return printed.split(/[\t\n]+/).filter((line) => line !== '');
}

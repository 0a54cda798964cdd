import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import { concat } from './bytes.js';
import { fixtureCaptures, needProgram, sharedCaptures, tshark } from './oracles.js';

const fields = ['frame.time_epoch', 'ip.src', 'ipv6.src', 'udp.srcport', 'ip.dst', 'ipv6.dst', 'udp.dstport'];
const content = [...fields, 'udp.payload'];

/** One datagram in the words of tshark. */
function asFields({ timeMs, source, destination, payload }: CapturedDatagram): string[] {
  const us = Math.round(timeMs * 1000);
  const time = `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}000`;
  const end = ({ address, port }: CapturedDatagram['source']) =>
    address.includes(':') ? ['', address, String(port)] : [address, '', String(port)];
  return [time, ...end(source), ...end(destination), Buffer.from(payload).toString('hex')];
}

function rewrite(datagrams: Iterable<CapturedDatagram>): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => parts.push(bytes));
  for (const datagram of datagrams) writer.write(datagram);
  return concat(...parts);
}

describe('capture: agreement with tshark and tcpdump', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-'))));
  after(() => rmSync(folder, { recursive: true }));

  it('reads every capture like tshark, and writes it so that tshark reads the same', function () {
    needProgram(this, 'tshark');
    needProgram(this, 'mergecap');
    // One file of all, since starting tshark takes longest: pcapng with an interface for each.
    const captures = [...fixtureCaptures(), ...sharedCaptures()];
    const original = join(folder, 'original.pcapng');
    execFileSync('mergecap', ['-a', '-F', 'pcapng', '-w', original, ...captures], { stdio: 'ignore' });
    const ours = readDatagrams(readFileSync(original));
    assert.equal(ours.error, undefined);
    const expected = tshark(original, content);
    assert.ok(expected.length > 100 * captures.length);
    assert.deepEqual(Array.from(ours, asFields), expected);
    const copy = join(folder, 'copy.pcap');
    writeFileSync(copy, rewrite(ours));
    const good = expected.map((line) => [...line, '1', '1']);
    assert.deepEqual(tshark(copy, [...content, 'ip.checksum.status', 'udp.checksum.status']), good);
  });

  it('writes checksums that tshark finds good, IPv4, IPv6 and mapped', function () {
    needProgram(this, 'tshark');
    const addresses = ['192.0.2.1', '203.0.113.255', '2001:db8::1', 'fe80::dead:beef'];
    const datagrams = addresses.flatMap((from) =>
      addresses.flatMap((to) =>
        [0, 1, 2, 171, 172, 1400].map((size) => ({
          timeMs: 1_795_358_095_030.231,
          source: { address: from, port: 40_000 },
          destination: { address: to, port: 65_535 },
          payload: Uint8Array.from({ length: size }, (_, i) => (i * 37 + size) & 0xff),
        })),
      ),
    );
    const file = join(folder, 'checksums.pcap');
    writeFileSync(file, rewrite(datagrams));
    const seen = tshark(file, ['udp.checksum.status', 'ip.checksum.status']);
    assert.equal(seen.length, datagrams.length);
    for (const [i, [udp, ip]] of seen.entries()) {
      assert.equal(udp, '1', `UDP checksum of packet ${i}`);
      const isIpv4 = [datagrams[i]!.source, datagrams[i]!.destination].every(
        (end) => !end.address.includes(':'),
      );
      assert.equal(ip, isIpv4 ? '1' : '', `IP checksum of packet ${i}`);
    }
  });

  it('is read by tcpdump', function () {
    needProgram(this, 'tcpdump');
    const file = join(folder, 'dump.pcap');
    const source = { address: '192.0.2.1', port: 40_000 };
    const destination = { address: '203.0.113.1', port: 42_000 };
    writeFileSync(file, rewrite([{ timeMs: 1000.5, source, destination, payload: new Uint8Array(5) }]));
    const printed = execFileSync('tcpdump', ['-nvtt', '-r', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.match(
      printed,
      /^1\.000500 IP \(.*length 33\)\n\s+192\.0\.2\.1\.40000 > 203\.0\.113\.1\.42000: (\[udp sum ok\] )?UDP, length 5$/m,
    );
  });
});

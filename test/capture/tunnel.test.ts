// Packets in PPPoE, MPLS, IP in IP, GRE, VXLAN and QinQ: what is inside comes out as tshark sees it, a whole call too; and bounds.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureReader, PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';
import { CallScene } from './call-scene.js';
import { Prng } from '../support/prng.js';
import { needProgram, tshark } from './oracles.js';
import { PSEUDOWIRE_LABEL, envelopes, ethernet, label, nested, outer4, vxlan } from './tunnels.js';

const inner4 = frames.rawIpv4;
const inner6 = frames.rawIpv6;
const linkType = 1;
const file = (...packets: readonly Uint8Array[]): Uint8Array =>
  concat(pcapHeader({ linkType }), ...packets.map((bytes) => pcapRecord({ bytes })));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A call with SIP and RTP, as raw IP packets. */
function callPackets(): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const way = ['192.0.2.1:5060', '203.0.113.1:5060'] as const;
  const media = ['192.0.2.1:4000', '203.0.113.1:6000'] as const;
  const scene = new CallScene()
    .call(0, media, way)
    .rtp(100, 1100, media, { ssrc: 1 })
    .rtp(110, 1110, [media[1], media[0]], { ssrc: 2 })
    .sip(1200, 'BYE sip:bob@example.com', { way, toTag: 'b', sequence: 2 });
  const writer = new PcapWriter((record) => packets.push(record.slice(16)));
  for (const datagram of scene.inOrder()) writer.write(datagram);
  // The first is the file's own header.
  return packets.slice(1);
}

describe('capture: tunnels', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-'))));
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, wrap] of Object.entries(envelopes)) {
    it(`${name}: the datagram inside comes out, cut anywhere or not`, () => {
      for (const [inner, from] of [
        [inner4, '192.0.2.1'],
        [inner6, '2001:db8::1'],
      ] as const) {
        const whole = wrap(inner);
        const found = readDatagrams(file(whole));
        const [datagram] = found;
        assert.deepEqual(found.skipped, {});
        assert.ok(datagram);
        assert.equal(datagram.source.address, from);
        assert.equal(textOf(datagram.payload), 'test');
        assert.equal(datagram.frame, 1);
        for (let size = 0; size < whole.length; size++) {
          const cut = readDatagrams(file(whole.subarray(0, size)));
          const given =
            [...cut].length + Object.values(cut.skipped).reduce((sum, one) => sum + (one ?? 0), 0);
          assert.equal(given, 1, `cut at ${size}`);
        }
      }
    });

    it(`${name}: a whole call in it is found, with two streams of 50`, () => {
      const analysis = new CaptureAnalysis();
      const reader = new CaptureReader(analysis);
      reader.push(file(...callPackets().map(wrap)));
      reader.end();
      const { calls, streams } = analysis.finish().report;
      assert.deepEqual(
        calls.map(({ status, ended }) => [status, ended]),
        [[200, true]],
      );
      assert.deepEqual(
        streams.map(({ packets, lost, call }) => [packets, lost, call]),
        [
          [50, 0, 0],
          [50, 0, 0],
        ],
      );
    });
  }

  it('tshark sees the same inside of each', function () {
    needProgram(this, 'tshark');
    const packets = Object.values(envelopes).flatMap((wrap) => [wrap(inner4), wrap(inner6)]);
    const path = join(folder, 'tunnels.pcap');
    writeFileSync(path, file(...packets));
    const ports = ['udp.srcport', 'udp.dstport', 'udp.payload'];
    const decodeAs = ['-d', `mpls.label==${PSEUDOWIRE_LABEL},pwethcw`];
    const last = (values: string | undefined): string => values?.split(',').at(-1) ?? '';
    const seen = tshark(path, ports, 'frame', decodeAs).map((fields) => fields.map(last));
    const ours = Array.from(readDatagrams(file(...packets)), ({ source, destination, payload }) => [
      String(source.port),
      String(destination.port),
      Buffer.from(payload).toString('hex'),
    ]);
    const names = Object.keys(envelopes);
    for (const [i, one] of ours.entries()) assert.deepEqual(one, seen[i], names[i >> 1]);
    assert.equal(ours.length, packets.length);
  });

  it('opens eight packets in each other and no more, and says so', () => {
    const of = (depth: number) => readDatagrams(file(ethernet(0x0800, nested(depth, inner4))));
    assert.equal([...of(8)].length, 1);
    assert.deepEqual([[...of(9)].length, of(9).skipped], [0, { malformed: 1 }]);
    const labels = (count: number) =>
      readDatagrams(
        file(
          ethernet(
            0x8847,
            concat(...Array.from({ length: count }, (_, i) => label(16, i === count - 1)), inner4),
          ),
        ),
      );
    assert.equal([...labels(16)].length, 1);
    assert.deepEqual([[...labels(17)].length, labels(17).skipped], [0, { 'not-ip': 1 }]);
  });

  it('a fragmented tunnel is put together first, and a fragmented datagram inside too', () => {
    const split = (packet: Uint8Array): Uint8Array[] => {
      const body = packet.subarray(20);
      return [body.subarray(0, 16), body.subarray(16)].map((part, i) => {
        const fragment = concat(packet.subarray(0, 20), part);
        fragment[2] = 0;
        fragment[3] = fragment.length;
        fragment.set(i === 0 ? hex('2000') : hex('0002'), 6);
        return fragment;
      });
    };
    const outside = split(outer4(4, inner4)).map((ip) => ethernet(0x0800, ip));
    const datagrams = [...readDatagrams(file(...outside))];
    assert.deepEqual(
      datagrams.map(({ payload, frame }) => [textOf(payload), frame]),
      [['test', 2]],
    );
    const long = concat(inner4, new Uint8Array(12));
    long[3] = 44;
    long[25] = 24;
    const inside = split(long).map((ip) => ethernet(0x0800, outer4(4, ip)));
    assert.equal([...readDatagrams(file(...inside))].length, 1);
  });

  it('flipped bits anywhere in any envelope crash nothing, and no packet is lost count of', () => {
    const prng = new Prng(4);
    for (const wrap of Object.values(envelopes)) {
      const whole = file(...callPackets().slice(0, 20).map(wrap));
      for (let round = 0; round < 40; round++) {
        const copy = Uint8Array.from(whole);
        // The file's own header stays, or there would be nothing to read.
        for (let flip = 0; flip < 1 + round; flip++)
          copy[24 + (prng.uint32() % (copy.length - 24))]! ^= 1 << (prng.uint32() % 8);
        const analysis = new CaptureAnalysis();
        const reader = new CaptureReader(analysis);
        reader.push(copy);
        assert.ok(reader.end().packets <= whole.length / 16);
        analysis.finish();
      }
    }
  });

  it('what only looks like VXLAN by its port stays a datagram', () => {
    for (const payload of [
      hex('0800000000002a00'),
      hex('8001000000000000 00000001 0000'),
      new Uint8Array(40),
    ]) {
      const udp = concat(hex('c350 12b5'), Uint8Array.of(0, 8 + payload.length, 0, 0), payload);
      const [datagram] = readDatagrams(file(ethernet(0x0800, outer4(17, udp))));
      assert.equal(datagram?.payload.length, payload.length);
    }
    assert.equal(
      [...readDatagrams(file(ethernet(0x0800, outer4(17, vxlan(inner4)))))][0]?.destination.port,
      42_000,
    );
  });
});

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { playFromCapture, readDatagrams } from '../../lib/capture/index.js';
import { parseIp } from '../../lib/wire/address.js';
import { classifyPacket } from '../../lib/wire/packet-class.js';
import { parseRtp } from '../../lib/wire/rtp.js';
import { fixtureCaptures } from './oracles.js';

const folder = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const read = (name: string) => readFileSync(folder + name);

function rtpOf(name: string) {
  return [...readDatagrams(read(name))].flatMap((datagram) => {
    if (classifyPacket(datagram.payload) !== 'rtp') return [];
    const header = parseRtp(datagram.payload);
    assert.ok(header.ok);
    return [{ ...datagram, ...header.value }];
  });
}

describe('fixtures: recorded captures', () => {
  // RFC 5737 documentation blocks, RFC 1918, loopback: nobody's real address may be in a recording.
  const harmless = /^(192\.0\.2|198\.51\.100|203\.0\.113|10\.\d+\.\d+|192\.168\.\d+|127\.\d+\.\d+)\.\d+$/;
  const readme = readFileSync(folder + 'README.md', 'utf8');

  for (const file of fixtureCaptures()) {
    const name = join(basename(dirname(file)), basename(file));
    it(`${name} is whole, small, and its provenance is stated`, () => {
      const captured = readDatagrams(readFileSync(file));
      assert.equal(captured.error, undefined);
      assert.ok(statSync(file).size < 300_000);
      assert.ok(readme.includes(`\`${name}\``), 'named in fixtures/README.md');
    });

    it(`${name} holds no address of anybody, neither in headers nor in text`, () => {
      for (const { source, destination, payload } of readDatagrams(readFileSync(file))) {
        assert.match(source.address, harmless);
        assert.match(destination.address, harmless);
        if (classifyPacket(payload) === 'rtp') continue;
        const dotted =
          Buffer.from(payload)
            .toString('latin1')
            .match(/\d+\.\d+\.\d+\.\d+/g) ?? [];
        for (const text of dotted) if (parseIp(text)) assert.match(text, harmless);
      }
    });
  }

  for (const [name, payloadType, count, sizeBytes] of [
    ['speech/alice.pcap', 0, 500, 172],
    ['speech/bob.pcap', 0, 500, 172],
    ['ffmpeg/pcma.pcap', 8, 150, 172],
    ['ffmpeg/g722.pcap', 9, 150, 172],
    ['ffmpeg/opus.pcap', 111, 151, undefined],
  ] as const)
    it(`${name} plays as one stream of 20 ms packets without a gap`, () => {
      const packets = playFromCapture(read(name));
      assert.equal(packets.length, count);
      const headers = packets.map(({ bytes }) => parseRtp(bytes));
      const first = headers[0]!;
      assert.ok(first.ok);
      for (const [i, header] of headers.entries()) {
        assert.ok(header.ok);
        assert.equal(header.value.payloadType, payloadType);
        assert.equal(header.value.ssrc, first.value.ssrc);
        assert.equal(header.value.sequence, (first.value.sequence + i) & 0xffff);
        if (sizeBytes) assert.equal(packets[i]!.bytes.length, sizeBytes);
        assert.equal(packets[i]!.durationMs, 20);
        assert.ok(
          Math.abs(packets[i]!.offsetMs - i * 20) < 100,
          `packet ${i} goes out at ${packets[i]!.offsetMs} ms`,
        );
      }
    });

  it('the speech is of two speakers, and no silence', () => {
    const [alice, bob] = ['speech/alice.pcap', 'speech/bob.pcap'].map((name) => playFromCapture(read(name)));
    assert.notDeepEqual(
      alice!.map(({ bytes }) => bytes.subarray(12)),
      bob!.map(({ bytes }) => bytes.subarray(12)),
    );
    for (const packets of [alice!, bob!]) {
      const loud = packets.filter(({ bytes }) => bytes.subarray(12).some((octet) => (octet & 0x7f) < 0x40));
      assert.ok(loud.length > packets.length / 3, `${loud.length} packets with a voice`);
    }
  });

  it('sipp/call.pcap is a call with SDP, and media that comes back as it was sent', () => {
    const sip = [...readDatagrams(read('sipp/call.pcap'))]
      .filter(({ source }) => source.port === 5060)
      .map(({ payload }) => Buffer.from(payload).toString('latin1'));
    assert.deepEqual(
      sip.map((message) => message.slice(0, 11)),
      ['INVITE sip:', 'SIP/2.0 180', 'SIP/2.0 200', 'ACK sip:ech', 'BYE sip:ech', 'SIP/2.0 200'],
    );
    const media = rtpOf('sipp/call.pcap');
    const [there, back] = [42_010, 40_010].map((port) =>
      media.filter(({ source }) => source.port === port).map(({ payload }) => payload),
    );
    assert.equal(there!.length, 150);
    assert.deepEqual(back, there);
  });

  it('baresip/call.pcap has RTP both ways, RTCP, and the digits 4 7 # as telephone events', () => {
    const media = rtpOf('baresip/call.pcap');
    assert.equal(new Set(media.map(({ ssrc }) => ssrc)).size, 2);
    assert.deepEqual(new Set(media.map(({ payloadType }) => payloadType)), new Set([0, 101]));
    const digits = media.filter(({ payloadType }) => payloadType === 101).map(({ payload }) => payload[12]!);
    assert.deepEqual([...new Set(digits)], [4, 7, 11]);
    const rtcp = [...readDatagrams(read('baresip/call.pcap'))].filter(
      ({ payload }) => classifyPacket(payload) === 'rtcp',
    );
    // Sender report, application packet, and goodbye, as their first packets.
    assert.deepEqual(new Set(rtcp.map(({ payload }) => payload[1])), new Set([200, 204, 203]));
  });
});

describe('fixtures: calls at both sides of a NAT', () => {
  const toServer = (name: string) => rtpOf(name).filter(({ destination }) => destination.port === 40_000);
  const inside = toServer('nat-rebinding/client.pcap');
  const outside = toServer('nat-rebinding/server.pcap');

  it('every packet of the client arrives, under two ports of the NAT, one after the other', () => {
    assert.deepEqual(
      outside.map(({ payload }) => payload),
      inside.map(({ payload }) => payload),
    );
    assert.equal(new Set(inside.map(({ source }) => `${source.address}:${source.port}`)).size, 1);
    assert.equal(inside[0]?.source.address, '10.0.1.2');
    const ports = outside.map(({ source }) => source.port);
    const moved = ports.findIndex((port) => port !== ports[0]);
    assert.ok(moved > 50 && moved < 150);
    assert.equal(new Set(ports.slice(moved)).size, 1);
    assert.ok(outside.every(({ source }) => source.address === '203.0.113.11'));
  });

  it('both sides tell the same time', () => {
    for (const [i, packet] of outside.entries()) {
      const delayMs = packet.timeMs - inside[i]!.timeMs;
      assert.ok(delayMs >= 0 && delayMs < 20, `packet ${i}: ${delayMs} ms`);
    }
  });
});

// The captures of real NATs in fixtures/ through the core again: the events beside each, what they must be by the captures
// themselves, and what they are not where the keys are others. All in virtual time.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { ChallengeSurvey } from '../../lib/capture/challenge-survey.js';
import { PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { planDrive } from '../../lib/capture/drive-plan.js';
import type { DrivePlan } from '../../lib/capture/drive-plan.js';
import { driveFiles, readSessionFile } from '../../lib/cli/replay-drive.js';
import { formatAddress } from '../../lib/wire/address.js';
import { classifyPacket } from '../../lib/wire/packet-class.js';
import { sharedCaptures } from './oracles.js';

type Side = 'server' | 'client';
type Event = Readonly<Record<string, unknown>> & { readonly atMs: number; readonly type: string };

const NAMES = ['port-preserving', 'symmetric', 'rebinding', 'bleed', 'room-of-ten'] as const;
const CLIENT_NAT = '203.0.113.11';
const ATTACKER = '203.0.113.66';

const pathOf = (name: string, file: string) =>
  fileURLToPath(new URL(`../../fixtures/nat-${name}/${file}`, import.meta.url));
const read = (name: string, side: Side): CapturedDatagram[] => [
  ...readDatagrams(readFileSync(pathOf(name, `${side}.pcap`))),
];
const sessionOf = (name: string) => readSessionFile(pathOf(name, 'session.json'));

async function drive(file: string, plans?: readonly DrivePlan[]) {
  const [analysis, survey] = [new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto }), new ChallengeSurvey()];
  for (const datagram of readDatagrams(readFileSync(file))) {
    analysis.onDatagram(datagram);
    survey.onDatagram(datagram);
  }
  const findings = analysis.finish();
  const driven = await driveFiles({
    files: [file],
    plans: plans ?? planDrive(findings.calls, survey),
    findings,
    survey,
  });
  return { ...driven, events: driven.events as readonly Event[], report: findings.report };
}

const driveFixture = (name: string, side: Side) => drive(pathOf(name, `${side}.pcap`), sessionOf(name));

function mediaFrom(name: string, address: string): CapturedDatagram[] {
  return read(name, 'server').filter(
    ({ source, payload }) => source.address === address && classifyPacket(payload) === 'rtp',
  );
}

describe('captures of real NATs, driven through the core', () => {
  for (const name of NAMES)
    for (const side of ['server', 'client'] as const)
      it(`nat-${name}, taken at the ${side}: the events are those beside it`, async () => {
        const { events, drive: summary } = await driveFixture(name, side);
        const expected: unknown = JSON.parse(readFileSync(pathOf(name, `${side}.events.json`), 'utf8'));
        assert.deepEqual(JSON.parse(JSON.stringify({ drive: summary, events })), expected);
      });

  for (const [name, nat] of [
    ['port-preserving', 'address'],
    ['symmetric', 'both'],
  ] as const)
    it(`nat-${name}: the mapping is verified, and all but the first packets are delivered`, async () => {
      const { events, drive: summary } = await driveFixture(name, 'server');
      const media = mediaFrom(name, CLIENT_NAT);
      assert.deepEqual(
        events.map(({ type }) => type),
        ['candidate', 'proven', 'verified'],
      );
      const [{ source } = assert.fail()] = media;
      assert.equal(events[2]?.['mapping'], formatAddress(source));
      assert.equal(events[2]?.['nat'], nat);
      assert.ok(media.length >= 100);
      assert.ok(summary.delivered >= media.length - 2, `${summary.delivered} of ${media.length}`);
    });

  it('nat-rebinding: the new mapping is followed within 30 ms and 10 of its first packet (P5)', async () => {
    const { events } = await driveFixture('rebinding', 'server');
    const [rebound = assert.fail(), ...others] = events.filter(({ type }) => type === 'rebound');
    assert.deepEqual(others, []);
    const all = read('rebinding', 'server');
    const media = mediaFrom('rebinding', CLIENT_NAT);
    const first = media.find(({ source }) => formatAddress(source) === rebound['remote']);
    assert.ok(first && all[0]);
    assert.equal(rebound['previous'], formatAddress(media[0]!.source));
    assert.notEqual(rebound['remote'], rebound['previous']);
    const tookMs = rebound.atMs - (first.timeMs - all[0].timeMs);
    assert.ok(tookMs >= 0 && tookMs <= 40, `${tookMs} ms`);
  });

  it('nat-bleed: replay names the attacker an intruder; the core asks it, believes it nothing and delivers nothing of it', async () => {
    const { events, report, drive: summary } = await driveFixture('bleed', 'server');
    const forged = mediaFrom('bleed', ATTACKER);
    assert.ok(forged.length > 300);
    const source = formatAddress(forged[0]!.source);
    const intruders = report.streams.flatMap(({ intruders }) => intruders.map((one) => one.source));
    assert.deepEqual(new Set(intruders), new Set([source]));
    const about = events.filter((event) => JSON.stringify(event).includes(`${ATTACKER}:`));
    assert.deepEqual(
      about.map(({ type }) => type),
      ['candidate'],
    );
    assert.ok(
      events.some(({ type, remote }) => type === 'verified' && String(remote).startsWith(CLIENT_NAT)),
    );
    const genuine = read('bleed', 'server').filter(
      ({ source, payload }) => source.address === CLIENT_NAT && classifyPacket(payload) !== 'stun',
    );
    assert.ok(summary.delivered > 70 && summary.delivered <= genuine.length);
  });

  it('nat-room-of-ten: each call is verified once, at a mapping of its own', async () => {
    const { events } = await driveFixture('room-of-ten', 'server');
    const verified = events.filter(({ type }) => type === 'verified');
    assert.equal(new Set(verified.map(({ call }) => call)).size, 10);
    assert.equal(new Set(verified.map(({ mapping }) => mapping)).size, 10);
    assert.equal(verified.length, 10);
  });

  for (const name of NAMES)
    it(`nat-${name}: at the client's side the same calls, at the addresses that it signalled`, async () => {
      const [inside, outside] = [await driveFixture(name, 'client'), await driveFixture(name, 'server')];
      const verified = inside.events.filter(({ type }) => type === 'verified');
      assert.ok(verified.length > 0);
      for (const event of verified) {
        const same = outside.events.find(({ type, call }) => type === 'verified' && call === event['call']);
        assert.ok(same);
        assert.equal(event['signalled'], same['signalled']);
        assert.equal(event['mapping'], same['signalled']);
        assert.notEqual(event['mapping'], same['mapping']);
      }
      assert.ok(!JSON.stringify(inside.events).includes(ATTACKER));
    });

  it('no event holds a secret, a word, a tag or a session description', async () => {
    for (const name of NAMES) {
      const text = readFileSync(pathOf(name, 'session.json'), 'utf8');
      const secret = [...text.matchAll(/a=latch:1 (\w+) ([\w-]+)|a=latch-challenge:([\w-]+)/g)];
      assert.ok(secret.length >= 3);
      const printed = JSON.stringify(await driveFixture(name, 'server'));
      const words = secret.flatMap((match) => match.slice(1)).filter((word) => word !== undefined);
      for (const word of words) assert.ok(!printed.includes(word));
    }
  });

  it('with another secret of the client nobody is verified and nothing delivered', async () => {
    const [plan = assert.fail()] = sessionOf('symmetric');
    const other = (sdp: string) => sdp.replace(/(a=latch:1 \w+ )[\w-]{42}/, `$1${'A'.repeat(42)}`);
    const exchanges = plan.exchanges.map((exchange) => ({ ...exchange, offer: other(exchange.offer) }));
    const { events, drive: summary } = await drive(pathOf('symmetric', 'server.pcap'), [
      { ...plan, exchanges },
    ]);
    assert.ok(events.length > 0);
    assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(['candidate']));
    assert.equal(summary.delivered, 0);
  });

  it('with other credentials of the server the core asks other questions, and the summary says so', async () => {
    const [plan = assert.fail()] = sessionOf('symmetric');
    const other = (sdp: string) => sdp.replace(/(a=latch:1 \w{10})\w+/, '$1');
    const exchanges = plan.exchanges.map((exchange) => ({ ...exchange, answer: other(exchange.answer) }));
    const { events, drive: summary } = await drive(pathOf('symmetric', 'server.pcap'), [
      { ...plan, exchanges },
    ]);
    assert.deepEqual(summary.foreign, [plan.call]);
    assert.ok(events.every(({ type }) => type === 'candidate'));
  });

  it("a call that ended is closed then, and what comes later is nobody's", async () => {
    const [plan = assert.fail()] = sessionOf('symmetric');
    const first = read('symmetric', 'server')[0]!;
    const { events, drive: summary } = await drive(pathOf('symmetric', 'server.pcap'), [
      { ...plan, endMs: first.timeMs + 1000 },
    ]);
    const [closed = assert.fail()] = events.filter(({ type }) => type === 'closed');
    assert.ok(Math.abs(closed.atMs - 1000) < 0.01);
    assert.equal(closed['protection'], 'latch');
    assert.ok(summary.delivered < 60);
  });

  it('a time decades away costs no more than any other, and the path has expired by then', async () => {
    const chunks: Uint8Array[] = [];
    const writer = new PcapWriter((bytes) => chunks.push(bytes));
    const all = read('symmetric', 'server');
    for (const datagram of all) writer.write(datagram);
    writer.write({ ...all.at(-1)!, timeMs: Date.UTC(2100) });
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-drive-'));
    const file = join(folder, 'late.pcap');
    writeFileSync(file, Buffer.concat(chunks));
    const { events } = await drive(file, sessionOf('symmetric'));
    rmSync(folder, { recursive: true });
    const { atMs } = events.find(({ type }) => type === 'expired') ?? assert.fail();
    assert.ok(atMs > 30_000 && atMs < 40_000, `${atMs} ms`);
  });

  it('ICE in the clear, asked by a server that is none of ours: verified, direct, and rebound', async function () {
    const file = sharedCaptures().find((name) => name.endsWith('e-ice-challenge-rebind.pub.pcap'));
    if (file === undefined) return this.skip();
    const { events, drive: summary } = await drive(file);
    const own = events.filter(({ component }) => component === 1);
    assert.deepEqual(
      own.map(({ type }) => type),
      ['candidate', 'verified', 'direct', 'candidate', 'rebound', 'closed'],
    );
    assert.equal(summary.foreign.length, 1);
  });
});

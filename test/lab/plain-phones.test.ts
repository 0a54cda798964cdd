// baresip and linphonec with no key at all, behind a symmetric NAT, over each transport: found by evidence (protocol.md 8.3), followed when the
// NAT rebinds, and nothing to or from attackers, whether they are elsewhere or behind the same NAT. Judged by the packets at the phones and at
// the attackers. Who reads the packets of the call is not among them: evidence does not hold that off (P12).
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { formatAddress } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import type { CallOptions } from '../clients/client-programs.js';
import { AMPLE_S, show } from './attack-judge.js';
import { AttackScene } from './attack-scene.js';
import type { Place } from './attack-scene.js';
import { rowsOf, stolenAt, towardsAttackers } from './attack-verdict.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines, Line } from './json-lines.js';
import { CLIENT, Lab, LATCHKEY, SERVER, whyNoLab } from './lab.js';
import {
  assertNothingTwice,
  assertOnlySaid,
  beginMs,
  isRtp,
  linesOf,
  longestGapMs,
  PLAIN_RANGE,
  portOf,
  sidesOf,
  timeOf,
  wholeOf,
} from './plain-call.js';
import type { Way } from './plain-call.js';
import { ProcessorWait } from './processor-wait.js';
import type { RunningAttack } from './running-attack.js';
import { assertNoTheft } from './theft.js';

const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB' },
] as const;
const [BARESIP, LINPHONE] = PHONES;
type Phone = (typeof PHONES)[number];
type Transport = CallOptions['transport'];
/** The selection has each phone and each attacker, the whole lab each phone with each attacker. */
const isWhole = process.env.LATCHKEY_LAB === 'all';

/** Ahead of what else the machine does: times of 20 ms are asked of them. */
const AHEAD = ['nice', '-n', '-15'];
const PORT = { tls: 5061, tcp: 5060, udp: 5060 } as const;
const LEAD_MS = 1500;
const HALF_MS = 2000;
/** From the 200 on: with an attacker elsewhere or none, and with a neighbour. */
const BEGIN_MS = { att: 500, cliA2: 1000 } as const;
/** Of that 60 are the wait of rule 8.3.7, 20 until the phone's next packet, and 20 since the last one to it. */
const GAP_MS = 120;
const FOLLOW_MS = 60;
/** Of the packets that packet time is measured by. */
const MEASURED_MS = 200;
/** What a switch may be late beyond what the kernel says that the server waited for a processor. */
const UNEXPLAINED_MS = 5;

interface Attacker {
  readonly name: string;
  readonly place: Place;
  readonly shapes: readonly string[];
  /** It begins so long before the call; undefined: with the call, as soon as the port is told. */
  readonly leadMs?: number;
}

/** All that does not read the call. */
const BLIND_SHAPES = [
  'scan',
  'odd-ports',
  'spray',
  'halves',
  'burst',
  'client-hello',
  'bad-srtp',
  'late',
  'talk',
];
const ELSEWHERE: Attacker = {
  name: 'elsewhere, every shape',
  place: 'att',
  shapes: BLIND_SHAPES,
  leadMs: LEAD_MS,
};
const SPRAYER: Attacker = {
  ...{ name: 'a neighbour who sprays from before the call', place: 'cliA2', leadMs: LEAD_MS },
  shapes: ['scan', 'odd-ports', 'spray', 'halves'],
};
const TALKER: Attacker = {
  name: 'a neighbour who talks from told on',
  place: 'cliA2',
  shapes: ['talk'],
  leadMs: LEAD_MS,
};
const LATER: Attacker = {
  name: 'a neighbour who does everything from the call on',
  place: 'cliA2',
  shapes: BLIND_SHAPES,
};
type Attacked = readonly [Phone, Transport, Attacker];
const SELECTED: readonly (readonly Attacked[])[] = [
  [
    [BARESIP, 'udp', ELSEWHERE],
    [LINPHONE, 'tls', TALKER],
  ],
  [
    [LINPHONE, 'udp', ELSEWHERE],
    [LINPHONE, 'tcp', SPRAYER],
  ],
  [
    [BARESIP, 'tcp', TALKER],
    [LINPHONE, 'tls', LATER],
  ],
];
const ATTACKED = isWhole
  ? PHONES.flatMap((phone) =>
      [ELSEWHERE, SPRAYER, TALKER, LATER].flatMap((attacker) =>
        (['tls', 'tcp', 'udp'] as const).map((transport) => [[phone, transport, attacker] as const]),
      ),
    )
  : SELECTED;
/** Two at a time, of each phone one, over each transport in turn. */
const TALKED: readonly (readonly Attacked[])[] = Array.from({ length: isWhole ? 25 : 0 }, (_, i) => {
  const transport = (['tls', 'tcp', 'udp'] as const)[i % 3]!;
  return PHONES.map((phone) => [phone, transport, TALKER] as const);
});

describe('phones without any key, behind a symmetric NAT', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  const folders: string[] = [];
  const phones: RunningClient[] = [];
  const scenes: AttackScene[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout', 'nice'));
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    for (const scene of scenes.splice(0)) scene.close();
    lab?.close();
    lab = undefined;
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  for (const transport of ['tls', 'tcp', 'udp'] as const)
    it(`over ${transport.toUpperCase()}: found, heard both ways, and back after a rebinding`, async function () {
      const here = (lab = new Lab({ natA: { type: 'symmetric' }, natB: { type: 'symmetric' } }));
      const place = mkdtempSync(join(tmpdir(), 'latchkey-plain-'));
      folders.push(place);
      const listen = ['serve', '--json', '--open', '--listen', SERVER, '--media', PLAIN_RANGE.join('-')];
      const child = here.spawn('pub', ...AHEAD, ...LATCHKEY, ...listen);
      const server = jsonLines(child);
      const certificate = String((await server.has('listening'))['certificate']);
      const captures = await Promise.all(
        [...PHONES.map(({ host }) => host), 'pub' as const].map((host) =>
          Capture.start(here, host, join(place, `${host}.pcap`)),
        ),
      );
      for (const { name, command, host } of PHONES) {
        const folder = join(place, name);
        mkdirSync(folder);
        const call = {
          ...{ folder, address: here.addressOf(host), certificate, hasIce: false, transport, durationS: 6 },
          server: { address: SERVER, port: PORT[transport] },
        };
        phones.push(new RunningClient(here.command(host, ...AHEAD, ...command(call))));
      }
      await Promise.all(PHONES.map(({ host }) => server.has('locked', isOf(here.externalOf(host)))));
      await delay(HALF_MS);
      const waits = new ProcessorWait(child.pid!);
      const reboundMs = Date.now();
      for (const { nat } of PHONES) here.rebind(nat);
      await Promise.all(phones.map((phone) => phone.ended()));
      waits.stop();
      const seen = await Promise.all(captures.map((capture) => capture.stop()));

      for (const [i, { name, host }] of PHONES.entries()) {
        const way: Way = { name, ...sidesOf(seen[i]!, here.addressOf(host)) };
        assert.ok(
          way.said.length > 150 && way.heard.length > 150,
          `${name}: ${way.said.length}, ${way.heard.length}`,
        );
        assertOnlySaid(way);
        assertNothingTwice(way);
        const locked = linesOf(server, 'locked').find(isOf(here.externalOf(host)))!;
        const begin = beginMs(way, answeredMs(server, locked));
        const rebound = linesOf(server, 'rebound').filter(isOf(here.externalOf(host)));
        assert.equal(rebound.length, 1);
        const gap = longestGapMs(way, reboundMs - 20, reboundMs + HALF_MS);
        const late = latenessOf(rebound[0]!, seen[2]!, waits);
        this.test!.title += `; ${name}: by ${String(locked['ground'])}, heard ${begin} ms after the 200, longest gap ${gap} ms${late.said}`;
        assert.ok(begin <= BEGIN_MS.att, `${name}: ${begin} ms`);
        assert.ok(gap <= GAP_MS + late.ms, `${name}: ${gap} ms${late.said}`);
        assert.ok(way.heard.at(-1)!.timeMs > reboundMs + HALF_MS / 2, `${name}: media is back`);
      }
      // baresip announces its SSRC, linphonec nothing: it is asked to send to another port, and does.
      const grounds = PHONES.map(({ host }) =>
        linesOf(server, 'locked')
          .filter(isOf(here.externalOf(host)))
          .map(({ ground }) => ground),
      );
      assert.deepEqual(grounds, [['ssrc'], ['question']]);
      assert.deepEqual(linesOf(server, 'contested', 'conflict', 'unheard', 'legacy'), []);
    });

  async function attackedCall([{ name, command }, transport, attacker]: Attacked, policy = 'prefer') {
    const { place, shapes, leadMs } = attacker;
    const isBlind = policy === 'blind';
    const scene = new AttackScene(place, { natA: { type: 'symmetric' } });
    scenes.push(scene);
    const { server, certificate, pid } = await scene.serve(['--policy', policy], PLAIN_RANGE);
    const secure = `sip:talk@${SERVER}:5061;transport=tls`;
    const late = await scene.ownCall(secure, '--ca', certificate);
    const other = scene.call('cliB', secure, '--ca', certificate);
    await other.has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    const begin = () =>
      scene.attack(attacker.name, shapes, AMPLE_S, { late, target: undefined, range: PLAIN_RANGE });
    const early = leadMs === undefined ? undefined : await begin();
    await delay(leadMs);
    const call = {
      ...{ folder: scene.folder, address: CLIENT, certificate, hasIce: false, user: 'talk', transport },
      ...{ server: { address: SERVER, port: PORT[transport] }, durationS: 7 },
    };
    const phone = new RunningClient(scene.lab.command('cliA', ...AHEAD, ...command(call)));
    phones.push(phone);
    // Where this port was told, it knows at once.
    const told = await server.has(isBlind ? 'legacy' : 'unprotected', ({ component }) => component === 1);
    const attack: RunningAttack = early ?? (await begin());
    attack.aim(portOf(told));
    const locked = await server.has(isBlind ? 'legacy' : 'locked', ({ component }) => component === 1);
    attack.aim(portOf(locked));
    await delay(HALF_MS);
    const waits = new ProcessorWait(pid);
    const reboundMs = Date.now();
    scene.lab.rebind('natA');
    await delay(HALF_MS);
    waits.stop();
    await attack.stop();
    await phone.ended();
    const captures = await scene.captured();
    return { scene, server, name, attacker, told, locked, reboundMs, waits, captures };
  }

  function judge({
    scene,
    server,
    name,
    attacker,
    locked,
    reboundMs,
    waits,
    captures,
  }: Awaited<ReturnType<typeof attackedCall>>) {
    const { place, placeAddress, attacks, lab: here } = scene;
    const rows = rowsOf(attacks, captures, placeAddress, true);
    show(`${name}, attacked by ${attacker.name}`, rows);
    assert.equal(rows.length, attacker.shapes.length);
    for (const { shape, sent, stolen, injected } of rows) {
      assert.ok(sent > 0, `${shape} attacked`);
      const lost = stolen + injected === 0 ? [] : [`${stolen} stolen, ${injected} injected`];
      assertNoTheft(lost, `${name}, ${attacker.name}: ${shape}`);
    }
    assertNoTheft(
      stolenAt(captures.attacker, placeAddress).map(() => 'media'),
      'at the attacker, on whatever socket',
    );
    const seen = towardsAttackers(captures.server);
    assert.ok(seen.paths >= attacker.shapes.length, 'the server met the attackers');
    assert.equal(seen.payload, 0, 'at the server');

    const [atPhone, , atOther] = captures.parties as [CapturedDatagram[], unknown, CapturedDatagram[]];
    const [phone, other] = [sidesOf(atPhone, CLIENT), sidesOf(atOther, here.addressOf('cliB'))];
    const outward: Way = { name: `${name} to the room`, said: phone.said, heard: other.heard };
    assertOnlySaid(outward);
    assertNothingTwice(outward);
    const inward: Way = {
      name: `the room to ${name}`,
      said: other.said,
      heard: phone.heard,
      tell: wholeOf,
    };
    assertOnlySaid(inward);
    assertNothingTwice(inward);
    const sinceMs = answeredMs(server, locked);
    const figures = [outward, inward].map((way) => ({
      way: way.name,
      begin: beginMs(way, sinceMs),
      gap: longestGapMs(way, reboundMs - 20, reboundMs + HALF_MS),
    }));
    const rebound = linesOf(server, 'rebound');
    assert.equal(rebound.length, 1);
    const late = latenessOf(rebound[0]!, captures.server, waits);
    for (const { way, begin, gap } of figures) {
      assert.ok(begin <= BEGIN_MS[place], `${way}: ${begin} ms after the 200`);
      assert.ok(gap <= GAP_MS + late.ms, `${way}: ${gap} ms without media at the rebinding${late.said}`);
    }
    for (const way of [outward, inward])
      assert.ok(way.heard.at(-1)!.timeMs > reboundMs + HALF_MS / 2, `${way.name}: media is back`);
    return `${name}: by ${String(locked['ground'])}, ${figures.map(({ begin, gap }) => `${begin}/${gap} ms`).join(', ')}${late.said}`;
  }

  for (const together of ATTACKED)
    it(`${together.map(([{ name }, transport, attacker]) => `${name} over ${transport.toUpperCase()} and ${attacker.name}`).join('; ')}: nothing stolen, nothing injected`, async function () {
      const played = await Promise.all(together.map((attacked) => attackedCall(attacked)));
      this.test!.title += ` (begin/gap: ${played.map(judge).join('; ')})`;
    });

  for (const [i, together] of TALKED.entries())
    it(`calls ${2 * i + 1} and ${2 * i + 2} of ${2 * TALKED.length} with ${TALKER.name}: nothing stolen, nothing injected`, async function () {
      const played = await Promise.all(together.map((attacked) => attackedCall(attacked)));
      const contests = played.map(({ server }) => linesOf(server, 'contested', 'conflict').length);
      this.test!.title += ` (${together[0]![1]}, begin/gap: ${played.map(judge).join('; ')}; contested: ${contests.join(', ')})`;
    });

  it('control: where media is latched blindly, the same sprays steal and inject', async () => {
    const played = [ELSEWHERE, SPRAYER].map((attacker) => attackedCall([LINPHONE, 'udp', attacker], 'blind'));
    for (const { scene, captures } of await Promise.all(played)) {
      const rows = rowsOf(scene.attacks, captures, scene.placeAddress, true);
      show(`control, attacked from ${scene.place}`, rows);
      const [stolen, injected] = [0, 0].map((_, i) =>
        rows.reduce((sum, row) => sum + (i === 0 ? row.stolen : row.injected), 0),
      );
      assert.ok(stolen! > 25, `${stolen} stolen from ${scene.place}`);
      assert.ok(injected! > 25, `${injected} injected from ${scene.place}`);
    }
  });
});

/**
 * How much later than by rule 8.3.7 the server sent to where the stream goes on: between the first packet that came from there and the
 * first that went there, at its own cable; and of that what was the machine's, because the server waited for a processor.
 */
function latenessOf(rebound: Line, atServer: readonly CapturedDatagram[], waits: ProcessorWait) {
  const media = atServer.filter(isRtp);
  const isThere = (address: CapturedDatagram['source']) => formatAddress(address) === rebound['remote'];
  const arrivedMs = media.find(({ source }) => isThere(source))?.timeMs;
  const leftMs = media.find(({ destination }) => isThere(destination))?.timeMs;
  assert.ok(arrivedMs !== undefined && leftMs !== undefined, 'media to and from the new mapping');
  const lateMs = Math.max(0, leftMs - arrivedMs - FOLLOW_MS);
  const waitedMs = waits.between(arrivedMs - MEASURED_MS, leftMs);
  const said = `, of it ${lateMs.toFixed(1)} late, ${waitedMs.toFixed(1)} waited for a processor`;
  return { ms: Math.min(lateMs, waitedMs + UNEXPLAINED_MS), said: lateMs > UNEXPLAINED_MS ? said : '' };
}

function isOf(external: string) {
  return ({ component, remote }: Line) => component === 1 && String(remote).startsWith(`${external}:`);
}

/** When the 200 of the call of this line went out. */
function answeredMs({ all }: JsonLines, { session }: Line): number {
  return timeOf(all.find((line) => line.event === 'answered' && line['session'] === session)!);
}

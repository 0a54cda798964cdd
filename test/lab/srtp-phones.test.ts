// baresip and linphonec with keys for SRTP in their descriptions over TLS, unmodified and without ICE, behind real NATs: media at once, a
// rebinding survived (protocol.md 8.2.3), and nothing to or from attackers. Judged by the packets at the phones and at the attackers.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { AMPLE_S, assertNothing, SHAPES } from './attack-judge.js';
import { AttackScene } from './attack-scene.js';
import type { Place } from './attack-scene.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { CLIENT, Lab, LATCHKEY, SERVER, whyNoLab } from './lab.js';
import type { NatType } from './lab.js';
import { NAT_TYPES } from './nat-rules.js';
import { assertNoTheft } from './theft.js';

const TLS_PORT = 5061;
const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB' },
] as const;
/** The selection has the worst NAT and two of the attacks, the whole lab all. */
const isWhole = process.env.LATCHKEY_LAB === 'all';
const TYPES: readonly NatType[] = isWhole ? NAT_TYPES : ['symmetric'];
const [BARESIP, LINPHONE] = PHONES;
/** From outside, and from behind the same NAT. */
const ATTACKED: readonly [Attacked, ...Attacked[]] = [
  [
    [BARESIP, 'att'],
    [LINPHONE, 'cliA2'],
  ],
  [
    [BARESIP, 'cliA2'],
    [LINPHONE, 'att'],
  ],
];
type Attacked = readonly (readonly [(typeof PHONES)[number], Place])[];

/** Ahead of what else the machine does: times of 20 ms are asked of them. */
const AHEAD = ['nice', '-n', '-15'];
const MAX_BEGIN_MS = 300;
/** Of that 60 are the wait of rule 8.2.3, and 20 a packet; 100 on a machine that has nothing else to do. */
const MAX_STOP_MS = 200;
const PACKET_MS = 20;
/** Of a call that is attacked: the four phases take 7. */
const CALL_S = 8;
const HALF_MS = 2000;

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
/** What SRTP leaves in clear, and a room as it is: sequence number, timestamp, SSRC. */
const numbersOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(2, 12)).toString('hex');

/** How much longer the answers stopped at the longest than what is answered did, and a packet. */
function longestStopMs(out: readonly CapturedDatagram[], back: readonly CapturedDatagram[]): number {
  const steps = new Map(out.slice(1).map((packet, i) => [numbersOf(packet), packet.timeMs - out[i]!.timeMs]));
  const stops = back
    .slice(1)
    .map((packet, i) => packet.timeMs - back[i]!.timeMs - (steps.get(numbersOf(packet)) ?? 0));
  return Math.round(Math.max(...stops) + PACKET_MS);
}

const moves = ({ all }: JsonLines, event: string, external: string) =>
  all.filter(
    (line) =>
      line.event === event && line['component'] === 1 && String(line['mapping']).startsWith(`${external}:`),
  );

describe('phones with SRTP, whose keys came over TLS, behind a NAT', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string | undefined;
  const phones: RunningClient[] = [];
  const scenes: AttackScene[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout', 'nice'));
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    for (const scene of scenes.splice(0)) scene.close();
    lab?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  for (const type of TYPES)
    it(`${type}: media both ways at once, verified by SRTP, back after a rebinding`, async function () {
      const here = (lab = new Lab({ natA: { type }, natB: { type } }));
      const place = (folder = mkdtempSync(join(tmpdir(), 'latchkey-srtp-')));
      const media = ['--media', '40000-40019', '--srtp', 'accept'];
      const listen = ['serve', '--json', '--open', '--listen', SERVER, ...media];
      const server = jsonLines(here.spawn('pub', ...AHEAD, ...LATCHKEY, ...listen));
      const certificate = String((await server.has('listening'))['certificate']);
      const captures = await Promise.all(
        PHONES.map(({ host }) => Capture.start(here, host, join(place, `${host}.pcap`))),
      );
      for (const { name, command, host } of PHONES) {
        const own = join(place, name);
        mkdirSync(own);
        const call = {
          ...{
            folder: own,
            address: here.addressOf(host),
            certificate,
            hasIce: false,
            srtp: 'mandatory' as const,
          },
          ...{ server: { address: SERVER, port: TLS_PORT }, transport: 'tls' as const, durationS: 5.5 },
        };
        phones.push(new RunningClient(here.command(host, ...AHEAD, ...command(call))));
      }
      await Promise.all(PHONES.map(({ host }) => server.has('verified', isOf(here.externalOf(host)))));
      await delay(HALF_MS);
      const reboundMs = Date.now();
      for (const { nat } of PHONES) here.rebind(nat);
      await Promise.all(phones.map((phone) => phone.ended()));
      const seen = await Promise.all(captures.map((capture) => capture.stop()));

      for (const [i, { name, host }] of PHONES.entries()) {
        const [packets, address, external] = [seen[i]!, here.addressOf(host), here.externalOf(host)];
        const out = packets.filter(isFrom(address)).filter(isRtp);
        const back = packets.filter(isFrom(SERVER)).filter(isRtp);
        assert.ok(out.length > 150 && back.length > 150, `${name}: ${out.length} out, ${back.length} back`);
        // The call's line is printed before it is answered.
        const call = server.all.find(
          ({ event, remote }) => event === 'session' && String(remote).startsWith(`${address}:`),
        );
        const begin = [out, back].map(([first]) =>
          Math.round(first!.timeMs - Date.parse(String(call?.['time']))),
        );
        const stop = longestStopMs(out, back);
        this.test!.title += `; ${name}: first packets ${begin.join(' and ')} ms after the INVITE, longest stop ${stop} ms`;
        assert.ok(Math.max(...begin) <= MAX_BEGIN_MS, `${name}: ${begin.join(', ')} ms`);
        const spoken = new Set(out.map(numbersOf));
        assert.ok(
          back.every((packet) => spoken.has(numbersOf(packet))),
          'an echo of itself and nothing else',
        );
        assert.ok(back.at(-1)!.timeMs > reboundMs + HALF_MS / 2, `${name}: media is back`);
        assert.ok(stop <= MAX_STOP_MS, `${name}: ${stop} ms`);
        assert.equal(moves(server, 'verified', external).length, 1);
        assert.equal(moves(server, 'rebound', external).length, 1);
      }
      assert.ok(server.all.every(({ protection = 'srtp' }) => protection === 'srtp'));
      assert.deepEqual(
        server.all.filter(({ event }) => event === 'conflict'),
        [],
      );
    });

  /** A phone in a room with a `latchkey call`, attacked before media, in the call, while it holds and resumes, and at a rebinding. */
  async function attackedCall(place: Place, type: NatType, command: typeof baresip | typeof linphone) {
    const scene = new AttackScene(place, { natA: { type } });
    scenes.push(scene);
    const { server, certificate } = await scene.serve(['--srtp', 'accept']);
    const uri = `sip:talk@${SERVER}:${TLS_PORT};transport=tls`;
    const trust = ['--ca', certificate];
    const late = await scene.ownCall(uri, ...trust);
    const other = scene.call('cliB', uri, ...trust);
    await other.has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    const before = await scene.attack('before media', SHAPES, AMPLE_S, { late });
    await delay(300);
    const call = {
      ...{
        folder: scene.folder,
        address: CLIENT,
        certificate,
        hasIce: false,
        srtp: 'mandatory' as const,
        user: 'talk',
      },
      ...{ server: { address: SERVER, port: TLS_PORT }, transport: 'tls' as const, durationS: CALL_S },
      hold: { afterS: 3, forS: 1 },
    };
    const phone = new RunningClient(scene.lab.command('cliA', ...command(call)));
    phones.push(phone);
    await server.has('verified', ({ protection }) => protection === 'srtp');
    await delay(600);
    await before.stop();
    await (
      await scene.attack('during the call', SHAPES, 1, { late })
    ).ended;
    await (
      await scene.attack('re-INVITE', SHAPES, 2.4, { late })
    ).ended;
    const atRebinding = await scene.attack('rebinding', SHAPES, 1.5, { late });
    await delay(300);
    scene.lab.rebind('natA');
    await atRebinding.ended;
    await phone.ended();
    return { scene, server, said: phone.said, captures: await scene.captured() };
  }

  for (const type of TYPES)
    for (const pairs of isWhole ? ATTACKED : [ATTACKED[0]])
      it(`${type}, ${pairs.map(([{ name }, place]) => `${name} attacked from ${place}`).join(', ')}: nothing stolen, nothing injected`, async () => {
        const played = pairs.map(([phone, place]) => attackedCall(place, type, phone.command));
        for (const { scene, server, said, captures } of await Promise.all(played)) {
          assertNothing(scene, captures, { phases: 4, shapes: SHAPES });
          const [atPhone, , atOther] = captures.parties as [CapturedDatagram[], unknown, CapturedDatagram[]];
          const other = scene.lab.addressOf('cliB');
          for (const [to, by, from] of [
            [atPhone, atOther, other],
            [atOther, atPhone, CLIENT],
          ] as const) {
            const spoken = new Set(by.filter(isFrom(from)).filter(isRtp).map(numbersOf));
            const heard = to.filter(isFrom(SERVER)).filter(isRtp).map(numbersOf);
            assertNoTheft(
              heard.filter((numbers) => !spoken.has(numbers)),
              `from nobody, instead of ${from}`,
            );
            assert.equal(new Set(heard).size, heard.length, 'nothing is heard twice');
          }
          assert.match(said, /call: resume|Resuming call/, 'it sent two re-INVITEs under attack');
          const rebound = server.all.filter(({ event, component }) => event === 'rebound' && component === 1);
          assert.equal(rebound.length, 1);
        }
      });
});

function isOf(external: string) {
  return (line: Record<string, unknown>) =>
    line['component'] === 1 && String(line['mapping']).startsWith(`${external}:`);
}

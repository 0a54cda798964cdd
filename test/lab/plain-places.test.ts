// Phones with no key in other places than behind a NAT of their own: two behind one NAT in one room, one without a NAT, one that knows no
// re-INVITE (protocol.md 8.3).
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { questionedCall } from '../clients/sipp-scenarios.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines, Line } from './json-lines.js';
import { Lab, LATCHKEY, SERVER, whyNoLab } from './lab.js';
import type { HostName, LabPlan } from './lab.js';
import { assertNothingTwice, assertOnlySaid, linesOf, PLAIN_RANGE, portOf, sidesOf } from './plain-call.js';

const COMMANDS = { baresip, linphonec: linphone } as const;
type Program = keyof typeof COMMANDS;
/** They talk together for so long. */
const TALK_MS = 3000;
const SPEECH_PACKETS = 150;

const BEGIN_MS = 1000;

const isReInvite = ({ source, payload }: CapturedDatagram) =>
  source.address === SERVER && Buffer.from(payload).toString('latin1').startsWith('INVITE ');

describe('phones without any key, elsewhere', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string;
  const phones: RunningClient[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'sipp', 'timeout'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-plain-'));
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    lab?.close();
    lab = undefined;
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function serve(plan: LabPlan) {
    const here = (lab = new Lab(plan));
    const listen = ['serve', '--json', '--open', '--listen', SERVER, '--media', PLAIN_RANGE.join('-')];
    const server = jsonLines(here.spawn('pub', ...LATCHKEY, ...listen));
    await server.has('listening');
    return { here, server };
  }

  function start(
    here: Lab,
    host: HostName,
    program: Program,
    user: string,
    durationS: number,
  ): RunningClient {
    const own = join(folder, host);
    mkdirSync(own);
    const call = {
      ...{
        folder: own,
        address: here.addressOf(host),
        hasIce: false,
        transport: 'udp' as const,
        user,
        durationS,
      },
      server: { address: SERVER, port: 5060 },
    };
    const phone = new RunningClient(here.command(host, ...COMMANDS[program](call)));
    phones.push(phone);
    return phone;
  }

  const locked = (server: JsonLines, count: number) => many(server, 'locked', count);

  for (const [first, second] of [
    ['baresip', 'linphonec'],
    ['linphonec', 'linphonec'],
  ] as const)
    it(`${first} and ${second} behind one NAT, in one room: both hear each other, and nobody is contested`, async () => {
      const { here, server } = await serve({ natA: { type: 'symmetric' }, neighbour: true });
      const hosts = ['cliA', 'cliA2'] as const;
      const captures = await Promise.all(
        hosts.map((host) => Capture.start(here, host, join(folder, `${host}.pcap`))),
      );
      start(here, 'cliA', first, 'talk', 10);
      start(here, 'cliA2', second, 'talk', 10);
      await locked(server, 2);
      await delay(TALK_MS);
      here.rebind('natA');
      await many(server, 'rebound', 2);
      await delay(TALK_MS / 2);
      const sides = (await Promise.all(captures.map((capture) => capture.stop()))).map((seen, i) =>
        sidesOf(seen, here.addressOf(hosts[i]!)),
      );
      for (const [to, from] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const way = {
          name: `${hosts[from]} to ${hosts[to]}`,
          said: sides[from]!.said,
          heard: sides[to]!.heard,
        };
        assert.ok(way.heard.length > TALK_MS / 20, `${way.name}: ${way.heard.length} packets`);
        assertOnlySaid(way);
        assertNothingTwice(way);
      }
      assert.deepEqual(linesOf(server, 'contested', 'conflict', 'unheard'), []);
    });

  for (const program of ['baresip', 'linphonec'] as const)
    it(`${program} without a NAT is asked nothing, and heard`, async () => {
      const { here, server } = await serve({ ipv6: true });
      // Without a way out linphonec takes the loopback's address for its own.
      here.run('open', 'ip', 'route', 'add', 'default', 'via', SERVER);
      const capture = await Capture.start(here, 'open', join(folder, 'open.pcap'));
      start(here, 'open', program, 'echo', 5);
      await locked(server, 1);
      await delay(TALK_MS);
      const seen = await capture.stop();
      const way = { name: program, ...sidesOf(seen, here.addressOf('open')) };
      assert.ok(way.heard.length > (0.9 * TALK_MS) / 20, `${way.heard.length} packets`);
      assertOnlySaid(way);
      assertNothingTwice(way);
      assert.deepEqual(seen.filter(isReInvite), []);
      assert.deepEqual(
        linesOf(server, 'locked').map(({ ground }) => ground),
        [program === 'baresip' ? 'ssrc' : 'sdp'],
      );
    });

  // sipp moves with whatever it is told, even where it refuses: who stays is another program on its host.
  for (const { name, status, speaks, ground } of [
    { name: 'answers a re-INVITE', status: '200 OK', speaks: 'itself', ground: 'question' },
    { name: 'refuses a re-INVITE', status: '488 Not Acceptable Here', speaks: 'another', ground: 'home' },
  ] as const)
    it(`sipp that ${name} keeps its call`, async function () {
      const { here, server } = await serve({ natA: { type: 'symmetric' } });
      const own = here.addressOf('cliA');
      const speech = Array.from({ length: 160 * SPEECH_PACKETS }, (_, i) => (i * i * 7 + (i >> 8)) & 255);
      writeFileSync(join(folder, 'speech.ulaw'), Buffer.from(speech));
      const file = speaks === 'itself' ? 'speech.ulaw' : undefined;
      writeFileSync(join(folder, 'scenario.xml'), questionedCall(status, file));
      const capture = await Capture.start(here, 'cliA', join(folder, 'cliA.pcap'));
      const place = ['-i', own, '-mi', own, '-t', 'u1', '-m', '1', '-nostdin'];
      const command = ['sipp', `${SERVER}:5060`, '-sf', 'scenario.xml', '-s', 'echo', ...place];
      const phone = new RunningClient(here.command('cliA', ...command), folder);
      phones.push(phone);
      if (speaks === 'another') await talk(here, portOf(await server.has('unprotected')));
      const code = await phone.ended();
      const seen = await capture.stop();
      assert.equal(code, 0, `the scenario went otherwise: ${phone.said}`);
      assert.equal(seen.filter(isReInvite).length, 1, 'it was asked once');
      assert.deepEqual(
        linesOf(server, 'locked').map((line) => line['ground']),
        [ground],
      );
      const way = { name, ...sidesOf(seen, own) };
      const waitedMs = Math.round(way.heard[0]!.timeMs - way.said[0]!.timeMs);
      this.test!.title += `; heard after ${waitedMs} ms, ${way.heard.length} packets of ${way.said.length}`;
      assert.ok(waitedMs <= BEGIN_MS, `${waitedMs} ms`);
      assertOnlySaid(way);
      assertNothingTwice(way);
      assert.ok(way.heard.length > 0.8 * SPEECH_PACKETS, 'to its end');
    });
});

/** Speaks for the phone of sipp, to a port, until the lab closes. */
async function talk(here: Lab, port: number): Promise<void> {
  const program = fileURLToPath(new URL('attack-talker.mjs', import.meta.url));
  const args = [program, SERVER, String(port), '20', 'speech'];
  const child = here.spawn('cliA', process.execPath, ...args);
  await jsonLines(child).has('ready');
  child.stdin?.write('talk\n');
}

/** So many streams of RTP have come to that. */
async function many(server: JsonLines, event: string, count: number): Promise<void> {
  const sessions = new Set<unknown>();
  const isNew = (line: Line) => line['component'] === 1 && !sessions.has(line['session']);
  while (sessions.size < count) sessions.add((await server.has(event, isNew))['session']);
}

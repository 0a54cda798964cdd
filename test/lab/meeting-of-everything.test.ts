// One meeting of everything: the sip.js program of docs/examples over WSS, baresip and linphonec with ICE, and a `latchkey call`, each
// behind a NAT of its own, in one room. Each NAT rebinds once. Judged by what each of them sent and received, captured where it runs.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { hearingsOf } from '../clients/hearing.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';
import type { HostName, NatName } from './lab.js';

const ROOM = 'all';
const WSS_PORT = 8443;
/** What they are behind: one NAT of each type, and one more of the worst. */
const PLAN = {
  natA: { type: 'port-preserving' },
  natB: { type: 'symmetric' },
  others: [{ type: 'symmetric' }, { type: 'remapped' }],
} as const;
const PLACES = {
  web: { host: 'cliA', nat: 'natA' },
  baresip: { host: 'cliB', nat: 'natB' },
  linphone: { host: 'cliC', nat: 'natC' },
  call: { host: 'cliD', nat: 'natD' },
} as const satisfies Record<string, { host: HostName; nat: NatName }>;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];

/** The meeting lasts for so long before the first rebinding, between two, and after the last. */
const QUIET_MS = 800;
/** Media stops for no longer; one packet is due in these anyway. */
const STOP_MS = 120;
const PACKET_MS = 20;
/** Between a packet's way out and its way in. */
const MARGIN_MS = 100;

describe('one meeting of everything', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string;
  let phones: RunningClient[] = [];

  afterEach(() => {
    for (const phone of phones) phone.kill();
    phones = [];
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Brings them in, one after the other, each when the one before is there. */
  async function enter(here: Lab, server: JsonLines): Promise<void> {
    const certificate = String(server.all.find(({ event }) => event === 'listening')?.['certificate']);
    const optionsOf = (name: Name) => ({
      ...{ folder: join(folder, name), address: here.addressOf(PLACES[name].host) },
      ...{ server: { address: SERVER, port: 5060 }, user: ROOM, transport: 'udp' as const, hasIce: true },
      durationS: 40,
    });
    const program = ['--import=tsx', 'docs/examples/sip-js.ts', `wss://${SERVER}:${WSS_PORT}`, certificate];
    const start: Record<Name, () => unknown> = {
      web: () =>
        here.spawn('cliA', process.execPath, ...program, `sip:${ROOM}@${SERVER}`, here.addressOf('cliA')),
      baresip: () => phones.push(new RunningClient(here.command('cliB', ...baresip(optionsOf('baresip'))))),
      linphone: () =>
        phones.push(new RunningClient(here.command('cliC', ...linphone(optionsOf('linphone'))))),
      call: () =>
        here.latchkey('cliD', 'call', `sip:${ROOM}@${SERVER};transport=tls`, '--ca', certificate, '--json'),
    };
    for (const name of NAMES) {
      mkdirSync(join(folder, name));
      start[name]();
      await isAt(here, server, name, 'verified');
    }
  }

  /** RTP of one goes to its NAT. */
  function isAt(here: Lab, server: JsonLines, name: Name, event: 'verified' | 'rebound') {
    const external = here.externalOf(PLACES[name].host);
    return server.has(
      event,
      (line) => line['component'] === 1 && String(line['mapping']).startsWith(`${external}:`),
    );
  }

  it('all hear all, and no stream stops for longer than 120 ms while every NAT rebinds', async function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout'));
    const here = (lab = new Lab(PLAN));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-lab-'));
    const listen = ['--open', '--listen', SERVER, '--wss', String(WSS_PORT), '--media', '40000-40099'];
    const server = jsonLines(here.latchkey('pub', 'serve', '--json', ...listen));
    await server.has('listening');
    await enter(here, server);
    const captures = await Promise.all(
      NAMES.map((name) => Capture.start(here, PLACES[name].host, join(folder, `${name}.pcap`))),
    );
    await pause(QUIET_MS);
    for (const name of NAMES) {
      here.rebind(PLACES[name].nat);
      await isAt(here, server, name, 'rebound');
      await pause(QUIET_MS);
    }
    const seen = await Promise.all(captures.map((capture) => capture.stop()));

    const addresses = NAMES.map((name, i) => [
      name,
      mediaAddress(seen[i] ?? [], here.addressOf(PLACES[name].host)),
    ]);
    const { who, strange } = hearingsOf(
      whileAllAreCaptured(seen),
      Object.fromEntries(addresses) as Record<Name, string>,
    );
    const stops = Object.entries(who).flatMap(([to, from]) =>
      Object.entries(from).map(([by, { stoppedMs }]) => ({ by, to, ms: Math.round(stoppedMs + PACKET_MS) })),
    );
    const worst = stops.toSorted((a, b) => b.ms - a.ms);
    this.test!.title += `: ${worst.map(({ by, to, ms }) => `${by} to ${to} ${ms}`).join(', ')}`;
    assert.deepEqual(strange, {});
    assert.deepEqual(
      Object.fromEntries(Object.entries(who).map(([to, from]) => [to, Object.keys(from).sort()])),
      Object.fromEntries(NAMES.map((name) => [name, NAMES.filter((other) => other !== name).sort()])),
    );
    assert.ok(worst[0]!.ms <= STOP_MS);
  });
});

/** Where a client sends its RTP from. */
function mediaAddress(packets: readonly CapturedDatagram[], address: string): string {
  const first = packets.find(
    ({ source, payload }) => source.address === address && classifyPacket(payload) === 'rtp',
  );
  assert.ok(first, `no media from ${address}`);
  return formatAddress(first.source);
}

/** What was sent and received while all captures ran: no packet comes in that goes out in none of them. */
function whileAllAreCaptured(seen: readonly (readonly CapturedDatagram[])[]): CapturedDatagram[] {
  const fromMs = Math.max(...seen.map((packets) => packets[0]?.timeMs ?? Infinity)) + MARGIN_MS;
  const toMs = Math.min(...seen.map((packets) => packets.at(-1)?.timeMs ?? 0));
  return seen
    .flat()
    .filter(({ source, timeMs }) => timeMs <= toMs && (timeMs >= fromMs || source.address !== SERVER));
}

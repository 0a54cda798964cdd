// One meeting of everything: the sip.js program of docs/examples over WSS, baresip and linphonec with ICE, a `latchkey call`, a baresip
// with SRTP, whose key came over TLS, another with nothing at all, and an ffmpeg for a camera, each behind a NAT of its own, in one room
// that a browser watches. Each NAT rebinds once. Judged by what each of them sent and received, captured where it runs; and by the page.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress, readRtpSsrc } from '../../lib/wire/index.js';
import { CHROMIUM, openBrowser, openPage } from '../clients/browser.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { hearingsOf } from '../clients/hearing.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';
import type { HostName, NatName } from './lab.js';
import { contentOf, PLAIN_RANGE } from './plain-call.js';

const ROOM = 'all';
const [WSS_PORT, RTSP_PORT, PAGE_PORT] = [8443, 8554, 8080];
const TOKEN = 'a-token-of-the-meeting';
/** What they are behind: one NAT of each type, and three more of the worst. */
const PLAN = {
  natA: { type: 'port-preserving' },
  natB: { type: 'symmetric' },
  others: [
    { type: 'symmetric' },
    { type: 'remapped' },
    { type: 'full-cone' },
    { type: 'symmetric' },
    { type: 'symmetric' },
  ],
} as const;
const PLACES = {
  web: { host: 'cliA', nat: 'natA' },
  baresip: { host: 'cliB', nat: 'natB' },
  linphone: { host: 'cliC', nat: 'natC' },
  call: { host: 'cliD', nat: 'natD' },
  desk: { host: 'cliF', nat: 'natF' },
  plain: { host: 'cliG', nat: 'natG' },
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
/** What the camera says, a packet every 20 ms. Nobody else says that. */
const TONE_HZ = 1000;

describe('one meeting of everything', function () {
  this.timeout(90_000);
  let lab: Lab | undefined;
  let folder: string;
  let browser: Browser | undefined;
  let clients: RunningClient[] = [];

  afterEach(async () => {
    await browser?.close();
    for (const client of clients) client.kill();
    clients = [];
    browser = undefined;
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function serve(here: Lab): Promise<JsonLines> {
    const media = ['--open', '--listen', SERVER, '--media', PLAIN_RANGE.join('-')];
    const ports = ['--wss', WSS_PORT, '--rtsp', RTSP_PORT, '--watch', PAGE_PORT].map(String);
    const program = [process.execPath, 'dist/lib/cli/main.js', 'serve', '--json', ...media, ...ports];
    const server = jsonLines(here.spawn('pub', 'env', `LATCHKEY_WATCH_TOKEN=${TOKEN}`, ...program));
    await server.has('listening');
    return server;
  }

  /** In the browser, on the server's own host. */
  async function watch(here: Lab) {
    const program = join(folder, 'chromium');
    writeFileSync(program, `#!/bin/sh\nexec ${here.command('pub', CHROMIUM).join(' ')} "$@"\n`);
    chmodSync(program, 0o755);
    browser = await openBrowser(program);
    return openPage(browser, `http://127.0.0.1:${PAGE_PORT}/#token=${TOKEN}`);
  }

  /** Brings them in, one after the other, each when the one before is there. */
  async function enter(here: Lab, server: JsonLines): Promise<void> {
    const certificate = String(server.all.find(({ event }) => event === 'listening')?.['certificate']);
    const run = (host: HostName, command: readonly string[]) =>
      clients.push(new RunningClient(here.command(host, ...command)));
    const optionsOf = (name: Name) => ({
      ...{ folder: join(folder, name), address: here.addressOf(PLACES[name].host) },
      ...{ server: { address: SERVER, port: 5060 }, user: ROOM, transport: 'udp' as const, hasIce: true },
      durationS: 60,
    });
    const withoutIce = (name: Name) => ({
      ...{ ...optionsOf(name), server: { address: SERVER, port: 5061 }, transport: 'tls' as const },
      ...{ hasIce: false, certificate },
    });
    const program = ['--import=tsx', 'docs/examples/sip-js.ts', `wss://${SERVER}:${WSS_PORT}`, certificate];
    const start: Record<Name, () => unknown> = {
      web: () => run('cliA', [process.execPath, ...program, `sip:${ROOM}@${SERVER}`, here.addressOf('cliA')]),
      baresip: () => run('cliB', baresip(optionsOf('baresip'))),
      linphone: () => run('cliC', linphone(optionsOf('linphone'))),
      call: () =>
        here.latchkey('cliD', 'call', `sip:${ROOM}@${SERVER};transport=tls`, '--ca', certificate, '--json'),
      desk: () => run('cliF', baresip({ ...withoutIce('desk'), srtp: 'mandatory' })),
      plain: () => run('cliG', baresip(withoutIce('plain'))),
    };
    for (const name of NAMES) {
      mkdirSync(join(folder, name));
      start[name]();
      await isAt(here, server, name, name === 'plain' ? 'locked' : 'verified');
    }
    run('cliE', camera(`rtsp://${SERVER}:${RTSP_PORT}/${ROOM}/camera`));
    await server.has('publishing');
  }

  /** RTP of one goes to its NAT. */
  function isAt(here: Lab, server: JsonLines, name: Name, event: 'verified' | 'locked' | 'rebound') {
    const external = here.externalOf(PLACES[name].host);
    return server.has(
      event,
      (line) => line['component'] === 1 && String(line['remote']).startsWith(`${external}:`),
    );
  }

  it('all hear all, and no stream stops for longer than 120 ms while every NAT rebinds', async function () {
    const programs = ['baresip', 'linphonec', 'ffmpeg', 'chromium', 'timeout'];
    skipBecause(this, whyNoLab() ?? whyNoClient(...programs));
    const here = (lab = new Lab(PLAN));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-lab-'));
    const server = await serve(here);
    const [{ page, complaints }] = await Promise.all([watch(here), enter(here, server)]);
    await showsAll(page);
    const picture = await showsPicture(page);
    const writes = await WritesOfCamera.start(here);
    const captures = await Promise.all(
      NAMES.map((name) => Capture.start(here, PLACES[name].host, join(folder, `${name}.pcap`))),
    );
    await pause(QUIET_MS);
    for (const name of NAMES) {
      here.rebind(PLACES[name].nat);
      await isAt(here, server, name, 'rebound');
      await pause(QUIET_MS);
    }
    // The camera is inside a connection, which lives on.
    here.rebind('natE');
    const before = await picture.screenshot();
    await pause(QUIET_MS);
    assert.notDeepEqual(await picture.screenshot(), before, 'the picture stands still');
    const seen = await Promise.all(captures.map((capture) => capture.stop()));
    const writtenMs = await writes.stop();

    const strangers = strangersTo(here.addressOf(PLACES.desk.host), seen.flat());
    const plain = asHeard(here.addressOf(PLACES.plain.host), seen.flat(), strangers);
    const datagrams = whileAllAreCaptured(seen).map((one) => plain.get(one) ?? one);
    const phones = Object.fromEntries(
      NAMES.map((name) => [name, mediaAddress(datagrams, here.addressOf(PLACES[name].host))]),
    );
    const filmed = firstOfCamera(strangers, [...plain.values()], here.addressOf('cliE'));
    const { who, strange } = hearingsOf([...datagrams, ...filmed.packets], { ...phones, camera: filmed.at }, [
      'desk',
    ]);
    const stops = Object.entries(who).flatMap(([to, from]) =>
      Object.entries(from).map(([by, { stoppedMs }]) => ({ by, to, ms: Math.round(stoppedMs) })),
    );
    const worst = stops.toSorted((a, b) => b.ms - a.ms);
    const told = worst.map(({ by, to, ms }) => `${by} to ${to} ${ms}`).join(', ');
    const filmedMs = longestStop(
      filmed.packets.map(({ timeMs }) => timeMs),
      writtenMs,
    );
    this.test!.title += `: ${told}, camera to all ${filmedMs}`;
    assert.deepEqual(strange, {});
    const everybody = [...NAMES, 'camera'];
    assert.deepEqual(
      Object.fromEntries(Object.entries(who).map(([to, from]) => [to, Object.keys(from).sort()])),
      {
        ...Object.fromEntries(
          NAMES.map((name) => [name, everybody.filter((other) => other !== name).sort()]),
        ),
        camera: [],
      },
    );
    assert.ok(filmed.packets.every(isTone), 'the tone of the camera, and nothing else');
    assert.ok(worst[0]!.ms <= STOP_MS, told);
    assert.ok(filmedMs <= STOP_MS, `camera to all ${filmedMs}`);
    await showsMoves(page);
    assert.deepEqual(complaints, []);
  });
});

/** The command of an ffmpeg that films its test picture, and plays its tone. */
function camera(url: string): string[] {
  const picture = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25'];
  const sound = [
    '-re',
    '-f',
    'lavfi',
    '-i',
    `sine=frequency=${TONE_HZ}:samples_per_frame=160:sample_rate=8000`,
  ];
  const codecs = [
    '-c:v',
    'libvpx',
    '-deadline',
    'realtime',
    '-cpu-used',
    '8',
    '-g',
    '25',
    '-c:a',
    'pcm_mulaw',
  ];
  const output = ['-f', 'rtsp', '-rtsp_transport', 'tcp', url];
  return ['ffmpeg', '-nostdin', '-loglevel', 'error', ...picture, ...sound, ...codecs, ...output];
}

/** Everybody has a card on the page. */
async function showsAll(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 3 }).nth(NAMES.length).waitFor();
}

/** What the camera films: it moves. */
async function showsPicture(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Show the picture of Camera' }).click();
  await page.locator('.picture[data-state=playing]').waitFor();
  return page.locator('.picture canvas');
}

/** Who has moved has a mark on its strip. */
async function showsMoves(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: /^moved: / })
    .nth(NAMES.length - 1)
    .waitFor();
}

/** Where a client sends its RTP from. */
function mediaAddress(packets: readonly CapturedDatagram[], address: string): string {
  const first = packets.find((one) => one.source.address === address && isRtp(one));
  assert.ok(first, `no media from ${address}`);
  return formatAddress(first.source);
}

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';

/** What was sent and received while all captures ran: no packet comes in that goes out in none of them. */
function whileAllAreCaptured(seen: readonly (readonly CapturedDatagram[])[]): CapturedDatagram[] {
  const fromMs = Math.max(...seen.map((packets) => packets[0]?.timeMs ?? Infinity)) + MARGIN_MS;
  const toMs = Math.min(...seen.map((packets) => packets.at(-1)?.timeMs ?? 0));
  return seen
    .flat()
    .filter(({ source, timeMs }) => timeMs <= toMs && (timeMs >= fromMs || source.address !== SERVER));
}

/** What all but the desk, which has it encrypted, hear under numbers that nobody sends, in the order of its coming. */
function strangersTo(desk: string, datagrams: readonly CapturedDatagram[]): CapturedDatagram[] {
  const media = datagrams.filter(isRtp);
  const own = new Set(
    media.filter(({ source }) => source.address !== SERVER).map(({ payload }) => readRtpSsrc(payload)),
  );
  return media
    .filter(({ source, destination }) => source.address === SERVER && destination.address !== desk)
    .filter(({ payload }) => !own.has(readRtpSsrc(payload)))
    .toSorted((a, b) => a.timeMs - b.timeMs);
}

/**
 * What the phone without a key sends, with the numbers under which it is heard: not its own (protocol.md 8.3.11), but one stream, and
 * what is behind them is the same.
 */
function asHeard(
  address: string,
  datagrams: readonly CapturedDatagram[],
  strangers: readonly CapturedDatagram[],
): Map<CapturedDatagram, CapturedDatagram> {
  const heard = new Map(strangers.map((one) => [contentOf(one), one]));
  const translated = new Map<CapturedDatagram, CapturedDatagram>();
  for (const one of datagrams.filter((one) => isRtp(one) && one.source.address === address)) {
    const found = heard.get(contentOf(one));
    if (found) translated.set(one, { ...one, payload: found.payload });
  }
  const streams = new Set([...translated.values()].map(({ payload }) => readRtpSsrc(payload)));
  assert.equal(streams.size, 1, 'who has no key is heard under one SSRC of the server');
  return translated;
}

/**
 * What the camera says goes through a TCP connection, where no capture of ours reads it: it counts as said when the first of all
 * who hear in clear hears it, since one NAT rebinds at a time.
 */
function firstOfCamera(
  strangers: readonly CapturedDatagram[],
  others: readonly CapturedDatagram[],
  address: string,
) {
  const source = { address, port: RTSP_PORT };
  const known = new Set(others.map(({ payload }) => readRtpSsrc(payload)));
  const first = new Map<string, CapturedDatagram>();
  for (const one of strangers.filter(({ payload }) => !known.has(readRtpSsrc(payload)))) {
    const content = Buffer.from(one.payload).toString('latin1');
    if (!first.has(content)) first.set(content, { ...one, source });
  }
  const packets = [...first.values()];
  assert.ok(packets.length > 0, 'nobody hears the camera');
  return { packets, at: formatAddress(source) };
}

/** When the camera wrote to its connection. */
class WritesOfCamera {
  private constructor(
    private readonly child: ReturnType<Lab['spawn']>,
    private readonly said: () => string,
  ) {}

  static async start(lab: Lab): Promise<WritesOfCamera> {
    const filter = `tcp and src host ${lab.addressOf('cliE')} and tcp[tcpflags] & tcp-push != 0`;
    const options = ['-Z', 'root', '--immediate-mode', '-l', '-n', '-tt', '-i', lab.deviceOf('cliE'), filter];
    const child = lab.spawn('cliE', 'sh', '-c', 'exec tcpdump "$@" 2>&1', 'sh', ...options);
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    while (!said.includes('listening')) await once(child.stdout!, 'data');
    return new WritesOfCamera(child, () => said);
  }

  async stop(): Promise<number[]> {
    this.child.kill('SIGINT');
    await once(this.child, 'close');
    return [...this.said().matchAll(/^(\d+\.\d+) IP /gm)].map(([, seconds]) => Number(seconds) * 1000);
  }
}

/** The longest time without a packet, less the longest that nothing was written for meanwhile: ffmpeg waits for the processor, too. */
function longestStop(heardMs: readonly number[], writtenMs: readonly number[]): number {
  const stops = heardMs.slice(1).map((toMs, i) => {
    const fromMs = heardMs[i]!;
    if (toMs - fromMs <= PACKET_MS) return 0;
    const within = writtenMs.filter((ms) => ms >= fromMs - MARGIN_MS && ms <= toMs);
    const pauses = within.slice(1).map((ms, j) => ms - within[j]!);
    return toMs - fromMs - Math.max(PACKET_MS, ...pauses) + PACKET_MS;
  });
  return Math.round(Math.max(...stops));
}

/** 20 ms of PCMU whose sign changes as often as the tone's. */
function isTone({ payload }: CapturedDatagram): boolean {
  const signs = [...payload.subarray(12)].map((octet) => octet >> 7);
  const changes = signs.slice(1).filter((sign, i) => sign !== signs[i]).length;
  return payload.length === 172 && Math.abs(changes - 2 * TONE_HZ * (PACKET_MS / 1000)) <= 2;
}

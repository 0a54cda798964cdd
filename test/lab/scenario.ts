// A scenario is data: what lies between the parties, who calls with which program, what happens when. This file plays it,
// with the processes that users would start, and brings home what the hosts' captures hold. It judges nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PcapWriter, playTone } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { baresip, linphone } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { Lab } from './lab.js';
import type { HostName, LabPlan, Line, NatName } from './lab.js';

const ATTACK = fileURLToPath(new URL('attacker.mjs', import.meta.url));
export const MEDIA_PORT = 40_000;
/** Packets of the tone; the first second of them is talk, where a caller falls silent then. */
const TALK_PACKETS = 50;
const STALL_STEP_MS = 5;

export interface Caller {
  readonly host: HostName;
  readonly program?: 'latchkey' | 'baresip' | 'linphonec';
  /** Talks for a second, is silent for so long, and so on. */
  readonly silenceMs?: number;
  /** Of a phone. */
  readonly hold?: { readonly afterS: number; readonly forS: number };
}

/** When all callers are verified, and so many milliseconds have gone by. */
export type Step = { readonly atMs: number } & (
  | { readonly what: 'rebind'; readonly nats: readonly NatName[] }
  | { readonly what: 'renumber'; readonly nat: NatName; readonly address: string }
  /** To a caller's terminal. */
  | { readonly what: 'say'; readonly caller: number; readonly text: string }
);

export interface Scenario {
  readonly name: string;
  readonly plan?: LabPlan;
  readonly lines?: Partial<Record<HostName, Line>>;
  /** Where the server is, what it listens on and what it tells; on `pub` by default, on its IPv4 address. */
  readonly server?: { readonly host: HostName; readonly listen: string; readonly advertise: string };
  readonly callers: readonly Caller[];
  /** Whom they call; the echo by default. */
  readonly room?: string;
  readonly steps?: readonly Step[];
  /** How long the calls last. */
  readonly durationS?: number;
  /** The attacker sprays all media ports from before the first call to the end of the last. */
  readonly isSprayed?: boolean;
  /** What packets cannot tell: the last event of each stream's way to being protected. */
  readonly protection?: 'latch' | 'ice';
  readonly isDirect?: boolean;
  /** The NAT's mapping must not change by itself. */
  readonly isHeldOpen?: boolean;
  /** Nobody speaks for so long, when a hold is in the steps. */
  readonly heldMs?: number;
  /** It belongs to what CI runs. */
  readonly isSelected?: boolean;
}

/** What happened, as the captures of each host hold it. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly server: readonly CapturedDatagram[];
  readonly serverAddress: string;
  readonly attacker: readonly CapturedDatagram[];
  readonly clients: ReadonlyMap<HostName, readonly CapturedDatagram[]>;
  /** The external addresses that the callers can have had. */
  readonly externals: ReadonlySet<string>;
  readonly moves: readonly { readonly atMs: number; readonly step: Step }[];
  readonly events: JsonLines['all'];
  /** The longest that the machine let a timer of this process wait beyond its time: what it does to others too. */
  readonly stallMs: number;
}

export async function play(scenario: Scenario): Promise<Evidence> {
  const lab = new Lab(scenario.plan);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-scenario-'));
  try {
    return await new Play(scenario, lab, folder).run();
  } finally {
    lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Play {
  readonly #externals: Set<string>;
  readonly #moves: { atMs: number; step: Step }[] = [];

  constructor(
    private readonly scenario: Scenario,
    private readonly lab: Lab,
    private readonly folder: string,
  ) {
    const { advertise } = this.#server;
    const isIpv6 = advertise.includes(':');
    this.#externals = new Set(this.#hosts.map((host) => (isIpv6 ? lab.ipv6Of(host) : lab.externalOf(host))));
  }

  async run(): Promise<Evidence> {
    const { scenario, lab, folder } = this;
    const { steps = [], isSprayed = true } = scenario;
    const { host, listen, advertise } = this.#server;
    const lastPort = MEDIA_PORT + 2 * scenario.callers.length - 1;
    for (const [name, line] of Object.entries(scenario.lines ?? {})) await lab.line(name as HostName, line);
    const options = [
      '--open',
      '--listen',
      listen,
      '--advertise',
      advertise,
      '--media',
      `${MEDIA_PORT}-${lastPort}`,
    ];
    const server = jsonLines(lab.latchkey(host, 'serve', '--json', ...options));
    const { certificate } = await server.has('listening');
    const captures = new Map<HostName, Capture>();
    for (const one of new Set([host, 'att' as const, ...this.#hosts]))
      captures.set(one, await Capture.start(lab, one, join(folder, `${one}.pcap`)));
    if (isSprayed) this.#spray(advertise, lastPort);
    const callers = scenario.callers.map((caller, i) => this.#call(caller, i, String(certificate)));
    await this.#verified(server);
    const startMs = Date.now();
    const stalls = new StallWatch();
    for (const step of steps) {
      await delay(Math.max(0, startMs + step.atMs - Date.now()));
      this.#moves.push({ atMs: Date.now(), step });
      this.#take(step, callers);
      stalls.skip();
    }
    await Promise.all(callers.map(({ end }) => end));
    const stallMs = stalls.stop();
    const seen = new Map<HostName, readonly CapturedDatagram[]>();
    for (const [name, capture] of captures) seen.set(name, await capture.stop());
    const of = (name: HostName) => seen.get(name) ?? [];
    return {
      ...{
        scenario,
        server: of(host),
        serverAddress: listen,
        attacker: of('att'),
        events: server.all,
        stallMs,
      },
      clients: new Map(this.#hosts.map((name) => [name, of(name)])),
      ...{ externals: this.#externals, moves: this.#moves },
    };
  }

  get #hosts(): HostName[] {
    return [...new Set(this.scenario.callers.map(({ host }) => host))];
  }

  get #server() {
    const address = this.lab.addressOf('pub');
    return this.scenario.server ?? { host: 'pub' as const, listen: address, advertise: address };
  }

  get #durationS(): number {
    return this.scenario.durationS ?? 4;
  }

  /** Until all callers have been: only when the steps are taken hangs on what the server says. */
  async #verified(server: JsonLines): Promise<void> {
    const verified = () =>
      server.all
        .filter(({ event, component }) => (event === 'verified' || event === 'direct') && component === 1)
        .map(({ session }) => session);
    while (new Set(verified()).size < this.scenario.callers.length) await delay(10);
  }

  #call({ host, program = 'latchkey', silenceMs, hold }: Caller, index: number, certificate: string) {
    const { room = 'echo' } = this.scenario;
    const { advertise } = this.#server;
    if (program === 'latchkey') {
      const at = advertise.includes(':') ? `[${advertise}]` : advertise;
      const options = ['--ca', certificate, '--duration', String(this.#durationS), '--json', '--commands'];
      if (silenceMs !== undefined) options.push('--play', writeBursts(this.folder, silenceMs));
      const uri = `sip:${room}@${at}:5061;transport=tls`;
      const child = this.lab.latchkey(host, 'call', uri, ...options);
      return { child, end: jsonLines(child).end };
    }
    const folder = join(this.folder, `phone-${index}`);
    mkdirSync(folder);
    const command = (program === 'baresip' ? baresip : linphone)({
      folder,
      address: advertise.includes(':') ? this.lab.ipv6Of(host) : this.lab.addressOf(host),
      server: { address: advertise, port: 5060 },
      user: room,
      ...{ transport: 'udp', hasIce: true, durationS: this.#durationS },
      ...(hold && { hold }),
    });
    const child = this.lab.spawn(host, ...command);
    // Nobody reads what it says, and it is not to wait for that.
    child.stdout?.resume();
    return { child, end: new Promise((resolve) => child.once('exit', resolve)) };
  }

  #take(step: Step, callers: readonly { child: ReturnType<Lab['spawn']> }[]): void {
    switch (step.what) {
      case 'rebind':
        for (const nat of step.nats) this.lab.rebind(nat);
        return;
      case 'renumber':
        this.lab.renumber(step.nat, step.address);
        this.#externals.add(step.address);
        return;
      case 'say':
        callers[step.caller]?.child.stdin?.write(`${step.text}\n`);
    }
  }

  #spray(address: string, lastPort: number): void {
    const ports = [String(MEDIA_PORT), String(lastPort)];
    this.lab.spawn('att', process.execPath, ATTACK, address, ...ports, '60').stdout?.resume();
  }
}

/** Notes how late a timer of every few milliseconds is. */
class StallWatch {
  #lastMs = performance.now();
  #worstMs = 0;
  readonly #timer = setInterval(() => {
    const nowMs = performance.now();
    this.#worstMs = Math.max(this.#worstMs, nowMs - this.#lastMs - STALL_STEP_MS);
    this.#lastMs = nowMs;
  }, STALL_STEP_MS);

  /** What this process did itself does not count. */
  skip(): void {
    this.#lastMs = performance.now();
  }

  stop(): number {
    clearInterval(this.#timer);
    return this.#worstMs;
  }
}

/** A capture of a second of tone, and of nothing for as long as told. */
function writeBursts(folder: string, silenceMs: number): string {
  const file = join(folder, `bursts-${silenceMs}.pcap`);
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(bytes.slice()));
  const [source, destination] = [4000, 4002].map((port) => ({ address: '192.0.2.1', port }));
  const write = (timeMs: number, payload: Uint8Array) =>
    writer.write({ timeMs, payload, source: source!, destination: destination! });
  const tone = playTone(2);
  for (const { offsetMs, bytes } of tone.slice(0, TALK_PACKETS)) write(offsetMs, bytes);
  const last = tone[TALK_PACKETS];
  if (last) write(last.offsetMs + silenceMs, last.bytes);
  writeFileSync(file, Buffer.concat(chunks));
  return file;
}

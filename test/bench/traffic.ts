// One measurement: the generator in C on one side and the other of a forwarder, and what it says of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { PEERS_ADDRESS, SERVER_ADDRESS, STRANGER_ADDRESS, portOf } from './load.js';
import type { Load } from './load.js';
import type { NativePrograms } from './native.js';
import { sealedBytes } from './srtp-packets.js';
import type { Forwarder } from './variant.js';

/** As the program prints it. */
export interface TrafficReport {
  readonly seconds: number;
  /** While it was measured. */
  readonly sent: number;
  /** Copies of these that should arrive, and that did: until the stragglers were in. */
  readonly due: number;
  readonly delivered: number;
  /** While it was measured, whenever they were sent: what the CPU was for. */
  readonly arrived: number;
  readonly reordered: number;
  readonly duplicates: number;
  /** Of another room, or of nobody. */
  readonly strange: number;
  readonly worstSpeakerLost: number;
  /** Flat out: how often nothing came for so long that the window was given up. */
  readonly stalls: number;
  /** Paced: how late the generator was at worst. */
  readonly lagMs: number;
  /** The longest that a listener waited for the next packet of one who speaks. */
  readonly gapMs: number;
  /** Of all threads of the forwarder. */
  readonly cpuNs: number;
  readonly latencyUs: { readonly median: number; readonly p99: number; readonly most: number };
}

export interface Timing {
  /** Flat out before it counts, whatever the load. */
  readonly warmMs: number;
  readonly measureMs: number;
}

const NUMBERS = [
  ...['seconds', 'sent', 'due', 'delivered', 'arrived', 'reordered', 'duplicates', 'strange'],
  ...['worstSpeakerLost', 'stalls', 'lagMs', 'gapMs', 'cpuNs'],
] as const;
/** A flood ends by itself so long after what is measured. */
const FLOOD_MARGIN_MS = 5000;

/** Throws on anything but one whole report. */
export function parseTraffic(line: string): TrafficReport {
  const report = JSON.parse(line) as TrafficReport;
  const latencies = (['median', 'p99', 'most'] as const).map((name) => report.latencyUs?.[name]);
  const numbers = NUMBERS.map((name) => (report as unknown as Record<string, unknown>)[name]);
  if (![...numbers, ...latencies].every(Number.isFinite)) throw new Error(`no report of traffic: ${line}`);
  return report;
}

/** @param packets of SRTP */
export async function measureTraffic(
  programs: NativePrograms,
  load: Load,
  { pid, ports, isTurn }: Pick<Forwarder, 'pid' | 'ports' | 'isTurn'>,
  { warmMs, measureMs }: Timing,
  packets?: string,
): Promise<TrafficReport> {
  const bytes = load.isSrtp ? sealedBytes(load.bytes) : load.bytes;
  const args = {
    ...{ from: `${PEERS_ADDRESS}:${portOf(0)}`, to: SERVER_ADDRESS, bytes, rate: load.rate },
    ...{ rooms: load.talking ?? load.rooms, peers: load.peers, speakers: load.speakers },
    ...{
      warm: warmMs,
      measure: measureMs,
      pid,
      turn: isTurn ? 1 : 0,
      ...(packets !== undefined && { packets }),
    },
  };
  const flood = startFlood(programs, load, ports, warmMs + measureMs);
  const child = spawn(
    programs.traffic,
    Object.entries(args).map(([key, value]) => `${key}=${value}`),
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  // One that has ended before it read them says why by its status.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${ports.join('\n')}\n`);
  const [said, [status]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  await flood?.end();
  if (status !== 0) throw new Error('the generator failed');
  return parseTraffic(said);
}

/** Of the packets a second that were asked for: a flood that is slower is none. */
const FLOOD_LEAST = 0.9;

/** Forged packets at the port of the first call. `end` throws where they were fewer than asked. */
function startFlood(programs: NativePrograms, { flood }: Load, ports: readonly number[], ms: number) {
  if (flood === undefined) return undefined;
  const args = [STRANGER_ADDRESS, SERVER_ADDRESS, ports[0], flood, ms + FLOOD_MARGIN_MS].map(String);
  const child = spawn(programs.flood, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = Promise.all([text(child.stdout), once(child, 'close')]);
  return {
    async end(): Promise<void> {
      child.kill();
      const [said] = await ended;
      if (said === '') throw new Error('no flood: a raw socket is for root alone');
      if (Number(said) < FLOOD_LEAST * flood)
        throw new Error(`the flood came to ${said.trim()} packets a second`);
    },
  };
}

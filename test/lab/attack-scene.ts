// A call of two under attack, told apart by time into phases: the processes that users would start, the attacker's, and
// captures everywhere. What came of it is for the verdict.
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import type { Attack, Captures } from './attack-verdict.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { CLIENT, Lab, SERVER } from './lab.js';
import type { HostName, LabPlan } from './lab.js';
import { startAttack } from './running-attack.js';
import type { RunningAttack } from './running-attack.js';

/** Outside, or behind the victim's own NAT. */
export type Place = 'att' | 'cliA2';

/** Two pairs: the attacker's own call has one, and when it is over the victim's has it. */
export const RANGE = [40000, 40003] as const;
export const VICTIM_PORT = 40000;

/** What is left of a call that was closed. */
export interface Leftover {
  readonly localPort: number;
  /** The server's, which the victim's call has next. */
  readonly serverPort: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
}

export class AttackScene {
  readonly lab: Lab;
  readonly folder = mkdtempSync(join(tmpdir(), 'latchkey-attack-'));
  readonly attacks: Attack[] = [];
  readonly #captures: [HostName, Capture][] = [];

  constructor(
    readonly place: Place,
    plan: LabPlan = {},
  ) {
    this.lab = new Lab({ neighbour: true, natB: { type: 'symmetric' }, ...plan });
  }

  /** Where the attacker's packets come from, as it sees it itself. */
  get placeAddress(): string {
    return this.lab.addressOf(this.place);
  }

  async serve(options: readonly string[] = [], range: readonly [number, number] = RANGE) {
    const where = ['--open', '--listen', SERVER, '--media', range.join('-')];
    const child = this.lab.latchkey('pub', 'serve', '--json', ...where, ...options);
    const server = jsonLines(child);
    const { certificate } = await server.has('listening');
    return { server, certificate: String(certificate), pid: child.pid! };
  }

  /** `latchkey call` on a host, with a recording; and how to give it commands. */
  call(host: HostName, uri: string, ...options: readonly string[]): JsonLines & { tell(word: string): void } {
    const record = ['--record', this.recordOf(host)];
    const child = this.lab.latchkey(host, 'call', uri, '--json', '--commands', ...record, ...options);
    return { ...jsonLines(child), tell: (word) => void child.stdin?.write(`${word}\n`) };
  }

  recordOf(host: HostName): string {
    return join(this.folder, `${host}-record.pcap`);
  }

  async capture(...hosts: readonly HostName[]): Promise<void> {
    for (const host of hosts)
      this.#captures.push([host, await Capture.start(this.lab, host, join(this.folder, `${host}.pcap`))]);
  }

  /** What was captured everywhere; the captures end. */
  async captured(): Promise<Captures> {
    const seen = new Map<HostName, readonly CapturedDatagram[]>();
    for (const [host, capture] of this.#captures.splice(0)) seen.set(host, await capture.stop());
    const parties = (['cliA', 'cliB'] as const).flatMap((host) => [
      seen.get(host) ?? [],
      this.recorded(host),
    ]);
    return { attacker: seen.get(this.place) ?? [], server: seen.get('pub') ?? [], parties };
  }

  recorded(host: HostName): readonly CapturedDatagram[] {
    try {
      return [...readDatagrams(readFileSync(this.recordOf(host)))];
    } catch {
      return [];
    }
  }

  /** A call of the attacker's own that has ended: its port, and the numbers of its stream. */
  async ownCall(uri: string, ...options: readonly string[]): Promise<Leftover> {
    await this.call(this.place, uri, ...options, '--duration', '0.5').end;
    const sent = this.recorded(this.place).filter(
      ({ source, payload }) => source.address === this.placeAddress && classifyPacket(payload) === 'rtp',
    );
    const last = sent.at(-1);
    if (!last) throw new Error('the call that was to leave stragglers never spoke');
    const bytes = Buffer.from(last.payload);
    return {
      localPort: last.source.port,
      serverPort: last.destination.port,
      ...{ sequence: bytes.readUInt16BE(2), timestamp: bytes.readUInt32BE(4), ssrc: bytes.readUInt32BE(8) },
    };
  }

  /** Starts an attack; fulfilled when it runs. It ends by itself, or when it is told to. */
  async attack(
    phase: string,
    shapes: readonly string[],
    seconds: number,
    more: {
      readonly late: Leftover;
      readonly inTurn?: boolean;
      /** Another port than that of a first call, and others than two pairs. Undefined: it waits to be told. */
      readonly target?: number | undefined;
      readonly range?: readonly [number, number];
    },
  ): Promise<RunningAttack> {
    const running = await startAttack(this.lab, this.place, phase, {
      range: RANGE,
      target: more.late.serverPort,
      shapes,
      seconds,
      tap: this.tap(),
      ...more,
    });
    const note = async () => {
      const attack = await running.ended;
      this.attacks.push(attack);
      return attack;
    };
    const ended = note();
    const stop = async () => {
      await running.stop();
      return ended;
    };
    return { ...running, ended, stop };
  }

  /** A party of the positive control that is ready to talk; fulfilled with how to make it. */
  async talker(host: HostName, port: number, intervalMs: number): Promise<() => void> {
    const child = this.start(host, 'attack-talker.mjs', SERVER, String(port), String(intervalMs), host);
    await jsonLines(child).has('ready');
    return () => void child.stdin?.write('talk\n');
  }

  /** The relay of the positive control, in the place of the server. */
  async blindRelay(): Promise<{ forget(): void }> {
    const child = this.start('pub', 'attack-blind-relay.mjs', SERVER, String(RANGE[0]));
    await jsonLines(child).has('listening');
    return { forget: () => void child.stdin?.write('forget\n') };
  }

  /** A program of this folder on a host. */
  start(host: HostName, name: string, ...args: readonly string[]): ChildProcess {
    const path = fileURLToPath(new URL(name, import.meta.url));
    return this.lab.spawn(host, process.execPath, path, ...args);
  }

  /** The command that reads the victim's upstream media, where its NAT takes it unless told. */
  tap(host: HostName = 'natA', device = 'lan'): string[] {
    const filter = `udp and src host ${CLIENT} and dst host ${SERVER} and dst portrange 40000-40999`;
    const options = ['-Z', 'root', '-U', '--immediate-mode', '-n', '-i', device, '-w', '-'];
    return this.lab.command(host, 'timeout', '120', 'tcpdump', ...options, ...filter.split(' '));
  }

  close(): void {
    this.lab.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

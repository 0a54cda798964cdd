// A flood of malformed SIP at `latchkey serve` beside honest calls to the echo, each with fifty packets a second. Run by itself it
// prints its figures: `node --import=tsx test/slow/malformed-flood.ts [datagrams a second] [seconds]`. Needs the built files.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';
import { ServerProcess } from '../cli/server-process.js';

const CALLS = 10;
const PACKET_MS = 20;
/** A datagram that has not come back by then has not come back. */
const LATE_MS = 1000;
const TICKS_A_SECOND = 100;

export interface FloodFigures {
  readonly seconds: number;
  /** Malformed datagrams: sent, dropped by the kernel in front of the server, refused by its gate by name, and answered. */
  readonly flood: {
    readonly sent: number;
    readonly dropped: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly answered: number;
  };
  /** RTP of all calls: what did not come back, and how much of that the kernel dropped at a socket. */
  readonly rtp: {
    readonly sent: number;
    readonly lost: number;
    readonly socketLost: number;
    readonly rttMs: { readonly median: number; readonly p99: number; readonly max: number };
  };
  readonly cpuS: number;
}

/** One honest call: what it has sent, by sequence number, and what has come back. */
class EchoCall {
  readonly #phone: RawPhone;
  readonly #sentMs: number[] = [];
  readonly rttMs: number[] = [];
  #mediaPort = 0;

  private constructor(phone: RawPhone) {
    this.#phone = phone;
    phone.media.on('message', (bytes) => {
      const sequence = bytes.readUInt16BE(2);
      const sentMs = this.#sentMs[sequence];
      if (sentMs === undefined || Number.isNaN(sentMs)) return;
      this.rttMs.push(performance.now() - sentMs);
      // Each counts once.
      this.#sentMs[sequence] = NaN;
    });
  }

  static async begin(port: number): Promise<EchoCall> {
    const phone = await RawPhone.open(port);
    const call = new EchoCall(phone);
    const { status, body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp('a=rtcp-mux') });
    if (status !== 200) throw new Error(`an honest call was answered ${status}`);
    call.#mediaPort = mediaPort(body);
    return call;
  }

  /** Ours and the server's, of which the kernel counts what it drops. */
  get ports(): readonly number[] {
    return [this.#phone.media.address().port, this.#mediaPort];
  }

  get sent(): number {
    return this.#sentMs.length;
  }

  send(): void {
    const packet = Buffer.alloc(172, 0xd5);
    packet.set([0x80, 0]);
    packet.writeUInt16BE(this.#sentMs.length, 2);
    packet.writeUInt32BE(this.#sentMs.length * 160, 4);
    packet.write(this.#phone.tag, 8, 'hex');
    this.#sentMs.push(performance.now());
    this.#phone.media.send(packet, this.#mediaPort, '127.0.0.1');
  }

  close(): void {
    this.#phone.close();
  }
}

export async function floodFigures(perSecond: number, seconds: number): Promise<FloodFigures> {
  const server = await ServerProcess.start('--media', '40000-49999');
  const port = server.port('udp');
  const calls = await Promise.all(Array.from({ length: CALLS }, () => EchoCall.begin(port)));
  try {
    // The echo answers once the ACK has come.
    await wait(500);
    const dropped = (ports: readonly number[]) => ports.reduce((sum, one) => sum + kernelDrops(one), 0);
    const ofCalls = calls.flatMap(({ ports }) => ports);
    const [before, beforeOfCalls] = [dropped([port]), dropped(ofCalls)];
    const cpuS = cpuSeconds(server.pid ?? 0);
    const flood = flooder(port, perSecond, seconds);
    await speak(calls, seconds);
    const sent = await flood;
    const usedS = cpuSeconds(server.pid ?? 0) - cpuS;
    await wait(LATE_MS);
    const [during, duringOfCalls] = [dropped([port]) - before, dropped(ofCalls) - beforeOfCalls];
    await server.stop();
    const { refused, answered } = server.events.at(-1)?.['gate'] as { refused: object; answered: number };
    const named = Object.entries(refused).filter(([, count]) => count > 0) as [string, number][];
    const all = calls.reduce((sum, call) => sum + call.sent, 0);
    const rttMs = calls.flatMap((call) => call.rttMs).sort((a, b) => a - b);
    const at = (part: number) => Number((rttMs[Math.floor((rttMs.length - 1) * part)] ?? NaN).toFixed(1));
    return {
      seconds,
      flood: { sent, dropped: during, refused: Object.fromEntries(named), answered },
      rtp: {
        ...{ sent: all, lost: all - rttMs.length, socketLost: duringOfCalls },
        rttMs: { median: at(0.5), p99: at(0.99), max: at(1) },
      },
      cpuS: Number(usedS.toFixed(2)),
    };
  } finally {
    for (const call of calls) call.close();
    await server.stop('SIGKILL');
  }
}

async function speak(calls: readonly EchoCall[], seconds: number): Promise<void> {
  const beginMs = performance.now();
  for (let sent = 0; sent < (seconds * 1000) / PACKET_MS; sent++) {
    const leftMs = beginMs + sent * PACKET_MS - performance.now();
    if (leftMs > 0) await wait(leftMs);
    for (const call of calls) call.send();
  }
}

async function flooder(port: number, perSecond: number, seconds: number): Promise<number> {
  const program = fileURLToPath(new URL('malformed-flooder.mjs', import.meta.url));
  const args = [program, String(port), String(perSecond), String(seconds)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}

/** Datagrams that the kernel threw away at the sockets of a UDP port of this machine, since they were opened. */
function kernelDrops(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/udp', 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local]) => local?.endsWith(suffix))
    .reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}

/** Of a process, user's and system's. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [perSecond = 20_000, seconds = 10] = process.argv.slice(2).map(Number);
  console.log(JSON.stringify(await floodFigures(perSecond, seconds), null, 2));
}

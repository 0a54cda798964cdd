// All UDP of this network namespace, as tcpdump sees it on the loopback interface: the packets themselves, not what a
// program says of them.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';

export class WireTap {
  private constructor(
    private readonly child: ChildProcess,
    private readonly file: string,
  ) {}

  /** Fulfilled when tcpdump listens: nothing is missed from then on. */
  static async start(file: string): Promise<WireTap> {
    // Loopback's packets may be of 64 KiB, and room for so many bytes would be kept for each: a burst would be lost here.
    const room = ['-s', '2048', '-B', '8192'];
    const options = ['-Z', 'root', '-U', '--immediate-mode', ...room, '-n', '-i', 'lo', '-w', file, 'udp'];
    const child = spawn('tcpdump', options, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    while (!said.includes('listening on')) {
      if (child.exitCode !== null) throw new Error(said);
      await once(child.stderr, 'data');
    }
    return new WireTap(child, file);
  }

  async stop(): Promise<readonly CapturedDatagram[]> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGINT');
    await exit;
    const read = readDatagrams(readFileSync(this.file));
    if (read.error) throw new Error(read.error.message);
    return [...read];
  }

  /** Idempotent, for the end of a test that failed. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}

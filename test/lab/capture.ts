// tcpdump in a host of the lab, and what it saw there: the packets themselves, not what a program says of them.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import type { HostName, Lab } from './lab.js';

export class Capture {
  private constructor(
    private readonly child: ReturnType<Lab['spawn']>,
    private readonly file: string,
    private readonly said: () => string,
  ) {}

  /**
   * Fulfilled when tcpdump listens: nothing is missed from then on.
   *
   * @param isAll TCP too, whose packets may be longer than any on a wire; UDP alone unless set.
   */
  static async start(lab: Lab, host: HostName, file: string, isAll = false): Promise<Capture> {
    const options = [
      '-Z',
      'root',
      '-U',
      '--immediate-mode',
      '-n',
      // Slots of the buffer are as large as the longest packet may be.
      '-s',
      isAll ? '65535' : '2048',
      '-B',
      '16384',
      '-i',
      lab.deviceOf(host),
      '-w',
      file,
      isAll ? 'tcp or udp' : 'udp',
    ];
    const child = lab.spawn(
      host,
      'sh',
      '-c',
      `exec tcpdump ${options.map((one) => `'${one}'`).join(' ')} 2>&1`,
    );
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    while (!said.includes('listening')) {
      if (child.exitCode !== null) throw new Error(said);
      await once(child.stdout!, 'data');
    }
    return new Capture(child, file, () => said);
  }

  async stop(): Promise<readonly CapturedDatagram[]> {
    this.child.kill('SIGINT');
    await once(this.child, 'close');
    // What it missed cannot be judged: "0 packets dropped by kernel" is what it says.
    if (!/^0 packets dropped/m.test(this.said())) throw new Error(`a capture with holes: ${this.said()}`);
    const read = readDatagrams(readFileSync(this.file));
    if (read.error) throw new Error(read.error.message);
    return [...read];
  }
}

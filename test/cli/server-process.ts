// `latchkey serve` as a process of its own, as users run it: the built file, its lines, its end.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Printed = Record<string, unknown> & { event: string };

export class CommandProcess {
  static readonly #running = new Set<CommandProcess>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<Outcome>;
  readonly #waiting = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #hasEnded = false;

  constructor(...args: string[]) {
    if (!existsSync(MAIN)) throw new Error('these tests run the built files: npm run build');
    this.#child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    CommandProcess.#running.add(this);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#hasEnded = true;
        CommandProcess.#running.delete(this);
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
        this.#wake();
      });
    });
  }

  /** For the end of a test file: a failed test leaves no process behind. */
  static async killAll(): Promise<void> {
    await Promise.all([...this.#running].map((one) => one.stop('SIGKILL')));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The objects printed so far, whole lines only. */
  get events(): Printed[] {
    const lines = this.#stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Printed);
  }

  get output(): string {
    return this.#stdout + this.#stderr;
  }

  ended(): Promise<Outcome> {
    return this.#ended;
  }

  /** The first printed event of this name that fits, now or later. */
  async event(name: string, fits: (event: Printed) => boolean = () => true): Promise<Printed> {
    for (;;) {
      const found = this.events.find((event) => event.event === name && fits(event));
      if (found) return found;
      if (this.#hasEnded) throw new Error(`ended without "${name}": ${this.output}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Lines on its standard input. */
  tell(...lines: readonly string[]): void {
    this.#child.stdin?.write(`${lines.join('\n')}\n`);
  }

  /** Sends it a signal, and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it as a supervisor would, and waits. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    this.#child.kill(signal);
    return this.#ended;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A server that listens, on ports of the system's choosing unless told otherwise. */
export class ServerProcess extends CommandProcess {
  #listening: Printed = { event: '' };

  static async start(...args: string[]): Promise<ServerProcess> {
    const free = ['--udp', '--tcp', '--tls'].flatMap((flag) => (args.includes(flag) ? [] : [flag, 'auto']));
    const media = args.includes('--media') ? [] : ['--media', 'auto'];
    const server = new ServerProcess('serve', '--json', ...free, ...media, ...args);
    server.#listening = await server.event('listening');
    return server;
  }

  get listening(): Printed {
    return this.#listening;
  }

  port(transport: string): number {
    const at = String(this.#listening[transport]);
    return Number(at.slice(at.lastIndexOf(':') + 1));
  }
}

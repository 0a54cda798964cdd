// The command line as separate processes, out of dist: started, read line by line, and none of them left over.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

export const isBuilt = existsSync(main);

export interface Outcome {
  readonly code: number | null;
  /** Of standard output, line by line. */
  readonly lines: readonly string[];
  readonly errors: string;
}

/** One command, running. */
export class Running {
  readonly lines: string[] = [];
  errors = '';
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[]) {
    const child = (this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(line);
      for (const look of this.#waiting) look();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => {
        resolve({ code, lines: this.lines, errors: this.errors });
        for (const look of this.#waiting) look();
      });
    });
  }

  /** The first line, now or later, for which `pick` gives something. */
  async line<T>(pick: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        for (const line of this.lines) {
          const found = pick(line);
          if (found === undefined) continue;
          this.#waiting.delete(look);
          return resolve(found);
        }
        if (this.#child.exitCode === null) return;
        this.#waiting.delete(look);
        reject(new Error(`it ended with ${this.#child.exitCode}: ${this.errors}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The first JSON line with this `event`. */
  event(name: string): Promise<Record<string, unknown>> {
    return this.line((line) => {
      const object = JSON.parse(line) as Record<string, unknown>;
      return object['event'] === name ? object : undefined;
    });
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal);
  }
}

/** The processes of one test file. */
export class Processes {
  readonly #running: Running[] = [];

  /** `latchkey …args`. */
  latchkey(...args: string[]): Running {
    return this.node(main, ...args);
  }

  node(...args: string[]): Running {
    const running = new Running(args);
    this.#running.push(running);
    return running;
  }

  async stopAll(): Promise<void> {
    for (const running of this.#running) running.kill('SIGKILL');
    await Promise.all(this.#running.splice(0).map(({ ended }) => ended));
  }
}

// A program of docs/examples as a process of its own, as it stands, against the package as it is built.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from './repository.js';

export class Example {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output = '';
  errors = '';

  constructor(name: string, ...args: string[]) {
    const file = join('docs/examples', name);
    this.child = spawn(process.execPath, ['--import=tsx', file, ...args], { cwd: root });
    this.child.stdout?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.child.stderr?.on('data', (data: Buffer) => (this.errors += data.toString()));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found) return found;
      const isOver = await Promise.race([this.ended.then(() => true), once(this.child.stdout!, 'data')]);
      if (isOver === true) throw new Error(`${pattern} did not come:\n${this.output}${this.errors}`);
    }
  }

  async stop(): Promise<void> {
    this.child.kill();
    await this.ended;
  }
}

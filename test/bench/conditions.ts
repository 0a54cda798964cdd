// On what a benchmark was run: what somebody needs who compares his figures with ours.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { here } from './checkout.js';
import { coturnVersion } from './coturn-variant.js';
import { rtpengineVersion } from './rtpengine-variant.js';

export interface Run {
  readonly date: Date;
  readonly tookS: number;
  /** Of the machine, before and after. */
  readonly load: readonly [number, number];
}

export function conditionsOf({ date, tookS, load }: Run): [string, string][] {
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  return [
    ['date', `${date.toISOString().slice(0, 10)}, ${Math.round(tookS / 60)} minutes`],
    ['latchkey', `commit ${firstLine('git', ['rev-parse', '--short', 'HEAD'])}`],
    ['Node', process.version],
    ['processor', `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`],
    ['kernel', `Linux ${release()}, ${system ?? 'unknown'}`],
    ['compiler', firstLine('cc', ['--version'])],
    ['rtpengine', rtpengineVersion() ?? 'none'],
    ['coturn', coturnVersion() ?? 'none'],
    ['load average', `${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after`],
  ];
}

function firstLine(program: string, args: readonly string[]): string {
  const { stdout } = spawnSync(program, args, { cwd: here, encoding: 'utf8' });
  return stdout.split('\n')[0]?.trim() ?? '';
}

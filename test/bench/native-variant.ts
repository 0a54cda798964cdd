// The yardstick: the forwarder in C.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PEERS_ADDRESS, SERVER_ADDRESS, routesOf } from './load.js';
import type { NativePrograms } from './native.js';
import type { Variant } from './variant.js';

export function nativeVariant(programs: NativePrograms, io: 'mmsg' | 'gso'): Variant {
  return {
    name: io === 'gso' ? 'c-gso' : 'c',
    title: io === 'gso' ? 'C with UDP_SEGMENT' : 'C, recvmmsg, sendmmsg',
    // SRTP it passes on untouched.
    whyNot: () => undefined,
    async start(load) {
      const child = spawn(programs.forwarder, [SERVER_ADDRESS, io], { stdio: ['pipe', 'pipe', 'inherit'] });
      const routes = [...routesOf(load)].map(([from, to]) => [from, ...to].join(' '));
      child.stdin.end([PEERS_ADDRESS, ...routes, ''].join('\n'));
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      return { pid: child.pid ?? 0, ports: [Number(line)], close: () => end(child) };
    },
  };
}

/** Ends a program, and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const isGone = once(child, 'exit');
  child.kill();
  await isGone;
}

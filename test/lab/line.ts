// What the cable of a host does to its packets, at the port of the switch that it is plugged into: so a capture on the host
// has all that the host sent, and only what reached it. Addresses and mappings are not touched.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const DELAY_LINE = fileURLToPath(new URL('delay-line.py', import.meta.url));

/** A port of a switch, and how to run commands where the switch is. */
export interface SwitchPort {
  readonly port: string;
  readonly bridge: string;
  readonly run: (...command: readonly string[]) => void;
  readonly spawn: (...command: readonly string[]) => ChildProcess;
}

/** Loses so many of a hundred packets in each direction, at random, in place of what was lost before. */
export function losePackets({ port, run }: SwitchPort, percent: number): void {
  const table = `netdev loss-${port}`;
  const chains = ['ingress', 'egress'].map((hook) =>
    [
      `chain ${hook} {`,
      `type filter hook ${hook} device "${port}" priority 0;`,
      `ether type { ip, ip6 } numgen random mod 1000 < ${Math.round(percent * 10)} drop`,
      '}',
    ].join('\n'),
  );
  run('nft', [`add table ${table}`, `delete table ${table}`, `table ${table} {`, ...chains, '}'].join('\n'));
}

/**
 * Delays packets in each direction, once and for good, by a program of ours between port and switch: not every kernel has
 * netem. With jitter each is delayed by up to so much more.
 */
export async function delayPort(
  { port, bridge, run, spawn }: SwitchPort,
  delayMs: number,
  jitterMs: number,
): Promise<void> {
  const [near, far, between] = [`n-${port}`, `f-${port}`, `b-${port}`];
  const steps = [
    ...[near, far].map((name) => `ip tuntap add dev ${name} mode tap`),
    `ip link add ${between} type bridge mcast_snooping 0`,
    `ip link set ${between} up`,
    ...[near, far].map((name) => `ip link set ${name} master ${name === near ? between : bridge} up`),
    `ip link set ${port} master ${between}`,
  ];
  run('sh', '-ec', steps.join('\n'));
  const child = spawn('python3', DELAY_LINE, near, far, String(delayMs), String(jitterMs));
  if (!child.stdout) throw new Error('a child with a pipe has one');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  if (!said.toString().startsWith('ready')) throw new Error(`the delay line says ${said.toString()}`);
}

// A lab of Linux network namespaces: a server, a client behind a real NAT, and an attacker, on one public switch.
// Nothing touches the machine's own network; everything goes with `close()`, and with the process.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const SERVER = '203.0.113.1';
export const NAT = '203.0.113.11';
export const ATTACKER = '203.0.113.66';
export const CLIENT = '10.0.1.2';

const PROGRAM = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));
const TOOLS = ['ip', 'nft', 'conntrack', 'sysctl'];

/** Why there can be no lab here; undefined where there can. In CI there is no such reason: then it is an error. */
export function whyNoLab(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

export class Lab {
  readonly #prefix = `lk${process.pid}-`;
  readonly #children: ChildProcess[] = [];

  constructor() {
    try {
      this.#build();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #build(): void {
    for (const host of ['pub', 'nat', 'cli', 'att']) {
      this.#ip('netns', 'add', this.#name(host));
      this.run(host, 'ip', 'link', 'set', 'lo', 'up');
    }
    this.run('pub', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    this.run('pub', 'ip', 'address', 'add', `${SERVER}/24`, 'dev', 'br0');
    this.run('pub', 'ip', 'link', 'set', 'br0', 'up');
    this.#plug('nat', 'wan', NAT);
    this.#plug('att', 'eth0', ATTACKER);
    this.#cable('nat', 'lan', '10.0.1.1/24', 'cli', 'eth0', `${CLIENT}/24`);
    this.run('cli', 'ip', 'route', 'add', 'default', 'via', '10.0.1.1');
    this.run('nat', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    this.#nat('20000-29999');
  }

  /** The NAT forgets its mappings and gives others: what a router does when it restarts. */
  rebind(): void {
    this.#nat('30000-39999');
    spawnSync('ip', ['netns', 'exec', this.#name('nat'), 'conntrack', '-D', '-p', 'udp'], {
      stdio: 'ignore',
    });
  }

  run(host: string, ...command: readonly string[]): void {
    this.#ip('netns', 'exec', this.#name(host), ...command);
  }

  /** Starts `latchkey` with these arguments on a host. */
  latchkey(host: string, ...args: readonly string[]): ChildProcess {
    return this.spawn(host, process.execPath, PROGRAM, ...args);
  }

  /** The command that runs this one on a host. */
  command(host: string, ...command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#name(host), ...command];
  }

  spawn(host: string, ...command: readonly string[]): ChildProcess {
    const [program = '', ...args] = this.command(host, ...command);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const host of ['cli', 'nat', 'att', 'pub']) spawnSync('ip', ['netns', 'delete', this.#name(host)]);
  }

  /** Symmetric (RFC 4787: address and port-dependent), with the ports of the range; drops what nobody asked for. */
  #nat(ports: string): void {
    const rules = `flush ruleset
      table ip nat {
        chain post {
          type nat hook postrouting priority 100;
          oifname "wan" meta l4proto udp masquerade to :${ports} fully-random
          oifname "wan" masquerade
        }
      }
      table ip filter {
        chain input {
          type filter hook input priority 0;
          iifname "wan" meta l4proto udp ct state new drop
        }
      }`;
    execFileSync('ip', ['netns', 'exec', this.#name('nat'), 'nft', '-f', '-'], { input: rules });
  }

  #plug(host: string, device: string, address: string): void {
    const port = `to-${host}`;
    this.run(
      'pub',
      'ip',
      'link',
      'add',
      port,
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      this.#name(host),
    );
    this.run('pub', 'ip', 'link', 'set', port, 'master', 'br0', 'up');
    this.run(host, 'ip', 'address', 'add', `${address}/24`, 'dev', device);
    this.run(host, 'ip', 'link', 'set', device, 'up');
  }

  #cable(a: string, deviceA: string, addressA: string, b: string, deviceB: string, addressB: string): void {
    const peer = ['type', 'veth', 'peer', 'name', deviceB, 'netns', this.#name(b)];
    this.run(a, 'ip', 'link', 'add', deviceA, ...peer);
    this.run(a, 'ip', 'address', 'add', addressA, 'dev', deviceA);
    this.run(b, 'ip', 'address', 'add', addressB, 'dev', deviceB);
    this.run(a, 'ip', 'link', 'set', deviceA, 'up');
    this.run(b, 'ip', 'link', 'set', deviceB, 'up');
  }

  #name(host: string): string {
    return this.#prefix + host;
  }

  #ip(...args: readonly string[]): void {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

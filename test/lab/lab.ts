// A lab of Linux network namespaces: a server, clients behind real NATs, and an attacker, on one public switch. Nothing
// touches the machine's own network; everything goes with `close()`, with the process, or with the next lab.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { delayPort, losePackets } from './line.js';
import { deleteNamespaces, deleteOrphans, ipBatch, newPrefix } from './namespaces.js';
import { CLIENT_PORTS, CONE_PORTS, markOf, natRules } from './nat-rules.js';
import { hostsOf } from './plan.js';
import type { Host, HostName, LabPlan, NatName } from './plan.js';

export { ATTACKER, CLIENT, NAT, NAT_B, PROXY, SERVER } from './plan.js';
export type { HostName, LabPlan, NatName, NatPlan } from './plan.js';
export type { NatType } from './nat-rules.js';

/** The command, as it is built. */
export const LATCHKEY = [
  process.execPath,
  fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url)),
] as const;
const TOOLS = ['ip', 'nft', 'conntrack', 'sysctl', 'tcpdump', 'python3'];

export interface Line {
  /** Of the packets in each direction. */
  readonly lossPercent?: number;
  /** In each direction: a round trip is twice that. */
  readonly delayMs?: number;
  /** How much more it may be, at random, where there is a delay: packets overtake each other. */
  readonly jitterMs?: number;
}

/** Why there can be no lab here; undefined where there can. In CI there is no such reason: then it is an error. */
export function whyNoLab(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

export class Lab {
  readonly hosts: readonly Host[];
  readonly #prefix = newPrefix();
  readonly #children: ChildProcess[] = [];
  readonly #generations = new Map<NatName, number>();
  /** External addresses that are not those of the plan any more. */
  readonly #renumbered = new Map<NatName, string>();
  readonly #onExit = () => this.close();

  constructor(plan: LabPlan = {}) {
    this.hosts = hostsOf(plan);
    deleteOrphans();
    process.once('exit', this.#onExit);
    try {
      this.#build();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The NAT forgets its mappings and gives others: what a router does when it restarts. */
  rebind(nat: NatName = 'natA'): void {
    const before = this.#generations.get(nat) ?? 0;
    this.#generations.set(nat, before + 1);
    this.#loadNat(nat);
    // Those of the one before only: what has begun anew meanwhile would change a second time.
    this.#forgetMappings(nat, '--mark', String(markOf(before)));
  }

  /** The NAT has another external address from now on; what was connected by TCP is lost with the old one. */
  renumber(nat: NatName, address: string): void {
    const before = this.addressOf(nat);
    const { gateway } = this.#host(nat);
    const lines = [`address del ${before}/24 dev wan`, `address add ${address}/24 dev wan`];
    if (gateway !== undefined) lines.push(`route replace default via ${gateway}`);
    ipBatch(lines, this.#name(nat));
    this.#renumbered.set(nat, address);
    this.#loadNat(nat);
    // Those of the old one only: what has begun anew meanwhile would change a second time.
    this.#forgetMappings(nat, '--reply-dst', before);
  }

  /** What the cable of a host does to packets. Fulfilled when it does so. */
  async line(host: HostName, { lossPercent, delayMs, jitterMs = 0 }: Line): Promise<void> {
    const [inside, port] = [this.#host(host).on, `to-${host}`];
    const at = {
      port,
      bridge: inside === 'hub' ? 'br0' : 'lan',
      run: (...command: readonly string[]) => this.run(inside, ...command),
      spawn: (...command: readonly string[]) => this.spawn(inside, ...command),
    };
    if (lossPercent !== undefined) losePackets(at, lossPercent);
    if (delayMs !== undefined) await delayPort(at, delayMs, jitterMs);
  }

  /** The address of a host; of a NAT the external one. */
  addressOf(host: HostName): string {
    return this.#renumbered.get(host as NatName) ?? this.#host(host).address;
  }

  /** The address under which the world sees a host: that of the outermost NAT, or its own. */
  externalOf(host: HostName): string {
    const { on } = this.#host(host);
    return on === 'hub' ? this.addressOf(host) : this.externalOf(on);
  }

  ipv6Of(host: HostName): string {
    const { ipv6 } = this.#host(host);
    if (ipv6 === undefined) throw new Error(`${host} has no IPv6 address`);
    return ipv6;
  }

  /** The device by which a host is plugged in. */
  deviceOf(host: HostName): string {
    return this.#host(host).nat ? 'wan' : 'eth0';
  }

  run(host: HostName, ...command: readonly string[]): void {
    this.#execute(host, command);
  }

  /** Starts `latchkey` with these arguments on a host. */
  latchkey(host: HostName, ...args: readonly string[]): ChildProcess {
    return this.spawn(host, ...LATCHKEY, ...args);
  }

  /** The command that runs this one on a host. */
  command(host: HostName, ...command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#name(host), ...command];
  }

  /** Starts a program on a host, with pipes for its input and output. */
  spawn(host: HostName, ...command: readonly string[]): ChildProcess {
    const [program = '', ...args] = this.command(host, ...command);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A program may end before it has read what it was told.
    child.stdin.on('error', () => undefined);
    this.#children.push(child);
    return child;
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const child of this.#children) child.kill('SIGKILL');
    deleteNamespaces([...this.hosts.map(({ name }) => this.#name(name)), this.#name('hub')]);
  }

  #build(): void {
    ipBatch(['hub', ...this.hosts.map(({ name }) => name)].map((name) => `netns add ${this.#prefix}${name}`));
    this.#buildSwitch('hub', 'br0');
    for (const host of this.hosts) this.#buildHost(host);
  }

  /** A switch, and a cable to everybody who is plugged in there. */
  #buildSwitch(name: 'hub' | NatName, bridge: string): void {
    const cables = this.hosts
      .filter(({ on }) => on === name)
      .flatMap((host) => [
        `link add to-${host.name} type veth peer name ${this.deviceOf(host.name)} netns ${this.#name(host.name)}`,
        `link set to-${host.name} master ${bridge} up`,
      ]);
    const lines = [
      'link set lo up',
      `link add ${bridge} type bridge mcast_snooping 0`,
      `link set ${bridge} up`,
    ];
    ipBatch([...lines, ...cables], this.#name(name));
    this.#execute(name, ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0']);
  }

  #buildHost({ name, on, address, ipv6, gateway, inside, nat }: Host): void {
    const device = this.deviceOf(name);
    if (nat) this.#buildSwitch(name as NatName, 'lan');
    // As a card without UDP_SEGMENT: the system cuts what was given as segments before it is on the wire, where captures see it.
    const lines = [
      'link set lo up',
      `address add ${address}/24 dev ${device}`,
      `link set ${device} gso_max_segs 1 up`,
    ];
    if (ipv6 !== undefined) lines.push(`address add ${ipv6}/64 dev ${device} nodad`);
    if (inside !== undefined) lines.push(`address add ${inside}/24 dev lan`);
    if (gateway !== undefined) lines.push(`route add default via ${gateway}`);
    ipBatch(lines, this.#name(name));
    if (nat) {
      const { timeoutS } = nat;
      const timeouts = ['timeout', 'timeout_stream'].map(
        (which) => `net.netfilter.nf_conntrack_udp_${which}=${timeoutS}`,
      );
      const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=0'];
      this.#execute(name, ['sysctl', '-qw', ...settings, ...(timeoutS === undefined ? [] : timeouts)]);
      this.#loadNat(name as NatName);
    } else {
      const { first, last } =
        this.hosts.find((one) => one.name === on)?.nat?.type === 'full-cone' ? CONE_PORTS : CLIENT_PORTS;
      this.#execute(name, ['sysctl', '-qw', `net.ipv4.ip_local_port_range=${first} ${last}`]);
    }
  }

  #loadNat(name: NatName): void {
    const { nat } = this.#host(name);
    if (!nat) throw new Error(`${name} is no NAT`);
    const behind = this.hosts.filter(({ on }) => on === name);
    const rules = natRules({
      type: nat.type,
      generation: this.#generations.get(name) ?? 0,
      external: this.addressOf(name),
      client: behind[0]?.address ?? '',
      isHairpin: nat.hairpin === true,
      server: nat.hairpin ? behind[1]?.address : undefined,
    });
    this.#execute(name, ['nft', '-f', '-'], rules);
  }

  #forgetMappings(nat: NatName, ...which: readonly string[]): void {
    const command = ['conntrack', '-D', '-p', 'udp', ...which];
    // It says 1 where there was nothing to forget.
    spawnSync('ip', ['netns', 'exec', this.#name(nat), ...command], { stdio: 'ignore' });
  }

  #host(name: HostName): Host {
    const host = this.hosts.find((one) => one.name === name);
    if (!host) throw new Error(`this lab has no ${name}`);
    return host;
  }

  #name(host: HostName): string {
    return this.#prefix + host;
  }

  #execute(host: HostName, command: readonly string[], input?: string): void {
    execFileSync('ip', ['netns', 'exec', this.#name(host), ...command], {
      stdio: ['pipe', 'ignore', 'inherit'],
      ...(input !== undefined && { input }),
    });
  }
}

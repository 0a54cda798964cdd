// What a lab consists of: its hosts, their addresses, and what lies between them. It builds nothing.
import type { NatType } from './nat-rules.js';

export const SERVER = '203.0.113.1';
export const SERVER_IPV6 = '2001:db8::1';
export const ATTACKER = '203.0.113.66';
export const PROXY = '203.0.113.5';
/** The external addresses of the NATs. */
export const NAT = '203.0.113.11';
export const NAT_B = '203.0.113.12';
export const CARRIER = '203.0.113.13';
/** A host without a NAT. */
export const OPEN = '203.0.113.20';
export const OPEN_IPV6 = '2001:db8::20';
/** The addresses that the clients have, and say. */
export const CLIENT = '10.0.1.2';
export const NEIGHBOUR = '10.0.1.3';
export const CLIENT_B = '10.0.2.2';
/** Of both clients, where they are to have the same one. */
export const SAME_CLIENT = '10.0.0.2';

export interface NatPlan {
  readonly type: NatType;
  /** The inside reaches itself under the external address; with a neighbour there, a server's ports are forwarded to it. */
  readonly hairpin?: boolean;
  /** A second NAT between this one and the world. */
  readonly behind?: 'carrier';
  /** How long a UDP mapping lives without packets. */
  readonly timeoutS?: number;
}

export interface LabPlan {
  /** Symmetric by default. */
  readonly natA?: NatPlan;
  /** With its client, cliB. */
  readonly natB?: NatPlan;
  /** Of natC to natG, each with its client, as many as are wanted. */
  readonly others?: readonly NatPlan[];
  /** Both clients are 10.0.0.2. */
  readonly samePrivate?: boolean;
  /** A second client behind natA, cliA2. */
  readonly neighbour?: boolean;
  /** A host without a NAT, `open`, with an IPv4 and an IPv6 address. */
  readonly ipv6?: boolean;
  /** A host without a NAT for a SIP proxy, `proxy`. */
  readonly proxy?: boolean;
}

type Letter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G';
const OTHERS = ['C', 'D', 'E', 'F', 'G'] as const;
export type NatName = `nat${Letter}` | 'carrier';
export type HostName = NatName | 'hub' | 'pub' | 'att' | 'proxy' | `cli${Letter}` | 'cliA2' | 'open';

/** A host on a switch: that of the world (`hub`), or the one inside a NAT. */
export interface Host {
  readonly name: HostName;
  readonly on: 'hub' | NatName;
  readonly address: string;
  readonly ipv6?: string;
  /** Where it sends what is for elsewhere; none in the world, where all are neighbours. */
  readonly gateway: string | undefined;
  /** Of a NAT: the address of its inside, and what it does. */
  readonly inside?: string;
  readonly nat?: NatPlan;
}

/** All hosts, each behind those that it hangs on. */
export function hostsOf(plan: LabPlan): readonly Host[] {
  const { natA = { type: 'symmetric' }, natB } = plan;
  const hasCarrier = natA.behind === 'carrier' || natB?.behind === 'carrier';
  const [netA, netB] = plan.samePrivate ? ['10.0.0', '10.0.0'] : ['10.0.1', '10.0.2'];
  const hosts: Host[] = [
    { name: 'pub', on: 'hub', address: SERVER, ipv6: SERVER_IPV6, gateway: undefined },
    { name: 'att', on: 'hub', address: ATTACKER, ipv6: '2001:db8::66', gateway: undefined },
  ];
  if (plan.ipv6) hosts.push({ name: 'open', on: 'hub', address: OPEN, ipv6: OPEN_IPV6, gateway: undefined });
  if (plan.proxy) hosts.push({ name: 'proxy', on: 'hub', address: PROXY, gateway: undefined });
  if (hasCarrier) {
    const nat = { type: 'symmetric' } as const;
    hosts.push({
      ...{ name: 'carrier', on: 'hub', address: CARRIER, gateway: undefined, inside: '100.64.0.1', nat },
    });
  }
  hosts.push(natHost('natA', natA, NAT, `${netA}.1`), client('cliA', 'natA', `${netA}.2`));
  if (plan.neighbour) hosts.push(client('cliA2', 'natA', `${netA}.3`));
  if (natB) hosts.push(natHost('natB', natB, NAT_B, `${netB}.1`), client('cliB', 'natB', `${netB}.2`));
  for (const [i, nat] of (plan.others ?? []).entries()) {
    const letter = OTHERS[i];
    if (letter === undefined) throw new Error(`a lab has ${OTHERS.length} other NATs at most`);
    const [name, net] = [`nat${letter}`, `10.0.${3 + i}`] as const;
    hosts.push(
      natHost(name, nat, `203.0.113.${31 + i}`, `${net}.1`),
      client(`cli${letter}`, name, `${net}.2`),
    );
  }
  return hosts;
}

function natHost(name: NatName, nat: NatPlan, external: string, inside: string): Host {
  if (nat.behind === undefined)
    return { name, on: 'hub', address: external, gateway: undefined, inside, nat };
  const address = external.replace(/^.*\./, '100.64.0.');
  return { name, on: 'carrier', address, gateway: '100.64.0.1', inside, nat };
}

function client(name: HostName, on: NatName, address: string): Host {
  return { name, on, address, gateway: address.replace(/\d+$/, '1') };
}

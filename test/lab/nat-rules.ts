// What the NATs of the lab do, as nftables says it: mapping and filtering of RFC 4787 out of Linux's own NAT. Every
// behaviour has ports of its own for each generation, and no host takes one of them (Linux leaves a port alone that is in
// range already), so that a rebinding gives others for certain.

/**
 * - `port-preserving`: the client's own port where it is free; only who was spoken to may answer
 * - `symmetric`: another port for every destination
 * - `remapped`: another port, the same one for every destination
 * - `full-cone`: as `remapped`, and whoever sends to that port is let in
 */
export type NatType = 'port-preserving' | 'symmetric' | 'remapped' | 'full-cone';

export const NAT_TYPES: readonly NatType[] = ['port-preserving', 'symmetric', 'remapped', 'full-cone'];

export interface NatRules {
  readonly type: NatType;
  /** Counts the rebindings. */
  readonly generation: number;
  /** The external address. */
  readonly external: string;
  /** Whom a full cone lets everybody through to. */
  readonly client: string;
  /** Packets of the inside to the external address come back in, under that address. */
  readonly isHairpin: boolean;
  /** The host inside that the ports of a server are forwarded to. */
  readonly server: string | undefined;
}

/** What the system gives to programs, on all hosts. */
export const CLIENT_PORTS = { first: 10_000, last: 19_999 } as const;
/** Behind a full cone fewer: it is a table of them. */
export const CONE_PORTS = { first: 10_000, last: 10_499 } as const;
/** What baresip and linphonec are told to take. */
const PHONE_PORTS = [42_000, 43_000] as const;
const PHONE_PORT_COUNT = 1000;
/** Of `latchkey serve` behind a NAT of the lab. */
export const SERVER_MEDIA_PORTS = '40000-40019';

/** Four ranges in turn. The first rebinding of any type goes to a port that begins with 3. */
function rangeOf(generation: number): number {
  return 20_000 + (generation % 4) * 10_000;
}

/** What a NAT's mappings of one generation are marked with: so those of the one before can be deleted, and no others. */
export function markOf(generation: number): number {
  return generation + 1;
}

/** A ruleset for `nft -f`. */
export function natRules(rules: NatRules): string {
  const { isHairpin, external, server } = rules;
  const forward = server === undefined ? [] : forwardTo(external, server);
  const hairpin = isHairpin ? [`iifname "lan" oifname "lan" ct status dnat snat to ${external}`] : [];
  return `flush ruleset
    table ip nat {
      ${mapsOf(rules)}
      chain pre {
        type nat hook prerouting priority -100;
        ${[...forward, ...coneIn(rules)].join('\n')}
      }
      chain post {
        type nat hook postrouting priority 100;
        ct mark set ${markOf(rules.generation)}
        ${[...hairpin, ...mappingOf(rules)].join('\n')}
        oifname "wan" masquerade
      }
    }
    table ip filter {
      chain input {
        type filter hook input priority 0;
        iifname "wan" meta l4proto udp ct state new drop
        iifname "lan" ip daddr ${external} meta l4proto udp drop
      }
    }`;
}

function mappingOf({ type, generation, external, client }: NatRules): string[] {
  const first = rangeOf(generation);
  const udp = 'oifname "wan" meta l4proto udp';
  switch (type) {
    case 'port-preserving':
      return generation === 0 ? [] : [`${udp} masquerade to :${first}-${first + 999}`];
    case 'symmetric':
      return [`${udp} masquerade to :${first}-${first + 9999} fully-random`];
    case 'remapped':
      return [`${udp} masquerade to :${first}-${first + 99}`];
    case 'full-cone':
      return [
        `${udp} ip saddr ${client} snat to ${external} : udp sport map @outward`,
        `${udp} masquerade to :${first + 3000}-${first + 3999}`,
      ];
  }
}

function forwardTo(external: string, server: string): string[] {
  return [`tcp dport 5060-5061`, `udp dport { 5060, ${SERVER_MEDIA_PORTS} }`].map(
    (ports) => `ip daddr ${external} ${ports} dnat to ${server}`,
  );
}

function coneIn({ type, external, client }: NatRules): string[] {
  return type === 'full-cone'
    ? [`ip daddr ${external} meta l4proto udp dnat to ${client} : udp dport map @inward`]
    : [];
}

/** Linux has no full cone of its own: one table of ports for the way out, and its inverse for the way in. */
function mapsOf({ type, generation }: NatRules): string {
  if (type !== 'full-cone') return '';
  const inside = [
    ...ports(CONE_PORTS.first, CONE_PORTS.last - CONE_PORTS.first + 1),
    ...PHONE_PORTS.flatMap((first) => ports(first, PHONE_PORT_COUNT)),
  ];
  const first = rangeOf(generation);
  const elements = (pair: (inner: number, outer: number) => string) =>
    inside.map((inner, index) => pair(inner, first + index)).join(', ');
  return `map outward {
      type inet_service : inet_service
      elements = { ${elements((inner, outer) => `${inner} : ${outer}`)} }
    }
    map inward {
      type inet_service : inet_service
      elements = { ${elements((inner, outer) => `${outer} : ${inner}`)} }
    }`;
}

function ports(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first + index);
}

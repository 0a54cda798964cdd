// The rows of the comparison, and the scenes in which each is measured. Only names and numbers: nothing runs here.
import type { RtpengineSetting } from './rtpengine.js';
import type { LabPlan } from '../lab/lab.js';

export type Setting = { readonly name: string; readonly says: string } & (
  | { readonly server: 'rtpengine'; readonly rtpengine: RtpengineSetting }
  | {
      readonly server: 'latchkey';
      readonly policy: 'prefer' | 'legacy';
      readonly transport: 'tls' | 'tcp';
    }
);

const NONE: RtpengineSetting = { options: [], flags: [] };

/** In the order in which they take turns. */
export const SETTINGS: readonly Setting[] = [
  { name: 'rtpengine, default', says: 'no option, no flag', server: 'rtpengine', rtpengine: NONE },
  {
    name: 'rtpengine, strict-source',
    says: 'the flag `strict-source` in offer and answer',
    ...{ server: 'rtpengine', rtpengine: { ...NONE, flags: ['strict-source'] } },
  },
  {
    name: 'rtpengine, media-handover',
    says: 'the flag `media-handover` in offer and answer',
    ...{ server: 'rtpengine', rtpengine: { ...NONE, flags: ['media-handover'] } },
  },
  {
    name: 'rtpengine, heuristic',
    says: '`--endpoint-learning=heuristic`, the flags `SIP-source-address` and `strict-source` in offer and answer',
    server: 'rtpengine',
    rtpengine: {
      options: ['--endpoint-learning=heuristic'],
      flags: ['SIP-source-address', 'strict-source'],
    },
  },
  {
    name: 'latchkey, blind latching',
    says: 'as a control: `latchkey serve --policy legacy` and callers over plain TCP, which may not carry a secret',
    ...{ server: 'latchkey', policy: 'legacy', transport: 'tcp' },
  },
  {
    name: 'latchkey',
    says: '`latchkey serve` and `latchkey call` without options, over TLS',
    ...{ server: 'latchkey', policy: 'prefer', transport: 'tls' },
  },
];

export interface Scene {
  readonly name: string;
  readonly plan: LabPlan;
  /** Where the attacker sits; no attack where there is none. */
  readonly attacker?: 'att' | 'cliA2';
}

/** What one table shows: the same calls behind one NAT, under attack and, where it makes a difference, without. */
export interface Group {
  readonly title: string;
  readonly says: string;
  readonly attacked: Scene;
  readonly quiet?: Scene;
}

export const GROUPS: readonly Group[] = [
  {
    title: 'Symmetric NAT',
    says: 'The NAT gives another port for each destination. The attacker has an address of its own.',
    ...natScenes('symmetric'),
  },
  {
    title: 'Port-preserving NAT',
    says: "The NAT keeps the caller's port until it rebinds. The attacker has an address of its own.",
    ...natScenes('port-preserving'),
  },
  {
    title: 'Attacker behind the same NAT',
    says: "A symmetric NAT, and the attacker is a neighbour behind it: the server sees the caller's own address, with another port.",
    attacked: {
      name: 'neighbour',
      plan: { natA: { type: 'symmetric' }, ipv6: true, neighbour: true },
      attacker: 'cliA2',
    },
  },
];

function natScenes(type: 'symmetric' | 'port-preserving'): { attacked: Scene; quiet: Scene } {
  const plan: LabPlan = { natA: { type }, ipv6: true };
  return {
    attacked: { name: `${type}, attacked`, plan, attacker: 'att' },
    quiet: { name: `${type}, no attack`, plan },
  };
}

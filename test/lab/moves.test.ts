// What a NAT does in mid call, while somebody talks, while nobody does, and on hold.
import type { Caller, Scenario, Step } from './scenario.js';
import { describeScenarios } from './scenarios.js';

const ADDRESSES = { natA: '203.0.113.31', natB: '203.0.113.32' } as const;
const SILENCE_MS = 3500;
const HOLD_MS = 3000;
/** Shorter than any silence here; no home router is that hasty. */
const TIMEOUT_S = 2;

type Kind = 'port' | 'address';

function move(kind: Kind, atMs: number, nats: readonly ('natA' | 'natB')[] = ['natA']): Step[] {
  if (kind === 'port') return [{ atMs, what: 'rebind', nats }];
  return nats.map((nat) => ({ atMs, what: 'renumber', nat, address: ADDRESSES[nat] }));
}

function hold(steps: readonly Step[] = []): Pick<Scenario, 'steps' | 'heldMs' | 'durationS'> {
  const say = (atMs: number, text: string): Step => ({ atMs, what: 'say', caller: 0, text });
  return {
    // The second one is for who lost the signalling too with its address: the first has told the client so.
    steps: [say(800, 'hold'), ...steps, say(800 + HOLD_MS, 'resume'), say(900 + HOLD_MS, 'resume')],
    heldMs: HOLD_MS,
    durationS: 5.5,
  };
}

const silent: Caller = { host: 'cliA', silenceMs: SILENCE_MS };

function scenariosOf(kind: Kind): Scenario[] {
  const isSelected = kind === 'port';
  return [
    {
      name: `another ${kind} during talk`,
      callers: [{ host: 'cliA' }],
      steps: move(kind, 1500),
      isSelected: kind === 'address',
    },
    {
      name: `another ${kind} during silence`,
      callers: [silent],
      steps: move(kind, 2000),
      durationS: 6.5,
      isSelected,
    },
    {
      name: `another ${kind} during hold`,
      callers: [{ host: 'cliA' }],
      ...hold(move(kind, 1500)),
      isSelected,
    },
    {
      name: `another ${kind} for both parties at once, during talk`,
      plan: { natB: { type: 'symmetric' } },
      callers: [{ host: 'cliA' }, { host: 'cliB' }],
      room: 'meeting',
      steps: move(kind, 1500, ['natA', 'natB']),
      isSelected,
    },
  ];
}

const timeouts: readonly Scenario[] = [
  {
    name: 'a mapping that lives for 2 s is held through a silence',
    plan: { natA: { type: 'symmetric', timeoutS: TIMEOUT_S } },
    callers: [silent],
    durationS: 6.5,
    isHeldOpen: true,
    isSelected: true,
  },
  {
    name: 'a mapping that lives for 2 s, and a hold',
    plan: { natA: { type: 'symmetric', timeoutS: TIMEOUT_S } },
    callers: [{ host: 'cliA' }],
    ...hold(),
    isSelected: true,
  },
  { name: 'hold and resume by re-INVITE', callers: [{ host: 'cliA' }], ...hold(), isSelected: true },
];

describeScenarios('moves', [...(['port', 'address'] as const).flatMap(scenariosOf), ...timeouts]);

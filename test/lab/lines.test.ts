// Lines that lose and delay, at rest and at a rebinding; and many in one room.
import type { Scenario } from './scenario.js';
import { describeScenarios } from './scenarios.js';

const LOSS = { lossPercent: 5 } as const;
const DELAY = { delayMs: 100 } as const;

/** Signalling over TCP may take seconds to come through such a line. */
const LONG = { durationS: 8 } as const;

const rebound: Scenario['steps'] = [{ atMs: 1500, what: 'rebind', nats: ['natA'] }];

const lines: readonly Scenario[] = [
  { name: '5 % loss', lines: { cliA: LOSS }, callers: [{ host: 'cliA' }], steps: rebound, ...LONG },
  { name: '100 ms delay', lines: { cliA: DELAY }, callers: [{ host: 'cliA' }], steps: rebound, ...LONG },
  {
    name: '5 % loss and 100 ms delay',
    lines: { cliA: { ...LOSS, ...DELAY } },
    callers: [{ host: 'cliA' }],
    steps: rebound,
    ...LONG,
    isSelected: true,
  },
  {
    name: '5 % loss and 100 ms delay, two in a room',
    plan: { natB: { type: 'port-preserving' } },
    lines: { natA: { ...LOSS, ...DELAY }, natB: { ...LOSS, ...DELAY } },
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    room: 'meeting',
    steps: [{ atMs: 1500, what: 'rebind', nats: ['natA', 'natB'] }],
    ...LONG,
  },
];

const hosts = ['cliA', 'cliA2', 'cliB'] as const;
const ten: Scenario = {
  name: 'ten, behind two NATs, of which one rebinds',
  plan: { natA: { type: 'symmetric' }, natB: { type: 'port-preserving' }, neighbour: true },
  callers: Array.from({ length: 10 }, (_, i) => ({ host: hosts[i % 3]! })),
  room: 'meeting',
  steps: [{ atMs: 3000, what: 'rebind', nats: ['natA'] }],
  durationS: 7,
  isSelected: true,
};

describeScenarios('lines', lines);
describeScenarios('a room of ten', [ten]);

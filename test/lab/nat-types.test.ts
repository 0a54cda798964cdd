// Every behaviour of a NAT, alone and in pairs: verified, and followed when it rebinds in mid call, under attack from before.
import { NAT_TYPES } from './nat-rules.js';
import type { NatType } from './nat-rules.js';
import type { Scenario } from './scenario.js';
import { describeScenarios } from './scenarios.js';

const SELECTED_PAIRS = new Set(['symmetric/symmetric', 'port-preserving/full-cone']);

const alone = NAT_TYPES.map((type): Scenario => ({
  name: `${type}: verified, and followed when it rebinds`,
  plan: { natA: { type } },
  callers: [{ host: 'cliA' }],
  steps: [{ atMs: 1500, what: 'rebind', nats: ['natA'] }],
  isSelected: true,
}));

function pair(a: NatType, b: NatType): Scenario {
  return {
    name: `${a} and ${b}: two in a room, and one is followed when it rebinds`,
    plan: { natA: { type: a }, natB: { type: b } },
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    room: 'meeting',
    steps: [{ atMs: 1500, what: 'rebind', nats: ['natB'] }],
    isSelected: SELECTED_PAIRS.has(`${a}/${b}`),
  };
}

describeScenarios('behind one NAT', alone);
describeScenarios(
  'behind two NATs',
  NAT_TYPES.flatMap((a) => NAT_TYPES.map((b) => pair(a, b))),
);

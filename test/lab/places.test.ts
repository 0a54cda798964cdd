// Where the parties are: neighbours, twins by address, behind two NATs in a row, behind the server's own NAT, behind none.
import { NAT, NEIGHBOUR } from './plan.js';
import type { Scenario } from './scenario.js';
import { describeScenarios } from './scenarios.js';

const symmetric = { type: 'symmetric' } as const;
const talk = { durationS: 3 } as const;
const serverBehindNat = { host: 'cliA2', listen: NEIGHBOUR, advertise: NAT } as const;

const scenarios: readonly Scenario[] = [
  {
    name: 'two clients behind one NAT, told apart when it rebinds',
    plan: { neighbour: true },
    callers: [{ host: 'cliA' }, { host: 'cliA2' }],
    room: 'meeting',
    steps: [{ atMs: 1500, what: 'rebind', nats: ['natA'] }],
    isSelected: true,
  },
  {
    name: 'the same private address behind two NATs',
    plan: { natB: symmetric, samePrivate: true },
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    room: 'meeting',
    steps: [{ atMs: 1500, what: 'rebind', nats: ['natA'] }],
    isSelected: true,
  },
  {
    name: 'hairpin: the server is inside, and is called from inside and outside',
    plan: { natA: { type: 'port-preserving', hairpin: true }, natB: symmetric, neighbour: true },
    server: serverBehindNat,
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    room: 'meeting',
    ...talk,
    isSelected: true,
  },
  ...(['natA', 'carrier'] as const).map((nat): Scenario => ({
    name: `two NATs in a row: followed when ${nat === 'natA' ? 'the inner' : 'the outer'} one rebinds`,
    plan: { natA: { type: 'port-preserving', behind: 'carrier' } },
    callers: [{ host: 'cliA' }],
    steps: [{ atMs: 1500, what: 'rebind', nats: [nat] }],
    isSelected: nat === 'carrier',
  })),
  {
    name: 'two homes behind one carrier, which rebinds',
    plan: { natA: { ...symmetric, behind: 'carrier' }, natB: { type: 'remapped', behind: 'carrier' } },
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    room: 'meeting',
    steps: [{ atMs: 1500, what: 'rebind', nats: ['carrier'] }],
  },
  {
    name: 'without a NAT the path is direct',
    plan: { ipv6: true },
    callers: [{ host: 'open' }],
    isDirect: true,
    ...talk,
    isSelected: true,
  },
];

describeScenarios('places', scenarios);

// baresip and linphonec with ICE, unmodified: behind NATs that rebind, on hold, at re-INVITE and under attack.
import { SERVER_IPV6 } from './plan.js';
import type { Scenario } from './scenario.js';
import { describeScenarios } from './scenarios.js';

const PROGRAMS = ['baresip', 'linphonec'] as const;

const phones = PROGRAMS.map((program): Scenario => ({
  name: `${program}: followed through two rebindings`,
  callers: [{ host: 'cliA', program }],
  steps: [1500, 3000].map((atMs) => ({ atMs, what: 'rebind', nats: ['natA'] }) as const),
  protection: 'ice',
  durationS: 7,
  isSelected: true,
}));

const hold: Scenario = {
  name: 'baresip: hold and resume, and a rebinding between',
  callers: [{ host: 'cliA', program: 'baresip', hold: { afterS: 2, forS: 3 } }],
  steps: [{ atMs: 3000, what: 'rebind', nats: ['natA'] }],
  heldMs: 3000,
  protection: 'ice',
  durationS: 9,
  isSelected: true,
};

const ipv6: Scenario = {
  name: 'baresip over IPv6, without a NAT: direct',
  plan: { ipv6: true },
  server: { host: 'pub', listen: SERVER_IPV6, advertise: SERVER_IPV6 },
  callers: [{ host: 'open', program: 'baresip' }],
  protection: 'ice',
  isDirect: true,
  isSelected: true,
};

describeScenarios('phones', [...phones, hold, ipv6]);

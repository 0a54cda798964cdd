// How fast media follows a NAT that rebinds, at the server's own interface: from the first packet of the new mapping to the first
// media packet to it. The promise is P5 of protocol.md 9, in the median of twenty.
import assert from 'node:assert/strict';
import { classifyPacket, formatAddress } from '../../lib/wire/index.js';
import { skipBecause } from '../clients/client-programs.js';
import { whyNoLab } from './lab.js';
import { play } from './scenario.js';
import type { Evidence, Scenario, Step } from './scenario.js';

const COUNT = 20;
const QUESTION_MS = 30;
const STUN_SUCCESS = 0x0101;
const ALLOWANCE_MS = 10;

/** Two calls at a time; each of their NATs rebinds ten times. */
function scenarioOf(delayMs: number): Scenario {
  const intervalMs = 400 + 6 * delayMs;
  const steps = Array.from({ length: COUNT }, (_, i): Step => {
    const atMs = 300 + (i * intervalMs) / 2;
    return { atMs, what: 'rebind', nats: [i % 2 === 0 ? 'natA' : 'natB'] };
  });
  return {
    name: `rebinding at a round trip of ${2 * delayMs} ms`,
    plan: { natB: { type: 'symmetric' } },
    ...(delayMs > 0 && { lines: { natA: { delayMs }, natB: { delayMs } } }),
    callers: [{ host: 'cliA' }, { host: 'cliB' }],
    steps,
    isSprayed: false,
    durationS: 1.5 + (COUNT * intervalMs) / 2000,
  };
}

interface Rebinding {
  /** Infinity where media never went there. */
  readonly latencyMs: number;
  /** From the first challenge to the first answer. */
  readonly roundTripMs: number;
}

/** Each mapping after the first of each call. */
function rebindings({ server, serverAddress, externals, moves }: Evidence): Rebinding[] {
  const beginMs = moves[0]?.atMs ?? Infinity;
  const [seen, asked, answered, sent] = Array.from({ length: 4 }, () => new Map<string, number>());
  const note = (first: Map<string, number> | undefined, mapping: string, timeMs: number) => {
    if (first?.has(mapping) === false) first.set(mapping, timeMs);
  };
  for (const { source, destination, timeMs, payload } of server) {
    const kind = classifyPacket(payload);
    if (externals.has(source.address)) {
      note(seen, formatAddress(source), timeMs);
      const isAnswer = kind === 'stun' && Buffer.from(payload).readUInt16BE(0) === STUN_SUCCESS;
      if (isAnswer) note(answered, formatAddress(source), timeMs);
    } else if (source.address === serverAddress) {
      if (kind === 'stun') note(asked, formatAddress(destination), timeMs);
      if (kind === 'rtp') note(sent, formatAddress(destination), timeMs);
    }
  }
  return [...seen!]
    .filter(([, seenMs]) => seenMs >= beginMs)
    .map(([mapping, seenMs]) => ({
      latencyMs: (sent!.get(mapping) ?? Infinity) - seenMs,
      roundTripMs: (answered!.get(mapping) ?? Infinity) - (asked!.get(mapping) ?? Infinity),
    }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

describe('the time that a rebinding takes', function () {
  this.timeout(60_000);
  for (const delayMs of [0, 50])
    it(`at most max(1.5 RTT, 30 ms) + 10 ms in the median of 20, on a line of ${2 * delayMs} ms`, async function () {
      skipBecause(this, whyNoLab());
      const all = rebindings(await play(scenarioOf(delayMs)));
      assert.ok(all.length >= COUNT, `${all.length} rebindings seen`);
      const latencies = all.map(({ latencyMs }) => latencyMs);
      const figures = {
        median: median(latencies).toFixed(1),
        worst: Math.max(...latencies).toFixed(1),
        roundTrip: median(all.map(({ roundTripMs }) => roundTripMs)).toFixed(1),
      };
      const told = `median ${figures.median} ms, worst ${figures.worst} ms of ${all.length}, round trip ${figures.roundTrip} ms`;
      this.test!.title += `: ${told}`;
      const over = all.map(
        ({ latencyMs, roundTripMs }) => latencyMs - Math.max(1.5 * roundTripMs, QUESTION_MS),
      );
      assert.ok(median(over) <= ALLOWANCE_MS, told);
      assert.ok(Math.max(...latencies) < Infinity, 'each of them was followed');
    });
});

// npm run bench [-- ROUNDS]: what latchkey costs, beside forwarders in C and of others in the same run. npm run bench:quick: that it
// works, in 20 s. npm run bench -- --against COMMIT [ROUNDS]: beside another commit of itself. Prints tables and judges nothing.
//   --only NAME,…      of the trials, and `engine` for what runs in this process alone
//   --variants NAME,…  besides the yardstick
import { parseArgs } from 'node:util';
import { compareWith } from './against.js';
import {
  bytesPerSession,
  CONSENT_INTERVAL_MS,
  consentCosts,
  microsecondsPerChallenge,
  nanosecondsPerPacket,
} from './engine.js';
import { median, spreadOf } from './statistics.js';
import { measureMedia } from './media.js';
import { measureReplay } from './replay.js';
import { measureSrtp } from './srtp.js';
import { QUICK_TRIALS, TRIALS } from './trials.js';

const { values, positionals } = parseArgs({
  options: {
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    variants: { type: 'string' },
  },
  allowPositionals: true,
});
const FEWEST_ROUNDS = 5;
const rounds = (usual: number): number => Math.max(FEWEST_ROUNDS, Number(positionals[0] ?? usual));

function row(what: string, value: string, note = ''): void {
  console.log(`${what.padEnd(48)}${value.padStart(12)}  ${note}`.trimEnd());
}

/** Long enough that a tick of the scheduler's book-keeping is a five-hundredth of it. */
const TIMING = { warmMs: 600, measureMs: 2000 };
const QUICK_TIMING = { rounds: 1, warmMs: 300, measureMs: 600 };

const named = (list: string | undefined) => list?.split(',');

async function bench(): Promise<void> {
  const [only, variants] = [named(values.only), named(values.variants)];
  if (values.quick) return void (await measureMedia({ trials: QUICK_TRIALS, ...QUICK_TIMING }));
  const unknown = only?.find((name) => name !== 'engine' && !TRIALS.some((trial) => trial.name === name));
  if (unknown !== undefined)
    throw new Error(`--only: ${unknown} is none of engine, ${TRIALS.map(({ name }) => name).join(', ')}`);
  if (only?.includes('engine') !== false) measureEngine();
  const trials = TRIALS.filter(({ name }) => only?.includes(name) !== false);
  await measureMedia({ trials, only: variants, rounds: Number(positionals[0] ?? FEWEST_ROUNDS), ...TIMING });
}

function measureEngine(): void {
  for (const sessions of [1, 100, 1000, 10_000])
    row(
      `engine.handleDatagram, accepted, ${sessions.toLocaleString('en')} sessions`,
      `${nanosecondsPerPacket(sessions).toFixed(0)} ns`,
    );
  const consent = consentCosts(1000, 5);
  const cycle = median(consent.map((one) => one.cycle));
  const ratio = spreadOf(consent.map((one) => one.cycle / one.twoHmacs));
  row(
    'one cycle of consent, challenge and response',
    `${cycle.toFixed(1)} µs`,
    `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}-${ratio.most.toFixed(2)}) of two createHmac`,
  );
  row(
    'consent of 100,000 sessions, by computation',
    `${((100_000 / (CONSENT_INTERVAL_MS / 1000)) * cycle * 1e-4).toFixed(0)} %`,
    'of one core, without what the system takes for 40,000 datagrams a second',
  );
  for (const suite of ['HMAC-SHA-256', 'AES-256'] as const)
    row(`one challenge verified, ${suite}`, `${microsecondsPerChallenge(suite).toFixed(1)} µs`);
  const bytes = bytesPerSession(2000);
  row(
    'one verified session, of 2,000 on one port',
    bytes === undefined ? 'no gc' : `${bytes.toFixed(0)} bytes`,
  );
  for (const suite of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM']) {
    const cost = measureSrtp(suite, rounds(21));
    row(
      `SRTP, ${suite}`,
      `${cost.plain.toFixed(1)} µs`,
      'createHmac and AES of as many bytes, CPU per packet of 172',
    );
    for (const [what, microseconds, ratio] of [
      ['protect', cost.protect, cost.protectRatio],
      ['unprotect', cost.unprotect, cost.unprotectRatio],
    ] as const)
      row(`  ${what}`, `${microseconds.toFixed(1)} µs`, `${ratio.toFixed(3)} of it`);
  }
  const replay = measureReplay(100, 5);
  row(
    `replay --json, ${replay.megabytes.toFixed(0)} MB, ${replay.streams} streams`,
    `${replay.replayMs.toFixed(0)} ms`,
    `${replay.replayMegabytes.toFixed(0)} MB of memory`,
  );
  if (replay.tsharkMs !== undefined && replay.ratio !== undefined)
    row(
      'tshark -q -z rtp,streams, the same file',
      `${replay.tsharkMs.toFixed(0)} ms`,
      `replay takes ${replay.ratio.toFixed(3)} of it`,
    );
}

try {
  if (values.against === undefined) await bench();
  else await compareWith(values.against, rounds(7));
} catch (error) {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
}
process.exit(0);

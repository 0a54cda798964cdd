// npm run bench [-- ROUNDS]: what latchkey costs, beside forwarders in C and of others in the same run. npm run bench:quick: that it
// works, in 20 s. npm run bench -- --against COMMIT [ROUNDS]: beside another commit of itself. Prints tables and judges nothing.
//   --only NAME,…      of the trials, `engine` for what runs in this process alone, and `setups` for calls set up over TLS
//   --variants NAME,…  besides the yardstick
//   --profile          in place of all: where the time of a packet goes, by function
//   --write            docs/performance.md and its charts; with --profile, docs/performance-profile.md
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareWith } from './against.js';
import { here } from './checkout.js';
import { conditionsOf } from './conditions.js';
import { chartsOf, documentOf, PROFILE, profileDocumentOf } from './document.js';
import type { EngineRow, Report } from './document.js';
import { measureInProcess } from './in-process.js';
import { measureMedia } from './media.js';
import { profilePackets } from './packet-profile.js';
import { measureSetups } from './setups.js';
import { compileNative } from './native.js';
import { TARGETS } from './targets.js';
import type { Measured } from './targets.js';
import { QUICK_TRIALS, TRIALS } from './trials.js';
import { allVariants } from './variants.js';

const { values, positionals } = parseArgs({
  options: {
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    variants: { type: 'string' },
    profile: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
/** What can be asked for beside the trials. */
const NOT_OF_MEDIA: readonly string[] = ['engine', 'setups'];
/** Fewer are a look at it, and nothing to publish. */
const FEWEST_ROUNDS = 5;
/** Of what is short: a ratio of milliseconds is wanted more often. */
const SHORT_ROUNDS = 21;
/** Long enough that a tick of the scheduler's book-keeping is a three-hundredth of it. */
const TIMING = { warmMs: 500, measureMs: 1500 };
const QUICK_TIMING = { rounds: 1, warmMs: 300, measureMs: 600 };

const given = positionals[0] === undefined ? undefined : Number(positionals[0]);
const named = (list: string | undefined) => list?.split(',');

async function bench(): Promise<void> {
  const [only, variants] = [named(values.only), named(values.variants)];
  const rounds = given ?? FEWEST_ROUNDS;
  check(only, rounds);
  // What it lacks is told before the first minute.
  const programs = compileNative();
  if (values.quick) return void (await measureMedia({ programs, trials: QUICK_TRIALS, ...QUICK_TIMING }));
  const [startMs, loadBefore] = [Date.now(), loadavg()[0] ?? NaN];
  const isWanted = (name: string) => only?.includes(name) !== false;
  const inProcess = isWanted('engine')
    ? measureInProcess(Math.max(FEWEST_ROUNDS, given ?? SHORT_ROUNDS), printRow)
    : undefined;
  const setups = isWanted('setups') ? await measureSetups(rounds, printRow) : [];
  const chosen = TRIALS.filter(({ name }) => isWanted(name));
  const trials = await measureMedia({ programs, trials: chosen, only: variants, rounds, ...TIMING });
  printTargets({ trials, consentRatio: inProcess?.consentRatio });
  if (!values.write) return;
  const run = {
    date: new Date(),
    tookS: (Date.now() - startMs) / 1000,
    load: [loadBefore, loadavg()[0] ?? NaN],
  } as const;
  write({
    ...{ trials, rounds, setups, engine: inProcess?.rows ?? [], consentRatio: inProcess?.consentRatio },
    variants: allVariants(programs),
    conditions: conditionsOf(run),
  });
}

async function profile(): Promise<void> {
  const startMs = Date.now();
  const measured = await profilePackets();
  for (const { name, few, many } of measured.functions.slice(0, 12))
    console.log(`${name.padEnd(60)}${few.toFixed(0).padStart(6)}${many.toFixed(0).padStart(6)} ns`);
  console.log(
    `${'all'.padEnd(60)}${measured.few.toFixed(0).padStart(6)}${measured.many.toFixed(0).padStart(6)} ns`,
  );
  if (!values.write) return;
  const load = loadavg()[0] ?? NaN;
  const run = { date: new Date(), tookS: (Date.now() - startMs) / 1000, load: [load, load] } as const;
  writeFileSync(join(here, 'docs', PROFILE), profileDocumentOf(measured, conditionsOf(run)));
  console.log(`\nwritten to docs/${PROFILE}`);
}

/** Of what it must show, what was measured. */
function printTargets(measured: Measured): void {
  console.log('\nwhat it must show');
  for (const { what, most, read } of TARGETS) {
    const spread = read(measured);
    if (!spread) continue;
    const { median, least, most: highest } = spread;
    console.log(
      `  ${what}: ${median.toFixed(2)} (${least.toFixed(2)}-${highest.toFixed(2)}), at most ${most}`,
    );
  }
}

function check(only: readonly string[] | undefined, rounds: number): void {
  const unknown = only?.find(
    (name) => !NOT_OF_MEDIA.includes(name) && !TRIALS.some((trial) => trial.name === name),
  );
  if (unknown !== undefined)
    throw new Error(
      `--only: ${unknown} is none of ${NOT_OF_MEDIA.join(', ')}, ${TRIALS.map(({ name }) => name).join(', ')}`,
    );
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('ROUNDS is a whole number from 1');
  if (values.write && (rounds < FEWEST_ROUNDS || only || values.variants !== undefined))
    throw new Error(`--write is for all trials and variants, in ${FEWEST_ROUNDS} rounds or more`);
}

function write(report: Report): void {
  writeFileSync(join(here, 'docs/performance.md'), documentOf(report));
  for (const [name, text] of Object.entries(chartsOf(report)))
    writeFileSync(join(here, 'docs/images', name), text);
  console.log('\nwritten to docs/performance.md');
}

function printRow({ what, value, note }: EngineRow): void {
  console.log(`${what.padEnd(48)}${value.padStart(14)}  ${note}`.trimEnd());
}

try {
  if (values.profile) await profile();
  else if (values.against === undefined) await bench();
  else await compareWith(values.against, Math.max(FEWEST_ROUNDS, given ?? 7));
} catch (error) {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
}
process.exit(0);

// npm run compare: rtpengine and latchkey through the same call, attack and rebinding, in turn. Prints a table, writes
// docs/comparison.md, and fails where latchkey does not hold what it promises, or where the attack steals from nobody.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, getPriority, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { whyNoLab } from '../lab/lab.js';
import { Call } from './call.js';
import { documentOf, printed } from './document.js';
import { failuresOf } from './report.js';
import type { Result } from './report.js';
import { rtpengineVersion } from './rtpengine.js';
import { GROUPS, OURS, SETTINGS } from './settings.js';
import type { Setting } from './settings.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = `${ROOT}docs/comparison.md`;
const RUNS = 5;
/** Fewer are a look at it, and nothing to publish. */
const RUNS_MIN = 3;
/** Between the calls side by side: a rebinding is work for the machine, and no other's may be measured meanwhile. */
const STAGGER_MS = 200;

const { values } = parseArgs({
  options: { runs: { type: 'string', default: String(RUNS) }, only: { type: 'string', default: '' } },
});
const runs = Number(values.runs);
/** Rows by themselves are a look at them: all of a page are measured in one run. */
const settings = SETTINGS.filter(({ name }) => !values.only || values.only.split('; ').includes(name));
const rtpengine = rtpengineVersion();
const missing = whyNot();
if (missing.length > 0) {
  for (const line of missing) console.error(`npm run compare: ${line}`);
  process.exit(2);
}
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.exitCode = await compare();

/** What this machine or the command line lacks. */
function whyNot(): string[] {
  const lab = whyNoLab();
  return [
    ...(Number.isInteger(runs) && runs > 0 ? [] : ['--runs is a whole number from 1']),
    ...(settings.length > 0
      ? []
      : [`--only has names of rows with "; " between them: ${SETTINGS.map(({ name }) => name).join('; ')}`]),
    ...(lab === undefined
      ? []
      : [`${lab} (Debian packages iproute2, nftables, conntrack, tcpdump, python3)`]),
    ...('warning' in rtpengine
      ? [`${rtpengine.warning}; it is the Debian package rtpengine-daemon, or the build at RTPENGINE=PATH`]
      : []),
  ];
}

async function compare(): Promise<number> {
  const startMs = Date.now();
  const load: [number, number] = [loadavg()[0]!, loadavg()[0]!];
  const results: Result[] = [];
  for (let run = 1; run <= runs; run++)
    for (const setting of settings) {
      console.error(`run ${run} of ${runs}: ${setting.name}`);
      results.push(...(await callsOf(setting)));
      load[1] = Math.max(load[1], loadavg()[0]!);
    }
  const tookS = (Date.now() - startMs) / 1000;
  console.log(`\n${printed(results)}\n`);
  const measured = versions();
  for (const [name, version] of measured) console.log(`${name}: ${version}`);
  console.log(`${runs} calls a row, ${Math.round(tookS)} s, load average ${load[0]} to ${load[1]}`);
  if (runs >= RUNS_MIN && settings.length === SETTINGS.length) {
    const date = new Date().toISOString().slice(0, 10);
    const machine = { load, cores: cpus().length, niceness: getPriority() };
    const text = documentOf(results, { date, versions: measured, runs, tookS, ...machine });
    // The page in the repository is about what everybody can install.
    if (process.env.RTPENGINE) console.log(`\n${text}`);
    else writeFileSync(DOCUMENT, text);
    if (!process.env.RTPENGINE) console.log('written to docs/comparison.md');
  }
  return judge(results);
}

/** One call in each scene, side by side. What takes its time before them is done before any of them begins. */
async function callsOf(setting: Setting): Promise<Result[]> {
  const calls: { scene: string; call: Call }[] = [];
  try {
    for (const { attacked, quiet } of GROUPS)
      for (const scene of [attacked, ...(quiet ? [quiet] : [])])
        calls.push({ scene: scene.name, call: new Call(setting, scene) });
    await Promise.all(calls.map(({ call }) => call.prepare()));
    return await Promise.all(
      calls.map(async ({ scene, call }, i) => {
        await new Promise((resolve) => setTimeout(resolve, i * STAGGER_MS));
        return { setting: setting.name, scene, tally: await call.run() };
      }),
    );
  } finally {
    for (const { call } of calls) call.close();
  }
}

function judge(results: readonly Result[]): number {
  const failures = OURS.flatMap(([, name]) => failuresOf(name, results).map((line) => `${name}: ${line}`));
  for (const line of failures) console.log(`failed: ${line}`);
  const blunt = GROUPS.filter(
    ({ attacked }) => !results.some(({ scene, tally }) => scene === attacked.name && tally.stolen > 0),
  );
  for (const { title } of blunt) console.log(`the attack stole from nobody, and so shows nothing: ${title}`);
  if (failures.length > 0 || blunt.length > 0) return 1;
  console.log('latchkey: 0 stolen, 0 injected, 0 refused, media back in every call');
  return 0;
}

function versions(): [string, string][] {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout;
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const firstLine = (program: string) =>
    execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0]!.trim();
  return [
    [
      'rtpengine',
      `${'version' in rtpengine ? rtpengine.version : 'none'}, userspace forwarding (\`--table=-1\`)`,
    ],
    ['latchkey', commit ? `${version}, commit ${commit.trim()}` : version],
    ['Node', process.version],
    ['kernel', `Linux ${release()}`],
    ['system', system ?? 'unknown'],
    ['nftables', firstLine('nft')],
    ['conntrack', firstLine('conntrack')],
  ];
}

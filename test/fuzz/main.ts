// npm run fuzz: every target in turn, its kept corpus first. Without options all share one minute under a fixed seed, as
// CI has it. `--target NAME --minutes N` goes on for longer, `--seed N` repeats a run, `--keep` writes the smallest
// inputs that reach everything back to fixtures/fuzz. Ends with 1 where anything was found.
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { bundleTarget } from './bundle.js';
import { readCorpus, writeCorpus, writeFinding } from './corpus.js';
import { SHARED_BYTES, SHARED_HEAD_BYTES } from './loop.js';
import type { Finding, Job, Message, Outcome } from './loop.js';
import { TARGETS } from './targets.js';

const CI_SECONDS = 60;
const CI_SEED = 1;
/** An input that takes so long does not end. */
const HANG_MS = 30_000;
/** Of all targets together: a repository is no archive. */
const CORPUS_BYTES = 240_000;

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    files: { type: 'boolean', default: false },
  },
});
const all = Object.keys(TARGETS);
const names = values.target ?? all;
const unknown = names.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`unknown target "${unknown}": one of ${all.join(', ')}`);
  process.exit(2);
}
const totalSeconds = Number(
  values.seconds ?? (values.minutes === undefined ? CI_SECONDS : Number(values.minutes) * 60),
);
const seed = Number(values.seed ?? (values.minutes === undefined ? CI_SEED : Date.now() % 2 ** 31));
if (!(totalSeconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('--minutes, --seconds and --seed are numbers');
  process.exit(2);
}
console.log(`seed ${seed}, ${Math.round(totalSeconds / names.length)} s for each of ${names.length} targets`);

let findings = 0;
for (const name of names) {
  const found = await fuzzTarget(name, (totalSeconds * 1000) / names.length);
  findings += found;
}
if (findings > 0) console.log(`${findings} found: see fixtures/fuzz/*/crash-*.txt`);
process.exit(findings > 0 ? 1 : 0);

async function fuzzTarget(name: string, durationMs: number): Promise<number> {
  const bundle = await bundleTarget(root, name, TARGETS[name]!);
  const { counters, files } = bundle;
  const shared = new SharedArrayBuffer(SHARED_HEAD_BYTES + SHARED_BYTES);
  const corpus = readCorpus(root, name);
  const job: Job = { root, seed, durationMs, counters, files, corpus, shared };
  const { outcome, found } = await watch(bundle.path, job);
  rmSync(bundle.path);
  for (const { reason, bytes } of found) {
    const path = writeFinding(root, name, bytes, reason);
    console.log(`  ${relative(root, path)}: ${bytes.length} bytes, ${reason}`);
  }
  if (!outcome) return found.length;
  const { executions, seconds, hits } = outcome;
  const perSecond = Math.round(executions / seconds);
  const kept = `${outcome.corpus.length} inputs reach it`;
  console.log(
    `${name}: ${executions} executions, ${perSecond} a second, ${hits} of ${counters} counters, ${kept}`,
  );
  if (values.files)
    for (const { file, hits: reached, counters: all } of outcome.files)
      console.log(`  ${file} ${reached}/${all}`);
  if (values.keep) writeCorpus(root, name, outcome.corpus, CORPUS_BYTES / all.length);
  return found.length;
}

/** Runs the loop in a worker, and ends it where one input does not end. */
function watch(path: string, job: Job): Promise<{ outcome: Outcome | undefined; found: Finding[] }> {
  const worker = new Worker(path, { workerData: job, execArgv: [] });
  const head = new Int32Array(job.shared, 0, 2);
  const found: Finding[] = [];
  let outcome: Outcome | undefined;
  let last = -1;
  return new Promise((resolve, reject) => {
    const watchdog = setInterval(() => {
      const now = Atomics.load(head, 0);
      if (now === last) {
        const bytes = new Uint8Array(job.shared, SHARED_HEAD_BYTES, head[1]).slice();
        found.push({ reason: `hang: more than ${HANG_MS / 1000} s`, bytes });
        void worker.terminate();
      }
      last = now;
    }, HANG_MS);
    worker.on('message', (message: Message) => {
      if ('finding' in message) found.push(message.finding);
      else outcome = message.outcome;
    });
    worker.on('error', (error) => {
      clearInterval(watchdog);
      reject(error);
    });
    worker.on('exit', () => {
      clearInterval(watchdog);
      resolve({ outcome, found });
    });
  });
}

// npm run bench -- --against COMMIT: this checkout beside another commit of it, in rotation in one run. In each round both,
// and this one a second time as the control, run in fresh processes; within it they take turns, a fraction of a second
// each, so that whatever else the machine does falls on all alike. It judges nothing: what is said is the ratio of each round.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { checkOut, here } from './checkout.js';
import { openForwarder } from './forwarding.js';
import type { Mode } from './forwarder.js';
import { QUESTIONS } from './questions.js';
import type { Answer, Question } from './questions.js';
import { median, spreadOf } from './statistics.js';

const SUBJECTS = ['here', 'there', 'control'] as const;
type Subject = (typeof SUBJECTS)[number];
type PerSubject<T> = Readonly<Record<Subject, T>>;

const TURNS = 5;
const MODES: readonly Mode[] = ['plain', 'bind', 'guard'];
const NAMES: Readonly<Record<Question | Mode, string>> = {
  call: 'a call, from its offer to verified, both ends, µs',
  packet: 'an accepted packet, bind, µs',
  packetOfMany: 'an accepted packet, bind, 500 calls on a port, µs',
  guarded: 'an accepted packet, guard, µs',
  copy: 'a copy in a room of eleven, µs',
  heap: 'a verified call at the server, bytes of heap',
  plain: 'forwarded by plain dgram, µs',
  bind: 'forwarded by bind, µs',
  guard: 'forwarded by guard, µs',
};

/** The cost of one thing in each round. */
type Costs = Map<Question | Mode, PerSubject<number>[]>;

export async function compareWith(commit: string, rounds: number): Promise<void> {
  const there = checkOut(commit);
  const roots: PerSubject<string> = { here, there, control: here };
  const costs: Costs = new Map();
  const refusals = new Map<Question, string>();
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`\rround ${round + 1} of ${rounds} `);
    // Whoever starts first pays a little more for everything: in each round it is another.
    const order = rotated(round);
    await askSubjects(roots, order, costs, refusals);
    await forward(roots, order, costs);
  }
  process.stderr.write('\r');
  print(commit, costs, refusals);
}

function rotated(by: number): readonly Subject[] {
  return SUBJECTS.map((_, i) => SUBJECTS[(by + i) % SUBJECTS.length] ?? 'here');
}

async function startAll<T>(
  roots: PerSubject<string>,
  order: readonly Subject[],
  start: (root: string) => T | Promise<T>,
): Promise<PerSubject<T>> {
  const started = new Map<Subject, T>();
  for (const subject of order) started.set(subject, await start(roots[subject]));
  return Object.fromEntries(started) as Record<Subject, T>;
}

/** In turns, beginning with another each time, after one turn that does not count. */
async function inTurns<T>(
  processes: PerSubject<T>,
  turns: number,
  measure: (of: T) => Promise<number>,
): Promise<PerSubject<number>> {
  const seen: PerSubject<number[]> = { here: [], there: [], control: [] };
  for (const subject of SUBJECTS) await measure(processes[subject]);
  for (let turn = 0; turn < turns; turn++)
    for (const subject of rotated(turn)) seen[subject].push(await measure(processes[subject]));
  return { here: median(seen.here), there: median(seen.there), control: median(seen.control) };
}

async function askSubjects(
  roots: PerSubject<string>,
  order: readonly Subject[],
  costs: Costs,
  refusals: Map<Question, string>,
): Promise<void> {
  const processes = await startAll(roots, order, (root) => new SubjectProcess(root));
  for (const question of QUESTIONS) {
    if (refusals.has(question)) continue;
    try {
      // Bytes do not depend on who else is busy.
      const turns = question === 'heap' ? 3 : TURNS;
      note(costs, question, await inTurns(processes, turns, (subject) => subject.ask(question)));
    } catch (error) {
      refusals.set(question, error instanceof Error ? error.message : String(error));
    }
  }
  for (const subject of Object.values(processes)) subject.end();
}

class SubjectProcess {
  readonly #child: ChildProcess;
  readonly #died: Promise<[Answer]>;

  constructor(root: string) {
    const execArgv = ['--import=tsx', '--expose-gc'];
    this.#child = fork(new URL('./subject.ts', import.meta.url), [root], { execArgv });
    this.#died = once(this.#child, 'exit').then(() => [{ refused: 'its process died' }]);
  }

  async ask(question: Question): Promise<number> {
    if (!this.#child.connected) throw new Error('its process died');
    this.#child.send(question);
    const [told] = (await Promise.race([once(this.#child, 'message'), this.#died])) as [Answer];
    if ('refused' in told) throw new Error(told.refused);
    return told.cost;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

async function forward(roots: PerSubject<string>, order: readonly Subject[], costs: Costs): Promise<void> {
  const processes = await startAll(roots, order, (root) => openForwarder(MODES, root));
  for (const mode of MODES)
    note(costs, mode, await inTurns(processes, TURNS, (forwarder) => forwarder.round(mode)));
  for (const forwarder of Object.values(processes)) forwarder.close();
}

function note(costs: Costs, what: Question | Mode, round: PerSubject<number>): void {
  costs.set(what, [...(costs.get(what) ?? []), round]);
}

function print(commit: string, costs: Costs, refusals: ReadonlyMap<Question, string>): void {
  const columns = ['here', commit.slice(0, 12), 'ratio, its spread', 'control, its spread', ''];
  console.log(['CPU of'.padEnd(52), ...columns.map((column) => column.padStart(22))].join('').trimEnd());
  for (const [what, rounds] of costs) {
    const ratio = spreadOf(rounds.map(({ here, there }) => here / there));
    const control = spreadOf(rounds.map(({ here, control }) => control / here));
    const isWithin = ratio.median >= control.least && ratio.median <= control.most;
    const cells = [
      figure(median(rounds.map(({ here }) => here))),
      figure(median(rounds.map(({ there }) => there))),
      ...[ratio, control].map(
        ({ median, least, most }) => `${median.toFixed(3)} (${least.toFixed(3)}-${most.toFixed(3)})`,
      ),
      isWithin ? 'within' : ratio.median < control.least ? 'cheaper' : 'dearer',
    ];
    console.log([NAMES[what].padEnd(52), ...cells.map((cell) => cell.padStart(22))].join(''));
  }
  for (const [what, why] of refusals) console.log(`${NAMES[what].padEnd(52)}  not to be compared: ${why}`);
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(3);
}

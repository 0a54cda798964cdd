// An attacker of the lab that runs: attacker-run.mjs on a host, told when to end and where to aim. It judges nothing.
import { fileURLToPath } from 'node:url';
import type { Attack } from './attack-verdict.js';
import { jsonLines } from './json-lines.js';
import { SERVER } from './lab.js';
import type { HostName, Lab } from './lab.js';

const PROGRAM = fileURLToPath(new URL('attacker-run.mjs', import.meta.url));

/** As attacker-run.mjs has it. */
export interface AttackPlan {
  readonly range: readonly [number, number];
  /** Undefined: what attacks one port waits to be told which. */
  readonly target?: number | undefined;
  readonly shapes: readonly string[];
  readonly seconds: number;
  readonly inTurn?: boolean;
  readonly tap?: readonly string[];
  readonly late?: {
    readonly localPort: number;
    readonly sequence: number;
    readonly timestamp: number;
    readonly ssrc: number;
  };
}

export interface RunningAttack {
  /** Fulfilled with what it did, when its program has ended. */
  readonly ended: Promise<Attack>;
  stop(): Promise<Attack>;
  /** The shapes that attack one port attack this one from now on. */
  aim(port: number): void;
}

/** Fulfilled when it runs. It ends by itself, or when it is told to. */
export async function startAttack(
  lab: Lab,
  place: HostName,
  phase: string,
  plan: AttackPlan,
): Promise<RunningAttack> {
  const child = lab.spawn(place, process.execPath, PROGRAM, JSON.stringify({ server: SERVER, ...plan }));
  const lines = jsonLines(child);
  await lines.has('ready');
  const startMs = Date.now();
  const note = async (): Promise<Attack> => {
    const { shapes } = await lines.has('done');
    const endMs = Date.now();
    await lines.end;
    return { phase, startMs, endMs, shapes: shapes as Attack['shapes'] };
  };
  const ended = note();
  const stop = () => {
    child.stdin?.write('stop\n');
    return ended;
  };
  return { ended, stop, aim: (port) => void child.stdin?.write(`aim ${port}\n`) };
}

// Network namespaces by the dozen: made and deleted in one go, told apart by the process that owns them, and cleared away
// where that process is dead. It touches no namespace but those of this name.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Debian's iproute2 keeps the names here. */
const NAMES = '/run/netns';
const OWNED = /^lk(\d+)\.(\d+)-/;

let count = 0;

/** Begins the names of one set of namespaces of this process. */
export function newPrefix(): string {
  return `lk${process.pid}.${startOf(process.pid) ?? 0}-${count++}-`;
}

/** One command of `ip` a line. Throws with what `ip` says where one fails. */
export function ipBatch(lines: readonly string[], namespace?: string): void {
  const options = namespace === undefined ? [] : ['-n', namespace];
  execFileSync('ip', [...options, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

/** Ends what runs in these namespaces, and deletes them: whatever of them is there. */
export function deleteNamespaces(names: readonly string[]): void {
  const present = names.filter((name) => existsSync(`${NAMES}/${name}`));
  if (present.length === 0) return;
  const inodes = new Set(present.map((name) => statSync(`${NAMES}/${name}`).ino));
  for (const pid of processesIn(inodes)) signal(pid);
  const lines = present.map((name) => `netns delete ${name}`).join('\n');
  spawnSync('ip', ['-force', '-batch', '-'], { input: `${lines}\n`, stdio: ['pipe', 'ignore', 'ignore'] });
}

/** Deletes what processes left behind that did not live to do it; returns the names. */
export function deleteOrphans(): readonly string[] {
  const names = existsSync(NAMES) ? readdirSync(NAMES) : [];
  const orphans = names.filter((name) => {
    const [, pid, start] = OWNED.exec(name) ?? [];
    return pid !== undefined && startOf(Number(pid)) !== start;
  });
  deleteNamespaces(orphans);
  return orphans;
}

/** The names that this process and living others have now. */
export function ownedNames(): readonly string[] {
  return existsSync(NAMES) ? readdirSync(NAMES).filter((name) => OWNED.test(name)) : [];
}

/** When a process started, in ticks since the machine did: its number alone may have been given to another one since. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name is in brackets and may hold anything: field 22 is the 20th behind it (proc(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function processesIn(inodes: ReadonlySet<number>): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => inodes.has(networkOf(pid)));
}

function networkOf(pid: number): number {
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
  } catch {
    return NaN;
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

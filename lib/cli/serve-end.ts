// When `latchkey serve` ends, and when it reads its files again: signals, the end of its time, a reader or an npx that is gone. It
// ends nothing itself.

/** How often is looked whether npx is still there. */
const PARENT_EVERY_MS = 500;

export interface ServeEnd {
  /**
   * Fulfilled by the first of SIGTERM and SIGINT, by the end of the time, when nobody reads our output any more, when the terminal
   * or the npx that started us is gone. `isAsked`: by a signal that leaves calls the time to end.
   */
  readonly first: Promise<{ readonly isAsked: boolean }>;
  /** Fulfilled by another SIGTERM or SIGINT. A third ends the process as the system would. */
  readonly second: Promise<void>;
}

/** @param onReload SIGHUP has come, and no terminal of ours was closed. */
export function watchForEnd(durationMs: number | undefined, onReload: () => void): ServeEnd {
  let endFirst: (how: { isAsked: boolean }) => void = () => undefined;
  let endSecond: () => void = () => undefined;
  const first = new Promise<{ isAsked: boolean }>((resolve) => (endFirst = resolve));
  const second = new Promise<void>((resolve) => (endSecond = resolve));
  let signals = 0;
  const onSignal = () => {
    signals++;
    if (signals === 1) return endFirst({ isAsked: true });
    endSecond();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onSignal);
    return undefined;
  };
  const end = () => endFirst({ isAsked: false });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  // A closed terminal says it by this signal; a supervisor asks by it to read the files again.
  process.on('SIGHUP', process.stdin.isTTY ? end : onReload);
  process.stdout.once('error', end);
  if (durationMs !== undefined) setTimeout(end, durationMs);
  watchNpx(() => endFirst({ isAsked: true }));
  return { first, second };
}

/**
 * npx starts a command by a shell, and hands a SIGTERM on to that alone: the shell dies of it, and the command would go on with nobody
 * to end it. Who was not started by npx may outlive whoever did.
 */
function watchNpx(onGone: () => void): void {
  if (process.env['npm_command'] === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_EVERY_MS);
}

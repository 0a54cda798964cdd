/**
 * Exceptions of the application's, in what sip.js calls through this plugin: told as `fault` by the latchkey of the call, with their stack.
 */
import type { Latchkey } from '../../lib/index.js';

/** Where nobody listens it becomes a warning of the process. */
export function tellFault(latchkey: Latchkey, error: unknown): void {
  if (latchkey.listenerCount('fault') > 0) latchkey.emit('fault', error);
  else process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
}

/** Calls a callback of the application's. What it throws is told and thrown on; what it rejects with, later, is told. */
export function callBack(latchkey: Latchkey, call: () => unknown): void {
  try {
    const done = call();
    if (done instanceof Promise) done.catch((error: unknown) => tellFault(latchkey, error));
  } catch (error) {
    tellFault(latchkey, error);
    throw error;
  }
}

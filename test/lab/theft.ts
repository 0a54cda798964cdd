// A stolen or an injected packet fails a test of the lab at once: its retries are for set-up and timing, and never for this.
import assert from 'node:assert/strict';

let running: Mocha.Test | undefined;

beforeEach(function () {
  running = this.currentTest;
});

/** @param packets What should not have been where it was, in words; none where all is well. */
export function assertNoTheft(packets: readonly string[], where: string): void {
  if (packets.length === 0) return;
  running?.retries(0);
  assert.fail(`${where}: ${packets.length} packets: ${packets.slice(0, 3).join('; ')}`);
}

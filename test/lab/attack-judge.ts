// What is asked of every attacked session: nothing stolen, nothing injected. It fails, where the verdict only counts.
import assert from 'node:assert/strict';
import type { AttackScene } from './attack-scene.js';
import { heard, rowsOf, stolenAt, towardsAttackers } from './attack-verdict.js';
import type { Captures } from './attack-verdict.js';
import { CLIENT } from './lab.js';
import { assertNoTheft } from './theft.js';

/** Those that follow the victim's packets come last. */
export const SHAPES = [
  'scan',
  'odd-ports',
  'spray',
  'burst',
  'client-hello',
  'bad-srtp',
  'late',
  'follow',
  'reports',
];
/** For an attack that is told when to end. */
export const AMPLE_S = 20;

export function show(title: string, rows: readonly object[]): void {
  if (process.env.LAB_TABLE !== '1') return;
  console.log(title);
  console.table(rows);
}

/** Nothing stolen and nothing injected, at any place where it could be seen, while the victim heard what it was to hear. */
export function assertNothing(
  { place, placeAddress, attacks }: AttackScene,
  captures: Captures,
  { phases, shapes }: { readonly phases: number; readonly shapes: readonly string[] },
): void {
  const rows = rowsOf(attacks, captures, placeAddress, true);
  show(`latchkey, attacked from ${place}`, rows);
  assert.equal(rows.length, phases * shapes.length);
  for (const { phase, shape, sent, stolen, injected } of rows) {
    assert.ok(sent > 0, `${shape} ${phase} attacked`);
    const lost = stolen + injected === 0 ? [] : [`${stolen} stolen, ${injected} injected`];
    assertNoTheft(lost, `${shape} ${phase}`);
  }
  const taken = stolenAt(captures.attacker, placeAddress).map(() => 'RTP');
  assertNoTheft(taken, 'at the attacker, on whatever socket');
  const seen = towardsAttackers(captures.server);
  show(`at the server, attacked from ${place}`, [seen]);
  assert.ok(seen.paths > shapes.length && seen.challenges > 0, 'the server met the attackers');
  assert.equal(seen.payload, 0, 'at the server');
  assert.ok(seen.ratio <= 3, `bytes to an attacker per byte from it: ${seen.ratio}`);
  for (const { phase, startMs, endMs } of attacks)
    assert.ok(heard(captures.parties[0]!, CLIENT, startMs, endMs) > 25, `media to the client ${phase}`);
}

// P12 of protocol.md in small: what a keyless phone is promised, held by whole calls with a few of the attacks of `npm run odds`.
import assert from 'node:assert/strict';
import {
  isMember,
  noAttack,
  sweepsFresh,
  sweepsFromOne,
  sweepsSteadily,
  talks,
  type Attack,
  type Position,
} from './attack.js';
import { playCell, type Cell } from './cell.js';
import { BLIND, EVIDENCE } from './engine-server.js';
import type { PhoneName } from './phone.js';

const PACKETS_PER_S = 25_000;

const shapesFrom = (position: Position): readonly Attack[] => [
  talks({ position, start: 'told' }),
  sweepsFromOne({ position, start: 'before', packetsPerS: PACKETS_PER_S }),
  sweepsFromOne({ position, start: 'told', packetsPerS: PACKETS_PER_S, flips: true }),
  sweepsSteadily({ position, start: 'before', packetsPerS: PACKETS_PER_S, talks: true }),
  sweepsFresh({ position, start: 'before', packetsPerS: PACKETS_PER_S }),
  isMember(position),
];

function play(attack: Attack, phone: PhoneName, calls = 4): Cell {
  return playCell({ server: EVIDENCE, attack, phone, calls, seed: 1 });
}

const taken = ({ stolen, injected }: Cell) => [stolen.packets, injected.packets];
const harmed = ({ over1s, lost }: Cell) => [over1s, lost];

describe('the odds: evidence (protocol.md 8.3, P12)', () => {
  it('a quiet call costs one question, none where the SSRC is announced, and a rebinding at most 130 ms', () => {
    const asked: Partial<Record<PhoneName, number>> = { moves: 1, announces: 0, refuses: 1 };
    for (const [phone, questions] of Object.entries(asked)) {
      const cell = play(noAttack, phone as PhoneName, 6);
      assert.deepEqual(
        [taken(cell), harmed(cell)],
        [
          [0, 0],
          [0, 0],
        ],
        phone,
      );
      assert.equal(cell.questions, 6 * questions, phone);
      assert.deepEqual([cell.contests.unresolved, cell.conflicts], [0, 0], phone);
      assert.ok(cell.gapMs <= 130, `${phone}: ${cell.gapMs} ms`);
    }
  });

  for (const phone of ['moves', 'announces', 'dtx', 'late', 'refuses', 'silent'] as const)
    it(`from elsewhere nothing is stolen or injected, and nobody harmed: the phone ${phone}`, () => {
      for (const attack of shapesFrom('elsewhere')) {
        const cell = play(attack, phone);
        assert.deepEqual(taken(cell), [0, 0], attack.name);
        if (phone !== 'silent') assert.deepEqual(harmed(cell), [0, 0], attack.name);
      }
    });

  for (const phone of ['moves', 'announces', 'dtx'] as const)
    it(`a neighbour behind the same NAT gets nothing, and media is there within 1 s: the phone ${phone}`, () => {
      for (const attack of shapesFrom('neighbour')) {
        const cell = play(attack, phone);
        assert.deepEqual(
          [taken(cell), harmed(cell)],
          [
            [0, 0],
            [0, 0],
          ],
          attack.name,
        );
      }
    });

  it('a phone that speaks late gets its call back from who sprayed the port of its question', () => {
    const cell = play(
      sweepsFresh({ position: 'neighbour', start: 'before', packetsPerS: PACKETS_PER_S }),
      'late',
      8,
    );
    assert.deepEqual(harmed(cell), [0, 0]);
  });

  it('blind latching loses the same calls', () => {
    for (const position of ['elsewhere', 'neighbour'] as const) {
      const attack = talks({ position, start: 'told' });
      const cell = playCell({ server: BLIND, attack, phone: 'moves', calls: 6, seed: 1 });
      assert.ok(cell.stolen.packets > 1000);
    }
  });
});

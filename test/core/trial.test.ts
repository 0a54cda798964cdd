// protocol.md 5.11 as a table: what becomes of a candidate, by what it and the path in use have said.
import assert from 'node:assert/strict';
import {
  AskedPath,
  askScheduleMs,
  decideTrial,
  MAX_KEPT_PACKETS,
  switchMs,
  Trial,
  rankMs,
  TrialHistory,
  type OldPathState,
  type TrialDecision,
  type TrialState,
} from '../../lib/core/path/trial.js';
import { VerifiedPath } from '../../lib/core/path/verified-path.js';
import { CANDIDATE_SCHEDULE_MS, Challenge } from '../../lib/core/proof/challenge.js';

const at = (port: number) => ({ address: '198.51.100.1', port });
const socket = { local: { address: '203.0.113.1', port: 40_000 } };
const otherSocket = { local: { address: '203.0.113.1', port: 40_002 } };
const to = (port: number) => ({ port: socket, remote: at(port) });
const random = { fill: (bytes: Uint8Array) => void bytes.fill(0) };

const unanswered: TrialState = {
  answer: undefined,
  endsMs: 4700,
  givesWay: false,
  rankMs: 100,
  isNominatedAbove: false,
  mayStandBy: false,
  old: undefined,
};
const answer = { atMs: 110, rttMs: 10 };
const answered: TrialState = { ...unanswered, answer };
const old: OldPathState = { rttMs: 10, rankMs: 0, answeredForCandidate: false, asked: undefined };
const silent: OldPathState = { ...old, asked: { atMs: 100, isCautious: false, isAnswered: false } };
const cautious: OldPathState = { ...old, asked: { atMs: 100, isCautious: true, isAnswered: false } };
const alive: OldPathState = { ...old, asked: { atMs: 100, isCautious: false, isAnswered: true } };

describe('rule 5.11: the decision', () => {
  const table: readonly [string, TrialState, number, TrialDecision][] = [
    ['it has not answered yet', unanswered, 4699, 'wait'],
    ['it has not answered in time (5.2)', unanswered, 4700, 'forget'],
    ['nor has it where the path in use is there', { ...unanswered, old: alive }, 200, 'wait'],
    ['no path is in use', answered, 110, 'switch'],
    [
      'no path is in use, but another candidate may be the peer',
      { ...answered, givesWay: true },
      139,
      'wait',
    ],
    ['and that one has not come', { ...answered, givesWay: true }, 140, 'switch'],
    ['the path in use was not asked about it', { ...answered, old }, 500, 'ask'],
    ['the path in use is silent, but not for long', { ...answered, old: silent }, 129, 'wait'],
    ['the path in use has been silent for 30 ms', { ...answered, old: silent }, 130, 'switch'],
    ['1.5 of its round trips are longer', { ...answered, old: { ...silent, rttMs: 60 } }, 189, 'wait'],
    ['and over', { ...answered, old: { ...silent, rttMs: 60 } }, 190, 'switch'],
    [
      'its own round trip is longer',
      { ...answered, answer: { ...answer, rttMs: 60 }, old: silent },
      189,
      'wait',
    ],
    [
      'silent, and another candidate may be the peer',
      { ...answered, givesWay: true, old: silent },
      159,
      'wait',
    ],
    ['and that one has not come either', { ...answered, givesWay: true, old: silent }, 160, 'switch'],
    ['within a minute of a conflict', { ...answered, old: cautious }, 2099, 'wait'],
    ['silent for 2 s', { ...answered, old: cautious }, 2100, 'switch'],
    ['both answer', { ...answered, old: alive }, 111, 'conflict'],
    ['both answer, late', { ...answered, old: alive }, 5000, 'conflict'],
    ['both answer, the candidate verified first', { ...answered, rankMs: -1, old: alive }, 111, 'return'],
    ['both answer, verified at once', { ...answered, rankMs: 0, old: alive }, 111, 'conflict'],
    [
      'the old path answered for it',
      { ...answered, old: { ...silent, answeredForCandidate: true } },
      111,
      'conflict',
    ],
    ['both answer, as a peer with ICE may', { ...answered, mayStandBy: true, old: alive }, 111, 'stand-by'],
    ['a peer with ICE has moved', { ...answered, mayStandBy: true, old: silent }, 130, 'switch'],
    [
      'ICE nominated it above the path in use',
      { ...answered, isNominatedAbove: true, old: alive },
      110,
      'prefer',
    ],
    ['the same, before it answers', { ...unanswered, isNominatedAbove: true, old: alive }, 110, 'wait'],
  ];
  for (const [name, state, nowMs, decision] of table)
    it(`${decision}: ${name}`, () => assert.equal(decideTrial(state, nowMs), decision));

  it('is not made before the candidate has answered', () => {
    assert.equal(switchMs(unanswered), Infinity);
  });
});

describe('rule 5.11: the path in use, while it is asked', () => {
  const challenge = (scheduleMs: readonly number[]): Challenge =>
    new Challenge(to(1), new Uint8Array(12), new Uint8Array(16), new Uint8Array(116), scheduleMs);
  const path = (): VerifiedPath =>
    new VerifiedPath(to(1), { rttMs: 10, serverSeenAs: at(9) }, 0, -1, 0, random);

  it('is asked at once and again 15 ms later, or as rule 5.2 has it within a minute of a conflict', () => {
    for (const [isCautious, dueMs] of [
      [false, [0, 15]],
      [true, CANDIDATE_SCHEDULE_MS],
    ] as const) {
      const asked = new AskedPath(path(), challenge(askScheduleMs(isCautious)), isCautious);
      const sentMs: number[] = [];
      for (let nowMs = 0; nowMs < 5000; nowMs++) if (asked.takeTransmission(nowMs)) sentMs.push(nowMs);
      assert.deepEqual(sentMs, dueMs);
      assert.equal(asked.nextMs, Infinity);
    }
  });

  it('is asked no more when it has answered', () => {
    const asked = new AskedPath(path(), challenge(askScheduleMs(false)), false);
    assert.ok(asked.takeTransmission(0));
    asked.noteAnswer(5);
    assert.equal(asked.takeTransmission(15), undefined);
    assert.equal(asked.path.consent.lastResponseMs, 5, 'and that is consent too');
    assert.equal(asked.path.rttMs, 5);
  });

  it('the newest sixteen packets to it are kept, and the first sixteen from the candidate', () => {
    const asked = new AskedPath(path(), challenge(askScheduleMs(false)), false);
    const packet = (i: number): Uint8Array => Uint8Array.of(i);
    for (let i = 1; i <= 20; i++) {
      asked.keepSent(packet(i));
      assert.equal(asked.keepArrived(packet(i)), i <= MAX_KEPT_PACKETS);
    }
    assert.deepEqual([asked.sent[0]?.[0], asked.sent.at(-1)?.[0]], [5, 20]);
    const arrived = asked.takeArrived();
    assert.deepEqual([arrived.length, arrived[0]?.[0]], [16, 1]);
    assert.deepEqual(asked.takeArrived(), []);
  });

  it('a question about a path that is no longer in use does not count', () => {
    const trial = new Trial();
    const [former, active] = [path(), path()];
    trial.asked = new AskedPath(former, challenge(askScheduleMs(false)), false);
    assert.equal(trial.oldPath(active).asked, undefined);
    assert.equal(trial.oldPath(former).asked, trial.asked);
  });
});

describe('rule 5.11: what is remembered from trial to trial', () => {
  it('caution lasts for 60 s after a conflict', () => {
    const history = new TrialHistory();
    assert.equal(history.isCautious(0), false);
    history.noteConflict(1000);
    assert.equal(history.isCautious(60_999), true);
    assert.equal(history.isCautious(61_000), false);
  });

  it('a path left keeps its rank for 30 s', () => {
    const history = new TrialHistory();
    history.noteLeft(to(1), 5, 1000);
    assert.equal(rankMs(history, to(1), new Trial(), 30_999), 5);
    assert.equal(rankMs(history, to(1), new Trial(), 31_000), 31_000);
    assert.equal(rankMs(history, to(2), new Trial(), 1000), 1000);
    const elsewhere = { port: otherSocket, remote: at(1) };
    assert.equal(rankMs(history, elsewhere, new Trial(), 1000), 1000, 'the same address at another socket');
  });

  it('a path whose challenge was answered from elsewhere first counts as verified 5 s later', () => {
    const history = new TrialHistory();
    const trial = new Trial();
    trial.noteRelayedAnswer(at(3));
    assert.equal(rankMs(history, to(2), trial, 1000), 6000);
    history.noteLeft(to(2), 5, 1000);
    assert.equal(rankMs(history, to(2), trial, 1000), 5, 'one that was left has its rank already');
  });

  it('paths left are a bounded number, the oldest forgotten first', () => {
    const history = new TrialHistory();
    for (let port = 1; port <= 9; port++) history.noteLeft(to(port), -port, 0);
    assert.equal(rankMs(history, to(1), new Trial(), 0), 0);
    assert.equal(rankMs(history, to(9), new Trial(), 0), -9);
    history.noteLeft(to(9), -4, 0);
    assert.equal(rankMs(history, to(9), new Trial(), 0), -4, 'noted again, not twice');
    assert.equal(rankMs(history, to(2), new Trial(), 0), -2);
    history.forgetPaths();
    assert.equal(rankMs(history, to(9), new Trial(), 0), 0);
  });
});

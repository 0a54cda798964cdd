// The places that candidates take: protocol.md 5.4 and 5.9.
import assert from 'node:assert/strict';
import {
  ADMISSIONS_PER_SECOND,
  Candidate,
  CandidateTable,
  MAX_CANDIDATES,
} from '../../lib/core/path/candidate.js';
import { CANDIDATE_SCHEDULE_MS, Challenge } from '../../lib/core/proof/challenge.js';

const socket = { local: { address: '203.0.113.1', port: 40_000 } };
let port = 1000;
function candidate(sign: Partial<Candidate> = {}, nowMs = 0): Candidate {
  const path = { port: socket, remote: { address: '198.51.100.1', port: port++ } };
  const challenge = new Challenge(
    path,
    new Uint8Array(12),
    new Uint8Array(16),
    new Uint8Array(116),
    CANDIDATE_SCHEDULE_MS,
  );
  return Object.assign(new Candidate(path, challenge, nowMs), sign);
}

describe('candidates (protocol.md 5.9)', () => {
  it('8 at a time: media with an unknown SSRC displaces nobody', () => {
    const table = new CandidateTable();
    for (let i = 0; i < MAX_CANDIDATES; i++) assert.ok(table.admit(candidate(), -1, 0).isAdmitted);
    assert.equal(table.admit(candidate(), -1, 0).isAdmitted, false);
  });

  it('the better displaces the worse: a fresh hello before known media before all else, stale hellos included', () => {
    const table = new CandidateTable();
    const stale = candidate({ counter: 1 });
    assert.ok(table.admit(stale, 7, 0).isAdmitted);
    for (let i = 1; i < MAX_CANDIDATES; i++) table.admit(candidate({ isKnownMedia: true }), 7, 0);
    const media = candidate({ isKnownMedia: true });
    assert.equal(table.admit(media, 7, 0).displaced, stale);
    assert.equal(table.admit(candidate({ isKnownMedia: true }), 7, 0).isAdmitted, false);
    const hello = candidate({ counter: 8 });
    assert.ok(table.admit(hello, 8, 0).displaced?.isKnownMedia);
    assert.equal(table.admit(candidate({ counter: 6 }), 8, 0).isAdmitted, false, 'stale hello');
  });

  it('a proven candidate and one that has answered are displaced by nothing (protocol.md 5.3)', () => {
    const table = new CandidateTable();
    for (let i = 0; i < MAX_CANDIDATES; i++) {
      const one = candidate(i % 2 ? { isProven: true } : {});
      if (i % 2 === 0) one.trial.noteAnswer(one.challenge, { address: '203.0.113.1', port: 1 }, 0);
      table.admit(one, 9, 0);
    }
    assert.equal(table.admit(candidate({ counter: 9 }), 9, 0).isAdmitted, false);
  });

  it('20 admitted in any second, and displacing is no admission', () => {
    const table = new CandidateTable();
    let admitted = 0;
    for (let i = 0; i < 100; i++) {
      const newcomer = candidate({}, i * 9);
      if (!table.admit(newcomer, -1, i * 9).isAdmitted) continue;
      admitted++;
      table.remove(newcomer);
    }
    assert.equal(admitted, ADMISSIONS_PER_SECOND);
    const victim = candidate();
    assert.ok(table.admit(victim, -1, 1000).isAdmitted);
    for (let i = 0; i < 19; i++) {
      const newcomer = candidate();
      if (table.admit(newcomer, -1, 1000 + i).isAdmitted) table.remove(newcomer);
    }
    const known = candidate({ isKnownMedia: true });
    const { isAdmitted, displaced } = table.admit(known, -1, 1020);
    assert.ok(isAdmitted || displaced === undefined);
  });

  it('with admissions used up, the better still takes the place of the worse', () => {
    const table = new CandidateTable();
    const first = candidate();
    table.admit(first, -1, 0);
    for (let i = 1; i < ADMISSIONS_PER_SECOND; i++) {
      const passing = candidate();
      table.admit(passing, -1, 0);
      table.remove(passing);
    }
    assert.equal(table.admit(candidate(), -1, 1).isAdmitted, false);
    assert.equal(table.admit(candidate({ isKnownMedia: true }), -1, 1).displaced, first);
  });
});

describe('the budget of an unverified path (protocol.md 5.4)', () => {
  const noFree = (): undefined => assert.fail('no free datagram may be asked for');

  it('sends nothing before enough bytes came, and never more than three times what came', () => {
    const path = candidate();
    assert.equal(path.takeTransmission(0, noFree), undefined);
    assert.ok(path.isBlocked);
    path.noteReceived(12, 0);
    assert.equal(path.takeTransmission(0, noFree), undefined, '36 bytes do not pay for 116');
    path.noteReceived(27, 5);
    assert.ok(path.takeTransmission(5, noFree), '39 bytes received pay for 117');
    assert.equal(path.takeTransmission(105, noFree), undefined);
    path.noteReceived(39, 400);
    assert.ok(path.takeTransmission(400, noFree));
    assert.ok(path.sentBytes <= 3 * path.receivedBytes);
  });

  it('transmissions that came due while bytes were missing are skipped, not made up for', () => {
    const path = candidate();
    path.noteReceived(1000, 0);
    const sent: number[] = [];
    for (const now of [0, 50, 800, 801, 1500, 3100, 4000])
      if (path.takeTransmission(now, noFree)) sent.push(now);
    assert.deepEqual(sent, [0, 800, 1500, 3100]);
  });

  it('is forgotten 4700 ms after the first challenge, or after the last byte while that waits', () => {
    const path = candidate();
    path.noteReceived(12, 1000);
    assert.equal(path.takeTransmission(1000, noFree), undefined);
    assert.equal(path.nextMs, 5700, 'a blocked one wakes only to end');
    path.noteReceived(100, 2000);
    assert.equal(path.endsMs, 6700);
    assert.ok(path.takeTransmission(2000, noFree));
    path.noteReceived(100, 4000);
    assert.equal(path.endsMs, 6700, 'counted from the challenge');
  });

  it('spends the free datagrams of rule 5.7 only where they are granted, and asks again when it is told to', () => {
    const path = candidate({ freeDatagrams: 3 });
    let granted = 0;
    const takeFree = (): number | undefined => (++granted <= 2 ? undefined : 900);
    assert.ok(path.takeTransmission(0, takeFree));
    assert.ok(path.takeTransmission(100, takeFree));
    assert.equal(path.takeTransmission(300, takeFree), undefined);
    assert.equal(path.nextMs, 900);
    granted = 0;
    assert.ok(path.takeTransmission(900, takeFree));
    assert.equal(
      path.takeTransmission(1500, () => assert.fail('there are but three')),
      undefined,
    );
    assert.equal(path.nextMs, path.endsMs);
  });
});

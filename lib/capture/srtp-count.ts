/*
 * How many packets of one source were what as SRTP, and under which suite. It counts what others have judged.
 */
import type { JudgedSrtp, SrtpJudgement } from './srtp-ledger.js';

export class SrtpCount implements Record<SrtpJudgement, number> {
  authentic = 0;
  wrongTag = 0;
  repeated = 0;
  /** Of the last packet that was authentic; until then of the newest key that was agreed on. */
  suite = '';

  add({ judgement, suite }: JudgedSrtp): void {
    this[judgement]++;
    if (judgement === 'authentic' || this.authentic === 0) this.suite = suite;
  }
}

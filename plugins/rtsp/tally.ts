// What the service counts, in one place; who is told is others' business.
import type { RtspReason } from '../../lib/rtsp/index.js';
import type { RtspBoundCounts } from './rtsp-types.js';

export class Tally {
  watched = 0;
  published = 0;
  strayFrames = 0;
  readonly answers: Record<string, number> = {};
  readonly refused: Partial<Record<RtspReason, number>> = {};
  readonly bounds: RtspBoundCounts = {
    ...{ connections: 0, connectionsOfSource: 0, incompleteTime: 0, idle: 0 },
    ...{ pipelined: 0, backlog: 0, wrongPasswords: 0 },
  };
  readonly admission = { admitted: 0, challenged: 0, wrong: 0, refused: 0 };
  readonly punches = { named: 0, silent: 0, disputed: 0, dropped: 0, foreign: 0 };

  countAnswer(status: number): void {
    this.answers[status] = (this.answers[status] ?? 0) + 1;
  }

  countRefused(reason: RtspReason): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }
}

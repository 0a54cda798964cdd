// Verified paths beside the one in use (protocol.md 8.1): so many are remembered, and for so long.
import assert from 'node:assert/strict';
import { StandbyPaths } from '../../lib/core/path/standby-paths.js';
import { VerifiedPath } from '../../lib/core/path/verified-path.js';
import { Prng } from '../support/prng.js';

const socket = { local: { address: '203.0.113.1', port: 40_000 } };
const path = (port: number, nomination = -1): VerifiedPath => {
  const remote = { address: '198.51.100.7', port };
  const answer = { atMs: 0, rttMs: 20, serverSeenAs: socket.local };
  return new VerifiedPath({ port: socket, remote }, answer, 0, nomination, 0, new Prng(1));
};

describe('verified paths that stand by (protocol.md 8.1)', () => {
  it('are the last four, for 30 s each', () => {
    const standbys = new StandbyPaths({ keep: () => undefined, holds: () => true });
    const paths = [1, 2, 3, 4, 5].map((port) => path(port));
    for (const [i, one] of paths.entries()) standbys.add(one, i);
    const known = (nowMs: number): number[] =>
      paths.filter((one) => standbys.find(one, nowMs)).map(({ remote }) => remote.port);
    assert.deepEqual(known(29_999), [2, 3, 4, 5]);
    assert.deepEqual(known(30_002), [4, 5]);
  });

  it('the best is the one nominated with the highest priority, else the newest', () => {
    const standbys = new StandbyPaths({ keep: () => undefined, holds: () => true });
    for (const one of [path(1), path(2)]) standbys.add(one, 0);
    assert.equal(standbys.best(1)?.remote.port, 2);
    for (const one of [path(3, 9), path(4, 7)]) standbys.add(one, 0);
    assert.equal(standbys.best(1)?.remote.port, 3);
    assert.equal(standbys.best(30_000), undefined);
  });
});

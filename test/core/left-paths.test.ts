import assert from 'node:assert/strict';
import { LeftPaths } from '../../lib/core/path/left-paths.js';

const at = (port: number) => ({ address: '198.51.100.1', port });

describe('left paths (protocol.md 5.11)', () => {
  it('keep their rank for 30 s', () => {
    const left = new LeftPaths();
    left.note(at(1), 5, 1000);
    assert.equal(left.rankMs(at(1), 30_999), 5);
    assert.equal(left.rankMs(at(1), 31_000), undefined);
    assert.equal(left.rankMs(at(2), 1000), undefined);
  });

  it('are a bounded number, the oldest forgotten first', () => {
    const left = new LeftPaths();
    for (let port = 1; port <= 9; port++) left.note(at(port), port, 0);
    assert.equal(left.rankMs(at(1), 0), undefined);
    assert.equal(left.rankMs(at(9), 0), 9);
    left.note(at(9), 4, 0);
    assert.equal(left.rankMs(at(9), 0), 4, 'noted again, not twice');
    assert.equal(left.rankMs(at(2), 0), 2);
    left.clear();
    assert.equal(left.rankMs(at(9), 0), undefined);
  });
});

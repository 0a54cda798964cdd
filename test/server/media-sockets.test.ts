import assert from 'node:assert/strict';
import { openMediaSockets } from '../../lib/server/media-sockets.js';

const address = '127.0.0.1';

/** A range below those that the system chooses from; others may hold some of it. */
function range(pairs: number): { kind: 'range'; low: number; high: number } {
  const low = 10_001 + 2 * Math.floor(Math.random() * 10_000);
  return { kind: 'range', low, high: low + 2 * pairs };
}

describe('the media sockets of serve', () => {
  it('are one pair for all with a port, the next one for RTCP', async () => {
    const sockets = await openMediaSockets(address, { kind: 'shared', port: 'auto' });
    const [one, other] = [await sockets.lend(), await sockets.lend()];
    assert.equal(String(one?.rtpPort), sockets.ports);
    assert.equal(one?.rtp, other?.rtp);
    assert.equal(one?.rtcp.local?.port, (one?.rtpPort ?? 0) + 1);
    one?.release();
    assert.equal(other?.rtp.local?.port, other?.rtpPort, 'another call still uses it');
    const { rtpPort = 0 } = one ?? {};
    await assert.rejects(openMediaSockets(address, { kind: 'shared', port: rtpPort }), {
      code: 'LATCHKEY_LISTEN',
      message: new RegExp(`^media ${rtpPort}: cannot bind .*: in use$`),
    });
    sockets.close();
  });

  it('are a pair for each with a range: an even port and the next', async () => {
    const { low, high, kind } = range(20);
    const sockets = await openMediaSockets(address, { kind, low, high });
    assert.equal(sockets.ports, `${low}-${high}`);
    const pairs = await Promise.all([0, 1, 2].map(() => sockets.lend()));
    const ports = pairs.map((pair) => pair?.rtpPort ?? 0);
    assert.equal(new Set(ports).size, 3);
    for (const pair of pairs) {
      assert.ok(pair && pair.rtpPort > low && pair.rtpPort < high && pair.rtpPort % 2 === 0);
      assert.deepEqual([pair.rtp.local?.port, pair.rtcp.local?.port], [pair.rtpPort, pair.rtpPort + 1]);
    }
    sockets.close();
    assert.equal(pairs[0]?.rtp.local, undefined);
  });

  it('run out, come back, and rest before they are lent again', async () => {
    const { low, high, kind } = range(3);
    const sockets = await openMediaSockets(address, { kind, low, high });
    const lent = [];
    for (let pair = await sockets.lend(); pair; pair = await sockets.lend()) lent.push(pair);
    assert.ok(lent.length >= 1 && lent.length <= 3);
    assert.equal(await sockets.lend(), undefined);
    for (const pair of lent) pair.release();
    lent[0]?.release();
    const again = await sockets.lend();
    assert.equal(again?.rtpPort, lent[0]?.rtpPort);
    again?.release();
    const next = await sockets.lend();
    if (lent.length > 1) assert.notEqual(next?.rtpPort, again?.rtpPort);
    sockets.close();
    assert.equal(await sockets.lend(), undefined);
  });
});

// Twenty thousand malformed SIP messages a second cost no honest call a packet (protocol.md P11: linear work, and answers that nobody
// waits for).
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { CommandProcess } from '../cli/server-process.js';
import { floodFigures } from './malformed-flood.js';

const PER_SECOND = 20_000;
const SECONDS = 5;

describe('a flood of malformed messages beside ten honest calls', () => {
  after(() => CommandProcess.killAll());

  it('loses none of their packets but what a socket loses', async function () {
    this.timeout(60_000);
    if (!existsSync('/proc/net/udp')) return this.skip();
    const figures = await floodFigures(PER_SECOND, SECONDS);
    const { flood, rtp } = figures;
    const told = JSON.stringify(figures);
    assert.ok(flood.sent >= 0.95 * PER_SECOND * SECONDS, told);
    assert.equal(rtp.sent, 10 * 50 * SECONDS);
    assert.ok(rtp.lost <= rtp.socketLost, told);
    const refused = Object.values(flood.refused).reduce((sum, count) => sum + count, 0);
    assert.equal(refused, flood.sent - flood.dropped, told);
    // Ten kinds, and each has its name.
    assert.equal(Object.keys(flood.refused).length, 10, told);
  });
});

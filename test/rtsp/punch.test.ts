import assert from 'node:assert/strict';
import { Punch } from '../../lib/rtsp/index.js';

const PLAYER = { address: '192.0.2.1', port: 5000 };
const NEIGHBOUR = { address: '192.0.2.1', port: 6000 };
const ATTACKER = { address: '203.0.113.66', port: 5000 };

describe('rtsp: the punch rule', () => {
  it('names the port of the first packet once half a second has passed without another', () => {
    const punch = new Punch('::ffff:192.0.2.1');
    assert.equal(punch.handlePacket(PLAYER, 0), false);
    assert.equal(punch.stateAt(499).is, 'trial');
    assert.deepEqual(punch.stateAt(500), { is: 'named', source: PLAYER });
    assert.equal(punch.handlePacket({ address: '::ffff:192.0.2.1', port: 5000 }, 501), true);
  });

  it('believes nobody where two ports of the address show themselves in that time, for good', () => {
    const punch = new Punch('192.0.2.1');
    punch.handlePacket(PLAYER, 0);
    punch.handlePacket(NEIGHBOUR, 499);
    for (const atMs of [500, 5000]) assert.equal(punch.handlePacket(PLAYER, atMs), false);
    assert.equal(punch.stateAt(10_000).is, 'disputed');
  });

  it('hears nothing from another address, before or after, and counts it', () => {
    const punch = new Punch('192.0.2.1');
    punch.handlePacket(ATTACKER, 0);
    assert.equal(punch.stateAt(1000).is, 'waiting');
    punch.handlePacket(PLAYER, 1000);
    punch.handlePacket(ATTACKER, 1100);
    assert.equal(punch.stateAt(1500).is, 'named');
    assert.equal(punch.handlePacket(ATTACKER, 1600), false);
    assert.equal(punch.dropped, 4);
  });

  it('moves a named port for nobody', () => {
    const punch = new Punch('192.0.2.1');
    punch.handlePacket(PLAYER, 0);
    assert.equal(punch.handlePacket(NEIGHBOUR, 600), false);
    assert.deepEqual(punch.stateAt(700), { is: 'named', source: PLAYER });
  });
});

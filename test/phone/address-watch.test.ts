// When the terminal moves: its address is gone or back, or the way to the server leads over another one now.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { AddressWatch } from '../../lib/phone/address-watch.js';

const wifi = '192.168.1.7';
const mobile = '10.64.0.9';
const server = { address: '203.0.113.1', port: 5061 };

describe('the watch on our own address', () => {
  let clock: sinon.SinonFakeTimers;
  let addresses: string[];
  let route: string | undefined;
  let moves: string[];
  let watch: AddressWatch | undefined;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    addresses = ['127.0.0.1', wifi];
    route = wifi;
    moves = [];
  });
  afterEach(() => {
    watch?.stop();
    clock.restore();
  });

  function start(bound = wifi, isChosen = false): void {
    const system = { addresses: () => addresses, routed: () => Promise.resolve(route) };
    watch = new AddressWatch(bound, isChosen ? undefined : server, system);
    watch.start((address) => moves.push(address));
  }

  it('keeps still while nothing changes', async () => {
    start();
    await clock.tickAsync(10_000);
    assert.deepEqual(moves, []);
  });

  it('moves when the server is reached from another address, once', async () => {
    start();
    await clock.tickAsync(3000);
    addresses = ['127.0.0.1', wifi, mobile];
    route = mobile;
    await clock.tickAsync(1000);
    assert.deepEqual(moves, [mobile]);
    assert.equal(watch?.local, mobile);
    await clock.tickAsync(5000);
    assert.deepEqual(moves, [mobile]);
  });

  it('stays where there is no way at all, and moves when there is one again', async () => {
    start();
    addresses = ['127.0.0.1'];
    route = undefined;
    await clock.tickAsync(5000);
    assert.deepEqual(moves, []);
    addresses.push(mobile);
    route = mobile;
    await clock.tickAsync(1000);
    assert.deepEqual(moves, [mobile]);
  });

  it('binds anew when its address was gone and is back', async () => {
    start();
    addresses = ['127.0.0.1'];
    route = undefined;
    await clock.tickAsync(2000);
    addresses.push(wifi);
    route = wifi;
    await clock.tickAsync(3000);
    assert.deepEqual(moves, [wifi]);
  });

  it('leaves an address that the user chose to nobody, also where the route leads elsewhere', async () => {
    route = mobile;
    start(wifi, true);
    await clock.tickAsync(3000);
    assert.deepEqual(moves, []);
    addresses = ['127.0.0.1'];
    await clock.tickAsync(2000);
    addresses.push(wifi);
    await clock.tickAsync(2000);
    assert.deepEqual(moves, [wifi]);
  });

  it('takes loopback and all addresses for present', async () => {
    start('127.0.0.2', true);
    await clock.tickAsync(2000);
    watch?.stop();
    start('0.0.0.0', true);
    await clock.tickAsync(2000);
    assert.deepEqual(moves, []);
  });

  it('looks no more when it is stopped, an answer under way included', async () => {
    start();
    route = mobile;
    clock.tick(1000);
    watch?.stop();
    await clock.tickAsync(5000);
    assert.deepEqual(moves, []);
  });
});

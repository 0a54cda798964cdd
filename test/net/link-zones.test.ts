// Link-local peers: an address is worth something only together with the network that it was heard in.
import assert from 'node:assert/strict';
import { LinkZones } from '../../lib/net/link-zones.js';
import { rtp, textOf } from './call.js';
import { FakeWorld } from './fake-engine.js';
import type { FakeCall } from './fake-engine.js';
import { MemoryNetwork } from './memory-network.js';
import type { MemorySocket } from './memory-network.js';

const VICTIM = { address: 'fe80::5', port: 4000 };

describe('net: link-local peers', () => {
  let world: FakeWorld;
  let socket: MemorySocket;
  let call: FakeCall;
  let sent: string[];

  beforeEach(() => {
    world = new FakeWorld();
    const network = new MemoryNetwork();
    socket = network.open('::', 5000);
    sent = [];
    const send = socket.send.bind(socket);
    socket.send = (bytes, port, address, callback) => {
      sent.push(`${address} ${port}`);
      send(bytes, port, address, callback);
    };
    call = world.call();
  });

  afterEach(() => world.latchkey.close());

  const hear = (address: string, port: number, text = 'x') => {
    socket.put(rtp(text), { address, port });
    socket.arrive();
  };

  it('are answered in the network that they were heard in, whoever speaks in another', () => {
    const port = call.session.bind(socket);
    hear('fe80::5%eth0', 4000);
    call.core.mapping = VICTIM;
    world.engine.accept(VICTIM, call.core);
    hear('fe80::bad%eth1', 4000);
    hear('fe80::5%eth1', 4001);
    port.send(rtp('media'));
    assert.deepEqual(sent, ['fe80::5%eth0 4000']);
  });

  it('have their address to themselves once they are proven; before that the network heard last is asked', () => {
    const port = call.session.bind(socket);
    const heard: string[] = [];
    port.on('packet', (bytes, { address }) => heard.push(`${textOf(bytes)} from ${address}`));
    hear('fe80::5%eth1', 4000);
    hear('fe80::5%eth0', 4000);
    assert.equal(world.engine.heard.length, 2);
    call.core.mapping = VICTIM;
    world.engine.accept(VICTIM, call.core);
    hear('fe80::5%eth1', 4000, 'injected');
    hear('fe80::5%eth0', 4000, 'media');
    assert.deepEqual(heard, ['media from fe80::5%eth0']);
    assert.equal(world.latchkey.counters.dropped.unroutable, 1);
    port.send(rtp('media'));
    assert.deepEqual(sent, ['fe80::5%eth0 4000']);
  });

  it('are remembered within a bound, and those in use are not forgotten for a flood', () => {
    const zones = new LinkZones((address) => address === VICTIM.address);
    assert.equal(zones.note(VICTIM.address, VICTIM.port, '%eth0'), true);
    for (let i = 0; i < 20_000; i++) zones.note(`fe80::${(i >> 8).toString(16)}`, i & 0xff, '%eth1');
    assert.equal(zones.size, 1024);
    assert.equal(zones.written(VICTIM.address, VICTIM.port), 'fe80::5%eth0');
    assert.equal(zones.written('fe80::4e', 19_999 & 0xff), 'fe80::4e%eth1');
    assert.equal(zones.written('fe80::1', 1), 'fe80::1');
  });

  it('where all that are remembered are in use, one more is not heard', () => {
    const zones = new LinkZones(() => true);
    for (let i = 0; i < 1024; i++) assert.equal(zones.note('fe80::1', i, '%eth0'), true);
    assert.equal(zones.note('fe80::1', 2000, '%eth0'), false);
    assert.equal(zones.note('fe80::1', 7, '%eth0'), true);
    assert.equal(zones.note('fe80::1', 7, '%eth1'), false);
    assert.equal(zones.size, 1024);
  });
});

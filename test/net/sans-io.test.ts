// The core without dgram: an example, and the proof that it needs nothing else.
import assert from 'node:assert/strict';
import { rtp, sdpFor } from './call.js';
import { converse, Side } from './engine-pair.js';

describe('net: the core without sockets', () => {
  it('bytes in, bytes out: two engines agree, verify and carry media in virtual time', () => {
    const client = new Side({ address: '10.0.0.2', port: 4000 });
    const server = new Side({ address: '198.51.100.1', port: 5000 });
    const mapping = { address: '203.0.113.7', port: 61234 };
    const routes = [
      { from: client, to: server, source: mapping },
      { from: server, to: client, source: server.address },
    ];
    let nowMs = 1000;
    const near = client.engine.createSession({ role: 'prover', signalling: 'encrypted' });
    const far = server.engine.createSession({ role: 'verifier', signalling: 'encrypted' });
    near.component(0, 1).attach(client.port, nowMs);
    far.component(0, 1).attach(server.port, nowMs);
    assert.deepEqual(far.setRemote(near.setLocal(sdpFor('10.0.0.2', 4000), nowMs), nowMs), {
      accepted: true,
    });
    assert.deepEqual(near.setRemote(far.setLocal(sdpFor('198.51.100.1', 5000), nowMs), nowMs), {
      accepted: true,
    });
    for (let round = 0; round < 10; round++) {
      converse(routes, nowMs);
      nowMs += 10;
      for (const { engine } of [client, server]) {
        const wakeMs = engine.pollTimeout();
        if (wakeMs !== undefined && wakeMs <= nowMs) engine.handleTimeout(nowMs);
      }
    }
    const verified = server.events.find(({ type }) => type === 'verified');
    assert.ok(verified?.type === 'verified');
    assert.deepEqual(verified.mapping, mapping);
    assert.deepEqual(far.component(0, 1).handleSend(new Uint8Array(20), nowMs), mapping);
    const packet = rtp('media');
    const accepted = server.engine.handleDatagram(server.port, packet, mapping.address, mapping.port, nowMs);
    assert.equal(accepted, far.component(0, 1));
    assert.equal(server.engine.handleDatagram(server.port, packet, '203.0.113.8', 9, nowMs), undefined);
  });
});

// The real engine over real loopback sockets: bind and guard, IPv4 and IPv6, a port each and one shared port.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { LatchEventOf, MediaPort } from '../../lib/index.js';
import { Callers, exchange, rtp, sdpFor, sdpOf, textOf } from './call.js';
import { packetsOf, settle, Sockets, until } from './sockets.js';
import type { Packet } from './sockets.js';

for (const [family, type] of [
  ['IPv4', 'udp4'],
  ['IPv6', 'udp6'],
] as const) {
  describe(`net: two latchkeys over loopback, ${family}`, () => {
    const sockets = new Sockets();
    let callers: Callers;
    const wrong = family === 'IPv4' ? '10.9.8.7' : 'fd00::9:8:7';

    beforeEach(() => {
      callers = new Callers();
    });

    afterEach(async () => {
      callers.close();
      await sockets.closeAll();
    });

    it('bind: verifies the mapping, then carries media both ways', async () => {
      const [near, far] = [await sockets.bound(type), await sockets.bound(type)];
      const call = callers.sessions('one');
      const [client, server] = [call.client.bind(near), call.server.bind(far)];
      assert.equal(server.send(rtp('too early')), false);
      exchange(call, sdpFor(wrong, 4000), sdpOf(far));
      const [event] = (await once(call.server, 'verified')) as [LatchEventOf<'verified'>];
      const mapping = { address: near.address().address, port: near.address().port };
      assert.deepEqual(event.mapping, mapping);
      assert.deepEqual(event.signalled, { address: wrong, port: 4000 });
      assert.deepEqual(event.serverSeenAs, { address: far.address().address, port: far.address().port });
      assert.equal(event.nat, 'both');
      assert.deepEqual(call.server.streams[0]?.mapping, mapping);
      const down = once(client, 'packet');
      assert.equal(server.send(rtp('down')), true);
      assert.equal(textOf(((await down) as [Buffer])[0]), 'down');
      const up = once(server, 'packet');
      assert.equal(client.send(rtp('up')), true);
      assert.equal(textOf(((await up) as [Buffer])[0]), 'up');
      assert.equal(call.server.counters.delivered, 1);
      assert.equal(call.server.counters.sent, 1);
      assert.equal(call.server.counters.dropped.noPath, 1);
    });

    it('guard: the application goes on with its own socket and the signalled address', async () => {
      const [near, far] = [await sockets.bound(type), await sockets.bound(type)];
      const call = callers.sessions('two');
      const client = call.client.bind(near);
      const heard = packetsOf(far);
      const guard = call.server.guard(far);
      exchange(call, sdpFor(wrong, 4000), sdpOf(far));
      await once(call.server, 'verified');
      const down = once(client, 'packet');
      far.send(rtp('down'), 4000, wrong);
      assert.equal(textOf(((await down) as [Buffer])[0]), 'down');
      client.send(rtp('up'));
      await until(() => heard.length > 0);
      assert.deepEqual(
        heard.map(({ text }) => text.slice(12)),
        ['up'],
      );
      const stranger = await sockets.bound(type);
      stranger.send(rtp('injected'), far.address().port, far.address().address);
      client.send(rtp('again'));
      await until(() => heard.length > 1);
      assert.equal(heard[1]?.text.slice(12), 'again');
      assert.equal(guard.counters.delivered, 2);
    });

    it('tells twenty sessions on one shared port apart, bound on both sides', async () => {
      const far = await sockets.bound(type);
      const calls = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const call = callers.sessions(`call ${i}`);
          const port = call.client.bind(await sockets.bound(type));
          const server = call.server.bind(far);
          const heard: string[] = [];
          server.on('packet', (bytes) => heard.push(textOf(bytes)));
          const heardByClient: string[] = [];
          port.on('packet', (bytes) => heardByClient.push(textOf(bytes)));
          return { ...call, port, bound: server, heard, heardByClient };
        }),
      );
      const verified = Promise.all(calls.map(({ server }) => once(server, 'verified')));
      for (const call of calls) exchange(call, sdpFor(wrong, 4000), sdpOf(far));
      await verified;
      for (const [i, { port, bound }] of calls.entries()) {
        port.send(rtp(`up ${i}`, 1000 + i));
        bound.send(rtp(`down ${i}`, 5000 + i));
      }
      await until(() => calls.every(({ heard, heardByClient }) => heard.length + heardByClient.length === 2));
      for (const [i, { heard, heardByClient }] of calls.entries()) {
        assert.deepEqual(heard, [`up ${i}`]);
        assert.deepEqual(heardByClient, [`down ${i}`]);
      }
    });

    it('follows a rebinding, and a client that moves to another socket with rebind()', async () => {
      const [near, far] = [await sockets.bound(type), await sockets.bound(type)];
      const call = callers.sessions('three');
      const [client, server] = [call.client.bind(near), call.server.bind(far)];
      exchange(call, sdpFor(wrong, 4000), sdpOf(far));
      await once(call.server, 'verified');
      const next = await sockets.bound(type);
      const rebound = once(call.server, 'rebound');
      client.rebind(next);
      assert.equal(client.local.port, next.address().port);
      const [event] = (await rebound) as [LatchEventOf<'rebound'>];
      assert.equal(event.mapping.port, next.address().port);
      assert.equal(event.previous.port, near.address().port);
      const down = once(client, 'packet');
      server.send(rtp('after the move'));
      assert.equal(textOf(((await down) as [Buffer])[0]), 'after the move');
      assert.equal(near.listenerCount('message'), 0);
    });

    for (const way of ['bind', 'guard'] as const)
      it(`${way}: what both say while the old path is asked arrives at the switch`, async () => {
        const [near, far] = [await sockets.bound(type), await sockets.bound(type)];
        const call = callers.sessions(`held, ${way}`);
        const client = call.client.bind(near);
        const heard: Packet[] = way === 'guard' ? packetsOf(far) : [];
        const server = way === 'guard' ? undefined : call.server.bind(far);
        if (way === 'guard') call.server.guard(far);
        server?.on('packet', (bytes, info) => heard.push({ text: bytes.toString('latin1'), info }));
        exchange(call, sdpFor(wrong, 4000), sdpOf(far));
        await once(call.server, 'verified');
        const next = await sockets.bound(type);
        const said: string[] = [];
        client.on('packet', (bytes) => said.push(textOf(bytes)));
        client.rebind(next);
        await once(call.server, 'candidate');
        server?.send(rtp('said meanwhile'));
        if (way === 'guard') far.send([rtp('said '), Buffer.from('meanwhile')], 4000, wrong);
        await until(() => call.client.counters.responses >= 2, 'the candidate has answered');
        client.send(rtp('asked meanwhile'));
        assert.equal(heard.length, 0);
        await once(call.server, 'rebound');
        await until(() => said.length > 0, 'sent again');
        await until(() => heard.length > 0, 'delivered');
        assert.deepEqual(said, ['said meanwhile']);
        const [{ text, info }] = heard as [Packet];
        assert.ok(text.endsWith('asked meanwhile'));
        assert.deepEqual(
          { ...info },
          { address: near.address().address, family, port: next.address().port, size: text.length },
        );
        assert.equal(call.server.counters.resent, 1);
      });
  });
}

describe('net: two latchkeys over loopback', () => {
  const sockets = new Sockets();
  let callers: Callers;

  beforeEach(() => {
    callers = new Callers();
  });

  afterEach(async () => {
    callers.close();
    await sockets.closeAll();
  });

  it('an IPv4 client on a dual-stack server socket: mapped addresses are IPv4 to us, and mapped again to send', async () => {
    const near = await sockets.bound('udp4');
    const far = await sockets.bound('udp6', '::');
    const call = callers.sessions('mapped');
    const [client, server] = [call.client.bind(near), call.server.bind(far)];
    exchange(call, sdpFor('10.9.8.7', 4000), sdpFor('127.0.0.1', far.address().port));
    const [event] = (await once(call.server, 'verified')) as [LatchEventOf<'verified'>];
    assert.equal(event.mapping.address, '127.0.0.1');
    const down = once(client, 'packet');
    assert.equal(server.send(rtp('down')), true);
    assert.equal(textOf(((await down) as [Buffer])[0]), 'down');
  });

  it('components on their own ports prove themselves apart', async () => {
    const [nearRtp, nearRtcp, farRtp, farRtcp] = await Promise.all([1, 2, 3, 4].map(() => sockets.bound()));
    assert.ok(nearRtp && nearRtcp && farRtp && farRtcp);
    const call = callers.sessions('four');
    call.client.bind(nearRtp);
    call.client.bind(nearRtcp, { component: 2 });
    call.server.bind(farRtp);
    const rtcp = call.server.bind(farRtcp, { component: 2 });
    const seen: number[] = [];
    call.server.on('verified', ({ component }) => seen.push(component));
    const rtcpPort = (port: number) => ({ isMuxed: false, rtcpPort: port });
    exchange(call, sdpFor('10.9.8.7', 4000, rtcpPort(4444)), sdpOf(farRtp, rtcpPort(farRtcp.address().port)));
    await until(() => seen.length === 2);
    assert.deepEqual(seen.sort(), [1, 2]);
    const heard = packetsOf(nearRtcp);
    rtcp.send(Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]));
    await settle(farRtp, nearRtcp);
    assert.equal(
      heard.filter(({ text, info }) => info.port === farRtcp.address().port && text.length === 8).length,
      1,
    );
  });

  it('closing a session ends its ports and announces it; the sockets stay open', async () => {
    const [near, far] = [await sockets.bound(), await sockets.bound()];
    const call = callers.sessions('five');
    call.client.bind(near);
    const port: MediaPort = call.server.bind(far);
    exchange(call, sdpFor('10.9.8.7', 4000), sdpOf(far));
    await once(call.server, 'verified');
    const order: string[] = [];
    port.on('close', () => order.push('port close'));
    call.server.on('closed', ({ session }) => order.push(`closed ${session === call.server.id}`));
    callers.servers.on('closed', () => order.push('closed, told by the latchkey'));
    call.server.close();
    call.server.close();
    assert.deepEqual(order.sort(), ['closed true', 'closed, told by the latchkey', 'port close']);
    assert.equal(callers.servers.sessions.size, 0);
    assert.equal(far.listenerCount('message') + far.listenerCount('error') + far.listenerCount('close'), 0);
    assert.equal(port.send(rtp('late')), false);
    assert.ok(far.address().port > 0);
  });
});

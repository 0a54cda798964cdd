import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { encodeNatFrame, parseNatFrame } from '../../../lib/cli/demo/nat-frame.js';
import { createNatSocket } from '../../../lib/cli/demo/nat-socket.js';
import { Nat } from '../../../lib/cli/demo/nat.js';
import type { NatBehaviour } from '../../../lib/cli/demo/nat.js';

const HOME: NatBehaviour = { mapping: 'endpoint-independent', filtering: 'endpoint' };
const SYMMETRIC: NatBehaviour = { mapping: 'symmetric', filtering: 'endpoint' };
const FULL_CONE: NatBehaviour = { mapping: 'endpoint-independent', filtering: 'endpoint-independent' };

describe('the simulated NAT', () => {
  const opened: { close(): void }[] = [];
  const epochs: number[] = [];

  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
    epochs.length = 0;
  });

  async function openNat(behaviour: NatBehaviour): Promise<Nat> {
    const nat = await Nat.open(behaviour);
    opened.push(nat);
    return nat;
  }

  async function bound(socket: Socket): Promise<Socket> {
    opened.push(socket);
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  }

  const openHost = () => bound(createSocket('udp4'));
  const openInside = (nat: Nat) =>
    bound(
      createNatSocket({
        insidePort: nat.insidePort,
        privateAddress: '10.0.1.2',
        onEpoch: (epoch) => epochs.push(epoch),
      }),
    );

  async function next(socket: Socket): Promise<{ text: string; source: RemoteInfo }> {
    const [bytes, source] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
    return { text: bytes.toString(), source };
  }

  /** Sends outward and tells from which port it came out. */
  async function punch(inside: Socket, host: Socket): Promise<number> {
    const arrival = next(host);
    inside.send('out', host.address().port, '127.0.0.1');
    const { text, source } = await arrival;
    assert.equal(text, 'out');
    return source.port;
  }

  /** True when a datagram from `host` to the outside port comes in; a second one, from a permitted host, ends the wait. */
  async function comesIn(nat: Nat, inside: Socket, host: Socket, permitted: Socket, port: number) {
    const arrivals: string[] = [];
    const listener = (bytes: Buffer): unknown => arrivals.push(bytes.toString());
    inside.on('message', listener);
    const { filtered } = nat.counters;
    host.send('strange', port, '127.0.0.1');
    while (nat.counters.filtered === filtered && arrivals.length === 0) await tick();
    const arrival = once(inside, 'message');
    permitted.send('known', port, '127.0.0.1');
    await arrival;
    inside.off('message', listener);
    return arrivals.includes('strange');
  }

  const tick = () => new Promise((resolve) => setImmediate(resolve));

  it('shows the far end another port than the caller has, and the caller the real source', async () => {
    const nat = await openNat(HOME);
    const [inside, host] = [await openInside(nat), await openHost()];
    const outside = await punch(inside, host);
    assert.equal(inside.address().address, '10.0.1.2');
    assert.notEqual(outside, inside.address().port);
    const arrival = next(inside);
    host.send('back', outside, '127.0.0.1');
    const { text, source } = await arrival;
    assert.equal(text, 'back');
    assert.deepEqual([source.address, source.port, source.size], ['127.0.0.1', host.address().port, 4]);
    assert.deepEqual(nat.mappings, [{ insidePort: inside.address().port, outsidePort: outside, epoch: 0 }]);
  });

  it('maps one inside port to one outside port for all destinations, unless it is symmetric', async () => {
    for (const [behaviour, isSame] of [
      [HOME, true],
      [SYMMETRIC, false],
    ] as const) {
      const nat = await openNat(behaviour);
      const inside = await openInside(nat);
      const [first, second] = [await punch(inside, await openHost()), await punch(inside, await openHost())];
      assert.equal(first === second, isSame, behaviour.mapping);
      const other = await openInside(nat);
      assert.notEqual(await punch(other, await openHost()), first);
    }
  });

  it('keeps out whom the caller has not sent to, unless it is a full cone', async () => {
    for (const [behaviour, isOpen] of [
      [HOME, false],
      [SYMMETRIC, false],
      [FULL_CONE, true],
    ] as const) {
      const nat = await openNat(behaviour);
      const [inside, host, stranger] = [await openInside(nat), await openHost(), await openHost()];
      const outside = await punch(inside, host);
      assert.equal(await comesIn(nat, inside, stranger, host, outside), isOpen, JSON.stringify(behaviour));
    }
  });

  it('gives new ports after a rebinding, closes the old ones, and says so with the epoch', async () => {
    const nat = await openNat(HOME);
    const [inside, host] = [await openInside(nat), await openHost()];
    const before = await punch(inside, host);
    nat.rebind();
    assert.deepEqual(nat.mappings, []);
    const after = await punch(inside, host);
    assert.notEqual(after, before);
    const arrival = next(inside);
    host.send('to the old port', before, '127.0.0.1');
    host.send('to the new port', after, '127.0.0.1');
    assert.equal((await arrival).text, 'to the new port');
    assert.deepEqual(epochs, [1]);
  });

  it('never sends to anything but 127.0.0.1: other destinations are dropped and counted', async () => {
    const nat = await openNat(FULL_CONE);
    const [inside, host] = [await openInside(nat), await openHost()];
    for (const address of ['10.0.1.2', '192.168.1.1', '203.0.113.1', '127.0.0.2', '0.0.0.0'])
      inside.send('astray', host.address().port, address);
    await punch(inside, host);
    assert.equal(nat.counters.unroutable, 5);
    assert.equal(nat.counters.outward, 1);
    assert.equal(nat.mappings.length, 1);
  });

  it('counts what is no frame, and hears nobody but the NAT on the caller’s side', async () => {
    const nat = await openNat(HOME);
    const [inside, host] = [await openInside(nat), await openHost()];
    for (const bytes of ['', 'short', Buffer.alloc(7)]) host.send(bytes, nat.insidePort, '127.0.0.1');
    const arrivals: unknown[] = [];
    inside.on('message', (bytes) => arrivals.push(bytes));
    host.send(Buffer.alloc(20), inside.address().port, '127.0.0.1');
    const outside = await punch(inside, host);
    const arrival = next(inside);
    host.send('through the NAT', outside, '127.0.0.1');
    await arrival;
    assert.equal(nat.counters.malformed, 3);
    assert.equal(arrivals.length, 1);
  });

  it('tells a sender that names no IPv4 address', async () => {
    const nat = await openNat(HOME);
    const inside = await openInside(nat);
    for (const address of ['::1', 'localhost']) {
      const error = await new Promise((resolve) => inside.send(Buffer.from('x'), 9, address, resolve));
      assert.match(String(error), /no way to/);
    }
  });

  it('has frames that come out as they went in, and takes any bytes', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const port = fc.integer({ min: 0, max: 65535 });
    fc.assert(
      fc.property(
        fc.tuple(octet, octet, octet, octet),
        port,
        octet,
        fc.uint8Array(),
        (ip, p, epoch, payload) => {
          const far = { address: ip.join('.'), port: p };
          const bytes = encodeNatFrame({ far, epoch, payload });
          assert.ok(bytes);
          assert.deepEqual(parseNatFrame(bytes), { far, epoch, payload });
          assert.equal(parseNatFrame(bytes.subarray(0, 6)), undefined);
        },
      ),
    );
  });
});

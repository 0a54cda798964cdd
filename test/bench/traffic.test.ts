// The programs in C: what they print is read strictly, and what they count is so. Needs a C compiler, which few need but who benchmarks.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { SERVER_ADDRESS, PEERS_ADDRESS, calls, fanOut, portOf, routesOf } from './load.js';
import { compileNative, whyNoCompiler } from './native.js';
import type { NativePrograms } from './native.js';
import { nativeVariant } from './native-variant.js';
import { measureTraffic, parseTraffic } from './traffic.js';

const TIMING = { warmMs: 20, measureMs: 200 };

describe('loads', () => {
  it('let everybody who speaks be heard by all others of the room', () => {
    assert.deepEqual(
      [...routesOf(calls(2))],
      [
        [portOf(0), [portOf(1)]],
        [portOf(1), [portOf(0)]],
        [portOf(2), [portOf(3)]],
        [portOf(3), [portOf(2)]],
      ],
    );
    assert.deepEqual([...routesOf(fanOut(2, 1))], [[portOf(0), [portOf(1), portOf(2)]]]);
  });
});

describe('a report of traffic', () => {
  const whole =
    '{"seconds":1,"sent":1,"due":1,"delivered":1,"arrived":1,"reordered":0,"duplicates":0,"strange":0,' +
    '"worstSpeakerLost":0,"stalls":0,"lagMs":0,"gapMs":0,"cpuNs":5,"latencyUs":{"median":1,"p99":2,"most":3}}';

  it('is read whole or not at all', () => {
    assert.equal(parseTraffic(whole).cpuNs, 5);
    for (const field of ['"cpuNs":5,', '"p99":2,'])
      assert.throws(() => parseTraffic(whole.replace(field, '')), /no report of traffic/);
    assert.throws(() => parseTraffic(whole.slice(0, -2)), SyntaxError);
    assert.throws(() => parseTraffic(''), SyntaxError);
  });
});

describe('the generator and the forwarder in C', () => {
  let programs: NativePrograms;

  before(function () {
    const missing = whyNoCompiler();
    if (missing !== undefined) {
      console.log(`      skipped: ${missing}`);
      this.skip();
    }
    this.timeout(60_000);
    programs = compileNative();
  });

  for (const io of ['mmsg', 'gso'] as const)
    it(`forwards every packet to everybody who hears it, by ${io}`, async () => {
      const load = fanOut(3, 2);
      const forwarder = await nativeVariant(programs, io).start(load);
      try {
        const report = await measureTraffic(programs, load, forwarder, TIMING);
        assert.ok(report.sent > 100, `sent ${report.sent}`);
        assert.deepEqual(
          [report.due, report.delivered, report.strange, report.duplicates],
          [3 * report.sent, report.due, 0, 0],
        );
        assert.ok(report.cpuNs > 0);
      } finally {
        await forwarder.close();
      }
    });

  it('keeps the pace that it is told', async () => {
    const load = calls(4, { rate: 50 });
    const forwarder = await nativeVariant(programs, 'mmsg').start(load);
    try {
      const report = await measureTraffic(programs, load, forwarder, { warmMs: 0, measureMs: 500 });
      assert.ok(Math.abs(report.sent - 200) < 10, `sent ${report.sent}`);
      assert.ok(
        report.gapMs >= 19 && report.gapMs < 500,
        `a gap of ${report.gapMs} ms in a packet every 20 ms`,
      );
    } finally {
      await forwarder.close();
    }
  });

  it('sees what is lost, repeated and out of order', async () => {
    const load = calls(1, { rate: 200 });
    const socket = await openServer();
    const seen = spoil(socket);
    try {
      const forwarder = { pid: process.pid, ports: [socket.address().port] };
      const report = await measureTraffic(programs, load, forwarder, { warmMs: 0, measureMs: 500 });
      assert.ok(Math.abs(report.due - report.delivered - report.sent / 10) <= 4, JSON.stringify(report));
      assert.ok(report.reordered > 0.06 * report.sent && report.reordered < 0.14 * report.sent);
      assert.ok(report.duplicates > 0 && report.duplicates <= seen.repeated, JSON.stringify(report));
    } finally {
      socket.close();
    }
  });

  it('sends and takes ChannelData as a client of TURN', async () => {
    const socket = await openServer();
    const [client, peer] = [portOf(0), portOf(1)];
    socket.on('message', (bytes, { port }) => {
      const head = Buffer.of(0x40, 0, bytes.length >> 8, bytes.length & 0xff);
      if (port === peer) return socket.send(Buffer.concat([head, bytes]), client, PEERS_ADDRESS);
      assert.deepEqual([bytes.readUInt16BE(0), bytes.readUInt16BE(2)], [0x4000, bytes.length - 4]);
      socket.send(bytes.subarray(4), peer, PEERS_ADDRESS);
    });
    try {
      const forwarder = { pid: process.pid, ports: [socket.address().port], isTurn: true };
      const report = await measureTraffic(programs, calls(1, { rate: 200 }), forwarder, TIMING);
      assert.ok(report.sent > 0 && report.delivered === report.due, JSON.stringify(report));
    } finally {
      socket.close();
    }
  });

  it('knows a flood from one that is too slow to be one', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const load = calls(1, { rate: 100 });
    const forwarder = await nativeVariant(programs, 'mmsg').start(load);
    try {
      const report = await measureTraffic(programs, { ...load, flood: 1000 }, forwarder, TIMING);
      assert.equal(report.delivered, report.due);
      const impossible = measureTraffic(programs, { ...load, flood: 1e9 }, forwarder, TIMING);
      await assert.rejects(impossible, /the flood came to/);
    } finally {
      await forwarder.close();
    }
  });

  it('fails where the forwarder is gone', async () => {
    await assert.rejects(
      measureTraffic(programs, calls(1), { pid: 2 ** 30, ports: [9] }, TIMING),
      /the generator failed/,
    );
  });
});

async function openServer(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, SERVER_ADDRESS);
  await once(socket, 'listening');
  return socket;
}

/** Forwards the one call, but of ten packets of each side loses one, repeats one, and lets one overtake the one before. */
function spoil(socket: Socket): { repeated: number } {
  const seen = { repeated: 0 };
  const routes = routesOf(calls(1));
  const kept = new Map<number, Buffer>();
  socket.on('message', (bytes, { port }) => {
    const [to = 0] = routes.get(port) ?? [];
    const send = (packet: Buffer) => socket.send(packet, to, PEERS_ADDRESS);
    const late = kept.get(port);
    kept.delete(port);
    switch (bytes.readUInt16BE(2) % 10) {
      case 0:
        return;
      case 3:
        seen.repeated++;
        send(bytes);
        return send(bytes);
      case 5:
        return void kept.set(port, bytes);
      default:
        send(bytes);
        if (late) send(late);
    }
  });
  return seen;
}

describe('a silence in the middle', () => {
  it('is the longest gap of who listens, and those who are not to talk do not', async function () {
    if (whyNoCompiler() !== undefined) this.skip();
    this.timeout(60_000);
    const load = calls(4, { rate: 100, talking: 1 });
    const socket = await openServer();
    const heard = new Set<number>();
    let first: number | undefined;
    socket.on('message', (bytes, { port }) => {
      heard.add(port);
      first ??= performance.now();
      const sinceMs = performance.now() - first;
      if (sinceMs > 500 && sinceMs < 700) return;
      for (const to of routesOf(load).get(port) ?? []) socket.send(bytes, to, PEERS_ADDRESS);
    });
    try {
      const forwarder = { pid: process.pid, ports: [socket.address().port] };
      const { gapMs } = await measureTraffic(compileNative(), load, forwarder, { warmMs: 0, measureMs: 800 });
      assert.ok(gapMs > 180 && gapMs < 700, `${gapMs} ms`);
      assert.deepEqual([...heard].sort(), [portOf(0), portOf(1)]);
    } finally {
      socket.close();
    }
  });
});

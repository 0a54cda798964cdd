import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { SinonFakeTimers } from 'sinon';
import { createLatchkey, openSocket } from '../../lib/index.js';
import type { BindableSocket, Canary, DatagramSocket } from '../../lib/index.js';
import { HIT_MS, REST_MS } from '../../lib/server/idle-ports.js';
import type { OpenedPair } from '../../lib/server/media-pair.js';
import { PortRange } from '../../lib/server/port-range.js';

const place = { address: '127.0.0.1', io: {} };

/** A canary that the test has hit, or not. */
class TestCanary implements Canary {
  hitMs = -Infinity;
  isOpen = true;

  constructor(readonly port: number) {}

  close(): void {
    this.isOpen = false;
  }
}

/** Ranges apart, below those that the system chooses from. */
let nextLow = 10_000 + 2 * Math.floor(Math.random() * 2000);

function lowOf(ports: number): number {
  const low = nextLow;
  nextLow += ports;
  return low;
}

describe('8.3.2: the ports of a range', () => {
  let clock: SinonFakeTimers;
  let nowMs: number;
  let canaries: TestCanary[];
  let range: PortRange | undefined;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    nowMs = 1000;
    canaries = [];
  });
  afterEach(() => {
    range?.close();
    clock.restore();
  });

  const open = (ports: number, low = lowOf(ports)): PortRange => {
    const watch = (socket: BindableSocket) => {
      const canary = new TestCanary((socket as DatagramSocket).local?.port ?? 0);
      canaries.push(canary);
      return canary;
    };
    return (range = new PortRange(place, { low, high: low + ports - 1, watch, nowMs: () => nowMs }));
  };
  /** Until so many pairs listen, or none is added any more. */
  const settled = async (of: PortRange): Promise<number> => {
    for (let quiet = 0, before = -1; quiet < 20; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      const { listening } = of.canaries;
      if (listening !== before) quiet = 0;
      before = listening;
    }
    return of.canaries.listening;
  };
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    clock.tick(ms);
    if (range) await settled(range);
  };
  const watching = () => canaries.filter(({ isOpen }) => isOpen);
  const hit = (port: number, atMs = nowMs) => {
    const canary = watching().find((one) => one.port === port);
    assert.ok(canary, 'no canary is on this port');
    canary.hitMs = atMs;
  };

  it('have canaries on an eighth of them, both ports of a pair', async () => {
    assert.equal(await settled(open(256)), 16);
    const ports = watching().map(({ port }) => port);
    assert.equal(ports.length, 32);
    for (const port of ports) assert.ok(ports.includes(port % 2 === 0 ? port + 1 : port - 1));
  });

  it('have canaries on 256 of them at most', async function () {
    this.timeout(10_000);
    assert.equal(await settled(open(4096)), 128);
  });

  it('have no canaries where there are fewer than 128', async () => {
    assert.equal(await settled(open(126)), 0);
    assert.equal(await settled(open(128)), 8);
  });

  it('have each canary drawn anew after 60 to 120 s', async () => {
    await settled(open(512));
    const first = watching();
    await pass(59_999);
    assert.ok(first.every(({ isOpen }) => isOpen));
    await pass(30_000);
    const left = first.filter(({ isOpen }) => isOpen).length;
    assert.ok(left > 0 && left < first.length, 'not all at once');
    await pass(30_001);
    assert.ok(first.every(({ isOpen }) => !isOpen));
    assert.equal(range?.canaries.listening, 32);
  });

  it('go to keyless calls and questions when they have listened unhit for 60 s', async () => {
    const of = open(512);
    await settled(of);
    await pass(60_000);
    const rested = watching().filter(({ port }) => port % 2 === 0);
    const [spoilt, ...good] = rested.slice(0, 3).map(({ port }) => port);
    hit(spoilt!, nowMs - 59_999);
    hit(good[0]!, nowMs - 60_000);
    for (const use of ['keyless', 'question'] as const) {
      const pair = await of.lend(use);
      assert.ok(rested.some(({ port }) => port === pair?.rtpPort));
      assert.notEqual(pair?.rtpPort, spoilt);
    }
  });

  it('go to a call with the sockets that listened, once the canary is closed', async () => {
    const of = open(128);
    await settled(of);
    await pass(60_000);
    const before = canaries.length;
    const pair = await of.lend('keyless');
    const [rtp, rtcp] = [pair!.rtpPort, pair!.rtpPort + 1].map((port) =>
      canaries.slice(0, before).findLast((one) => one.port === port),
    );
    assert.deepEqual([rtp?.isOpen, rtcp?.isOpen], [false, false]);
    assert.equal(pair?.rtp.local?.port, pair?.rtpPort);
    assert.equal(await settled(of), 8, 'others listen in their place');
  });

  it('are then those that no canary was on, then those hit longest ago', async () => {
    const of = open(128);
    await settled(of);
    const watched = watching().filter(({ port }) => port % 2 === 0);
    const ports = watched.map(({ port }) => port);
    // All pairs but the canaries go first: no canary has listened for 60 s yet.
    const idle: OpenedPair[] = [];
    for (let count = 0; count < 64 - 8; count++) {
      const pair = await of.lend('keyless');
      if (pair && !ports.includes(pair.rtpPort)) idle.push(pair);
    }
    assert.equal(idle.length, 56);
    hit(ports[3]!, 900);
    hit(ports[1]!, 950);
    for (const port of ports.filter((_, at) => at !== 3 && at !== 1)) hit(port, 990);
    assert.equal((await of.lend('keyless'))?.rtpPort, ports[3]);
    assert.equal((await of.lend('keyless'))?.rtpPort, ports[1]);
  });

  it('leave the canaries to those when a peer proves where it is', async () => {
    const of = open(512);
    await settled(of);
    await pass(60_000);
    const before = watching().map(({ port }) => port);
    for (let count = 0; count < 20; count++) {
      const pair = await of.lend('proven');
      assert.ok(pair && !before.includes(pair.rtpPort));
    }
  });

  it('are taken last when they were just given back, and rest', async () => {
    const of = open(20);
    const pairs = await Promise.all(Array.from({ length: 10 }, () => of.lend('keyless')));
    assert.equal(await of.lend('keyless'), undefined);
    for (const pair of pairs.slice(0, 4)) pair?.release();
    await pass(REST_MS);
    pairs[4]?.release();
    const rested = pairs.slice(0, 4).map((pair) => pair?.rtpPort);
    for (let count = 0; count < 4; count++) assert.ok(rested.includes((await of.lend('keyless'))?.rtpPort));
    assert.equal((await of.lend('keyless'))?.rtpPort, pairs[4]?.rtpPort);
  });

  it('are not drawn in an order that anybody could go on with', async () => {
    const of = open(126);
    const pairs: number[] = [];
    for (let pair = await of.lend('keyless'); pair; pair = await of.lend('keyless')) pairs.push(pair.rtpPort);
    const steps = new Set(pairs.slice(1).map((port, at) => port - pairs[at]!));
    assert.ok(steps.size > 20, `${steps.size} different steps`);
  });

  it('are held for questions to a tenth at most, until the call has moved or the question is over', async () => {
    const of = open(60);
    const held = await Promise.all([0, 1, 2].map(() => of.lend('question')));
    assert.ok(held.every((pair) => pair !== undefined));
    assert.equal(await of.lend('question'), undefined);
    assert.ok(await of.lend('keyless'), 'calls have the others');
    held[0]?.release();
    held[0]?.release();
    const again = await of.lend('question');
    assert.ok(again);
    assert.equal(await of.lend('question'), undefined);
    held[1]?.keep?.();
    held[1]?.keep?.();
    assert.equal(held[1]?.rtp.local?.port, held[1]?.rtpPort, 'the call has it');
    assert.ok(await of.lend('question'));
    assert.equal(await of.lend('question'), undefined);
  });

  it('of a range under 20 ports one pair is held for questions at a time, while it leaves one for the next call', async () => {
    const of = open(8);
    assert.ok(await of.lend('keyless'));
    const held = await of.lend('question');
    assert.ok(held);
    assert.equal(await of.lend('question'), undefined, 'one at a time');
    const second = await of.lend('keyless');
    held.release();
    const third = await of.lend('keyless');
    assert.ok(second && third);
    assert.equal(await of.lend('question'), undefined, 'the last is for a call');
    third.release();
    assert.ok(await of.lend('question'));
  });

  it('are skipped where another program has them', async () => {
    const low = lowOf(4);
    const taken = await openSocket({ address: place.address, port: low + 3 });
    const of = open(4, low);
    assert.equal((await of.lend('keyless'))?.rtpPort, low);
    assert.equal(await of.lend('keyless'), undefined);
    taken.close();
    assert.equal((await of.lend('keyless'))?.rtpPort, low + 2);
  });

  it('forget after ten minutes that somebody had sent there', async () => {
    const of = open(128);
    await settled(of);
    for (const { port } of watching()) hit(port);
    assert.equal(of.canaries.hit, 8);
    await pass(120_000);
    assert.equal(of.canaries.hit, 8);
    const taken: number[] = [];
    for (let count = 0; count < 64 - 16; count++) taken.push((await of.lend('proven'))?.rtpPort ?? 0);
    assert.equal(new Set(taken).size, 48);
    await pass(HIT_MS);
    assert.ok(await of.lend('proven'));
  });

  it('are all closed in the end', async () => {
    const of = open(128);
    await settled(of);
    const pair = await of.lend('keyless');
    of.close();
    assert.equal(pair?.rtp.local, undefined);
    assert.equal(watching().length, 0);
    assert.equal(of.canaries.listening, 0);
    assert.equal(clock.countTimers(), 0);
    assert.equal(await of.lend('keyless'), undefined);
  });

  it('have canaries of a latchkey, which its owner may close before the server', async () => {
    const latchkey = createLatchkey();
    const low = lowOf(128);
    const watch = (socket: BindableSocket) => latchkey.canary(socket);
    range = new PortRange(place, { low, high: low + 127, watch });
    assert.equal(await settled(range), 8);
    latchkey.close();
    assert.ok(await range.lend('keyless'));
    assert.ok(await range.lend('proven'));
  });
});

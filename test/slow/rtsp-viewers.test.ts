// What viewers cost a server that runs as users run it: a thousand who come and go, by each way that media can go, leave neither memory nor
// descriptors behind; fifty of one stream of 2 Mbit/s take a part of a core, and ten of them that stop reading take nothing from the others.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandProcess } from '../cli/server-process.js';
import { PACKETS_PER_S, RtspCrowd } from './rtsp-crowd.js';

const TOGETHER = 25;
const SETTLE_MS = 1000;

describe('RTSP viewers', function () {
  this.timeout(120_000);
  let crowd: RtspCrowd;

  beforeEach(async () => {
    crowd = await RtspCrowd.gather();
  });
  afterEach(async () => {
    await crowd.close();
    await CommandProcess.killAll();
  });

  /** One of 25 over UDP with latch, two without, the others inside their connections. */
  async function come(index: number): Promise<void> {
    if (index === 0) (await crowd.watchLatched()).stop();
    else if (index < 3) await crowd.glance();
    else await crowd.comeAndGo(index % 2 === 0);
  }
  async function many(count: number): Promise<number> {
    for (let i = 0; i < count; i += TOGETHER)
      await Promise.all(Array.from({ length: TOGETHER }, (_, index) => come(index)));
    await pause(SETTLE_MS);
    return crowd.rssKb;
  }

  it('a thousand who come and go leave no memory and no descriptor behind', async () => {
    crowd.film(100);
    // The first socket of all opens what all have in common.
    await crowd.glance();
    await pause(SETTLE_MS);
    const { descriptors } = crowd;
    const before = await many(500);
    const after = await many(500);
    console.log(`        RSS after 500 viewers ${before} kB, after 1000 ${after} kB`);
    assert.ok(after <= before * 1.1, `${before} kB, then ${after} kB`);
    assert.equal(crowd.descriptors, descriptors);
  });

  it('fifty of one stream of 2 Mbit/s: ten stop reading and are dropped, the others lose nothing, in bounded memory', async () => {
    const viewers = [];
    for (let i = 0; i < 50; i++) viewers.push(await crowd.watch());
    crowd.film(PACKETS_PER_S);
    await pause(500);
    const [cpuS, startMs] = [crowd.cpuSeconds, performance.now()];
    await pause(2000);
    const share = (crowd.cpuSeconds - cpuS) / ((performance.now() - startMs) / 1000);
    console.log(`        50 viewers of 2 Mbit/s: ${Math.round(share * 100)} % of a core`);
    assert.ok(share < 1, `${share} cores`);

    const [slow, others] = [viewers.slice(0, 10), viewers.slice(10)];
    const { rssKb } = crowd;
    for (const { socket } of slow) socket.pause();
    // The system's buffers take the first of it; then a mebibyte waits, and no more.
    crowd.film(500, 8000);
    const gone = () => crowd.server.events.filter(({ reason }) => reason === 'backlog').length;
    let mostKb = 0;
    for (let i = 0; i < 200 && gone() < slow.length; i++) {
      await pause(50);
      mostKb = Math.max(mostKb, crowd.rssKb - rssKb);
    }
    assert.equal(gone(), slow.length);
    console.log(`        ten that stopped reading: ${mostKb} kB more at most`);
    assert.ok(mostKb < 60_000, `${mostKb} kB`);
    crowd.cut();
    for (let i = 0; i < 100 && others.some(({ frames }) => frames.length < crowd.sent); i++) await pause(50);
    for (const viewer of others) {
      assert.equal(viewer.frames.filter(({ channel }) => channel === 0).length, crowd.sent);
      viewer.close();
    }
  });
});

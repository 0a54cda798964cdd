// What viewers cost a server that runs as users run it: a thousand who come and go leave no memory behind, and fifty of one stream of
// 2 Mbit/s take a part of a core, which is printed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { controlsOf, RtspTalker, sessionOf } from '../plugins/rtsp-client.js';
import { rtp } from '../room/participants.js';

const CAMERA =
  'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=control:streamid=0\r\n';
const TOGETHER = 10;
/** Linux counts 100 ticks a second. */
const TICKS_PER_S = 100;

describe('RTSP viewers', function () {
  this.timeout(120_000);
  let server: ServerProcess;
  let camera: RtspTalker;
  let url: string;
  let pace: NodeJS.Timeout | undefined;
  let sent = 0;

  beforeEach(async () => {
    server = await ServerProcess.start('--rtsp', 'auto');
    url = `rtsp://127.0.0.1:${server.port('rtsp')}/tea`;
    camera = await RtspTalker.open(server.port('rtsp'));
    await camera.ask('ANNOUNCE', `${url}/cam`, { 'Content-Type': 'application/sdp' }, CAMERA);
    const record = { Transport: 'RTP/AVP/TCP;interleaved=0-1;mode=record' };
    const Session = sessionOf(await camera.ask('SETUP', `${url}/cam/streamid=0`, record));
    assert.equal((await camera.ask('RECORD', `${url}/cam`, { Session })).status, 200);
    sent = 0;
  });
  afterEach(async () => {
    clearInterval(pace);
    camera.close();
    await CommandProcess.killAll();
  });

  /** So many packets of 1200 bytes a second. */
  function play(perSecond: number): void {
    const payload = Buffer.alloc(1188);
    const startMs = performance.now();
    pace = setInterval(() => {
      const due = ((performance.now() - startMs) * perSecond) / 1000;
      while (sent < due) camera.send(0, Buffer.concat([rtp(0xa0000001, ++sent, 96), payload]));
    }, 5);
  }
  async function watch(): Promise<RtspTalker> {
    const viewer = await RtspTalker.open(server.port('rtsp'));
    const [control = ''] = controlsOf(await viewer.ask('DESCRIBE', url));
    const setUp = await viewer.ask('SETUP', `${url}/${control}`, {
      Transport: 'RTP/AVP/TCP;interleaved=0-1',
    });
    assert.equal((await viewer.ask('PLAY', url, { Session: sessionOf(setUp) })).status, 200);
    return viewer;
  }
  async function comeAndGo(index: number): Promise<void> {
    const viewer = await watch();
    while (viewer.frames.length < 3) await pause(5);
    // Every other one just goes.
    if (index % 2 === 0) await viewer.ask('TEARDOWN', url);
    viewer.close();
  }
  async function many(count: number): Promise<number> {
    for (let i = 0; i < count; i += TOGETHER)
      await Promise.all(Array.from({ length: TOGETHER }, (_, index) => comeAndGo(index)));
    await pause(2000);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'latin1'))?.[1]);
  }
  function cpuTicks(): number {
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  }

  it('a thousand who come and go leave no memory behind', async () => {
    play(100);
    const before = await many(500);
    const after = await many(500);
    console.log(`        RSS after 500 viewers ${before} kB, after 1000 ${after} kB`);
    assert.ok(after <= before * 1.1, `${before} kB, then ${after} kB`);
  });

  it('fifty of one stream of 2 Mbit/s take a part of one core', async () => {
    const viewers: RtspTalker[] = [];
    for (let i = 0; i < 50; i++) viewers.push(await watch());
    play(208);
    await pause(1000);
    const [ticks, startMs] = [cpuTicks(), performance.now()];
    await pause(5000);
    const share = (cpuTicks() - ticks) / TICKS_PER_S / ((performance.now() - startMs) / 1000);
    console.log(`        50 viewers of 2 Mbit/s: ${Math.round(share * 100)} % of a core`);
    clearInterval(pace);
    await pause(500);
    for (const viewer of viewers) {
      assert.equal(viewer.frames.filter(({ channel }) => channel === 0).length, sent);
      viewer.close();
    }
    assert.ok(share < 1, `${share} cores`);
  });
});

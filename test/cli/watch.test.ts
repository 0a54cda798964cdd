// `latchkey watch` against `latchkey serve --rtsps`, both as users run them: media over UDP with latch, followed to other ports.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDatagrams } from '../../lib/capture/index.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import { RtspTalker, sessionOf } from '../plugins/rtsp-client.js';
import { rtp } from '../room/participants.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const A = 0xa0000001;
const B = 0xb0000001;
const CAMERA = [
  ...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
  ...['m=audio 0 RTP/AVP 0', 'a=control:streamid=0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 VP8/90000'],
  ...['a=control:streamid=1', ''],
].join('\r\n');

describe('latchkey watch', function () {
  this.timeout(30_000);
  let folder: string;
  let talker: RtspTalker | undefined;
  let pace: NodeJS.Timeout | undefined;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'watch-'))));
  afterEach(async () => {
    clearInterval(pace);
    talker?.close();
    await CommandProcess.killAll();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sound and picture, a packet each every 20 ms. */
  async function publish(port: number): Promise<void> {
    const camera = (talker = await RtspTalker.open(port, true));
    const url = `rtsps://127.0.0.1:${port}/tea/cam`;
    await camera.ask('ANNOUNCE', url, { 'Content-Type': 'application/sdp' }, CAMERA);
    const way = (low: number) => ({ Transport: `RTP/AVP/TCP;interleaved=${low}-${low + 1};mode=record` });
    const Session = sessionOf(await camera.ask('SETUP', `${url}/streamid=0`, way(0)));
    await camera.ask('SETUP', `${url}/streamid=1`, { ...way(2), Session });
    assert.equal((await camera.ask('RECORD', url, { Session })).status, 200);
    let sequence = 0;
    pace = setInterval(() => {
      camera.send(0, rtp(A, ++sequence));
      camera.send(2, rtp(B, sequence, 96));
    }, 20);
  }

  it('proves its address for each section, records what comes, and is followed to other ports', async () => {
    const server = await ServerProcess.start('--rtsps', 'auto', '--policy', 'require');
    const port = server.port('rtsps');
    await publish(port);
    const record = join(folder, 'tea.pcap');
    const options = ['--insecure', '--json', '--record', record, '--duration', '3'];
    const watcher = new CommandProcess('watch', `rtsps://127.0.0.1:${port}/tea`, ...options);
    await watcher.event('verified', ({ section }) => section === 0);
    await watcher.event('verified', ({ section }) => section === 1);
    watcher.signal('SIGUSR2');
    await watcher.event('moved');
    const watching = await server.event('watching');
    assert.deepEqual(watching['transports'], ['latch']);
    const { code, stdout, stderr } = await watcher.ended();
    assert.equal(code, 0, stderr);
    const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      verified: number;
      streams: { kind: string; packets: number; lost: number }[];
    };
    assert.equal(summary.verified, 2);
    assert.deepEqual(summary.streams.map(({ kind }) => kind).sort(), ['audio', 'video']);
    for (const { packets, lost } of summary.streams)
      assert.ok(packets > 60 && lost <= 10, `${packets}, ${lost} lost`);
    assert.ok(statSync(record).size > 0);
    const ssrcs = [...readDatagrams(readFileSync(record))].map(({ payload }) => readRtpSsrc(payload));
    assert.ok(ssrcs.includes(A) && ssrcs.includes(B));
    await server.event('rebound');
    await server.event('gone', ({ reason }) => reason === 'teardown');
  });

  it('says why there is nothing to watch', async () => {
    const server = await ServerProcess.start('--rtsps', 'auto', '--rtsp', 'auto');
    const port = server.port('rtsps');
    const fails = async (...args: readonly string[]) => {
      const { code, stderr } = await new CommandProcess('watch', ...args).ended();
      return [code, stderr.trim().split('\n').at(-1)];
    };
    assert.deepEqual(await fails(`rtsps://127.0.0.1:${port}/nobody`, '--insecure'), [
      1,
      `latchkey: 127.0.0.1:${port}: nobody is in this room, or nobody of this name`,
    ]);
    const [code, untrusted] = await fails(`rtsps://127.0.0.1:${port}/nobody`);
    assert.equal(code, 1);
    assert.match(String(untrusted), /its certificate is not trusted \(it is self-signed\)/);
    assert.deepEqual(await fails('rtsp://127.0.0.1'), [
      2,
      'latchkey: rtsp://127.0.0.1: expects rtsps://HOST:PORT/ROOM',
    ]);
  });
});

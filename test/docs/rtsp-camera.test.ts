// docs/examples/rtsp-camera.ts with a real ffmpeg for a camera: one that publishes, and one that is fetched from another server. Who is
// in the room by SIP hears it, and sees it.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { RawPhone } from '../cli/raw-phone.js';
import { CommandProcess } from '../cli/server-process.js';
import { Example } from './example-program.js';

const PICTURE = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25'];
const SOUND = ['-re', '-f', 'lavfi', '-i', 'sine=frequency=1000:samples_per_frame=160:sample_rate=8000'];
const CODECS = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-g', '25', '-c:a', 'pcm_mulaw'];
const VP8 = 96;

describe('docs: rtsp-camera.ts', function () {
  this.timeout(60_000);
  const examples: Example[] = [];
  const cameras: RunningClient[] = [];
  const closers: (() => void)[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoClient('ffmpeg'));
  });
  afterEach(async () => {
    for (const camera of cameras.splice(0)) camera.kill();
    for (const close of closers.splice(0)) close();
    await CommandProcess.killAll();
    await Promise.all(examples.splice(0).map((example) => example.stop()));
  });

  async function start(...args: string[]) {
    const example = new Example('rtsp-camera.ts', ...args);
    examples.push(example);
    const [, listening = ''] = await example.line(/^listening (.+)$/m);
    const { sip, rtsp } = JSON.parse(listening) as { sip: Record<string, { port: number }>; rtsp: number };
    return { example, sip: (protocol: string) => sip[protocol]?.port ?? 0, rtsp };
  }

  function publish(url: string): RunningClient {
    const output = ['-f', 'rtsp', '-rtsp_transport', 'tcp', url];
    const camera = new RunningClient([
      ...['ffmpeg', '-nostdin', '-loglevel', 'error'],
      ...[...PICTURE, ...SOUND, ...CODECS, ...output],
    ]);
    cameras.push(camera);
    return camera;
  }

  it('a caller hears and sees a camera that publishes', async () => {
    const { example, sip, rtsp } = await start();
    publish(`rtsp://127.0.0.1:${rtsp}/garden/front`);
    await example.line(/^camera garden front$/m);
    const phone = await RawPhone.open(sip('UDP'));
    const video = createSocket('udp4').bind(0, '127.0.0.1');
    closers.push(
      () => phone.close(),
      () => video.close(),
    );
    await once(video, 'listening');
    const pictures: Buffer[] = [];
    video.on('message', (bytes) => pictures.push(bytes));
    const section = [`m=video ${video.address().port} RTP/AVP ${VP8}`, `a=rtpmap:${VP8} VP8/90000`, ''];
    await phone.ask('INVITE', { user: 'garden', body: phone.sdp() + section.join('\r\n') });
    const sounds = await phone.rtp(50);
    assert.ok(sounds.every((bytes) => bytes[0] === 0x80 && (bytes[1]! & 0x7f) === 0 && bytes.length === 172));
    while (pictures.length < 10) await once(video, 'message');
    assert.ok(pictures.every((bytes) => (bytes[1]! & 0x7f) === VP8));
    example.child.kill('SIGTERM');
    assert.equal(await example.ended, 0, example.errors);
  });

  it('a camera that waits to be asked is fetched, again and again until it is there', async () => {
    const far = await start();
    const url = `rtsp://127.0.0.1:${far.rtsp}/street/door`;
    const { example, sip } = await start('tea', url);
    while (!/^camera lost: .* next try in 1000 ms$/m.test(example.errors))
      await once(example.child.stderr!, 'data');
    const camera = publish(url);
    await far.example.line(/^camera street door$/m);
    await example.line(/^camera tea camera$/m);
    const call = new CommandProcess(
      'call',
      `sip:tea@127.0.0.1:${sip('TCP')};transport=tcp`,
      '--json',
      '--duration',
      '2',
    );
    const { code, stdout } = await call.ended();
    assert.equal(code, 0);
    const { streams } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      streams: { packets: number }[];
    };
    assert.ok((streams[0]?.packets ?? 0) > 20, stdout);
    camera.kill();
    await example.line(/^ended tea camera \S+$/m);
  });
});

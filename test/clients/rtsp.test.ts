// ffmpeg and GStreamer, as Debian ships them, publish into a room and watch it: their own RTSP, their own codecs, over TCP, UDP and TLS.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createCertificate } from '../../lib/cli/certificate.js';
import type { Certificate } from '../../lib/cli/certificate.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { parseUsers, writeUser } from '../../lib/sip/index.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp, LatchRtspOptions, RtspTransport } from '../../plugins/rtsp/index.js';
import { RunningClient, skipBecause, whyNoClient } from './client-programs.js';

const PICTURE = 'testsrc=size=320x240:rate=25';
const SOUND = 'sine=frequency=440:sample_rate=48000';
const H264 = [...['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-tune'], 'zerolatency'];
const VP8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k'];
const AAC = ['-c:a', 'aac'];
const OPUS = ['-c:a', 'libopus', '-b:a', '64k'];
const PCMU = ['-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1'];

interface Seen {
  readonly streams: readonly { readonly codec_name: string }[];
  readonly packets: readonly { readonly codec_type: string }[];
}

describe('RTSP with real players and cameras', function () {
  this.timeout(60_000);
  let server: DistributionServer;
  let service: LatchRtsp;
  let certificate: Certificate;
  let ports: { readonly rtsp: number; readonly rtsps: number };
  const clients: RunningClient[] = [];
  const watched: (readonly RtspTransport[])[] = [];

  before(async function () {
    skipBecause(this, whyNoClient('ffmpeg', 'ffprobe', 'gst-launch-1.0'));
    certificate = await createCertificate(['127.0.0.1']);
  });
  after(() => certificate?.dispose());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.kill();
    service?.close();
    await server?.close();
  });

  async function begin(options: Partial<LatchRtspOptions> = {}): Promise<void> {
    server = createDistributionServer({ media: { kind: 'range', low: 46_200, high: 46_399 } });
    await server.start();
    const { cert, key } = certificate;
    service = latchRtsp({ server, listen: { rtsp: 'auto', rtsps: 'auto', cert, key }, ...options });
    watched.length = 0;
    service.on('watching', ({ transports }) => watched.push(transports));
    const { rtsp, rtsps } = await service.start();
    ports = { rtsp: rtsp[0]?.port ?? 0, rtsps: rtsps[0]?.port ?? 0 };
  }

  const url = (path: string, who = '') => `rtsp://${who}127.0.0.1:${ports.rtsp}/${path}`;
  const secureUrl = (path: string, who = '') => `rtsps://${who}127.0.0.1:${ports.rtsps}/${path}`;
  function run(...command: readonly string[]): RunningClient {
    const client = new RunningClient(command);
    clients.push(client);
    return client;
  }
  async function publish(to: string, transport: 'tcp' | 'udp', ...codecs: readonly string[]): Promise<void> {
    const count = service.counters.published;
    const hasPicture = codecs.includes('-c:v');
    const picture = hasPicture ? ['-re', '-f', 'lavfi', '-i', PICTURE, '-g', '25'] : [];
    const inputs = [...picture.slice(0, 5), '-re', '-f', 'lavfi', '-i', SOUND, ...picture.slice(5)];
    const target = ['-f', 'rtsp', '-rtsp_transport', transport, to];
    const camera = run('ffmpeg', '-nostdin', '-loglevel', 'error', ...inputs, ...codecs, ...target);
    for (let i = 0; i < 100 && service.counters.published === count; i++) await pause(50);
    assert.equal(service.counters.published, count + 1, camera.said);
  }
  /** What ffprobe makes of two seconds: the codecs, and how many packets of each kind. */
  async function see(from: string, transport: 'tcp' | 'udp'): Promise<Record<string, number>> {
    const show = ['-show_entries', 'stream=codec_name:packet=codec_type', '-of', 'json'];
    const player = run(
      ...['ffprobe', '-v', 'quiet', '-rtsp_transport', transport, '-read_intervals', '%+2'],
      ...[...show, from],
    );
    await player.ended();
    assert.match(player.said, /^\s*\{/, player.said);
    const { streams = [], packets = [] } = JSON.parse(player.said) as Partial<Seen>;
    const codecs = Object.fromEntries(streams.map(({ codec_name: name }) => [name, 1]));
    const count = (kind: string) => packets.filter(({ codec_type: type }) => type === kind).length;
    return { ...codecs, video: count('video'), audio: count('audio') };
  }
  /** GStreamer decodes so many buffers, or fails in ten seconds. */
  async function decode(from: string, protocols: string, chain: string): Promise<void> {
    const source = `rtspsrc location=${from} protocols=${protocols} tls-validation-flags=0 latency=0`;
    const player = run(
      'timeout',
      '10',
      'sh',
      '-c',
      `gst-launch-1.0 -q ${source} ! ${chain} ! fakesink num-buffers=25 sync=false`,
    );
    assert.equal(await player.ended(), 0, player.said);
  }

  it('ffmpeg publishes H264 and AAC inside its connection; ffmpeg and GStreamer watch, inside theirs and over UDP', async () => {
    await begin();
    await publish(url('room/cam'), 'tcp', ...H264, ...AAC);
    const [tcp, udp] = await Promise.all([
      see(url('room'), 'tcp'),
      see(url('room/cam'), 'udp'),
      decode(url('room/cam'), 'tcp', 'rtph264depay ! h264parse ! avdec_h264'),
      decode(url('room/cam'), 'udp', 'rtph264depay ! h264parse ! avdec_h264'),
    ]);
    for (const seen of [tcp, udp]) {
      assert.ok(seen.h264 && seen.aac, JSON.stringify(seen));
      assert.ok((seen.video ?? 0) > 20 && (seen.audio ?? 0) > 30, JSON.stringify(seen));
    }
    assert.deepEqual(watched.map(String).sort(), ['interleaved', 'interleaved', 'udp', 'udp']);
  });

  it('ffmpeg publishes VP8 and opus over UDP; they watch over TLS', async () => {
    await begin();
    await publish(url('room/cam'), 'udp', ...VP8, ...OPUS);
    const [seen] = await Promise.all([
      see(secureUrl('room/cam'), 'tcp'),
      decode(secureUrl('room/cam'), 'tcp', 'rtpopusdepay ! opusdec'),
    ]);
    assert.ok(seen.vp8 && seen.opus, JSON.stringify(seen));
    assert.ok((seen.video ?? 0) > 20 && (seen.audio ?? 0) > 50, JSON.stringify(seen));
  });

  it('GStreamer publishes H264 and PCMU, ffmpeg PCMU over TLS; both with a password, and are watched with one', async () => {
    const entry = {
      name: 'bob',
      realm: 'latchkey',
      algorithm: 'MD5',
      password: 'x',
      rooms: undefined,
    } as const;
    const parsed = parseUsers(writeUser('', 'bob', 'latchkey', entry), 'latchkey');
    assert.ok(parsed.ok);
    await begin({ admission: { users: parsed.users } });
    const camera = run(
      ...[
        'sh',
        '-c',
        `gst-launch-1.0 -q videotestsrc is-live=true ! video/x-raw,width=320,height=240 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h264parse ! r.sink_0 audiotestsrc is-live=true ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! r.sink_1 rtspclientsink name=r protocols=tcp location=${url('room/gst')} user-id=bob user-pw=x`,
      ],
    );
    for (let i = 0; i < 100 && service.counters.published === 0; i++) await pause(50);
    assert.equal(service.counters.published, 1, camera.said);
    await publish(secureUrl('second/cam', 'bob:x@'), 'tcp', ...PCMU);
    const [first, second] = await Promise.all([
      see(url('room', 'bob:x@'), 'tcp'),
      see(secureUrl('second', 'bob:x@'), 'tcp'),
      decode(`${url('room/gst')} user-id=bob user-pw=x`, 'tcp', 'rtph264depay ! h264parse ! avdec_h264'),
    ]);
    assert.ok(first.h264 && first.pcm_mulaw && (first.video ?? 0) > 20, JSON.stringify(first));
    assert.ok(second.pcm_mulaw && (second.audio ?? 0) > 20, JSON.stringify(second));
    assert.equal(service.counters.admission.wrong, 0);
  });
});

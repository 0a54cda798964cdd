// The RTSP service by hand: what requests mean, in which order, and who may. Real players are in test/clients/rtsp.test.ts.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer, MediaPorts } from '../../lib/server/index.js';
import { parseUsers, writeUser } from '../../lib/sip/index.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp, LatchRtspOptions } from '../../plugins/rtsp/index.js';
import { rtp } from '../room/participants.js';
import { controlsOf, RtspTalker, sessionOf } from './rtsp-client.js';
import type { Answer } from './rtsp-client.js';

const CAMERA = [
  ...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
  ...['m=audio 0 RTP/AVP 0', 'a=control:streamid=0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 VP8/90000'],
  ...['a=control:streamid=1', ''],
].join('\r\n');
const TCP = (low: number) => ({ Transport: `RTP/AVP/TCP;unicast;interleaved=${low}-${low + 1}` });
const SDP = { 'Content-Type': 'application/sdp' };
const MEDIA: MediaPorts = { kind: 'range', low: 46_100, high: 46_199 };
const A = 0xa0000001;

describe('rtsp: the service', () => {
  let server: DistributionServer;
  let service: LatchRtsp;
  let port: number;
  const talkers: RtspTalker[] = [];
  const told: unknown[][] = [];

  async function begin(options: Partial<LatchRtspOptions> = {}, media: MediaPorts = MEDIA): Promise<void> {
    server = createDistributionServer({ media });
    await server.start();
    service = latchRtsp({ server, listen: { rtsp: 'auto' }, ...options });
    told.length = 0;
    for (const name of ['watching', 'publishing', 'ended', 'unreached', 'fault'] as const)
      service.on(name, (event: unknown) => told.push([name, event]));
    port = (await service.start()).rtsp[0]?.port ?? 0;
  }
  afterEach(async () => {
    for (const talker of talkers.splice(0)) talker.close();
    service.close();
    await server.close();
    assert.deepEqual(
      told.filter(([name]) => name === 'fault'),
      [],
    );
  });

  const url = (path: string) => `rtsp://127.0.0.1:${port}/${path}`;
  async function talk(): Promise<RtspTalker> {
    const talker = await RtspTalker.open(port);
    talkers.push(talker);
    return talker;
  }
  async function publish(path = 'room/cam'): Promise<RtspTalker> {
    const camera = await talk();
    assert.equal((await camera.ask('ANNOUNCE', url(path), SDP, CAMERA)).status, 200);
    const record = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1;mode=record' };
    const first = await camera.ask('SETUP', url(`${path}/streamid=0`), record);
    assert.equal(first.headers.get('transport')?.[0], 'RTP/AVP/TCP;unicast;interleaved=0-1;mode=record');
    const Session = sessionOf(first);
    const second = await camera.ask('SETUP', url(`${path}/streamid=1`), {
      ...{ Transport: 'RTP/AVP/TCP;unicast;interleaved=2-3;mode=record', Session },
    });
    assert.equal(second.status, 200);
    assert.equal((await camera.ask('RECORD', url(path), { Session })).status, 200);
    return camera;
  }
  async function describe_(viewer: RtspTalker, path = 'room'): Promise<Answer & { readonly base: string }> {
    const answer = await viewer.ask('DESCRIBE', url(path), { Accept: 'application/sdp' });
    return { ...answer, base: answer.headers.get('content-base')?.[0] ?? '' };
  }
  async function play(viewer: RtspTalker, transport: Record<string, string>): Promise<Answer[]> {
    const description = await describe_(viewer);
    // Of a camera the picture stands first: here its sound is played.
    const [, control = ''] = controlsOf(description);
    const setUp = await viewer.ask('SETUP', description.base + control, transport);
    if (setUp.status !== 200) return [setUp];
    return [setUp, await viewer.ask('PLAY', description.base, { Session: sessionOf(setUp) })];
  }
  async function until(isSo: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 200 && !isSo(); i++) await pause(10);
    assert.ok(isSo(), what);
  }

  it('lets a camera publish, and a player watch it inside the connection, until each goes', async () => {
    await begin();
    const camera = await publish();
    assert.equal(server.snapshot().rooms[0]?.name, 'room');
    const viewer = await talk();
    const description = await describe_(viewer);
    assert.match(description.body, /m=video 0 RTP\/AVP 96\r\ni=cam\r\n/);
    assert.match(description.body, /m=audio 0 RTP\/AVP 0\r\n/);
    // As ffmpeg asks where its user says ?tcp.
    assert.equal((await describe_(viewer, 'room?')).base, description.base);
    const [setUp, playing] = await play(viewer, TCP(4));
    assert.match(setUp?.headers.get('session')?.[0] ?? '', /^[\w-]{22};timeout=60$/);
    assert.equal(playing?.headers.get('range')?.[0], 'npt=now-');
    camera.send(0, rtp(A, 7));
    await until(() => viewer.frames.length > 0, 'nothing was heard');
    assert.deepEqual(viewer.frames, [{ channel: 4, packet: Buffer.from(rtp(A, 7)) }]);
    assert.deepEqual([service.counters.watching, service.counters.publishing], [1, 1]);
    const closed = once(viewer.socket, 'close');
    camera.close();
    await closed;
    assert.ok(
      viewer.frames.some(({ channel, packet }) => channel === 5 && packet[1] === 201),
      'no farewell',
    );
    assert.deepEqual(
      told.map(([name, event]) => [name, (event as { reason?: string }).reason]),
      [
        ['publishing', undefined],
        ['watching', undefined],
        ['ended', 'over'],
        ['ended', 'disconnected'],
      ],
    );
    assert.deepEqual(server.snapshot().rooms, []);
  });

  it('pauses, goes on, keeps alive, and tears down', async () => {
    await begin();
    const camera = await publish();
    const viewer = await talk();
    const [setUp] = await play(viewer, TCP(0));
    assert.ok(setUp);
    const Session = sessionOf(setUp);
    const say = (method: string) => viewer.ask(method, url('room'), { Session });
    assert.equal((await say('PAUSE')).status, 200);
    camera.send(0, rtp(A, 1));
    assert.equal((await say('GET_PARAMETER')).status, 200);
    await pause(20);
    assert.equal(viewer.frames.length, 0);
    assert.equal((await say('PLAY')).status, 200);
    camera.send(0, rtp(A, 2));
    await until(() => viewer.frames.length === 1, 'nothing was heard');
    assert.equal((await say('RECORD')).status, 455);
    assert.equal((await say('TEARDOWN')).status, 200);
    for (const method of ['PLAY', 'PAUSE', 'TEARDOWN', 'GET_PARAMETER'])
      assert.equal((await say(method)).status, 454);
  });

  it('answers what it does not do by its code', async () => {
    await begin();
    await publish();
    const viewer = await talk();
    const ask = async (method: string, path: string, headers = {}, body = '') =>
      (await viewer.ask(method, url(path), headers, body)).status;
    assert.equal(await ask('OPTIONS', 'room'), 200);
    assert.equal(await ask('REDIRECT', 'room'), 501);
    assert.equal(await ask('OPTIONS', 'room', { Require: 'com.example.x' }), 551);
    assert.equal(await ask('DESCRIBE', 'nobody'), 404);
    assert.equal(await ask('DESCRIBE', 'room/nobody'), 404);
    assert.equal(await ask('DESCRIBE', 'room', { Accept: 'text/plain' }), 406);
    assert.equal(await ask('SETUP', 'room/stream=x-0', TCP(0)), 404);
    assert.equal(await ask('PLAY', 'room', { Session: 'guess' }), 454);
    assert.equal(await ask('ANNOUNCE', 'room/cam2', {}, CAMERA), 415);
    assert.equal(await ask('ANNOUNCE', 'room/cam2', SDP, 'v=0\r\n'), 400);
    assert.equal(await ask('ANNOUNCE', 'room/cam', SDP, CAMERA), 403, 'the name is taken');
    assert.equal(await ask('ANNOUNCE', 'echo', SDP, CAMERA), 404);
    assert.equal(await ask('GET_PARAMETER', 'room', {}, 'jitter\r\n'), 451);
    const { base, ...description } = await describe_(viewer);
    const [control = ''] = controlsOf(description);
    assert.equal(
      (await viewer.ask('SETUP', base + control, { Transport: 'RTP/SAVP;client_port=1-2' })).status,
      461,
    );
  });

  it('gives a session to nobody who does not know its name, and none to another connection', async () => {
    await begin();
    await publish();
    const [viewer, other] = [await talk(), await talk()];
    const [setUp] = await play(viewer, TCP(0));
    assert.ok(setUp);
    const Session = sessionOf(setUp);
    assert.equal((await other.ask('TEARDOWN', url('room'), { Session })).status, 454);
    const { base, ...description } = await describe_(viewer);
    const [control = ''] = controlsOf(description);
    assert.equal((await other.ask('SETUP', base + control, TCP(0))).status, 404, 'another’s description');
    assert.equal((await viewer.ask('SETUP', base + control, { ...TCP(0), Session: 'x' })).status, 454);
    assert.equal((await viewer.ask('SETUP', base + control, { ...TCP(2), Session })).status, 455);
  });

  it('asks for a password, takes the right one, and counts the wrong ones until it has enough', async () => {
    const entry = { name: 'bob', realm: 'here', algorithm: 'MD5', password: 'x', rooms: undefined } as const;
    const parsed = parseUsers(writeUser('', 'bob', 'here', entry), 'here');
    assert.ok(parsed.ok);
    await begin({ admission: { users: parsed.users, realm: 'here' } });
    const viewer = await talk();
    const asked = await describe_(viewer);
    assert.equal(asked.status, 401);
    assert.match(asked.headers.get('www-authenticate')?.[0] ?? '', /^Digest realm="here".*algorithm=MD5/);
    const nonce = /nonce="([^"]+)"/.exec(asked.headers.get('www-authenticate')?.[0] ?? '')?.[1];
    const wrong = {
      Authorization: `Digest username="bob", realm="here", nonce="${nonce}", uri="${url('room')}", response="${'0'.repeat(32)}", algorithm=MD5, qop=auth, nc=00000001, cnonce="a"`,
    };
    const closed = once(viewer.socket, 'close');
    for (let i = 0; i < 5; i++) assert.equal((await viewer.ask('DESCRIBE', url('room'), wrong)).status, 401);
    await closed;
    assert.deepEqual(service.counters.admission, { admitted: 0, challenged: 6, wrong: 5, refused: 0 });
  });

  describe('over UDP without latch', () => {
    let socket: Socket;
    const heard: Buffer[] = [];
    beforeEach(async () => {
      heard.length = 0;
      socket = createSocket('udp4').on('message', (bytes) => heard.push(bytes));
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    });
    afterEach(() => socket.close());
    const udp = (more = '') => {
      const own = socket.address().port;
      return { Transport: `RTP/AVP;unicast;client_port=${own}-${own + 1}${more}` };
    };
    const serverPortOf = (answer: Answer | undefined) =>
      Number(/server_port=(\d+)-/.exec(answer?.headers.get('transport')?.[0] ?? '')?.[1]);

    it('sends to where the one punch packet came from, half a second later', async () => {
      await begin();
      const camera = await publish();
      const [setUp] = await play(await talk(), udp());
      // GStreamer's are random bytes.
      socket.send(Buffer.from('00ff00ff', 'hex'), serverPortOf(setUp), '127.0.0.1');
      await pause(50);
      camera.send(0, rtp(A, 1));
      await pause(550);
      assert.equal(heard.length, 0, 'the first half second');
      camera.send(0, rtp(A, 2));
      await until(() => heard.length > 0, 'nothing was heard');
      assert.deepEqual(heard, [Buffer.from(rtp(A, 2))]);
    });

    it('sends nothing to ports that a message names, stops after two seconds, and gives 461 from then on', async () => {
      await begin();
      const camera = await publish();
      const viewer = await talk();
      const [setUp, playing] = await play(viewer, udp());
      assert.deepEqual([setUp?.status, playing?.status], [200, 200]);
      for (let i = 0; i < 25; i++) {
        camera.send(0, rtp(A, i));
        await pause(100);
      }
      assert.deepEqual(heard, []);
      const unreached = told.find(([name]) => name === 'unreached')?.[1];
      assert.equal((unreached as { reason: string }).reason, 'silence');
      assert.equal((await play(await talk(), udp()))[0]?.status, 461);
    }).timeout(10_000);

    it('refuses somebody else’s address, and his port pair where it is not a player’s own', async () => {
      await begin();
      const camera = await publish();
      const [refused] = await play(await talk(), udp(';destination=127.0.0.2'));
      assert.equal(refused?.status, 461);
      assert.equal(service.counters.punches.foreign, 1);
      camera.send(0, rtp(A, 1));
      await pause(20);
      assert.deepEqual(heard, []);
      service.close();
      await server.close();
      await begin({}, { kind: 'shared', port: 'auto' });
      await publish();
      assert.equal((await play(await talk(), udp()))[0]?.status, 461, 'a shared port');
    });

    it('is refused where it is switched off', async () => {
      await begin({ hasPlainUdp: false });
      await publish();
      assert.equal((await play(await talk(), udp()))[0]?.status, 461);
    });
  });
});

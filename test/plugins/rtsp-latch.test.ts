// UDP with latch over RTSP (docs/protocol.md 2): a prover that speaks RTSP by hand, against the service.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, MediaPort, Session } from '../../lib/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { formatLatch, parseSdp } from '../../lib/wire/index.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp } from '../../plugins/rtsp/index.js';
import { FakePort, rtp, streamWith } from '../room/participants.js';
import { controlsOf, RtspTalker, sessionOf } from './rtsp-client.js';

const A = 0xa0000001;
const SHARED = 22_398;

describe('rtsp: UDP with latch', () => {
  let server: DistributionServer;
  let service: LatchRtsp;
  let latchkey: Latchkey;
  let viewer: RtspTalker;
  let camera: FakePort;
  let base: string;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createDistributionServer({ media: { kind: 'split', port: SHARED, low: 22_400, high: 22_499 } });
    await server.start();
    service = latchRtsp({ server, listen: { rtsp: 'auto' } });
    const port = (await service.start()).rtsp[0]?.port ?? 0;
    latchkey = createLatchkey();
    camera = new FakePort();
    const stream = streamWith({ channel: 'audio', isSending: true });
    server.rooms.join('room', { call: 'camera', name: 'cam', streams: [{ stream, rtp: camera }] });
    viewer = await RtspTalker.open(port);
    base = `rtsp://127.0.0.1:${port}/room`;
  });
  afterEach(async () => {
    viewer.close();
    latchkey.close();
    for (const socket of sockets.splice(0)) socket.close();
    service.close();
    await server.close();
  });

  const withPorts = (sdp: string, ...ports: readonly number[]) => {
    let index = 0;
    return sdp
      .replace(/^c=.*$/m, 'c=IN IP4 127.0.0.1')
      .replace(/^(m=\w+) 0 /gm, (_, start: string) => `${start} ${ports[index++] ?? 9} `);
  };
  async function bound(): Promise<Socket> {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  }
  async function describeRoom(): Promise<{ readonly sdp: string; readonly control: string }> {
    const answer = await viewer.ask('DESCRIBE', base);
    const [control = ''] = controlsOf(answer);
    return { sdp: answer.body, control };
  }
  /** The answer's half, as a prover makes it. */
  function answerTo(sdp: string): {
    readonly session: Session;
    readonly latch: string;
    readonly answer: string;
  } {
    const session = latchkey.createSession({ signalling: 'loopback', role: 'prover' });
    assert.equal(session.setRemote(withPorts(sdp)).accepted, true);
    const plain = withPorts(sdp.replace(/^a=latch.*\r\n/gm, '')).replace(/^a=control:.*\r\n/gm, '');
    const answer = session.setLocal(plain);
    const parsed = parseSdp(answer);
    assert.ok(parsed.ok && parsed.value.media[0]?.latch);
    return { session, answer, latch: formatLatch(parsed.value.media[0].latch).replace(/^(a=)?latch:/, '') };
  }
  async function watch(): Promise<{
    readonly port: MediaPort;
    readonly session: Session;
    readonly server: number;
  }> {
    const { sdp, control } = await describeRoom();
    const { session, latch, answer } = answerTo(sdp);
    const [own, rtcp] = [await bound(), await bound()];
    const ports = `${own.address().port}-${rtcp.address().port}`;
    const setUp = await viewer.ask('SETUP', `${base}/${control}`, {
      ...{ Transport: `RTP/AVP;unicast;client_port=${ports}`, Latch: latch },
    });
    assert.equal(setUp.status, 200);
    const serverPort = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
    assert.equal(session.setRemote(withPorts(sdp, serverPort), 'offer').accepted, true);
    session.setLocal(answer.replace(/^a=latch.*\r\n/gm, ''), 'answer');
    const port = session.bind(own);
    assert.equal((await viewer.ask('PLAY', base, { Session: sessionOf(setUp) })).status, 200);
    return { port, session, server: serverPort };
  }
  async function until(isSo: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 300 && !isSo(); i++) await pause(10);
    assert.ok(isSo(), what);
  }

  it('offers a fresh tag, secret, suites and word in each description', async () => {
    const all = [await describeRoom(), await describeRoom()].map(({ sdp }) => {
      const parsed = parseSdp(withPorts(sdp));
      assert.ok(parsed.ok);
      const { latch, challenge } = parsed.value.media[0] ?? {};
      assert.deepEqual(latch?.suites, ['HMAC-SHA-256', 'AES-256']);
      return [
        latch?.tag,
        Buffer.from(latch?.secret ?? []).toString('hex'),
        Buffer.from(challenge ?? []).toString('hex'),
      ];
    });
    for (const [index, one] of (all[0] ?? []).entries()) assert.notEqual(one, all[1]?.[index]);
  });

  it('sends media to who proves the other half, and follows him to another port', async () => {
    const { port, session, server: serverPort } = await watch();
    assert.equal(serverPort, SHARED, 'whom latch finds has no ports of his own');
    const heard: Buffer[] = [];
    port.on('packet', (bytes) => heard.push(bytes));
    await until(() => session.streams[0]?.hasProven === true, 'no proof');
    const isVerified = ({ streams }: Session) => streams[0]?.mapping !== undefined;
    await until(() => [...server.latchkey.sessions.values()].some(isVerified), 'not verified');
    camera.receive(rtp(A, 1));
    await until(() => heard.length === 1, 'nothing was heard');
    port.rebind(await bound());
    let sequence = 2;
    await until(() => {
      camera.receive(rtp(A, sequence++));
      return heard.length > 20;
    }, 'nothing was heard after the move');
    assert.deepEqual(service.counters.punches.named, 0);
  });

  it('sends nothing to who proves nothing, wherever he sends from', async () => {
    const { sdp, control } = await describeRoom();
    const { latch } = answerTo(sdp);
    const [own, rtcp] = [await bound(), await bound()];
    const heard: Buffer[] = [];
    own.on('message', (bytes) => heard.push(bytes));
    const setUp = await viewer.ask('SETUP', `${base}/${control}`, {
      Transport: `RTP/AVP;unicast;client_port=${own.address().port}-${rtcp.address().port}`,
      Latch: latch,
    });
    await viewer.ask('PLAY', base, { Session: sessionOf(setUp) });
    const serverPort = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
    for (let i = 0; i < 70; i++) {
      own.send(rtp(0, i), serverPort, '127.0.0.1');
      camera.receive(rtp(A, i));
      await pause(10);
    }
    assert.deepEqual(
      heard.filter((bytes) => (bytes[0] ?? 0) >> 6 === 2),
      [],
    );
  });

  it('takes media of a camera that offers latch in ANNOUNCE from where it proves to be, and from nowhere else', async () => {
    const url = `${base}2/cam`;
    const session = latchkey.createSession({ signalling: 'loopback', role: 'prover' });
    const [own, rtcp, other] = [await bound(), await bound(), await bound()];
    const local = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'].join('\r\n');
    const section = (port: number) => `\r\nm=audio ${port} RTP/AVP 0\r\n`;
    const offer = session.setLocal(local + section(own.address().port));
    const sdp = offer.replace(/^(m=audio) \d+/m, '$1 0').replace(/\r\n$/, '\r\na=control:s\r\n');
    const announced = await viewer.ask('ANNOUNCE', url, { 'Content-Type': 'application/sdp' }, sdp);
    assert.equal(announced.status, 200);
    const [latch, word] = ['latch', 'latch-challenge'].map((name) => announced.headers.get(name)?.[0] ?? '');
    const setUp = await viewer.ask('SETUP', `${url}/s`, {
      Transport: `RTP/AVP;unicast;client_port=${own.address().port}-${rtcp.address().port};mode=record`,
    });
    const to = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
    const answer = `${local}${section(to)}a=latch:${latch}\r\na=latch-challenge:${word}\r\n`;
    assert.equal(session.setRemote(answer).accepted, true);
    const port = session.bind(own);
    assert.equal((await viewer.ask('RECORD', url, { Session: sessionOf(setUp) })).status, 200);
    const listener = new FakePort();
    server.rooms.join('room2', { call: 'listener', streams: [{ stream: streamWith(), rtp: listener }] });
    await until(() => session.streams[0]?.hasProven === true, 'no proof');
    other.send(rtp(0xb0000001), to, '127.0.0.1');
    port.send(rtp(A, 9));
    await until(() => listener.sent.length > 0, 'nothing was heard');
    await pause(50);
    assert.deepEqual(listener.sent, [Uint8Array.from(rtp(A, 9))]);
  });

  it('takes an answer for what it offered alone, and none that is malformed', async () => {
    const { sdp, control } = await describeRoom();
    const { latch } = answerTo(sdp);
    const ask = (Latch: string) =>
      viewer.ask('SETUP', `${base}/${control}`, {
        Transport: 'RTP/AVP;unicast;client_port=5000-5001',
        Latch,
      });
    assert.equal((await ask('1 short x')).status, 400);
    const own = await ask(latch.replace('suite=HMAC-SHA-256', 'suite=MD5'));
    assert.equal((await viewer.ask('PLAY', base, { Session: sessionOf(own) })).status, 400, 'another suite');
  });
});

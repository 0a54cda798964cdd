// What strangers send to the RTSP service, or do not: bounded, answered or closed, counted; and who is served meanwhile notices nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createCertificate } from '../../lib/cli/certificate.js';
import { readRtspUrl } from '../../lib/phone/rtsp-link.js';
import { RtspWatcher } from '../../lib/phone/rtsp-watcher.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { parseUsers, writeUser } from '../../lib/sip/index.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp, LatchRtspOptions, RtspServerLimits } from '../../plugins/rtsp/index.js';
import { FakePort, rtp, streamWith } from '../room/participants.js';
import { controlsOf, RtspTalker, sessionOf } from './rtsp-client.js';

const A = 0xa0000001;

describe('rtsp: hostile input', function () {
  this.timeout(20_000);
  let server: DistributionServer;
  let service: LatchRtsp;
  let port: number;
  let camera: FakePort;
  const sockets: Socket[] = [];

  async function begin(
    limits: Partial<RtspServerLimits> = {},
    more: Partial<LatchRtspOptions> = {},
  ): Promise<void> {
    server = createDistributionServer({ media: { kind: 'range', low: 46_500, high: 46_599 } });
    await server.start();
    service = latchRtsp({ server, listen: { rtsp: 'auto' }, limits, ...more });
    service.on('fault', (error) => assert.fail(String(error)));
    const { rtsp, rtsps } = await service.start();
    port = [...rtsp, ...rtsps][0]?.port ?? 0;
    camera = new FakePort();
    const stream = streamWith({ channel: 'audio' });
    server.rooms.join('room', { call: 'camera', name: 'cam', streams: [{ stream, rtp: camera }] });
  }
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    service.close();
    await server.close();
  });

  async function open(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }
  /** What comes back until the service closes. */
  async function sends(text: string): Promise<string> {
    const socket = await open();
    let said = '';
    socket.on('data', (data: Buffer) => (said += data.toString('latin1')));
    socket.write(text, 'latin1');
    await once(socket, 'close');
    return said;
  }
  async function watch(): Promise<RtspTalker> {
    const viewer = await RtspTalker.open(port);
    sockets.push(viewer.socket);
    const base = `rtsp://127.0.0.1:${port}/room/`;
    const [control = ''] = controlsOf(await viewer.ask('DESCRIBE', base));
    const setUp = await viewer.ask('SETUP', base + control, { Transport: 'RTP/AVP/TCP;interleaved=0-1' });
    assert.equal((await viewer.ask('PLAY', base, { Session: sessionOf(setUp) })).status, 200);
    return viewer;
  }
  async function until(isSo: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 500 && !isSo(); i++) await pause(10);
    assert.ok(isSo(), what);
  }

  it('garbage, a giant body and a head without end are answered once, closed and counted', async () => {
    await begin();
    assert.match(await sends('\x00\x01\x02'), /^RTSP\/1\.0 400 /);
    const giant = 'ANNOUNCE rtsp://h/room/x RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 999999999\r\n\r\n';
    assert.match(await sends(giant), /^RTSP\/1\.0 413 Request Entity Too Large\r\nCSeq: 9\r\n/);
    assert.match(
      await sends(`OPTIONS rtsp://h/a RTSP/1.0\r\n${'X: y\r\n'.repeat(5000)}`),
      /^RTSP\/1\.0 400 /,
    );
    assert.match(await sends('GET / HTTP/1.1\r\nHost: h\r\n\r\n'), /^RTSP\/1\.0 400 /);
    const { refused } = service.counters;
    assert.deepEqual(refused, { 'no-head': 1, 'body-size': 1, 'head-size': 1, 'start-line': 1 });
  });

  it('a request, or a frame, that does not become whole in time ends its connection, with a session too', async () => {
    await begin({ incompleteMs: 500 });
    const viewer = await watch();
    const ends = [await open(), await open(), viewer.socket].map((socket, index) => {
      const drip = setInterval(() => socket.write(index === 0 ? 'O' : '$'), 50);
      socket.once('close', () => clearInterval(drip));
      return once(socket, 'close');
    });
    await Promise.all(ends);
    assert.equal(service.counters.bounds.incompleteTime, 3);
  });

  it('a connection that begins nothing is closed; one of a player is not', async () => {
    await begin({ idleMs: 1000 });
    const viewer = await watch();
    const idle = await open();
    await once(idle, 'close');
    assert.equal(service.counters.bounds.idle, 1);
    assert.equal(viewer.socket.destroyed, false);
  });

  it('a session of which nothing is heard ends', async () => {
    await begin({ sessionMs: 1000 });
    const ended = once(service as unknown as NodeJS.EventEmitter, 'ended');
    const viewer = await watch();
    const [{ reason }] = (await ended) as [{ reason: string }];
    assert.equal(reason, 'timeout');
    if (!viewer.socket.destroyed) await once(viewer.socket, 'close');
  });

  it('frames on channels that nobody has set up, and RTP of a viewer, go nowhere and are counted', async () => {
    await begin();
    const viewer = await watch();
    const other = await watch();
    viewer.send(7, rtp(A));
    viewer.send(0, rtp(A));
    viewer.send(1, Buffer.alloc(300, 0xff));
    await until(() => service.counters.strayFrames === 1, 'no stray frame');
    camera.receive(rtp(A, 5));
    await until(() => other.frames.length > 0, 'the others hear nothing');
    assert.deepEqual(other.frames, [{ channel: 0, packet: Buffer.from(rtp(A, 5)) }]);
    assert.deepEqual(camera.take(), []);
  });

  it('a slow reader is dropped, and costs no more than his bound; others hear on', async () => {
    await begin({ maxBacklogBytes: 200_000 });
    const slow = await watch();
    const viewer = await watch();
    slow.socket.pause();
    const packet = Buffer.concat([rtp(A), Buffer.alloc(1200)]);
    const ended = once(service as unknown as NodeJS.EventEmitter, 'ended');
    let sent = 0;
    while (service.counters.bounds.backlog === 0 && sent < 20_000) {
      for (let i = 0; i < 50; i++) camera.receive(packet);
      sent += 50;
      await pause(1);
    }
    const [{ reason }] = (await ended) as [{ reason: string }];
    assert.equal(reason, 'backlog');
    await until(() => viewer.frames.length === sent, 'a packet is missing');
  });

  it('more requests ahead than are answered end the connection', async () => {
    await begin();
    const said = await sends('OPTIONS rtsp://h/room RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(1000));
    assert.ok(said.split('RTSP/1.0').length < 20);
    assert.equal(service.counters.bounds.pipelined, 1);
  });

  it('connections are bounded in all, and of one address', async () => {
    await begin({ maxConnectionsOfSource: 3 });
    const all = [await open(), await open(), await open()];
    const more = await open();
    await once(more, 'close');
    assert.equal(service.counters.bounds.connectionsOfSource, 1);
    all[0]?.destroy();
    await until(() => service.counters.connections === 2, 'it is not forgotten');
    await watch();
  });

  it('more connections than there may be in all are closed, and a place is free again', async () => {
    await begin({ maxConnections: 2 });
    const [first] = [await open(), await open()];
    await once(await open(), 'close');
    assert.equal(service.counters.bounds.connections, 1);
    first.destroy();
    await until(() => service.counters.connections === 1, 'it is not forgotten');
    await watch();
  });

  it('a TLS handshake that does not become whole in time is closed and counted', async () => {
    const certificate = await createCertificate(['127.0.0.1']);
    const { cert, key } = certificate;
    await begin({ incompleteMs: 300 }, { listen: { rtsps: 'auto', cert, key } });
    certificate.dispose();
    // The beginning of a record, and no more.
    const socket = await open();
    socket.write(Uint8Array.of(22, 3, 1));
    await once(socket, 'close');
    await until(() => service.counters.bounds.incompleteTime === 1, 'it is not counted');
    await until(() => service.counters.connections === 0, 'it is not forgotten');
  });

  it('requests that are cut off are answered nothing, and nothing is left of them', async () => {
    await begin();
    const request = 'ANNOUNCE rtsp://h/room/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nv=0';
    for (let size = 1; size <= request.length; size += 7) {
      const socket = await open();
      let said = '';
      socket.on('data', (data: Buffer) => (said += data.toString('latin1')));
      socket.end(request.slice(0, size));
      await once(socket, 'close');
      assert.equal(said, '');
    }
    await until(() => service.counters.connections === 0, 'a connection is left');
    assert.deepEqual([service.counters.answers, service.counters.refused], [{}, {}]);
  });

  it('wrong digests: five end a connection, and more of one address in a minute are not judged any more', async () => {
    const entry = { name: 'bob', realm: 'here', algorithm: 'MD5', password: 'x', rooms: undefined } as const;
    const parsed = parseUsers(writeUser('', 'bob', 'here', entry), 'here');
    assert.ok(parsed.ok);
    await begin({ maxWrongPerMinute: 6 }, { admission: { users: parsed.users, realm: 'here' } });
    const uri = `rtsp://127.0.0.1:${port}/room`;
    const guess = async (talker: RtspTalker, changes: object = {}) => {
      const asked = await talker.ask('DESCRIBE', uri);
      const nonce = /nonce="([^"]+)"/.exec(asked.headers.get('www-authenticate')?.[0] ?? '')?.[1] ?? '';
      const fields = { username: 'bob', realm: 'here', nonce, uri, response: '0'.repeat(32), ...changes };
      const quoted = Object.entries(fields).map(([name, value]) => `${name}="${value}"`);
      const Authorization = `Digest ${quoted.join(', ')}, algorithm=MD5, qop=auth, nc=00000001, cnonce="a"`;
      return (await talker.ask('DESCRIBE', uri, { Authorization })).status;
    };
    const talkTo = async () => {
      const talker = await RtspTalker.open(port);
      sockets.push(talker.socket);
      return talker;
    };
    const [first, second, third] = [await talkTo(), await talkTo(), await talkTo()];
    // What proves nothing is asked again, and is no guess at a password.
    for (const changes of [{ nonce: 'made up' }, { realm: 'there' }])
      assert.equal(await guess(first, changes), 401);
    assert.equal(service.counters.admission.wrong, 0);
    const closed = once(first.socket, 'close');
    for (const username of ['bob', 'bob', 'bob', 'eve', 'eve'])
      assert.equal(await guess(first, { username }), 401);
    await closed;
    assert.equal(await guess(second), 401);
    assert.deepEqual([service.counters.admission.wrong, service.counters.bounds.wrongPasswords], [6, 0]);
    // Neither asked nor judged, on whatever connection.
    for (const talker of [second, third]) assert.equal(await guess(talker), 503);
    assert.deepEqual([service.counters.admission.wrong, service.counters.bounds.wrongPasswords], [6, 4]);
  });

  it('viewers that come and go, rudely or by TEARDOWN, leave no listener, session or port behind', async () => {
    await begin();
    const emitters = [server, server.rooms, server.latchkey, service, camera] as unknown as EventEmitter[];
    const left = () => ({
      listeners: emitters.map((one) =>
        one.eventNames().map((name) => `${String(name)} ${one.listenerCount(name)}`),
      ),
      sessions: server.latchkey.sessions.size,
      connections: service.counters.connections,
      sockets: process.getActiveResourcesInfo().filter((name) => /^(TCP|UDP)/.test(name)).length,
    });
    const before = left();
    const url = readRtspUrl(`rtsp://127.0.0.1:${port}/room`);
    // Who watches over UDP with latch ends by TEARDOWN.
    for (let i = 0; i < 10; i++) {
      (await watch()).close();
      const latched = new RtspWatcher({ url, recorder: undefined, durationMs: undefined });
      const verified = once(latched, 'verified');
      const over = latched.watch();
      await verified;
      latched.stop();
      await over;
    }
    for (let i = 0; i < 300 && !isDeepStrictEqual(left(), before); i++) await pause(10);
    assert.deepEqual(left(), before);
    assert.equal(service.counters.watched, 20);
  });
});

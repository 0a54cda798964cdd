// Somebody who knows the server's port of a player or a camera and sends there, from another address and from behind the same NAT (the same
// address, another port): what he takes and what he slips in. With latch it is nothing; without, docs/threats.md says what half a second leaves.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { RtspWatcher } from '../../lib/phone/rtsp-watcher.js';
import { readRtspUrl } from '../../lib/phone/rtsp-link.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp } from '../../plugins/rtsp/index.js';
import { readRtpSsrc } from '../../lib/wire/rtp.js';
import { FakePort, rtp, streamWith } from '../room/participants.js';
import { controlsOf, RtspTalker, sessionOf } from './rtsp-client.js';

const CAMERA = 0xa0000001;
const ATTACKER = 0xb0000001;
const PUNCH = rtp(0);

describe('rtsp: an attacker at the media ports', function () {
  this.timeout(20_000);
  let server: DistributionServer;
  let service: LatchRtsp;
  let port: number;
  let camera: FakePort;
  let talker: RtspTalker;
  const sockets: Socket[] = [];
  const timers: NodeJS.Timeout[] = [];

  beforeEach(async () => {
    server = createDistributionServer({ media: { kind: 'range', low: 46_600, high: 46_699 } });
    await server.start();
    service = latchRtsp({ server, listen: { rtsp: 'auto' } });
    port = (await service.start()).rtsp[0]?.port ?? 0;
    camera = new FakePort();
    const stream = streamWith({ channel: 'audio' });
    server.rooms.join('room', { call: 'camera', name: 'cam', streams: [{ stream, rtp: camera }] });
    talker = await RtspTalker.open(port);
  });
  afterEach(async () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
    for (const socket of sockets.splice(0)) socket.close();
    talker.close();
    service.close();
    await server.close();
  });

  /** A socket, and the media that it has heard. */
  async function host(address: string): Promise<{ readonly socket: Socket; readonly heard: Buffer[] }> {
    const socket = createSocket('udp4');
    sockets.push(socket);
    const heard: Buffer[] = [];
    socket.on('message', (bytes) => (bytes[0] ?? 0) >> 6 === 2 && heard.push(bytes));
    socket.bind(0, address);
    await once(socket, 'listening');
    return { socket, heard };
  }
  function every(ms: number, act: () => void): void {
    timers.push(setInterval(act, ms));
  }
  /** 100 packets a second of the camera's. */
  function film(): void {
    let sequence = 0;
    every(10, () => camera.receive(rtp(CAMERA, ++sequence)));
  }
  async function setUpPlayer(
    own: Socket,
  ): Promise<{ readonly to: number; readonly play: () => Promise<void> }> {
    const base = `rtsp://127.0.0.1:${port}/room/`;
    const [control = ''] = controlsOf(await talker.ask('DESCRIBE', base));
    const ports = `${own.address().port}-${own.address().port + 1}`;
    const setUp = await talker.ask('SETUP', base + control, {
      Transport: `RTP/AVP;unicast;client_port=${ports}`,
    });
    const to = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
    const play = async () => {
      assert.equal((await talker.ask('PLAY', base, { Session: sessionOf(setUp) })).status, 200);
    };
    return { to, play };
  }

  interface Attack {
    readonly from: '127.0.0.1' | '127.0.0.66';
    /** Of the attacker's packets and of the player's one, after SETUP. */
    readonly attackMs: number;
    readonly punchMs: number;
  }
  async function attackPlayer({
    from,
    attackMs,
    punchMs,
  }: Attack): Promise<{ player: number; stolen: number }> {
    const [player, attacker] = [await host('127.0.0.1'), await host(from)];
    const { to, play } = await setUpPlayer(player.socket);
    await play();
    film();
    setTimeout(() => every(10, () => attacker.socket.send(rtp(ATTACKER), to, '127.0.0.1')), attackMs);
    setTimeout(() => player.socket.send(PUNCH, to, '127.0.0.1'), punchMs);
    await pause(2100);
    return { player: player.heard.length, stolen: attacker.heard.length };
  }

  it('without latch, from another address: 0 stolen, and the player hears', async () => {
    const { player, stolen } = await attackPlayer({ from: '127.0.0.66', attackMs: 0, punchMs: 20 });
    assert.equal(stolen, 0);
    assert.ok(player > 80, `${player}`);
  });

  it('without latch, from behind the same NAT, before or within half a second of the player: 0 stolen, nobody hears', async () => {
    const { player, stolen } = await attackPlayer({ from: '127.0.0.1', attackMs: 0, punchMs: 300 });
    assert.deepEqual([player, stolen], [0, 0]);
    assert.equal(service.counters.punches.disputed, 1);
  });

  it('without latch, from behind the same NAT, later than half a second: 0 stolen, and the player hears', async () => {
    const { player, stolen } = await attackPlayer({ from: '127.0.0.1', attackMs: 700, punchMs: 0 });
    assert.equal(stolen, 0);
    assert.ok(player > 80, `${player}`);
  });

  it('what stays without latch: from behind the same NAT, half a second before the player, he has the media', async () => {
    const { player, stolen } = await attackPlayer({ from: '127.0.0.1', attackMs: 0, punchMs: 700 });
    assert.equal(player, 0);
    assert.ok(stolen > 50, `${stolen}`);
  });

  it('without latch, a camera: nothing is slipped in from another address, nor from behind its NAT once its port is named', async () => {
    const [own, neighbour, stranger] = [
      ...[await host('127.0.0.1'), await host('127.0.0.1')],
      await host('127.0.0.66'),
    ];
    assert.ok(own && neighbour && stranger);
    const url = `rtsp://127.0.0.1:${port}/second/cam`;
    const sdp = 'v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:s\r\n';
    await talker.ask('ANNOUNCE', url, { 'Content-Type': 'application/sdp' }, sdp);
    const setUp = await talker.ask('SETUP', `${url}/s`, {
      Transport: `RTP/AVP;unicast;client_port=${own.socket.address().port}-1;mode=record`,
    });
    const to = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
    await talker.ask('RECORD', url, { Session: sessionOf(setUp) });
    const listener = new FakePort();
    const stream = streamWith({ channel: 'audio' });
    server.rooms.join('second', { call: 'listener', streams: [{ stream, rtp: listener }] });
    let sequence = 0;
    every(10, () => own.socket.send(rtp(CAMERA, ++sequence), to, '127.0.0.1'));
    every(10, () => stranger.socket.send(rtp(ATTACKER, sequence), to, '127.0.0.1'));
    await pause(700);
    every(10, () => neighbour.socket.send(rtp(CAMERA, sequence + 1), to, '127.0.0.1'));
    await pause(1000);
    const ssrcs = listener.take().map(readRtpSsrc);
    assert.ok(ssrcs.length > 60, `${ssrcs.length}`);
    assert.deepEqual([...new Set(ssrcs)], [CAMERA]);
    assert.ok(ssrcs.length <= sequence - 40, 'a packet of the neighbour’s was taken');
  });

  it('with latch, from behind the same NAT and from elsewhere, from the first moment on: 0 stolen, and the player hears', async () => {
    const [neighbour, stranger] = [await host('127.0.0.1'), await host('127.0.0.66')];
    film();
    const watcher = new RtspWatcher({
      url: readRtspUrl(`rtsp://127.0.0.1:${port}/room`),
      ...{ recorder: undefined, durationMs: 2500 },
    });
    const heard: number[] = [];
    watcher.on('rtp', (bytes) => heard.push(readRtpSsrc(bytes)));
    // Whatever port it is: all of the range.
    every(20, () => {
      for (let to = 46_600; to < 46_700; to++)
        for (const { socket } of [neighbour, stranger]) socket.send(rtp(ATTACKER), to, '127.0.0.1');
    });
    const { verified, streams } = await watcher.watch();
    assert.equal(verified, 1);
    assert.deepEqual([...new Set(heard)], [CAMERA]);
    assert.ok(heard.length > 150 && (streams[0]?.lost ?? 99) < 20, `${heard.length}`);
    assert.deepEqual([neighbour.heard.length, stranger.heard.length], [0, 0]);
  });
});

// `latchkey serve` with a camera in a room, viewers of it by each way that media can go, and what they cost the server's process.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { readRtspUrl } from '../../lib/phone/rtsp-link.js';
import { RtspWatcher } from '../../lib/phone/rtsp-watcher.js';
import { ServerProcess } from '../cli/server-process.js';
import { controlsOf, RtspTalker, sessionOf } from '../plugins/rtsp-client.js';
import { rtp } from '../room/participants.js';

const CAMERA =
  'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=control:streamid=0\r\n';
const INTERLEAVED = 'RTP/AVP/TCP;interleaved=0-1';
/** UDP without latch takes ports of its own. */
const MEDIA = '47100-47499';
/** With its RTP header. */
export const PACKET_BYTES = 1200;
/** Of that size, 2 Mbit/s. */
export const PACKETS_PER_S = 208;
/** Linux counts 100 ticks a second. */
const TICKS_PER_S = 100;

/** CPU time of a process so far, in seconds: the user's and the system's. */
export function cpuSecondsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

export class RtspCrowd {
  readonly #url: string;
  readonly #port: number;
  #pace: NodeJS.Timeout | undefined;
  /** Packets of the camera. */
  sent = 0;

  private constructor(
    readonly server: ServerProcess,
    readonly camera: RtspTalker,
  ) {
    this.#port = server.port('rtsp');
    this.#url = `rtsp://127.0.0.1:${this.#port}/tea`;
  }

  static async gather(): Promise<RtspCrowd> {
    const server = await ServerProcess.start('--rtsp', 'auto', '--media', MEDIA);
    const crowd = new RtspCrowd(server, await RtspTalker.open(server.port('rtsp')));
    await crowd.#publish();
    return crowd;
  }

  get rssKb(): number {
    const status = readFileSync(`/proc/${this.server.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.server.pid}/fd`).length;
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.server.pid);
  }

  /** The camera films, so many packets a second from now on. */
  film(perSecond: number, bytes = PACKET_BYTES): void {
    this.cut();
    const payload = Buffer.alloc(bytes - rtp(0).length);
    const [before, startMs] = [this.sent, performance.now()];
    this.#pace = setInterval(() => {
      const due = before + ((performance.now() - startMs) * perSecond) / 1000;
      while (this.sent < due) this.camera.send(0, Buffer.concat([rtp(0xa0000001, ++this.sent, 96), payload]));
    }, 5);
  }

  cut(): void {
    clearInterval(this.#pace);
  }

  /** Inside its connection. */
  async watch(): Promise<RtspTalker> {
    return (await this.#play(INTERLEAVED)).viewer;
  }

  /** Over UDP with latch. Fulfilled with the first packet. */
  async watchLatched(): Promise<RtspWatcher> {
    const watcher = new RtspWatcher({
      ...{ url: readRtspUrl(this.#url), recorder: undefined, durationMs: undefined },
    });
    const first = once(watcher, 'rtp');
    const over = watcher.watch();
    await Promise.race([first, over.then(() => assert.fail('it was over before a packet came'))]);
    return watcher;
  }

  /** Over UDP without latch: one packet to show its port, and away before it is believed. */
  async glance(): Promise<void> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    const { viewer } = await this.#play(`RTP/AVP;unicast;client_port=${port}-${port + 1}`, (serverPort) =>
      socket.send(rtp(0), serverPort, '127.0.0.1'),
    );
    viewer.close();
    socket.close();
  }

  /** Watches three packets; every other one then just goes. */
  async comeAndGo(isRude: boolean): Promise<void> {
    const { viewer, Session } = await this.#play(INTERLEAVED);
    while (viewer.frames.length < 3) await pause(5);
    if (!isRude) assert.equal((await viewer.ask('TEARDOWN', this.#url, { Session })).status, 200);
    viewer.close();
  }

  close(): Promise<unknown> {
    this.cut();
    this.camera.close();
    return this.server.stop('SIGKILL');
  }

  async #publish(): Promise<void> {
    const { camera } = this;
    const url = `${this.#url}/cam`;
    await camera.ask('ANNOUNCE', url, { 'Content-Type': 'application/sdp' }, CAMERA);
    const record = { Transport: 'RTP/AVP/TCP;interleaved=0-1;mode=record' };
    const Session = sessionOf(await camera.ask('SETUP', `${url}/streamid=0`, record));
    assert.equal((await camera.ask('RECORD', url, { Session })).status, 200);
  }

  async #play(
    Transport: string,
    onSetUp: (serverPort: number) => void = () => undefined,
  ): Promise<{ readonly viewer: RtspTalker; readonly Session: string }> {
    const viewer = await RtspTalker.open(this.#port);
    const [control = ''] = controlsOf(await viewer.ask('DESCRIBE', this.#url));
    const setUp = await viewer.ask('SETUP', `${this.#url}/${control}`, { Transport });
    onSetUp(Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]));
    const Session = sessionOf(setUp);
    assert.equal((await viewer.ask('PLAY', this.#url, { Session })).status, 200);
    return { viewer, Session };
  }
}

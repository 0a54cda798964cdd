// Somebody who plays or publishes by RTSP over UDP without latch, raced to the server's ports by an attacker at a chosen moment. The
// players are ffmpeg's, the server is `latchkey serve`; what came of a race is read off the packets.
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { AttackScene } from './attack-scene.js';
import type { Place } from './attack-scene.js';
import { shapeOf } from './attack-verdict.js';
import type { Captures } from './attack-verdict.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines, Line } from './json-lines.js';
import { CLIENT, SERVER } from './lab.js';

export const RTSP_PORT = 8554;
export const RTSPS_PORT = 8322;
export const ROOM = 'talk';
/** The public call that is heard, or hears, has the first pair. */
const MEDIA = [40000, 40019] as const;
/** The client's packets to media ports are lost on the way, and its TCP is not. */
const MUTE = `add table ip mute; add chain ip mute lost { type filter hook forward priority 0; };
  add rule ip mute lost ip saddr ${CLIENT} udp dport ${MEDIA.join('-')} drop`;
/** The port that shows itself first is believed after so long (lib/rtsp/punch.ts). */
export const TRIAL_MS = 500;
/** The server looks at what the ports have become 2 s after PLAY. */
const VERDICT_MS = 2300;

/** When the attacker begins: ahead of SETUP, when PLAY is answered, a second later; and where the player's own packets never arrive. */
export type Moment = 'before the punch' | 'in the 500 ms' | 'after them' | 'no punch arrives';
export type Role = 'viewer' | 'publisher';

export interface Race {
  readonly role: Role;
  readonly place: Place;
  readonly moment: Moment;
  /** Media packets at the attacker, its own at a party, and media that the one it raced got or gave. */
  readonly stolen: number;
  readonly injected: number;
  readonly reached: number;
  /** What the server made of the ports. */
  readonly outcome: 'silence' | 'disputed' | 'named';
  /** From the player's first packet to the attacker's first one to the same port, in ms: negative where the attacker was first. */
  readonly lateMs: number | undefined;
}

interface Window {
  readonly moment: Moment;
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: Race['outcome'];
}

export class RtspRace {
  readonly scene: AttackScene;
  readonly #windows: Window[] = [];

  constructor(
    readonly role: Role,
    readonly place: Place,
  ) {
    this.scene = new AttackScene(place);
  }

  async run(moments: readonly Moment[]): Promise<readonly Race[]> {
    const { scene } = this;
    const { server, certificate } = await scene.serve(['--rtsp', String(RTSP_PORT)], MEDIA);
    const call = scene.call('cliB', `sip:${ROOM}@${SERVER}:5061;transport=tls`, '--ca', certificate);
    await call.has('verified');
    const racer = scene.start(
      this.place,
      'attacker-racer.mjs',
      JSON.stringify({ server: SERVER, range: MEDIA }),
    );
    const told = jsonLines(racer);
    await told.has('ready');
    await scene.capture(this.place, 'cliA', 'cliB', 'pub');
    for (const [index, moment] of moments.entries())
      await this.#race(moment, index, server, (word) => void racer.stdin?.write(`${word}\n`));
    const captures = await scene.captured();
    return this.#windows.map((window) => this.#judge(window, captures));
  }

  async #race(moment: Moment, index: number, server: JsonLines, tell: (word: string) => void): Promise<void> {
    const { lab } = this.scene;
    const begun = this.role === 'viewer' ? 'watching' : 'publishing';
    // An address from which UDP came to nothing gets none for a minute.
    const external = `203.0.113.${120 + index}`;
    lab.renumber('natA', external);
    const isMuted = moment === 'no punch arrives';
    if (isMuted) lab.run('natA', 'nft', MUTE);
    const startMs = Date.now();
    if (moment === 'before the punch') {
      tell('go');
      await delay(100);
    }
    const isOurs = (line: Line) => String(line['remote']).startsWith(`${external}:`);
    const player = lab.spawn('cliA', 'ffmpeg', '-nostdin', '-loglevel', 'quiet', ...this.#arguments());
    await server.has(begun, isOurs);
    if (moment === 'after them') await delay(2 * TRIAL_MS);
    if (moment !== 'before the punch') tell('go');
    await delay(VERDICT_MS);
    tell('stop');
    const unreached = server.all.find((line) => line.event === 'unreached' && isOurs(line));
    const outcome = (unreached?.['reason'] as 'silence' | 'disputed' | undefined) ?? 'named';
    this.#windows.push({ moment, startMs, endMs: Date.now(), outcome });
    player.kill('SIGKILL');
    // Its end gets through while its NAT has this address.
    await server.has('gone', isOurs);
    if (isMuted) lab.run('natA', 'nft', 'delete table ip mute');
  }

  #arguments(): readonly string[] {
    const url = `rtsp://${SERVER}:${RTSP_PORT}/${ROOM}`;
    if (this.role === 'viewer') return ['-rtsp_transport', 'udp', '-i', url, '-c', 'copy', '-f', 'null', '-'];
    const sound = ['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=8000', '-c:a', 'pcm_mulaw'];
    return [...sound, '-f', 'rtsp', '-rtsp_transport', 'udp', `${url}/camera`];
  }

  #judge({ moment, startMs, endMs, outcome }: Window, { attacker, server, parties }: Captures): Race {
    const isThen = ({ timeMs }: CapturedDatagram) => timeMs >= startMs && timeMs <= endMs;
    const isOfMedia = ({ port }: CapturedDatagram['source']) => port >= MEDIA[0] && port <= MEDIA[1];
    const isToMedia = ({ destination }: CapturedDatagram) =>
      destination.address === SERVER && isOfMedia(destination) && destination.port % 2 === 0;
    const { role, place, scene } = this;
    const isMedia = (packet: CapturedDatagram) =>
      isThen(packet) &&
      packet.source.address === SERVER &&
      isOfMedia(packet.source) &&
      ['rtp', 'rtcp'].includes(classifyPacket(packet.payload));
    const stolen = attacker.filter(
      (packet) => isMedia(packet) && packet.destination.address === scene.placeAddress,
    );
    // At the call of cliB there is nobody else to hear but the publisher.
    const [atClient = [], , atOther = []] = parties;
    const injected = [...atClient, ...atOther].filter(
      (packet) => isMedia(packet) && shapeOf(packet) !== undefined,
    );
    const got = (role === 'viewer' ? atClient : atOther).filter(
      (packet) =>
        isMedia(packet) && classifyPacket(packet.payload) === 'rtp' && shapeOf(packet) === undefined,
    );
    // Its first packet as it left, and the first of the attacker's to the same port: the marks tell them apart, addresses would not.
    const own = atClient.find((packet) => isThen(packet) && isToMedia(packet));
    const rival = server.find(
      (packet) =>
        isThen(packet) &&
        packet.destination.port === own?.destination.port &&
        Buffer.from(packet.payload).includes('attack of the lab'),
    );
    const lateMs = own && rival && Math.round(rival.timeMs - own.timeMs);
    return {
      ...{ role, place, moment, stolen: stolen.length, injected: injected.length },
      ...{ reached: got.length, outcome, lateMs },
    };
  }

  close(): void {
    this.scene.close();
  }
}

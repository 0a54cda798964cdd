// Who sends to the server ports of somebody who watches or publishes by RTSP, from outside and from behind his own NAT: with latch nothing
// is stolen and nothing injected; without, what the half second of the punch rule leaves is measured, and docs/threats.md has the figures.
// And nobody has media sent to somebody else by what he asks for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { skipBecause, whyNoClient } from '../clients/client-programs.js';
import { assertNothing, SHAPES, show } from './attack-judge.js';
import { AttackScene } from './attack-scene.js';
import type { Place } from './attack-scene.js';
import { shapeOf } from './attack-verdict.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { Line } from './json-lines.js';
import { ATTACKER, NAT, SERVER, whyNoLab } from './lab.js';
import { OPEN } from './plan.js';
import { ROOM, RTSP_PORT, RTSPS_PORT, RtspRace, TRIAL_MS } from './rtsp-race.js';
import type { Moment, Race, Role } from './rtsp-race.js';
import { assertNoTheft } from './theft.js';

const PLACES: readonly Place[] = ['att', 'cliA2'];
/** Those that leave something, and in the whole lab those that leave nothing. */
const DECISIVE: readonly Moment[] = ['in the 500 ms', 'no punch arrives'];
const MOMENTS: readonly Moment[] =
  process.env.LATCHKEY_LAB === 'all' ? ['before the punch', 'after them', ...DECISIVE] : DECISIVE;
const CAMERA = fileURLToPath(new URL('latched-camera.ts', import.meta.url));
const AMPLE_S = 30;
/** The other's call, the client's camera, and the two that the client watches have a pair each. */

const FOUR_PAIRS = [40000, 40007] as const;
const STRANGER = { localPort: 0, serverPort: 0, sequence: 1, timestamp: 160, ssrc: 1 };

describe('attacks on who watches and who publishes by RTSP', function () {
  this.timeout(60_000);
  const open: { close(): void }[] = [];
  const opened = <T extends { close(): void }>(one: T): T => {
    open.push(one);
    return one;
  };

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('ffmpeg'));
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  /** The client has a camera in the room and watches it, both with latch, and both its server ports are attacked. */
  async function attackedWithLatch(place: Place) {
    const scene = opened(new AttackScene(place));
    const rtsps = ['--rtsps', String(RTSPS_PORT)];
    const { server, certificate } = await scene.serve(rtsps, FOUR_PAIRS);
    const trust = ['--ca', certificate];
    const uri = `sip:${ROOM}@${SERVER}:5061;transport=tls`;
    const other = scene.call('cliB', uri, ...trust);
    await other.has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    const [range, late] = [FOUR_PAIRS, STRANGER];
    const begin = async (phase: string, seconds = AMPLE_S) => {
      const targets = [range[0] + 2, range[0] + 6];
      const both = targets.map((target) => scene.attack(phase, SHAPES, seconds, { late, range, target }));
      const [first, second] = await Promise.all(both);
      return { stop: () => Promise.all([first?.stop(), second?.stop()]) };
    };

    const before = await begin('before media');
    const filming = [CAMERA, SERVER, String(RTSPS_PORT), `${ROOM}/cam`];
    const camera = jsonLines(scene.lab.spawn('cliA', process.execPath, '--import=tsx', ...filming));
    await camera.has('verified');
    const record = join(scene.folder, 'watched.pcap');
    const url = `rtsps://${SERVER}:${RTSPS_PORT}/${ROOM}`;
    const viewer = jsonLines(
      scene.lab.latchkey('cliA', 'watch', url, '--json', '--record', record, ...trust),
    );
    await viewer.has('verified');
    await delay(800);
    await before.stop();
    const during = await begin('during');
    await delay(1500);
    await during.stop();

    const atRebinding = await begin('rebinding');
    await delay(300);
    scene.lab.rebind('natA');
    const reboundMs = Date.now();
    // Who only listens is found again with its next hello, the camera with its next packet.
    const { call: watching } = await server.has('watching');
    await server.has('rebound', ({ call }) => call === watching);
    await delay(500);
    await atRebinding.stop();
    const captures = await scene.captured();
    const watched = [...readDatagrams(readFileSync(record))];
    return { scene, captures, watched, reboundMs };
  }

  it('with latch each shape, before media, during it and at a rebinding: nothing stolen, nothing injected', async () => {
    for (const { scene, captures, watched, reboundMs } of await Promise.all(PLACES.map(attackedWithLatch))) {
      const all = { ...captures, parties: [...captures.parties, watched] };
      // Two targets at a time.
      assertNothing(scene, all, { phases: 6, shapes: SHAPES });
      // The other's call hears the camera alone.
      const heard = captures.parties[2]!.filter(
        ({ source, payload }) => source.address === SERVER && classifyPacket(payload) === 'rtp',
      );
      assert.ok(heard.filter(({ timeMs }) => timeMs > reboundMs).length > 10, 'the camera was heard on');
      const injected = watched.filter((packet) => shapeOf(packet) !== undefined);
      assertNoTheft(injected.map(String), 'in the recording of who watches');
      const rtp = watched.filter(({ payload }) => classifyPacket(payload) === 'rtp');
      assert.ok(rtp.filter(({ timeMs }) => timeMs < reboundMs).length > 100, 'he watched');
      assert.ok(rtp.filter(({ timeMs }) => timeMs > reboundMs).length > 10, 'he watched on');
    }
  });

  async function raced(role: Role): Promise<readonly Race[]> {
    const races = PLACES.map((place) => opened(new RtspRace(role, place)).run(MOMENTS));
    const all = (await Promise.all(races)).flat();
    show(`without latch, a ${role}`, all);
    return all;
  }

  /** What docs/threats.md says of both. */
  function assertAsPublished(races: readonly Race[]): void {
    for (const race of races) {
      const { role, place, moment, stolen, injected, reached, outcome, lateMs } = race;
      const told = JSON.stringify(race);
      const taken = role === 'viewer' ? stolen : injected;
      const isNeighbour = place === 'cliA2';
      if (moment === 'in the 500 ms')
        assert.ok(lateMs !== undefined && lateMs >= 0 && lateMs < TRIAL_MS, told);
      if (moment === 'before the punch') assert.ok(lateMs !== undefined && lateMs < 0, told);
      if (moment === 'after them') assert.ok(lateMs !== undefined && lateMs > TRIAL_MS, told);
      if (moment === 'no punch arrives') {
        assert.equal(outcome, isNeighbour ? 'named' : 'silence', told);
        if (isNeighbour) assert.ok(taken > 0, told);
        else assertNoTheft(taken > 0 ? [told] : [], moment);
        continue;
      }
      assertNoTheft(stolen + injected > 0 ? [told] : [], `${role}, ${moment}, from ${place}`);
      const isDisputed = isNeighbour && moment !== 'after them';
      assert.equal(outcome, isDisputed ? 'disputed' : 'named', told);
      if (isDisputed) assert.equal(reached, 0, told);
      else assert.ok(reached > 10, told);
    }
  }

  it('without latch a viewer loses UDP to a neighbour in time, and his media to one where his own packet never arrives', async () => {
    assertAsPublished(await raced('viewer'));
  });

  if (process.env.LATCHKEY_LAB === 'all')
    it('and so does a publisher', async () => {
      assertAsPublished(await raced('publisher'));
    });

  it('sends nothing to whom a SETUP names, nor to whom a packet says to be from', async () => {
    const scene = opened(new AttackScene('att', { ipv6: true }));
    const { lab, folder } = scene;
    const { server, certificate } = await scene.serve(['--rtsp', String(RTSP_PORT)], [40000, 40019]);
    await scene.call('cliB', `sip:${ROOM}@${SERVER}:5061;transport=tls`, '--ca', certificate).has('verified');
    const captures = await Promise.all(
      (['open', 'natA', 'att'] as const).map((host) =>
        Capture.start(lab, host, join(folder, `${host}.pcap`)),
      ),
    );
    const ask = async (transports: readonly string[]) => {
      const plan = { server: SERVER, port: RTSP_PORT, path: ROOM, transports };
      const asked = jsonLines(scene.start('att', 'rtsp-asker.mjs', JSON.stringify(plan)));
      await asked.has('done');
      return asked.all.slice(0, -1).map(({ setUp, play }) => play ?? setUp);
    };
    const ports = ['RTP/AVP;unicast;client_port=10000-10001', 'RTP/AVP;unicast;client_port=53-54'];
    const named = [OPEN, NAT].flatMap((address) => [
      `RTP/AVP;unicast;destination=${address};client_port=10000-10001`,
      `RTP/AVP;multicast;destination=${address};port=10000-10001;ttl=4`,
    ]);
    // In its own name it is sent media to where its own packet came from, and not to the ports that it named.
    assert.deepEqual(await ask(ports.slice(0, 1)), [200]);
    await delay(1000);
    // From now on its packets say that they are from somebody else.
    lab.run('att', 'nft', forging(OPEN));
    assert.deepEqual(await ask([...named, ...ports]), [461, 461, 461, 461, 200, 200]);
    const isSilent = (line: Line) => line['reason'] === 'silence';
    await server.has('unreached', isSilent);
    await delay(500);
    assert.equal(server.all.filter(({ event }) => event === 'unreached').length, 2);
    const [atOpen = [], atNat = [], atAsker = []] = await Promise.all(captures.map((one) => one.stop()));
    const fromServer = (seen: readonly CapturedDatagram[]) =>
      seen.filter(({ source }) => source.address === SERVER);
    for (const seen of [atOpen, atNat]) assertNoTheft(fromServer(seen).map(String), 'at somebody else');
    const own = fromServer(atAsker);
    assert.ok(own.length > 10, `${own.length} packets to who asked for himself`);
    assert.ok(own.every(({ destination }) => destination.address === ATTACKER && destination.port !== 10000));
  });
});

/** What the attacker sends to media ports says from now on that somebody else has sent it. */
function forging(source: string): string {
  return (
    'add table ip forge; add chain ip forge out { type nat hook postrouting priority 100; };' +
    `add rule ip forge out udp dport 40000-40019 snat to ${source}`
  );
}

// Every shape of attack that is seen in the wild, before media, during a call, at a re-INVITE and at a rebinding, from outside
// and from behind the victim's own NAT: nothing stolen, nothing injected, by the packets captured at the attacker, at the server
// and at both parties. Beside it the same attacks where media is latched blindly: there they succeed.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { baresip, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { AttackScene, RANGE, VICTIM_PORT } from './attack-scene.js';
import type { Place } from './attack-scene.js';
import { AMPLE_S, assertNothing, SHAPES, show } from './attack-judge.js';
import { rowsOf, spokenBefore } from './attack-verdict.js';
import type { Attack } from './attack-verdict.js';
import { CLIENT, SERVER, whyNoLab } from './lab.js';
import type { LabPlan, NatType } from './lab.js';

/** 250 packets of 20 ms and a little more: the fourth shape waits for that many good ones. */
const GOOD_PACKETS_MS = 5200;
/** Those that look like RTP of the call and never pause: where the first source is believed, they are it sooner or later. */
const BELIEVED = ['scan', 'spray', 'late'];
const RACES = 4;
const PLACES: readonly Place[] = ['att', 'cliA2'];
/** Of each shape in the control, where they attack in turn. */
const TURN_S = 0.6;

const secure = `sip:talk@${SERVER}:5061;transport=tls`;
const clear = `sip:talk@${SERVER}:5060;transport=tcp`;

/** In a dialog: its To has a tag. */
function isReInvite({ payload }: CapturedDatagram): boolean {
  const text = Buffer.from(payload).toString('latin1');
  return text.startsWith('INVITE ') && /^To:.*;tag=/im.test(text);
}

describe('attacks in the lab', function () {
  this.timeout(60_000);
  const scenes: AttackScene[] = [];
  const phones: RunningClient[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab());
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    for (const scene of scenes.splice(0)) scene.close();
  });

  function open(place: Place, plan?: LabPlan): AttackScene {
    const scene = new AttackScene(place, plan);
    scenes.push(scene);
    return scene;
  }

  async function attackedCall(place: Place, natA?: NatType) {
    const scene = open(place, natA && { natA: { type: natA } });
    const { server, certificate } = await scene.serve();
    const trust = ['--ca', certificate];
    const late = await scene.ownCall(secure, ...trust);
    const other = scene.call('cliB', secure, ...trust);
    await other.has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');

    const before = await scene.attack('before media', SHAPES, AMPLE_S, { late });
    await delay(500);
    const victim = scene.call('cliA', secure, ...trust);
    await victim.has('verified');
    const verifiedMs = Date.now();
    await delay(1000);
    await before.stop();

    await delay(verifiedMs + GOOD_PACKETS_MS - Date.now());
    await (
      await scene.attack('during the call', SHAPES, 1.5, { late })
    ).ended;

    const atReInvite = await scene.attack('re-INVITE', SHAPES, AMPLE_S, { late });
    victim.tell('hold');
    await victim.has('held', ({ held }) => held === true);
    await delay(500);
    victim.tell('resume');
    await victim.has('held', ({ held }) => held === false);
    await delay(1000);
    await atReInvite.stop();

    const atRebinding = await scene.attack('rebinding', SHAPES, 2, { late });
    await delay(300);
    scene.lab.rebind('natA');
    await atRebinding.ended;
    victim.tell('bye');
    await victim.end;
    return { scene, server, captures: await scene.captured() };
  }

  async function attackedFromEverywhere(natA?: NatType) {
    const played = PLACES.map((place) => attackedCall(place, natA));
    for (const { scene, server, captures } of await Promise.all(played)) {
      assertNothing(scene, captures, { phases: 4, shapes: SHAPES });
      const during = scene.attacks.find(({ phase }) => phase === 'during the call')!;
      const [, recordedByClient, , recordedByOther] = captures.parties;
      for (const recording of [recordedByClient!, recordedByOther!])
        assert.ok(recording.length > 500, 'the recorders ran');
      assert.ok(spokenBefore(captures.parties[0]!, CLIENT, during.startMs) >= 250, '250 good packets before');
      assert.equal(server.all.filter(({ event }) => event === 'rebound').length, 1);
    }
  }

  it('each shape in each phase, from outside and from the neighbour: nothing stolen, nothing injected', async () => {
    await attackedFromEverywhere();
  });

  if (process.env.LATCHKEY_LAB === 'all')
    for (const nat of ['port-preserving', 'full-cone'] as const)
      it(`the same behind a NAT that is ${nat}`, async () => {
        await attackedFromEverywhere(nat);
      });

  /** A phone of others, which proves itself by ICE; it sends a re-INVITE of its own when its checks are done. */
  async function phoneCall(place: Place) {
    const scene = open(place);
    const { server, certificate } = await scene.serve();
    const trust = ['--ca', certificate];
    const late = await scene.ownCall(secure, ...trust);
    await scene.call('cliB', secure, ...trust).has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    const before = await scene.attack('before media and re-INVITE', SHAPES, AMPLE_S, { late });
    await delay(300);
    const phone = new RunningClient(
      scene.lab.command(
        'cliA',
        ...baresip({
          ...{ folder: scene.folder, address: CLIENT, server: { address: SERVER, port: 5060 } },
          ...{ transport: 'udp', hasIce: true, durationS: 10 },
        }),
      ),
    );
    phones.push(phone);
    await server.has('verified', ({ protection }) => protection === 'ice');
    await delay(1500);
    await before.stop();
    await (
      await scene.attack('during the call', SHAPES, 1.5, { late })
    ).ended;
    const atRebinding = await scene.attack('rebinding', SHAPES, 2, { late });
    await delay(300);
    scene.lab.rebind('natA');
    await atRebinding.ended;
    await phone.ended();
    return { scene, captures: await scene.captured() };
  }

  it('baresip with ICE: the same', async function () {
    skipBecause(this, whyNoClient('baresip'));
    for (const { scene, captures } of await Promise.all(PLACES.map(phoneCall))) {
      assertNothing(scene, captures, { phases: 3, shapes: SHAPES });
      const reInvites = captures.parties[0]!.filter(isReInvite).map(({ timeMs }) => timeMs);
      const [{ startMs, endMs }] = scene.attacks as [Attack];
      assert.ok(
        reInvites.some((timeMs) => timeMs > startMs && timeMs < endMs),
        'it sent a re-INVITE under attack',
      );
    }
  });

  /** `latchkey serve` as it is, with the policy that latches blindly: the first source of RTP is believed, for good. */
  async function latchedCalls(place: Place) {
    const scene = open(place);
    const { certificate } = await scene.serve(['--policy', 'blind', '--pairs']);
    const trust = ['--ca', certificate];
    const late = await scene.ownCall(secure, ...trust);
    const other = scene.call('cliB', secure, ...trust);
    await other.has('verified');
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    for (const shape of BELIEVED) {
      const attack = await scene.attack('before media', [shape], AMPLE_S, { late });
      for (let race = 0; race < RACES; race++) await scene.call('cliA', clear, '--duration', '0.4').end;
      await attack.stop();
    }
    return { scene, captures: await scene.captured() };
  }

  /** A relay that follows whoever spoke last, in the place of the server: what the other shapes would beat. */
  async function blindCall(place: Place) {
    const scene = open(place);
    const relay = await scene.blindRelay();
    await scene.capture(place, 'cliA', 'cliB', 'pub');
    const late = { localPort: 0, serverPort: VICTIM_PORT, sequence: 1, timestamp: 160, ssrc: 1 };
    const inTurn = (phase: string) => scene.attack(phase, SHAPES, TURN_S, { late, inTurn: true });
    // Twice as often as the victim, so that some of it falls between an attack and the victim's next packet.
    const other = await scene.talker('cliB', RANGE[0] + 2, 10);
    const victim = await scene.talker('cliA', VICTIM_PORT, 20);
    other();
    const before = await inTurn('before media');
    await delay((SHAPES.length - 2) * TURN_S * 1000);
    victim();
    await before.ended;
    await (
      await inTurn('during the call')
    ).ended;
    const atReInvite = await inTurn('re-INVITE');
    relay.forget();
    await atReInvite.ended;
    const atRebinding = await inTurn('rebinding');
    scene.lab.rebind('natA');
    await atRebinding.ended;
    return { scene, captures: await scene.captured() };
  }

  it('positive controls: a blind latch of ours, and a relay that follows, lose to the same shapes', async () => {
    const [latched, blind] = await Promise.all([
      Promise.all(PLACES.map(latchedCalls)),
      Promise.all(PLACES.map(blindCall)),
    ]);
    for (const { scene } of latched) assert.equal(scene.attacks.length, BELIEVED.length);
    for (const { scene } of blind) assert.equal(scene.attacks.length, 4);
    for (const { scene, captures } of [...latched, ...blind]) {
      const { place, placeAddress, attacks } = scene;
      const rows = rowsOf(attacks, captures, placeAddress, false);
      show(`control, attacked from ${place}`, rows);
      for (const { phase, shape, stolen, injected } of rows) {
        assert.ok(stolen > 0, `${shape} ${phase} from ${place} steals`);
        assert.ok(injected > 0, `${shape} ${phase} from ${place} injects`);
      }
    }
  });
});

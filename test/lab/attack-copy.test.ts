// The neighbour who reads the client's packets and sends them again from its own address, but cannot drop them: rule 5.11. It
// may also hand the server's challenges on to the client, in the server's name, and so answer them. How often the media
// stays is measured, per call, by the packets captured at the neighbour and at the clients.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { skipBecause } from '../clients/client-programs.js';
import { AttackScene, RANGE, VICTIM_PORT } from './attack-scene.js';
import { longestSilence, mediaAt } from './attack-verdict.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines } from './json-lines.js';
import { CLIENT, SERVER, whyNoLab } from './lab.js';

/** Side by side, each with a media port of its own. */
const CALLS = 7;
const CALL_PORTS = [40000, 40000 + 2 * CALLS - 1] as const;
const COPY_MS = 2000;
/** After a conflict a switch waits 2 s (rule 5.11). */
const REBOUND_MS = 3500;
/** Half a second of one call: a copier that is verified first, since the client was late, loses the media when that answers. */
const SHORT_PACKETS = 25;
const echo = `sip:echo@${SERVER}:5061;transport=tls`;

interface Outcome {
  readonly calls: number;
  /** Calls none of whose media reached the neighbour. */
  readonly stayed: number;
  /** Media packets at the neighbour, and the most of one call. */
  readonly stolen: number;
  readonly worst: number;
  /** Calls of which the server said that somebody copies their packets. */
  readonly conflicts: number;
  readonly copied: number;
  readonly relayed: number;
  /** The longest time that a client heard nothing, in ms. */
  readonly silenceMs: number;
}

/** One server and the client's calls, which a copier comes to again and again. */
class CopiedCalls {
  readonly scene = new AttackScene('cliA2');
  #server: JsonLines | undefined;
  #certificate = '';

  constructor(readonly relays: boolean) {}

  async open(): Promise<void> {
    const { server, certificate } = await this.scene.serve([], CALL_PORTS);
    this.#server = server;
    this.#certificate = certificate;
    await this.scene.capture('cliA2', 'cliA');
    spoofServer(this.scene);
  }

  async call(): Promise<void> {
    const options = ['--ca', this.#certificate, '--json'];
    const one = () => jsonLines(this.scene.lab.latchkey('cliA', 'call', echo, ...options)).has('verified');
    await Promise.all(Array.from({ length: CALLS }, one));
  }

  /** A copier comes, then something happens, and after a while it leaves. */
  async copied(when: string, happens: () => unknown, afterwardsMs = COPY_MS): Promise<Outcome> {
    const { scene, relays } = this;
    const events = this.#server?.all ?? [];
    const before = events.length;
    const stop = await startCopier(scene, relays, CALL_PORTS);
    const startMs = Date.now();
    await happens();
    await delay(afterwardsMs);
    const told = await stop();
    const { attacker, parties } = await scene.captured();
    await scene.capture('cliA2', 'cliA');

    const stolen = mediaAt(attacker, scene.placeAddress).map(({ source }) => source.port);
    const perCall = [...new Set(stolen)].map((port) => stolen.filter((one) => one === port).length);
    const conflicts = events.slice(before).filter(({ event }) => event === 'conflict');
    const sum = (name: 'copied' | 'relayed') => told.reduce((total, one) => total + one[name], 0);
    const [client = []] = parties;
    const outcome = {
      ...{ calls: told.length, stayed: told.length - perCall.length },
      ...{ stolen: stolen.length, worst: Math.max(0, ...perCall) },
      conflicts: new Set(conflicts.map(({ session }) => session)).size,
      ...{ copied: sum('copied'), relayed: sum('relayed') },
      silenceMs: Math.round(longestSilence(client, CLIENT, startMs)),
    };
    if (process.env.LAB_TABLE === '1') console.log(JSON.stringify({ relays, when, ...outcome }));
    assert.equal(outcome.calls, CALLS, when);
    assert.equal(outcome.relayed > 0, relays, when);
    assert.ok(outcome.worst <= SHORT_PACKETS, `${when}: ${outcome.worst} packets of a call`);
    return outcome;
  }

  /** How many calls have media a while after the copier has left. */
  async heardWithoutCopier(): Promise<number> {
    await delay(REBOUND_MS);
    const leftMs = Date.now();
    await delay(500);
    const [client = []] = (await this.scene.captured()).parties;
    const late = mediaAt(client, CLIENT).filter(({ timeMs }) => timeMs >= leftMs);
    return new Set(late.map(({ destination }) => destination.port)).size;
  }
}

/** The kernel of the neighbour gives what leaves from the server's media ports the server's address. */
function spoofServer({ lab }: AttackScene): void {
  const chain = '{ type nat hook postrouting priority 100; }';
  const rule = `ip daddr ${CLIENT} udp sport 40000-40999 snat to ${SERVER}`;
  const lines = ['table ip spoof', `chain ip spoof post ${chain}`, `rule ip spoof post ${rule}`];
  for (const line of lines) lab.run('cliA2', 'nft', `add ${line}`);
}

/** Fulfilled when it copies, with how to stop it, which tells what it did, per call. */
async function startCopier(scene: AttackScene, relay: boolean, range: readonly [number, number]) {
  const plan = { server: SERVER, victim: CLIENT, range, relay, tap: scene.tap() };
  const child = scene.start('cliA2', 'attacker-copier.mjs', JSON.stringify(plan));
  const lines = jsonLines(child);
  await lines.has('ready');
  return async () => {
    child.stdin?.write('stop\n');
    const { ports } = await lines.has('done');
    return Object.values(ports as Record<string, { copied: number; relayed: number }>);
  };
}

describe('a neighbour that copies the packets of a client', function () {
  this.timeout(60_000);
  let scene: AttackScene | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoLab());
  });

  afterEach(() => scene?.close());

  async function open(relays: boolean): Promise<CopiedCalls> {
    const calls = new CopiedCalls(relays);
    scene = calls.scene;
    await calls.open();
    return calls;
  }

  it('relays challenges too, in the call and at a rebinding: each call says that it is copied, and has its media when the copier is gone', async () => {
    const calls = await open(true);
    await calls.call();
    const during = await calls.copied('during the call', () => undefined);
    const rebound = await calls.copied('rebinding', () => calls.scene.lab.rebind('natA'), REBOUND_MS);
    assert.deepEqual([during.conflicts, rebound.conflicts], [CALLS, CALLS], 'conflict');
    assert.ok(during.stayed >= CALLS - 1, 'the media stays');
    assert.equal(await calls.heardWithoutCopier(), CALLS, 'who lost its media has it back');
  });

  it('positive control: a relay that latches blindly gives its media to the copier', async () => {
    const here = (scene = new AttackScene('cliA2'));
    await here.blindRelay();
    await here.capture('cliA2');
    const talkers = [here.talker('cliB', RANGE[0] + 2, 10), here.talker('cliA', VICTIM_PORT, 20)];
    for (const talk of await Promise.all(talkers)) talk();
    const stop = await startCopier(here, false, RANGE);
    await delay(1000);
    await stop();
    const { attacker } = await here.captured();
    assert.ok(mediaAt(attacker, here.placeAddress).length > 50);
  });

  if (process.env.LATCHKEY_LAB !== 'all') return;

  it('copies only: it gets nothing, whenever it comes', async () => {
    const calls = await open(false);
    const { lab } = calls.scene;
    for (const { stayed, conflicts } of [
      await calls.copied('before media', () => calls.call()),
      await calls.copied('during the call', () => undefined),
      await calls.copied('rebinding', () => lab.rebind('natA')),
    ]) {
      assert.equal(stayed, CALLS);
      assert.equal(conflicts, 0, 'who answers no challenge is no rival');
    }
  });

  it('relays challenges too, from before the call on', async () => {
    const calls = await open(true);
    const first = await calls.copied('before media', () => calls.call());
    const again = await calls.copied('after a conflict', () => undefined);
    assert.deepEqual([first.conflicts, again.conflicts], [CALLS, CALLS], 'conflict');
    assert.ok(again.stayed >= CALLS - 1, 'the media stays');
    assert.equal(await calls.heardWithoutCopier(), CALLS, 'who lost its media has it back');
  });

  it('relays challenges too, and comes at the moment of a rebinding', async () => {
    const calls = await open(true);
    await calls.call();
    const { lab } = calls.scene;
    const rebound = await calls.copied('first copy at the rebinding', () => lab.rebind('natA'), REBOUND_MS);
    assert.equal(rebound.conflicts, CALLS, 'conflict');
    assert.equal(await calls.heardWithoutCopier(), CALLS, 'who lost its media has it back');
  });
});

// baresip and linphonec with no key at all, behind NATs of their own and behind kamailio: home is what the proxy has seen (protocol.md 8), and the port
// question goes its way to the phone and back. Attackers get nothing there either, elsewhere and behind the same NAT.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { PROXY_PORTS, whyNoKamailio } from '../clients/kamailio.js';
import { AMPLE_S, show } from './attack-judge.js';
import { rowsOf, stolenAt, towardsAttackers } from './attack-verdict.js';
import { Capture } from './capture.js';
import { PROXY, whyNoLab } from './lab.js';
import type { Line } from './json-lines.js';
import { assertNothingTwice, assertOnlySaid, beginMs, linesOf, portOf, sidesOf } from './plain-call.js';
import { ProxyScene } from './proxy-scene.js';
import { startAttack } from './running-attack.js';
import { assertNoTheft } from './theft.js';

const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA', ground: 'ssrc' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB', ground: 'question' },
] as const;
const HALF_MS = 1500;
/** From its first packet on. */
const BEGIN_MS = 500;
/** Of the server for phones without a key behind the proxy. */
const RANGE = [40_100, 40_499] as const;
const LEAD_MS = 1000;
/** All that does not read the call, but for what is left of another. */
const SHAPES = ['scan', 'odd-ports', 'spray', 'halves', 'burst', 'client-hello', 'bad-srtp', 'talk'];
const ATTACKERS = [
  { place: 'att', shapes: SHAPES },
  { place: 'cliA2', shapes: ['scan', 'odd-ports', 'spray', 'halves', 'talk'] },
] as const;
/** What a neighbour's floods may delay (protocol.md 8.3.4). */
const ATTACKED_BEGIN_MS = 1000;

describe('phones without any key behind kamailio', function () {
  this.timeout(60_000);
  let scene: ProxyScene | undefined;
  const phones: RunningClient[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout') ?? whyNoKamailio());
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    scene?.close();
    scene = undefined;
  });

  for (const transport of ['udp', 'tls'] as const)
    it(`over ${transport.toUpperCase()}: found, heard both ways, and back after a rebinding`, async function () {
      const here = (scene = await ProxyScene.open({}, 'plain'));
      const { lab, folder } = here;
      const server = here.server('plain');
      const captures = await Promise.all(
        PHONES.map(({ host }) => Capture.start(lab, host, join(folder, `${host}.pcap`))),
      );
      for (const { name, command, host } of PHONES) {
        const own = join(folder, name);
        mkdirSync(own);
        const call = {
          ...{ folder: own, address: lab.addressOf(host), certificate: here.certificate.file, user: 'plain' },
          ...{
            server: { address: PROXY, port: PROXY_PORTS[transport] },
            transport,
            hasIce: false,
            durationS: 7,
          },
        };
        phones.push(new RunningClient(lab.command(host, ...command(call))));
      }
      const isOf =
        (external: string) =>
        ({ component, remote }: Line) =>
          component === 1 && String(remote).startsWith(`${external}:`);
      await Promise.all(PHONES.map(({ host }) => server.has('locked', isOf(lab.externalOf(host)))));
      await delay(HALF_MS);
      const reboundMs = Date.now();
      for (const { nat } of PHONES) lab.rebind(nat);
      await delay(HALF_MS);
      const seen = await Promise.all(captures.map((capture) => capture.stop()));
      for (const [i, { name, host, ground }] of PHONES.entries()) {
        const way = { name, ...sidesOf(seen[i]!, lab.addressOf(host)) };
        const waitedMs = Math.round(way.heard[0]!.timeMs - way.said[0]!.timeMs);
        this.test!.title += `; ${name} by ${ground}, heard after ${waitedMs} ms`;
        assert.ok(waitedMs <= BEGIN_MS, `${name}: ${waitedMs} ms`);
        assertOnlySaid(way);
        assertNothingTwice(way);
        assert.ok(way.heard.at(-1)!.timeMs > reboundMs + HALF_MS / 2, `${name}: media is back`);
        const grounds = linesOf(server, 'locked').filter(isOf(lab.externalOf(host)));
        assert.deepEqual(
          grounds.map((line) => line['ground']),
          [ground],
        );
      }
      assert.deepEqual(linesOf(server, 'contested', 'conflict', 'unheard'), []);
    });

  it('attacked from elsewhere and from behind the same NAT: nothing stolen, nothing injected', async function () {
    const here = (scene = await ProxyScene.open({ hasNeighbour: true }, 'plain'));
    const { lab, folder } = here;
    const server = here.server('plain');
    const hosts = ['cliA', 'pub', 'att', 'cliA2'] as const;
    const captures = await Promise.all(
      hosts.map((host) => Capture.start(lab, host, join(folder, `${host}.pcap`))),
    );
    const attacks = await Promise.all(
      ATTACKERS.map(({ place, shapes }) =>
        startAttack(lab, place, place, { range: RANGE, shapes, seconds: AMPLE_S }),
      ),
    );
    await delay(LEAD_MS);
    const own = join(folder, 'linphonec');
    mkdirSync(own);
    const call = {
      ...{ folder: own, address: lab.addressOf('cliA'), user: 'plain', hasIce: false, durationS: 7 },
      ...{ server: { address: PROXY, port: PROXY_PORTS.udp }, transport: 'udp' as const },
    };
    phones.push(new RunningClient(lab.command('cliA', ...linphone(call))));
    const aim = async (event: string) => {
      const port = portOf(await server.has(event, ({ component }) => component === 1));
      assert.ok(port >= RANGE[0] && port <= RANGE[1]);
      for (const attack of attacks) attack.aim(port);
    };
    await aim('unprotected');
    await aim('locked');
    await delay(HALF_MS);
    const reboundMs = Date.now();
    lab.rebind('natA');
    await delay(HALF_MS);
    const done = await Promise.all(attacks.map((attack) => attack.stop()));
    const [phone = [], atServer = [], ...atAttackers] = await Promise.all(
      captures.map((capture) => capture.stop()),
    );

    for (const [i, { place, shapes }] of ATTACKERS.entries()) {
      const address = lab.addressOf(place);
      const seen = { attacker: atAttackers[i]!, server: atServer, parties: [phone] };
      const rows = rowsOf([done[i]!], seen, address, true);
      show(`behind kamailio, attacked from ${place}`, rows);
      assert.equal(rows.length, shapes.length);
      for (const { shape, sent, stolen, injected } of rows) {
        assert.ok(sent > 0, `${shape} attacked from ${place}`);
        const lost = stolen + injected === 0 ? [] : [`${stolen} stolen, ${injected} injected`];
        assertNoTheft(lost, `${shape} from ${place}`);
      }
      const taken = stolenAt(atAttackers[i]!, address).map(() => 'media');
      assertNoTheft(taken, `at ${place}, on whatever socket`);
    }
    assert.equal(towardsAttackers(atServer).payload, 0, 'at the server');
    const way = { name: 'linphonec', ...sidesOf(phone, lab.addressOf('cliA')) };
    assertOnlySaid(way);
    assertNothingTwice(way);
    const waitedMs = beginMs(way, way.said[0]!.timeMs);
    this.test!.title += `; heard after ${waitedMs} ms`;
    assert.ok(waitedMs <= ATTACKED_BEGIN_MS, `${waitedMs} ms`);
    assert.ok(way.heard.at(-1)!.timeMs > reboundMs + HALF_MS / 2, 'media is back');
    assert.equal(linesOf(server, 'rebound').length, 1);
  });
});

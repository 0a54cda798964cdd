// baresip and linphonec with no key at all, behind NATs of their own and behind kamailio: home is what the proxy has seen (protocol.md 8), and the port
// question goes its way to the phone and back.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { PROXY_PORTS, whyNoKamailio } from '../clients/kamailio.js';
import { Capture } from './capture.js';
import { PROXY, whyNoLab } from './lab.js';
import type { Line } from './json-lines.js';
import { assertNothingTwice, assertOnlySaid, linesOf, sidesOf } from './plain-call.js';
import { ProxyScene } from './proxy-scene.js';

const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA', ground: 'ssrc' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB', ground: 'question' },
] as const;
const HALF_MS = 1500;
/** From its first packet on. */
const BEGIN_MS = 500;

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
});

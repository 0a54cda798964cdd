// baresip 1.0 of Debian 12, unmodified, over each transport of SIP, with ICE and without, and with ICE over both families
// and in both media modes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import type { CallOptions } from './client-programs.js';
import {
  baresip,
  OWN_ADDRESS,
  OWN_ADDRESS_6,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

describe('baresip', function () {
  this.timeout(30_000);
  let folder: string;
  let phone: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-baresip-'));
  });

  afterEach(async () => {
    phone?.kill();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Calls the echo for three seconds, and says what the server and the phone tell of it. */
  async function echo(
    call: Pick<CallOptions, 'address' | 'transport' | 'hasIce' | 'srtp'>,
    ...options: string[]
  ) {
    const { address, transport } = call;
    const server = await ServerProcess.start('--open', '--listen', address, ...options);
    const to = { address, port: server.port(transport) };
    const certificate = String(server.listening.certificate);
    phone = new RunningClient(baresip({ folder, ...call, server: to, durationS: 3, certificate }));
    await phone.ended();
    const rtp = await server.event('closed', ({ component }) => component === 1);
    const { stderr } = await server.stop();
    assert.doesNotMatch(stderr, /fault of ours/);
    const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(phone.said) ?? []).map(Number);
    assert.ok(sent > 50 && received > 50, `by its own account: sent ${sent}, received ${received}`);
    assert.ok(Number(rtp.delivered) >= received, 'it heard no more than it said');
    const verified = server.events.filter(({ event }) => event === 'verified');
    return { rtp, verified };
  }

  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    for (const hasIce of [true, false]) {
      const outcome = hasIce ? 'with ICE and is verified by it' : 'without ICE and is served';
      it(`calls over ${transport.toUpperCase()} ${outcome}`, async () => {
        const { rtp, verified } = await echo({ address: OWN_ADDRESS, transport, hasIce });
        const expected = hasIce ? [1, 2].map((component) => ({ component, protection: 'ice' })) : [];
        assert.deepEqual(
          verified.map(({ component, protection }) => ({ component, protection })),
          expected,
        );
        assert.equal(rtp.protection, hasIce ? 'ice' : 'evidence');
      });
    }
  }

  for (const [srtp, hasIce, use] of [
    ['optional', false, 'accept'],
    ['mandatory', false, 'require'],
    ['optional', true, 'require'],
  ] as const)
    it(`with SRTP, ${srtp}, ${hasIce ? 'beside ICE' : 'without ICE'}, is heard and hears, where it is proved by its key or by ICE`, async () => {
      const call = { address: OWN_ADDRESS, transport: 'tls', hasIce, srtp } as const;
      const { rtp, verified } = await echo(call, '--srtp', use, '--policy', 'require');
      const expected = hasIce ? 'ice' : 'srtp';
      assert.equal(rtp.protection, expected);
      assert.ok(verified.some(({ component, protection }) => component === 1 && protection === expected));
      assert.match(phone?.said ?? '', /SRTP is Enabled \(cryptosuite=AES_CM_128_HMAC_SHA1_80\)/);
    });

  for (const [name, media] of [
    ['ports of its own', '21000-21009'],
    ['the one port of all calls', '21010'],
  ] as const) {
    for (const address of [OWN_ADDRESS, OWN_ADDRESS_6]) {
      it(`with ICE over ${isIPv6(address) ? 'IPv6' : 'IPv4'}, on ${name}`, async () => {
        const call = { address, transport: 'udp', hasIce: true } as const;
        const { rtp, verified } = await echo(call, '--media', media);
        const host = isIPv6(address) ? `[${address}]` : address;
        const components = verified.map(({ component, protection, local, mapping }) => {
          assert.ok(String(mapping).startsWith(`${host}:42`), String(mapping));
          return { component, protection, local: String(local) };
        });
        const [low = 0, high = low] = media.split('-').map(Number);
        // Of a range the pair is drawn by chance (docs/protocol.md 8.3.2).
        const port = Number(
          components
            .find(({ component }) => component === 1)
            ?.local.split(':')
            .at(-1),
        );
        assert.ok(port >= low && port <= high && port % 2 === 0, String(port));
        assert.deepEqual(
          components.sort((a, b) => Number(a.component) - Number(b.component)),
          [1, 2].map((component) => ({
            component,
            protection: 'ice',
            local: `${host}:${port + component - 1}`,
          })),
        );
        assert.equal(rtp.protection, 'ice');
      });
    }
  }
});

// baresip 1.0 of Debian 12 with SRTP over TLS, unmodified, on hold for longer than a path lasts, while not even its reports arrive: asked in the
// dialog it keeps its path, and talks on where it was (protocol.md 8.2.5). linphonec sends on while it holds a call, and is never asked.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import {
  baresip,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

/** A path without consent lasts for 30 s from its last packet on. */
const HOLD = { afterS: 1, forS: 31.5 };
const DURATION_S = 34;
const [RTP_PORT, RTCP_PORT] = [21_000, 21_001];

describe('8.2.5: baresip with SRTP on hold', function () {
  this.timeout(60_000);
  let folder: string | undefined;
  let phone: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip', 'nft'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-held-'));
    const rules = [
      'add table inet held',
      'add chain inet held arriving { type filter hook input priority 0; }',
      `add rule inet held arriving udp dport ${RTCP_PORT} drop`,
    ];
    execFileSync('nft', ['-f', '-'], { input: rules.map((rule) => `${rule}\n`).join('') });
  });
  afterEach(async () => {
    phone?.kill();
    await CommandProcess.killAll();
    if (!folder) return;
    execFileSync('nft', ['delete', 'table', 'inet', 'held']);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is asked twice in 31 s without a packet, answers, and talks on', async () => {
    const server = await ServerProcess.start(
      ...['--open', '--listen', OWN_ADDRESS, '--media', `${RTP_PORT}-${RTCP_PORT}`],
      ...['--srtp', 'require', '--verbose'],
    );
    const command = baresip({
      ...({ address: OWN_ADDRESS, transport: 'tls', hasIce: false, srtp: 'mandatory' } as const),
      ...{ folder: folder!, hold: HOLD, durationS: DURATION_S },
      server: { address: OWN_ADDRESS, port: server.port('tls') },
      certificate: String(server.listening.certificate),
    });
    phone = new RunningClient(command);
    await phone.ended();
    const closed = await server.event('closed', ({ component }) => component === 1);
    await server.stop();
    const count = (name: string) => server.events.filter(({ event }) => event === name).length;
    assert.deepEqual([count('silent'), count('expired'), count('verified')], [2, 0, 1], phone.said);
    // A second before the hold, and another after it.
    assert.ok(Number(closed.delivered) > 60, `${String(closed.delivered)} packets`);
    assert.ok(Number(closed.delivered) < 300, 'it sent next to nothing on hold');
  });
});

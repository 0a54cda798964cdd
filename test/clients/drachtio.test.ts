// The drachtio server of docs/examples, as a process of its own, called by baresip and linphonec as Debian ships them. Between them is
// the stand-in for drachtio's daemon.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../docs/repository.js';
import { DrachtioDaemon } from '../plugins/drachtio-daemon.js';
import { createCertificate } from '../plugins/sip-phones.js';
import {
  baresip,
  linphone,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';
import type { CallOptions } from './client-programs.js';

describe('phones and the drachtio server', function () {
  this.timeout(40_000);
  let folder: string | undefined;
  let daemon: DrachtioDaemon | undefined;
  let program: ChildProcess | undefined;
  let phone: RunningClient | undefined;
  let output = '';

  afterEach(async () => {
    phone?.kill();
    if (program?.exitCode === null) {
      program.kill();
      await once(program, 'close');
    }
    await daemon?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    folder = daemon = program = phone = undefined;
  });

  /** Runs the server, and calls it. */
  async function call(
    command: (options: CallOptions) => string[],
    options: Pick<CallOptions, 'transport' | 'hasIce' | 'hasMux'>,
    durationS: number,
  ): Promise<RunningClient> {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-drachtio-'));
    // Linphone knows names only, and looks for the address among them.
    const made = await createCertificate([
      { type: 2, value: OWN_ADDRESS },
      { type: 7, ip: OWN_ADDRESS },
    ]);
    const certificate = join(folder, 'certificate.pem');
    writeFileSync(certificate, made.cert);
    daemon = await DrachtioDaemon.start({ address: OWN_ADDRESS, certificate: made });
    output = '';
    const args = ['127.0.0.1', String(daemon.port), daemon.secret, OWN_ADDRESS];
    program = spawn(process.execPath, ['--import=tsx', 'docs/examples/drachtio.ts', ...args], { cwd: root });
    await new Promise<void>((resolve) => {
      for (const stream of [program?.stdout, program?.stderr])
        stream?.on('data', (data: Buffer) => {
          output += data.toString();
          if (/^connected/m.test(output)) resolve();
        });
    });
    const server = { address: OWN_ADDRESS, port: daemon.sipPort(options.transport) };
    phone = new RunningClient(
      command({ ...options, folder, address: OWN_ADDRESS, server, durationS, certificate }),
    );
    await phone.ended();
    return phone;
  }

  for (const transport of ['udp', 'tcp', 'tls'] as const)
    for (const hasMux of [true, false])
      it(`baresip with ICE, ${hasMux ? 'with' : 'without'} rtcp-mux, over ${transport}: verified, media both ways`, async function () {
        skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip'));
        const { said } = await call(baresip, { transport, hasIce: true, hasMux }, 3);
        const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(said) ?? []).map(Number);
        assert.ok(
          sent > 50 && received > 50,
          `by its own account: sent ${sent}, received ${received}\n${output}`,
        );
        assert.match(output, /^verified \{ address: '203\.0\.113\.1', port: 42\d{3} \}/m);
      });

  for (const transport of ['udp', 'tls'] as const)
    it(`linphonec with ICE over ${transport}: verified, media both ways`, async function () {
      skipBecause(this, whyNoNetwork() ?? whyNoClient('linphonec', 'timeout'));
      const { said } = await call(linphone, { transport, hasIce: true }, 4);
      assert.match(said, /Media streams established/);
      assert.match(output, /^verified \{ address: '203\.0\.113\.1', port: 43\d{3} \}/m);
    });

  it('baresip without ICE is served at the address that it says', async function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip'));
    const { said } = await call(baresip, { transport: 'udp', hasIce: false }, 3);
    const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(said) ?? []).map(Number);
    assert.ok(
      sent > 50 && received > 50,
      `by its own account: sent ${sent}, received ${received}\n${output}`,
    );
  });
});

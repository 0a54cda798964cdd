// The voice agents of docs/examples, each a process of its own, called by baresip with ICE as Debian ships it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../docs/repository.js';
import { VoiceService } from '../docs/voice-service.js';
import { DrachtioDaemon } from '../plugins/drachtio-daemon.js';
import {
  baresip,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

describe('baresip and the voice agents', function () {
  this.timeout(40_000);
  let folder: string | undefined;
  let daemon: DrachtioDaemon | undefined;
  let service: VoiceService | undefined;
  let agent: ChildProcess | undefined;
  let phone: RunningClient | undefined;

  afterEach(async () => {
    phone?.kill();
    if (agent?.exitCode === null) {
      agent.kill();
      await once(agent, 'close');
    }
    service?.close();
    await daemon?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    folder = daemon = service = agent = phone = undefined;
  });

  for (const [name, hasMux] of [
    ['voice-agent-sip.ts', true],
    ['voice-agent-drachtio.ts', false],
  ] as const)
    it(`${name}, ICE ${hasMux ? 'with' : 'without'} rtcp-mux: verified, media both ways, a digit`, async function () {
      skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip'));
      folder = mkdtempSync(join(tmpdir(), 'latchkey-voice-'));
      service = await VoiceService.start();
      daemon = await DrachtioDaemon.start({ address: OWN_ADDRESS });
      const { url } = service;
      const args = name.includes('sip')
        ? [url, OWN_ADDRESS]
        : [url, '127.0.0.1', String(daemon.port), daemon.secret, OWN_ADDRESS];
      agent = spawn(process.execPath, ['--import=tsx', `docs/examples/${name}`, ...args], { cwd: root });
      let output = '';
      await new Promise<void>((resolve) => {
        for (const stream of [agent?.stdout, agent?.stderr])
          stream?.on('data', (data: Buffer) => {
            output += data.toString();
            if (/^(?:connected|listening) /m.test(output)) resolve();
          });
      });
      const port = Number(/^listening .*:(\d+);/m.exec(output)?.[1] ?? daemon.sipPort('tcp'));
      const server = { address: OWN_ADDRESS, port };
      const call = { folder, address: OWN_ADDRESS, server, transport: 'tcp', durationS: 4 } as const;
      phone = new RunningClient(baresip({ ...call, hasIce: true, hasMux, digit: '5' }));
      await phone.ended();
      const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(phone.said) ?? []).map(Number);
      assert.ok(sent > 100 && received > 100, `sent ${sent}, received ${received}\n${output}${phone.said}`);
      assert.match(output, /^verified \{ address: '203\.0\.113\.1', port: 42\d{3} \}/m);
      assert.deepEqual(service.digits, ['5']);
      assert.deepEqual([...service.sizes.keys()], [320]);
    });
});

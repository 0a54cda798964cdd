// Phones of others with a password: what a 401 of ours offers, each of them answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeUser } from '../../lib/sip/index.js';
import type { DigestAlgorithm } from '../../lib/sip/index.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import {
  baresip,
  linphone,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

const PASSWORD = 'open-sesame';

describe('phones of others, with a password', function () {
  this.timeout(60_000);
  let folder: string;
  let phone: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork());
    folder = mkdtempSync(join(tmpdir(), 'latchkey-digest-'));
  });

  afterEach(async () => {
    phone?.kill();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  function serve(algorithm: DigestAlgorithm): Promise<ServerProcess> {
    const users = join(folder, 'users');
    const user = { name: 'alice', realm: 'latchkey', algorithm, password: PASSWORD, rooms: ['echo'] };
    writeFileSync(users, writeUser('', 'alice', 'latchkey', user), { mode: 0o600 });
    return ServerProcess.start('--listen', OWN_ADDRESS, '--users', users);
  }

  const phones = [
    { name: 'baresip', programs: ['baresip'], algorithm: 'MD5', command: baresip },
    { name: 'linphone', programs: ['linphonec', 'timeout'], algorithm: 'SHA-256', command: linphone },
  ] as const;
  for (const { name, programs, algorithm, command } of phones)
    for (const transport of ['udp', 'tls'] as const)
      for (const isRight of [true, false])
        it(`${name}, ${algorithm} over ${transport.toUpperCase()}: ${isRight ? 'gets in' : 'is kept out with a wrong password'}`, async function () {
          skipBecause(this, whyNoClient(...programs));
          const server = await serve(algorithm);
          const to = { address: OWN_ADDRESS, port: server.port(transport) };
          const certificate = String(server.listening.certificate);
          const password = isRight ? PASSWORD : 'guess';
          const call = { folder, address: OWN_ADDRESS, server: to, transport, hasIce: false };
          phone = new RunningClient(command({ ...call, durationS: 3, certificate, password }));
          await phone.ended();
          await server.stop();
          const last = server.events.findLast(({ event }) => event === 'counters');
          const admission = last?.['admission'] as Record<string, number> | undefined;
          assert.equal(admission?.['admitted'], isRight ? 1 : 0);
          assert.ok(Number(admission['challenged']) >= 1);
          assert.equal(Number(admission['wrong']) > 0, !isRight);
        });
});

// Who controls, on the wire: the server is a lite agent and says in every check that it is controlled. baresip and linphone, full
// agents, keep the other role, and nobody is told of a conflict.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress, parseIceMessage } from '../../lib/wire/index.js';
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
import { WireTap } from './wire-tap.js';

const MEDIA = 21020;
/** Of one call of a few seconds, on both components: far below what two who take turns in a role would send. */
const MAX_CHECKS = 40;
const BINDING_ERROR = 0x0111;

interface Said {
  /** The roles claimed in checks, one for each check. */
  readonly roles: string[];
  readonly successes: number;
  /** Types of STUN's error responses. */
  readonly errors: string[];
}

/** What one side says in STUN. */
function saidBy(datagrams: readonly CapturedDatagram[]): Said {
  const roles: string[] = [];
  const errors: string[] = [];
  let successes = 0;
  for (const { payload } of datagrams) {
    if (classifyPacket(payload) !== 'stun') continue;
    const bytes = Buffer.from(payload);
    if (bytes.readUInt16BE(0) === BINDING_ERROR) errors.push(bytes.toString('hex'));
    const message = parseIceMessage(payload);
    if (!message.ok) continue;
    if (message.value.kind === 'check') roles.push(message.value.role);
    else successes++;
  }
  return { roles, successes, errors };
}

/** ERROR-CODE (RFC 8489 section 14.8) of 487: class 4, number 87. */
const isRoleConflict = (hex: string): boolean => /0009[0-9a-f]{4}00000457/.test(hex);

describe('the roles of ICE', function () {
  this.timeout(30_000);
  let folder: string;
  let phone: RunningClient | undefined;
  let tap: WireTap | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-roles-'));
  });

  afterEach(async () => {
    phone?.kill();
    tap?.kill();
    await CommandProcess.killAll();
    rmSync(folder, { recursive: true, force: true });
    phone = tap = undefined;
  });

  for (const [name, command, programs] of [
    ['baresip', baresip, ['baresip', 'tcpdump']],
    ['linphonec', linphone, ['linphonec', 'timeout', 'tcpdump']],
  ] as const) {
    it(`${name} controls, we are controlled, without a conflict or a loop`, async function () {
      skipBecause(this, whyNoNetwork() ?? whyNoClient(...programs));
      const address = OWN_ADDRESS;
      const server = await ServerProcess.start('--open', '--listen', address, '--media', String(MEDIA));
      tap = await WireTap.start(join(folder, 'wire.pcap'));
      const to = { address, port: server.port('udp') };
      phone = new RunningClient(
        command({ folder, address, server: to, transport: 'udp', hasIce: true, durationS: 4 }),
      );
      await server.event('closed', ({ component }) => component === 1);
      await server.stop();
      await phone.ended();
      const verified = server.events.filter(({ event }) => event === 'verified');
      assert.deepEqual([...new Set(verified.map(({ component }) => component))].sort(), [1, 2]);

      const datagrams = await tap.stop();
      const ours = [MEDIA, MEDIA + 1].map((port) => formatAddress({ address, port }));
      const isOurs = (one: CapturedDatagram) => ours.includes(formatAddress(one.source));
      const toUs = (one: CapturedDatagram) => ours.includes(formatAddress(one.destination));
      const [theirs, own] = [saidBy(datagrams.filter(toUs)), saidBy(datagrams.filter(isOurs))];

      assert.deepEqual([...new Set(own.roles)], ['controlled']);
      assert.deepEqual([...new Set(theirs.roles)], ['controlling']);
      const checks = { own: own.roles.length, theirs: theirs.roles.length };
      assert.ok(Math.max(...Object.values(checks)) <= MAX_CHECKS, JSON.stringify(checks));
      assert.ok(theirs.successes >= 2, `it answered ${theirs.successes} of ${checks.own} checks`);
      assert.ok(own.successes >= 2, `we answered ${own.successes} of ${checks.theirs} checks`);
      for (const { errors } of [theirs, own]) assert.ok(!errors.some(isRoleConflict));
      assert.deepEqual(own.errors, []);
    });
  }
});

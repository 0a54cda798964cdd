// The server is killed in mid call and started again, on the same ports, while the old client goes on sending and an attacker
// sprays: a new call is served at once, the old one and the attacker are sent no media.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { classifyPacket, formatAddress } from '../../lib/wire/index.js';
import { skipBecause } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import { Lab, NAT, NAT_B, SERVER, whyNoLab } from './lab.js';

const ATTACK = fileURLToPath(new URL('attacker.mjs', import.meta.url));

describe('a server that is killed and started again', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder = '';

  afterEach(() => {
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('serves new calls at once, and sends no media to the old one', async function () {
    skipBecause(this, whyNoLab());
    const here = (lab = new Lab({ natB: { type: 'symmetric' } }));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-restart-'));
    const serve = async () => {
      const child = here.latchkey(
        'pub',
        'serve',
        '--json',
        '--open',
        '--listen',
        SERVER,
        '--media',
        '40000-40001',
      );
      const lines = jsonLines(child);
      return { child, lines, certificate: String((await lines.has('listening'))['certificate']) };
    };
    const call = (host: 'cliA' | 'cliB', certificate: string, seconds: string) => {
      const options = ['--ca', certificate, '--duration', seconds, '--json'];
      return jsonLines(here.latchkey(host, 'call', `sip:echo@${SERVER}:5061;transport=tls`, ...options));
    };
    const first = await serve();
    const atServer = await Capture.start(here, 'pub', join(folder, 'server.pcap'));
    const atAttacker = await Capture.start(here, 'att', join(folder, 'attacker.pcap'));
    here.spawn('att', process.execPath, ATTACK, SERVER, '40000', '40001', '60').stdout?.resume();
    const old = call('cliA', first.certificate, '30');
    await first.lines.has('verified');
    await delay(1000);
    first.child.kill('SIGKILL');
    await first.lines.end;
    const killedMs = Date.now();

    const second = await serve();
    await call('cliB', second.certificate, '2').end;
    const server = await atServer.stop();
    const attacker = await atAttacker.stop();
    const media = server.filter(({ payload }) => ['rtp', 'rtcp'].includes(classifyPacket(payload)));
    const toWhom = (from: number, to: number) =>
      media.filter(({ source, timeMs }) => source.address === SERVER && timeMs >= from && timeMs < to);
    const [before, after] = [toWhom(0, killedMs), toWhom(killedMs, Infinity)];
    assert.ok(before.length > 30 && before.every(({ destination }) => destination.address === NAT));
    assert.ok(after.length > 60, `${after.length} packets for the new call`);
    assert.deepEqual(
      [...new Set(after.map(({ destination }) => formatAddress(destination).split(':')[0]))],
      [NAT_B],
      'to the new call only',
    );
    const late = media.filter(({ source, timeMs }) => source.address === NAT && timeMs > killedMs + 1000);
    assert.ok(late.length > 30, 'while the old one goes on sending to the same port');
    assert.ok(attacker.length > 100);
    const stolen = attacker.filter(
      ({ source, payload }) => source.address === SERVER && classifyPacket(payload) !== 'stun',
    );
    assert.equal(stolen.length, 0);
    assert.ok(!old.all.some(({ event }) => event === 'ended'), 'nobody told the old client');
  });
});

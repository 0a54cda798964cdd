// baresip and linphonec with no key at all, behind symmetric NATs on a line that loses 5 % and lets packets overtake each other: nothing that
// such a line does contests a call, looks like somebody else, or loses the stream (protocol.md 8.3.5, 8.3.7), with a rebinding and without.
// With DTX either goes on sending every 20 ms; silences of packets are in test/scenarios/rule-8-3-07-follow.test.ts, and here a hold is one.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import type { CallOptions } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { Line as Told } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';
import type { Line } from './lab.js';
import { assertOnlySaid, linesOf, PLAIN_RANGE, sidesOf } from './plain-call.js';

const ROUGH: Line = { lossPercent: 5, delayMs: 50, jitterMs: 100 };
const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB' },
] as const;
const HOLD = { afterS: 4, forS: 3 } as const;
/**
 * From the lock, some 600 ms after the 200, to the rebinding: in the middle of the hold. A mapping that changes while a re-INVITE is under way
 * loses its answer, which goes to where the request came from (RFC 3581). The whole lab talks for a minute.
 */
const BEFORE_MS = process.env.LATCHKEY_LAB === 'all' ? 52_000 : 4500;
/** Longer than the rest of a hold, and what resumes it. */
const AFTER_MS = 7000;
/** Signalling over TCP may take seconds to come through such a line. */
const CALL_S = (BEFORE_MS + AFTER_MS) / 1000 + 20;
const LAST_MS = 1000;
/** Of the packets of the last second what both ways of the line must leave. */
const LEFT = 0.6;

describe('phones without any key on a rough line', function () {
  this.timeout(2 * BEFORE_MS + 90_000);
  const labs: Lab[] = [];
  const phones: RunningClient[] = [];
  const folders: string[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout'));
  });

  afterEach(() => {
    for (const phone of phones.splice(0)) phone.kill();
    for (const lab of labs.splice(0)) lab.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  async function calls(transport: CallOptions['transport'], hold?: CallOptions['hold']): Promise<string> {
    const lab = new Lab({ natA: { type: 'symmetric' }, natB: { type: 'symmetric' } });
    labs.push(lab);
    const place = mkdtempSync(join(tmpdir(), 'latchkey-plain-'));
    folders.push(place);
    const listen = ['--open', '--listen', SERVER, '--media', PLAIN_RANGE.join('-')];
    const server = jsonLines(lab.latchkey('pub', 'serve', '--json', ...listen));
    const certificate = String((await server.has('listening'))['certificate']);
    for (const { nat } of PHONES) await lab.line(nat, ROUGH);
    const captures = await Promise.all(
      PHONES.map(({ host }) => Capture.start(lab, host, join(place, `${host}.pcap`))),
    );
    for (const { name, command, host } of PHONES) {
      const folder = join(place, name);
      mkdirSync(folder);
      const call: CallOptions = {
        ...{ folder, address: lab.addressOf(host), certificate, hasIce: false, durationS: CALL_S },
        ...{ server: { address: SERVER, port: transport === 'tls' ? 5061 : 5060 }, transport },
        ...(hold && { hold }),
      };
      phones.push(new RunningClient(lab.command(host, ...command(call))));
    }
    const isOf =
      (external: string) =>
      ({ component, remote }: Told) =>
        component === 1 && String(remote).startsWith(`${external}:`);
    await Promise.all(PHONES.map(({ host }) => server.has('locked', isOf(lab.externalOf(host)))));
    await delay(BEFORE_MS);
    for (const { nat } of PHONES) lab.rebind(nat);
    await delay(AFTER_MS);
    const endMs = Date.now();
    const seen = await Promise.all(captures.map((capture) => capture.stop()));

    assert.deepEqual(linesOf(server, 'contested', 'conflict', 'expired', 'unheard'), []);
    return PHONES.map(({ name, host }, i) => {
      const way = { name, ...sidesOf(seen[i]!, lab.addressOf(host)) };
      const [sent = 0, heard = 0] = [way.said, way.heard].map(
        (packets) => packets.filter(({ timeMs }) => timeMs > endMs - LAST_MS).length,
      );
      assert.ok(sent > 0 && heard > LEFT * sent, `${name}: in the last second ${heard} of ${sent} packets`);
      assertOnlySaid(way);
      const of = (event: string) => linesOf(server, event).filter(isOf(lab.externalOf(host)));
      assert.equal(of('rebound').length, 1, name);
      // Over UDP the re-INVITE that resumes comes by another mapping: the answer tells another port (8.3.8), and the phone is found there.
      const grounds = of('locked').map(({ ground }) => ground);
      const first = name === 'baresip' ? 'ssrc' : 'question';
      assert.deepEqual(grounds, hold ? [first, ...grounds.slice(1, 2).map(() => 'question')] : [first], name);
      const waitedMs = Math.round(way.heard[0]!.timeMs - way.said[0]!.timeMs);
      return `${name} by ${grounds.join(', ')} after ${waitedMs} ms`;
    }).join(', ');
  }

  it('talking, and on hold: nobody is contested or taken for another, and each is followed', async function () {
    const played = await Promise.all([calls('tls'), calls('udp', HOLD)]);
    this.test!.title += `; ${played.join('; ')}`;
  });
});

// baresip and linphonec with keys for SRTP, unmodified and without ICE, behind symmetric NATs on a line that loses 5 % and lets packets
// overtake each other: nothing that such a line does is taken for a reader (protocol.md 8.2.3), and the phone is followed where its NAT
// rebinds, while it talks and in a silence. A silence is a hold here: with DTX either goes on sending every 20 ms, however little. Silences
// of packets alone are in test/scenarios/rule-8-2-3-lines.test.ts.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import type { CallOptions } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';
import type { Line } from './lab.js';

const ROUGH: Line = { lossPercent: 5, delayMs: 50, jitterMs: 100 };
const PHONES = [
  { name: 'baresip', command: baresip, host: 'cliA', nat: 'natA' },
  { name: 'linphonec', command: linphone, host: 'cliB', nat: 'natB' },
] as const;
/** Between the verification and the rebinding, and after it: that must be longer than the rest of a hold, and what resumes it. */
const BEFORE_MS = 3000;
const AFTER_MS = 6000;
const HOLD = { afterS: 4, forS: 3 } as const;
/** Signalling over TCP may take seconds to come through such a line. */
const CALL_S = 30;
/** Of a hold; no line makes one. */
const SILENCE_MS = 1000;
const LAST_MS = 1000;
/** Of the packets of the last second what both ways of the line must leave. Linphonec sends longer ones where it hears of losses. */
const LEFT = 0.6;

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
/** What SRTP leaves in clear, and a room as it is: sequence number, timestamp, SSRC. */
const numbersOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(2, 12)).toString('hex');
const gapsOf = (packets: readonly CapturedDatagram[]) =>
  packets.slice(1).map(({ timeMs }, i) => timeMs - packets[i]!.timeMs);

describe('phones with SRTP on a rough line', function () {
  this.timeout(90_000);
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

  async function calls(hold?: CallOptions['hold']): Promise<void> {
    const lab = new Lab({ natA: { type: 'symmetric' }, natB: { type: 'symmetric' } });
    labs.push(lab);
    const place = mkdtempSync(join(tmpdir(), 'latchkey-srtp-'));
    folders.push(place);
    const listen = ['--open', '--listen', SERVER, '--media', '40000-40019'];
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
        ...{ server: { address: SERVER, port: 5061 }, ...(hold && { hold }) },
        transport: 'tls',
        srtp: 'mandatory',
      };
      phones.push(new RunningClient(lab.command(host, ...command(call))));
    }
    const of = (event: string, external: string) =>
      server.all.filter(
        (line) =>
          line.event === event &&
          line['component'] === 1 &&
          String(line['mapping']).startsWith(`${external}:`),
      );
    await Promise.all(
      PHONES.map(({ host }) =>
        server.has(
          'verified',
          ({ mapping, component }) =>
            component === 1 && String(mapping).startsWith(`${lab.externalOf(host)}:`),
        ),
      ),
    );
    await delay(BEFORE_MS);
    for (const { nat } of PHONES) lab.rebind(nat);
    await delay(AFTER_MS);
    const endMs = Date.now();
    const seen = await Promise.all(captures.map((capture) => capture.stop()));

    const told = server.all.map(({ event }) => event);
    assert.ok(!told.includes('conflict'), 'nobody copies');
    assert.ok(!told.includes('expired'), 'no path is lost');
    for (const [i, { name, host }] of PHONES.entries()) {
      const out = seen[i]!.filter(isFrom(lab.addressOf(host))).filter(isRtp);
      const back = seen[i]!.filter(isFrom(SERVER)).filter(isRtp);
      if (hold)
        assert.ok(
          gapsOf(back).some((gapMs) => gapMs > SILENCE_MS),
          `${name}: it was on hold`,
        );
      const [sent = 0, heard = 0] = [out, back].map(
        (packets) => packets.filter(({ timeMs }) => timeMs > endMs - LAST_MS).length,
      );
      assert.ok(sent > 0 && heard > LEFT * sent, `${name}: in the last second ${heard} of ${sent} packets`);
      const spoken = new Set(out.map(numbersOf));
      assert.ok(
        back.every((packet) => spoken.has(numbersOf(packet))),
        `${name}: an echo of itself and nothing else`,
      );
      assert.equal(of('rebound', lab.externalOf(host)).length, 1, name);
    }
  }

  it('talking, and on hold: no conflict, and each is followed', async () => {
    await Promise.all([calls(), calls(HOLD)]);
  });
});

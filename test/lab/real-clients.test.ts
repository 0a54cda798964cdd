// baresip and linphonec with ICE, unmodified, behind a real symmetric NAT that rebinds in mid call, while an attacker
// sprays the server's media ports from before the call. Judged by the packets at the client and at the attacker.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, readRtpSsrc } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import type { CallOptions } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import { ATTACKER, CLIENT, Lab, NAT, SERVER, whyNoLab } from './lab.js';

const ATTACK = fileURLToPath(new URL('attacker.mjs', import.meta.url));
const ATTACK_SSRC = 0xbadbad;
const BINDING_SUCCESS = 0x0101;

interface Phone {
  readonly name: string;
  readonly program: string;
  readonly command: (options: CallOptions) => string[];
  /**
   * An echo: two packet intervals of 20 ms would do, but the server asks the old path for 30 ms and more (rule 5.11), and
   * linphone takes up to 30 ms for an answer, of which 1.5 are waited.
   */
  readonly maxGapMs: number;
}

const PHONES: readonly Phone[] = [
  { name: 'baresip', program: 'baresip', command: baresip, maxGapMs: 60 },
  { name: 'linphonec', program: 'linphonec', command: linphone, maxGapMs: 200 },
];

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;

function isOkToInvite({ payload }: CapturedDatagram): boolean {
  const text = Buffer.from(payload).toString('latin1');
  return text.startsWith('SIP/2.0 200') && /^CSeq: *\d+ INVITE/im.test(text);
}

function isBindingSuccess({ payload }: CapturedDatagram): boolean {
  return classifyPacket(payload) === 'stun' && Buffer.from(payload).readUInt16BE(0) === BINDING_SUCCESS;
}

/** What an RTP packet carries behind its header, which a room may rewrite. */
function contentOf({ payload }: CapturedDatagram): string {
  return Buffer.from(payload.subarray(12)).toString('latin1');
}

describe('real clients with ICE behind a symmetric NAT', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string;
  let phone: RunningClient | undefined;

  afterEach(() => {
    phone?.kill();
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function scene({ command }: Phone) {
    lab = new Lab();
    const here = lab;
    folder = mkdtempSync(join(tmpdir(), 'latchkey-lab-'));
    const listen = ['--open', '--listen', SERVER, '--media', '40000-40009', '--duration', '14'];
    const server = jsonLines(here.latchkey('pub', 'serve', '--json', ...listen));
    await server.has('listening');
    const atClient = await Capture.start(here, 'cliA', join(folder, 'client.pcap'));
    const atAttacker = await Capture.start(here, 'att', join(folder, 'attacker.pcap'));
    const attack = jsonLines(here.spawn('att', process.execPath, ATTACK, SERVER, '40000', '40009', '11'));
    await new Promise((resolve) => setTimeout(resolve, 500)); // it sprays from before the call
    const options: CallOptions = {
      ...{ folder, address: CLIENT, server: { address: SERVER, port: 5060 } },
      ...{ transport: 'udp', hasIce: true, durationS: 7 },
    };
    phone = new RunningClient(here.command('cliA', ...command(options)));
    await server.has('verified', ({ component }) => component === 1);
    await new Promise((resolve) => setTimeout(resolve, 3500)); // half of the call, on a real clock
    const reboundMs = Date.now();
    here.rebind();
    await phone.ended();
    await attack.end;
    await server.end;
    const [client, attacker] = [await atClient.stop(), await atAttacker.stop()];
    return { server, client, attacker, reboundMs };
  }

  for (const one of PHONES) {
    it(`${one.name}: media both ways at once, verified in mid call, back after a rebinding, nothing to or from the attacker`, async function () {
      skipBecause(this, whyNoLab() ?? whyNoClient(one.program, 'tcpdump', 'timeout'));
      const { server, client, attacker, reboundMs } = await scene(one);

      const spray = attacker.filter(isFrom(ATTACKER));
      const stolen = attacker.filter(isFrom(SERVER)).filter(isRtp);
      assert.ok(spray.length > 1000);
      assert.ok(spray[0]!.timeMs < client[0]!.timeMs, 'the attack began before the call');
      assert.equal(stolen.length, 0, 'RTP packets to the attacker');

      const okMs = client.find(isOkToInvite)?.timeMs;
      assert.ok(okMs !== undefined);
      const out = client.filter(isFrom(CLIENT)).filter(isRtp);
      const back = client.filter((packet) => packet.destination.address === CLIENT).filter(isRtp);
      assert.ok(out.length > 200 && back.length > 200, `${out.length} packets out, ${back.length} back`);
      const since = [out, back].map(([first]) => Math.round(first!.timeMs - okMs));
      assert.ok(
        Math.max(...since) <= 500,
        `first packet out and back, ms after the 200: ${since.join(', ')}`,
      );

      const spoken = new Set(out.map(contentOf));
      assert.ok(back.every(isFrom(SERVER)));
      assert.ok(back.every((packet) => readRtpSsrc(packet.payload) !== ATTACK_SSRC));
      assert.ok(
        back.every((packet) => spoken.has(contentOf(packet))),
        'an echo of itself and nothing else',
      );

      const answers = client.filter(isFrom(CLIENT)).filter(isBindingSuccess);
      assert.ok(
        answers.some(({ timeMs }) => timeMs > reboundMs),
        'it answered a challenge in mid call',
      );
      const gaps = back.slice(1).map(({ timeMs }, i) => timeMs - back[i]!.timeMs);
      const longest = Math.round(Math.max(...gaps));
      assert.ok(back.at(-1)!.timeMs > reboundMs + 1000, 'media is back after the rebinding');
      assert.ok(longest <= one.maxGapMs, `longest gap ${longest} ms`);

      const moves = server.all.filter(({ event }) => event === 'verified' || event === 'rebound');
      assert.ok(moves.every(({ protection }) => protection === 'ice'));
      assert.ok(
        moves.every(({ mapping }) => String(mapping).startsWith(`${NAT}:`)),
        'never the attacker',
      );
      const rebound = moves.find(({ event, component }) => event === 'rebound' && component === 1);
      assert.match(String(rebound?.mapping), new RegExp(`^${NAT}:3`));
      const closed = server.all.find(({ event, component }) => event === 'closed' && component === 1);
      assert.equal(closed?.protection, 'ice');
    });
  }
});

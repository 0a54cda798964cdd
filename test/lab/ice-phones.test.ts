// baresip and linphonec with ICE, with rtcp-mux and without, behind a real symmetric NAT that rebinds in mid call: through
// `latchkey serve`, which has a socket for RTCP, and through the servers of docs/examples on sip and drachtio-srf, which have one for
// all. Judged by the packets at the phone.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { CLIENT, Lab, SERVER, whyNoLab } from './lab.js';

const SIP_PORT = 5060;
const MEDIA_PORT = 40_000;
/** Most of a call, on a real clock: three seconds before the rebinding, and three after it. */
const HALF_MS = 3000;

const PHONES = [
  { name: 'baresip', command: baresip },
  { name: 'linphonec', command: linphone },
] as const;
/** Survived is what is asked here, beside whatever else runs on the machine; how fast, rebinding.test.ts. */
const MAX_GAP_MS = 300;

/** A server of docs/examples on the public host, as it stands. */
function example(lab: Lab, name: string, ...args: string[]): Printed {
  const file = fileURLToPath(new URL(`../../docs/examples/${name}`, import.meta.url));
  return new Printed(lab.spawn('pub', process.execPath, '--import=tsx', file, ...args));
}

/** The stand-in for drachtio's daemon as a process there: it says where applications and phones find it. */
const DAEMON = `
import { DrachtioDaemon } from ${JSON.stringify(new URL('../plugins/drachtio-daemon.ts', import.meta.url).href)};
const daemon = await DrachtioDaemon.start({ address: '${SERVER}' });
console.log('listening', daemon.port, daemon.sipPort('udp'), daemon.secret);
`;

interface Running {
  readonly printed: Printed;
  readonly sipPort: number;
}

/** Each resolves when it can be called. */
const SERVERS: Readonly<Record<string, (lab: Lab) => Promise<Running>>> = {
  serve: async (lab) => {
    const media = `${MEDIA_PORT}-${MEDIA_PORT + 9}`;
    const printed = new Printed(
      lab.latchkey('pub', 'serve', '--json', '--open', '--listen', SERVER, '--media', media),
    );
    await printed.line(/listening/);
    return { printed, sipPort: SIP_PORT };
  },
  'sip.ts': async (lab) => {
    const printed = example(lab, 'sip.ts', SERVER, String(SIP_PORT));
    await printed.line(/listening/);
    return { printed, sipPort: SIP_PORT };
  },
  'drachtio.ts': async (lab) => {
    const args = ['--import=tsx', '--input-type=module', '-e', DAEMON];
    const daemon = new Printed(lab.spawn('pub', process.execPath, ...args));
    const [, port = '', sipPort = '', secret = ''] = await daemon.line(/listening (\d+) (\d+) (\S+)/);
    const printed = example(lab, 'drachtio.ts', '127.0.0.1', port, secret, SERVER);
    await printed.line(/connected/);
    return { printed, sipPort: Number(sipPort) };
  },
};

/** All that it prints, as it comes. */
class Printed {
  text = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.text += text));
  }

  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found) return found;
      assert.equal(this.#child.exitCode, null, `it ended without ${pattern}: ${this.text}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isRtcp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtcp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
/** What an RTP packet carries behind its header, which a room may rewrite. */
const contentOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(12)).toString('latin1');
const textOf = ({ payload }: CapturedDatagram) => Buffer.from(payload).toString('latin1');

describe('phones with ICE, by rtcp-mux or a port of their own for RTCP', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string;
  let phone: RunningClient | undefined;

  afterEach(() => {
    phone?.kill();
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const { name, command } of PHONES)
    for (const hasMux of [true, false])
      for (const [where, start] of Object.entries(SERVERS))
        it(`${name}, ${hasMux ? 'rtcp-mux' : 'no rtcp-mux'}, ${where}: media both ways, and again after a rebinding`, async function () {
          skipBecause(this, whyNoLab() ?? whyNoClient(name, 'tcpdump', 'timeout'));
          folder = mkdtempSync(join(tmpdir(), 'latchkey-ice-'));
          const here = (lab = new Lab());
          const { printed: server, sipPort } = await start(here);
          const capture = await Capture.start(here, 'cliA', join(folder, 'client.pcap'));
          const options = {
            ...{
              folder,
              address: CLIENT,
              server: { address: SERVER, port: sipPort },
              transport: 'udp' as const,
            },
            ...{ hasIce: true, hasMux, durationS: 7 },
          } as const;
          phone = new RunningClient(here.command('cliA', ...command(options)));
          await server.line(/verified/);
          await new Promise((resolve) => setTimeout(resolve, HALF_MS));
          const reboundMs = Date.now();
          here.rebind();
          await phone.ended();
          const packets = await capture.stop();

          const invite = packets
            .filter(isFrom(CLIENT))
            .map(textOf)
            .find((text) => text.startsWith('INVITE'));
          assert.equal(/^a=rtcp-mux/m.test(invite ?? ''), hasMux, 'what the phone was told to offer');
          const out = packets.filter(isFrom(CLIENT)).filter(isRtp);
          const back = packets.filter(isFrom(SERVER)).filter(isRtp);
          assert.ok(out.length > 200 && back.length > 200, `${out.length} packets out, ${back.length} back`);
          const spoken = new Set(out.map(contentOf));
          assert.ok(
            back.every((packet) => spoken.has(contentOf(packet))),
            'an echo of itself and nothing else',
          );
          const gaps = back.slice(1).map(({ timeMs }, i) => timeMs - back[i]!.timeMs);
          const longest = Math.round(Math.max(...gaps));
          assert.ok(back.at(-1)!.timeMs > reboundMs + HALF_MS / 2, 'media is back after the rebinding');
          assert.ok(longest <= MAX_GAP_MS, `longest gap ${longest} ms`);
          // Component 2 has a path of its own where there is one.
          const paths = new Set(
            [...server.text.matchAll(/^.*\bverified\b.*$/gm)].map(
              ([line]) => /"mapping":"[^"]*"|port: \d+/.exec(line)?.[0],
            ),
          );
          const reports = [CLIENT, SERVER].map(
            (address) => packets.filter(isFrom(address)).filter(isRtcp).length,
          );
          this.test!.title += `: ${out.length} packets out, ${back.length} back, longest gap ${longest} ms, ${paths.size} paths, RTCP ${reports.join(' and ')}`;
          assert.equal(paths.size, hasMux ? 1 : 2, server.text);
        });
});

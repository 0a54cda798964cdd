// The voice agents of docs/examples, and a caller behind a real NAT whose address changes in mid sentence, as when a phone walks from
// Wi-Fi to mobile data. How much silence that adds at the caller, and how evenly the agent sends, is read from the packets themselves.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, parseRtp } from '../../lib/wire/index.js';
import { skipBecause } from '../clients/client-programs.js';
import { ECHO_MS } from '../docs/voice-service.js';
import { createCertificate } from '../plugins/sip-phones.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import { Lab, NAT, SERVER, whyNoLab } from './lab.js';

const MOBILE = '203.0.113.31';
const FRAME_MS = 20;
const MAX_ADDED_MS = 120;
const MAX_DEVIATION_MS = 2;
/** From the first echo to the walk, and from there to the end. */
const HALF_MS = 1500;

/** Ahead of what else the machine does: a time of 20 ms is asked of them. */
const NODE = ['nice', '-n', '-15', process.execPath];

/** The service, and what is between phones and a drachtio application: on the host of the agent. */
const BESIDE = `
import { readFileSync } from 'node:fs';
import { DrachtioDaemon } from './test/plugins/drachtio-daemon.ts';
import { VoiceService } from './test/docs/voice-service.ts';
const [cert, key] = process.argv.slice(1).map((file) => readFileSync(file, 'utf8'));
const service = await VoiceService.start();
const daemon = await DrachtioDaemon.start({ address: '${SERVER}', certificate: { cert, key } });
console.log(JSON.stringify({ event: 'up', url: service.url, port: daemon.port, secret: daemon.secret, uri: daemon.uri('tls') }));
`;

interface Beside {
  readonly url: string;
  readonly port: number;
  readonly secret: string;
  readonly uri: string;
}

/** How an agent is started, and what it prints when it can be called; with the URI, where that is its own. */
const AGENTS = {
  'voice-agent-sip.ts': {
    args: ({ url }: Beside, files: readonly string[]) => [url, SERVER, ...files],
    isUp: /^listening (\S+)$/m,
  },
  'voice-agent-drachtio.ts': {
    args: ({ url, port, secret }: Beside) => [url, '127.0.0.1', String(port), secret, SERVER],
    isUp: /^connected/m,
  },
};

interface Heard {
  readonly timeMs: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly isLoud: boolean;
}

/** The agent's RTP, each packet once: what the old address was sent in vain is sent again. */
function agentsRtp(datagrams: readonly CapturedDatagram[]): Heard[] {
  const seen = new Map<number, Heard>();
  for (const { source, payload, timeMs } of datagrams) {
    const header =
      source.address === SERVER && classifyPacket(payload) === 'rtp' ? parseRtp(payload) : undefined;
    if (!header?.ok || seen.has(header.value.sequence)) continue;
    const { sequence, timestamp, headerSizeBytes } = header.value;
    // Silence is one octet over and over.
    const isLoud = new Set(payload.subarray(headerSizeBytes)).size > 1;
    seen.set(sequence, { timeMs, sequence, timestamp, isLoud });
  }
  return [...seen.values()];
}

/** What each packet with sound that is heard from then on leaves of the time since the one before: their sum is silence in all. */
function silences(heard: readonly Heard[], fromMs: number): number[] {
  const loud = heard.filter(({ isLoud }) => isLoud).map(({ timeMs }) => timeMs);
  return loud.flatMap((timeMs, i) => (i > 0 && timeMs > fromMs ? [timeMs - loud[i - 1]! - FRAME_MS] : []));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** How far each packet is from the grid of 20 ms that fits them best. */
function deviations(sent: readonly Heard[]): number[] {
  const [first] = sent;
  assert.ok(first);
  const offsets = sent.map(({ timeMs, timestamp }) => timeMs - ((timestamp - first.timestamp) >>> 0) / 8);
  const grid = median(offsets);
  return offsets.map((offset) => Math.abs(offset - grid));
}

describe('a voice agent, and a caller who walks', function () {
  this.timeout(60_000);
  let lab: Lab | undefined;
  let folder: string | undefined;

  afterEach(() => {
    lab?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    lab = folder = undefined;
  });

  async function printed(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
    let output = '';
    for (;;) {
      const [data] = (await once(child.stdout!, 'data')) as [Buffer];
      output += data.toString();
      const found = pattern.exec(output);
      if (found) {
        child.stdout?.resume();
        return found;
      }
    }
  }

  for (const [name, { args, isUp }] of Object.entries(AGENTS))
    it(`${name}: at most ${MAX_ADDED_MS} ms of silence added, paced within ${MAX_DEVIATION_MS} ms in the median`, async function () {
      skipBecause(this, whyNoLab());
      const place = (folder = mkdtempSync(join(tmpdir(), 'latchkey-voice-')));
      const certificate = await createCertificate([{ type: 7, ip: SERVER }]);
      const files = [join(place, 'cert.pem'), join(place, 'key.pem')];
      files.forEach((file, i) => writeFileSync(file, i === 0 ? certificate.cert : certificate.key));
      const here = (lab = new Lab());
      const inline = ['--input-type=module', '-e', BESIDE];
      const beside = here.spawn('pub', ...NODE, '--import=tsx', ...inline, ...files);
      const up = (await jsonLines(beside).has('up')) as unknown as Beside;
      const agent = here.spawn('pub', ...NODE, '--import=tsx', `docs/examples/${name}`, ...args(up, files));
      const [, uri = up.uri] = await printed(agent, isUp);
      const [server, client] = await Promise.all(
        (['pub', 'cliA'] as const).map((host) => Capture.start(here, host, join(place, `${host}.pcap`))),
      );
      const options = ['--ca', files[0]!, '--duration', String((2 * HALF_MS + 1500) / 1000), '--json'];
      const caller = jsonLines(here.spawn('cliA', ...NODE, 'dist/lib/cli/main.js', 'call', uri, ...options));
      await caller.has('verified');
      await delay(ECHO_MS + HALF_MS);
      const walkMs = Date.now();
      here.renumber('natA', MOBILE);
      await delay(HALF_MS);
      const [sent, heard] = await Promise.all([server!.stop(), client!.stop()]);

      const added = silences(agentsRtp(heard), walkMs);
      const off = deviations(agentsRtp(sent));
      const [longest, inAll] = [Math.max(...added), added.reduce((a, b) => a + b, 0)];
      const [usual, worst] = [median(off), Math.max(...off)].map((ms) => ms.toFixed(1));
      const told = `longest silence ${longest.toFixed(0)} ms, in all ${inAll.toFixed(0)} ms; off the grid ${usual} ms, ${worst} at most, of ${off.length}`;
      this.test!.title += `: ${told}`;
      const mappings = new Set(sent.map(({ destination }) => destination.address));
      assert.ok(mappings.has(NAT) && mappings.has(MOBILE), 'the caller has walked');
      assert.ok(added.length > HALF_MS / FRAME_MS / 2, `${added.length} packets with sound after the walk`);
      assert.ok(longest <= MAX_ADDED_MS && inAll <= MAX_ADDED_MS, told);
      assert.ok(median(off) <= MAX_DEVIATION_MS, told);
    });
});

// Phones with no key at all that are silent when nobody speaks (DTX), behind symmetric NATs on a line that loses 5 % and lets packets
// overtake each other: no call is contested, nobody is taken for another, and whom a phone was taken for it stays (protocol.md 8.3.5, 8.3.7), a
// rebinding of some of their NATs included. baresip and linphonec go on sending in silence, so the phones are the lab's own.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { readRtpPayloadType } from '../../lib/wire/index.js';
import { skipBecause } from '../clients/client-programs.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines, Line as Told } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';
import type { Line } from './lab.js';
import { assertOnlySaid, isFrom, isRtp, linesOf, PLAIN_RANGE } from './plain-call.js';

const PHONES = fileURLToPath(new URL('dtx-phones.mjs', import.meta.url));
const ROUGH: Line = { lossPercent: 5, delayMs: 50, jitterMs: 100 };
/** The whole lab has 20 calls of a minute, the selection 4 of some seconds. */
const [NATS, CALLS_EACH, TALK_MS] = process.env.LATCHKEY_LAB === 'all' ? [5, 4, 60_000] : [2, 2, 4000];
const LETTERS = (['A', 'B', 'C', 'D', 'E'] as const).slice(0, NATS);
/** Their NATs rebind in the middle. */
const REBINDING = ['A', 'B'] as const;
/** Of the words of a phone, what both ways of the line must leave from the first on that it hears. */
const LEFT = 0.8;
const PCMU = 0;
const FOUND_MS = 10_000;

describe('phones without any key, and with DTX, on a rough line', function () {
  this.timeout(TALK_MS + 60_000);
  let lab: Lab | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-dtx-'));

  beforeEach(function () {
    skipBecause(this, whyNoLab());
  });

  afterEach(() => lab?.close());
  after(() => rmSync(folder, { recursive: true, force: true }));

  it(`${NATS * CALLS_EACH} calls: nobody is contested or taken for another, and no lock is lost`, async function () {
    const type = { type: 'symmetric' } as const;
    const here = (lab = new Lab({ natA: type, natB: type, others: LETTERS.slice(2).map(() => type) }));
    const listen = ['--open', '--listen', SERVER, '--media', PLAIN_RANGE.join('-')];
    const server = jsonLines(here.latchkey('pub', 'serve', '--json', ...listen));
    const certificate = String((await server.has('listening'))['certificate']);
    for (const letter of LETTERS) await here.line(`nat${letter}`, ROUGH);
    const captures = await Promise.all(
      LETTERS.map((letter) => Capture.start(here, `cli${letter}`, join(folder, `${letter}.pcap`))),
    );
    for (const letter of LETTERS) {
      const own = here.addressOf(`cli${letter}`);
      const args = [own, SERVER, `sip:echo@${SERVER}:5061;transport=tls`, certificate, String(CALLS_EACH)];
      here.spawn(`cli${letter}`, process.execPath, PHONES, ...args);
    }
    await found(server, NATS * CALLS_EACH);
    await delay(TALK_MS / 2);
    for (const letter of REBINDING) here.rebind(`nat${letter}`);
    await delay(TALK_MS / 2);
    const told = [...server.all];
    const seen = await Promise.all(captures.map((capture) => capture.stop()));

    const of = (...events: readonly string[]) => linesOf({ ...server, all: told }, ...events);
    assert.deepEqual(of('contested', 'conflict', 'expired', 'closed'), []);
    // Who falls silent while its answer is still on its way through such a line is not found before it speaks again, and that is told.
    const unheard = of('unheard').length;
    const grounds = of('locked').map(({ ground }) => String(ground));
    assert.equal(new Set(of('locked').map(sessionOf)).size, NATS * CALLS_EACH);
    assert.equal(grounds.length, NATS * CALLS_EACH, 'no lock was made anew');
    assert.equal(of('rebound').length, REBINDING.length * CALLS_EACH);
    const shares = LETTERS.flatMap((letter, i) =>
      callsOf(seen[i]!, here.addressOf(`cli${letter}`)).map(({ said, heard }) => {
        assertOnlySaid({ name: letter, said, heard });
        const words = said.filter(
          ({ payload, timeMs }) => readRtpPayloadType(payload) === PCMU && timeMs >= heard[0]!.timeMs,
        );
        return heard.length / words.length;
      }),
    );
    assert.equal(shares.length, NATS * CALLS_EACH);
    const worst = Math.min(...shares);
    assert.ok(worst > LEFT, `of what one said it heard ${worst}`);
    const count = (ground: string) => grounds.filter((one) => one === ground).length;
    this.test!.title += `; ${count('ssrc')} by ssrc, ${count('question')} by question, ${count('home')} by home; ${unheard} told unheard; of its words each heard ${worst.toFixed(2)} or more`;
  });
});

/** So many calls are. */
async function found(server: JsonLines, calls: number): Promise<void> {
  const startMs = Date.now();
  const locked = () => new Set(linesOf(server, 'locked').map(sessionOf)).size;
  while (locked() < calls) {
    assert.ok(Date.now() < startMs + FOUND_MS, `${locked()} of ${calls} are found`);
    await delay(50);
  }
}

const sessionOf = ({ session }: Told) => session;

/** What each phone of a host said to the server's media ports, and heard from there: told by its own port. */
function callsOf(seen: readonly CapturedDatagram[], own: string) {
  const media = seen.filter(isRtp);
  const ports = new Set(media.filter(isFrom(own)).map(({ source }) => source.port));
  return [...ports].map((port) => ({
    said: media.filter(({ source }) => source.address === own && source.port === port),
    heard: media.filter(({ source, destination }) => source.address === SERVER && destination.port === port),
  }));
}

// The neighbour who reads a phone's SRTP, whose keys came over TLS, and sends each packet again from his own address: a copy is as good as its
// original (protocol.md 8.2.2, 8.2.3). What he gets is measured and published in docs/threats.md, not promised. Promised is that
// nothing is injected, that the copying is told, and that the call is not lost. Judged by the packets at the phone, at the
// other party and at the neighbour.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { baresip, linphone, RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { AttackScene, RANGE } from './attack-scene.js';
import { mediaAt } from './attack-verdict.js';
import { jsonLines } from './json-lines.js';
import { CLIENT, SERVER, whyNoLab } from './lab.js';
import { assertNoTheft } from './theft.js';

const TLS_PORT = 5061;
const PHONES = { baresip, linphonec: linphone } as const;
/** The phone's own packets are so much later than what the neighbour reads of them, where his are ahead. */
const AHEAD_MS = 4;
/** He comes before the phone calls, or at the moment of the rebinding. */
type Coming = 'before the call' | 'at the rebinding';
const BEFORE_MS = 2000;
/** After a conflict a phone that moves is followed 2 s later; and he is there a while longer. */
const REBOUND_MS = 3500;
/** Where reports tell: the phone's and those of the other party come every five seconds or so. */
const REPORTED_MS = 26_000;
/** The call outlasts what is looked at. */
const MARGIN_S = 10;
/** Of the packets of a second. */
const MOST = 0.8;
const isWhole = process.env.LATCHKEY_LAB === 'all';
const AFTER_MS = 3200;

interface Plan {
  readonly phone: keyof typeof PHONES;
  readonly isAhead: boolean;
  readonly comes: Coming;
  /** RTCP comes by the port of the media, so that a report shows where that goes. */
  readonly hasMux?: boolean;
  readonly reboundMs?: number;
}

interface Share {
  /** Media packets of the other party in this time, and how many of them the phone had, and the neighbour. */
  readonly spoken: number;
  readonly heard: number;
  readonly stolen: number;
}

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
/** What SRTP leaves in clear, and a room as it is: sequence number, timestamp, SSRC. */
const numbersOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(2, 12)).toString('hex');

class CopiedCall {
  readonly scene = new AttackScene('cliA2');
  #phone: RunningClient | undefined;

  constructor(readonly plan: Plan) {}

  close(): void {
    this.#phone?.kill();
    this.scene.close();
  }

  async play() {
    const { scene, plan } = this;
    const { comes, reboundMs = REBOUND_MS } = plan;
    const { server, certificate } = await scene.serve(['--srtp', 'accept']);
    if (plan.isAhead) await scene.lab.line('cliA', { delayMs: AHEAD_MS });
    const uri = `sip:talk@${SERVER}:${TLS_PORT};transport=tls`;
    await scene.call('cliB', uri, '--ca', certificate).has('verified');
    await scene.capture('cliA2', 'cliA', 'cliB', 'pub');
    let stop = comes === 'before the call' ? await this.#copier() : undefined;
    const durationS = (BEFORE_MS + reboundMs + AFTER_MS) / 1000 + MARGIN_S;
    this.#call(certificate, durationS);
    await server.has('verified', ({ protection }) => protection === 'srtp');
    const verifiedMs = Date.now();
    await delay(BEFORE_MS);
    stop ??= await this.#copier();
    const movedMs = Date.now();
    scene.lab.rebind('natA');
    await delay(reboundMs);
    await stop();
    const goneMs = Date.now();
    await delay(AFTER_MS);
    const endMs = Date.now();
    const conflicts = server.all.filter(({ event }) => event === 'conflict').length;
    const { attacker, parties, server: atServer } = await scene.captured();
    const [atPhone, , atOther] = parties as unknown as [CapturedDatagram[], unknown, CapturedDatagram[]];
    const share = (fromMs: number, toMs: number): Share => {
      const during = (seen: readonly CapturedDatagram[]) =>
        seen.filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs);
      return {
        spoken: during(atOther)
          .filter(isFrom(scene.lab.addressOf('cliB')))
          .filter(isRtp).length,
        heard: during(atPhone).filter(isFrom(SERVER)).filter(isRtp).length,
        stolen: mediaAt(during(attacker), scene.placeAddress).filter(isRtp).length,
      };
    };
    return {
      ...{ conflicts, atPhone, atOther, endMs, leadMs: this.#leadMs(atServer) },
      ...{ before: share(verifiedMs, movedMs), rebound: share(movedMs, goneMs) },
      ...{ lastCopied: share(goneMs - 1000, goneMs), after: share(goneMs, endMs) },
      lastSecond: share(endMs - 1000, endMs),
    };
  }

  #call(certificate: string, durationS: number): void {
    const { scene, plan } = this;
    const call = {
      ...{ folder: scene.folder, address: CLIENT, certificate, hasIce: false, srtp: 'mandatory' as const },
      ...{ server: { address: SERVER, port: TLS_PORT }, transport: 'tls' as const, durationS, user: 'talk' },
      hasMux: plan.hasMux === true,
    };
    this.#phone = new RunningClient(scene.lab.command('cliA', ...PHONES[plan.phone](call)));
  }

  /** Fulfilled when he reads, with how to stop him. */
  async #copier() {
    const { scene, plan } = this;
    const tap = plan.isAhead ? scene.tap('cliA', 'eth0') : scene.tap();
    const what = { server: SERVER, victim: CLIENT, range: RANGE, relay: false, tap };
    const child = scene.start('cliA2', 'attacker-copier.mjs', JSON.stringify(what));
    const lines = jsonLines(child);
    await lines.has('ready');
    return async () => {
      child.stdin?.write('stop\n');
      await lines.has('done');
    };
  }

  /** By how much copies are at the server before their originals, in the middle. The lab's NATs number their mappings: the phone's port tells. */
  #leadMs(atServer: readonly CapturedDatagram[]): number {
    const firsts = new Map<string, CapturedDatagram>();
    const leads: number[] = [];
    for (const packet of atServer.filter(isRtp).filter(isFrom(this.scene.lab.externalOf('cliA')))) {
      const numbers = numbersOf(packet);
      const first = firsts.get(numbers);
      if (first) leads.push(packet.timeMs - first.timeMs);
      else firsts.set(numbers, packet);
    }
    return leads.sort((a, b) => a - b)[leads.length >> 1] ?? 0;
  }
}

/**
 * The phone has the media in the end, though he still copies: he is not the first, or reports tell. A phone that has never
 * heard anything has nothing to report of.
 */
function isSettled({ isAhead, hasMux }: Plan, { before }: { readonly before: Share }): boolean {
  return !isAhead || (hasMux === true && before.heard > 0);
}

describe('a neighbour that copies the packets of a phone with SRTP', function () {
  this.timeout(90_000);
  const calls: CopiedCall[] = [];

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec', 'timeout'));
  });

  afterEach(() => {
    for (const call of calls.splice(0)) call.close();
  });

  async function copied(plan: Plan) {
    const call = new CopiedCall(plan);
    calls.push(call);
    const { atPhone, atOther, endMs, ...outcome } = await call.play();
    if (process.env.LAB_TABLE === '1') console.log(JSON.stringify({ ...plan, ...outcome }));
    if (!plan.isAhead) assert.equal(outcome.before.stolen + outcome.rebound.stolen, 0, 'he is not the first');
    const other = call.scene.lab.addressOf('cliB');
    for (const [to, by, from] of [
      [atPhone, atOther, other],
      [atOther, atPhone, CLIENT],
    ] as const) {
      const spoken = new Set(by.filter(isFrom(from)).filter(isRtp).map(numbersOf));
      // The captures end one after the other.
      const until = to.filter(({ timeMs }) => timeMs < endMs);
      const heard = until.filter(isFrom(SERVER)).filter(isRtp).map(numbersOf);
      assertNoTheft(
        heard.filter((numbers) => !spoken.has(numbers)),
        `from nobody, instead of ${from}`,
      );
      assert.equal(new Set(heard).size, heard.length, 'nothing is heard twice');
    }
    assert.ok(outcome.conflicts > 0, 'it is told that somebody copies');
    for (const which of [
      'lastSecond',
      ...(isSettled(plan, outcome) ? (['lastCopied'] as const) : []),
    ] as const) {
      const { spoken, heard, stolen } = outcome[which];
      assert.ok(
        heard > MOST * spoken && stolen === 0,
        `${which}: ${heard} heard of ${spoken}, ${stolen} stolen`,
      );
    }
  }

  /** Side by side: the server of each has a lab of its own. */
  const all = (plans: readonly Plan[]) => Promise.all(plans.map(copied));

  it('the call says that it is copied, and goes on when he is gone; who is behind gets nothing', () =>
    all([
      { phone: 'baresip', isAhead: true, comes: 'before the call' },
      { phone: 'linphonec', isAhead: false, comes: 'before the call' },
    ]));

  if (!isWhole) return;

  for (const phone of ['baresip', 'linphonec'] as const) {
    it(`${phone}, whenever he comes`, () =>
      all(
        [true, false].flatMap((isAhead) =>
          (['before the call', 'at the rebinding'] as const).map((comes) => ({ phone, isAhead, comes })),
        ),
      ));

    it(`${phone}, with reports by the port of the media: what it has lost at a rebinding it has back while he copies`, () =>
      all([
        { phone, isAhead: true, comes: 'before the call', hasMux: true, reboundMs: REPORTED_MS },
        { phone, isAhead: true, comes: 'at the rebinding', hasMux: true, reboundMs: REPORTED_MS },
      ]));
  }
});

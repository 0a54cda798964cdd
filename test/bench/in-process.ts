// What runs in this process alone: the core, SRTP, and replay beside tshark.
import { fastSrtpCrypto, nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import type { EngineRow } from './document.js';
import {
  bytesPerSession,
  CONSENT_INTERVAL_MS,
  consentCosts,
  microsecondsPerChallenge,
  nanosecondsPerKeylessPacket,
  nanosecondsPerPacket,
} from './engine.js';
import { measureReplay } from './replay.js';
import { measureSrtp } from './srtp.js';
import { median, spreadOf } from './statistics.js';
import type { Spread } from './statistics.js';

const CONSENTING_SESSIONS = 1000;
/** Whose consent one core is to carry. */
const MANY_SESSIONS = 100_000;

export interface InProcess {
  readonly rows: readonly EngineRow[];
  readonly consentRatio: Spread;
}

/** @param onRow is told each at once */
export function measureInProcess(rounds: number, onRow: (row: EngineRow) => void): InProcess {
  // First: what others leave behind is collected in its own time.
  const bytes = bytesPerSession(2000);
  const rows: EngineRow[] = [];
  const row = (what: string, value: string, note = ''): void => {
    rows.push({ what, value, note });
    onRow({ what, value, note });
  };
  for (const sessions of [1, 100, 1000, 10_000])
    row(
      `engine.handleDatagram, accepted, ${sessions.toLocaleString('en')} sessions`,
      `${nanosecondsPerPacket(sessions).toFixed(0)} ns`,
    );
  for (const hasStranger of [false, true])
    row(
      `the same, 100 peers without a key, each found${hasStranger ? ', and a stranger sends there too' : ''}`,
      `${nanosecondsPerKeylessPacket(100, hasStranger).toFixed(0)} ns`,
    );
  const consentRatio = measureConsent(row);
  for (const suite of ['HMAC-SHA-256', 'AES-256'] as const)
    row(`one challenge verified, ${suite}`, `${microsecondsPerChallenge(suite).toFixed(1)} µs`);
  row(
    'one verified session, of 2,000 on one port',
    bytes === undefined ? 'no gc' : `${bytes.toFixed(0)} bytes`,
    'heap of the engine',
  );
  const ways = [
    ['by the addon', fastSrtpCrypto],
    ['without it', nodeSrtpCrypto],
  ] as const;
  const suites = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'];
  for (const [suite, [way, crypto]] of suites.flatMap((one) => ways.map((each) => [one, each] as const))) {
    const cost = measureSrtp(suite, crypto, rounds);
    const plain = 'createHmac and AES of as many bytes, CPU per packet of 172';
    row(`SRTP, ${suite}, ${way}`, `${cost.plain.toFixed(1)} µs`, plain);
    row('  protect', `${cost.protect.toFixed(1)} µs`, `${cost.protectRatio.toFixed(3)} of it`);
    row('  unprotect', `${cost.unprotect.toFixed(1)} µs`, `${cost.unprotectRatio.toFixed(3)} of it`);
  }
  const replay = measureReplay(100, 5);
  row(
    `replay --json, ${replay.megabytes.toFixed(0)} MB, ${replay.streams} streams`,
    `${replay.replayMs.toFixed(0)} ms`,
    `${replay.replayMegabytes.toFixed(0)} MB of memory`,
  );
  if (replay.tsharkMs !== undefined && replay.ratio !== undefined)
    row(
      'tshark -q -z rtp,streams, the same file',
      `${replay.tsharkMs.toFixed(0)} ms`,
      `replay takes ${replay.ratio.toFixed(3)} of it`,
    );
  return { rows, consentRatio };
}

/** Gives its ratio to two createHmac. */
function measureConsent(row: (what: string, value: string, note: string) => void): Spread {
  const costs = consentCosts(CONSENTING_SESSIONS, 5);
  const cycle = median(costs.map((one) => one.cycle));
  const ratio = spreadOf(costs.map((one) => one.cycle / one.twoHmacs));
  row(
    'one cycle of consent, challenge and response',
    `${cycle.toFixed(1)} µs`,
    `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)}) of two createHmac; it has three`,
  );
  const cyclesPerSecond = (1000 * MANY_SESSIONS) / CONSENT_INTERVAL_MS;
  row(
    `consent of ${MANY_SESSIONS.toLocaleString('en')} sessions, computed`,
    `${(cyclesPerSecond * cycle * 1e-4).toFixed(0)} % of a core`,
    `without what the kernel takes for ${(2 * cyclesPerSecond).toLocaleString('en')} datagrams a second`,
  );
  return ratio;
}

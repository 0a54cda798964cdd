// npm run bench [-- ROUNDS]: what latchkey costs, beside plain dgram in the same run. npm run bench -- --against COMMIT [ROUNDS]:
// beside another commit of itself. Prints a table and judges nothing.
import { parseArgs } from 'node:util';
import { compareWith } from './against.js';
import { bytesPerSession, microsecondsPerChallenge, nanosecondsPerPacket } from './engine.js';
import { measureForwarding } from './forwarding.js';
import { measureReplay } from './replay.js';
import { measureSrtp } from './srtp.js';

const { values, positionals } = parseArgs({
  options: { against: { type: 'string' } },
  allowPositionals: true,
});
const FEWEST_ROUNDS = 5;
const rounds = (usual: number): number => Math.max(FEWEST_ROUNDS, Number(positionals[0] ?? usual));

const MODES = ['plain', 'again', 'bind', 'guard'] as const;
const NAMES = { plain: 'plain dgram', again: 'plain dgram once more', bind: 'bind', guard: 'guard' };

function row(what: string, value: string, note = ''): void {
  console.log(`${what.padEnd(48)}${value.padStart(12)}  ${note}`.trimEnd());
}

async function bench(): Promise<void> {
  row('engine.handleDatagram, accepted, 1 session', `${nanosecondsPerPacket(1).toFixed(0)} ns`);
  row('engine.handleDatagram, accepted, 1,000 sessions', `${nanosecondsPerPacket(1000).toFixed(0)} ns`);
  for (const suite of ['HMAC-SHA-256', 'AES-256'] as const)
    row(`one challenge verified, ${suite}`, `${microsecondsPerChallenge(suite).toFixed(1)} µs`);
  const bytes = bytesPerSession(2000);
  row(
    'one verified session, of 2,000 on one port',
    bytes === undefined ? 'no gc' : `${bytes.toFixed(0)} bytes`,
  );
  for (const { mode, microsecondsPerPacket, ratio } of await measureForwarding(MODES, rounds(21))) {
    const note = mode === 'plain' ? 'CPU per packet of 172 bytes' : `${ratio.toFixed(3)} of plain dgram`;
    row(`forwarding, ${NAMES[mode]}`, `${(microsecondsPerPacket * 1000).toFixed(0)} ns`, note);
  }
  for (const suite of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM']) {
    const cost = measureSrtp(suite, rounds(21));
    row(
      `SRTP, ${suite}`,
      `${cost.plain.toFixed(1)} µs`,
      'createHmac and AES of as many bytes, CPU per packet of 172',
    );
    for (const [what, microseconds, ratio] of [
      ['protect', cost.protect, cost.protectRatio],
      ['unprotect', cost.unprotect, cost.unprotectRatio],
    ] as const)
      row(`  ${what}`, `${microseconds.toFixed(1)} µs`, `${ratio.toFixed(3)} of it`);
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
}

try {
  if (values.against === undefined) await bench();
  else await compareWith(values.against, rounds(7));
} catch (error) {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
}
process.exit(0);

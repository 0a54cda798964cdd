// npm run bench: what latchkey costs, beside plain dgram in the same run. Prints a table and judges nothing.
import { bytesPerSession, microsecondsPerChallenge, nanosecondsPerPacket } from './engine.js';
import { measureForwarding } from './forwarding.js';
import { measureReplay } from './replay.js';

const rounds = Math.max(5, Number(process.argv[2] ?? 21));

const MODES = ['plain', 'again', 'bind', 'guard'] as const;
const NAMES = { plain: 'plain dgram', again: 'plain dgram once more', bind: 'bind', guard: 'guard' };

function row(what: string, value: string, note = ''): void {
  console.log(`${what.padEnd(48)}${value.padStart(12)}  ${note}`.trimEnd());
}

try {
  row('engine.handleDatagram, accepted, 1 session', `${nanosecondsPerPacket(1).toFixed(0)} ns`);
  row('engine.handleDatagram, accepted, 1,000 sessions', `${nanosecondsPerPacket(1000).toFixed(0)} ns`);
  for (const suite of ['HMAC-SHA-256', 'AES-256'] as const)
    row(`one challenge verified, ${suite}`, `${microsecondsPerChallenge(suite).toFixed(1)} µs`);
  const bytes = bytesPerSession(2000);
  row(
    'one verified session, of 2,000 on one port',
    bytes === undefined ? 'no gc' : `${bytes.toFixed(0)} bytes`,
  );
  for (const { mode, microsecondsPerPacket, ratio } of await measureForwarding(MODES, rounds)) {
    const note = mode === 'plain' ? 'CPU per packet of 172 bytes' : `${ratio.toFixed(3)} of plain dgram`;
    row(`forwarding, ${NAMES[mode]}`, `${(microsecondsPerPacket * 1000).toFixed(0)} ns`, note);
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
} catch (error) {
  console.log(error instanceof Error ? error.stack : String(error));
}
process.exit(0);

// `latchkey doctor URI`: a short call, and what it shows in a few lines; a second one where nothing protects the first. Exit
// code 0 where something protects the call, 1 where nothing does or there was no call, 2 for a bad option. It attacks
// nothing, and changes nothing.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { formatAddress, parseRtp } from '../wire/index.js';
import { askCredentials, readTrust, DOCTOR_ROWS, readUri, warnInsecure } from './call-options.js';
import type { TrustOptions } from './call-options.js';
import { describeDiagnosis, diagnose, pageOf } from './diagnosis.js';
import type { Facts } from './diagnosis.js';
import { addOptions } from './option-table.js';
import { Failure } from '../phone/failure.js';
import { probeKeyless } from './keyless-probe.js';
import type { KeylessProbe } from './keyless-probe.js';
import { probeSrtp } from './srtp-probe.js';
import { startTerminal } from './terminal.js';
import type { CallTerms } from './terminal.js';
import type { Terminal } from '../phone/terminal.js';

interface DoctorOptions extends TrustOptions {
  readonly srtp?: boolean;
  readonly duration?: number;
}

/** For all of it. */
const DURATION_S = 20;
/** What is about to be written still goes out. */
const AT_ONCE_MS = 100;
const CALL_MS = 2500;
/** A phone with a person at it need not answer twice. */
const SECOND_CALL_MS = 8000;
const EXIT_UNPROTECTED = 1;

/** Adds the command `doctor`. */
export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('tell what protects a call to a server, and what NAT we sit behind')
    .argument('<uri>', 'sip:host:port;transport=tls|tcp|udp|wss|ws, TLS and sip:echo unless told');
  addOptions(command, DOCTOR_ROWS).action((uri: string, options: DoctorOptions) => examine(uri, options));
}

async function examine(uriText: string, options: DoctorOptions): Promise<void> {
  const uri = readUri(uriText, 'echo');
  const { insecure: isInsecure = false, listen, duration = DURATION_S } = options;
  const ca = readTrust(options, uri);
  const credentials = await askCredentials(options);
  const calling: CallTerms = { uri, credentials, ca, isInsecure, listen };
  if (isInsecure) warnInsecure();
  const deadline = new Deadline(duration * 1000);
  try {
    const facts = options.srtp ? await callWithSrtp(calling, deadline) : await call(calling, deadline);
    const diagnosis = diagnose(facts);
    console.log(options.json ? JSON.stringify(diagnosis) : describeDiagnosis(diagnosis, facts));
    if (!diagnosis.protected) process.exitCode = EXIT_UNPROTECTED;
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === undefined) throw error;
    const { kind: verdict, message: why } = error;
    const page = pageOf(verdict);
    if (options.json) console.log(JSON.stringify({ verdict, page, protected: false, why }));
    throw new Failure(`${why} (${verdict}; more: ${page})`, error.exitCode);
  } finally {
    // A BYE or a CANCEL still goes out.
    if (deadline.isOver) await pause(AT_ONCE_MS);
  }
}

/** Calls, twice where nothing protects the first. Throws a Failure where there was no call. */
async function call(calling: CallTerms, deadline: Deadline): Promise<Facts> {
  const { uri, isInsecure = false } = calling;
  const terminal = startTerminal({
    ...calling,
    isVerifier: true,
    durationMs: Math.min(CALL_MS, deadline.ms / 2),
  });
  terminal.on('warning', (text) => console.error(`latchkey: ${text}`));
  let phase = `looking up ${uri.host}`;
  terminal.on(
    'resolved',
    (address) => (phase = `connecting to ${address}, and waiting for its first answer`),
  );
  terminal.on('progress', (status) => (phase = `waiting for an answer after ${status}`));
  const roundTripsMs = measureRoundTrips(terminal);
  const protection = await deadline.before(terminal.answered);
  if (!protection) {
    void terminal.hangUp();
    const seconds = deadline.ms / 1000;
    throw new Failure(
      `${uri.host}:${uri.port}: after ${seconds} s still ${phase}`,
      EXIT_UNPROTECTED,
      'timeout',
    );
  }
  const { signalling, kind, suite, media } = protection;
  const summary = await deadline.before(terminal.ended);
  if (!summary) void terminal.hangUp();
  const { signalled, mapping, nat, verified: isVerified, sent, received } = summary ?? terminal.summary;
  const isUnprotected = kind !== 'latch' && kind !== 'ice';
  const without = isUnprotected ? await callWithout(calling, deadline) : undefined;
  return {
    ...{ transport: uri.transport, signalling, isInsecure, suite, isVerified, roundTripsMs },
    ...{ signalled, mapping, nat, sent, received },
    protection: isUnprotected ? withoutKey(without) : kind,
    ...(without && { wasAsked: without.isAsked }),
    media: media && formatAddress(media),
  };
}

/** Calls as a phone that has SRTP with keys in its SDP alone. Throws a Failure where there was no call. */
async function callWithSrtp(calling: CallTerms, deadline: Deadline): Promise<Facts> {
  const { uri, isInsecure = false } = calling;
  const giving = new AbortController();
  const probe = await deadline.before(probeSrtp(calling, giving.signal));
  if (!probe) {
    giving.abort();
    const seconds = deadline.ms / 1000;
    throw new Failure(`${uri.host}:${uri.port}: no end after ${seconds} s`, EXIT_UNPROTECTED, 'timeout');
  }
  const { signalling, suite, media, signalled, sent, received, roundTripsMs, ...seen } = probe;
  const { isForgeryHeard: forgeryHeard, isStrangerFollowed: strangerFollowed, followedMs } = seen;
  return {
    ...{ transport: uri.transport, signalling, isInsecure, suite, isVerified: received > 0, roundTripsMs },
    ...{ signalled, mapping: null, nat: null, sent, received },
    protection: suite === undefined ? 'none' : 'srtp',
    media: media && formatAddress(media),
    srtp: { forgeryHeard, strangerFollowed, followedMs },
  };
}

/** The time that there is for all of it. */
class Deadline {
  isOver = false;
  readonly #over: Promise<undefined>;

  constructor(readonly ms: number) {
    this.#over = pause(ms, undefined, { ref: false }).then(() => {
      this.isOver = true;
      return undefined;
    });
  }

  /** What it comes to; undefined where that takes too long. */
  before<T>(what: Promise<T>): Promise<T | undefined> {
    return Promise.race([what, this.#over]);
  }
}

/**
 * How the server finds a phone without a key that speaks from another port than its SDP names: calls again as such a one. Undefined where there is no
 * second call.
 */
async function callWithout(calling: CallTerms, deadline: Deadline): Promise<KeylessProbe | undefined> {
  if (deadline.isOver) return undefined;
  const giving = new AbortController();
  const ringing = setTimeout(() => giving.abort(), SECOND_CALL_MS);
  try {
    const probe = await deadline.before(probeKeyless(calling, giving.signal));
    if (!probe) giving.abort();
    return probe;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  } finally {
    clearTimeout(ringing);
  }
}

/** What stands for a key where there is none. */
function withoutKey(probe: KeylessProbe | undefined): 'none' | 'evidence' | 'legacy' {
  if (probe?.isStrangerFollowed) return 'legacy';
  return probe?.isFound ? 'evidence' : 'none';
}

/** How long each packet of ours takes to come back, where the room is an echo. */
function measureRoundTrips(terminal: Terminal): readonly number[] {
  const roundTripsMs: number[] = [];
  const sentMs = new Map<number, number>();
  terminal.on('sent', (bytes) => {
    const header = parseRtp(bytes);
    if (header.ok) sentMs.set(header.value.sequence, performance.now());
  });
  terminal.on('rtp', (bytes) => {
    const header = parseRtp(bytes);
    if (!header.ok || header.value.ssrc !== terminal.ssrc) return;
    const atMs = sentMs.get(header.value.sequence);
    if (atMs !== undefined) roundTripsMs.push(performance.now() - atMs);
    sentMs.delete(header.value.sequence);
  });
  return roundTripsMs;
}

// `latchkey doctor URI`: a short call, and what it shows in a few lines; a second one where nothing protects the first. Exit
// code 0 where something protects the call, 1 where nothing does or there was no call, 2 for a bad option. It attacks
// nothing, and changes nothing.
import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { formatAddress, parseRtp } from '../wire/index.js';
import { askCredentials, readTrust, readUri, TRUST_ROWS, warnInsecure } from './call-options.js';
import type { TrustOptions } from './call-options.js';
import { describeDiagnosis, diagnose } from './diagnosis.js';
import type { Facts } from './diagnosis.js';
import { addOptions } from './option-table.js';
import { bindSocket } from '../phone/local-address.js';
import { startTerminal } from './terminal.js';
import type { CallTerms } from './terminal.js';
import type { Terminal } from '../phone/terminal.js';

const CALL_MS = 2500;
const SECOND_CALL_MS = 1000;
/** A phone with a person at it need not answer twice. */
const SECOND_RINGING_MS = 5000;
const EXIT_UNPROTECTED = 1;

/** Adds the command `doctor`. */
export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('tell what protects a call to a server, and what NAT we sit behind')
    .argument('<uri>', 'sip:host:port;transport=tls|tcp|udp|wss|ws, TLS and sip:echo unless told');
  addOptions(command, TRUST_ROWS).action((uri: string, options: TrustOptions) => examine(uri, options));
}

async function examine(uriText: string, options: TrustOptions): Promise<void> {
  const uri = readUri(uriText, 'echo');
  const { insecure: isInsecure = false, listen } = options;
  const ca = readTrust(options, uri);
  const credentials = await askCredentials(options);
  const calling: CallTerms = { uri, credentials, ca, isInsecure, listen };
  if (isInsecure) warnInsecure();
  const terminal = startTerminal({ ...calling, isVerifier: true, durationMs: CALL_MS });
  terminal.on('warning', (text) => console.error(`latchkey: ${text}`));
  const roundTripsMs = measureRoundTrips(terminal);
  const { signalling, kind, suite, media } = await terminal.answered;
  const { signalled, mapping, nat, verified: isVerified, sent, received } = await terminal.ended;
  const isUnprotected = kind !== 'latch' && kind !== 'ice';
  const facts: Facts = {
    ...{ transport: uri.transport, signalling, isInsecure, suite, isVerified, roundTripsMs },
    ...{ signalled, mapping, nat, sent, received },
    protection: !isUnprotected ? kind : (await isFollowed(calling, signalled)) ? 'legacy' : 'none',
    media: media && formatAddress(media),
  };
  const diagnosis = diagnose(facts);
  console.log(options.json ? JSON.stringify(diagnosis) : describeDiagnosis(diagnosis, facts));
  if (!diagnosis.protected) process.exitCode = EXIT_UNPROTECTED;
}

/**
 * Whether the server sends media to wherever it comes from: calls again, names one port of ours in the SDP, and speaks from
 * another. False where there is no second call.
 *
 * @param before `address:port`, as the first call's SDP had it
 */
async function isFollowed(calling: CallTerms, before: string | null): Promise<boolean> {
  const address = before?.replace(/:\d+$/, '');
  if (address === undefined) return false;
  const named = await bindSocket(address);
  let ringing: NodeJS.Timeout | undefined;
  try {
    const signalled = { address, port: named.address().port };
    const terminal = startTerminal({ ...calling, signalled, durationMs: SECOND_CALL_MS });
    ringing = setTimeout(() => void terminal.hangUp(), SECOND_RINGING_MS);
    const { received } = await terminal.ended;
    return received > 0;
  } finally {
    clearTimeout(ringing);
    named.close();
  }
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

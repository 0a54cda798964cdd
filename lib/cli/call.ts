// `latchkey call URI`: the client terminal on the command line. What it does is in terminal.ts; here are its options, its
// lines and its exit codes: 0 when there was a call, 1 when there was none, 2 for a bad option.
import type { Command } from 'commander';
import { formatAddress } from '../wire/index.js';
import { readCommands } from './call-commands.js';
import { CALL_ROWS, askCredentials, readTrust, readUri, warnInsecure } from './call-options.js';
import type { TrustOptions } from './call-options.js';
import { addOptions } from './option-table.js';
import { Failure } from '../phone/failure.js';
import { fetchKey } from '../phone/https-request.js';
import { loadMedia } from '../phone/media-file.js';
import { Recorder } from '../phone/recorder.js';
import { startTerminal } from './terminal.js';
import type { CallTerms } from './terminal.js';
import type { CallSummary, Terminal } from '../phone/terminal.js';

interface CallOptions extends TrustOptions {
  readonly play?: string;
  readonly record?: string;
  readonly duration?: number;
  readonly commands?: boolean;
  readonly srtp?: boolean;
}

/** Adds the command `call`. */
export function registerCall(program: Command): void {
  const command = program
    .command('call')
    .description('call a room: prove our address, play and listen')
    .argument(
      '<uri>',
      'sip:ROOM@host:port;transport=tls|tcp|udp|wss|ws, TLS unless told; or https://host/ROOM, without SIP',
    );
  addOptions(command, CALL_ROWS).action((uri: string, options: CallOptions) => call(uri, options));
}

async function call(uriText: string, options: CallOptions): Promise<void> {
  const uri = readUri(uriText);
  const trust = {
    ca: readTrust(options, uri),
    credentials: await askCredentials(options),
    isInsecure: options.insecure,
  };
  const terms: CallTerms = {
    uri,
    ...trust,
    namedKey: options.keys === undefined ? undefined : await fetchKey(options.keys, trust),
    listen: options.listen,
    media: loadMedia(options.play),
    isSrtp: options.srtp,
    durationMs: options.duration === undefined ? undefined : options.duration * 1000,
    recorder: openRecorder(options.record),
  };
  if (options.insecure) warnInsecure();
  const terminal = startTerminal(terms);
  if (options.json) tellJson(terminal);
  else tell(terminal, uri.text);
  const release = releaseOnSignal({
    stop: () => void terminal.hangUp(),
    move: () => void terminal.move().catch((error: unknown) => complain(String(error))),
  });
  const silence = options.commands ? readCommands(process.stdin, terminal, complain) : () => undefined;
  try {
    await terminal.answered;
    const summary = await terminal.ended;
    console.log(options.json ? JSON.stringify(summary) : describe(summary));
  } finally {
    release();
    silence();
  }
}

/** Of `--record`. Throws a Failure. */
export function openRecorder(path: string | undefined): Recorder | undefined {
  if (path === undefined) return undefined;
  try {
    return new Recorder(path);
  } catch (error) {
    throw new Failure(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** SIGINT and SIGTERM stop, SIGUSR2 moves the media to a new port; the returned function lets go of all three. */
export function releaseOnSignal({
  stop,
  move,
}: {
  readonly stop: () => void;
  readonly move: () => void;
}): () => void {
  const listeners = [
    ['SIGINT', stop],
    ['SIGTERM', stop],
    ['SIGUSR2', move],
  ] as const;
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

function tell(terminal: Terminal, uri: string): void {
  console.log(`calling ${uri}`);
  terminal.on('progress', (status, reason) => status > 100 && console.log(`${status} ${reason}`));
  terminal.on('answered', ({ kind, suite, media }) => {
    const to = media ? `, media to ${formatAddress(media)}` : '';
    console.log(`answered${to}, ${suite === undefined ? `no latch (${kind})` : `latch with ${suite}`}`);
  });
  terminal.on('verified', () => console.log("verified: the server's challenge is answered"));
  terminal.on('mapped', (mapping) => console.log(`the server sees us at ${formatAddress(mapping)}`));
  terminal.on('moved', (local) => console.log(`moved to ${formatAddress(local)}`));
  terminal.on('held', (isHeld) => console.log(isHeld ? 'on hold' : 'not on hold any more'));
  terminal.on('warning', complain);
  terminal.on('ended', (by) => by === 'server' && console.log('the server hung up'));
}

function tellJson(terminal: Terminal): void {
  const print = (event: string, more: object = {}) => console.log(JSON.stringify({ event, ...more }));
  terminal.on('progress', (status, reason) => print('progress', { status, reason }));
  terminal.on('answered', ({ signalling, kind: protection, suite = null, media }) =>
    print('answered', { signalling, protection, suite, media: media ? formatAddress(media) : null }),
  );
  terminal.on('verified', () => print('verified'));
  terminal.on('mapped', (mapping) => print('mapped', { mapping: formatAddress(mapping) }));
  terminal.on('moved', (local) => print('moved', { local: formatAddress(local) }));
  terminal.on('held', (isHeld) => print('held', { held: isHeld }));
  terminal.on('warning', complain);
  terminal.on('ended', (by) => by !== 'failure' && print('ended', { by }));
}

function describe({
  sent,
  received,
  signalled,
  mapping,
  nat,
  verified,
  streams,
  dropped,
}: CallSummary): string {
  const drops = Object.entries(dropped).filter(([, count]) => count > 0);
  return [
    `sent ${sent}, received ${received}${drops.map(([name, count]) => `, dropped as ${name} ${count}`).join('')}`,
    `signalled ${signalled}, seen at ${mapping ?? 'unknown'}, NAT changed ${nat ?? 'unknown'}, ${verified ? 'verified' : 'not verified'}`,
    ...streams.map(
      ({ ssrc, packets, lost, maxGapMs }) =>
        `stream ${ssrc}: ${packets} packets, ${lost} lost, longest silence ${maxGapMs} ms`,
    ),
  ].join('\n');
}

function complain(text: string): void {
  console.error(`latchkey: ${text}`);
}

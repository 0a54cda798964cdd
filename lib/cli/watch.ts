// `latchkey watch URL`: watches a room by RTSP with latch, and records it. What it does is in lib/phone; here are its options, its lines and its
// exit codes: 0 when it was watched, 1 when not, 2 for a bad option.
import type { Command } from 'commander';
import { formatAddress } from '../wire/index.js';
import { askCredentials, DURATION_ROW, readAuthority, TRUST_ROWS, warnInsecure } from './call-options.js';
import type { TrustOptions } from './call-options.js';
import { openRecorder, releaseOnSignal } from './call.js';
import { addOptions } from './option-table.js';
import type { OptionRow } from './option-table.js';
import { Failure } from '../phone/failure.js';
import { readRtspUrl } from '../phone/rtsp-link.js';
import { RtspWatcher } from '../phone/rtsp-watcher.js';
import type { WatchSummary } from '../phone/rtsp-watcher.js';

interface WatchOptions extends TrustOptions {
  readonly record?: string;
  readonly duration?: number;
}

/** The options of `latchkey watch`. */
export const WATCH_ROWS: readonly OptionRow[] = [
  ...TRUST_ROWS,
  { flag: '--record <file>', text: 'write the media that comes to this capture' },
  { ...DURATION_ROW, text: 'stop after that long' },
];

/** Adds the command `watch`. */
export function registerWatch(program: Command): void {
  const command = program
    .command('watch')
    .description('watch a room by RTSP: prove our address and listen')
    .argument('<url>', 'rtsps://HOST:PORT/ROOM or rtsps://HOST:PORT/ROOM/PARTICIPANT; rtsp:// on loopback');
  addOptions(command, WATCH_ROWS).action((url: string, options: WatchOptions) => watch(url, options));
}

async function watch(text: string, options: WatchOptions): Promise<void> {
  const url = readRtspUrl(text);
  const { ca, insecure, listen, json = false, duration } = options;
  if (!url.isSecure && (ca !== undefined || insecure === true))
    throw new Failure('rtsp:// has no certificate: --ca and --insecure are for rtsps://');
  const watcher = new RtspWatcher({
    ...{ url, listen, ca: readAuthority(options), isInsecure: insecure },
    credentials: await askCredentials(options),
    durationMs: duration === undefined ? undefined : duration * 1000,
    recorder: openRecorder(options.record),
  });
  if (insecure) warnInsecure();
  tell(watcher, json);
  const release = releaseOnSignal({
    stop: () => watcher.stop(),
    move: () => void watcher.move().catch((error: unknown) => complain(String(error))),
  });
  try {
    const summary = await watcher.watch();
    console.log(json ? JSON.stringify(summary) : describe(summary));
    if (summary.verified === 0) process.exitCode = 1;
  } finally {
    release();
  }
}

function tell(watcher: RtspWatcher, isJson: boolean): void {
  const print = (event: string, fields: object, line: string) =>
    console.log(isJson ? JSON.stringify({ event, ...fields }) : line);
  watcher.on('playing', (sections) => {
    const named = sections.map(({ kind, codec, media }) => ({ kind, codec, media: formatAddress(media) }));
    const lines = named.map(({ kind, codec, media }) => `${kind} ${codec} from ${media}`);
    print('playing', { sections: named }, `playing: ${lines.join(', ')}`);
  });
  watcher.on('verified', (section) =>
    print('verified', { section }, `verified: the server's challenge for section ${section} is answered`),
  );
  watcher.on('mapped', (mapping) => {
    const text = formatAddress(mapping);
    print('mapped', { mapping: text }, `the server sees us at ${text}`);
  });
  watcher.on('moved', () => print('moved', {}, 'moved to other ports'));
  watcher.on('warning', complain);
  watcher.on('ended', (by) => print('ended', { by }, by === 'server' ? 'the server has ended it' : 'ended'));
}

function describe({ received, verified, sections, streams }: WatchSummary): string {
  return [
    `received ${received}, ${verified} of ${sections} verified`,
    ...streams.map(
      ({ kind, ssrc, packets, lost, maxGapMs }) =>
        `${kind} ${ssrc}: ${packets} packets, ${lost} lost, longest silence ${maxGapMs} ms`,
    ),
  ].join('\n');
}

function complain(text: string): void {
  console.error(`latchkey: ${text}`);
}

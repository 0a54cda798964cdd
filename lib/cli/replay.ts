// `latchkey replay FILE`: what happened in a capture: its calls, its media streams, what a NAT did to them and who else sent
// there. Exit code 0; 1 where the file breaks off, after all that could be read; 2 for a file that is no capture. It
// sends nothing, and prints no secret that the signalling shows.
import { readCaptureFile } from '../capture/capture-file.js';
import { CaptureAnalysis } from '../capture/capture-analysis.js';
import type { CaptureSummary } from '../capture/traffic.js';
import type { Command } from 'commander';
import { Failure, unreadable } from './failure.js';
import { drawCalls } from './replay-ladder.js';
import { printable } from './replay-text.js';
import { describeStreams } from './replay-streams.js';

interface ReplayOptions {
  readonly json?: boolean;
}

const EXIT_DAMAGED = 1;
const WIDTH_MIN = 80;
const WIDTH_MAX = 120;
const WIDTH_DEFAULT = 96;

/** Adds the command `replay`. */
export function registerReplay(program: Command): void {
  program
    .command('replay')
    .description('tell what happened in a capture: calls, media streams, NATs and intruders')
    .argument('<file>', 'pcap or pcapng')
    .option('--json', 'one JSON object on standard output')
    .action((file: string, options: ReplayOptions) => replay(file, options));
}

async function replay(file: string, options: ReplayOptions): Promise<void> {
  const analysis = new CaptureAnalysis();
  const summary = await readCaptureFile(file, analysis).catch((error: unknown) => {
    throw isSystemError(error) ? unreadable('replay', file, error) : error;
  });
  const { error, packets } = summary;
  // Not even a header that could be read: nothing to report on.
  if (error && packets === 0 && error.offset === 0) throw new Failure(`replay ${file}: ${error.message}`);
  const findings = analysis.finish();
  if (options.json) {
    const { skipped } = summary;
    const total = Object.values(skipped).reduce((sum, count) => sum + count, 0);
    console.log(
      JSON.stringify({
        file,
        packets,
        skipped: total,
        skippedBy: skipped,
        error: error ?? null,
        ...findings.report,
      }),
    );
  } else {
    const width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, process.stdout.columns || WIDTH_DEFAULT));
    const lines = [
      ...headline(file, summary),
      ...drawCalls(findings, width),
      ...describeStreams(findings.report, width),
    ];
    console.log(lines.join('\n'));
  }
  if (!error) return;
  console.error(`latchkey: replay ${file}: ${error.message}; what comes before it was read`);
  process.exitCode = EXIT_DAMAGED;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

function headline(file: string, { packets, skipped }: CaptureSummary): string[] {
  const reasons = Object.entries(skipped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`);
  const passed = reasons.length === 0 ? '' : `; passed over: ${reasons.join(', ')}`;
  return [`${printable(file, 200)}: ${packets} packets${passed}`];
}

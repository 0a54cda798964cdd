// `latchkey replay FILE`: what happened in a capture: its calls, its media streams, what a NAT did to them and who else sent
// there. Exit code 0; 1 where the file breaks off, after all that could be read; 2 for a file that is no capture. It
// sends nothing, and prints no secret that the signalling shows. With --drive it says what the core makes of it: see
// replay-drive.ts; exit code 1 where there is no call to drive.
import { readCaptureFile } from '../capture/capture-file.js';
import { CaptureAnalysis } from '../capture/capture-analysis.js';
import { ChallengeSurvey } from '../capture/challenge-survey.js';
import type { CaptureSink, CaptureSummary } from '../capture/traffic.js';
import type { Command } from 'commander';
import { planDrive } from '../capture/drive-plan.js';
import { Failure, unreadable } from '../phone/failure.js';
import { driveFile, driveLines, readSessionFile } from './replay-drive.js';
import { drawCalls } from './replay-ladder.js';
import { printable } from './replay-text.js';
import { describeStreams } from './replay-streams.js';

interface ReplayOptions {
  readonly json?: boolean;
  readonly drive?: boolean;
  readonly session?: string;
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
    .option('--drive', 'feed what arrived at the server to the core, in virtual time, and print its events')
    .option('--session <json>', 'with --drive: the offers and answers of encrypted signalling')
    .action((file: string, options: ReplayOptions) => replay(file, options));
}

async function replay(file: string, options: ReplayOptions): Promise<void> {
  if (options.session !== undefined && !options.drive) throw new Failure('--session is for --drive');
  const given = options.session === undefined ? undefined : readSessionFile(options.session);
  const analysis = new CaptureAnalysis();
  const survey = options.drive ? new ChallengeSurvey() : undefined;
  const summary = await readCaptureFile(file, survey ? both(analysis, survey) : analysis).catch(
    (error: unknown) => {
      throw isSystemError(error) ? unreadable('replay', file, error) : error;
    },
  );
  const { error, packets } = summary;
  // Not even a header that could be read: nothing to report on.
  if (error && packets === 0 && error.offset === 0) throw new Failure(`replay ${file}: ${error.message}`);
  const findings = analysis.finish();
  const driven =
    survey && (await driveFile(file, given ?? planDrive(findings.calls, survey), findings, survey));
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
        ...driven,
      }),
    );
  } else if (driven) {
    console.log([...headline(file, summary), ...driveLines(driven)].join('\n'));
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

function both(analysis: CaptureAnalysis, survey: ChallengeSurvey): CaptureSink {
  return {
    onDatagram(datagram) {
      analysis.onDatagram(datagram);
      survey.onDatagram(datagram);
    },
    onSip: (message) => analysis.onSip(message),
  };
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

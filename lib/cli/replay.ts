// `latchkey replay FILE...`: what happened in a capture: its calls, its media streams, what a NAT did to them and who else sent
// there. Exit code 0; 1 where a file breaks off, after all that could be read, and where --call names none of its calls; 2 for a
// file that is no capture. It sends nothing, and prints no secret that the signalling shows. With --drive it says what the core
// makes of it: see replay-drive.ts; exit code 1 where there is no call to drive.
import { Option } from 'commander';
import type { Command } from 'commander';
import { readCaptureFiles } from '../capture/capture-file.js';
import type { CaptureFilesSummary } from '../capture/capture-file.js';
import { CaptureAnalysis } from '../capture/capture-analysis.js';
import type { CaptureFindings } from '../capture/capture-analysis.js';
import { ChallengeSurvey } from '../capture/challenge-survey.js';
import { planDrive } from '../capture/drive-plan.js';
import type { CaptureSink } from '../capture/traffic.js';
import type { Policy } from '../core/index.js';
import { nodeSrtpCrypto } from '../net/node-srtp-crypto.js';
import { Failure, unreadable } from '../phone/failure.js';
import { driveFiles, driveLines, readSessionFile } from './replay-drive.js';
import type { DriveReport } from './replay-drive.js';
import { describeCapture } from './replay-headline.js';
import { drawCalls } from './replay-ladder.js';
import { selectCall } from './replay-selection.js';
import { describeStreams } from './replay-streams.js';

interface ReplayOptions {
  readonly json?: boolean;
  readonly call?: string;
  readonly drive?: boolean;
  readonly session?: string;
  readonly policy?: Policy;
}

const EXIT_DAMAGED = 1;
const WIDTH_MIN = 80;
const WIDTH_MAX = 120;
const WIDTH_DEFAULT = 96;
const STANDARD_INPUT = '-';

/** Adds the command `replay`. */
export function registerReplay(program: Command): void {
  program
    .command('replay')
    .description('tell what happened in a capture: calls, media streams, NATs and intruders')
    .argument(
      '<files...>',
      'pcap or pcapng, also packed by gzip; - is standard input; several are one capture',
    )
    .option('--json', 'one JSON object on standard output')
    .option('--call <id>', 'only the call with this Call-ID, and its streams')
    .option('--drive', 'feed what arrived at the server to the core, in virtual time, and print its events')
    .option('--session <json>', 'with --drive: the offers and answers of encrypted signalling')
    .addOption(
      new Option(
        '--policy <policy>',
        'with --drive: of the core, for peers without latch: evidence; legacy: then the first source; blind: that at once (default: prefer)',
      ).choices(['require', 'prefer', 'legacy', 'blind']),
    )
    .action((files: string[], options: ReplayOptions) => replay(files, options));
}

async function replay(files: readonly string[], options: ReplayOptions): Promise<void> {
  refuseContradictions(files, options);
  const given = options.session === undefined ? undefined : readSessionFile(options.session);
  const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
  const survey = options.drive ? new ChallengeSurvey() : undefined;
  const summary = await readCaptureFiles(files, survey ? both(analysis, survey) : analysis).catch(
    (error: unknown) => {
      throw isSystemError(error) ? unreadable('replay', error.path ?? files.join(' '), error) : error;
    },
  );
  // Not even a header that could be read: that is no capture.
  const foreign = summary.damaged.find(({ error }) => error.offset === 0);
  if (foreign) throw new Failure(`replay ${foreign.file}: ${foreign.error.message}`);
  const all = analysis.finish();
  const { call } = options;
  const findings = call === undefined ? all : selectCall(all, call);
  if (!findings)
    throw new Failure(`replay ${files.join(' ')}: no call has the Call-ID ${call}`, EXIT_DAMAGED);
  const plans = (given ?? planDrive(findings.calls, survey ?? new ChallengeSurvey())).filter(
    (plan) => call === undefined || plan.call === call,
  );
  const driven = survey && (await driveFiles({ files, plans, findings, survey, policy: options.policy }));
  console.log(
    options.json ? asJson(files, summary, findings, driven) : asText(files, summary, findings, driven),
  );
  for (const { file, error } of summary.damaged) {
    console.error(`latchkey: replay ${file}: ${error.message}; what comes before it was read`);
    process.exitCode = EXIT_DAMAGED;
  }
}

function refuseContradictions(files: readonly string[], { session, policy, drive }: ReplayOptions): void {
  if (session !== undefined && !drive) throw new Failure('--session is for --drive');
  if (policy !== undefined && !drive) throw new Failure('--policy is for --drive');
  const inputs = files.filter((file) => file === STANDARD_INPUT).length;
  if (inputs > 1) throw new Failure('replay: standard input can be read once');
  if (inputs > 0 && drive)
    throw new Failure(
      'replay --drive reads the capture twice, and standard input can be read once: name a file',
    );
}

function asJson(
  files: readonly string[],
  summary: CaptureFilesSummary,
  { report }: CaptureFindings,
  driven: DriveReport | undefined,
): string {
  const { packets, skipped, cut, error, damaged } = summary;
  const startedAt = new Date(report.startedMs ?? NaN);
  return JSON.stringify({
    file: files.length === 1 ? files[0] : null,
    files,
    packets,
    skipped: Object.values(skipped).reduce((sum, count) => sum + count, 0),
    skippedBy: skipped,
    cut: cut ?? null,
    error: error ?? null,
    damaged,
    startedAt: Number.isNaN(startedAt.getTime()) ? null : startedAt.toISOString(),
    ...report,
    ...driven,
  });
}

function asText(
  files: readonly string[],
  summary: CaptureFilesSummary,
  findings: CaptureFindings,
  driven: DriveReport | undefined,
): string {
  const width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, process.stdout.columns || WIDTH_DEFAULT));
  const lines = describeCapture(files, summary, findings.report);
  if (driven) lines.push(...driveLines(driven));
  else lines.push(...drawCalls(findings, width), ...describeStreams(findings.report, width));
  return lines.join('\n');
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

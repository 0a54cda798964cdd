// `latchkey replay FILE --drive`: the captured datagrams through the core again, and its events. The offers and answers are
// those of the capture or, where its signalling was encrypted, of the file of --session. Events only: no description,
// secret, word or proof is printed.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readCaptureFiles } from '../capture/capture-file.js';
import type { CaptureFindings } from '../capture/capture-analysis.js';
import type { ChallengeSurvey } from '../capture/challenge-survey.js';
import { Drive } from '../capture/drive.js';
import type { DrivenEvent, DriveSummary } from '../capture/drive.js';
import type { DrivePlan } from '../capture/drive-plan.js';
import type { Policy } from '../core/index.js';
import { nodeCrypto } from '../net/node-crypto.js';
import { nodeSrtpCrypto } from '../net/node-srtp-crypto.js';
import { parseIp } from '../wire/index.js';
import { fieldsOf, flatten, readable } from './event-log.js';
import type { Fields } from './event-log.js';
import { Failure, unreadable } from '../phone/failure.js';
import { plural, printable, seconds } from './replay-text.js';

/** The events with `atMs` since the file began, and what was driven. */
export interface DriveReport {
  readonly events: readonly Fields[];
  readonly drive: DriveSummary;
}

const EXIT_NO_CALL = 1;
const LINE_WIDTH = 400;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** The file of --session: what encrypted signalling agreed on. */
const schema = z.strictObject({
  calls: z
    .array(
      z.strictObject({
        call: z.string().min(1),
        server: z.enum(['caller', 'callee']).default('callee'),
        address: z
          .string()
          .refine((value) => parseIp(value) !== undefined)
          .optional(),
        exchanges: z
          .array(
            z.strictObject({
              offeredBy: z.enum(['caller', 'callee']).default('caller'),
              offeredAt: time.optional(),
              answeredAt: time.optional(),
              offer: z.string().min(1),
              answer: z.string().min(1),
            }),
          )
          .min(1),
        endedAt: time.optional(),
      }),
    )
    .min(1),
});

/** Throws a Failure that names the file and the place; what stands there is not quoted, since it may be a secret. */
export function readSessionFile(file: string): DrivePlan[] {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable('--session', file, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new Failure(`--session ${file}: this is no JSON`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join('.') ?? '';
    throw new Failure(
      `--session ${file}: "${place}": ${EXPECTED[String(issue?.path.at(-1))] ?? 'not accepted'}`,
    );
  }
  return parsed.data.calls.map(planOf);
}

const EXPECTED: Readonly<Record<string, string>> = {
  calls: 'expects a list of at least one call',
  call: 'expects the name of the call',
  server: 'expects caller or callee',
  address: 'expects an IP address',
  exchanges: 'expects a list of at least one exchange',
  offeredBy: 'expects caller or callee',
  offeredAt: 'expects a time as ISO 8601 has it, with a zone',
  answeredAt: 'expects a time as ISO 8601 has it, with a zone',
  endedAt: 'expects a time as ISO 8601 has it, with a zone',
  offer: 'expects a session description',
  answer: 'expects a session description',
};

function planOf({
  call,
  server,
  address,
  exchanges,
  endedAt,
}: z.infer<typeof schema>['calls'][number]): DrivePlan {
  return {
    call,
    exchanges: exchanges.map(
      ({ offeredBy, offeredAt = -Infinity, answeredAt = offeredAt, offer, answer }) => ({
        ...{
          offeredMs: offeredAt,
          answeredMs: answeredAt,
          isServerOffer: offeredBy === server,
          offer,
          answer,
        },
      }),
    ),
    ...(address !== undefined && { address }),
    ...(endedAt !== undefined && { endMs: endedAt }),
  };
}

export interface DriveRequest {
  readonly files: readonly string[];
  readonly plans: readonly DrivePlan[];
  /** Of the first reading. */
  readonly findings: CaptureFindings;
  readonly survey: ChallengeSurvey;
  readonly policy?: Policy | undefined;
}

/** Reads the capture a second time. Throws a Failure where there is no plan. */
export async function driveFiles({
  files,
  plans,
  findings: { report },
  survey,
  policy,
}: DriveRequest): Promise<DriveReport> {
  if (plans.length === 0)
    throw new Failure(
      `replay ${files.join(' ')} --drive: no call with an offer and an answer in the clear; --session FILE gives those of encrypted signalling`,
      EXIT_NO_CALL,
    );
  const events: DrivenEvent[] = [];
  const drive = new Drive({
    ...{
      plans,
      survey,
      startedMs: report.startedMs ?? 0,
      crypto: nodeCrypto,
      srtpCrypto: nodeSrtpCrypto,
      ...(policy && { policy }),
    },
    onEvent: (event) => events.push(event),
  });
  await readCaptureFiles(files, drive);
  return { events: events.map(describe), drive: drive.finish() };
}

/** The session's name is left out: it is made up at each drive. */
function describe(event: DrivenEvent): Fields {
  const { session, call, ...fields } = fieldsOf(event);
  void session;
  return flatten({ atMs: event.atMs, call, type: event.type, ...fields }) as Fields;
}

/** A line for each event, and for each thing that the capture lacks. */
export function driveLines({ events, drive }: DriveReport): string[] {
  const lines = events.map(({ atMs, type, ...fields }) =>
    printable(
      `${seconds(Number(atMs)).padStart(9)}  ${String(type).padEnd(10)} ${readable(fields)}`,
      LINE_WIDTH,
    ),
  );
  const { calls, datagrams, delivered } = drive;
  const head = `the core in the server's place, ${plural(calls, 'call')}: ${plural(events.length, 'event')}; ${plural(datagrams, 'datagram')} arrived, ${delivered} delivered`;
  return ['', head, ...lines, ...lacks(drive)];
}

function lacks({ unmatched, unasked, unprotected, foreign, unread }: DriveSummary): string[] {
  const lines: string[] = [];
  if (unmatched > 0)
    lines.push(
      `missing: answers to ${plural(unmatched, 'challenge')} that the core asked and the captured server did not`,
    );
  if (unasked > 0)
    lines.push(`not asked by the core: ${plural(unasked, 'challenge')} that the capture holds answers to`);
  const each = (calls: readonly string[], what: string) =>
    calls.map((call) => `call ${printable(call, 80)}: ${what}`);
  return [
    ...lines,
    ...each(
      unprotected,
      'neither latch nor ICE nor a key of SRTP was agreed on, so the core verifies nobody',
    ),
    ...each(foreign, "missing: the server's tags or fragments are not of the core's making; it has others"),
    ...each(unread, 'an offer or answer is missing, or is none that the core takes under this policy'),
  ];
}

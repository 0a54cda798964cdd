// What a command cannot do, told in one line: main.ts prints `latchkey: <message>` on stderr and ends with the exit
// code. Not for defects of ours: those keep their stack.

/**
 * Why a call did not come about. `unreachable`: nobody was spoken to; `untrusted`: nobody vouches for the certificate; `rejected`: the
 * server said no; `timeout`: it said nothing in time.
 */
export type FailureKind = 'unreachable' | 'untrusted' | 'rejected' | 'timeout';

/** A bad option, a port in use, a missing package: `message` says what and how to mend it; no secret, no line breaks. */
export class Failure extends Error {
  override readonly name = 'Failure';

  /** @param exitCode 2 unless told: nothing was begun. */
  constructor(
    message: string,
    readonly exitCode = 2,
    readonly kind?: FailureKind,
  ) {
    super(message);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this file may not be read',
  EISDIR: 'this is a folder',
};

/** For a file that an option names and that cannot be read. */
export function unreadable(option: string, file: string, error: unknown): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  return new Failure(`${option} ${file}: ${REASONS[code] ?? `it cannot be read (${code})`}`);
}

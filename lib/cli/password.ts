// Where a password comes from: the environment, a prompt without echo on a terminal, or the first line of standard input. It
// is never an argument, which other users of the machine can read.
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Failure } from '../phone/failure.js';

/** The variable that `call`, `doctor` and `passwd` look into. */
export const PASSWORD_VARIABLE = 'LATCHKEY_PASSWORD';

/** @param isNew A password to be set: on a terminal it is asked for twice. Throws a Failure where there is none. */
export async function readPassword({ isNew = false } = {}): Promise<string> {
  const given = process.env[PASSWORD_VARIABLE];
  if (given !== undefined) return checked(given);
  const password = checked(await ask('Password: '));
  if (isNew && process.stdin.isTTY && (await ask('Again: ')) !== password)
    throw new Failure('the two passwords differ');
  return password;
}

function checked(password: string): string {
  if (password === '') throw new Failure(`a password is needed: ${PASSWORD_VARIABLE}, or type one`);
  return password;
}

function ask(question: string): Promise<string> {
  const isTerminal = process.stdin.isTTY;
  if (isTerminal) process.stderr.write(question);
  // readline repeats what is typed; into nothing.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output, terminal: isTerminal });
  return new Promise((resolve, reject) => {
    let answer: string | undefined;
    lines.once('line', (line) => {
      answer = line;
      lines.close();
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      if (isTerminal) process.stderr.write('\n');
      if (answer === undefined) reject(new Failure('no password was given'));
      else resolve(answer);
    });
  });
}

// `latchkey passwd FILE USER`: writes a user of `serve --users FILE`. The password comes from the environment or is asked for,
// never from the command line, where others would see it; what is written is a hash that only this server's realm accepts.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseUsers, userFault, writeUser } from '../sip/index.js';
import { Failure, unreadable } from '../phone/failure.js';
import { readPassword } from './password.js';

interface PasswdOptions {
  readonly realm: string;
  readonly rooms?: string;
  readonly md5?: boolean;
  readonly delete?: boolean;
}

/** Adds the command `passwd`. */
export function registerPasswd(program: Command): void {
  program
    .command('passwd')
    .description('write a user into the file of serve --users')
    .argument('<file>', 'made where there is none; for its owner alone')
    .argument('<user>', 'the name that the phone gives')
    .option('--realm <realm>', 'the realm of the server', 'latchkey')
    .option('--rooms <names>', 'the rooms that the user may call, parted by commas; all unless told')
    .option('--md5', 'for a phone that knows no SHA-256')
    .option('--delete', 'take the user out')
    .action((file: string, user: string, options: PasswdOptions) => writeEntry(file, user, options));
}

async function writeEntry(file: string, name: string, options: PasswdOptions): Promise<void> {
  const { realm } = options;
  const rooms = options.rooms?.split(',');
  const fault = userFault({ name, realm, rooms });
  if (fault) throw new Failure(fault);
  const before = existsSync(file) ? read(file) : '';
  const parsed = parseUsers(before, realm);
  if (!parsed.ok) throw new Failure(`${file}, line ${parsed.line}: ${parsed.message}`);
  if (options.delete === true) {
    if (!parsed.users.has(name)) throw new Failure(`${file} has no user ${name} of the realm ${realm}`);
    return write(file, writeUser(before, name, realm, undefined));
  }
  const password = await readPassword({ isNew: true });
  const algorithm = options.md5 === true ? 'MD5' : 'SHA-256';
  write(file, writeUser(before, name, realm, { name, realm, algorithm, password, rooms }));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable('passwd', file, error);
  }
}

/** Into a new file that only the owner can read, put in the place of the old one at once: a server never reads half of it. */
function write(file: string, text: string): void {
  const next = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(next, text, { mode: 0o600, flag: 'wx' });
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw new Failure(
      `passwd ${file}: it cannot be written (${(error as NodeJS.ErrnoException).code ?? ''})`,
    );
  }
}

// Who may call `latchkey serve`, out of the files that its options name. A users' file that others can read is not read: its hashes
// are as good as passwords for this server.
import { readFileSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { LatchkeyError } from '../index.js';
import { Admission, parseUsers } from '../sip/index.js';
import type { DistributionServerOptions } from '../server/index.js';
import { Failure, unreadable } from '../phone/failure.js';
import type { ServeOptions } from './serve-options.js';

/** Group and others: to read, write or do anything. */
const OF_OTHERS = 0o077;

export interface ServeAdmission {
  readonly admission: DistributionServerOptions['admission'];
  /** PEM. */
  readonly clientCa: string | undefined;
}

/** Throws a Failure that names the option and the file; no line of it is repeated. */
export function readServeAdmission(options: ServeOptions): ServeAdmission {
  const { isOpen, users, realm, trunks, clientCa } = options;
  if (isOpen) return { admission: 'anybody', clientCa: undefined };
  checkTrunks(trunks);
  return {
    admission: { realm, trunks, ...(users !== undefined && { users: readUsers(users, realm) }) },
    clientCa: clientCa === undefined ? undefined : readAuthorities(clientCa),
  };
}

function checkTrunks(trunks: readonly string[]): void {
  try {
    new Admission({ trunks }, () => 0);
  } catch (error) {
    if (error instanceof LatchkeyError) throw new Failure(`--trunk: ${error.message}`);
    throw error;
  }
}

function readUsers(file: string, realm: string) {
  const text = read('--users', file);
  const mode = statSync(file).mode & OF_OTHERS;
  if (mode !== 0) throw new Failure(`--users ${file}: others can read or write it: chmod 600 ${file}`);
  const parsed = parseUsers(text, realm);
  if (!parsed.ok) throw new Failure(`--users ${file}, line ${parsed.line}: ${parsed.message}`);
  if (parsed.users.size === 0)
    console.error(`latchkey: --users ${file} has nobody of the realm ${realm}: no user can call`);
  return parsed.users;
}

function readAuthorities(file: string): string {
  const pem = read('--client-ca', file);
  try {
    new X509Certificate(pem);
  } catch {
    throw new Failure(`--client-ca ${file}: there is no certificate in it`);
  }
  return pem;
}

function read(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(option, file, error);
  }
}

// The server's certificate: the PEM files of --cert and --key, or a self-signed one made at start. Of that one only the
// certificate is written, where clients can find it to trust it; its key never leaves the memory of this process.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { Failure, unreadable } from '../phone/failure.js';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** Where a client finds it, for its `--ca`. */
  readonly file: string;
  /** Removes what was written for this run. */
  dispose(): void;
}

/** Long enough for any run of a server that is tried out, short enough that a forgotten copy is worth little. */
const SELF_SIGNED_DAYS = 30;

/** Reads a certificate and its key. Throws a Failure naming the file that is not good. */
export function readCertificate(certFile: string, keyFile: string): Certificate {
  const cert = readPem('--cert', certFile);
  const key = readPem('--key', keyFile);
  try {
    new X509Certificate(cert);
  } catch {
    throw new Failure(`--cert ${certFile}: this is no certificate in PEM`);
  }
  try {
    createPrivateKey(key);
  } catch {
    throw new Failure(`--key ${keyFile}: this is no private key in PEM without a passphrase`);
  }
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new Failure(`--key ${keyFile}: this is not the key of the certificate in ${certFile}`);
  }
  return { cert, key, file: certFile, dispose: () => undefined };
}

/**
 * Makes a certificate for these IP addresses, localhost and the loopback addresses, valid for a month. It is written to
 * `latchkey-XXXXXX/cert.pem` in the system's folder for temporary files, until `dispose()`.
 */
export async function createCertificate(addresses: readonly string[]): Promise<Certificate> {
  const { generate } = await import('selfsigned');
  const ips = new Set([...addresses, '127.0.0.1', '::1'].filter((address) => isIP(address) !== 0));
  // Linphone knows names only, and looks for the address among them; whoever knows addresses finds it there.
  const names = [
    ...['localhost', ...addresses].map((value) => ({ type: 2 as const, value })),
    ...[...ips].map((ip) => ({ type: 7 as const, ip })),
  ];
  const made = await generate([{ name: 'commonName', value: addresses[0] ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + SELF_SIGNED_DAYS * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names },
    ],
  });
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  // The folder's name is ours alone, its content is public: other users of this machine may be the clients.
  chmodSync(folder, 0o755);
  const file = join(folder, 'cert.pem');
  writeFileSync(file, made.cert, { mode: 0o644, flag: 'wx' });
  return {
    cert: made.cert,
    key: made.private,
    file,
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function readPem(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(option, file, error);
  }
}

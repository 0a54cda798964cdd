// What `latchkey serve` does on SIGHUP: reads the files of its options again, and takes up what can change while calls go on. All or
// nothing: with one file that is bad everything stays as it was.
import { LatchkeyError } from '../index.js';
import type { DistributionServer } from '../server/index.js';
import { Failure } from '../phone/failure.js';
import { readCertificate } from './certificate.js';
import type { Fields } from './event-log.js';
import { readServeAdmission } from './serve-admission.js';
import { readServeOptions } from './serve-options.js';
import type { ServeHttps } from './serve-https.js';
import type { ServeRtsp } from './serve-rtsp.js';
import type { ServeOptions } from './serve-options.js';

/** Options that are taken up. All others are of the start. */
const RENEWED: ReadonlySet<string> = new Set<keyof ServeOptions>([
  ...(['cert', 'key', 'users', 'realm', 'clientCa', 'trunks', 'isOpen', 'origins'] as const),
  ...(['isVerbose', 'drainMs'] as const),
]);

export type Reloaded =
  | { readonly ok: true; readonly options: ServeOptions; readonly told: Fields }
  | { readonly ok: false; readonly error: string };

/**
 * @param flags As they stood on the command line: its file of options is read again too.
 * @param before The options that are in force.
 */
export function reload(
  {
    server,
    https,
    rtsp,
  }: {
    readonly server: DistributionServer;
    readonly https: ServeHttps | undefined;
    readonly rtsp: ServeRtsp;
  },
  flags: Readonly<Record<string, unknown>>,
  before: ServeOptions,
): Reloaded {
  try {
    const options = readServeOptions(flags);
    const { cert, key, origins } = options;
    // On loopback nobody need say who may call: that must not be judged by an address which is not listened on.
    if (String(options.listen) !== String(before.listen))
      throw new Failure('--listen cannot change before the next start');
    const { tls, wss, https: httpsPort, rtsps } = before;
    const isSecure = [tls, wss, httpsPort, rtsps].some((port) => port !== 0);
    const pem = isSecure && cert !== undefined && key !== undefined ? readCertificate(cert, key) : undefined;
    const { admission, clientCa } = readServeAdmission(options);
    // Whether certificates are asked for at all is settled at the start.
    const isSameCa = (clientCa === undefined) === (before.clientCa === undefined);
    if (!isSameCa) throw new Failure('--client-ca cannot come or go before the next start');
    const hasSecureSip = tls !== 0 || wss !== 0;
    server.renew({ ...(hasSecureSip && { ...shownBy(pem), clientCa }), origins, admission });
    https?.renew({ admission, clientCa }, pem);
    rtsp.renew({ admission, clientCa }, pem);
    return {
      ok: true,
      options,
      told: { read: filesOf(options, flags), atNextStart: changed(before, options) },
    };
  } catch (error) {
    if (error instanceof Failure || error instanceof LatchkeyError)
      return { ok: false, error: error.message };
    throw error;
  }
}

function shownBy(pem: { readonly cert: string; readonly key: string } | undefined) {
  return pem && { cert: pem.cert, key: pem.key };
}

function filesOf(
  { cert, key, users, clientCa }: ServeOptions,
  { config }: Readonly<Record<string, unknown>>,
) {
  return Object.values({ config, cert, key, users, clientCa }).filter((file) => file !== undefined);
}

/** What changed in the file of options and needs a start to count. */
function changed(before: ServeOptions, now: ServeOptions): string[] {
  const isOther = (name: keyof ServeOptions) => JSON.stringify(before[name]) !== JSON.stringify(now[name]);
  const names = Object.keys(now) as (keyof ServeOptions)[];
  return names.filter((name) => !RENEWED.has(name) && isOther(name));
}

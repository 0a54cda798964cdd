// Options by the rules of the root entry: a misspelt one must not mean the default.
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { checkOptions, LatchkeyError, option, type OptionRules } from '../../lib/index.js';
import { isAddressRange, isLoopback, type AdmissionOptions } from '../../lib/sip/index.js';
import type { ServerAdmission } from '../../lib/server/index.js';
import type { LatchRtspOptions, RtspListenOptions, RtspRenewal, RtspServerLimits } from './rtsp-types.js';

export const RTSP_SERVER_LIMITS: RtspServerLimits = {
  maxConnections: 1024,
  maxConnectionsOfSource: 256,
  incompleteMs: 10_000,
  idleMs: 30_000,
  sessionMs: 60_000,
  // Four seconds of 2 Mbit/s.
  maxBacklogBytes: 1024 * 1024,
  maxWrongPerMinute: 30,
};

export interface CheckedOptions {
  readonly server: LatchRtspOptions['server'];
  readonly listen: RtspListenOptions & { readonly addresses: readonly string[] };
  readonly admission: AdmissionOptions;
  readonly limits: RtspServerLimits;
  readonly hasPlainUdp: boolean;
}

const PORT_MAX = 65_535;
const port = option.of(
  `a port up to ${PORT_MAX}, 'auto', or 0 for none`,
  (value) => value === 'auto' || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= PORT_MAX),
);
const pem = option.of('a text in PEM', (value) => typeof value === 'string');
const addresses = option.of('IP addresses', (value) =>
  [value].flat().every((one) => typeof one === 'string' && isIP(one) !== 0),
);
const LISTEN_RULES: OptionRules<RtspListenOptions> = {
  address: addresses,
  ...{ rtsp: port, rtsps: port, cert: pem, key: pem, clientCa: pem },
};
const ADMISSION_RULES: OptionRules<ServerAdmission> = {
  users: option.of('a Map of users, as parseUsers makes it', (value) => value instanceof Map),
  realm: option.of(
    'a text without colon, quote and backslash',
    (value) => typeof value === 'string' && !/[:"\\\r\n]/.test(value),
  ),
  trunks: option.of(
    'ranges of addresses such as 192.0.2.0/24',
    (value) => Array.isArray(value) && value.every(isAddressRange),
  ),
};
const positive = option.wholeNumber(1);
const LIMIT_RULES = Object.fromEntries(
  Object.keys(RTSP_SERVER_LIMITS).map((name) => [name, positive]),
) as unknown as OptionRules<RtspServerLimits>;
const admission = (name: string, value: unknown): void => {
  if (value !== 'anybody') option.record(ADMISSION_RULES)(name, value);
};
const RULES: OptionRules<LatchRtspOptions> = {
  server: option.required(option.withMethods('what createDistributionServer makes', 'lendMedia')),
  listen: option.required(option.record(LISTEN_RULES)),
  admission,
  limits: option.record(LIMIT_RULES),
  hasPlainUdp: option.boolean,
};
const RENEWAL_RULES: OptionRules<RtspRenewal> = { cert: pem, key: pem, clientCa: pem, admission };

/** @throws LatchkeyError LATCHKEY_OPTION */
export function checkedOptions(given: LatchRtspOptions): CheckedOptions {
  checkOptions('latchRtsp', given, RULES);
  const { server, listen, limits, hasPlainUdp = true } = given;
  const { rtsp = 0, rtsps = 0, clientCa } = listen;
  const all = [listen.address ?? '127.0.0.1'].flat();
  if (all.length === 0 || (rtsp === 0 && rtsps === 0)) refuse('listen', 'an address and a port to listen on');
  if (rtsps !== 0) checkPem(listen);
  const abroad = all.find((address) => !isLoopback(address));
  if (given.admission === undefined && clientCa === undefined && abroad !== undefined)
    refuse('admission', `'anybody', or { users, realm, trunks }, where ${abroad} is listened on`);
  return {
    ...{ server, hasPlainUdp },
    listen: { ...listen, rtsp, rtsps, addresses: all },
    admission: admissionOf(given.admission, clientCa),
    limits: { ...RTSP_SERVER_LIMITS, ...limits },
  };
}

/** What the service can take up. @throws LatchkeyError LATCHKEY_OPTION */
export function checkedRenewal(
  given: RtspRenewal,
  { listen }: Pick<CheckedOptions, 'listen'>,
): { readonly listen: CheckedOptions['listen']; readonly admission: AdmissionOptions | undefined } {
  checkOptions('renew', given, RENEWAL_RULES);
  const { cert = listen.cert, key = listen.key, clientCa = listen.clientCa } = given;
  const renewed = { ...listen, cert, key, clientCa };
  if (listen.rtsps !== 0) checkPem(renewed);
  return { listen: renewed, admission: given.admission && admissionOf(given.admission, clientCa) };
}

function admissionOf(given: LatchRtspOptions['admission'], clientCa: string | undefined): AdmissionOptions {
  const hasClientCertificates = clientCa !== undefined;
  if (given === undefined) return { isOpen: !hasClientCertificates, hasClientCertificates };
  if (given === 'anybody') return { isOpen: true };
  const { users, realm = 'latchkey', trunks = [] } = given;
  return { users, realm, trunks, hasClientCertificates };
}

/** Never shows what was given: it may be a key. */
function checkPem({ cert, key, clientCa }: RtspListenOptions): void {
  if (cert === undefined || key === undefined)
    refuse('listen.cert', 'a text in PEM, as listen.key, for rtsps');
  try {
    createSecureContext({ cert, key, ...(clientCa !== undefined && { ca: clientCa }) });
  } catch {
    refuse('listen.cert', 'a certificate in PEM and its key');
  }
}

function refuse(name: string, accepts: string): never {
  throw new LatchkeyError('LATCHKEY_OPTION', `${name} accepts ${accepts}`);
}

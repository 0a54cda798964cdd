// `latchkey serve`: the distribution server on the command line. It reads options, makes what the server is made of, prints
// what the server tells, and ends it on a signal. What the server does is in lib/server.
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { LatchkeyError } from '../index.js';
import { AddressRanges, isLoopback } from '../sip/index.js';
import type { LatchEvent } from '../index.js';
import type { DistributionServer, Listening } from '../server/index.js';
import { Failure } from '../phone/failure.js';
import { withPeers } from '../phone/optional-peer.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import { createCertificate, readCertificate } from './certificate.js';
import type { Certificate } from './certificate.js';
import { countersLine, streamCounters } from './counters-line.js';
import { EventLog } from './event-log.js';
import { addOptions } from './option-table.js';
import { watchForEnd } from './serve-end.js';
import { reload } from './serve-reload.js';
import { readServeAdmission } from './serve-admission.js';
import { LIMITS, readServeOptions, SERVE_ROWS } from './serve-options.js';
import { ServeHttps } from './serve-https.js';
import { ServeRtsp } from './serve-rtsp.js';
import { ServeWatch } from './serve-watch.js';
import type { ServeOptions } from './serve-options.js';

/** Totals change slowly to an eye that reads a day of them; who watches asks for more. */
const COUNTERS_EVERY_MS = { default: 60_000, verbose: 5000 };
/** How long callers have to confirm the BYE. */
const GRACE_MS = 2000;
/** What is about to be written still goes out. */
const AT_ONCE_MS = 100;
/** Calls end for these reasons without anybody's BYE. */
const UNSAID: readonly string[] = ['timeout', 'expired', 'silence'];
/** Faults of one kind that are told in full; later ones are only counted. */
const FAULTS_TOLD = 20;

export function registerServe(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'run the distribution server: call sip:NAME@host for the room NAME, sip:echo@host for an echo',
    );
  const limits = Object.entries(LIMITS).map(([name, unless]) => `  ${name} (default: ${unless})`);
  command.addHelpText('after', `\nNames for --limit:\n${limits.join('\n')}`);
  addOptions(command, Object.values(SERVE_ROWS)).action(async (flags: Record<string, unknown>) =>
    serve(readServeOptions(flags), flags),
  );
}

/** @param flags As they stood on the command line, for SIGHUP. */
async function serve(options: ServeOptions, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const sip = await withPeers(() => Promise.resolve(createRequire(import.meta.url)('sip') as SipPackage));
  const { createDistributionServer } = await withPeers(() => import('../server/index.js'));
  // The package tells of closed flows by console.log: standard output is for our lines alone.
  console.log = console.error;
  let onReload: () => void = () => undefined;
  const end = watchForEnd(options.durationMs, () => onReload());
  const log = new EventLog(options.json);
  log.isVerbose = options.isVerbose;
  const { admission, clientCa } = readServeAdmission(options);
  const certificate = await certificateFor(options);
  const https = options.https === 0 ? undefined : new ServeHttps(options, { admission, clientCa });
  const rtsp = new ServeRtsp();
  const watch = new ServeWatch();
  try {
    const { listen: address, advertise, udp, tcp, tls, ws, wss, policy, allowInsecureSignalling } = options;
    const { limits, sdpLimits, srtp, isAsymmetric } = options;
    const homes = new AddressRanges(options.homes);
    const terminated = srtp === 'off' ? {} : { srtp: 'terminate' as const };
    const server = createDistributionServer({
      latchkey: {
        ...{ policy, allowInsecureSignalling, sdpLimits, asymmetric: isAsymmetric },
        home: (peer) => homes.has(peer),
        findKey: https?.findKey,
      },
      ...(hasSip(options) && {
        signalling: (latchkey) =>
          latchSip(sip, latchkey, { limits, trustedProxies: options.proxies, ...terminated }),
      }),
      listen: { address, udp, tcp, tls, ws, wss, clientCa, origins: options.origins, ...pemOf(certificate) },
      ...{ advertise, admission, media: options.media, io: options.io, gatherMs: options.gatherMs },
      srtp: srtp === 'require' ? srtp : 'accept',
      rooms: { isPair: () => options.isPairs },
    });
    const { faults, tell } = tellFaults(server);
    printEvents(server, log);
    const listening = await started(server);
    const pem = pemOf(certificate);
    const httpsAt =
      https && pem && (await https.start(server, options, pem, (error) => tell('https', error)));
    const rtspAt = await rtsp.start(server, options, { admission, clientCa }, pem, {
      log,
      onFault: (error) => tell('rtsp', error),
    });
    const watchAt = await watch.start(server, options, pem, {
      log,
      onFault: (error) => tell('watch', error),
    });
    if (allowInsecureSignalling)
      console.error(
        'latchkey: --allow-insecure-signalling: whoever reads the signalling can take over the media',
      );
    if (policy === 'blind')
      console.error(
        'latchkey: --policy blind: whoever sends to a media port first gets the media of a peer without latch, ICE and SRTP',
      );
    log.open('listening', {
      ...addressesOf(listening),
      ...(httpsAt && { https: httpsAt }),
      ...rtspAt,
      ...watchAt,
      advertise: advertise.join(','),
      certificate: certificate?.file,
      policy,
      pid: process.pid,
    });
    const { callOut } = options;
    if (callOut) void server.callOut(callOut.uri.text, callOut.room, { ringMs: callOut.ringMs });
    let now = options;
    const ticker = new Ticker(() =>
      log.print('counters', {
        ...countersLine(server.snapshot(), faults, now.isVerbose),
        ...rtsp.counters,
        ...watch.counters,
      }),
    );
    ticker.set(now);
    onReload = () => {
      const reloaded = reload({ server, https, rtsp }, flags, now);
      if (reloaded.ok) now = reloaded.options;
      else console.error(`latchkey: SIGHUP: all stays as it was: ${reloaded.error}`);
      ticker.set(now);
      log.isVerbose = now.isVerbose;
      log.print('reload', reloaded.ok ? reloaded.told : { error: reloaded.error });
    };
    const { isAsked } = await end.first;
    https?.drain();
    rtsp.drain();
    if (isAsked && now.drainMs > 0) await drain(server, now.drainMs, end.second, log);
    ticker.stop();
    https?.close();
    // Pages keep what they show: how things stood when the end began.
    await watch.close();
    rtsp.close();
    const { calls } = server.snapshot();
    await Promise.race([server.close({ graceMs: GRACE_MS }), end.second.then(() => pause(AT_ONCE_MS))]);
    const { counters } = server;
    const totals = countersLine({ counters, calls }, faults, now.isVerbose);
    log.print('counters', { final: true, ...totals, ...rtsp.counters, ...watch.counters });
    // Lines go out when the turn ends; a long one is lost where the process ends first.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    certificate?.dispose();
  }
}

/** Lets calls go on for so long, unless a second signal comes before; nobody new is let in. */
async function drain(
  server: DistributionServer,
  forMs: number,
  second: Promise<void>,
  log: EventLog,
): Promise<void> {
  log.print('drain', { calls: server.snapshot().calls.length, seconds: forMs / 1000 });
  await Promise.race([server.drain(), pause(forMs), second]);
}

/** Tells the counters at the pace that was asked for. */
class Ticker {
  readonly #tell: () => void;
  #everyMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  set({ isVerbose }: ServeOptions): void {
    const everyMs = COUNTERS_EVERY_MS[isVerbose ? 'verbose' : 'default'];
    if (everyMs === this.#everyMs) return;
    this.stop();
    this.#everyMs = everyMs;
    this.#timer = setInterval(this.#tell, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Prints what the server tells, a line for each event. */
function printEvents(server: DistributionServer, log: EventLog): void {
  const isClosed = (event: LatchEvent) => event.type === 'closed';
  server.on('session', ({ component, remote, room, direction, ...place }) => {
    log.print('session', { ...place, component, remote, room, direction });
  });
  server.on('answered', (call) => log.print('answered', { ...call }));
  server.on('rejected', ({ component, local, remote, status, warning, ...place }) => {
    log.print('rejected', { ...place, component, local, remote, status, warning });
  });
  server.on('ended', (call) => UNSAID.includes(call.reason) && log.print('ended', { ...call }));
  server.on('mismatch', (pair) => log.print('mismatch', { ...pair }));
  server.on('rangeFull', (call) => log.print('rangeFull', { ...call }));
  server.on('callout', (result) => log.print('callout', { ...result }));
  server.on('latch', (event) => {
    // The server has told that itself.
    if (event.type === 'rejected') return;
    log.printEvent(event, isClosed(event) ? streamCounters(server, event) : {});
  });
}

/**
 * Tells of defects on standard error. One met by one caller is not to end the calls of all others: what nobody has caught is
 * told too, and counted here.
 */
function tellFaults(server: DistributionServer): {
  readonly faults: Readonly<Record<string, number>>;
  readonly tell: (where: string, error: unknown) => void;
} {
  const told: Record<string, number> = {};
  const uncaught: Record<string, number> = {};
  const tell = (where: string, error: unknown) => {
    told[where] = (told[where] ?? 0) + 1;
    if (told[where] <= FAULTS_TOLD) console.error(`latchkey: a fault of ours (${where}):`, error);
  };
  server.on('fault', ({ kind, where, error }) => kind === 'defect' && tell(where, error));
  for (const name of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(name, (error: unknown) => {
      uncaught['uncaught'] = (uncaught['uncaught'] ?? 0) + 1;
      tell('uncaught', error);
    });
  return { faults: uncaught, tell };
}

/** Throws a Failure naming the port that cannot be had. */
async function started(server: DistributionServer): Promise<Listening> {
  try {
    return await server.start();
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code !== 'LATCHKEY_LISTEN') throw error;
    // The server's own option has the name of ours.
    throw new Failure(error.message.replace(/^media /, '--media '));
  }
}

function addressesOf({ sip, media, address, other }: Listening): Record<string, unknown> {
  const ofSip = Object.entries(sip).map(([protocol, at]) => [protocol.toLowerCase(), at]);
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    ...Object.fromEntries(ofSip),
    media: `${host}:${media}`,
    ...(other && { other: addressesOf(other) }),
  } as Record<string, unknown>;
}

async function certificateFor(options: ServeOptions): Promise<Certificate | undefined> {
  if (options.cert !== undefined && options.key !== undefined)
    return readCertificate(options.cert, options.key);
  const isAbroad = options.watch !== undefined && !isLoopback(options.watch.address);
  const { tls, wss, https, rtsps } = options;
  if ([tls, wss, https, rtsps].every((port) => port === 0) && !isAbroad) return undefined;
  return createCertificate([...new Set([...options.advertise, ...options.listen])]);
}

function hasSip({ udp, tcp, tls, ws, wss }: ServeOptions): boolean {
  return [udp, tcp, tls, ws, wss].some((port) => port !== 0);
}

function pemOf(certificate: Certificate | undefined) {
  return certificate && { cert: certificate.cert, key: certificate.key };
}

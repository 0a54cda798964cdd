// `latchkey serve`: the distribution server, ready to run. Puts the parts together, prints what happens, and ends every
// call before it ends itself. What each part refuses stands in its own file.
import { createRequire } from 'node:module';
import type { Command } from 'commander';
import type { SipMessage } from '../sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { EndedCall, SipPackage } from '../../plugins/sip/index.js';
import { createLatchkey } from '../index.js';
import type { LatchEventType, Session } from '../index.js';
import { createCertificate, readCertificate } from './certificate.js';
import { CountersReport } from './counters-report.js';
import { EventLog } from './event-log.js';
import type { Fields } from './event-log.js';
import { openMediaSockets } from '../server/media-sockets.js';
import { audioOf, MeetingServer } from '../server/meeting-server.js';
import { Failure } from '../phone/failure.js';
import { withPeers } from '../phone/optional-peer.js';
import { listenOptions } from './listen-options.js';
import { addOptions } from './option-table.js';
import { readServeOptions, SERVE_ROWS } from './serve-options.js';
import type { ServeOptions } from './serve-options.js';

const COUNTERS_EVERY_MS = 5000;
/** How long callers have to confirm the BYE. */
const GRACE_MS = 2000;
/** Of a session: what protects it may be another thing now. */
const PATH_EVENTS: readonly LatchEventType[] = ['verified', 'direct', 'rebound', 'expired'];
/** Calls end for these reasons without anybody's BYE. */
const UNSAID: readonly EndedCall['reason'][] = ['timeout', 'expired', 'silence'];
/** Faults of one kind that are told in full; later ones are only counted. */
const FAULTS_TOLD = 20;

export function registerServe(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'run the distribution server: call sip:NAME@host for the room NAME, sip:echo@host for an echo',
    );
  addOptions(command, Object.values(SERVE_ROWS)).action(async (flags: Record<string, unknown>) =>
    serve(readServeOptions(flags)),
  );
}

async function serve(options: ServeOptions): Promise<void> {
  const sip = await withPeers(() => Promise.resolve(createRequire(import.meta.url)('sip') as SipPackage));
  const room = await withPeers(() => import('../room/index.js'));
  // The package tells of closed flows by console.log: standard output is for our lines alone.
  console.log = console.error;
  const stop = whenToStop(options.durationMs);
  const log = new EventLog(options.json);
  const closers: (() => void)[] = [];
  try {
    const certificate = await certificateFor(options);
    if (certificate) closers.push(() => certificate.dispose());
    const media = await openMediaSockets(options.listen, options.media);
    closers.push(() => media.close());
    const { policy, allowInsecureSignalling } = options;
    const latchkey = createLatchkey({ policy, allowInsecureSignalling });
    const rooms = room.createRooms();
    const report = new CountersReport(latchkey, rooms);
    const latch = latchSip(sip, latchkey);
    const tellFault = (where: string, error: unknown) => {
      const count = report.countFault(where);
      if (count <= FAULTS_TOLD) console.error(`latchkey: a fault of ours (${where}):`, error);
    };
    latch.on('fault', ({ where }) => void report.countFault(where));
    latch.on('session', (session, message) => {
      log.print('session', { ...placeOf(session, message), ...server.placeOf(message) });
    });
    latchkey.on('fault', (error) => tellFault('latch', error));
    latchkey.on('listenerError', (error) => tellFault('listener', error));
    latchkey.on('event', (event) => {
      const { type, session, media: index, component } = event;
      if (PATH_EVENTS.includes(type)) report.notePath(session);
      log.printEvent(event, type === 'closed' ? report.stream(session, index, component) : {});
    });
    latch.on('ended', ({ session, call, reason }) => {
      const roomName = server.calls.get(session)?.roomName;
      if (UNSAID.includes(reason)) log.print('ended', { session: session.id, call, room: roomName, reason });
    });
    const server = new MeetingServer({
      ...{ signalling: latch, room, rooms, media, advertise: options.advertise },
      onRefused: (session, invite, status, warning) => {
        log.print('rejected', { ...placeOf(session, invite), status, warning });
      },
      onAnswered: ({ session, roomName }) => {
        const { id, call, protection } = session;
        if (report.noteAnswer(session)) {
          log.print('answered', { session: id, call, room: roomName, protection });
        }
      },
      onFault: (error) => tellFault('server', error),
    });
    const listening = latch.listen(listenOptions(options, certificate), (arrival) => server.handle(arrival));
    const listeners = await listening.catch((error: unknown) => {
      throw new Failure(error instanceof Error ? error.message : String(error));
    });
    closers.push(() => listeners.close());
    // One defect met by one caller is not to end the calls of all others; it is told, and counted.
    process.on('uncaughtException', (error) => tellFault('uncaught', error));
    process.on('unhandledRejection', (error) => tellFault('uncaught', error));

    if (allowInsecureSignalling)
      console.error(
        'latchkey: --allow-insecure-signalling: whoever reads the signalling can take over the media',
      );
    log.open('listening', {
      ...Object.fromEntries(
        [...listeners.addresses].map(([protocol, { address, port }]) => [
          protocol.toLowerCase(),
          { address, port },
        ]),
      ),
      media: mediaAddress(options.listen, media.ports),
      advertise: options.advertise,
      certificate: certificate?.file,
      policy,
      pid: process.pid,
    });
    if (options.callOut) {
      const { uri, room: name, ringMs } = options.callOut;
      const calling = server.callOut(uri, name, listeners.stackOf(uri.transport), ringMs);
      void calling.then(({ status, reason, session }) => {
        log.print('callout', { uri: uri.text, room: name, status, reason, session: session?.id });
      });
    }
    const ticker = setInterval(() => {
      log.print('counters', { ...report.totals(), sessions: report.sessions() });
    }, COUNTERS_EVERY_MS);
    await stop;
    clearInterval(ticker);
    const sessions = report.sessions();
    await server.close(GRACE_MS);
    latchkey.close();
    log.print('counters', { final: true, ...report.totals(), sessions });
  } finally {
    for (const close of closers.reverse()) close();
  }
}

/** What every event names, before there is a stream that could say it: out of the caller's own description. */
function placeOf({ id, call }: Session, invite: SipMessage): Fields {
  const { media, remote } = audioOf(invite);
  return { session: id, call, media, component: 1, remote };
}

function mediaAddress(listen: string, ports: string): string {
  return `${listen.includes(':') ? `[${listen}]` : listen}:${ports}`;
}

async function certificateFor(options: ServeOptions) {
  if (options.cert !== undefined && options.key !== undefined)
    return readCertificate(options.cert, options.key);
  if (options.tls === 0 && options.wss === 0) return undefined;
  return createCertificate([...new Set([options.advertise, options.listen])]);
}

/** Fulfilled by SIGTERM, SIGINT, SIGHUP, the end of the time, or when nobody reads our output any more. */
function whenToStop(durationMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    // A second signal ends at once: the handler is gone by then.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
    process.stdout.once('error', () => resolve());
    if (durationMs !== undefined) setTimeout(resolve, durationMs);
  });
}

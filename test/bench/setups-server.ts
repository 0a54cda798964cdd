// A distribution server of dist in a process of its own, by SIP over TLS, whose calls the benchmark sets up (setups.ts). Told to be by
// nothing but its start; says where it listens, and on each question what CPU it has used and how long its event loop stood still.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import type * as ServerEntry from '../../lib/server/index.js';
import type * as SipEntry from '../../plugins/sip/index.js';
import { createCertificate } from '../../lib/cli/certificate.js';
import { here } from './checkout.js';
import { SERVER_ADDRESS } from './load.js';

export type SetupsTold =
  | { readonly kind: 'listening'; readonly port: number; readonly cert: string }
  | {
      readonly kind: 'used';
      readonly cpuMs: number;
      /** Since the question before. */
      readonly longestPauseMs: number;
      /** Set up since the start. */
      readonly calls: number;
    }
  | { readonly kind: 'failed'; readonly why: string };

/** How often the event loop is to come round, to see how late it does. */
const PAUSE_STEP_MS = 5;

const load = (path: string): Promise<unknown> =>
  import(pathToFileURL(join(here, 'dist', path, 'index.js')).href);

async function start(): Promise<void> {
  const { createDistributionServer } = (await load('lib/server')) as typeof ServerEntry;
  const { latchSip } = (await load('plugins/sip')) as typeof SipEntry;
  const sip = createRequire(import.meta.url)('sip') as Parameters<typeof latchSip>[0];
  const certificate = await createCertificate([SERVER_ADDRESS]);
  process.once('exit', () => certificate.dispose());
  const { cert, key } = certificate;
  const server = createDistributionServer({
    signalling: (latchkey) => latchSip(sip, latchkey),
    listen: { address: SERVER_ADDRESS, tls: 'auto', cert, key },
    media: { kind: 'shared', port: 'auto' },
  });
  let calls = 0;
  server.on('joined', () => calls++);
  const { sip: at } = await server.start();
  const pauses = monitorEventLoopDelay({ resolution: PAUSE_STEP_MS });
  pauses.enable();
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    tell({
      kind: 'used',
      cpuMs: (user + system) / 1000,
      longestPauseMs: Math.max(0, pauses.max / 1e6 - PAUSE_STEP_MS),
      calls,
    });
    pauses.reset();
  });
  tell({ kind: 'listening', port: at.TLS?.port ?? 0, cert });
}

function tell(message: SetupsTold): void {
  process.send?.(message);
}

process.on('disconnect', () => process.exit(0));
start().catch((error: unknown) => tell({ kind: 'failed', why: String(error) }));

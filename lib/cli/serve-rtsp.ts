// `serve --rtsp` and `--rtsps`: the rooms for players and cameras, for the same users as calls. It makes the plugin's service, and prints what
// that tells.
import { LatchkeyError } from '../index.js';
import type { DistributionServer } from '../server/index.js';
import { formatAddress } from '../wire/index.js';
import { Failure } from '../phone/failure.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp } from '../../plugins/rtsp/index.js';
import type { EventLog, Fields } from './event-log.js';
import type { ServeAdmission } from './serve-admission.js';
import type { Pem } from './serve-https.js';
import type { ServeOptions } from './serve-options.js';

/** Sessions that end so have a fault that somebody may look for. */
const UNSAID: readonly string[] = ['timeout', 'backlog'];

export class ServeRtsp {
  #service: LatchRtsp | undefined;

  /** For the line `counters`. */
  get counters(): Fields {
    return this.#service ? { rtsp: this.#service.counters } : {};
  }

  /** Where it listens, for the line `listening`: nowhere where both ports are 0. Throws a Failure naming the port that cannot be had. */
  async start(
    server: DistributionServer,
    options: Pick<ServeOptions, 'listen' | 'rtsp' | 'rtsps' | 'policy'>,
    { admission, clientCa }: ServeAdmission,
    pem: Pem | undefined,
    tell: { readonly log: EventLog; readonly onFault: (error: unknown) => void },
  ): Promise<Fields> {
    const { listen: address, rtsp, rtsps, policy } = options;
    if (rtsp === 0 && rtsps === 0) return {};
    const secure = rtsps === 0 ? {} : { ...pem, clientCa };
    const service = latchRtsp({
      server,
      listen: { address, rtsp, rtsps, ...secure },
      admission,
      // Who has to speak latch has to speak it here, or to take TCP.
      hasPlainUdp: policy !== 'require',
    });
    this.#service = service;
    printEvents(service, tell.log);
    service.on('fault', tell.onFault);
    try {
      const listening = await service.start();
      const named = Object.entries(listening).filter(([, all]: [string, unknown[]]) => all.length > 0);
      return Object.fromEntries(
        named.map(([name, all]: [string, Parameters<typeof formatAddress>[0][]]) => [
          name,
          all.map(formatAddress).join(','),
        ]),
      );
    } catch (error) {
      if (error instanceof LatchkeyError && error.code === 'LATCHKEY_LISTEN')
        throw new Failure(`--${error.message}`);
      throw error;
    }
  }

  /** Another certificate, other users: those who are connected stay. */
  renew({ admission, clientCa }: ServeAdmission, pem: Pem | undefined): void {
    this.#service?.renew({ ...pem, clientCa, admission });
  }

  drain(): void {
    this.#service?.drain();
  }

  close(): void {
    this.#service?.close();
  }
}

function printEvents(service: LatchRtsp, log: EventLog): void {
  service.on('watching', (event) => log.print('watching', { ...event }));
  service.on('publishing', (event) => log.print('publishing', { ...event }));
  service.on('unreached', (event) => log.print('unreached', { ...event }));
  service.on('ended', (event) => log.print(UNSAID.includes(event.reason) ? 'ended' : 'gone', { ...event }));
}

// `serve --watch`: the page that shows the rooms. It makes the plugin's server, gives its ffmpegs an RTSP of their own to play from,
// prints what both tell, and says once where the page is.
import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { LatchkeyError } from '../index.js';
import { digestHa1, isLoopback } from '../sip/index.js';
import type { SipUser } from '../sip/index.js';
import type { DistributionServer } from '../server/index.js';
import { formatAddress } from '../wire/index.js';
import { Failure } from '../phone/failure.js';
import { latchRtsp } from '../../plugins/rtsp/index.js';
import type { LatchRtsp } from '../../plugins/rtsp/index.js';
import { createWatch } from '../../plugins/watch/index.js';
import type { VideoSource, Watch } from '../../plugins/watch/index.js';
import type { EventLog, Fields } from './event-log.js';
import type { Pem } from './serve-https.js';
import type { ServeOptions } from './serve-options.js';

/** Whoever starts the server may choose the token, and knows the address then: it is not printed. */
export const TOKEN_VARIABLE = 'LATCHKEY_WATCH_TOKEN';
const LOOPBACK = '127.0.0.1';
const REALM = 'latchkey watch';

export class ServeWatch {
  #watch: Watch | undefined;
  #rtsp: LatchRtsp | undefined;
  /** One for each ffmpeg that runs, for its room alone: whoever reads its command line has no more than it. */
  readonly #players = new Map<string, SipUser>();

  /** For the line `counters`. */
  get counters(): Fields {
    return this.#watch ? { watch: this.#watch.counters } : {};
  }

  /**
   * Where it listens, for the line `listening`: nowhere without the option. The token goes to standard error alone: standard output is
   * what logs are made of. Throws a Failure naming what is wrong.
   */
  async start(
    server: DistributionServer,
    { watch: place, advertise }: Pick<ServeOptions, 'watch' | 'advertise'>,
    pem: Pem | undefined,
    tell: { readonly log: EventLog; readonly onFault: (error: unknown) => void },
  ): Promise<Fields> {
    if (!place) return {};
    const { address, port } = place;
    const token = process.env[TOKEN_VARIABLE];
    try {
      const open = await this.#openRtsp(server, tell.onFault);
      const abroad = { ...pem, host: advertise.find((one) => isIPv6(one) === isIPv6(address)) };
      const listen = { address, port: port === 'auto' ? 0 : port, ...(!isLoopback(address) && abroad) };
      const watch = createWatch({ server, listen, token, video: { open } });
      this.#watch = watch;
      watch.on('fault', tell.onFault);
      watch.on('video', ({ id: session, ...video }) => tell.log.print('video', { session, ...video }));
      const at = formatAddress(await watch.start());
      if (token === undefined) console.error(`latchkey: watch the rooms at ${watch.url}`);
      return { watch: at };
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      if (error.code === 'LATCHKEY_LISTEN') throw new Failure(`--${error.message}`);
      throw new Failure(error.message.replace('option "token"', TOKEN_VARIABLE));
    }
  }

  async close(): Promise<void> {
    await this.#watch?.close();
    this.#rtsp?.close();
  }

  /** What `serve --rtsp` gives strangers, on a port of loopback for these ffmpegs and nobody else. */
  async #openRtsp(server: DistributionServer, onFault: (error: unknown) => void) {
    const admission = { users: this.#players, realm: REALM };
    const rtsp = latchRtsp({
      server,
      listen: { address: LOOPBACK, rtsp: 'auto' },
      admission,
      // ffmpeg asks for UDP first, and from this address can prove nothing to ports of media at another.
      hasPlainUdp: false,
    });
    rtsp.on('fault', onFault);
    this.#rtsp = rtsp;
    const { rtsp: [at] = [] } = await rtsp.start();
    return (room: string, id: string): VideoSource | undefined => {
      const isThere = [...server.rooms.legs].some(
        (leg) => leg.room === room && (leg.session ?? leg.call) === id,
      );
      return isThere && at ? this.#sourceOf(formatAddress(at), room, id) : undefined;
    };
  }

  #sourceOf(at: string, room: string, id: string): VideoSource {
    const [name, password] = [random(), random()];
    // Of digests ffmpeg knows this one.
    const algorithm = 'MD5' as const;
    const ha1 = digestHa1(algorithm, name, REALM, password);
    this.#players.set(name, { name, realm: REALM, algorithm, ha1, rooms: new Set([room]) });
    const path = [room, id].map(encodeURIComponent).join('/');
    const url = `rtsp://${name}:${password}@${at}/${path}`;
    return { url, release: () => this.#players.delete(name) };
  }
}

function random(): string {
  return randomBytes(16).toString('hex');
}

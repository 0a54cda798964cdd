// `latchkey serve` as a process of its own: started on free ports, its lines of JSON read. What a line says is the
// server's word; nothing is added to it here.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { randomBytes, randomInt } from 'node:crypto';
import type { Policy } from '../../index.js';
import { Failure } from '../../phone/failure.js';
import { TOKEN_VARIABLE } from '../serve-watch.js';
import { besides } from './part.js';

const LOOPBACK = '127.0.0.1';
const SIPS_PORT = 5061;
/** Below the ports that systems give out by themselves, which the NATs' mappings are made of. */
const MEDIA_LOWEST = 20_000;
const MEDIA_HIGHEST = 32_000;
const ATTEMPTS_MAX = 50;
const START_MS = 15_000;
/** Longer than the server waits for the answers to its BYEs. */
const LEAVE_MS = 3000;

/** One line that the server printed; addresses are `address:port`. */
export interface ServerEvent {
  readonly event: string;
  readonly session?: string;
  readonly call?: string;
  readonly media?: number;
  readonly component?: number;
  readonly local?: string;
  readonly remote?: string;
  readonly signalled?: string;
  readonly mapping?: string;
  readonly nat?: string;
  /** Of `locked`: what told that the caller is there. */
  readonly ground?: string;
  /** Of `listening`: where SIP over TLS is taken. */
  readonly tls?: string;
  /** Of `listening`: the path of the certificate. */
  readonly certificate?: string;
  /** Of `listening`: where the page of the rooms is. */
  readonly watch?: string;
}

export interface MediaRange {
  readonly low: number;
  readonly high: number;
}

/** A block of so many UDP ports that are free now, the first one even. */
export async function findMediaRange(count: number): Promise<MediaRange> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const low = 2 * randomInt(MEDIA_LOWEST / 2, (MEDIA_HIGHEST - count) / 2);
    const range = { low, high: low + count - 1 };
    if (await isFree(range)) return range;
  }
  throw new Failure(`no ${count} free UDP ports in a row from ${MEDIA_LOWEST} to ${MEDIA_HIGHEST}`);
}

async function isFree({ low, high }: MediaRange): Promise<boolean> {
  const ports = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const sockets = ports.map(() => createSocket('udp4'));
  const bound = sockets.map(
    (socket, i) =>
      new Promise<boolean>((resolve) => {
        socket.once('error', () => resolve(false));
        socket.bind({ port: ports[i] ?? 0, address: LOOPBACK, exclusive: true }, () => resolve(true));
      }),
  );
  const answers = await Promise.all(bound);
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  return answers.every(Boolean);
}

function splitAddress(text = ''): { address: string; port: number } {
  const at = text.lastIndexOf(':');
  return { address: text.slice(0, at), port: Number(text.slice(at + 1)) };
}

export class Server {
  readonly events: ServerEvent[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #hasEnded = false;
  /** Ours, so that nobody need print it for us to know it. */
  readonly #token = randomBytes(16).toString('base64url');
  #lastWords = '';

  /** The server on 5061, or on another port where that one is taken; resolves when it listens. Throws a Failure. */
  static async start(media: MediaRange, policy: Policy, isWatched: boolean): Promise<Server> {
    // Nobody else joins a call that nobody watches: it goes through as between two phones.
    const more = isWatched ? ['--watch', 'auto'] : ['--pairs'];
    const usual = new Server(media, policy, ['--tls', String(SIPS_PORT), ...more]);
    if (await usual.#listens()) return usual;
    const other = new Server(media, policy, ['--tls', 'auto', ...more]);
    if (await other.#listens()) return other;
    throw new Failure(`the server did not start: ${other.#lastWords.trim()}`, 1);
  }

  private constructor(
    readonly media: MediaRange,
    policy: Policy,
    more: readonly string[],
  ) {
    const args = ['serve', '--json', '--listen', LOOPBACK, '--udp', '0', '--tcp', '0', ...more];
    args.push('--media', `${media.low}-${media.high}`, '--policy', policy);
    this.#child = fork(besides('../main'), args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, [TOKEN_VARIABLE]: this.#token },
      execArgv: [...process.execArgv, '--import', new URL(`file://${besides('leash')}`).href],
    });
    if (this.#child.stdout) createInterface(this.#child.stdout).on('line', (line) => this.#handleLine(line));
    this.#child.stderr?.on('data', (text: Buffer) => {
      // Before it listens they are the reason why it does not; after that, a defect that is to be seen.
      if (this.#listening) process.stderr.write(text);
      else this.#lastWords = text.toString();
    });
    this.#child.once('error', (error) => (this.#lastWords = error.message));
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.#hasEnded = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** Where it takes SIP over TLS. */
  get address(): string {
    return splitAddress(this.#listening?.tls).address;
  }

  get port(): number {
    return splitAddress(this.#listening?.tls).port;
  }

  /** The page that shows its rooms; undefined where it serves none. */
  get watchUrl(): string | undefined {
    const at = this.#listening?.watch;
    return at === undefined ? undefined : `http://${at}/#token=${this.#token}`;
  }

  /** The path of its certificate, for callers to trust. */
  get certificate(): string {
    return String(this.#listening?.certificate ?? '');
  }

  /** The first event that fits, past or to come within `timeoutMs`. */
  async find(fits: (event: ServerEvent) => boolean, timeoutMs: number): Promise<ServerEvent | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.events.find(fits);
      const leftMs = deadline - performance.now();
      if (found || this.#hasEnded || leftMs <= 0) return found;
      await this.#next(leftMs);
    }
  }

  /** Asks the server to end, as Ctrl-C does; it hangs up all calls. One that does not end is ended. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  get #listening() {
    return this.events.find(({ event }) => event === 'listening');
  }

  async #listens(): Promise<boolean> {
    return (await this.find(({ event }) => event === 'listening', START_MS)) !== undefined;
  }

  #handleLine(line: string): void {
    try {
      this.events.push(JSON.parse(line) as ServerEvent);
    } catch {
      this.#lastWords = line;
    }
    this.#wake();
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#watchers.add(done);
    });
  }
}

// Phones on the real sip.js for the tests of plugins/sip-js: a user agent in this process that talks and listens, and the
// program of docs/examples as a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Inviter, Registerer, URI, UserAgent, Web } from 'sip.js';
import type { Session, SessionInviteOptions, UserAgentOptions } from 'sip.js';
import { WebSocket } from 'ws';
import { createLatchkey } from '../../lib/index.js';
import {
  createRtpSessionDescriptionHandlerFactory,
  createTransportConstructor,
  hideSecrets,
} from '../../plugins/sip-js/index.js';
import type { NodeTransportOptions, RtpMedia, RtpOptions } from '../../plugins/sip-js/index.js';
import { root } from '../docs/repository.js';

/** Resolves when it holds; fails where nothing but a defect can be the reason. */
export async function eventually(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${String(isTrue)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class WebPhone {
  readonly latchkey = createLatchkey();
  readonly userAgent: UserAgent;
  /** All that sip.js logs. */
  readonly log: string[] = [];
  readonly #packet = Buffer.concat([Buffer.from('8000', 'hex'), randomBytes(10), Buffer.alloc(160, 0xff)]);
  readonly #heard = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  /** How often the latch session was told that the dialog is confirmed. */
  confirmed = 0;
  media: RtpMedia | undefined;
  session: Session | undefined;

  constructor(
    server: string,
    options: NodeTransportOptions = {},
    more: UserAgentOptions = {},
    rtp: Partial<RtpOptions> = {},
  ) {
    this.userAgent = new UserAgent({
      uri: new URI('sip', 'web', 'phone.invalid'),
      transportConstructor: createTransportConstructor(Web.Transport, WebSocket, options),
      transportOptions: { server },
      sessionDescriptionHandlerFactory: createRtpSessionDescriptionHandlerFactory({
        latchkey: this.latchkey,
        address: '127.0.0.1',
        ...rtp,
        onMedia: (media, session) => {
          this.media = media;
          this.session = session;
          const confirm = media.latch.confirm.bind(media.latch);
          media.latch.confirm = () => {
            this.confirmed++;
            confirm();
          };
          media.on('packet', (bytes) => this.#hear(bytes));
        },
      }),
      delegate: { onInvite: (invitation) => void invitation.accept().catch(() => undefined) },
      logBuiltinEnabled: false,
      logConnector: (...args) => this.log.push(args.join(' ')),
      ...more,
    });
    hideSecrets(this.userAgent);
    this.#timer = setInterval(() => this.#talk(), 20);
  }

  get ssrc(): number {
    return this.#packet.readUInt32BE(8);
  }

  /** RTP packets heard, of this SSRC: of our own unless told, which an echo sends back. */
  heard(ssrc = this.ssrc): number {
    return this.#heard.get(ssrc) ?? 0;
  }

  /** Calls, and waits until it hears itself in that room, or somebody told. */
  async call(uri: string, ssrc?: number): Promise<void> {
    const target = UserAgent.makeURI(uri);
    if (!target) throw new Error(`${uri} is no URI`);
    await this.userAgent.start();
    const inviter = new Inviter(this.userAgent, target);
    await inviter.invite();
    await eventually(() => this.heard(ssrc) > 0);
  }

  async register(): Promise<void> {
    await this.userAgent.start();
    await new Registerer(this.userAgent).register();
  }

  /** A re-INVITE; resolves with the status of its final response. */
  async reinvite(options: SessionInviteOptions = {}): Promise<number> {
    const { session } = this;
    if (!session) throw new Error('there is no call');
    return new Promise((resolve, reject) => {
      const settle = ({ message }: { message: { statusCode?: number | undefined } }) =>
        resolve(message.statusCode ?? 0);
      const requestDelegate = { onAccept: settle, onReject: settle };
      session
        .invite({ sessionDescriptionHandlerModifiers: [], ...options, requestDelegate })
        .catch((error: unknown) => reject(error instanceof Error ? error : new Error(String(error))));
    });
  }

  hold(isHeld: boolean): Promise<number> {
    return this.reinvite({ sessionDescriptionHandlerOptions: { hold: isHeld } as object });
  }

  /** As when the network goes away: no closing handshake. */
  drop(): void {
    (this.userAgent.transport as unknown as { ws: WebSocket }).ws.terminate();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.userAgent.stop().catch(() => undefined);
    this.latchkey.close();
  }

  #talk(): void {
    this.#packet.writeUInt16BE((this.#packet.readUInt16BE(2) + 1) % 2 ** 16, 2);
    this.#packet.writeUInt32BE((this.#packet.readUInt32BE(4) + 160) % 2 ** 32, 4);
    this.media?.send(this.#packet);
  }

  #hear(bytes: Buffer): void {
    if (((bytes[1] ?? 0) & 0x7f) !== 0) return;
    const ssrc = bytes.readUInt32BE(8);
    this.#heard.set(ssrc, (this.#heard.get(ssrc) ?? 0) + 1);
  }
}

/** docs/examples/sip-js.ts, as its first lines say it is run. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  output = '';

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, ['--import=tsx', 'docs/examples/sip-js.ts', ...args], {
      cwd: root,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.#ended = once(this.#child, 'close');
  }

  /** Its SSRC, when it has called or registered. */
  async ssrc(): Promise<number> {
    const pattern = /^(?:called|registered) with SSRC (\d+)$/m;
    await eventually(() => pattern.test(this.output) || this.#child.exitCode !== null);
    const ssrc = pattern.exec(this.output)?.[1];
    if (ssrc === undefined) throw new Error(this.output);
    return Number(ssrc);
  }

  /** Waits until it has heard them all. */
  async hears(...ssrcs: number[]): Promise<void> {
    const has = () => {
      const last =
        this.output
          .match(/^hears.*$/gm)
          ?.at(-1)
          ?.split(' ') ?? [];
      return ssrcs.every((ssrc) => last.includes(String(ssrc)));
    };
    await eventually(has);
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.#child.exitCode;
  }
}

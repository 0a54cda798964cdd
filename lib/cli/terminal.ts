// A client terminal: calls a room, proves its address, plays and listens, moves when its own address changes, hangs up and
// tells what it saw. No arguments, no printing, no exit codes: `call`, `doctor` and the demonstration put those around it.
import type { Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { playTone } from '../capture/index.js';
import type { MediaPacket } from '../capture/index.js';
import { natBetween } from '../core/events.js';
import { createLatchkey } from '../index.js';
import type { Latchkey, MediaPort, NatChange, Policy, Session, StreamStatus } from '../index.js';
import { acceptAnswer, createOffer } from '../room/offer.js';
import { answerOffer } from '../room/answer.js';
import type { Format } from '../room/formats.js';
import { formatAddress, isSameAddress, parseSdp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import { AddressWatch } from './address-watch.js';
import { CallMedia } from './call-media.js';
import type { CallUri } from './call-uri.js';
import { Failure } from './failure.js';
import { bindSocket, resolveHost, routedAddress } from './local-address.js';
import type { Recorder } from './recorder.js';
import { openSignalling } from './signalling-client.js';
import type { SignallingClient } from './signalling-client.js';
import type { StreamSummary } from './stream-stats.js';

export interface TerminalOptions {
  /** Where to call, with a user. */
  readonly uri: CallUri;
  /** PEM of the authorities to trust, in place of the system's. */
  readonly ca?: string | undefined;
  /** The server's certificate is not verified. */
  readonly isInsecure?: boolean | undefined;
  /** The IPv4 address for signalling and media; by default the one that the system reaches the server from. */
  readonly listen?: string | undefined;
  /** What is played, over and over; a tone by default. */
  readonly media?: readonly MediaPacket[] | undefined;
  readonly recorder?: Recorder | undefined;
  /** From the answer to hanging up; without it the call lasts until `hangUp()` or the other side's BYE. */
  readonly durationMs?: number | undefined;
  readonly policy?: Policy | undefined;
  /** Asks the server for a proof too, by latch or by ICE: media goes to an address that has proved itself. */
  readonly isVerifier?: boolean | undefined;
  /** Makes the media sockets, unbound: for a simulated network. The address is then not watched. */
  readonly createSocket?: (() => Socket) | undefined;
  /** The media address that the SDP says, where it is not the socket's. */
  readonly signalled?: { readonly address: string; readonly port?: number } | undefined;
}

/** Addresses are `address:port`; null where nothing is known. */
export interface CallSummary {
  /** RTP packets. */
  readonly sent: number;
  readonly received: number;
  readonly signalled: string | null;
  /** Where the server sees us, by its last welcome. */
  readonly mapping: string | null;
  /** Between `signalled` and `mapping`. */
  readonly nat: NatChange | null;
  /** A challenge of the server's was answered, or a check that ICE makes. */
  readonly verified: boolean;
  readonly streams: readonly StreamSummary[];
  readonly dropped: Readonly<Record<string, number>>;
}

/** What protects the call, for the doctor. */
export interface CallProtection {
  readonly signalling: 'encrypted' | 'loopback' | 'clear';
  readonly kind: Session['protection'];
  /** Of the server's answer; undefined where it has no latch. */
  readonly suite: string | undefined;
  readonly media: TransportAddress | undefined;
}

export interface TerminalEvents {
  progress: [status: number, reason: string];
  answered: [protection: CallProtection];
  /** A challenge of the server's was answered for the first time. */
  verified: [];
  /** The server sees us somewhere new. */
  mapped: [mapping: TransportAddress];
  /** The media goes from another local address now. */
  moved: [local: TransportAddress];
  /** An RTP packet arrived from where media may come from. */
  rtp: [bytes: Uint8Array];
  /** An RTP packet of ours went out. */
  sent: [bytes: Uint8Array];
  warning: [text: string];
  /** The call is over; by a Failure where it never came about. */
  ended: [by: 'us' | 'server' | 'failure'];
}

/** What is on its way when we stop talking may still arrive. */
const LINGER_MS = 100;

/** Made by `startTerminal`. */
export class Terminal extends EventEmitter<TerminalEvents> {
  /** Resolves when the call is up; rejects with a Failure that says why there is none. */
  readonly answered: Promise<CallProtection>;
  /** Resolves when all is over, however that came. Never rejects. */
  readonly ended: Promise<CallSummary>;
  readonly #options: TerminalOptions;
  readonly #latchkey: Latchkey;
  readonly #media: CallMedia;
  readonly #sessionId = String(Date.now());
  #version = 1;
  #opening: Promise<unknown> | undefined;
  #client: SignallingClient | undefined;
  #session: Session | undefined;
  #socket: Socket | undefined;
  #port: MediaPort | undefined;
  #signalled: TransportAddress | undefined;
  #mapping: TransportAddress | undefined;
  #isVerified = false;
  #isUp = false;
  #preference: readonly Format[];
  #watch: AddressWatch | undefined;
  #duration: NodeJS.Timeout | undefined;
  #ending: Promise<CallSummary> | undefined;
  #summary: CallSummary | undefined;
  #resolveEnded: (summary: CallSummary) => void = () => undefined;

  /** Made by `startTerminal`, not by hand. */
  constructor(options: TerminalOptions) {
    super();
    this.#options = options;
    const { media = playTone(2), policy, isVerifier } = options;
    // Its media would go to the server's address in any case.
    const directTarget = isVerifier ? { directTarget: () => true } : {};
    this.#latchkey = createLatchkey({ ...(policy && { policy }), ...directTarget });
    this.#media = new CallMedia({
      packets: media,
      recorder: options.recorder,
      remote: () => this.#rtpStatus?.signalled,
      onRtp: (bytes) => this.emit('rtp', bytes),
      onSent: (bytes) => this.emit('sent', bytes),
      onWarning: (text) => this.#warn(text),
    });
    this.#preference = [this.#media.format];
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.answered = this.#call();
    this.answered.catch(() => this.#end('failure'));
  }

  /** The session below, for its events and counters; undefined until the sockets are open. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** What is known by now; what was known at the end once that has come. */
  get summary(): CallSummary {
    return this.#summary ?? this.#takeSummary();
  }

  /** The SSRC of what is played. */
  get ssrc(): number {
    return this.#media.player.ssrc;
  }

  /** Ends the call, and resolves with its summary. */
  hangUp(): Promise<CallSummary> {
    return this.#end('us');
  }

  /** Stops and goes on playing, as with a muted microphone; keepalives go on. */
  mute(isMuted: boolean): void {
    this.#media.mute(isMuted);
  }

  /** Moves the media to a new socket, on this address or the one it has: as a phone that changes networks does. */
  async move(address?: string): Promise<void> {
    const port = this.#port;
    const before = this.#socket;
    if (!port || !before || this.#ending) return;
    const socket = await this.#openSocket(address ?? this.#watch?.local ?? before.address().address);
    if (port.isClosed) return void socket.close();
    this.#mapping = undefined;
    this.#socket = socket;
    port.rebind(socket);
    socket.on('message', this.#onDatagram);
    before.off('message', this.#onDatagram).close();
    this.emit('moved', port.local);
  }

  async #call(): Promise<CallProtection> {
    const { uri, signalled } = this.#options;
    const opening = this.#open();
    this.#opening = opening;
    const { client, socket, local, server } = await opening;
    this.#checkGoingOn();

    const session = (this.#session = client.session);
    const port = (this.#port = session.bind(socket));
    this.#media.attach(port);
    // After the port's own listener: what the session says then is news of this datagram.
    socket.on('message', this.#onDatagram);
    this.#signalled = { ...port.local, ...signalled };
    client.on('progress', (status, reason) => this.emit('progress', status, reason));
    client.on('bye', () => void this.#end('server'));

    const offer = createOffer({ ...this.#description, preference: this.#preference });
    const answer = await client.invite(offer, (theirs) => this.#redescribe(theirs, offer));
    this.#checkGoingOn();
    const accepted = acceptAnswer(offer, answer);
    if (!accepted.ok) {
      await client.hangUp();
      throw new Failure(`${uri.host}:${uri.port}: its answer cannot be taken: ${accepted.warning}`, 1);
    }
    this.#isUp = true;
    const protection = this.#protection(client, answer);
    this.emit('answered', protection);
    this.#preference = accepted.stream.accepts;
    this.#media.negotiate(accepted.stream);
    this.#watchAddress(local, { address: server, port: uri.port });
    const { durationMs } = this.#options;
    if (durationMs !== undefined) this.#duration = setTimeout(() => void this.#end('us'), durationMs);
    this.#noteProgress();
    return protection;
  }

  /** The sockets of media and signalling. */
  async #open() {
    const { uri, ca, isInsecure, policy, listen, isVerifier } = this.#options;
    const role = isVerifier ? 'verifier' : 'prover';
    const server = await resolveHost(uri.host);
    const local = listen ?? (await routedAddress(server, uri.port));
    if (local === undefined) throw new Failure(`${uri.host}:${uri.port}: there is no way to that network`, 1);
    const socket = (this.#socket = await this.#openSocket(local));
    const [client] = await Promise.all([
      openSignalling({ latchkey: this.#latchkey, uri, local, ca, isInsecure, policy, role }),
      this.#media.prepare(),
    ]);
    this.#client = client;
    return { client, socket, local, server };
  }

  /** A simulated network has no addresses that the system could tell of. */
  #watchAddress(local: string, server: TransportAddress): void {
    const { createSocket, listen } = this.#options;
    if (createSocket) return;
    this.#watch = new AddressWatch(local, listen === undefined ? server : undefined);
    this.#watch.start((address) => void this.move(address).catch((error: unknown) => this.#warn(error)));
  }

  get #description() {
    const { address, port: rtpPort } = this.#signalled ?? { address: '0.0.0.0', port: 9 };
    return { address, rtpPort, rtcpMux: true, sessionId: this.#sessionId, sessionVersion: this.#version };
  }

  async #openSocket(address: string): Promise<Socket> {
    return bindSocket(address, this.#options.createSocket?.());
  }

  /** A new offer of the server's: the same socket, its directions and formats. Without one, ours is repeated. */
  #redescribe(theirs: string | undefined, ours: string): { sdp: string } | { warning: string } {
    if (theirs === undefined) return { sdp: ours };
    this.#version++;
    const answer = answerOffer(theirs, { ...this.#description, preference: this.#preference });
    if (!answer.ok) return { warning: answer.warning };
    this.#media.negotiate(answer.stream);
    return { sdp: answer.sdp };
  }

  #protection(client: SignallingClient, answer: string): CallProtection {
    const parsed = parseSdp(answer);
    const suite = parsed.ok ? (parsed.value.media[0]?.latch ?? parsed.value.latch)?.suite : undefined;
    const { protection: kind, streams } = client.session;
    return { signalling: client.signalling, kind, suite, media: streams[0]?.signalled };
  }

  get #rtpStatus(): StreamStatus | undefined {
    return this.#session?.streams.find(({ media, component }) => media === 0 && component === 1);
  }

  /** Only messages of STUN's look can have changed what the server knows of us (RFC 7983). */
  readonly #onDatagram = (bytes: Buffer): void => {
    if ((bytes[0] ?? 4) < 4) this.#noteProgress();
  };

  #noteProgress(): void {
    const { protection, hasProven = false, seenAs, serverSeenAs, counters } = this.#rtpStatus ?? {};
    // With ICE its checks take the place of challenges, and the answers to ours that of welcomes.
    const isChecked = protection === 'ice' && counters !== undefined && counters.welcomes > 0;
    if ((hasProven || isChecked) && !this.#isVerified) {
      this.#isVerified = true;
      this.emit('verified');
    }
    const mapping = protection === 'ice' ? serverSeenAs : seenAs;
    if (!mapping || (this.#mapping && isSameAddress(this.#mapping, mapping))) return;
    this.#mapping = mapping;
    this.emit('mapped', mapping);
  }

  #takeSummary(): CallSummary {
    const [signalled, mapping] = [this.#signalled, this.#mapping];
    return {
      sent: this.#media.player.sent,
      received: this.#media.received,
      signalled: signalled ? formatAddress(signalled) : null,
      mapping: mapping ? formatAddress(mapping) : null,
      nat: signalled && mapping ? natBetween(signalled, mapping) : null,
      verified: this.#isVerified,
      streams: this.#media.streams,
      dropped: { ...(this.#session?.counters ?? this.#latchkey.counters).dropped },
    };
  }

  #end(by: 'us' | 'server' | 'failure'): Promise<CallSummary> {
    this.#ending ??= this.#shutDown(by);
    return this.#ending;
  }

  async #shutDown(by: 'us' | 'server' | 'failure'): Promise<CallSummary> {
    // What is being opened must be there to be closed.
    await this.#opening?.catch(() => undefined);
    clearTimeout(this.#duration);
    this.#watch?.stop();
    this.#media.hush();
    if (by === 'us' && this.#isUp) {
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      this.#media.leave();
    }
    // Before the session closes, which forgets; and before anything else can arrive.
    const summary = (this.#summary = this.#takeSummary());
    this.#media.close();
    if (by === 'us') await this.#client?.hangUp();
    // The answer to a BYE is written when its listeners have run: not before that may the sockets close.
    else await new Promise((resolve) => setImmediate(resolve));
    this.#client?.close();
    this.#latchkey.close();
    this.#socket?.close();
    this.emit('ended', by);
    this.#resolveEnded(summary);
    return summary;
  }

  #checkGoingOn(): void {
    if (this.#ending) throw new Failure('the call was given up before it was answered', 1);
  }

  #warn(what: unknown): void {
    this.emit('warning', what instanceof Error ? what.message : String(what));
  }
}

/** Calls at once. Throws a Failure for media that cannot be played; what the network refuses, `answered` rejects with. */
export function startTerminal(options: TerminalOptions): Terminal {
  return new Terminal(options);
}

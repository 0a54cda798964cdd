// A client terminal: calls a room, proves its address, plays and listens, moves when its own address changes, hangs up and
// tells what it saw. No arguments, no printing, no exit codes: `call`, `doctor` and the demonstration put those around it.
import type { Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { playTone } from '../capture/index.js';
import { natBetween } from '../core/index.js';
import { createLatchkey } from '../index.js';
import type { Latchkey, MediaPort, Session, StreamStatus } from '../index.js';
import { acceptAnswer, createOffer } from '../room/offer.js';
import { answerOffer } from '../room/answer.js';
import type { SrtpUse } from '../room/sections.js';
import type { Format } from '../room/formats.js';
import { formatAddress, isSameAddress, parseSdp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import { AddressWatch } from './address-watch.js';
import { CallMedia } from './call-media.js';
import { Failure } from './failure.js';
import { bindSocket, resolveHost, routedAddress } from './local-address.js';
import type { SignallingClient } from './signalling-types.js';
import type { CallProtection, CallSummary, TerminalEvents, TerminalOptions } from './terminal-types.js';

export type * from './terminal-types.js';

/** What is on its way when we stop talking may still arrive. */
const LINGER_MS = 100;

/** Calls at once. What the network refuses, `answered` rejects with. */
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
  /** The last description of ours. */
  #offer = '';
  #isHeld = false;
  #watch: AddressWatch | undefined;
  #duration: NodeJS.Timeout | undefined;
  #ending: Promise<CallSummary> | undefined;
  #summary: CallSummary | undefined;
  #resolveEnded: (summary: CallSummary) => void = () => undefined;

  /** Throws a Failure for media that cannot be played. */
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

  /**
   * Holds the call by a re-INVITE, so that nobody speaks, or takes it up again. Resolves when the server has agreed; rejects
   * with a Failure where it has not, and the call is as it was.
   */
  async hold(isHeld: boolean): Promise<void> {
    const client = this.#client;
    if (!client || !this.#isUp || this.#ending || isHeld === this.#isHeld) return;
    this.#version++;
    const offer = withHold(createOffer({ ...this.#description, preference: this.#preference }), isHeld);
    const accepted = acceptAnswer(offer, await client.reoffer(offer), undefined, this.#description.srtp);
    if (!accepted.ok) throw new Failure(`the server's answer cannot be taken: ${accepted.warning}`, 1);
    this.#isHeld = isHeld;
    this.#offer = offer;
    this.#media.negotiate(accepted.stream);
    this.emit('held', isHeld);
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
    const { uri, signalled, namedKey } = this.#options;
    const opening = this.#open();
    this.#opening = opening;
    const { client, socket, local, server } = await opening;
    this.#checkGoingOn();

    const session = (this.#session = client.session);
    if (namedKey) session.addKey(namedKey.kid, namedKey.key);
    const port = (this.#port = session.bind(socket));
    this.#media.attach(port);
    // After the port's own listener: what the session says a turn later is news of this datagram.
    socket.on('message', this.#onDatagram);
    this.#signalled = { ...port.local, ...signalled };
    client.on('progress', (status, reason) => this.emit('progress', status, reason));
    client.on('bye', () => void this.#end('server'));

    if (this.#options.isSrtp && !session.terminatesSrtp)
      throw new Failure('SRTP needs TLS or WSS, or loopback: keys are told over encrypted signalling');
    const offer = (this.#offer = createOffer({ ...this.#description, preference: this.#preference }));
    const answer = await client.invite(offer, (theirs) => this.#redescribe(theirs));
    this.#checkGoingOn();
    const accepted = acceptAnswer(offer, answer, undefined, this.#description.srtp);
    if (!accepted.ok) {
      await client.hangUp();
      throw new Failure(
        `${uri.host}:${uri.port}: its answer cannot be taken: ${accepted.warning}`,
        1,
        'rejected',
      );
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
    const { uri, credentials, ca, isInsecure, policy, listen, isVerifier, openSignalling } = this.#options;
    const role = isVerifier ? 'verifier' : 'prover';
    const server = await resolveHost(uri.host);
    this.emit('resolved', server);
    const local = listen ?? (await routedAddress(server, uri.port));
    if (local === undefined)
      throw new Failure(`${uri.host}:${uri.port}: there is no way to that network`, 1, 'unreachable');
    const socket = (this.#socket = await this.#openSocket(local));
    const [client] = await Promise.all([
      openSignalling({
        ...{ latchkey: this.#latchkey, uri, local, credentials, ca, isInsecure, policy, role },
        ...(this.#options.isSrtp && { srtp: 'terminate' }),
      }),
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
    const srtp: SrtpUse = this.#options.isSrtp ? 'require' : 'off';
    const [sessionId, sessionVersion] = [this.#sessionId, this.#version];
    return { address, rtpPort, rtcpMux: true, sessionId, sessionVersion, srtp };
  }

  async #openSocket(address: string): Promise<Socket> {
    return bindSocket(address, this.#options.createSocket?.());
  }

  /** A new offer of the server's: the same socket, its directions and formats. Without one, ours is repeated. */
  #redescribe(theirs: string | undefined): { sdp: string } | { warning: string } {
    if (theirs === undefined) return { sdp: this.#offer };
    this.#version++;
    const answer = answerOffer(theirs, { ...this.#description, preference: this.#preference });
    if (!answer.ok) return { warning: answer.warning };
    const sdp = withHold(answer.sdp, this.#isHeld);
    if (!this.#isHeld) this.#media.negotiate(answer.stream);
    return { sdp };
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

  /**
   * Only messages of STUN's look can have changed what the server knows of us (RFC 7983). The session takes them when all that came at once is
   * there, and not before.
   */
  readonly #onDatagram = (bytes: Buffer): void => {
    if ((bytes[0] ?? 4) < 4) setImmediate(() => this.#noteProgress());
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

/** A description in which nobody speaks, where the call is held (RFC 3264 section 8.4). */
function withHold(sdp: string, isHeld: boolean): string {
  return isHeld ? sdp.replace(/^a=(?:sendrecv|sendonly|recvonly)(\r?)$/gm, 'a=inactive$1') : sdp;
}

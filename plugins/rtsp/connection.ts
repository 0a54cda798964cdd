// One connection: bytes in through the framer, answers and frames out, and the bounds that a stranger meets. What a request means is the
// dialogue's business.
import type { Socket } from 'node:net';
import { RTSP_LIMITS, RtspFramer, formatReply } from '../../lib/rtsp/index.js';
import type { RtspMessage, RtspReply, RtspRefusal, RtspVerdict } from '../../lib/rtsp/index.js';
import type { FrameSender } from './interleaved-way.js';
import type { RtspServerLimits } from './rtsp-types.js';
import type { Tally } from './tally.js';

/** What the connection is of. */
export interface ConnectionSite {
  readonly limits: RtspServerLimits;
  readonly tally: Tally;
  readonly nowMs: () => number;
}

/** Who takes what comes whole. */
export interface ConnectionListener {
  onRequest(message: RtspMessage): RtspReply | Promise<RtspReply>;
  /** False: nobody has set up this channel. */
  onFrame(channel: number, packet: Buffer): boolean;
  /** Something was heard. */
  onHeard(): void;
  readonly hasSession: boolean;
  onClosed(reason: 'disconnected' | 'backlog'): void;
  onFault(error: unknown): void;
}

/** Requests that a client sends before it has seen the answers: players send two at most. */
const PIPELINED_MAX = 8;
const FRAME_HEAD_BYTES = 4;

export class Connection implements FrameSender {
  readonly socket: Socket;
  readonly #site: ConnectionSite;
  readonly #listener: ConnectionListener;
  readonly #framer: RtspFramer;
  /** Requests are answered one after another (RFC 2326 section 9.1). */
  #answering: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** When what is under way began, or the connection. */
  #sinceMs: number;
  #openedMs: number;
  #isCorked = false;
  #isDropped = false;
  /** Nothing more is answered. */
  #isEnding = false;

  constructor(
    socket: Socket,
    site: ConnectionSite,
    listenerOf: (connection: Connection) => ConnectionListener,
  ) {
    this.socket = socket;
    this.#site = site;
    this.#listener = listenerOf(this);
    this.#openedMs = this.#sinceMs = site.nowMs();
    this.#framer = new RtspFramer(RTSP_LIMITS, {
      onVerdict: (verdict) => this.#onVerdict(verdict),
      onFrame: (channel, packet) => {
        this.#sinceMs = site.nowMs();
        if (!this.#listener.onFrame(channel, packet)) site.tally.strayFrames++;
      },
      onBroken: (refused) => this.#onBroken(refused),
    });
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => this.#onData(data));
    // A connection that breaks is closed next, and that is heard.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#listener.onClosed(this.#isDropped ? 'backlog' : 'disconnected'));
    socket.on('end', () => socket.end());
  }

  sendFrame(channel: number, packet: Uint8Array): boolean {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded || packet.length > 0xffff) return false;
    if (socket.writableLength > this.#site.limits.maxBacklogBytes) {
      this.#isDropped = true;
      this.#site.tally.bounds.backlog++;
      socket.destroy();
      return false;
    }
    const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + packet.length);
    frame[0] = 0x24;
    frame[1] = channel;
    frame.writeUInt16BE(packet.length, 2);
    frame.set(packet, FRAME_HEAD_BYTES);
    this.#cork();
    socket.write(frame);
    return true;
  }

  /** Answers are still read by who reads; then the connection ends. */
  end(): void {
    this.socket.end();
    // Who does not read them is not waited for.
    setTimeout(() => this.socket.destroy(), 2000).unref();
  }

  /** Once a second: is anything under way for too long? */
  sweep(nowMs: number): void {
    const { limits, tally } = this.#site;
    if (this.#framer.isWaiting && nowMs - this.#sinceMs > limits.incompleteMs) {
      tally.bounds.incompleteTime++;
      this.socket.destroy();
    } else if (this.#listener.hasSession) {
      this.#openedMs = nowMs;
    } else if (nowMs - this.#openedMs > limits.idleMs) {
      tally.bounds.idle++;
      this.socket.destroy();
    }
  }

  #onData(data: Buffer): void {
    if (!this.#framer.isWaiting) this.#sinceMs = this.#site.nowMs();
    this.#listener.onHeard();
    this.#framer.push(data);
  }

  #onVerdict(verdict: RtspVerdict): void {
    this.#sinceMs = this.#site.nowMs();
    if (!verdict.ok) {
      // Nothing of who numbers no requests can be answered so that it knows what is meant.
      if (verdict.cseq === undefined) return this.#onBroken(verdict);
      this.#site.tally.countRefused(verdict.reason);
      this.#queue(() => this.#answer(refusalOf(verdict), verdict.cseq));
      return;
    }
    const { message } = verdict;
    // We ask nothing, so an answer means nothing.
    if (message.start.kind === 'response') return;
    this.#queue(async () => this.#answer(await this.#listener.onRequest(message), message.cseq));
  }

  #onBroken(refused: RtspRefusal): void {
    this.#site.tally.countRefused(refused.reason);
    this.#queue(() => {
      this.#answer(refusalOf(refused), refused.cseq);
      this.end();
    });
    this.#isEnding = true;
  }

  #queue(answer: () => void | Promise<void>): void {
    // What came with what ended the connection.
    if (this.socket.destroyed || this.#isEnding) return;
    if (this.#waiting >= PIPELINED_MAX) {
      this.#site.tally.bounds.pipelined++;
      this.socket.destroy();
      return;
    }
    this.#waiting++;
    this.#answering = this.#answering.then(answer).catch((error: unknown) => {
      this.#listener.onFault(error);
      this.socket.destroy();
    });
    void this.#answering.then(() => this.#waiting--);
  }

  #answer(reply: RtspReply, cseq: number | undefined): void {
    this.#site.tally.countAnswer(reply.status);
    if (this.socket.destroyed || this.socket.writableEnded) return;
    this.socket.write(formatReply(reply, cseq), 'latin1');
  }

  /** What is sent in one turn goes to the system in one piece. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.socket.uncork();
    });
  }
}

function refusalOf({ reason }: RtspRefusal): RtspReply {
  if (reason === 'version') return { status: 505 };
  return { status: reason === 'body-size' ? 413 : 400 };
}

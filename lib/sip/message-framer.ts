/**
 * Cuts a byte stream (latin1 strings) into SIP messages (RFC 3261 section 18.3) and has the gate judge each, one whole message at
 * a time. It holds at most one message, looks at each byte once, however the stream is cut, and after an error there is no next message.
 */
import { GateHead, skipLineBreaks } from './gate.js';
import type { GateLimits, GateReason, GateRefusal, GateVerdict } from './gate.js';

export interface FramerListener {
  /** A whole message, and how many bytes it had. What does not pass is left out; the stream goes on. */
  onVerdict(verdict: GateVerdict, sizeBytes: number): void;
  /** Two line breaks between messages: somebody asks whether the connection is there (RFC 5626 3.5.1). */
  onPing?(): void;
  /** Where the message at hand ends cannot be known: nothing that follows will be read. */
  onBroken(refused: GateRefusal, sizeBytes: number): void;
}

const HEAD_END = '\r\n\r\n';

export class MessageFramer {
  readonly #limits: GateLimits;
  readonly #listener: FramerListener;
  /** What came of the part at hand, head or body. */
  #pieces: string[] = [];
  #size = 0;
  /** The last characters of a head so far: its end may lie across two pieces. */
  #tail = '';
  #head: { readonly head: GateHead; readonly sizeBytes: number; readonly bodyBytes: number } | undefined;
  /** Characters of line breaks since the last message, or since the last ping. */
  #breaks = 0;
  #isBroken = false;

  constructor(limits: GateLimits, listener: FramerListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Of the message that is not whole yet. */
  get pendingBytes(): number {
    return this.#size + (this.#head?.sizeBytes ?? 0);
  }

  push(data: string): void {
    let at = 0;
    while (at < data.length && !this.#isBroken) {
      at = this.#head ? this.#takeBody(this.#head.bodyBytes, data, at) : this.#takeHead(data, at);
    }
  }

  #takeHead(data: string, from: number): number {
    let at = from;
    if (this.#size === 0) {
      const breaks = skipLineBreaks(data.slice(at));
      at += breaks;
      this.#breaks += breaks;
      const isPing = this.#breaks >= HEAD_END.length;
      if (isPing || at < data.length) this.#breaks = 0;
      // One answer to any number of them: who asks is not sent more than has come.
      if (isPing) this.#listener.onPing?.();
      if (at === data.length) return at;
    }
    const searched = this.#tail + data.slice(at);
    const end = searched.indexOf(HEAD_END);
    if (end === -1) {
      this.#keep(data.slice(at));
      this.#tail = searched.slice(-(HEAD_END.length - 1));
      if (this.#size > this.#limits.maxHeadBytes) {
        this.#break({ ok: false, reason: 'head-size', answerable: undefined }, this.#size);
      }
      return data.length;
    }
    const next = at + end + HEAD_END.length - this.#tail.length;
    this.#keep(data.slice(at, next));
    const sizeBytes = this.#size;
    const head = new GateHead(this.#join().slice(0, -HEAD_END.length), this.#limits);
    this.#tail = '';
    const bodyBytes = head.bodyBytes ?? 0;
    if (sizeBytes + bodyBytes > this.#limits.maxMessageBytes) {
      this.#breakAt(head, 'message-size', sizeBytes);
    } else if (!head.hasKnownEnd) {
      this.#breakAt(head, 'content-length', sizeBytes);
    } else if (bodyBytes === 0) {
      this.#listener.onVerdict(head.judge('', true), sizeBytes);
    } else {
      this.#head = { head, sizeBytes, bodyBytes };
    }
    return next;
  }

  #takeBody(bodyBytes: number, data: string, at: number): number {
    const next = Math.min(data.length, at + bodyBytes - this.#size);
    this.#keep(data.slice(at, next));
    if (this.#size < bodyBytes || !this.#head) return next;
    const { head, sizeBytes } = this.#head;
    this.#head = undefined;
    this.#listener.onVerdict(head.judge(this.#join(), true), sizeBytes + bodyBytes);
    return next;
  }

  #keep(piece: string): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
  }

  #join(): string {
    const whole = this.#pieces.join('');
    this.#pieces = [];
    this.#size = 0;
    return whole;
  }

  /** For the reason that the head has, or else for this one. */
  #breakAt(head: GateHead, otherwise: GateReason, sizeBytes: number): void {
    this.#break(head.refuse(otherwise), sizeBytes);
  }

  #break(refused: GateRefusal, sizeBytes: number): void {
    this.#isBroken = true;
    this.#pieces = [];
    this.#tail = '';
    this.#listener.onBroken(refused, sizeBytes);
  }
}

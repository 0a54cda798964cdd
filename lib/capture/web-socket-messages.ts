/*
 * The SIP messages in a WebSocket (RFC 7118), put together from its frames. What is no SIP, too large or compressed
 * is passed over.
 */
import { ByteStore } from './byte-store.js';
import { MAX_MESSAGE_BYTES, MORE, NONE, measureStartLine } from './sip-framing.js';
import type { Frame } from './web-socket-frame.js';
import { OPCODE_CONTINUATION, isControl, parseFrame, unmask } from './web-socket-frame.js';

/** No browser sends a frame as large; a length like that is read where no frame begins. */
const MAX_FRAME_BYTES = 1 << 26;

export class WebSocketMessages {
  readonly #onText: (text: Uint8Array) => void;
  readonly #message = new ByteStore();
  /** A message has begun of which more frames will come; `dropped` when nobody wants it. */
  #begun: 'no' | 'kept' | 'dropped' = 'no';
  /** What is left of a frame that nobody wants. */
  #unwanted = 0;
  /** The last message was whole and no SIP. */
  isForeign = false;
  /** As many bytes, from the offset that `read` returned, are needed to go on; 0 when it can go on at once. */
  needed = 0;

  constructor(onText: (text: Uint8Array) => void) {
    this.#onText = onText;
  }

  get heldBytes(): number {
    return this.#message.capacity;
  }

  /** Bytes are missing here. */
  lose(): void {
    this.#message.clear();
    this.#begun = 'no';
    this.#unwanted = 0;
  }

  /** Reads one frame at most. Where to go on, or `NONE` when no frame begins here. */
  read(bytes: Uint8Array, at: number, end: number): number {
    this.needed = 0;
    if (this.#unwanted > 0) {
      const passed = Math.min(this.#unwanted, end - at);
      this.#unwanted -= passed;
      return at + passed;
    }
    const frame = parseFrame(bytes, at, end);
    if (frame === NONE || (frame !== MORE && frame.payloadBytes > MAX_FRAME_BYTES)) return NONE;
    if (frame === MORE) {
      this.needed = end - at + 1;
      return at;
    }
    if (!isControl(frame) && !this.#isWanted(frame)) {
      this.#message.clear();
      this.#begun = frame.isFinal ? 'no' : 'dropped';
      this.#unwanted = frame.payloadBytes;
      return at + frame.headBytes;
    }
    const size = frame.headBytes + frame.payloadBytes;
    if (end - at < size) {
      this.needed = size;
      return at;
    }
    if (!isControl(frame)) this.#take(frame, unmask(bytes, at, frame, frame.payloadBytes));
    return at + size;
  }

  #isWanted(frame: Frame): boolean {
    const isFirst = frame.opcode !== OPCODE_CONTINUATION;
    if (frame.isExtended || (!isFirst && this.#begun !== 'kept')) return false;
    return (isFirst ? 0 : this.#message.size) + frame.payloadBytes <= MAX_MESSAGE_BYTES;
  }

  #take(frame: Frame, payload: Uint8Array): void {
    if (frame.opcode !== OPCODE_CONTINUATION) this.#message.clear();
    if (!frame.isFinal) {
      this.#message.append(payload, 0, payload.length);
      this.#begun = 'kept';
      return;
    }
    if (this.#begun === 'kept' && frame.opcode === OPCODE_CONTINUATION) {
      this.#message.append(payload, 0, payload.length);
      this.#tell(this.#message.bytes.subarray(0, this.#message.size));
    } else this.#tell(payload);
    this.#message.clear();
    this.#begun = 'no';
  }

  #tell(text: Uint8Array): void {
    const isSip = measureStartLine(text, 0, text.length) > 0;
    // Line ends alone keep the connection up (RFC 7118 section 6).
    this.isForeign = !isSip && text.some((byte) => byte !== 0x0d && byte !== 0x0a);
    if (isSip) this.#onText(text);
  }
}

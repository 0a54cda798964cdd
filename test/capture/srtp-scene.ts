// Calls whose SIP shows keys (`a=crypto`), and the packets under them, as somebody would have captured them.
import { srtpSuite } from '../../lib/srtp/index.js';
import type { MasterKey, SrtpSender } from '../../lib/srtp/index.js';
import { formatCrypto } from '../../lib/wire/crypto-attribute.js';
import { sealed, sender } from '../srtp/master-keys.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { CallScene, sdpOf } from './call-scene.js';

export const SUITE_80 = 'AES_CM_128_HMAC_SHA1_80';
export const SUITE_32 = 'AES_CM_128_HMAC_SHA1_32';

/** A key like no other, but the same each time. */
export function keyOf(seed: number, name = SUITE_80): MasterKey {
  const suite = srtpSuite(name)!;
  const bytes = (sizeBytes: number, step: number) =>
    Uint8Array.from({ length: sizeBytes }, (_, at) => seed * 31 + at * step + 7);
  return { suite, key: bytes(suite.keySizeBytes, 5), salt: bytes(suite.saltSizeBytes, 3) };
}

export function bytesOf({ key, salt }: MasterKey): Uint8Array {
  return Uint8Array.from([...key, ...salt]);
}

export function cryptoLine(tag: number, master: MasterKey): string {
  return formatCrypto(tag, master.suite.name, bytesOf(master));
}

/** A description of one SRTP stream. */
export function secureSdp(media: string, ...attributes: readonly string[]): string {
  return sdpOf(media, ...attributes).replace('RTP/AVP', 'RTP/SAVP');
}

export type Way = readonly [source: string, destination: string];

export interface SecureCall {
  /** Whence the INVITE came, and where it went to. */
  readonly way: Way;
  readonly offer: string;
  readonly answer: string;
  readonly sequence?: number;
  readonly callId?: string;
}

interface VoiceOptions {
  readonly ssrc?: number;
  readonly everyMs?: number;
  readonly payload?: (count: number) => Uint8Array;
  readonly payloadType?: number;
  /** All packets of an event have the same. */
  readonly timestamp?: number;
}

export class SrtpScene extends CallScene {
  /** An INVITE, its 200 and its ACK: a re-INVITE where `sequence` is above 1. */
  agree(atMs: number, { way, offer, answer, sequence = 1, callId = 'call' }: SecureCall): this {
    const back = [way[1], way[0]] as const;
    const toTag = sequence > 1 ? 'b' : '';
    const same = { callId, sequence };
    return this.sip(atMs, 'INVITE sip:bob@example.com', { ...same, way, toTag, sdp: offer })
      .sip(atMs + 1, '200 OK', { ...same, way: back, toTag: 'b', sdp: answer })
      .sip(atMs + 2, 'ACK sip:bob@example.com', { ...same, way, toTag: 'b' });
  }

  /** A packet every 20 ms, under the key of `voice`. */
  say(fromMs: number, toMs: number, way: Way, voice: Voice): this {
    for (let nowMs = fromMs; nowMs < toMs; nowMs += voice.everyMs) this.datagram(nowMs, way, voice.rtp());
    return this;
  }
}

/** What one side says, packet after packet under one key. */
export class Voice {
  readonly everyMs: number;
  readonly ssrc: number;
  #count = 0;
  #sender: SrtpSender;
  readonly #options: VoiceOptions;

  constructor(master: MasterKey, options: VoiceOptions = {}) {
    this.#sender = sender(master);
    this.#options = options;
    this.everyMs = options.everyMs ?? 20;
    this.ssrc = options.ssrc ?? 1;
  }

  rtp(): Uint8Array {
    const { payload, payloadType = 0 } = this.#options;
    const count = this.#count++;
    const sequence = 1000 + count;
    const { timestamp = 160 * count } = this.#options;
    const more = payload && { payload: payload(count) };
    return sealed(
      this.#sender.protectRtp(makeRtp({ ssrc: this.ssrc, sequence, timestamp, payloadType, ...more })),
    );
  }

  rtcp(nowMs: number): Uint8Array {
    return sealed(this.#sender.protectRtcp(makeSenderReport(this.ssrc, nowMs, this.#count)));
  }

  /** What follows goes under another key. */
  change(master: MasterKey): void {
    this.#sender = sender(master);
  }
}

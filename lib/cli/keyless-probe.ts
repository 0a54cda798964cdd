// A short call as a phone makes it that has no key at all and sits behind a NAT: its description names one port, and it speaks from another. Is it found
// there? And does the server tell it from a stranger, who sends another stream from another port, before the phone has said anything and
// while it speaks (protocol.md 8.3)? Whom it "attacks" is itself: all packets come from sockets of its own, in its own call.
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { playTone } from '../capture/index.js';
import { formatOf } from '../phone/media-file.js';
import type { Describe } from '../phone/signalling-types.js';
import { answerOffer } from '../room/answer.js';
import { createOffer } from '../room/offer.js';
import { classifyPacket, ipRange, isSameAddress, parseSdp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import { withProbeCall } from './probe-call.js';
import type { CallTerms } from './terminal.js';

/** What a call without a key has shown. */
export interface KeylessProbe {
  /** Media came to the port that the phone spoke from, which no description had named. */
  readonly isFound: boolean;
  /** Media went to the stranger. */
  readonly isStrangerFollowed: boolean;
  /** The server has asked, by an offer of its own, to send to another port (protocol.md 8.3.6). */
  readonly isAsked: boolean;
}

const PACKET_MS = 20;
/** Of the stranger, before the phone speaks: enough for whoever takes the first; three in a row might be a phone that has begun. */
const EARLY_PACKETS = 2;
/** Of the phone alone: time to be found, and to be asked where it sends from. */
const ALONE_PACKETS = 60;
/** Of both. */
const BESIDE_PACKETS = 40;
const LINGER_MS = 200;

/** Calls. Rejects with a Failure where there was no call, and where `signal` gives it up. */
export function probeKeyless(terms: CallTerms, signal: AbortSignal): Promise<KeylessProbe> {
  return withProbeCall(terms, signal, async ({ client, sockets, local }) => {
    const call = new KeylessCall(sockets, local);
    call.noteMedia(await client.invite(call.offer, call.describe));
    await call.speak(signal);
    return call.probe;
  });
}

class KeylessCall {
  readonly offer: string;
  readonly #phone: Socket;
  readonly #stranger: Socket;
  readonly #ssrc = randomInt(2 ** 32);
  readonly #strange = {
    ssrc: randomInt(2 ** 32),
    sequence: randomInt(2 ** 16),
    timestamp: randomInt(2 ** 32),
  };
  readonly #media = playTone(((EARLY_PACKETS + ALONE_PACKETS + BESIDE_PACKETS) * PACKET_MS) / 1000);
  readonly #description;
  #version = 1;
  /** Where the server says that our media is to go; undefined while it says nothing of use. */
  #to: TransportAddress | undefined;
  #isFound = false;
  #isStrangerFollowed = false;
  #isAsked = false;

  constructor([named, phone, stranger]: readonly [Socket, Socket, Socket], address: string) {
    [this.#phone, this.#stranger] = [phone, stranger];
    const rtpPort = named.address().port;
    this.#description = {
      address,
      rtpPort,
      rtcpMux: true,
      ...{ sessionId: String(Date.now()), preference: [formatOf(this.#media)] },
    };
    this.offer = createOffer({ ...this.#description, sessionVersion: this.#version });
    phone.on('message', (bytes) => (this.#isFound ||= classifyPacket(bytes) === 'rtp'));
    stranger.on('message', (bytes) => (this.#isStrangerFollowed ||= classifyPacket(bytes) === 'rtp'));
  }

  get probe(): KeylessProbe {
    return {
      isFound: this.#isFound,
      isStrangerFollowed: this.#isStrangerFollowed,
      isAsked: this.#isAsked,
    };
  }

  /** A phone sends to where the last description says. */
  noteMedia(description: string): void {
    const parsed = parseSdp(description);
    const section = parsed.ok ? parsed.value.media[0] : undefined;
    const isPlace = section && section.port !== 0 && ipRange(section.address).range !== 'unspecified';
    const to = isPlace ? { address: section.address, port: section.port } : undefined;
    if (to && this.#to && !isSameAddress(to, this.#to)) this.#isAsked = true;
    this.#to = to;
  }

  readonly describe: Describe = (theirs) => {
    if (theirs === undefined) return { sdp: this.offer };
    const answer = answerOffer(theirs, { ...this.#description, sessionVersion: ++this.#version });
    if (!answer.ok) return { warning: answer.warning };
    this.noteMedia(theirs);
    return { sdp: answer.sdp };
  };

  /** The stranger says something; then the phone speaks; then both do. */
  async speak(signal: AbortSignal): Promise<void> {
    for (const [count, { bytes }] of this.#media.entries()) {
      if (signal.aborted) return;
      const isEarly = count < EARLY_PACKETS;
      if (isEarly || count >= EARLY_PACKETS + ALONE_PACKETS)
        this.#send(this.#stranger, this.#strangely(bytes));
      if (!isEarly) this.#send(this.#phone, withSsrc(bytes, this.#ssrc));
      await pause(PACKET_MS);
    }
    await pause(LINGER_MS);
  }

  #send(from: Socket, bytes: Uint8Array): void {
    if (this.#to) from.send(bytes, this.#to.port, this.#to.address);
  }

  /** The same in another stream: another SSRC, other numbers. */
  #strangely(bytes: Uint8Array): Uint8Array {
    const { ssrc, sequence, timestamp } = this.#strange;
    const other = withSsrc(bytes, ssrc);
    const view = new DataView(other.buffer);
    view.setUint16(2, (view.getUint16(2) + sequence) & 0xffff);
    view.setUint32(4, (view.getUint32(4) + timestamp) >>> 0);
    return other;
  }
}

function withSsrc(bytes: Uint8Array, ssrc: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint32(8, ssrc);
  return copy;
}

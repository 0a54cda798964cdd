/**
 * A session description handler of sip.js for Node: one audio stream of RTP on UDP sockets of ours. It describes and opens
 * them; what the packets hold is the application's, and the latch attributes are the decorator's.
 */
import { randomInt } from 'node:crypto';
import type {
  BodyAndContentType,
  SessionDescriptionHandler,
  SessionDescriptionHandlerModifier,
  SessionDescriptionHandlerOptions,
} from 'sip.js';
import type { RtpMedia } from './rtp-media.js';
import {
  answerDirection,
  DEFAULT_FORMATS,
  FIRST_LAYOUT,
  readAnswer,
  readOffer,
  writeDescription,
} from './rtp-description.js';
import type { Direction, Layout, LocalMedia, RemoteMedia, RtpFormat } from './rtp-description.js';

export interface RtpHandlerOptions {
  readonly media: RtpMedia;
  readonly address: string;
  readonly formats?: readonly RtpFormat[] | undefined;
  /** The session makes keys for SRTP. */
  readonly makesKeys: boolean;
}

type Modifiers = SessionDescriptionHandlerModifier[];
type Options = SessionDescriptionHandlerOptions & { readonly hold?: boolean };

/** The exchange that is under way. */
type Pending =
  | { readonly offer: 'ours'; readonly direction: Direction; readonly formats: readonly RtpFormat[] }
  | { readonly offer: 'theirs'; readonly remote: RemoteMedia };

export class RtpSessionDescriptionHandler implements SessionDescriptionHandler {
  /** Where the packets of the call go in and come out. */
  readonly media: RtpMedia;
  readonly #address: string;
  readonly #formats: readonly RtpFormat[];
  readonly #makesKeys: boolean;
  /** Of the o= line. Not a secret, but not sip.js's either. */
  readonly #id = String(randomInt(1, 2 ** 47));
  #version = 1;
  #text: string | undefined;
  #layout: Layout = FIRST_LAYOUT;
  /** The numbers in force; ours until there is an agreement. */
  #agreed: readonly RtpFormat[] | undefined;
  #isMuxed = false;
  #pending: Pending | undefined;

  /** Made by the factory, not by hand. */
  constructor({ media, address, formats = DEFAULT_FORMATS, makesKeys }: RtpHandlerOptions) {
    this.media = media;
    this.#address = address;
    this.#formats = formats;
    this.#makesKeys = makesKeys;
  }

  close(): void {
    this.media.close();
  }

  hasDescription(contentType: string): boolean {
    return /^application\/sdp\s*(;|$)/i.test(contentType);
  }

  /** `hold: true` in the options: we go on sending, and want nothing to hear (RFC 3264 section 8.4). */
  async getDescription(options: Options = {}, modifiers: Modifiers = []): Promise<BodyAndContentType> {
    const wanted = options.hold === true ? 'sendonly' : 'sendrecv';
    const made =
      this.#pending?.offer === 'theirs' ? await this.#answer(this.#pending.remote, wanted) : undefined;
    const text = made ?? (await this.#offer(wanted));
    return { body: await modify(text, modifiers), contentType: 'application/sdp' };
  }

  /** Throws where the description has no audio for us. */
  async setDescription(sdp: string, _options?: Options, modifiers: Modifiers = []): Promise<void> {
    const text = await modify(sdp, modifiers);
    const pending = this.#pending;
    if (pending?.offer !== 'ours') {
      const ours = { formats: this.#formats, makesKeys: this.#makesKeys };
      this.#pending = { offer: 'theirs', remote: readOffer(text, ours) };
      return;
    }
    const ours = { formats: pending.formats, makesKeys: this.#makesKeys };
    const remote = readAnswer(text, this.#layout, ours);
    this.#agree(remote, answerDirection(pending.direction, remote.direction));
  }

  rollbackDescription(): Promise<void> {
    this.#pending = undefined;
    return Promise.resolve();
  }

  /** Tones in RTP (RFC 4733) are packets, and those are the application's. */
  sendDtmf(): boolean {
    return false;
  }

  async #offer(direction: Direction): Promise<string> {
    const { sections, audio } = this.#layout;
    const formats = this.#agreed ?? this.#formats;
    await this.media.open(this.#address, audio, !this.#isMuxed);
    this.#pending = { offer: 'ours', direction, formats };
    return this.#write({ direction, formats, isRtcpMux: true }, { sections, audio });
  }

  async #answer(remote: RemoteMedia, wanted: Direction): Promise<string> {
    const direction = answerDirection(wanted, remote.direction);
    const { formats, isRtcpMux, layout } = remote;
    await this.media.open(this.#address, layout.audio, !isRtcpMux);
    const text = this.#write({ direction, formats, isRtcpMux }, layout);
    this.#agree(remote, direction);
    return text;
  }

  #agree({ layout, formats, isRtcpMux }: RemoteMedia, direction: Direction): void {
    this.#pending = undefined;
    this.#layout = layout;
    this.#agreed = formats;
    this.#isMuxed = isRtcpMux;
    if (isRtcpMux) this.media.closeRtcp();
    this.media.settle({ direction, formats });
  }

  /** The version rises when, and only when, the text changes (RFC 3264 section 8). */
  #write(described: Pick<LocalMedia, 'direction' | 'formats' | 'isRtcpMux'>, layout: Layout): string {
    const write = () =>
      writeDescription(
        {
          ...described,
          address: this.#address,
          rtpPort: this.media.local?.port ?? 0,
          rtcpPort: this.media.localRtcp?.port,
          id: this.#id,
          version: this.#version,
        },
        layout,
      );
    let text = write();
    if (this.#text !== undefined && text !== this.#text) {
      this.#version++;
      text = write();
    }
    return (this.#text = text);
  }
}

/** What sip.js calls by the name that browsers gave it; its text is all there is to it here. */
type TextModifier = (description: { sdp?: string }) => Promise<{ sdp?: string }>;

async function modify(text: string, modifiers: Modifiers): Promise<string> {
  let description: { sdp?: string } = { sdp: text };
  for (const modifier of modifiers) description = await (modifier as unknown as TextModifier)(description);
  return description.sdp ?? '';
}

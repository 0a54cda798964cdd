/*
 * Asks the senders of video for a key frame when somebody begins to see them, by PLI or FIR as the sender has
 * negotiated, and not more often than a sender can bear. It waits for no answer: the next packets show it.
 */
import { CompoundPacket, PliPacket, ReceiverReportPacket, SdesChunk, SdesPacket } from 'rtp.js/packets';
import type { Link } from './link.js';
import { CNAME } from './rtcp-goodbye.js';
import { bytesOf } from './rtcp-packet.js';
import type { KeyFrameRequest } from './section-attributes.js';
import type { Source } from './sources.js';

/** A key frame is many times as big as another, so a source gives two a second at most, whoever comes. */
const INTERVAL_MS = 500;

export interface KeyFramesOptions {
  /** The room's own SSRC and name: it asks on its own behalf. */
  readonly ssrc: number;
  readonly cname: string;
  readonly nowMs: () => number;
}

export class KeyFrames {
  readonly #options: KeyFramesOptions;

  constructor(options: KeyFramesOptions) {
    this.#options = options;
  }

  /** Asks now, or leaves the source due: then with a packet of it, once the interval is over. */
  ask(source: Source<Link>): void {
    const { owner, channel } = source;
    const track = owner?.tracks.find(({ stream }) => stream.channel === channel);
    const request = track?.stream.keyFrameRequest;
    source.isKeyFrameDue = request !== undefined && track?.stream.isSending === true;
    if (owner === undefined || request === undefined || !source.isKeyFrameDue) return;
    const nowMs = this.#options.nowMs();
    if (nowMs - source.keyFrameAskedMs < INTERVAL_MS) return;
    source.isKeyFrameDue = false;
    source.keyFrameAskedMs = nowMs;
    owner.sendRtcp(this.#encode(source, request));
  }

  /** A compound that is valid on its own (RFC 3550 section 6.1). */
  #encode(source: Source<Link>, request: KeyFrameRequest): Uint8Array {
    const { ssrc, cname } = this.#options;
    const report = new ReceiverReportPacket();
    report.setSsrc(ssrc);
    const chunk = new SdesChunk();
    chunk.setSsrc(ssrc);
    chunk.addItem(CNAME, cname);
    const names = new SdesPacket();
    names.addChunk(chunk);
    const compound = new CompoundPacket();
    if (request === 'pli') {
      const pli = new PliPacket();
      pli.setSenderSsrc(ssrc);
      pli.setMediaSsrc(source.ssrc);
      compound.setPackets([report, names, pli]);
      return bytesOf(compound);
    }
    compound.setPackets([report, names]);
    const head = bytesOf(compound);
    return Uint8Array.from([...head, ...encodeFir(ssrc, source.ssrc, source.keyFramesAsked++)]);
  }
}

/** RFC 5104 section 4.3.1; rtp.js has no such packet. */
function encodeFir(sender: number, target: number, sequence: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint32(0, 0x84ce0004);
  view.setUint32(4, sender);
  view.setUint32(12, target);
  view.setUint8(16, sequence & 0xff);
  return new Uint8Array(view.buffer);
}

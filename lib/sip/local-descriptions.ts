/**
 * Our descriptions in one dialog, of an application that knows its first ports only: as it writes them, and as the peer is to read them. The
 * last that both sides have agreed on is kept, to be offered again with another port (protocol.md 8.3.6).
 */
import { datagramSocketOf } from '../index.js';
import type { BindableSocket } from '../index.js';
import type { ToldPorts } from './port-question.js';
import { portsIn, rewritePorts, versionAfter } from './port-rewriting.js';
import type { NamedPorts, PortMove } from './port-rewriting.js';

/** As much of an exchange as is read here, and whom to tell: see `OfferAnswer`. */
export interface DescribedExchange {
  /** Who offers; what is neither offer nor answer yet is an offer of ours. */
  readonly offer: 'none' | 'local' | 'remote';
  /** To be called when the peer has answered an offer of ours. */
  onAgreed?: (() => void) | undefined;
}

export class LocalDescriptions {
  /** Of the application, with its own ports. */
  #offered: string | undefined;
  #agreed: string | undefined;
  /** The last that went out, ours included. */
  #sent: string | undefined;
  /** An offer of ours. */
  #own: string | undefined;
  /** By transport, as the application writes them. */
  readonly #first = new Map<number, NamedPorts>();

  /** What goes out in place of this description of the application's. Until there is another port to tell, that very text. */
  toWire(written: string, exchange: DescribedExchange, told: ToldPorts): string {
    // What went out already comes back here as the body of our own re-INVITE.
    if (written === this.#own) return written;
    if (exchange.offer === 'remote') this.#agreed = written;
    else {
      this.#offered = written;
      this.awaitAnswer(exchange);
    }
    return (this.#sent = this.#rewritten(written, told));
  }

  /** The offer counts once the peer has answered it. */
  awaitAnswer(exchange: DescribedExchange): void {
    const offered = this.#offered;
    exchange.onAgreed = () => (this.#agreed = offered);
  }

  /** The same offer has another dialog. */
  inherit(other: LocalDescriptions): void {
    this.#offered = other.#offered;
    this.#sent = other.#sent;
  }

  /** The last description that was agreed on, with these ports and under the next version; undefined where there is none. */
  reoffer(told: ToldPorts): string | undefined {
    if (this.#agreed === undefined) return undefined;
    this.#own = this.#rewritten(this.#agreed, told, true);
    this.#sent = this.#own;
    return this.#own;
  }

  #rewritten(written: string, told: ToldPorts, isOwn = false): string {
    const moves = new Map<number, PortMove>();
    for (const [media, { rtp, rtcp }] of told) {
      const from = this.#first.get(media) ?? portsIn(written, media);
      const port = portOf(rtp);
      if (!from || port === undefined) continue;
      this.#first.set(media, from);
      // Without a socket of its own RTCP stays where it is.
      moves.set(media, { from, to: { rtp: port, rtcp: portOf(rtcp) ?? from.rtcp } });
    }
    const text = rewritePorts(written, moves);
    const isShared = isOwn || this.#own !== undefined || this.#first.size > 0;
    return isShared && this.#sent !== undefined ? versionAfter(text, this.#sent) : text;
  }
}

function portOf(socket: BindableSocket | undefined): number | undefined {
  return socket && datagramSocketOf(socket)?.local?.port;
}

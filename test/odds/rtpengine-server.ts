// rtpengine's heuristic as the lab has measured it (docs/comparison.md), with the SIP source as the address of the SDP and strict
// sources: for 3 s from each description it ranks sources by how far they match, and within a rank the last packet wins; then
// the winner stays, and the others are dropped. A model to set beside the rest, and no copy of its code.
import { isSameAddress } from '../../lib/wire/address.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { makeSdp } from '../support/session-description.js';
import { mediaPortOf } from './media-server.js';
import type { CallHost, MediaServer, ServerCall, ServerHost, ServerKind } from './media-server.js';

const LEARNING_MS = 3000;

/** The lower the better. */
function rankOf(source: TransportAddress, signalled: TransportAddress): number {
  const isAddress = source.address === signalled.address;
  const isPort = source.port === signalled.port;
  if (isAddress) return isPort ? 0 : 1;
  return isPort ? 2 : 3;
}

class RtpengineServer implements MediaServer {
  readonly #host: ServerHost;
  readonly #calls = new Map<number, RtpengineCall>();

  constructor(host: ServerHost) {
    this.#host = host;
  }

  openCall(call: CallHost): ServerCall {
    const opened = new RtpengineCall(this.#host, call, (port) => this.#calls.set(port, opened));
    return opened;
  }

  receive(port: number, bytes: Uint8Array, source: TransportAddress): void {
    this.#calls.get(port)?.receive(bytes, source);
  }
}

class RtpengineCall implements ServerCall {
  readonly #host: ServerHost;
  readonly #call: CallHost;
  readonly #handleBound: (port: number) => void;
  #port: number | undefined;
  #signalled: TransportAddress | undefined;
  #learnt: TransportAddress | undefined;
  #learnsUntilMs = -Infinity;

  constructor(host: ServerHost, call: CallHost, handleBound: (port: number) => void) {
    this.#host = host;
    this.#call = call;
    this.#handleBound = handleBound;
  }

  makeOffer(): string {
    if (this.#port === undefined) this.#handleBound((this.#port = this.#host.range.take()));
    return makeSdp({ address: this.#host.address, media: [{ port: this.#port, isMuxed: true }] });
  }

  makeAnswer(offer: string): string {
    this.takeAnswer(offer);
    return this.makeOffer();
  }

  takeAnswer(answer: string): void {
    this.#signalled = { address: this.#call.home, port: mediaPortOf(answer) };
    this.#learnt = undefined;
    this.#learnsUntilMs = this.#host.clock.nowMs + LEARNING_MS;
  }

  confirm(): void {}

  receive(bytes: Uint8Array, source: TransportAddress): void {
    if (!this.#signalled) return;
    if (this.#host.clock.nowMs < this.#learnsUntilMs || !this.#learnt) this.#learn(source, this.#signalled);
    else if (!isSameAddress(source, this.#learnt)) return;
    this.#call.deliver(bytes);
  }

  send(bytes: Uint8Array): void {
    const destination = this.#learnt ?? this.#signalled;
    if (destination && this.#port !== undefined) this.#host.transmit(this.#port, destination, bytes);
  }

  #learn(source: TransportAddress, signalled: TransportAddress): void {
    if (this.#learnt && isSameAddress(source, this.#learnt)) return;
    if (this.#learnt && rankOf(source, signalled) > rankOf(this.#learnt, signalled)) return;
    this.#learnt = source;
    this.#call.note({ kind: 'locked', remote: source });
  }
}

export const RTPENGINE: ServerKind = {
  name: "rtpengine's heuristic",
  asks: false,
  hasCanaries: false,
  keepsNumbersHome: false,
  create: (host) => new RtpengineServer(host),
};

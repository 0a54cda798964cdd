// A sender that a socket has one object for, as batched ones do: with it is kept where its last datagram went, so that the next one of a call
// costs no look-up. Nobody who is handed the sender sees that.
import { RouteHint } from '../core/index.js';
import type { Component } from '../core/index.js';
import type { Consumer } from './consumer.js';
import type { DatagramSource } from './datagram-socket.js';

export class SourceHint extends RouteHint<Component> {
  /** To whom a socket gave what was accepted for a component, while nobody has come to that socket or gone. */
  socket: object | undefined = undefined;
  version = -1;
  component: Component | undefined = undefined;
  consumer: Consumer | undefined = undefined;

  override clear(): void {
    super.clear();
    this.socket = this.component = this.consumer = undefined;
  }
}

export class KnownSource implements DatagramSource {
  /** Strangers have none. */
  #hint: SourceHint | undefined;

  constructor(
    readonly address: string,
    readonly port: number,
  ) {}

  /** What is kept with it; undefined for a stranger, and for a sender of node:dgram, which is a new object each time. */
  static hintOf(source: DatagramSource): SourceHint | undefined {
    return #hint in source ? source.#hint : undefined;
  }

  /** A datagram of its was for somebody: what the next one needs is kept from now on. */
  static noteTaken(source: DatagramSource): void {
    if (#hint in source) source.#hint ??= new SourceHint();
  }
}

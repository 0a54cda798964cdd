// The one loop that drives the engine: it holds the only timer, feeds what arrives, and after every call drains
// what the engine has to say. It refuses to be broken: no listener and no fault of ours escapes it.
import { performance } from 'node:perf_hooks';
import type { Component, Delivery, Engine, LatchEvent, Port, Transmit } from '../core/index.js';
import type { TransportAddress } from '../wire/index.js';

export interface LoopOutput {
  onTransmit(transmit: Transmit): void;
  /** Hands held payload to whom it is for; what they throw is the implementer's to catch. */
  onDelivery(delivery: Delivery): void;
  /** Hands the event to the application's listeners; what they throw is the implementer's to catch. */
  onEvent(event: LatchEvent): void;
  /** All is given out. */
  onDrained(): void;
  /** An exception of ours. What was being handled is dropped: fail closed. */
  onFault(fault: unknown): void;
}

const FAULT_BACKOFF_MS = 100;

export class Loop {
  /** Rises with whatever may have changed an address of a session: what was looked up before is stale. */
  epoch = 0;
  readonly #output: LoopOutput;
  #timer: NodeJS.Timeout | undefined;
  #armedMs = Infinity;
  /** After a fault no timeout is sooner than this: one that fails every time must not spin. */
  #notBeforeMs = 0;
  #isDraining = false;
  #isStopped = false;
  /** When the datagram came whose listeners are at work; 0: none. What they send is sent at that time: a clock spared. */
  #turnMs = 0;

  constructor(
    readonly engine: Engine,
    output: LoopOutput,
  ) {
    this.#output = output;
  }

  /** Monotonic milliseconds: the only clock that the core is told. */
  nowMs(): number {
    return performance.now();
  }

  /** One datagram in. Gives the component whose application it is for, or undefined: it goes no further. */
  receive(port: Port, bytes: Uint8Array, address: string, remotePort: number): Component | undefined {
    let component: Component | undefined;
    let isQuiet = false;
    const nowMs = performance.now();
    try {
      component = this.engine.handleDatagram(port, bytes, address, remotePort, nowMs);
      isQuiet = component !== undefined && !this.#hasSpoken();
    } catch (fault) {
      component = undefined;
      this.#output.onFault(fault);
    }
    if (!isQuiet) this.drain();
    if (component !== undefined) this.#turnMs = nowMs;
    return component;
  }

  /** To be called when all who listen have had the datagram that `receive` let through. */
  endTurn(): void {
    this.#turnMs = 0;
  }

  /** Where this payload packet goes now; undefined: nowhere, and it is counted. */
  destination(component: Component, bytes: Uint8Array): TransportAddress | undefined {
    let destination: TransportAddress | undefined;
    try {
      destination = component.handleSend(bytes, this.#turnMs || performance.now());
    } catch (fault) {
      this.#output.onFault(fault);
    }
    // No drain: a payload packet on its way out gives the engine nothing to send or to tell, and no timer comes nearer.
    return destination;
  }

  /** Gives out all that the engine has to send and to tell, then sets the timer. A nested call leaves it to the outer one. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      while (this.#hasSpoken());
      this.#output.onDrained();
      const wakeMs = this.engine.pollTimeout();
      // A timer that is too early only costs a look; so a later wish, which every packet makes, re-arms nothing.
      if (wakeMs !== undefined && wakeMs < this.#armedMs) this.#arm(wakeMs);
    } catch (fault) {
      this.#output.onFault(fault);
      this.#backOff();
    } finally {
      this.#isDraining = false;
    }
  }

  /**
   * Gives out one thing, if there is one. An accepted packet mostly leaves none, and then no timer has come nearer
   * either: the look at the timer is spared.
   */
  #hasSpoken(): boolean {
    const transmit = this.engine.pollTransmit();
    if (transmit !== undefined) {
      this.#output.onTransmit(transmit);
      return true;
    }
    const delivery = this.engine.pollDelivery();
    if (delivery !== undefined) {
      this.#output.onDelivery(delivery);
      return true;
    }
    const event = this.engine.pollEvent();
    if (event === undefined) return false;
    this.epoch++;
    this.#output.onEvent(event);
    return true;
  }

  /** No more timeouts. What arrives is still judged, and dropped as the engine says. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #arm(wakeMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#armedMs = Math.max(wakeMs, this.#notBeforeMs);
    // Unref'd: the sockets keep the process alive as long as there is something to keep it for.
    this.#timer = setTimeout(
      this.#onTimer,
      Math.max(0, Math.ceil(this.#armedMs - performance.now())),
    ).unref();
  }

  #backOff(): void {
    this.#notBeforeMs = performance.now() + FAULT_BACKOFF_MS;
    this.#arm(this.#notBeforeMs);
  }

  readonly #onTimer = (): void => {
    this.#armedMs = Infinity;
    try {
      this.engine.handleTimeout(performance.now());
    } catch (fault) {
      this.#output.onFault(fault);
      this.#backOff();
    }
    this.drain();
  };
}

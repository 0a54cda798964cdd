// The one loop that drives the engine: it holds the only timer, feeds what arrives, and after every call drains
// what the engine has to say. It refuses to be broken: no listener and no fault of ours escapes it.
import { performance } from 'node:perf_hooks';
import type { Component, Delivery, Engine, LatchEvent, Port, RouteHint, Transmit } from '../core/index.js';
import type { PacketClass, TransportAddress } from '../wire/index.js';

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

/** A socket that may have kept what it was given to send. */
export interface Flushable {
  /** Sends it. Must not throw. */
  flush(): void;
}

const FAULT_BACKOFF_MS = 100;

export class Loop {
  /** What the packet reads that `receive` has accepted last: undefined where it goes on as it came. To be taken before the next. */
  opened: Uint8Array | undefined;
  /** Rises with whatever may have changed an address of a session: what was looked up before is stale. */
  epoch = 0;
  readonly #output: LoopOutput;
  #timer: NodeJS.Timeout | undefined;
  #armedMs = Infinity;
  /** After a fault no timeout is sooner than this: one that fails every time must not spin. */
  #notBeforeMs = 0;
  #isDraining = false;
  #isStopped = false;
  /** How many turns are open: a listener may bring datagrams in while another turn is on. */
  #openTurns = 0;
  /** When the turn began: all that arrives in it and is sent in it has this time. 0: no turn is on. */
  #turnMs = 0;
  /** Something came in this turn that may have left the engine with something to wait for. */
  #isDrainDue = false;
  readonly #unflushed: Flushable[] = [];

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

  /** The time of the turn that is under way; now, where none is. */
  get turnMs(): number {
    return this.#turnMs || performance.now();
  }

  /** A batch of datagrams begins: one look at the clock for all of them. To be followed by `endTurn`, whatever happens. */
  beginTurn(): void {
    if (this.#openTurns++ === 0) this.#turnMs = performance.now();
  }

  /**
   * One datagram of the turn. Gives the component whose application it is for, or undefined: it goes no further. What the
   * engine had to say before is given out then: an application that is handed a packet knows all that led to it.
   *
   * @param hint Of a source that the socket has one object for.
   */
  receive(
    port: Port,
    bytes: Uint8Array,
    address: string,
    remotePort: number,
    kind: PacketClass,
    hint?: RouteHint<Component>,
  ): Component | undefined {
    try {
      let component = hint && this.engine.handleHinted(port, bytes, hint, this.#turnMs, kind);
      let opened: Uint8Array | undefined;
      if (component === undefined) {
        component = this.engine.handleDatagram(port, bytes, address, remotePort, this.#turnMs, kind);
        if (hint) port.hint(hint, address, remotePort);
      } else if (hint?.judge) opened = this.engine.opened;
      // Payload mostly leaves nothing to say, and then no timer has come nearer either.
      if (component === undefined || this.#speak()) this.#isDrainDue = true;
      // A listener of what was said may have brought another packet in.
      this.opened = opened;
      return component;
    } catch (fault) {
      this.#isDrainDue = true;
      this.#output.onFault(fault);
      return undefined;
    }
  }

  /** All of the batch is handled, and all who listen have had theirs: the rest is given out, and what was sent goes out. */
  endTurn(): void {
    if (--this.#openTurns > 0) return;
    if (this.#isDrainDue) {
      this.#isDrainDue = false;
      this.drain();
    }
    this.#turnMs = 0;
    if (this.#unflushed.length > 0) this.#flush();
  }

  /** This socket has something to send: at the end of the turn, or at once where there is none. */
  flushLater(socket: Flushable): void {
    this.#unflushed.push(socket);
    this.#flush();
  }

  /** The packet as it goes out: with SRTP another array, so that who else sends it has it as it was. Undefined: it cannot, and is counted. */
  payload(component: Component, bytes: Uint8Array): Uint8Array | undefined {
    if (!component.isSealing) return bytes;
    try {
      return component.seal(bytes);
    } catch (fault) {
      this.#output.onFault(fault);
      return undefined;
    }
  }

  /** Where this payload packet goes now; undefined: nowhere, and it is counted. */
  destination(component: Component, bytes: Uint8Array): TransportAddress | undefined {
    let destination: TransportAddress | undefined;
    try {
      destination = component.handleSend(bytes, this.turnMs);
    } catch (fault) {
      this.#output.onFault(fault);
    }
    // No drain: a payload packet on its way out gives the engine nothing to send or to tell, and no timer comes nearer.
    return destination;
  }

  /** Gives out all that the engine has to send and to tell, then sets the timer. A nested call leaves it to the outer one. */
  drain(): void {
    if (this.#isDraining) return;
    try {
      this.#speak();
      this.#output.onDrained();
      const wakeMs = this.engine.pollTimeout();
      // A timer that is too early only costs a look; so a later wish, which every packet makes, re-arms nothing.
      if (wakeMs !== undefined && wakeMs < this.#armedMs) this.#arm(wakeMs);
    } catch (fault) {
      this.#output.onFault(fault);
      this.#backOff();
    }
    this.#flush();
  }

  /** Gives out all that there is; true where there was something. A nested call leaves it to the outer one. */
  #speak(): boolean {
    if (this.#isDraining) return false;
    this.#isDraining = true;
    try {
      let hasSpoken = false;
      while (this.#hasSpoken()) hasSpoken = true;
      return hasSpoken;
    } finally {
      this.#isDraining = false;
    }
  }

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

  #flush(): void {
    const unflushed = this.#unflushed;
    if (unflushed.length === 0 || this.#openTurns > 0 || this.#isDraining) return;
    for (let i = 0; i < unflushed.length; i++) unflushed[i]!.flush();
    // Emptied one by one: to set a length is a call out of compiled code.
    while (unflushed.length > 0) unflushed.pop();
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

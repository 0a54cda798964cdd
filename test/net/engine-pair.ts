// Two engines that talk through memory: no sockets, no timers. The core as somebody uses it who brings his own
// transport: bytes in, bytes out, and time as a number.
import { Engine } from '../../lib/core/index.js';
import type { Component, Crypto, EngineOptions, LatchEvent, Port, Random } from '../../lib/core/index.js';
import { createNodeRandom, nodeCrypto } from '../../lib/net/node-crypto.js';
import type { TransportAddress } from '../../lib/wire/index.js';

/** What makes an engine. */
export interface Build {
  readonly Engine: typeof Engine;
  readonly nodeCrypto: Crypto;
  readonly createNodeRandom: () => Random;
}

const SOURCES: Build = { Engine, nodeCrypto, createNodeRandom };

/** An engine with one port, and what it had to tell. */
export class Side {
  readonly engine: Engine;
  readonly port: Port;
  readonly events: LatchEvent[] = [];

  constructor(
    readonly address: TransportAddress,
    options: Partial<EngineOptions> = {},
    build = SOURCES,
  ) {
    this.engine = new build.Engine(options, build.nodeCrypto, build.createNodeRandom());
    this.port = this.engine.openPort(address);
  }
}

/** Whose datagram comes from where: `source` as the receiver sees it, behind the sender's NAT. */
export interface Route {
  readonly from: Side;
  readonly to: Side;
  readonly source: TransportAddress;
}

export interface Observed {
  /** Called for each datagram in place of `to.engine.handleDatagram`, to measure it. */
  readonly deliver?: (route: Route, bytes: Uint8Array, nowMs: number) => Component | undefined;
}

/** Drains both until neither has anything to say at this time. */
export function converse(routes: readonly Route[], nowMs: number, { deliver = hand }: Observed = {}): void {
  for (let hasSpoken = true; hasSpoken;) {
    hasSpoken = false;
    for (const route of routes) {
      const { engine, events } = route.from;
      for (let transmit = engine.pollTransmit(); transmit; transmit = engine.pollTransmit()) {
        hasSpoken = true;
        deliver(route, transmit.bytes, nowMs);
      }
      for (let event = engine.pollEvent(); event; event = engine.pollEvent()) events.push(event);
    }
  }
}

function hand({ to, source }: Route, bytes: Uint8Array, nowMs: number): Component | undefined {
  return to.engine.handleDatagram(to.port, bytes, source.address, source.port, nowMs);
}

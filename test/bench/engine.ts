// The core by itself: nanoseconds per accepted packet, microseconds per challenge and per cycle of consent, bytes per session. Of the latchkey of
// dist, which is what people run.
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Component, Port, Suite } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { sdpFor } from '../net/call.js';
import { converse, Side } from '../net/engine-pair.js';
import type { Build, Route } from '../net/engine-pair.js';
import { here } from './checkout.js';

const load = (file: string): Promise<unknown> => import(pathToFileURL(join(here, 'dist/lib', file)).href);
const { Engine } = (await load('core/index.js')) as Pick<Build, 'Engine'>;
const { nodeCrypto, createNodeRandom } = (await load('net/node-crypto.js')) as Omit<Build, 'Engine'>;
const BUILT: Build = { Engine, nodeCrypto, createNodeRandom };

interface World {
  readonly server: Side;
  readonly components: Component[];
  readonly routes: Route[];
  /** Spent by the server on the responses that verified, in milliseconds. */
  readonly responsesMs: number;
}

const CLIENT_BASE = { address: '203.0.113.7', port: 10_000 };

/** Sessions on one server port, all verified. */
function verifiedSessions(count: number, suite: Suite): World {
  const server = new Side({ address: '198.51.100.1', port: 5000 }, { suites: [suite] }, BUILT);
  const components: Component[] = [];
  const allRoutes: Route[] = [];
  let responsesMs = 0;
  for (let i = 0; i < count; i++) {
    const client = new Side({ address: '10.0.0.2', port: 4000 }, { suites: [suite] }, BUILT);
    const source = { address: `203.0.${113 + (i >> 14)}.7`, port: CLIENT_BASE.port + (i & 0x3fff) };
    const near = client.engine.createSession({ role: 'prover', signalling: 'encrypted' });
    const far = server.engine.createSession({ role: 'verifier', signalling: 'encrypted' });
    near.component(0, 1).attach(client.port, 0);
    far.component(0, 1).attach(server.port, 0);
    far.setRemote(near.setLocal(sdpFor('10.0.0.2', 4000), 0), 0);
    near.setRemote(far.setLocal(sdpFor('198.51.100.1', 5000), 0), 0);
    const routes: Route[] = [
      { from: client, to: server, source },
      { from: server, to: client, source: server.address },
    ];
    converse(routes, 1, {
      deliver({ to }, bytes, nowMs) {
        const isResponse = to === server && bytes[0] === 0x01 && bytes[1] === 0x01;
        const { address, port } = to === server ? source : server.address;
        const startedMs = cpuMs();
        const component = to.engine.handleDatagram(to.port, bytes, address, port, nowMs);
        if (isResponse) responsesMs += cpuMs() - startedMs;
        return component;
      },
    });
    components.push(far.component(0, 1));
    allRoutes.push(...routes);
  }
  if (components.some(({ mapping }) => !mapping)) throw new Error('a session did not verify');
  return { server, components, routes: allRoutes, responsesMs };
}

/** Of all threads of this process: what else the machine does is not in it. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Nanoseconds that `handleDatagram` takes for an accepted 172-byte RTP packet, among `count` sessions. */
export function nanosecondsPerPacket(count: number): number {
  const { server, components } = verifiedSessions(count, 'HMAC-SHA-256');
  const sources = components.map(({ mapping }) => mapping ?? CLIENT_BASE);
  const ways = sources.map((source) => ({ port: server.port, source, packet: rtpPacket(0), nowMs: 2 }));
  return nanosecondsOf(server, ways);
}

/** Likewise of peers without a key, each found at a port of its own; and with a stranger who sends there too. */
export function nanosecondsPerKeylessPacket(count: number, hasStranger: boolean): number {
  const server = new Side({ address: '198.51.100.1', port: 5000 }, {}, BUILT);
  const ways = Array.from({ length: count }, (_, i) => keylessWay(server, i, hasStranger));
  return nanosecondsOf(server, ways);
}

/** From where packets come, and to which port. */
interface Way {
  readonly port: Port;
  readonly source: TransportAddress;
  readonly packet: Uint8Array;
  readonly nowMs: number;
}

/** A peer whose description announces its SSRC, found by three packets of it. */
function keylessWay({ engine }: Side, i: number, hasStranger: boolean): Way {
  const ssrc = 0x9000_0000 + i;
  const port = engine.openPort({ address: '198.51.100.1', port: 6000 + 2 * i });
  const source = { address: '203.0.113.7', port: CLIENT_BASE.port + i };
  const stranger = { address: '203.0.113.99', port: CLIENT_BASE.port };
  const call = engine.openCall({ call: `keyless ${i}`, signalling: 'encrypted' });
  call.component(0, 1).attach(port, 0);
  const remote = { address: '10.0.0.2', port: 4000 };
  engine.agree(call, 0, { kind: 'evidence', remote, ssrcs: [ssrc], expectsMedia: true }, 0);
  call.confirm(0);
  const packet = rtpPacket(ssrc);
  for (let sequence = 1; sequence <= 3; sequence++) {
    const nowMs = 20 * sequence;
    packet[3] = sequence;
    engine.handleDatagram(port, packet, source.address, source.port, nowMs);
    if (hasStranger) engine.handleDatagram(port, packet.with(11, 99), stranger.address, stranger.port, nowMs);
  }
  return { port, source, packet, nowMs: 80 };
}

function rtpPacket(ssrc: number): Uint8Array {
  const packet = new Uint8Array(172);
  packet[0] = 0x80;
  new DataView(packet.buffer).setUint32(8, ssrc);
  return packet;
}

/** By turns; each packet is the next of its stream. */
function nanosecondsOf({ engine }: Side, ways: readonly Way[]): number {
  const rounds = 300_000;
  let sequence = 3;
  const run = () => {
    const startedMs = cpuMs();
    for (let i = 0; i < rounds; i++) {
      const { port, source, packet, nowMs } = ways[i % ways.length]!;
      if (i % ways.length === 0) sequence++;
      packet[2] = sequence >> 8;
      packet[3] = sequence;
      if (!engine.handleDatagram(port, packet, source.address, source.port, nowMs))
        throw new Error('the packet was not accepted');
    }
    return ((cpuMs() - startedMs) * 1e6) / rounds;
  };
  run();
  return Math.min(run(), run(), run());
}

/** Microseconds that the verifier takes for one response, from bytes to 'verified'. */
export function microsecondsPerChallenge(suite: Suite): number {
  verifiedSessions(200, suite);
  const count = 1000;
  return (verifiedSessions(count, suite).responsesMs * 1000) / count;
}

export interface ConsentCost {
  /** Microseconds of the verifier for one cycle: a challenge made and put out, and its response judged. */
  readonly cycle: number;
  /** Two createHmac over messages of that length, in the same round. */
  readonly twoHmacs: number;
}

/** rule 5.8 of protocol.md: each session is asked every 5 s, 0.8 to 1.2 of that by chance. */
export const CONSENT_INTERVAL_MS = 5000;
/** Of a challenge and of a response, roughly. */
const MESSAGE_BYTES = 100;
/** The longest interval and more: in one step each session is asked once, and a look at the clock of the CPU, which costs some cycles, is for all of them. */
const STEP_MS = 1.3 * CONSENT_INTERVAL_MS;
const STEPS = 5;

/** One cycle of consent, in each of so many rounds. */
export function consentCosts(sessions: number, rounds: number): ConsentCost[] {
  const world = verifiedSessions(sessions, 'HMAC-SHA-256');
  const sources = new Map(world.routes.map((route) => [keyOf(route.source), route] as const));
  let nowMs = 1;
  const round = (): ConsentCost => {
    let spentMs = 0;
    let cycles = 0;
    for (let step = 0; step < STEPS; step++) {
      nowMs += STEP_MS;
      const { spent, count } = consentStep(world.server, sources, nowMs);
      spentMs += spent;
      cycles += count;
    }
    return { cycle: (1000 * spentMs) / cycles, twoHmacs: microsecondsOfTwoHmacs(cycles) };
  };
  round();
  return Array.from({ length: rounds }, round);
}

function keyOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address} ${port}`;
}

/** What is due at one time, its answers included: milliseconds of the server alone. */
function consentStep(
  { engine, port }: Side,
  clients: ReadonlyMap<string, Route>,
  nowMs: number,
): { spent: number; count: number } {
  const asked: { bytes: Uint8Array; route: Route }[] = [];
  let startedMs = cpuMs();
  engine.handleTimeout(nowMs);
  for (let transmit = engine.pollTransmit(); transmit; transmit = engine.pollTransmit()) {
    const route = clients.get(keyOf(transmit.destination));
    if (route) asked.push({ bytes: transmit.bytes, route });
  }
  let spent = cpuMs() - startedMs;
  const answers = asked.flatMap(({ bytes, route: { from, source } }) => {
    from.engine.handleDatagram(from.port, bytes, '198.51.100.1', 5000, nowMs);
    const answer = from.engine.pollTransmit();
    return answer ? [{ bytes: answer.bytes, source }] : [];
  });
  startedMs = cpuMs();
  for (const { bytes, source } of answers)
    engine.handleDatagram(port, bytes, source.address, source.port, nowMs);
  spent += cpuMs() - startedMs;
  return { spent, count: answers.length };
}

function microsecondsOfTwoHmacs(count: number): number {
  const [key, message] = [randomBytes(32), randomBytes(MESSAGE_BYTES)];
  const startedMs = cpuMs();
  for (let i = 0; i < 2 * count; i++) createHmac('sha256', key).update(message).digest();
  return (1000 * (cpuMs() - startedMs)) / count;
}

/** Bytes of heap that a verified session keeps on the server's side; undefined without `--expose-gc`. */
export function bytesPerSession(count: number): number | undefined {
  const { gc } = globalThis;
  if (!gc) return undefined;
  const kept: World[] = [verifiedSessions(count, 'HMAC-SHA-256')];
  dropClients(kept);
  gc();
  const full = heapBytes();
  kept.length = 0;
  gc();
  return (full - heapBytes()) / count;
}

/** No server pays for them. In a function of its own, so that nothing here holds the world longer than it is measured. */
function dropClients(worlds: readonly World[]): void {
  for (const { routes } of worlds) routes.length = 0;
}

function heapBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

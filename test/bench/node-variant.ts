// The forwarders in Node from outside: starts the process, and calls it as every peer. A peer proves its path as a client does, with
// a latchkey of its own on a socket at its port; then the socket is closed, and the generator in C takes the port. Consent holds for 30 s
// after that: longer than a measurement.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey } from '../../lib/index.js';
import { sdpFor, sdpOf } from '../net/call.js';
import { PEERS_ADDRESS, peerCount, portOf, SERVER_ADDRESS, speakersOf } from './load.js';
import type { Load } from './load.js';
import { cryptoLineOf, greetingsOf } from './srtp-packets.js';
import type { Ask, NodeIo, NodeMode, Told } from './variant-process.js';
import { end } from './native-variant.js';
import type { Forwarder, Memory, Variant } from './variant.js';

/** Peers that prove their paths at once: their sockets are few then. */
const AT_ONCE = 250;
const PROOF_MS = 10_000;
/** protocol.md 5.8: a path without an answer expires after 30 s. */
const CONSENT_MS = 30_000;

export interface NodeVariant {
  readonly name: string;
  readonly title: string;
  readonly mode: NodeMode;
  readonly io: NodeIo;
}

export function nodeVariant({ name, title, mode, io }: NodeVariant): Variant {
  return {
    name,
    title,
    whyNot(load) {
      if (load.isSrtp && mode !== 'room') return 'has no SRTP';
      return mode === 'guard' && load.peers > 2 ? 'is measured 1:1' : undefined;
    },
    async start(load) {
      const child = new VariantProcess();
      try {
        const { ports } = await child.ask({ kind: 'open', mode, io, load }, 'open');
        const provedAtMs = performance.now();
        if (load.isSrtp) await callWithKeys(child, load, ports);
        const memoryOfHalf = mode === 'dgram' || load.isSrtp ? undefined : await prove(child, load);
        const openUntilMs = mode === 'dgram' || load.isSrtp ? Infinity : provedAtMs + CONSENT_MS;
        return { ...child.forwarder(ports, openUntilMs), memoryOfHalf };
      } catch (error) {
        await child.close();
        throw error;
      }
    },
  };
}

class VariantProcess {
  readonly #child: ChildProcess;

  constructor() {
    const execArgv = ['--import=tsx', '--expose-gc'];
    this.#child = fork(new URL('./variant-process.ts', import.meta.url), { execArgv });
    // Each waits for what it asked.
    this.#child.setMaxListeners(0);
  }

  async ask<K extends Told['kind']>(ask: Ask, kind: K): Promise<Extract<Told, { kind: K }>> {
    const told = this.next(kind);
    this.#child.send(ask);
    return told;
  }

  next<K extends Told['kind']>(kind: K): Promise<Extract<Told, { kind: K }>> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const end = () => child.off('message', onMessage).off('exit', onExit);
      const onExit = () => {
        end();
        reject(new Error('its process died'));
      };
      const onMessage = (told: Told) => {
        if (told.kind !== kind && told.kind !== 'failed') return;
        end();
        if (told.kind === 'failed') reject(new Error(told.why));
        else resolve(told as Extract<Told, { kind: K }>);
      };
      child.on('message', onMessage).on('exit', onExit);
    });
  }

  forwarder(ports: readonly number[], openUntilMs: number): Forwarder {
    return {
      openUntilMs,
      pid: this.#child.pid ?? 0,
      ports,
      watchPauses: async () => void (await this.ask({ kind: 'watch' }, 'watching')),
      longestPauseMs: async () => (await this.ask({ kind: 'pause' }, 'pause')).longestMs,
      memory: () => this.memory(),
      close: () => this.close(),
    };
  }

  async memory(): Promise<Memory> {
    return (await this.ask({ kind: 'memory' }, 'memory')).memory;
  }

  close(): Promise<void> {
    return end(this.#child);
  }
}

/** What the process took when half had done so, where the load asks for it. */
async function prove(child: VariantProcess, load: Load): Promise<Memory | undefined> {
  const latchkey = createLatchkey();
  let memoryOfHalf: Memory | undefined;
  for (let first = 0; first < peerCount(load); first += AT_ONCE) {
    const count = Math.min(AT_ONCE, peerCount(load) - first);
    if (load.weighsHalf && first === peerCount(load) / 2) memoryOfHalf = await child.memory();
    const sockets = await Promise.all(Array.from({ length: count }, (_, i) => bound(portOf(first + i))));
    try {
      await proveAt(sockets, child, latchkey);
    } finally {
      // Else the next variant finds their ports taken.
      await Promise.all(sockets.map(closed));
    }
  }
  latchkey.close();
  return memoryOfHalf;
}

/** A session at each socket, until all of them are proved. */
async function proveAt(
  sockets: readonly Socket[],
  child: VariantProcess,
  latchkey: ReturnType<typeof createLatchkey>,
): Promise<void> {
  const provers = sockets.map((socket) => {
    const session = latchkey.createSession({ role: 'prover', signalling: 'encrypted' });
    session.bind(socket);
    return { session, offer: session.setLocal(sdpOf(socket)) };
  });
  const isVerified = child.next('verified');
  const { answers } = await child.ask({ kind: 'call', offers: provers.map(({ offer }) => offer) }, 'answers');
  for (const [i, { session }] of provers.entries()) {
    const verdict = session.setRemote(answers[i]);
    if (!verdict.accepted) throw new Error(verdict.warning);
  }
  await inTime(isVerified, 'the paths are not proved');
  for (const { session } of provers) session.close();
}

/** Who holds SRTP keys proves its path with its first packet. */
async function callWithKeys(child: VariantProcess, load: Load, ports: readonly number[]): Promise<void> {
  const offers = Array.from({ length: peerCount(load) }, (_, peer) =>
    sdpFor(PEERS_ADDRESS, portOf(peer), { lines: [cryptoLineOf(peer)] }).replace('RTP/AVP', 'RTP/SAVP'),
  );
  const [port = 0] = ports;
  await child.ask({ kind: 'call', offers }, 'answers');
  const speakers = new Set(speakersOf(load));
  for (let peer = 0; peer < peerCount(load); peer++) {
    if (speakers.has(peer)) continue;
    const socket = await bound(portOf(peer));
    for (const packet of greetingsOf(load, peer)) socket.send(packet, port, SERVER_ADDRESS);
    await new Promise(setImmediate);
    await closed(socket);
  }
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, PEERS_ADDRESS);
  await once(socket, 'listening');
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  const isClosed = once(socket, 'close');
  socket.close();
  await isClosed;
}

async function inTime<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), PROOF_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The core by itself: nanoseconds per accepted packet, microseconds per challenge, bytes per session.
import type { Component, Suite } from '../../lib/core/index.js';
import { sdpFor } from '../net/call.js';
import { converse, Side } from '../net/engine-pair.js';
import type { Route } from '../net/engine-pair.js';

interface World {
  readonly server: Side;
  readonly components: Component[];
  /** Spent by the server on the responses that verified, in milliseconds. */
  readonly responsesMs: number;
}

const CLIENT_BASE = { address: '203.0.113.7', port: 10_000 };

/** Sessions on one server port, all verified. */
function verifiedSessions(count: number, suite: Suite): World {
  const server = new Side({ address: '198.51.100.1', port: 5000 }, { suites: [suite] });
  const components: Component[] = [];
  let responsesMs = 0;
  for (let i = 0; i < count; i++) {
    const client = new Side({ address: '10.0.0.2', port: 4000 }, { suites: [suite] });
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
        const startedMs = performance.now();
        const component = to.engine.handleDatagram(to.port, bytes, address, port, nowMs);
        if (isResponse) responsesMs += performance.now() - startedMs;
        return component;
      },
    });
    components.push(far.component(0, 1));
  }
  if (components.some(({ mapping }) => !mapping)) throw new Error('a session did not verify');
  return { server, components, responsesMs };
}

/** Nanoseconds that `handleDatagram` takes for an accepted 172-byte RTP packet, among `count` sessions. */
export function nanosecondsPerPacket(count: number): number {
  const { server, components } = verifiedSessions(count, 'HMAC-SHA-256');
  const packet = new Uint8Array(172);
  packet[0] = 0x80;
  const rounds = 300_000;
  const sources = components.map(({ mapping }) => mapping ?? CLIENT_BASE);
  const run = () => {
    const startedMs = performance.now();
    for (let i = 0; i < rounds; i++) {
      const source = sources[i % sources.length] ?? CLIENT_BASE;
      if (!server.engine.handleDatagram(server.port, packet, source.address, source.port, 2))
        throw new Error('the packet was not accepted');
    }
    return ((performance.now() - startedMs) * 1e6) / rounds;
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

/** Bytes of heap that a verified session keeps on the server's side; undefined without `--expose-gc`. */
export function bytesPerSession(count: number): number | undefined {
  const { gc } = globalThis;
  if (!gc) return undefined;
  const kept: World[] = [verifiedSessions(count, 'HMAC-SHA-256')];
  gc();
  const full = heapBytes();
  kept.length = 0;
  gc();
  return (full - heapBytes()) / count;
}

function heapBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

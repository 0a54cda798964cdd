// A capture taken at both sides of a real NAT, which rebinds in mid call, replayed through the core in virtual time: its own
// packets at its own times, with a prover at the inside and a verifier at the outside.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readDatagrams, type CapturedDatagram } from '../../lib/capture/index.js';
import { Engine, type LatchEvent, type TransportAddress } from '../../lib/core/index.js';
import { formatAddress, isSameAddress } from '../../lib/wire/index.js';
import { testCrypto } from '../support/crypto.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

const CLIENT = { address: '10.0.1.2', port: 42_000 };
const SERVER = { address: '203.0.113.1', port: 40_000 };
const BEFORE = '203.0.113.11:30082';
const AFTER = '203.0.113.11:31032';
const ONE_WAY_MS = 5;

const read = (name: string): CapturedDatagram[] => [
  ...readDatagrams(readFileSync(new URL(`../../fixtures/nat/${name}.pcap`, import.meta.url))),
];

interface Flight {
  readonly atMs: number;
  readonly to: 'client' | 'server';
  readonly bytes: Uint8Array;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
}

/** Both engines, and between them the NAT as the outside capture shows it. */
function replay() {
  const inside = read('inside').filter(({ source }) => isSameAddress(source, CLIENT));
  const outside = read('outside').filter(({ destination }) => isSameAddress(destination, SERVER));
  const replies = read('outside').filter(({ source }) => isSameAddress(source, SERVER));
  const startMs = outside[0]?.timeMs ?? 0;
  const rebindMs = (outside.find(({ source }) => formatAddress(source) === AFTER)?.timeMs ?? 0) - startMs;
  const mappingAt = (nowMs: number): TransportAddress =>
    nowMs < rebindMs ? { address: '203.0.113.11', port: 30_082 } : { address: '203.0.113.11', port: 31_032 };

  const engines = { server: engine(1), client: engine(2) };
  const ports = { server: engines.server.openPort(SERVER), client: engines.client.openPort(CLIENT) };
  const server = engines.server.createSession({ signalling: 'encrypted' });
  const client = engines.client.createSession({ signalling: 'encrypted', role: 'prover' });
  server.component(0, 1).attach(ports.server, 0);
  client.component(0, 1).attach(ports.client, 0);
  const media = (port: number) => [{ port, isMuxed: true }];
  const offer = client.setLocal(makeSdp({ address: CLIENT.address, media: media(CLIENT.port) }), 0);
  assert.ok(server.setRemote(offer, 0).accepted);
  const answer = server.setLocal(makeSdp({ address: SERVER.address, media: media(SERVER.port) }), 0);
  assert.ok(client.setRemote(answer, 0).accepted);

  const events: (LatchEvent & { atMs: number })[] = [];
  const flights: Flight[] = [];
  const delivered: Uint8Array[] = [];
  const sentTo = new Map<string, number>();
  let nowMs = 0;
  const drain = (): void => {
    for (const side of ['server', 'client'] as const) {
      for (let sent = engines[side].pollTransmit(); sent; sent = engines[side].pollTransmit()) {
        const isServer = side === 'server';
        const source = isServer ? SERVER : mappingAt(nowMs);
        const to = isServer ? 'client' : 'server';
        flights.push({
          atMs: nowMs + ONE_WAY_MS,
          to,
          bytes: sent.bytes,
          source,
          destination: sent.destination,
        });
      }
      for (let held = engines[side].pollDelivery(); held; held = engines[side].pollDelivery())
        delivered.push(held.bytes);
      for (let event = engines[side].pollEvent(); event; event = engines[side].pollEvent()) {
        if (side === 'server') events.push({ ...event, atMs: nowMs });
      }
    }
  };
  drain();
  // The client's own messages leave it when the engine says; its media and the server's at the times of the capture.
  const endMs = Math.max(outside.at(-1)?.timeMs ?? 0, replies.at(-1)?.timeMs ?? 0) - startMs + 50;
  const due = (list: CapturedDatagram[]): CapturedDatagram[] => {
    const ready: CapturedDatagram[] = [];
    while (list[0] && list[0].timeMs - startMs <= nowMs) ready.push(list.shift() as CapturedDatagram);
    return ready;
  };
  const count = { media: outside.length, replies: replies.length };
  for (; nowMs <= endMs; nowMs++) {
    for (const { payload, source } of due(outside)) {
      if (engines.server.handleDatagram(ports.server, payload, source.address, source.port, nowMs))
        delivered.push(payload);
    }
    for (const datagram of due(inside))
      (void datagram, client.component(0, 1).handleSend(new Uint8Array(20), nowMs));
    due(replies).forEach(() => {
      const destination = server.component(0, 1).handleSend(new Uint8Array(20), nowMs);
      const to = destination && formatAddress(destination);
      if (to) sentTo.set(to, (sentTo.get(to) ?? 0) + 1);
    });
    for (const flight of flights.splice(0)) {
      if (flight.atMs > nowMs) flights.push(flight);
      else if (flight.to === 'server' || isSameAddress(flight.destination, mappingAt(nowMs)))
        engines[flight.to].handleDatagram(
          ports[flight.to],
          flight.bytes,
          flight.source.address,
          flight.source.port,
          nowMs,
        );
    }
    for (const one of Object.values(engines))
      if ((one.pollTimeout() ?? Infinity) <= nowMs) one.handleTimeout(nowMs);
    drain();
  }
  return { events, delivered, sentTo, rebindMs, count, counters: server.counters };
}

function engine(seed: number): Engine {
  return new Engine({}, testCrypto, new Prng(seed));
}

describe('a capture of both sides of a NAT, replayed through the core', () => {
  const { events, delivered, sentTo, rebindMs, count, counters } = replay();
  const place = (event: { readonly remote?: TransportAddress } | undefined) =>
    event?.remote && formatAddress(event.remote);

  it('the mapping of the capture is verified within a round trip and signalled with both views', () => {
    const verified = events.find((event) => event.type === 'verified');
    assert.equal(place(verified), BEFORE);
    assert.ok(verified?.type === 'verified' && verified.nat === 'both');
    assert.deepEqual(verified.signalled, CLIENT);
    assert.ok(verified.atMs <= 4 * ONE_WAY_MS);
  });

  it('the rebinding of the capture is followed within 1.5 round trips, at least 30 ms, and 10 ms (P5)', () => {
    const [rebound, ...others] = events.filter((event) => event.type === 'rebound');
    assert.deepEqual(others, []);
    assert.equal(place(rebound), AFTER);
    const tookMs = (rebound?.atMs ?? Infinity) - rebindMs;
    assert.ok(tookMs <= 40, `${tookMs} ms`);
  });

  it('every packet of the capture is delivered but for those that came before a proof', () => {
    assert.equal(count.media, 400);
    assert.equal(delivered.length + counters.dropped.unverified, count.media);
    assert.ok(counters.dropped.unverified <= 4, `${counters.dropped.unverified} before a proof`);
  });

  it('the media of the server goes to the two mappings and nowhere else', () => {
    assert.deepEqual([...sentTo.keys()], [BEFORE, AFTER]);
    const sent = [...sentTo.values()].reduce((sum, n) => sum + n, 0);
    assert.ok(sent >= count.replies - 2, `${sent} of ${count.replies}`);
  });
});

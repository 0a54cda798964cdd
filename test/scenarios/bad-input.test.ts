// Bad input: no crash, no reply, nothing handed on, bounded memory, and all of it counted.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';
import type { EngineBench } from '../support/engine-bench.js';
import * as oracle from '../support/oracle.js';
import { Prng } from '../support/prng.js';

const home = { address: '198.51.100.7', port: 20_000 };
const stranger = { address: '192.0.2.66', port: 6000 };

const dropped = (bench: EngineBench): number =>
  Object.values(bench.engine.counters.dropped).reduce((sum, count) => sum + count, 0);

/** One of each message, valid in every respect, and nothing outstanding for the last three. */
function messagesOf(peer: VerifierBench): Record<string, Buffer> {
  const g = peer.generation;
  const transaction = peer.transaction();
  return {
    hello: oracle.makeHello(g, 1, transaction),
    keepalive: oracle.makeKeepalive(g, transaction),
    challenge: oracle.makeChallenge(g, transaction, Buffer.alloc(16, 1)),
    response: oracle.makeResponse(g, 1, { transaction, word: Buffer.alloc(16, 1) }, home),
    welcome: oracle.makeWelcome(g, transaction, home),
    'welcome, IPv6': oracle.makeWelcome(g, transaction, { address: '2001:db8::7', port: 9 }),
  };
}

/** The bench must be as it was: nothing sent, no event, no path. Every datagram was counted as dropped. */
function assertUntouched(
  peer: VerifierBench,
  before: { sent: number; events: number; dropped: number },
  count: number,
): void {
  const { bench } = peer;
  assert.equal(bench.sent.length, before.sent, 'no reply');
  assert.equal(bench.events.length, before.events, 'no event');
  assert.equal(dropped(bench) - before.dropped, count, 'all counted');
}

const snapshot = (peer: VerifierBench): { sent: number; events: number; dropped: number } => ({
  sent: peer.bench.sent.length,
  events: peer.bench.events.length,
  dropped: dropped(peer.bench),
});

describe('bad input', () => {
  for (const suite of oracle.suites)
    it(`every truncation of every message [${suite}]`, () => {
      const peer = new VerifierBench({ suite });
      for (const [name, bytes] of Object.entries(messagesOf(peer))) {
        const before = snapshot(peer);
        for (let sizeBytes = 0; sizeBytes < bytes.length; sizeBytes++)
          assert.equal(
            peer.receive(bytes.subarray(0, sizeBytes), stranger),
            undefined,
            `${name}: ${sizeBytes}`,
          );
        assertUntouched(peer, before, bytes.length);
      }
    });

  it('every single bit of every message, flipped', () => {
    const peer = new VerifierBench();
    for (const [name, message] of Object.entries(messagesOf(peer))) {
      const before = snapshot(peer);
      for (let bit = 0; bit < 8 * message.length; bit++) {
        const bytes = Buffer.from(message);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        // The first two bits make it RTP, which is a candidate's: not our matter here.
        if ((bytes[0] ?? 0) >= 0x80) bytes[0] = 0x40;
        assert.equal(peer.receive(bytes, stranger), undefined, `${name}: bit ${bit}`);
      }
      assertUntouched(peer, before, 8 * message.length);
    }
  });

  it('something after the integrity, or a byte too much, and a message is dropped', () => {
    const peer = new VerifierBench();
    for (const message of Object.values(messagesOf(peer))) {
      const before = snapshot(peer);
      const longer = Buffer.concat([message, Buffer.from([0x80, 0x22, 0, 0])]);
      longer.writeUInt16BE(longer.length - 20, 2);
      for (const bytes of [
        longer,
        Buffer.concat([message, Buffer.alloc(1)]),
        Buffer.concat([message, Buffer.alloc(4)]),
      ])
        peer.receive(bytes, stranger);
      assertUntouched(peer, before, 3);
    }
  });

  it('100,000 random datagrams: no crash, no reply but to those that look like media', function () {
    this.timeout(30_000);
    const peer = new VerifierBench();
    peer.verify(home);
    const { bench } = peer;
    const prng = new Prng(20_260);
    const templates = Object.values(messagesOf(peer));
    const { delivered } = bench.engine.counters;
    const startMs = bench.nowMs;
    let toStrangers = 0;
    for (let i = 0; i < 100_000; i++) {
      const sizeBytes = prng.chance(0.1) ? prng.integer(1500) : prng.integer(80);
      let bytes = prng.bytes(sizeBytes);
      const shape = prng.next();
      if (shape < 0.3) {
        bytes = Uint8Array.from(prng.pick(templates));
        const changed = prng.integer(bytes.length);
        bytes[changed] = (bytes[changed] ?? 0) ^ (1 + prng.integer(255));
      } else if (shape < 0.6 && sizeBytes >= 8)
        bytes.set([0, prng.integer(4), 0, sizeBytes, 0x21, 0x12, 0xa4, 0x42]);
      const source = { address: `192.0.2.${prng.integer(256)}`, port: 1 + prng.integer(60_000) };
      assert.equal(peer.receive(bytes, source), undefined);
      if (i % 50 === 0) peer.advance(1);
      for (const { destination, message } of bench.sent.splice(0)) {
        if (destination.port === home.port) continue;
        toStrangers++;
        assert.equal(message?.kind, 'challenge', 'only RTP and RTCP draw anything: a challenge');
      }
    }
    const seconds = (bench.nowMs - startMs) / 1000;
    assert.ok(toStrangers <= 6 * 20 * (seconds + 1), `${toStrangers} challenges`);
    assert.equal(bench.engine.counters.delivered, delivered);
    assert.ok(dropped(bench) >= 100_000, `${dropped(bench)} counted`);
    assert.ok((peer.ports[0]?.size ?? 0) <= 40);
    peer.advance(100);
    assert.deepEqual(peer.mapping, home, 'the call lives');
  });

  it('100,000 hellos with unknown tags: no reply, no memory, counted', function () {
    this.timeout(30_000);
    const peer = new VerifierBench();
    const port = peer.ports[0];
    assert.ok(port);
    const { size } = port;
    const before = snapshot(peer);
    const g = { ...peer.generation, integrity: Buffer.alloc(32, 1) };
    // A hundred different ones, over and over: making them costs more than judging them.
    const hellos = Array.from({ length: 100 }, (_, i) =>
      oracle.makeHello(
        { ...g, verifierTag: `unknown${i}tag`, proverTag: `nobody${i}tag` },
        1,
        peer.transaction(),
      ),
    );
    for (let i = 0; i < 100_000; i++)
      peer.engineOnly(hellos[i % 100] as Buffer, {
        address: `192.0.2.${i & 255}`,
        port: 1024 + (i % 60_000),
      });
    assertUntouched(peer, before, 100_000);
    assert.equal(peer.bench.engine.counters.dropped.unknownTags, 100_000);
    assert.equal(port.size, size);
  });

  it('hellos that name a live tag, with a peer nobody knows or a key that is wrong', () => {
    const peer = new VerifierBench();
    const before = snapshot(peer);
    const { generation } = peer;
    for (let i = 0; i < 1000; i++) {
      const integrity = peer.bench.prng.bytes(32);
      const g = { ...generation, integrity: Buffer.from(integrity) };
      peer.receive(
        oracle.makeHello(i % 2 === 0 ? g : { ...g, proverTag: `nobody${i}tag` }, 1, peer.transaction()),
        stranger,
      );
    }
    assertUntouched(peer, before, 1000);
  });
});

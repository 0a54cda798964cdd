// Protocol 8.2.7 and 5.1: many calls with SRTP on one port, beside such with latch.
import assert from 'node:assert/strict';
import type { TransportAddress } from '../../lib/wire/address.js';
import { HOME, REBOUND, SrtpBench, SrtpVoice, type SrtpBenchOptions } from '../support/srtp-bench.js';
import { VerifierBench } from '../support/engine-bench.js';
import { makeRtp } from '../support/media.js';

function phones(count: number, options: (at: number) => SrtpBenchOptions = () => ({})): SrtpBench[] {
  const first = new SrtpBench({ fill: 1, ...options(0) });
  first.voice = new SrtpVoice(first.master, 1000);
  const rest = Array.from({ length: count - 1 }, (_, before) => {
    const at = before + 1;
    const scene = new SrtpBench({ beside: first, fill: at + 1, ...options(at) });
    scene.voice = new SrtpVoice(scene.master, 1000 + at);
    return scene;
  });
  return [first, ...rest];
}

const addressOf = (at: number): TransportAddress => ({ address: `198.51.100.${at + 1}`, port: 20_000 + at });

describe('8.2.7: a port for many sessions', () => {
  it('finds the session of a packet by its SSRC where the peer has announced that', () => {
    const all = phones(40, (at) => ({ ssrcs: [1000 + at] }));
    for (const [at, scene] of [...all.entries()].reverse()) {
      scene.receive(scene.voice.rtp(), addressOf(at));
      assert.deepEqual(scene.mapping, addressOf(at));
    }
    assert.equal(all[0]!.bench.engine.counters.delivered, 40);
  });

  it('and by the address in its description', () => {
    const all = phones(40, (at) => ({ signalled: addressOf(at) }));
    for (const [at, scene] of [...all.entries()].reverse()) {
      scene.receive(scene.voice.rtp(), addressOf(at));
      assert.deepEqual(scene.mapping, addressOf(at));
    }
  });

  it('and by where its signalling comes from', () => {
    const all = phones(40, (at) => ({ from: addressOf(at).address }));
    for (const [at, scene] of [...all.entries()].reverse()) {
      scene.receive(scene.voice.rtp(), addressOf(at));
      assert.deepEqual(scene.mapping, addressOf(at));
    }
  });

  it('else by turns, four at a time: each phone is found within a few packets', () => {
    const all = phones(40);
    const last = all[39]!;
    let packets = 0;
    for (; !last.mapping && packets < 100; packets++) last.talk(addressOf(39));
    assert.equal(packets, 10);
    assert.ok(all.slice(0, 39).every(({ mapping }) => mapping === undefined));
  });

  it('no more than four keys are tried for a packet, however many wait', () => {
    let tries = 0;
    const all = phones(100);
    for (const { component } of all) {
      const isAuthentic = component.isAuthentic.bind(component);
      component.isAuthentic = (...args) => {
        tries++;
        return isAuthentic(...args);
      };
    }
    const scene = all[0]!;
    const stranger = makeRtp({ ssrc: 5, sequence: 5, timestamp: 5 });
    for (let at = 0; at < 50; at++) scene.receive(stranger, addressOf(200));
    assert.equal(tries, 200);
    assert.equal(scene.bench.engine.counters.dropped.unroutable, 50);
  });

  it('a phone that moves is found by its SSRC, and each has its own', () => {
    const all = phones(5, (at) => ({ from: addressOf(at).address }));
    for (const [at, scene] of all.entries()) scene.talk(addressOf(at), 12);
    const [first, second] = all;
    assert.ok(first && second);
    first.talk(REBOUND, 6);
    assert.deepEqual(first.mapping, REBOUND);
    assert.deepEqual(second.mapping, addressOf(1));
    assert.equal(first.bench.engine.counters.dropped.unroutable, 0);
  });

  it('packets of one phone from the address of another are not that one’s, and are dropped', () => {
    const all = phones(2, (at) => ({ from: addressOf(at).address }));
    for (const [at, scene] of all.entries()) scene.talk(addressOf(at), 3);
    const [first, second] = all;
    assert.ok(first && second);
    first.talk(addressOf(1), 10);
    assert.deepEqual(first.mapping, addressOf(0));
    assert.equal(second.dropped.srtpTag, 10);
    assert.equal(second.component.counters.delivered, 3);
  });

  it('who has closed waits no more, and nothing is left in the tables', () => {
    const all = phones(40, (at) => ({
      from: addressOf(at).address,
      ssrcs: [1000 + at],
      signalled: addressOf(at),
    }));
    for (const scene of all) scene.call.close(scene.nowMs);
    assert.equal(all[0]!.port.size, 0);
  });
});

describe('5.1: SRTP beside latch on one port', () => {
  it('an address that latch has proven is its own until a packet under a key proves otherwise', () => {
    const peer = new VerifierBench({ isMuxed: true });
    const home = { address: '198.51.100.9', port: 30_082 };
    peer.hello(home);
    peer.respond(peer.challengesTo(home)[0]!);
    assert.deepEqual(peer.mapping, home);
    const srtp = new SrtpBench({ beside: { bench: peer.bench, port: peer.ports[0]! } as SrtpBench });
    srtp.talk(home, 5);
    assert.deepEqual(peer.mapping, home, 'what comes from there is of the session that has proven it');
    assert.equal(srtp.mapping, undefined);
    srtp.voice = new SrtpVoice(srtp.master, 0x5678);
    srtp.talk(HOME, 1);
    assert.deepEqual(srtp.mapping, HOME);
    assert.deepEqual(peer.mapping, home);
  });

  it('a peer without a key, whose description names the address of one with SRTP before that has spoken, does not hold it off', () => {
    const scene = new SrtpBench();
    const other = scene.bench.engine.openCall({
      signalling: 'encrypted',
      peer: { address: HOME.address, transport: 'tls' },
    });
    other.component(0, 1).attach(scene.port, scene.nowMs);
    scene.bench.engine.agree(other, 0, { kind: 'none', remote: HOME, expectsMedia: true }, scene.nowMs);
    scene.receive(makeRtp({ ssrc: 5, sequence: 1, timestamp: 1 }), HOME);
    assert.equal(other.counters.delivered, 1);
    scene.talk(HOME, 10);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.component.counters.delivered, 10);
    assert.equal(other.counters.delivered, 1);
  });

  it('a peer without a key takes nothing from the address of one with SRTP', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 3);
    const other = scene.bench.engine.openCall({ signalling: 'encrypted' });
    other.component(0, 1).attach(scene.port, scene.nowMs);
    scene.bench.engine.agree(other, 0, { kind: 'none', remote: HOME, expectsMedia: true }, scene.nowMs);
    scene.talk(HOME, 10);
    assert.equal(other.counters.delivered, 0);
    assert.equal(other.component(0, 1).handleSend(new Uint8Array(10), scene.nowMs), undefined);
    assert.equal(scene.component.counters.delivered, 13);
  });
});

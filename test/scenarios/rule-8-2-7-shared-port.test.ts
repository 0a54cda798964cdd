// Protocol 8.2.7 and 5.1: many calls with SRTP on one port, beside such with latch.
import assert from 'node:assert/strict';
import { HmacSha1 } from '../../lib/srtp/hmac-sha1.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { HOME, REBOUND, SrtpBench, SrtpVoice, type SrtpBenchOptions } from '../support/srtp-bench.js';
import { VerifierBench } from '../support/engine-bench.js';
import { makeRtp, makeSenderReport } from '../support/media.js';

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

/** Who is asked whether a packet is its peer's, in order. */
function askedOf(all: readonly SrtpBench[]): number[] {
  const asked: number[] = [];
  for (const [at, { component }] of all.entries()) {
    const isSought = component.isSought.bind(component);
    component.isSought = (...args) => {
      asked.push(at);
      return isSought(...args);
    };
  }
  return asked;
}

/** How many tags are computed from now on. */
function countHashes(): { count: number; restore(): void } {
  const compute = Reflect.get(HmacSha1.prototype, 'compute');
  const hashes = { count: 0, restore: () => void (HmacSha1.prototype.compute = compute) };
  HmacSha1.prototype.compute = function (...args) {
    hashes.count++;
    compute.apply(this, args);
  };
  return hashes;
}

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

  it('those first whom the packet points at: its SSRC, its source, its IP address, and four of all', () => {
    const source = addressOf(50);
    const all = phones(10, (at) => ({
      ...(at === 5 && { ssrcs: [777] }),
      ...(at === 8 && { signalled: source }),
      ...((at === 3 || at === 7) && { from: source.address }),
    }));
    const asked = askedOf(all);
    const stranger = (ssrc: number) => makeRtp({ ssrc, sequence: 5, timestamp: 5 });
    all[0]!.receive(stranger(777), source);
    assert.deepEqual(asked.splice(0), [5, 8, 3, 7]);
    all[0]!.receive(stranger(778), source);
    assert.deepEqual(asked.splice(0), [8, 3, 7, 0], 'who is asked in turn fills up');
    all[0]!.receive(stranger(778), source);
    assert.deepEqual(asked.splice(0), [8, 3, 7, 1]);
    all[0]!.receive(stranger(778), { ...source, port: source.port + 1 });
    assert.deepEqual(asked.splice(0), [3, 7, 2, 4]);
    all[0]!.receive(stranger(778), addressOf(51));
    assert.deepEqual(asked.splice(0), [6, 9, 5, 0], 'who was asked in vain is behind those who were not');
  });

  it('of more than four who call from one address these alone are asked, by turns', () => {
    const home = '198.51.100.60';
    const all = phones(40, (at) => (at >= 30 ? { from: home } : {}));
    const asked = askedOf(all);
    const last = all[39]!;
    for (let packets = 1; packets <= 3; packets++) last.talk({ address: home, port: 20_000 });
    assert.deepEqual(asked, [30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    assert.ok(last.mapping);
  });

  const strangers: readonly (readonly [string, Uint8Array, number])[] = [
    ['RTP, with the roll-over counters 0 and 1', makeRtp({ ssrc: 5, sequence: 5, timestamp: 5 }), 2],
    ['RTCP', makeSenderReport(5, 0, 0), 1],
  ];
  for (const [what, stranger, tags] of strangers)
    it(`a flood costs the keys of four for each packet, however many wait, and is counted: ${what}`, () => {
      const hashes = countHashes();
      try {
        const all = phones(100, (at) => ({ from: addressOf(200).address, ssrcs: [5], fill: at }));
        const scene = all[0]!;
        const asked = askedOf(all);
        // Of one that is too short no tag is looked at.
        const packet = Uint8Array.from([...stranger, ...new Uint8Array(14)]);
        for (let at = 0; at < 50; at++) scene.receive(packet, addressOf(200));
        assert.equal(asked.length, 4 * 50);
        assert.equal(hashes.count, 4 * 50 * tags);
        assert.equal(scene.bench.engine.counters.dropped.unroutable, 50);
        assert.ok(all.every(({ mapping }) => mapping === undefined));
      } finally {
        hashes.restore();
      }
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

  it('nor do many, told by evidence, nor do they have its packets; when it is gone the first has the address', () => {
    const scene = new SrtpBench();
    const others = Array.from({ length: 6 }, () => {
      const other = scene.bench.engine.openCall({ signalling: 'encrypted' });
      other.component(0, 1).attach(scene.port, scene.nowMs);
      const claim = { kind: 'evidence', remote: HOME, expectsMedia: true } as const;
      scene.bench.engine.agree(other, 0, claim, scene.nowMs);
      return other;
    });
    const delivered = () => others.map(({ counters }) => counters.delivered);
    scene.talk(HOME, 10);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.component.counters.delivered, 10);
    assert.deepEqual(delivered(), [0, 0, 0, 0, 0, 0]);
    scene.call.close(scene.nowMs);
    for (let sequence = 1; sequence <= 20; sequence++) {
      scene.receive(makeRtp({ ssrc: 5, sequence, timestamp: 160 * sequence }), HOME);
      scene.bench.advance(20);
    }
    assert.deepEqual(
      delivered(),
      [20, 0, 0, 0, 0, 0],
      'all of it, and it stays with the first once that has it',
    );
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

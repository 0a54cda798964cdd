// Protocol 8.2.1: what is authentic, what counts, and what is dropped, from whichever address it comes.
import assert from 'node:assert/strict';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpSender } from '../../lib/srtp/index.js';
import { measureDoubling, type Family } from '../support/doubling.js';
import { makeRtp } from '../support/media.js';
import { HOME, masterKey, READER, REBOUND, SrtpBench, SrtpVoice } from '../support/srtp-bench.js';

const SHORT = 'AES_CM_128_HMAC_SHA1_32';

function forged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

describe('8.2.1: every packet is judged by the key of the peer', () => {
  it('passes as it came where the application decrypts itself', () => {
    const scene = new SrtpBench();
    assert.equal(scene.receive(scene.voice.rtp()), false, 'the first waits for the decision');
    assert.equal(scene.bench.deliveries.length, 1);
    const packet = scene.voice.rtp();
    assert.equal(scene.receive(packet), true);
    assert.equal(scene.component.counters.delivered, 2);
  });

  it('is handed over in clear where we have a key of our own', () => {
    const scene = new SrtpBench({ terminates: true });
    scene.talk(HOME, 3);
    assert.deepEqual(
      scene.bench.deliveries.map(({ bytes }) => [...bytes]),
      [100, 101, 102].map((sequence) => [
        ...makeRtp({ ssrc: scene.voice.ssrc, sequence, timestamp: 160 * sequence }),
      ]),
    );
    assert.ok(scene.bench.deliveries.every(({ source }) => source.port === HOME.port));
  });

  it('what is forged from the proven address itself is dropped and counted, and changes nothing', () => {
    const scene = new SrtpBench({ terminates: true });
    scene.talk(HOME, 20);
    const packet = scene.voice.rtp();
    for (let at = 0; at < 1000; at++) scene.receive(forged(packet));
    scene.receive(makeRtp({ ssrc: scene.voice.ssrc, sequence: 500, timestamp: 1 }));
    scene.receive(Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 87));
    assert.equal(scene.dropped.srtpTag, 1002);
    scene.receive(packet);
    assert.equal(scene.bench.deliveries.length, 21);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('forged packets from elsewhere make no candidate, before the first packet and after', () => {
    const scene = new SrtpBench();
    const packet = scene.voice.rtp();
    for (let at = 0; at < 100; at++) scene.receive(forged(packet), READER);
    assert.equal(scene.mapping, undefined);
    scene.receive(packet);
    for (let at = 0; at < 100; at++) scene.receive(forged(packet), READER);
    assert.equal(scene.count('candidate'), 1);
    assert.equal(scene.dropped.srtpTag, 200);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('media under another key than the peer told is unheard, and that is told', () => {
    const scene = new SrtpBench();
    scene.voice = new SrtpVoice(masterKey(40));
    scene.talk(HOME, 300);
    const [unheard] = scene.bench.eventsOf('unheard');
    assert.deepEqual(unheard?.remote, HOME);
    assert.equal(scene.count('unheard'), 1);
    assert.equal(scene.dropped.srtpTag, 300);
  });

  it('what no key has made costs work by its length, however long it is and from wherever', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 3);
    const ofSize = (size: number): Uint8Array => {
      const bytes = new Uint8Array(size).fill(1);
      bytes[0] = 0x80;
      return bytes;
    };
    const family: Family<Uint8Array> = {
      make: ofSize,
      read: (bytes) => {
        for (let at = 0; at < 32; at++) scene.receive(bytes, { ...READER, port: 5000 + at });
      },
      most: 32_000,
    };
    const { cpuRatio, memoryRatio } = measureDoubling(family, 3);
    assert.ok(cpuRatio < 3 && memoryRatio < 3, `${cpuRatio} ${memoryRatio}`);
  });

  it('a packet replayed ten thousand times is counted and changes nothing (a million: test/slow)', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 10);
    const packet = scene.voice.rtp();
    scene.receive(packet);
    const before = { size: scene.port.size, events: scene.bench.events.length };
    for (let at = 0; at < 10_000; at++) scene.receive(packet, at % 2 ? HOME : READER);
    assert.equal(scene.port.size, before.size);
    const { srtpRepeated, candidateRefused } = scene.dropped;
    assert.equal(srtpRepeated + candidateRefused, 10_000);
    assert.ok(scene.bench.events.length - before.events <= 21);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('the count of a stream runs over, and goes on at another address', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.voice = new SrtpVoice(scene.master, 0x1234, 65_530);
    scene.talk(HOME, 20);
    scene.talk(REBOUND, 5);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.component.counters.delivered, 25);
  });
});

describe('8.2.1: tags of 32 bits', () => {
  it('a source counts from its third authentic packet within a second; those before are kept and then delivered', () => {
    const scene = new SrtpBench({ suite: SHORT, terminates: true });
    scene.talk(HOME, 2);
    assert.equal(scene.mapping, undefined);
    assert.equal(scene.bench.deliveries.length, 0);
    scene.talk(HOME, 1);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.bench.deliveries.length, 3);
    assert.equal(scene.count('verified'), 1);
  });

  it('three within more than a second are no source, and each is counted', () => {
    const scene = new SrtpBench({ suite: SHORT });
    scene.talk(HOME, 5, 600);
    assert.equal(scene.mapping, undefined);
    scene.bench.advance(2000);
    assert.equal(scene.dropped.unverified, 5);
  });

  it('one guessed tag beside a path in use signals nothing and moves nothing', () => {
    const scene = new SrtpBench({ suite: SHORT });
    scene.talk(HOME, 20);
    // As if the tag had been guessed: a packet of the peer's that came from nowhere else.
    scene.receive(scene.voice.rtp(), READER);
    scene.talk(HOME, 100);
    assert.equal(scene.count('conflict'), 0);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('SRTCP has 80 bits, and counts at once', () => {
    const scene = new SrtpBench({ suite: SHORT });
    scene.receive(scene.voice.rtcp(scene.nowMs));
    assert.deepEqual(scene.mapping, HOME);
  });

  it('a rebinding is followed with them too', () => {
    const scene = new SrtpBench({ suite: SHORT });
    scene.talk(HOME, 20);
    scene.talk(REBOUND, 6);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.component.counters.delivered, 26);
    assert.equal(scene.count('conflict'), 0);
  });
});

describe('8.2: what we send', () => {
  it('is protected as another array, and never goes out unprotected', () => {
    const scene = new SrtpBench({ terminates: true, from: HOME.address });
    scene.talk(HOME, 3);
    assert.equal(scene.component.isSealing, true);
    const clear = makeRtp({ ssrc: 9, sequence: 1, timestamp: 1 });
    const before = [...clear];
    const sealed = scene.component.seal(clear);
    assert.ok(sealed);
    assert.deepEqual([...clear], before);
    assert.deepEqual([...(scene.opened(sealed) ?? [])], before);
    assert.equal(scene.component.handleSend(clear, scene.nowMs), undefined);
    assert.equal(scene.dropped.srtpSend, 1);
    assert.deepEqual(scene.component.handleSend(sealed, scene.nowMs), HOME);
    assert.equal(scene.component.seal(clear), undefined, 'a number is protected once');
    assert.equal(scene.dropped.srtpSend, 2);
  });

  it('a re-offer with the same key of ours goes on with its numbers', () => {
    const scene = new SrtpBench({ terminates: true, from: HOME.address });
    const clear = makeRtp({ ssrc: 9, sequence: 1, timestamp: 1 });
    assert.ok(scene.component.seal(clear));
    scene.agree(masterKey(9));
    assert.equal(scene.component.seal(clear), undefined);
  });

  it('a packet under another key than the peer told is none of its', () => {
    const scene = new SrtpBench();
    const stranger = new SrtpSender(nodeSrtpCrypto, masterKey(50));
    const packet = stranger.protectRtp(makeRtp({ ssrc: 1, sequence: 1, timestamp: 1 }));
    assert.ok(typeof packet !== 'string');
    scene.receive(packet);
    assert.equal(scene.mapping, undefined);
    assert.equal(scene.dropped.srtpTag, 1);
  });
});

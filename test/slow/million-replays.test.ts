// One genuine SRTP packet replayed a million times, from its own address and from elsewhere (protocol.md 8.2.1): every one is
// counted, none is delivered, and the memory that is held stays what it was.
import assert from 'node:assert/strict';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HOME, READER, SrtpBench } from '../support/srtp-bench.js';

const COUNT = 1_000_000;

describe('a packet replayed a million times', () => {
  it('is counted, delivered to nobody, and held nowhere', function () {
    this.timeout(180_000);
    v8.setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const heldBytes = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const scene = new SrtpBench();
    scene.talk(HOME, 10);
    const packet = scene.voice.rtp();
    scene.receive(packet);
    const { size } = scene.port;
    const delivered = scene.bench.deliveries.length;
    const replay = (times: number): void => {
      for (let at = 0; at < times; at++) scene.receive(packet, at % 2 ? HOME : READER);
    };
    // What the engine compiles and caches is there after the first thousand.
    replay(1000);
    const beforeBytes = heldBytes();
    replay(COUNT - 1000);
    const grownBytes = heldBytes() - beforeBytes;
    const { srtpRepeated, candidateRefused } = scene.dropped;
    assert.equal(srtpRepeated + candidateRefused, COUNT);
    assert.equal(scene.bench.deliveries.length, delivered);
    assert.equal(scene.port.size, size);
    assert.ok(grownBytes < 2 ** 20, `${grownBytes} bytes more`);
  });
});

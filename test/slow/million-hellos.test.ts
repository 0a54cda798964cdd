// A million hellos with unknown tags, every one different: no crash, no reply, bounded memory, counted.
import assert from 'node:assert/strict';
import { VerifierBench } from '../support/engine-bench.js';
import * as oracle from '../support/oracle.js';

describe('a million hellos with unknown tags', () => {
  it('draw no reply and cost no memory', function () {
    this.timeout(180_000);
    const peer = new VerifierBench();
    const [port] = peer.ports;
    assert.ok(port);
    const { size } = port;
    const { length } = peer.bench.sent;
    const count = 1_000_000;
    const collect = (globalThis as { gc?: () => void }).gc;
    const heapBytes = (): number => {
      collect?.();
      return process.memoryUsage().heapUsed;
    };
    const beforeBytes = heapBytes();
    for (let i = 0; i < count; i++) {
      const g = { ...peer.generation, verifierTag: `unknownA${i}`, proverTag: `unknownB${i}` };
      const hello = oracle.makeHello(g, 1, oracle.makeTransaction(i, new Uint8Array(8)));
      peer.engineOnly(hello, { address: `192.0.${(i >> 8) & 255}.${i & 255}`, port: 1024 + (i % 60_000) });
    }
    assert.equal(peer.bench.sent.length, length);
    assert.equal(peer.bench.engine.counters.dropped.unknownTags, count);
    assert.equal(port.size, size);
    const grownBytes = heapBytes() - beforeBytes;
    assert.ok(grownBytes < 64 * 2 ** 20, `${grownBytes} bytes more`);
  });
});

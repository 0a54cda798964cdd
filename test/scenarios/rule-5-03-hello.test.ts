// protocol.md 5.3: the welcome, and what the SDP word is good for.
import assert from 'node:assert/strict';

import { VerifierBench, generationOf } from '../support/engine-bench.js';
import { makeSdp } from '../support/session-description.js';
import { isIntegrityValid, makeHello, readLatchLines } from '../support/oracle.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };

describe('rule 5.3: the hello', () => {
  it('is answered with a welcome that carries its transaction and the mapping seen', () => {
    const peer = new VerifierBench();
    const hello = peer.hello(home);
    const [welcome] = peer.bench.sentTo(home, 'welcome');
    assert.ok(welcome?.message);
    assert.deepEqual(welcome.message.transaction, hello.subarray(8, 20));
    assert.ok(isIntegrityValid(welcome.bytes, peer.generation.integrity));
    const value = Buffer.from(welcome.bytes).subarray(24, 32);
    assert.equal(value.readUInt16BE(2) ^ 0x2112, home.port);
    const address = [...value.subarray(4)].map((byte, i) => byte ^ [0x21, 0x12, 0xa4, 0x42][i]!);
    assert.equal(address.join('.'), home.address);
  });

  it('with the SDP word makes its path proven, once', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    peer.hello(home);
    peer.hello(moved);
    const proven = peer.bench.eventsOf('proven');
    assert.deepEqual(
      proven.map(({ remote }) => remote),
      [home],
    );
  });

  it('under another key is neither welcomed nor challenged', () => {
    const peer = new VerifierBench();
    peer.receive(
      makeHello({ ...peer.generation, integrity: Buffer.alloc(32, 1) }, 1, peer.transaction()),
      home,
    );
    assert.equal(peer.bench.sentTo(home).length, 0);
    assert.equal(peer.session.counters.dropped.integrity, 1);
    peer.hello(home);
    assert.equal(peer.bench.eventsOf('proven').length, 1, 'the word was still unspent');
  });

  it('with another word is welcomed and challenged, but proves nothing', () => {
    const peer = new VerifierBench();
    peer.hello(home, { word: Buffer.alloc(16, 5) });
    assert.equal(peer.bench.eventsOf('proven').length, 0);
    assert.equal(peer.bench.sentTo(home, 'welcome').length, 1);
    assert.equal(peer.challengesTo(home).length, 1);
    peer.hello(moved);
    assert.equal(peer.bench.eventsOf('proven').length, 1, 'the word was still unspent');
  });

  it('spends the word for its own component only', () => {
    const peer = new VerifierBench({ isMuxed: false });
    peer.hello(home, { component: 1 });
    peer.hello(moved, { component: 2 });
    assert.deepEqual(
      peer.bench.eventsOf('proven').map(({ component }) => component),
      [1, 2],
    );
  });

  it('a proven path is displaced by nothing until it fails', () => {
    const peer = new VerifierBench();
    peer.hello(home);
    for (let i = 0; i < 60; i++) {
      peer.hello({ address: '192.0.2.1', port: 1000 + i });
      peer.advance(60);
    }
    peer.advance(1000);
    const [challenge] = peer.challengesTo(home);
    assert.ok(challenge);
    peer.respond(challenge);
    assert.deepEqual(peer.mapping, home);
  });

  it('that comes before the answer is known is kept, the last four, and judged when it is', () => {
    for (const count of [1, 4, 6]) {
      const bench = new VerifierBench().bench;
      const port = bench.engine.openPort({ address: '203.0.113.1', port: 50_000 });
      const session = bench.engine.createSession({ call: 'late', role: 'verifier', signalling: 'encrypted' });
      session.component(0, 1).attach(port, bench.nowMs);
      const plain = makeSdp({ address: '203.0.113.1', media: [{ port: 50_000, isMuxed: true }] });
      const offer = session.setLocal(plain, bench.nowMs, 'offer');
      const peer = new VerifierBench();
      const line = `a=latch:1 latecomer001 ${Buffer.alloc(32, 3).toString('base64url')} suite=HMAC-SHA-256`;
      const answer = makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: true, lines: [line] }] });
      const [offered] = readLatchLines(offer);
      const [answered] = readLatchLines(answer);
      assert.ok(offered && answered);
      peer.generation = generationOf(offered, answered, 'offerer');
      const sources = Array.from({ length: count }, (_, i) => ({
        address: '198.51.100.7',
        port: 20_000 + i,
      }));
      for (const source of sources)
        bench.receive(port, makeHello(peer.generation, 1, peer.transaction()), source);
      assert.equal(bench.sent.length, 0, 'nothing is answered yet');
      session.setRemote(answer, bench.nowMs, 'answer');
      bench.drain();
      const challenged = sources.filter((source) => bench.sentTo(source, 'challenge').length === 1);
      assert.deepEqual(challenged, sources.slice(-4));
      assert.equal(bench.eventsOf('proven').length, 1);
    }
  });
});

// P8: clients behind the same NAT, overlapping private addresses, forks of one call and many sessions on one port are
// told apart.
import assert from 'node:assert/strict';
import { Clock } from '../support/clock.js';
import { EngineBench, generationOf } from '../support/engine-bench.js';
import { EngineHost } from '../support/engine-host.js';
import { Ledger } from '../support/ledger.js';
import { itOnGrid } from '../support/matrix.js';
import { makeRtp } from '../support/media.js';
import { Nat } from '../support/nat.js';
import type { Behaviour } from '../support/nat.js';
import { Network, cleanLink, instantLink, roughLink } from '../support/network.js';
import type { Link } from '../support/network.js';
import { makeHello, makeResponse, makeTransaction, readLatchLines, suites } from '../support/oracle.js';
import type { Suite } from '../support/oracle.js';
import { Pair } from '../support/pair.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

interface CrowdOptions {
  readonly suite?: Suite;
  readonly mapping?: Behaviour;
  readonly filtering?: Behaviour;
  readonly seed?: number;
  readonly nats: number;
  readonly clientsPerNat: number;
  /** One port for all sessions, or a port each. */
  readonly isShared: boolean;
  readonly link?: Link;
}

/** Clients of several NATs, whose private addresses are the same behind each, call one server at once. */
function gather(options: CrowdOptions) {
  const prng = new Prng(options.seed ?? 1);
  const clock = new Clock();
  const internet = new Network(clock, prng.fork());
  const engine = options.suite === undefined ? {} : { suites: [options.suite] };
  const server = new EngineHost({
    name: 'server',
    network: internet,
    address: '203.0.113.1',
    prng: prng.fork(),
    link: cleanLink,
    engine,
  });
  const shared = server.openPort(40_000);
  const pairs: Pair[] = [];
  const nats: Nat[] = [];
  for (let n = 0; n < options.nats; n++) {
    const nat = new Nat(internet, {
      name: `nat-${n}`,
      address: `198.51.100.${n + 1}`,
      mapping: options.mapping ?? 'address-and-port-dependent',
      filtering: options.filtering ?? 'address-and-port-dependent',
    });
    nats.push(nat);
    for (let c = 0; c < options.clientsPerNat; c++) {
      const name = `client-${n}-${c}`;
      const caller = new EngineHost({
        name,
        network: nat.inside,
        address: `10.0.${c >> 8}.${(c & 255) + 2}`,
        prng: prng.fork(),
        link: options.link ?? instantLink,
        engine,
      });
      const port = options.isShared ? shared : server.openPort(42_000 + 2 * pairs.length);
      pairs.push(new Pair({ caller, server, prng: prng.fork(), name, isMuxed: true, serverPorts: [port] }));
    }
  }
  const ledger = new Ledger(server, pairs);
  for (const pair of pairs) ledger.addSignalled({ address: pair.caller.host.address, port: 5004 });
  return { clock, server, pairs, nats, ledger };
}

/** Every caller hears its own stream of the server's and nothing else; the server hears each caller in its own session. */
function assertToldApart({ pairs, ledger }: ReturnType<typeof gather>, atLeast: number): void {
  assert.deepEqual(ledger.violations.slice(0, 3), []);
  for (const pair of pairs) {
    for (const side of ['caller', 'server'] as const) {
      const other = side === 'caller' ? pair.server : pair.caller;
      const { heard } = pair[side];
      assert.ok(heard.length >= atLeast, `${pair.name}: ${side} heard ${heard.length}`);
      for (const { datagram } of heard) {
        assert.equal(datagram.origin, other.host.name);
        const view = new DataView(datagram.bytes.buffer, datagram.bytes.byteOffset);
        const ssrc = view.getUint32(datagram.bytes[1] === 200 ? 4 : 8);
        assert.equal(ssrc, other.stream.ssrc, `${pair.name}: ${side} heard another call's stream`);
      }
    }
  }
  const mappings = pairs.map((pair) => JSON.stringify(pair.mapping()));
  assert.equal(new Set(mappings).size, pairs.length, 'each call has its own mapping');
}

describe('P8: calls are told apart', () => {
  for (const isShared of [true, false])
    itOnGrid(
      `three clients behind each of two NATs, ${isShared ? 'all on one port' : 'a port each'}`,
      (point) => {
        const crowd = gather({ ...point, nats: 2, clientsPerNat: 3, isShared });
        for (const pair of crowd.pairs) {
          pair.negotiate({ delayMs: 10 });
          pair.talk();
        }
        crowd.clock.runFor(1500);
        assertToldApart(crowd, 50);
        for (const nat of crowd.nats) nat.rebind();
        crowd.clock.runFor(1500);
        assertToldApart(crowd, 100);
      },
    );

  itOnGrid('the same on rough lines', (point) => {
    const crowd = gather({ ...point, nats: 2, clientsPerNat: 2, isShared: true, link: roughLink });
    for (const pair of crowd.pairs) {
      pair.negotiate({ delayMs: 10 });
      pair.talk();
    }
    crowd.clock.runFor(2000);
    for (const nat of crowd.nats) nat.rebind();
    crowd.clock.runFor(3000);
    assertToldApart(crowd, 100);
  });

  it('an address that passes from one client to another on a shared port belongs to whoever verified it last', () => {
    const bench = new EngineBench();
    const port = bench.engine.openPort({ address: '203.0.113.1', port: 40_000 });
    const mapped = { address: '198.51.100.7', port: 30_000 };
    const calls = [0, 1].map(() => callOn(bench, port));
    for (const [i, call] of calls.entries()) {
      call.prove(mapped, i + 1);
      const heardBy = bench.receive(port, makeRtp({ ssrc: 5, sequence: 1, timestamp: 1 }), mapped);
      assert.equal(heardBy?.session.id, call.session.id);
    }
    calls[1]?.session.close(bench.nowMs);
    assert.equal(bench.receive(port, makeRtp({ ssrc: 5, sequence: 2, timestamp: 1 }), mapped), undefined);
  });

  it('a call that moves on leaves the address that it had to the call which has taken it since', () => {
    const bench = new EngineBench();
    const port = bench.engine.openPort({ address: '203.0.113.1', port: 40_000 });
    const passedOn = { address: '198.51.100.7', port: 30_000 };
    const next = { address: '198.51.100.7', port: 30_001 };
    const [first, second] = [0, 1].map(() => callOn(bench, port));
    assert.ok(first && second);
    const hearsFrom = (source: typeof next): string | undefined =>
      bench.receive(port, makeRtp({ ssrc: 5, sequence: 1, timestamp: 1 }), source)?.session.id;
    first.prove(passedOn, 1);
    second.prove(passedOn, 1);
    assert.equal(hearsFrom(passedOn), second.session.id);
    first.prove(next, 2);
    bench.advance(100);
    assert.deepEqual(first.session.component(0, 1).mapping, next);
    assert.equal(hearsFrom(next), first.session.id);
    assert.equal(hearsFrom(passedOn), second.session.id, 'within the 5 s of rule 5.5');
    bench.advance(6000);
    assert.equal(hearsFrom(passedOn), second.session.id, 'and after');
    first.session.close(bench.nowMs);
    assert.equal(hearsFrom(passedOn), second.session.id);
  });

  it('an address that comes back to the call it was taken from is that one again with its next consent', () => {
    const bench = new EngineBench();
    const port = bench.engine.openPort({ address: '203.0.113.1', port: 40_000 });
    const mapped = { address: '198.51.100.7', port: 30_000 };
    const [first, second] = [0, 1].map(() => callOn(bench, port));
    assert.ok(first && second);
    const owner = (): string | undefined =>
      bench.receive(port, makeRtp({ ssrc: 5, sequence: 1, timestamp: 1 }), mapped)?.session.id;
    first.prove(mapped, 1);
    second.prove(mapped, 1);
    assert.equal(owner(), second.session.id);
    const { length } = bench.sent;
    bench.advance(6000);
    const consent = bench.sent
      .slice(length)
      .find(({ message }) => message?.username.startsWith(first.generation.proverTag));
    assert.ok(consent?.message?.word);
    const { transaction, word } = consent.message;
    bench.receive(port, makeResponse(first.generation, 1, { transaction, word }, port.local), mapped);
    assert.equal(owner(), first.session.id);
    bench.advance(26_000);
    assert.equal(
      bench.eventsOf('expired').some(({ session }) => session === second.session.id),
      true,
    );
    assert.equal(owner(), first.session.id, 'though the other has expired');
  });

  for (const suite of suites)
    it(`forks of one call: each answer has its own key and its own path [${suite}]`, () => {
      const bench = new EngineBench({ suites: [suite] });
      const port = bench.engine.openPort({ address: '203.0.113.1', port: 40_000 });
      const session = bench.engine.createSession({
        call: 'forked',
        role: 'verifier',
        signalling: 'encrypted',
      });
      session.component(0, 1).attach(port, bench.nowMs);
      const plain = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] });
      const offer = session.setLocal(plain, bench.nowMs, 'offer');
      const [offered] = readLatchLines(offer);
      assert.ok(offered);
      const legs = [session, session.fork()].map((leg, i) => {
        const secret = Buffer.alloc(32, i + 1).toString('base64url');
        const answer = makeSdp({
          address: `10.0.0.${i + 2}`,
          media: [
            { port: 5004, isMuxed: true, lines: [`a=latch:1 forktag000${i} ${secret} suite=${suite}`] },
          ],
        });
        assert.deepEqual(leg.setRemote(answer, bench.nowMs, 'answer'), { accepted: true });
        const [answered] = readLatchLines(answer);
        assert.ok(answered);
        return {
          leg,
          generation: generationOf(offered, answered, 'offerer'),
          mapped: { address: '198.51.100.7', port: 30_000 + i },
        };
      });
      bench.drain();
      for (const { leg, generation, mapped } of legs) {
        bench.receive(port, makeHello(generation, 1, makeTransaction(1, bench.prng.bytes(8))), mapped);
        const challenge = bench.sentTo(mapped, 'challenge').at(-1)?.message;
        assert.ok(challenge?.word);
        const other = legs.find((candidate) => candidate.leg !== leg);
        assert.ok(other);
        const question = { transaction: challenge.transaction, word: challenge.word };
        bench.receive(port, makeResponse(other.generation, 1, question, port.local), mapped);
        assert.equal(leg.component(0, 1).mapping, undefined, "another fork's key proves nothing here");
        bench.receive(port, makeResponse(generation, 1, question, port.local), mapped);
        assert.deepEqual(leg.component(0, 1).mapping, mapped);
        const media = makeRtp({ ssrc: 1, sequence: 1, timestamp: 1 });
        assert.equal(bench.receive(port, media, mapped)?.session.id, leg.id);
      }
      assert.equal(new Set(legs.map(({ leg }) => leg.id)).size, 2);
      const line = `a=latch:1 forktag0001 ${Buffer.alloc(32, 9).toString('base64url')} suite=${suite}`;
      const echo = makeSdp({ address: '10.0.0.9', media: [{ port: 5004, isMuxed: true, lines: [line] }] });
      const verdict = session.fork().setRemote(echo, bench.nowMs, 'answer');
      assert.ok(!verdict.accepted && verdict.status === 400, 'a second answer with a tag already known');
    });

  for (const isShared of [true, false])
    it(`500 sessions ${isShared ? 'on one port' : 'on a port each'}, all verified at once`, function () {
      this.timeout(20_000);
      const crowd = gather({ nats: 5, clientsPerNat: 100, isShared });
      const startMs = crowd.clock.nowMs;
      for (const pair of crowd.pairs) pair.negotiate();
      const isReady = (): boolean => crowd.pairs.every((pair) => pair.mapping() !== undefined);
      while (!isReady() && crowd.clock.nowMs < startMs + 1000) crowd.clock.runFor(10);
      assert.ok(isReady());
      assert.ok(crowd.clock.nowMs - startMs <= 100, `${crowd.clock.nowMs - startMs} ms`);
      for (let i = 0; i < 3; i++) {
        for (const pair of crowd.pairs) {
          pair.sendRtp('caller');
          pair.sendRtp('server');
        }
        crowd.clock.runFor(100);
      }
      assertToldApart(crowd, 3);
    });
});

/** A session on a shared port whose prover the test plays. */
function callOn(bench: EngineBench, port: Parameters<EngineBench['receive']>[0]) {
  const session = bench.engine.createSession({ call: 'shared', role: 'verifier', signalling: 'encrypted' });
  session.component(0, 1).attach(port, bench.nowMs);
  const tag = Buffer.from(bench.prng.bytes(8)).toString('hex');
  const secret = Buffer.from(bench.prng.bytes(32)).toString('base64url');
  const lines = [`a=latch:1 ${tag} ${secret} suites=HMAC-SHA-256`];
  const offer = makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: true, lines }] });
  session.setRemote(offer, bench.nowMs, 'offer');
  const plain = makeSdp({ address: port.local.address, media: [{ port: port.local.port, isMuxed: true }] });
  const answer = session.setLocal(plain, bench.nowMs, 'answer');
  const [offered] = readLatchLines(offer);
  const [answered] = readLatchLines(answer);
  assert.ok(offered && answered);
  const generation = generationOf(offered, answered, 'answerer');
  const prove = (source: { address: string; port: number }, counter: number): void => {
    bench.receive(port, makeHello(generation, 1, makeTransaction(counter, bench.prng.bytes(8))), source);
    const challenge = bench.sentTo(source, 'challenge').at(-1)?.message;
    assert.ok(challenge?.word);
    const question = { transaction: challenge.transaction, word: challenge.word };
    bench.receive(port, makeResponse(generation, 1, question, port.local), source);
  };
  return { session, generation, prove };
}

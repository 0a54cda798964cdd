// Protocol 8.1: a phone without latch brings ICE, and the same rules hold with its checks as hello, challenge and response.
import assert from 'node:assert/strict';
import { EngineBench } from '../support/engine-bench.js';
import { IceBench, MAPPING, SERVER } from '../support/ice-bench.js';
import { IcePhone, type Check } from '../support/ice-phone.js';
import { makeSdp } from '../support/session-description.js';

const REBOUND = { address: '198.51.100.7', port: 31_032 };
const STRANGER = { address: '203.0.113.66', port: 9 };

describe('ICE (protocol.md 8.1)', () => {
  it('answers an offer as a lite agent: its own half, and a candidate at the address of the section', () => {
    const { answer, session } = new IceBench();
    assert.match(answer, /^a=ice-lite\r$/m);
    assert.match(answer, /^a=ice-ufrag:\S{4,}\r$/m);
    assert.match(answer, /^a=ice-pwd:\S{22,}\r$/m);
    assert.match(answer, /^a=candidate:1 1 UDP 2130706431 203\.0\.113\.1 40000 typ host\r$/m);
    assert.doesNotMatch(answer, /a=latch/);
    assert.equal(session.protection, 'ice');
  });

  it('a peer with both gets latch', () => {
    const bench = new EngineBench();
    const session = bench.engine.createSession({ signalling: 'encrypted' });
    const latch = `a=latch:1 clientTag1 ${'A'.repeat(43)} suites=AES-256`;
    const media = [{ port: 5004, lines: [...new IcePhone('both').lines, latch] }];
    session.setRemote(makeSdp({ address: '10.0.1.2', media }), 0);
    const answer = session.setLocal(makeSdp({ address: SERVER.address, media: [{ port: 40_000 }] }), 0);
    assert.match(answer, /a=latch:1/);
    assert.doesNotMatch(answer, /a=ice/);
  });

  it('works over clear signalling too, where latch may not, and the event says so', () => {
    for (const signalling of ['clear', 'encrypted'] as const) {
      const ice = new IceBench({ signalling });
      ice.connect();
      assert.deepEqual(ice.destination, MAPPING);
      const [verified] = ice.bench.eventsOf('verified');
      assert.ok(verified?.type === 'verified');
      assert.equal(verified.signalling, signalling);
    }
  });

  it('a check is answered and its address checked; media flows when it has answered, and not before', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check(), MAPPING);
    assert.equal(ice.destination, undefined);
    assert.equal(ice.talk(MAPPING), false);
    const [check] = ice.checksTo(MAPPING);
    assert.ok(check?.isControlled);
    assert.equal(check.username, `${ice.phone.ufrag}:${ice.phone.serverUfrag}`);
    ice.bench.advance(20);
    ice.answerFrom(MAPPING);
    assert.deepEqual(ice.destination, MAPPING);
    assert.equal(ice.talk(MAPPING), true);
    const [verified] = ice.bench.eventsOf('verified');
    assert.ok(verified?.type === 'verified' && verified.protection === 'ice' && verified.nat === 'both');
  });

  it('media alone makes a candidate: after a rebinding the phone need only answer', () => {
    const ice = new IceBench();
    ice.connect();
    ice.bench.advance(3000);
    assert.equal(ice.talk(REBOUND), false);
    const startMs = ice.bench.nowMs;
    ice.bench.advance(20);
    ice.answerFrom(REBOUND);
    ice.bench.advance(10);
    assert.ok(ice.bench.nowMs - startMs <= 40);
    assert.deepEqual(ice.destination, REBOUND);
    assert.equal(ice.talk(REBOUND), true);
    assert.equal(ice.bench.eventsOf('rebound').length, 1);
  });

  it('an address that nobody nominated is held back while the old one answers (rule 5.11)', () => {
    const ice = new IceBench();
    ice.connect();
    ice.talk(MAPPING);
    ice.talk(STRANGER);
    ice.bench.advance(5);
    ice.answerFrom(MAPPING);
    ice.answerFrom(STRANGER);
    ice.bench.advance(5000);
    assert.deepEqual(ice.destination, MAPPING);
    assert.equal(ice.bench.eventsOf('conflict').length, 1);
    assert.equal(ice.talk(STRANGER), false);
  });

  it('the nominated path with the highest priority carries the media, payload is taken from every verified one', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check({ priority: 100 }), MAPPING);
    ice.answerFrom(MAPPING);
    ice.send(ice.phone.check({ priority: 200, isNominating: true }), REBOUND);
    ice.answerFrom(REBOUND);
    assert.deepEqual(ice.destination, REBOUND);
    assert.ok(ice.talk(MAPPING) && ice.talk(REBOUND));
    ice.send(ice.phone.check({ priority: 150, isNominating: true }), MAPPING);
    assert.deepEqual(ice.destination, REBOUND);
    ice.send(ice.phone.check({ priority: 300, isNominating: true }), MAPPING);
    assert.deepEqual(ice.destination, MAPPING);
    ice.bench.advance(31_000);
    assert.equal(ice.talk(REBOUND), false, 'not verified anew: no longer taken');
  });

  it('a check that does not nominate takes the media from no path that answers, whatever its priority', () => {
    const ice = new IceBench();
    ice.connect();
    ice.send(ice.phone.check({ priority: 0x7fffffff }), STRANGER);
    ice.bench.advance(5);
    ice.answerFrom(MAPPING);
    ice.answerFrom(STRANGER);
    ice.bench.advance(100);
    assert.deepEqual(ice.destination, MAPPING);
  });

  it('five paths of one peer are kept: the one in use and the last four that stand by', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check(), MAPPING);
    ice.answerFrom(MAPPING);
    const others = Array.from({ length: 5 }, (_, i) => ({ ...MAPPING, port: 31_000 + i }));
    for (const other of others) {
      ice.send(ice.phone.check(), other);
      ice.bench.advance(5);
      ice.answerFrom(MAPPING);
      ice.answerFrom(other);
      ice.bench.advance(100);
    }
    assert.deepEqual(ice.destination, MAPPING);
    assert.deepEqual(
      others.map((other) => ice.talk(other)),
      [false, true, true, true, true],
    );
  });

  it('only a success with valid integrity, to what was asked, from where it was asked, verifies', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check(), MAPPING);
    const [check] = ice.checksTo(MAPPING) as [Check];
    ice.send(ice.phone.answer(check, SERVER, 'anotherPasswordOf24Chars'), MAPPING);
    ice.send(ice.phone.answer(check, SERVER), STRANGER);
    ice.send(ice.phone.answer({ ...check, transaction: Buffer.alloc(12) }, SERVER), MAPPING);
    const error = ice.phone.answer(check, SERVER);
    error.writeUInt16BE(0x0111, 0);
    ice.send(error, MAPPING);
    assert.equal(ice.destination, undefined);
    const { dropped } = ice.bench.engine.counters;
    assert.deepEqual(
      [dropped.integrity, dropped.wrongSource, dropped.staleTransaction, dropped.fingerprint],
      [1, 1, 1, 1],
    );
  });

  it('a check with a wrong key, a wrong user, 500 attributes: no answer, counted', () => {
    const ice = new IceBench();
    const before = ice.bench.sent.length;
    ice.send(ice.phone.check({ password: 'anotherPasswordOf24Chars' }), STRANGER);
    ice.send(ice.phone.check({ username: 'no:body' }), STRANGER);
    ice.send(ice.phone.check({ username: 'nobody' }), STRANGER);
    const extra = Array.from({ length: 500 }, () => ({ type: 0x8022, value: Buffer.from('x') }));
    ice.send(ice.phone.check({ extra }), STRANGER);
    ice.send(ice.phone.check({ extra: [{ type: 0x0030, value: Buffer.from('must') }] }), STRANGER);
    assert.equal(ice.bench.sent.length, before);
    const { dropped } = ice.bench.engine.counters;
    assert.deepEqual([dropped.integrity, dropped.unknownTags, dropped.malformed], [1, 1, 3]);
  });

  it('a peer that claims the controlled role is told 487, once it has shown its key', () => {
    const ice = new IceBench();
    ice.send(ice.phone.check({ role: 'controlled' }), MAPPING);
    const reply = Buffer.from(ice.bench.sent.at(0)?.bytes ?? []);
    assert.equal(reply.readUInt16BE(0), 0x0111);
    assert.equal(reply.readUInt8(26) * 100 + reply.readUInt8(27), 487);
  });

  it('a recorded check, replayed from elsewhere, moves nothing and displaces nobody', () => {
    const ice = new IceBench();
    const recorded = ice.phone.check({ isNominating: true, priority: 0x7fffffff });
    ice.send(recorded, MAPPING);
    ice.answerFrom(MAPPING);
    for (let i = 0; i < 100; i++) ice.send(recorded, { ...STRANGER, port: 1000 + i });
    ice.bench.advance(10_000);
    assert.deepEqual(ice.destination, MAPPING);
    for (let i = 0; i < 100; i++) {
      const bytes = ice.bench.sent.filter(({ destination }) => destination.port === 1000 + i);
      assert.ok(bytes.reduce((sum, sent) => sum + sent.bytes.length, 0) <= 3 * recorded.length);
    }
  });

  it('rule 5.9: who replays hundreds of recorded checks delays no honest rebinding (P6)', () => {
    for (const recordedCount of [20, 300]) {
      const ice = new IceBench();
      ice.connect();
      const recorded = Array.from({ length: recordedCount }, () => {
        const check = ice.phone.check({ isNominating: true });
        ice.send(check, MAPPING);
        ice.bench.advance(10);
        return check;
      });
      let replayed = 0;
      const flood = (): void => {
        const source = { address: `192.0.2.${1 + (replayed % 250)}`, port: 2000 + replayed };
        ice.send(recorded[replayed++ % recordedCount] as Buffer, source);
      };
      for (let i = 0; i < 500; i++) {
        flood();
        ice.bench.advance(2);
      }
      const moved = { ...MAPPING, port: MAPPING.port + 1 };
      const startMs = ice.bench.nowMs;
      ice.send(ice.phone.check({ isNominating: true }), moved);
      let isAnswered = false;
      while (ice.bench.nowMs < startMs + 170) {
        flood();
        ice.bench.advance(2);
        if (isAnswered || ice.bench.nowMs < startMs + 40) continue;
        isAnswered = true;
        ice.answerFrom(moved);
      }
      assert.deepEqual(ice.destination, moved, `${recordedCount} recorded`);
    }
  });

  it('without consent the path expires, and a later check brings it back (rule 5.8)', () => {
    const ice = new IceBench();
    ice.connect();
    ice.bench.advance(40_000);
    assert.equal(ice.bench.eventsOf('expired').length, 1);
    assert.equal(ice.destination, undefined);
    ice.connect();
    assert.deepEqual(ice.destination, MAPPING);
  });

  it('a re-INVITE with the same credentials changes nothing; new ones are a restart, and media flows meanwhile', () => {
    const ice = new IceBench();
    ice.connect();
    const { answer } = ice;
    ice.exchange();
    assert.equal(ice.answer, answer);
    assert.deepEqual(ice.destination, MAPPING);
    ice.phone = new IcePhone('second');
    ice.exchange();
    assert.notEqual(ice.answer, answer);
    assert.deepEqual(ice.destination, MAPPING);
    assert.equal(ice.talk(MAPPING), true);
    ice.answerFrom(MAPPING);
    ice.bench.advance(29_000);
    assert.equal(ice.bench.eventsOf('expired').length, 0);
    assert.equal(ice.bench.eventsOf('verified').length, 2, 'verified anew under the new credentials');
  });

  it('each fork that answers an offer of ours with ICE has its own session, and keeps its key when another ends', () => {
    const { engine } = new EngineBench();
    const session = engine.createSession({ signalling: 'clear' });
    session.setLocal(makeSdp({ address: SERVER.address, media: [{ port: 40_000, isMuxed: true }] }), 0);
    const fork = session.fork();
    for (const [one, name] of [
      [session, 'desk'],
      [fork, 'mobile'],
    ] as const) {
      const media = [{ port: 5004, isMuxed: true, lines: new IcePhone(name).lines }];
      assert.ok(one.setRemote(makeSdp({ address: '10.0.1.2', media }), 0).accepted);
    }
    assert.deepEqual([session.protection, fork.protection], ['ice', 'ice']);
    fork.close(1);
    const port = engine.openPort(SERVER);
    session.component(0, 1).attach(port, 2);
    assert.equal(session.protection, 'ice');
  });
});

// protocol.md 8.3.10: consent, RTCP, data, and ports of many calls.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, MOVED, NEIGHBOUR, PlainVoice, SERVER } from '../support/evidence-bench.js';
import { makeSenderReport } from '../support/media.js';

const report = (ssrc: number, nowMs: number) => makeSenderReport(ssrc, nowMs, 1);

describe('rule 8.3.10: consent', () => {
  it('30 s without a packet of the locked stream or RTCP in its name: expired, and nothing goes there', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(20, HOME);
    call.advance(29_000);
    assert.deepEqual(call.send(), HOME);
    call.advance(1500);
    assert.equal(call.count('expired'), 1);
    assert.equal(call.send(), undefined);
  });

  it('a run from the locked source brings it back', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(20, HOME);
    call.advance(31_000);
    assert.equal(call.count('expired'), 1);
    call.talk(6, HOME);
    assert.deepEqual([call.locked, call.send()], [HOME, HOME]);
  });

  it('and so does its stream that goes on from elsewhere', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(300, HOME);
    call.advance(31_000);
    call.voice.timestamp += 31 * 8000;
    call.talk(6, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  it('a peer that may be silent is asked for in the dialog', () => {
    const call = new EvidenceBench({ direction: 'recvonly', canAsk: false });
    for (let i = 0; i < 3; i++) {
      call.receive(Uint8Array.of(0), HOME);
      call.advance(300);
    }
    call.advance(16_000);
    assert.ok(call.count('silent') >= 1);
    call.session.asked('answered', call.nowMs);
    call.advance(25_000);
    assert.equal(call.count('expired'), 0);
  });
});

describe('rule 8.3.10: RTCP and data', () => {
  it('RTCP on its own port: from the IP address of the RTP, in the name of a locked SSRC', () => {
    const call = new EvidenceBench({ canAsk: false, hasRtcp: true });
    const [port] = call.rtcpPorts;
    assert.ok(port);
    const at = { ...HOME, port: 30_001 };
    const receive = (ssrc: number, source: typeof HOME) =>
      call.bench.receive(port, report(ssrc, call.nowMs), source) === call.rtcp;
    assert.equal(receive(0x1234, at), false, 'not before the lock');
    call.talk(10, HOME);
    assert.equal(receive(0x1234, at), true);
    assert.equal(receive(0x9999, at), false);
    assert.equal(receive(0x1234, { address: '192.0.2.66', port: 1 }), false);
    assert.deepEqual(call.rtcp.handleSend(report(1, 1), call.nowMs), at);
    const moved = { ...HOME, port: 30_002 };
    assert.equal(receive(0x1234, moved), true);
    assert.deepEqual(call.rtcp.handleSend(report(1, 1), call.nowMs), moved);
  });

  it('RTCP in its name keeps a silent phone', () => {
    const call = new EvidenceBench({ canAsk: false, hasRtcp: true });
    const [port] = call.rtcpPorts;
    assert.ok(port);
    call.talk(10, HOME);
    for (let i = 0; i < 12; i++) {
      call.advance(5000);
      call.bench.receive(port, report(0x1234, call.nowMs), HOME);
    }
    assert.equal(call.count('expired'), 0);
  });

  it('data that is not RTP is taken from the locked source alone', () => {
    const call = new EvidenceBench({ canAsk: false });
    const data = Uint8Array.of(200, 1, 2, 3);
    assert.equal(call.receive(data, HOME), false);
    call.talk(10, HOME);
    assert.equal(call.receive(data, HOME), true);
    assert.equal(call.receive(data, NEIGHBOUR), false);
  });
});

describe('rule 8.3.10: a port of many calls', () => {
  it('serves such peers by announced SSRC and by the address of the description alone', () => {
    const one = new EvidenceBench({ ssrcs: [1], canAsk: false });
    const two = new EvidenceBench({ ssrcs: [2], canAsk: false, beside: one });
    const direct = { address: HOME.address, port: 6000 };
    const three = new EvidenceBench({ signalled: direct, canAsk: false, beside: one });
    one.talk(4, HOME, new PlainVoice(1));
    one.talk(4, MOVED, new PlainVoice(2));
    one.talk(4, direct, new PlainVoice(3));
    one.advance(100);
    assert.deepEqual([one.locked, two.locked, three.locked], [HOME, MOVED, direct]);
    one.talk(20, { ...HOME, port: 5 }, new PlainVoice(9));
    assert.equal(one.bench.engine.counters.dropped.unroutable, 20);
  });

  it('follows a stream that goes on elsewhere, each call its own, though both have one SSRC', () => {
    const [at, other] = [
      { address: HOME.address, port: 6000 },
      { address: HOME.address, port: 7000 },
    ];
    const one = new EvidenceBench({ signalled: at, canAsk: false });
    const two = new EvidenceBench({ signalled: other, canAsk: false, beside: one });
    const voices = [new PlainVoice(7), new PlainVoice(7, 30_000, 5_000_000)] as const;
    const talk = (count: number, first: typeof at, second: typeof at): void =>
      one.talkAll(count, [
        [voices[0], first],
        [voices[1], second],
      ]);
    talk(10, at, other);
    assert.deepEqual([one.locked, two.locked], [at, other]);
    const before = one.bench.engine.counters.dropped.unroutable;
    talk(6, { ...MOVED, port: 1 }, { ...MOVED, port: 2 });
    assert.deepEqual([one.locked?.port, two.locked?.port], [1, 2]);
    assert.deepEqual([one.count('conflict'), one.bench.engine.counters.dropped.unroutable - before], [0, 0]);
    assert.deepEqual([one.send()?.port, two.send()?.port], [1, 2]);
    // With the SSRC alone nobody is anybody's.
    one.talk(20, { ...HOME, address: '192.0.2.66' }, new PlainVoice(7, 50_000, 2_000_000_000));
    assert.equal(one.bench.engine.counters.dropped.unroutable - before, 20);
  });

  it('and gives it back to the phone, where who read it went on with it in a pause', () => {
    const at = { address: HOME.address, port: 6000 };
    const one = new EvidenceBench({ signalled: at, canAsk: false });
    const two = new EvidenceBench({ ssrcs: [2], canAsk: false, beside: one });
    one.talk(10, at);
    const thief = { address: '192.0.2.66', port: 4000 };
    one.talk(10, thief, new PlainVoice(one.voice.ssrc, one.voice.sequence, one.voice.timestamp));
    assert.deepEqual([one.locked, two.locked], [thief, undefined]);
    one.voice.sequence += 10;
    one.voice.timestamp += 1600;
    assert.equal(one.talk(5, at), 5);
    assert.deepEqual([one.locked, one.count('conflict')], [at, 1]);
  });

  it('a phone whose packets a session that proves itself draws by its SSRC is not silent: nobody has its stream', () => {
    const at = { address: HOME.address, port: 6000 };
    const one = new EvidenceBench({ signalled: at, canAsk: false });
    const two = new EvidenceBench({ ssrcs: [2], canAsk: false, beside: one });
    one.talk(10, at);
    const { ssrc, sequence, timestamp } = one.voice;
    one.talk(
      3,
      { address: '192.0.2.66', port: 4000 },
      new PlainVoice(ssrc, sequence + 2, timestamp + 320),
      one.port,
      1,
    );
    two.port.addSsrc(ssrc, { owner: two.component, heardMs: () => Infinity });
    one.voice.sequence += 5;
    one.voice.timestamp += 800;
    one.talk(20, at);
    assert.deepEqual([one.locked, two.locked], [at, undefined]);
    assert.ok(one.count('conflict') > 0, 'it is told');
  });

  it('rule 5.1: a source where another session has proven itself meanwhile is not the peer, and what came from there is for nobody', () => {
    const at = { address: HOME.address, port: 6000 };
    const one = new EvidenceBench({ signalled: at, canAsk: false });
    const two = new EvidenceBench({ ssrcs: [2], canAsk: false, beside: one });
    one.talk(10, at);
    const thief = { address: '192.0.2.66', port: 4000 };
    const { ssrc, sequence, timestamp } = one.voice;
    const delivered = one.component.counters.delivered;
    one.talk(4, thief, new PlainVoice(ssrc, sequence, timestamp), one.port, 1);
    one.port.proveRoute(thief, two.component, Infinity);
    one.advance(500);
    assert.deepEqual(one.locked, at);
    assert.equal(one.component.counters.delivered, delivered);
  });

  it('rule 5.1: of two calls whose one stream goes on at one address the first has it, and the other nothing from there', () => {
    const at = { address: HOME.address, port: 6000 };
    const other = { address: HOME.address, port: 7000 };
    const one = new EvidenceBench({ signalled: at, canAsk: false });
    const two = new EvidenceBench({ signalled: other, canAsk: false, beside: one });
    one.talkAll(10, [
      [new PlainVoice(7), at],
      [new PlainVoice(7), other],
    ]);
    const delivered = (): number => one.component.counters.delivered + two.component.counters.delivered;
    const before = delivered();
    const thief = { address: '192.0.2.66', port: 4000 };
    const { sequence, timestamp } = new PlainVoice(7);
    one.talk(4, thief, new PlainVoice(7, sequence + 10, timestamp + 1600), one.port, 1);
    one.advance(500);
    assert.deepEqual([one.locked, two.locked].filter((place) => place?.port === thief.port).length, 1);
    assert.ok(delivered() - before <= 4, 'none of them twice');
  });

  it('of forks on one port each takes its own', () => {
    const first = new EvidenceBench({ ssrcs: [1], isConfirmed: false, canAsk: false });
    const second = new EvidenceBench({ ssrcs: [2], isConfirmed: false, canAsk: false, beside: first });
    first.talkAll(4, [
      [new PlainVoice(1), HOME],
      [new PlainVoice(2), { ...HOME, port: 2 }],
    ]);
    assert.deepEqual([first.locked, second.locked], [HOME, { ...HOME, port: 2 }]);
    assert.equal(first.port.local.port, SERVER.port);
  });
});

describe('section 7: the policies for a peer without a key', () => {
  it('legacy: evidence, and blind only after 2 s in which no source that may be the peer has lived', () => {
    const call = new EvidenceBench({ policy: 'legacy', canAsk: false });
    const stranger = { address: '192.0.2.66', port: 4000 };
    const voice = new PlainVoice(9);
    call.talk(99, stranger, voice);
    assert.equal(call.locked, undefined);
    call.talk(3, stranger, voice);
    assert.deepEqual([call.locked, call.count('legacy')], [stranger, 1]);
    assert.equal(call.session.protection, 'legacy');
  });

  it('legacy: a home source that lives keeps blind latching away', () => {
    const call = new EvidenceBench({ policy: 'legacy', canAsk: false });
    call.talkAll(150, [
      [new PlainVoice(9), { address: '192.0.2.66', port: 4000 }],
      [call.voice, HOME],
    ]);
    assert.deepEqual([call.locked, call.session.protection], [HOME, 'evidence']);
  });

  it('prefer: never blind', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(300, { address: '192.0.2.66', port: 4000 });
    assert.equal(call.locked, undefined);
  });
});

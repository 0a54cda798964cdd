// Protocol 8.2.4 to 8.2.6: how much goes to a peer with SRTP, how long, and what a re-offer with new keys changes.
import assert from 'node:assert/strict';
import { createIceHalf } from '../../lib/core/index.js';
import type { Agreement } from '../../lib/core/index.js';
import { makeRtp } from '../support/media.js';
import { Prng } from '../support/prng.js';
import { HOME, masterKey, PRIVATE, READER, REBOUND, SrtpBench, SrtpVoice } from '../support/srtp-bench.js';

describe('8.2.4: to an address that is not shown', () => {
  it('at most three times the bytes that came from it go, and each byte more frees three', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 1);
    const receivedBytes = scene.voice.rtp().length;
    assert.deepEqual(scene.send(3 * receivedBytes), HOME);
    assert.equal(scene.send(1), undefined);
    assert.equal(scene.dropped.unproven, 1);
    scene.talk(HOME, 1);
    assert.deepEqual(scene.send(3 * receivedBytes), HOME);
    assert.equal(scene.send(1), undefined);
  });

  it('copies that are counted twice, and what is forged, free nothing', () => {
    const scene = new SrtpBench();
    const packet = scene.voice.rtp();
    for (let at = 0; at < 100; at++) scene.receive(packet);
    assert.deepEqual(scene.send(3 * packet.length), HOME);
    assert.equal(scene.send(1), undefined);
  });

  it('what goes again at a switch keeps to it', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 30);
    scene.receive(scene.voice.rtp(), REBOUND);
    for (let at = 0; at < 16; at++) assert.ok(scene.send());
    scene.bench.advance(60);
    assert.deepEqual(scene.mapping, REBOUND);
    const bytes = scene.bench.sentTo(REBOUND).reduce((sum, sent) => sum + sent.bytes.length, 0);
    assert.ok(bytes > 0 && bytes <= 3 * 182, `${bytes}`);
  });

  it('one that is shown, before or later, gets all', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 1);
    scene.send(500);
    assert.equal(scene.send(500), undefined);
    scene.call.shown(HOME.address);
    for (let at = 0; at < 100; at++) assert.deepEqual(scene.send(500), HOME);
  });

  it('nothing goes anywhere before the first packet', () => {
    const scene = new SrtpBench({ from: HOME.address });
    assert.equal(scene.send(), undefined);
    assert.equal(scene.dropped.noPath, 1);
    assert.equal(scene.bench.sent.length, 0);
  });
});

describe('8.2.5: consent', () => {
  it('30 s without an authentic packet: expired, and nothing goes to it; the next packet brings it back', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.bench.advance(29_900);
    assert.equal(scene.count('expired'), 0);
    assert.ok(scene.send());
    scene.bench.advance(200);
    assert.equal(scene.count('expired'), 1);
    assert.equal(scene.send(), undefined);
    assert.equal(scene.mapping, undefined);
    scene.talk(HOME, 1);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.count('verified'), 2);
  });

  it('who falls silent while it moves has the 30 s from its last packet, not from the switch', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.talk(REBOUND, 2);
    scene.bench.advance(100);
    assert.deepEqual(scene.mapping, REBOUND);
    scene.bench.advance(29_870);
    assert.deepEqual([scene.count('expired'), scene.mapping], [0, REBOUND]);
    scene.bench.advance(20);
    assert.deepEqual([scene.count('expired'), scene.mapping], [1, undefined]);
  });

  it('copies of what was accepted keep no path', () => {
    const scene = new SrtpBench({ from: HOME.address });
    const packet = scene.voice.rtp();
    for (let at = 0; at < 32; at++) {
      scene.receive(packet);
      scene.bench.advance(1000);
    }
    assert.equal(scene.count('expired'), 1);
    assert.equal(scene.mapping, undefined);
  });

  it('a report within 30 s is enough', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    for (let at = 0; at < 10; at++) {
      scene.bench.advance(20_000);
      scene.receive(scene.voice.rtcp(scene.nowMs));
    }
    assert.equal(scene.count('expired'), 0);
    assert.deepEqual(scene.mapping, HOME);
  });

  it('a report at the port for RTCP says of RTP too that the peer is there', () => {
    const scene = new SrtpBench({ from: HOME.address, hasRtcp: true });
    scene.talk(HOME, 20);
    for (let at = 0; at < 10; at++) {
      scene.bench.advance(20_000);
      scene.receive(scene.voice.rtcp(scene.nowMs), { ...HOME, port: 20_002 }, scene.rtcpPort);
    }
    assert.equal(scene.count('expired'), 0);
    assert.deepEqual(scene.mapping, HOME);
    assert.deepEqual(scene.call.component(0, 2).mapping, { ...HOME, port: 20_002 });
  });

  it('a phone on hold for 3 minutes keeps its call where nobody can ask', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.agree(scene.master, { expectsMedia: false });
    scene.bench.advance(180_000);
    assert.equal(scene.count('expired'), 0);
    assert.deepEqual(scene.send(), HOME);
  });

  it('who can ask is told after 15 s of silence and every 10 s; each final answer keeps the path', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.agree(scene.master, { expectsMedia: false });
    const heldMs = scene.nowMs - 20;
    for (let at = 0; at < 180; at++) {
      scene.bench.advance(1000);
      const asked = scene.bench.eventsOf('silent', scene.nowMs - 1000).length;
      if (asked > 0) scene.call.asked(at % 2 ? 'refused' : 'answered', scene.nowMs);
    }
    const toldMs = scene.bench.eventsOf('silent').map(({ atMs }) => atMs - heldMs);
    assert.deepEqual(
      toldMs.slice(0, 3).map((ms) => Math.round(ms)),
      [15_000, 25_000, 35_000],
    );
    assert.equal(scene.count('expired'), 0);
    assert.deepEqual(scene.send(), HOME);
  });

  it('who does not answer any more has expired after 30 s', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.agree(scene.master, { expectsMedia: false });
    scene.bench.advance(16_000);
    scene.call.asked('answered', scene.nowMs);
    const answeredMs = scene.nowMs;
    for (let at = 0; at < 5; at++) {
      scene.bench.advance(10_000);
      scene.call.asked('unanswered', scene.nowMs);
    }
    const [expired] = scene.bench.eventsOf('expired');
    assert.equal(Math.round((expired?.atMs ?? 0) - answeredMs), 30_000);
  });

  it('of a peer that is to send no question is asked', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.bench.advance(29_000);
    assert.equal(scene.count('silent'), 0);
  });
});

describe('8.2.6: new keys of a re-offer', () => {
  it('count from the answer on, the old ones until 5 s after the first packet under the new; no packet is lost', () => {
    const scene = new SrtpBench({ from: HOME.address, terminates: true });
    scene.talk(HOME, 20);
    const before = scene.voice;
    scene.agree(masterKey(9));
    assert.deepEqual(scene.mapping, HOME, 'the path stays');
    scene.talk(HOME, 500);
    assert.equal(scene.bench.deliveries.length, 520, 'the phone takes its time');
    scene.voice = new SrtpVoice(masterKey(9), before.ssrc, before.sequence);
    scene.talk(HOME, 1);
    scene.receive(before.rtp());
    scene.talk(HOME, 240);
    scene.receive(before.rtp());
    assert.equal(scene.bench.deliveries.length, 763);
    scene.talk(HOME, 10);
    scene.receive(before.rtp());
    assert.equal(scene.bench.deliveries.length, 773);
    assert.equal(scene.dropped.srtpTag, 1);
    assert.equal(scene.count('conflict'), 0);
  });

  it('and a phone that moves with the first packet under them is followed', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 20);
    scene.agree(masterKey(9));
    scene.voice = new SrtpVoice(masterKey(9), scene.voice.ssrc, 3);
    scene.talk(REBOUND, 10);
    assert.deepEqual(scene.mapping, REBOUND);
    assert.equal(scene.count('conflict'), 0);
  });

  it('the same keys again are no new ones: what was sent under them stays sent', () => {
    const scene = new SrtpBench({ from: HOME.address });
    const packet = scene.voice.rtp();
    scene.receive(packet);
    scene.agree();
    scene.receive(packet);
    assert.equal(scene.dropped.srtpRepeated, 1);
    scene.agree(masterKey(9));
    scene.agree();
    scene.receive(packet);
    assert.equal(scene.dropped.srtpRepeated, 2, 'nor when the peer goes back to them');
  });

  it('after a close nothing is authentic', () => {
    const scene = new SrtpBench();
    scene.talk(HOME, 3);
    scene.call.close(scene.nowMs);
    scene.receive(scene.voice.rtp());
    assert.equal(scene.bench.engine.counters.delivered, 3);
    assert.equal(scene.port.size, 0);
  });
});

describe('8.2.6: RTCP on its own port', () => {
  it('has its own path, found by the same rules, and a packet counts once on both', () => {
    const scene = new SrtpBench({ hasRtcp: true, from: HOME.address });
    const rtcpHome = { ...HOME, port: 20_002 };
    scene.talk(HOME, 3);
    const report = scene.voice.rtcp(scene.nowMs);
    scene.receive(report, rtcpHome, scene.rtcpPort);
    assert.deepEqual(scene.call.component(0, 2).mapping, rtcpHome);
    assert.deepEqual(scene.mapping, HOME);
    scene.receive(report, READER);
    assert.deepEqual(scene.mapping, HOME);
    assert.equal(scene.dropped.srtpRepeated, 1);
  });
});

describe('P10 with SRTP', () => {
  const ice = () => ({ own: createIceHalf(new Prng(1)), peer: createIceHalf(new Prng(2)) });
  const media = { expectsMedia: true, remote: HOME };

  it('each step down is told with what it is to, and each step up is not', () => {
    const scene = new SrtpBench();
    const agree = (agreement: Agreement) => scene.bench.engine.agree(scene.call, 0, agreement, scene.nowMs);
    const to = () => {
      scene.bench.drain();
      return scene.bench.events.flatMap((event) => (event.type === 'downgraded' ? [event.to] : []));
    };
    agree({ kind: 'none', ...media });
    assert.deepEqual(to(), ['none']);
    scene.agree();
    agree({ kind: 'ice', ...ice(), ...media });
    assert.deepEqual(to(), ['none']);
    scene.agree();
    assert.deepEqual(to(), ['none', 'srtp']);
    const [first] = scene.bench.eventsOf('downgraded');
    assert.equal(first?.type === 'downgraded' && first.reason, 'the peer no longer offers SRTP');
  });

  it('what had SRTP is not heard and not sent to in clear while that is agreed on, whatever comes', () => {
    const scene = new SrtpBench({ from: HOME.address, terminates: true });
    for (let sequence = 0; sequence < 50; sequence++)
      scene.receive(makeRtp({ ssrc: 5, sequence, timestamp: 1 }), sequence % 2 ? HOME : PRIVATE);
    assert.equal(scene.component.counters.delivered, 0);
    assert.equal(scene.send(), undefined);
    assert.equal(scene.bench.sent.length, 0);
  });

  it('from latch-less media and back: no path of the one is a path of the other', () => {
    const scene = new SrtpBench({ from: HOME.address });
    scene.talk(HOME, 3);
    scene.bench.engine.agree(scene.call, 0, { kind: 'none', ...media, remote: READER }, scene.nowMs);
    assert.equal(scene.mapping, undefined);
    scene.agree(masterKey(4));
    assert.equal(scene.mapping, undefined);
    assert.equal(scene.send(), undefined);
  });
});

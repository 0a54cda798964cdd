// protocol.md 5.11: the old path is asked too, and keeps the media when it answers.
import assert from 'node:assert/strict';
import type { TransportAddress } from '../../lib/wire/address.js';
import { isSame, VerifierBench } from '../support/engine-bench.js';
import type { Sent } from '../support/engine-bench.js';
import { itOnGrid } from '../support/matrix.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

const home = { address: '198.51.100.7', port: 20_000 };
const moved = { address: '198.51.100.7', port: 20_001 };

function verified(rttMs = 10): VerifierBench {
  const peer = new VerifierBench();
  peer.hello(home);
  peer.answerFrom(home, rttMs);
  peer.advance(1000);
  return peer;
}

/** Runs the bench for `ms`, with every challenge answered by those who are alive, `rttMs` later. */
function live(peer: VerifierBench, ms: number, alive: readonly TransportAddress[], rttMs = 10): void {
  const endMs = peer.nowMs + ms;
  const due: { atMs: number; sent: Sent }[] = [];
  const startMs = peer.nowMs;
  let seen = peer.bench.sent.findIndex(({ atMs }) => atMs >= startMs);
  if (seen < 0) seen = peer.bench.sent.length;
  while (peer.nowMs < endMs) {
    peer.advance(1);
    for (const sent of peer.bench.sent.slice(seen))
      if (sent.message?.kind === 'challenge' && alive.some(({ port }) => port === sent.destination.port))
        due.push({ atMs: sent.atMs + rttMs, sent });
    seen = peer.bench.sent.length;
    while (due[0] !== undefined && due[0].atMs <= peer.nowMs)
      peer.respond((due.shift() as { sent: Sent }).sent);
  }
}

describe('rule 5.11: the old path is asked too', () => {
  it('at the same moment and again 15 ms later', () => {
    const peer = verified();
    const { nowMs } = peer;
    peer.media(moved);
    peer.media(moved);
    peer.advance(1000);
    assert.deepEqual(
      peer.challengesTo(home, nowMs).map(({ atMs }) => Math.round(atMs - nowMs)),
      [0, 15],
    );
    assert.equal(peer.challengesTo(moved, nowMs)[0]?.atMs, nowMs);
    const [old] = peer.challengesTo(home, nowMs);
    const [candidate] = peer.challengesTo(moved, nowMs);
    assert.notDeepEqual(old?.message?.word, candidate?.message?.word);
  });

  for (const [oldRttMs, newRttMs, waitMs] of [
    [4, 4, 30],
    [10, 10, 30],
    [60, 10, 90],
    [10, 60, 90],
    [200, 300, 450],
  ] as const)
    it(`media moves after 1.5 of the longer round trip: ${oldRttMs} and ${newRttMs} ms make ${waitMs}`, () => {
      const peer = verified(oldRttMs);
      const { nowMs } = peer;
      peer.media(moved);
      peer.answerFrom(moved, newRttMs);
      peer.advance(nowMs + waitMs - 1 - peer.nowMs);
      assert.deepEqual(peer.outgoing(), home);
      peer.advance(2);
      assert.deepEqual(peer.outgoing(), moved);
      assert.equal(peer.bench.eventsOf('rebound').length, 1);
    });

  it('an old path that answers keeps the media: conflict, and the candidate is dropped', () => {
    for (const oldFirst of [true, false]) {
      const peer = verified();
      const { nowMs } = peer;
      peer.media(moved);
      const [old] = peer.challengesTo(home, nowMs);
      const [candidate] = peer.challengesTo(moved, nowMs);
      assert.ok(old && candidate);
      peer.advance(10);
      for (const challenge of oldFirst ? [old, candidate] : [candidate, old]) peer.respond(challenge);
      peer.advance(500);
      assert.deepEqual(peer.outgoing(), home);
      assert.equal(peer.bench.eventsOf('conflict').length, 1);
      assert.deepEqual(peer.bench.eventsOf('conflict')[0]?.remote, moved);
      assert.equal(peer.media(moved), false);
    }
  });

  describe('what went to the old path while it was asked', () => {
    const said = (peer: VerifierBench, sinceMs: number) =>
      peer.bench.sent.filter((sent) => sent.atMs >= sinceMs && sent.message === undefined);

    function asked(): { readonly peer: VerifierBench; readonly nowMs: number } {
      const peer = verified();
      peer.speak(Uint8Array.of(0x80, 0));
      const { nowMs } = peer;
      peer.media(moved);
      return { peer, nowMs };
    }

    it('goes out again to the new one, once, in order, at the moment of the switch', () => {
      const { peer, nowMs } = asked();
      // A Buffer that its owner writes to again, as a socket's pool does.
      const bytes = Buffer.from([0x80, 1]);
      assert.deepEqual(peer.speak(bytes), home);
      peer.answerFrom(moved, 5);
      bytes[1] = 2;
      peer.speak(bytes);
      bytes.fill(0);
      assert.deepEqual(said(peer, nowMs), []);
      peer.advance(100);
      const again = said(peer, nowMs);
      assert.deepEqual(
        again.map(({ bytes: [, number], destination, atMs }) => [
          number,
          destination,
          Math.round(atMs - nowMs),
        ]),
        [
          [1, moved, 30],
          [2, moved, 30],
        ],
      );
      assert.equal(peer.component().counters.resent, 2);
      assert.equal(peer.component().counters.sent, 3);
    });

    it('is the newest sixteen packets', () => {
      const { peer, nowMs } = asked();
      for (let i = 1; i <= 20; i++) peer.speak(Uint8Array.of(0x80, i));
      peer.answerFrom(moved, 5);
      peer.advance(100);
      const numbers = said(peer, nowMs).map(({ bytes: [, number] }) => number);
      assert.deepEqual(
        numbers,
        [...Array(16).keys()].map((i) => i + 5),
      );
    });

    it('goes nowhere when the old path answers, and nowhere when the new one does not', () => {
      for (const answerers of [[home, moved], [home], []]) {
        const { peer, nowMs } = asked();
        peer.speak(Uint8Array.of(0x80, 1));
        for (const answerer of answerers) peer.answerFrom(answerer, 5);
        peer.advance(10_000);
        assert.deepEqual(said(peer, nowMs), []);
        assert.equal(peer.component().counters.resent, 0);
      }
    });

    it('is not held for the next question', () => {
      const { peer } = asked();
      peer.speak(Uint8Array.of(0x80, 1));
      peer.answerFrom(home, 5);
      peer.advance(70_000);
      const { nowMs } = peer;
      peer.media(moved);
      peer.answerFrom(moved, 5);
      peer.advance(100);
      assert.deepEqual(peer.outgoing(), moved);
      assert.deepEqual(said(peer, nowMs), []);
    });
  });

  describe('what came from the candidate after its answer', () => {
    function answered(): { readonly peer: VerifierBench; readonly before: number } {
      const peer = verified();
      peer.media(moved);
      peer.answerFrom(moved, 5);
      return { peer, before: peer.component().counters.dropped.unverified };
    }
    const sizes = ({ bench }: VerifierBench) => bench.deliveries.map(({ bytes }) => bytes.length);

    it('is delivered at the moment of the switch, in order, and not before', () => {
      const { peer, before } = answered();
      const { delivered } = peer.component().counters;
      for (const sizeBytes of [40, 50]) assert.equal(peer.media(moved, { sizeBytes }), false);
      peer.advance(20);
      assert.deepEqual(sizes(peer), []);
      peer.advance(10);
      assert.deepEqual(sizes(peer), [40, 50]);
      assert.ok(peer.bench.deliveries.every(({ source }) => isSame(source, moved)));
      assert.equal(peer.component().counters.delivered, delivered + 2);
      assert.equal(peer.component().counters.dropped.unverified, before);
      peer.advance(1000);
      assert.equal(sizes(peer).length, 2);
    });

    it('is dropped and counted when the old path answers: nobody hears one who copies', () => {
      const { peer, before } = answered();
      for (let i = 0; i < 3; i++) peer.media(moved);
      peer.answerFrom(home, 5);
      peer.advance(5000);
      assert.deepEqual(sizes(peer), []);
      assert.equal(peer.bench.eventsOf('conflict').length, 1);
      assert.equal(peer.component().counters.dropped.unverified, before + 3);
    });

    it('is at most sixteen packets; the rest is dropped and counted', () => {
      const { peer, before } = answered();
      for (let i = 0; i < 20; i++) peer.media(moved);
      peer.advance(100);
      assert.equal(sizes(peer).length, 16);
      assert.equal(peer.component().counters.dropped.unverified, before + 4);
    });

    it('is not what came before its answer, nor what comes within a minute of a conflict', () => {
      const early = verified();
      for (let i = 0; i < 3; i++) early.media(moved);
      early.answerFrom(moved, 5);
      early.advance(100);
      assert.deepEqual(early.outgoing(), moved);
      assert.deepEqual(sizes(early), []);

      const { peer } = answered();
      peer.answerFrom(home, 5);
      peer.advance(5000);
      peer.media(moved);
      peer.answerFrom(moved, 5);
      for (let i = 0; i < 3; i++) peer.media(moved);
      peer.advance(3000);
      assert.deepEqual(peer.outgoing(), moved);
      assert.deepEqual(sizes(peer), []);
    });

    it('goes with the session when that is closed', () => {
      const { peer } = answered();
      peer.media(moved);
      peer.session.close(peer.nowMs);
      peer.advance(1000);
      assert.deepEqual(sizes(peer), []);
    });
  });

  it('either of the two datagrams may be lost', () => {
    const peer = verified();
    const { nowMs } = peer;
    peer.media(moved);
    const [candidate] = peer.challengesTo(moved, nowMs);
    assert.ok(candidate);
    peer.advance(10);
    peer.respond(candidate);
    peer.advance(10);
    const again = peer.challengesTo(home, nowMs).at(-1);
    assert.ok(again && again.atMs - nowMs >= 15);
    peer.respond(again);
    peer.advance(500);
    assert.deepEqual(peer.outgoing(), home);
    assert.equal(peer.bench.eventsOf('conflict').length, 1);
  });

  it('nothing else counts as an answer: media, hellos and consent of the old path do not hold the media', () => {
    const peer = verified();
    // The consent challenge that goes out before the candidate appears is answered after.
    while (peer.challengesTo(home).length < 2) peer.advance(1);
    const consent = peer.challengesTo(home).at(-1);
    assert.ok(consent);
    const { nowMs } = peer;
    peer.media(moved);
    peer.answerFrom(moved, 5);
    peer.media(home);
    peer.hello(home);
    peer.keepalive(home);
    peer.respond(consent);
    peer.advance(nowMs + 40 - peer.nowMs);
    assert.deepEqual(peer.outgoing(), moved);
    assert.equal(peer.bench.eventsOf('conflict').length, 0);
  });

  it('for 60 s after a conflict a switch waits 2 s, the old path asked with rule 5.2 retransmissions', () => {
    const peer = verified();
    peer.media(moved);
    live(peer, 200, [home, moved]);
    const [conflict] = peer.bench.eventsOf('conflict');
    assert.ok(conflict);
    peer.advance(conflict.atMs + 50_000 - peer.nowMs - 25_000);
    live(peer, 8000, [home]);
    const { nowMs } = peer;
    peer.media(moved);
    live(peer, 1990, [moved]);
    assert.deepEqual(peer.outgoing(), home);
    const toHome = peer.challengesTo(home, nowMs).map(({ atMs }) => Math.round(atMs - nowMs));
    for (const offsetMs of [0, 100, 300, 700, 1500])
      assert.ok(toHome.includes(offsetMs), JSON.stringify(toHome));
    live(peer, 20, [moved]);
    assert.deepEqual(peer.outgoing(), moved);
  });

  it('60 s after the conflict a switch is fast again', () => {
    const peer = verified();
    peer.media(moved);
    live(peer, 200, [home, moved]);
    live(peer, 60_000, [home]);
    peer.media(moved);
    live(peer, 60, [moved]);
    assert.deepEqual(peer.outgoing(), moved);
  });

  it('within the 60 s an old path that answers late still wins', () => {
    const peer = verified();
    peer.media(moved);
    live(peer, 200, [home, moved]);
    const { nowMs } = peer;
    peer.media(moved);
    const [candidate] = peer.challengesTo(moved, nowMs);
    assert.ok(candidate);
    peer.advance(10);
    peer.respond(candidate);
    peer.advance(1600);
    const late = peer.challengesTo(home, nowMs).at(-1);
    assert.ok(late);
    peer.respond(late);
    peer.advance(1000);
    assert.deepEqual(peer.outgoing(), home);
    assert.equal(peer.bench.eventsOf('conflict').length, 2);
  });

  it('a path left keeps its rank for 30 s: when both answer again, the one verified first has the media', () => {
    const peer = verified();
    // The old path was silent for a moment only (its answers were lost), and the copier took the media.
    peer.media(moved);
    live(peer, 100, [moved]);
    assert.deepEqual(peer.outgoing(), moved);
    live(peer, 10_000, [moved]);
    peer.media(home);
    live(peer, 2500, [home, moved]);
    assert.deepEqual(peer.outgoing(), home);
    assert.ok(peer.bench.eventsOf('conflict').length >= 1);
  });

  it('after 30 s it has lost it', () => {
    const peer = verified();
    peer.media(moved);
    live(peer, 100, [moved]);
    live(peer, 31_000, [moved]);
    peer.media(home);
    live(peer, 2500, [home, moved]);
    assert.deepEqual(peer.outgoing(), moved);
  });

  it('a prover that moves on purpose, and answers nothing on the path it left, is followed', () => {
    const peer = verified();
    for (let i = 1; i <= 3; i++) {
      const next = { ...home, port: home.port + i };
      peer.hello(next);
      live(peer, 60, [next]);
      assert.deepEqual(peer.outgoing(), next);
    }
  });

  describe('against one who reads and copies, as fast as the original, but cannot drop', () => {
    const play = (scene: Scene, victimPort: () => { address: string; port: number } | undefined): void => {
      const { stage } = scene;
      scene.call();
      stage.runFor(2000);
      stage.attacker.relay('caller', stage.serverRtp.address, victimPort);
      stage.runFor(10_000);
    };

    itOnGrid('the caller keeps its media, and the conflict is told', (point) => {
      const scene = new LatchScene({ ...point, isMuxed: true });
      const { stage, pair } = scene;
      play(scene, () => pair.mapping());
      const mapped = stage.nat.mappingsOf({ address: stage.callerAddress, port: 5004 });
      assert.deepEqual(pair.mapping(), mapped[0]);
      assert.ok(scene.server.eventsOf('conflict').length > 0);
      assert.equal(stage.stolen, 0);
      assert.deepEqual(
        scene.ledger.violations.filter(({ property }) => property !== 'P8'),
        [],
      );
    });

    it('positive control: a blind server loses it', () => {
      const scene = new BlindScene('follow');
      scene.stage.runFor(7);
      play(scene, () => undefined);
      scene.reinvite();
      scene.stage.runFor(1000);
      assert.ok(scene.injected() > 0);
    });
  });
});

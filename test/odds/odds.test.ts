// The odds in small: what `npm run odds` counts is counted right, and blind latching loses what the tables say that it loses.
import assert from 'node:assert/strict';
import { noAttack, sweepsFresh, talks } from './attack.js';
import { playCell } from './cell.js';
import { playCall } from './call.js';
import { busiestSecond, playCrowd } from './crowd.js';
import { BLIND } from './engine-server.js';
import { Judge, MARKS } from './judge.js';
import type { CallHost, MediaServer, ServerCall, ServerHost, ServerKind } from './media-server.js';
import { PHONES, type PhoneName } from './phone.js';
import { indexOf, PortRange } from './port-range.js';
import { RTPENGINE } from './rtpengine-server.js';
import { nextVisit, type Sweep } from './sweep.js';
import { insertOdds, MARKERS } from './table.js';
import { Clock } from '../support/clock.js';
import { makeRtp } from '../support/media.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';
import type { TransportAddress } from '../../lib/wire/address.js';

const neighbour = talks({ position: 'neighbour', start: 'told' });
const elsewhere = talks({ position: 'elsewhere', start: 'told' });

describe('the odds: servers that latch', () => {
  it('a quiet call has media both ways within 150 ms, and is lost when the NAT rebinds', () => {
    for (const server of [BLIND, RTPENGINE]) {
      const cell = playCell({ server, attack: noAttack, phone: 'moves', calls: 4, seed: 1 });
      assert.deepEqual([cell.stolen.calls, cell.injected.calls, cell.over1s, cell.lost], [0, 0, 0, 4]);
    }
  });

  it('blind latching gives the call to who talks first, wherever it is, and keeps what it injects', () => {
    for (const attack of [elsewhere, neighbour]) {
      const cell = playCell({ server: BLIND, attack, phone: 'moves', calls: 6, seed: 1 });
      assert.ok(cell.stolen.calls >= 3, `${cell.stolen.calls} calls stolen`);
      assert.equal(cell.injected.calls, cell.stolen.calls);
      assert.equal(cell.over5s, cell.stolen.calls);
      // 50 packets a second, for 10 s.
      assert.ok(cell.stolen.packets > 450 * cell.stolen.calls);
    }
  });

  it("rtpengine's heuristic gives a neighbour the media, and nobody elsewhere more than a packet", () => {
    const near = playCell({ server: RTPENGINE, attack: neighbour, phone: 'moves', calls: 6, seed: 1 });
    const far = playCell({ server: RTPENGINE, attack: elsewhere, phone: 'moves', calls: 6, seed: 1 });
    assert.ok(near.stolen.packets > 300);
    assert.ok(far.stolen.packets <= 6);
    // It learns for 3 s, and takes everything meanwhile.
    assert.ok(far.injected.packets > 6 * 140 && far.injected.packets < 6 * 160);
  });

  it('who forges the source receives nothing, and harms the call', () => {
    const attack = talks({ position: 'forged', start: 'told' });
    const cell = playCell({ server: BLIND, attack, phone: 'moves', calls: 6, seed: 1 });
    assert.equal(cell.stolen.packets, 0);
    assert.ok(cell.over5s >= 3);
  });

  it('a phone that never speaks has its media stolen by a sweep', () => {
    const attack = sweepsFresh({ position: 'neighbour', start: 'before', packetsPerS: 25_000 });
    const cell = playCell({ server: BLIND, attack, phone: 'silent', calls: 4, seed: 1 });
    assert.equal(cell.stolen.calls, 4);
  });

  it('the same seed gives the same call, another one another', () => {
    const attack = sweepsFresh({ position: 'neighbour', start: 'before', packetsPerS: 25_000 });
    const play = (seed: number) =>
      playCall({ server: RTPENGINE, attack, phone: PHONES.dtx, weOffer: true, seed });
    assert.deepEqual(play(7), play(7));
    assert.notDeepEqual(play(7), play(8));
  });
});

describe('the odds: a crowd', () => {
  it('each call has its own attacker, and they are told apart', () => {
    const terms = { server: BLIND, phone: PHONES.moves, calls: 12, callsPerS: 10, seed: 1 };
    const { cell, askedInASecond } = playCrowd({ ...terms, attack: neighbour });
    assert.equal(cell.calls, 12);
    assert.ok(cell.stolen.calls >= 6 && cell.stolen.calls < 12, `${cell.stolen.calls} calls stolen`);
    assert.equal(cell.over5s, cell.stolen.calls);
    assert.equal(askedInASecond, 0);
    assert.equal(playCrowd({ ...terms, attack: noAttack }).cell.over1s, 0);
  });

  it('the busiest second is any second', () => {
    assert.equal(busiestSecond([]), 0);
    assert.equal(busiestSecond([5000, 900, 1100, 1500, 1899, 1900, 2099, 2100]), 5);
  });
});

describe('the odds: the phones', () => {
  /** Asks at the confirmation, and writes down what comes where. */
  class AskingServer implements MediaServer, ServerCall {
    readonly heard: { readonly port: number; readonly source: string }[] = [];
    readonly replies: string[] = [];
    readonly #host: ServerHost;
    #call: CallHost | undefined;
    #port = 0;

    constructor(host: ServerHost) {
      this.#host = host;
    }

    openCall(call: CallHost): ServerCall {
      this.#call = call;
      return this;
    }

    makeOffer(): string {
      this.#port = this.#host.range.take();
      return makeSdp({ address: this.#host.address, media: [{ port: this.#port }] });
    }

    makeAnswer(): string {
      return this.makeOffer();
    }

    takeAnswer(): void {}

    confirm(): void {
      this.#call?.reinvite(this.makeOffer(), ({ kind }) => this.replies.push(kind));
    }

    receive(port: number, _bytes: Uint8Array, { address, port: remote }: TransportAddress): void {
      this.heard.push({ port, source: `${address}:${remote}` });
    }

    send(): void {}
  }

  function ask(phone: PhoneName): AskingServer {
    let server: AskingServer | undefined;
    const kind: ServerKind = {
      ...{ name: 'asking', asks: true, hasCanaries: true, keepsNumbersHome: false },
      create: (host) => (server = new AskingServer(host)),
    };
    playCall({ server: kind, attack: noAttack, phone: PHONES[phone], weOffer: false, seed: 5 });
    assert.ok(server);
    return server;
  }

  it('one that moves sends its next packet to the new port, and its NAT gives that another source', () => {
    const { heard, replies } = ask('moves');
    assert.deepEqual(replies, ['answered']);
    const ports = heard.map(({ port }) => port);
    const [first, second, ...others] = new Set(ports);
    assert.deepEqual(others, []);
    assert.ok(ports.lastIndexOf(first!) < ports.indexOf(second!));
    const sources = new Set(heard.map(({ source }) => source));
    // At the first port, at the second, and after the rebinding.
    assert.equal(sources.size, 3);
  });

  it('one that refuses, and one that does not reply, stay where they are', () => {
    for (const [phone, expected] of [
      ['refuses', ['refused']],
      ['ignores', []],
    ] as const) {
      const { heard, replies } = ask(phone);
      assert.deepEqual(replies, expected);
      assert.equal(new Set(heard.map(({ port }) => port)).size, 1);
    }
  });

  it('one that never speaks sends nothing, and one that only listens two datagrams a second', () => {
    assert.equal(ask('silent').heard.length, 0);
    assert.ok(Math.abs(ask('holds').heard.length - 20) <= 1);
  });

  it('DTX leaves most of a silence out', () => {
    const packets = ask('dtx').heard.length;
    assert.ok(packets > 150 && packets < 400, `${packets} packets in 10 s`);
  });
});

describe('the odds: the judge', () => {
  const mine = { address: '192.0.2.66', port: 1 };
  const its = { address: '198.51.100.7', port: 1 };
  const packet = (mark: number) =>
    makeRtp({ ssrc: 1, sequence: 1, timestamp: 1, payload: new Uint8Array(160).fill(mark) });

  it('a contest ends with the next lock, right or wrong, or not at all', () => {
    const judge = new Judge(({ address }) => address === mine.address);
    judge.note({ kind: 'locked', remote: mine }, 0);
    for (const remote of [its, mine, its]) {
      judge.note({ kind: 'contested' }, 0);
      judge.note({ kind: 'contested' }, 0);
      judge.note({ kind: 'locked', remote }, 0);
    }
    judge.note({ kind: 'contested' }, 0);
    assert.deepEqual(judge.tally().contests, { right: 2, wrong: 1, unresolved: 1 });
  });

  it('who only listens has its media when it hears', () => {
    const judge = new Judge(() => false, true);
    judge.handleBegun(100);
    judge.handleHeard(180);
    assert.equal(judge.tally().bothWaysMs, 80);
  });

  it('media is back when both ways are, and a packet from before the rebinding is no sign of it', () => {
    const judge = new Judge(() => false);
    judge.handleBegun(100);
    judge.handleDelivered(packet(MARKS.attacker), 110);
    judge.handleDelivered(packet(MARKS.phone), 150);
    judge.handleHeard(180);
    judge.handleRebound(1000);
    judge.handleDelivered(packet(MARKS.phone), 1010);
    judge.handleHeard(1090);
    const { injected, bothWaysMs, gapMs } = judge.tally();
    assert.deepEqual([injected, bothWaysMs, gapMs], [1, 80, Infinity]);
    judge.handleDelivered(packet(MARKS.reboundPhone), 1060);
    assert.equal(judge.tally().gapMs, 90);
  });
});

describe('the odds: sweeps', () => {
  /** The same by counting packet by packet. */
  function* visits({ startMs, packetsPerS, ports, burst, offset, flipMs }: Sweep, index: number) {
    const stepMs = (burst * 1000) / packetsPerS;
    const half = ports / 2;
    for (let step = 0; step < 4000; step++) {
      const atMs = startMs + step * stepMs;
      if (flipMs === undefined) {
        if ((((step - offset) % ports) + ports) % ports === index) yield atMs;
        continue;
      }
      const spell = Math.floor((step * stepMs) / flipMs + 1e-9);
      const inSpell = Math.round((step * stepMs - spell * flipMs) / stepMs);
      const place = (((inSpell - offset) % half) + half) % half;
      if (2 * place + (spell % 2) === index) yield atMs;
    }
  }

  for (const flip of [{}, { flipMs: 60 }])
    it(`comes by each port as often as packets are counted, ${'flipMs' in flip ? 'flipping' : 'straight on'}`, () => {
      const sweep = { startMs: 500, packetsPerS: 1000, ports: 20, burst: 2, offset: 0, ...flip };
      for (let index = 0; index < sweep.ports; index++) {
        let fromMs = 0;
        for (const atMs of [...visits(sweep, index)].slice(0, 30)) {
          const visit = nextVisit(sweep, index, fromMs);
          assert.ok(Math.abs(visit.atMs - atMs) < 1e-6, `port ${index}: ${visit.atMs}, not ${atMs}`);
          fromMs = visit.atMs + 0.5;
        }
      }
    });
});

describe('the odds: the ports of the range (protocol.md 8.3.2)', () => {
  const open = (hasCanaries = true) => {
    const clock = new Clock();
    const range = new PortRange(clock, new Prng(3), { hasCanaries });
    const listening = new Set<number>();
    range.add({
      handleOpened: (port) => listening.add(port),
      handleClosed: (port) => listening.delete(port),
    });
    return { clock, range, listening };
  };

  it('256 canaries listen, each for 60 to 120 s', () => {
    const { clock, listening } = open();
    const first = new Set(listening);
    assert.equal(first.size, 256);
    clock.runFor(59_000);
    assert.ok([...first].some((port) => listening.has(port)));
    clock.runFor(61_000);
    assert.equal([...first].filter((port) => listening.has(port)).length, 0);
    assert.equal(listening.size, 256);
  });

  it('a call gets a port that has listened unhit for 60 s, else one that no canary was on', () => {
    const { clock, range, listening } = open();
    clock.runFor(200_000);
    const rested = range.take();
    assert.ok(listening.has(rested) && !range.isCanary(rested));
    assert.equal(listening.size, 256);
    for (const port of listening) range.noteHit(port);
    const before = new Set(listening);
    const idle = range.take();
    assert.ok(!before.has(idle) && indexOf(idle) < range.size);
    assert.deepEqual(range.taken.sort(), [rested, idle].sort());
  });

  it('without canaries nothing listens but what is taken', () => {
    const { range, listening } = open(false);
    const port = range.take();
    assert.deepEqual([...listening], [port]);
    range.release(port);
    assert.equal(listening.size, 0);
  });
});

describe('the odds: the document', () => {
  it('has the tables between its markers, and nothing else of it changes', () => {
    const document = `before\n${MARKERS.begin}\nold\n${MARKERS.end}\nafter\n`;
    assert.equal(insertOdds(document, 'new'), `before\n${MARKERS.begin}\n\nnew\n\n${MARKERS.end}\nafter\n`);
    assert.throws(() => insertOdds('none', 'new'));
  });
});

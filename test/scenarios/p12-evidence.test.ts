// P12: a phone that brings no key at all. Whole calls, from the told port over a hold, a rebinding and a re-INVITE, beside attackers who know the port, the
// SSRC, or the range, and send in many shapes. Who reads the packets is not held off: that is shown too, and what blind latching makes of the same attackers.
import assert from 'node:assert/strict';
import type { Port } from '../../lib/core/index.js';
import { PacketTime } from '../../lib/core/path/packet-time.js';
import { StreamRun } from '../../lib/core/path/stream-run.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import {
  EvidenceBench,
  HOME,
  MOVED,
  MOVED_AGAIN,
  NEIGHBOUR,
  PlainVoice,
  SERVER,
  STRANGER,
  type EvidenceBenchOptions,
} from '../support/evidence-bench.js';
import { isSame } from '../support/engine-bench.js';
import { makeSenderReport } from '../support/media.js';
import { Prng } from '../support/prng.js';

const PACKET_MS = 20;
const CANARY = { ...SERVER, port: 49_000 };
const PHONE_SSRC = 0x1234;

/** What an attacker sends at one moment: a packet, and from which of its own ports. */
interface Shot {
  readonly bytes: Uint8Array;
  readonly sourcePort: number;
  /** Left out: the port in use, which a scan may find; before there is a lock the one that the call began with. */
  readonly to?: Port;
}

interface Shape {
  readonly name: string;
  /** It is what a server that latches blindly takes for a call's media. */
  readonly isMedia: boolean;
  /** It knows the SSRC of the phone, which nobody off the path does before the first packet. */
  readonly knowsSsrc?: boolean;
  readonly shots: (call: EvidenceBench, base: TransportAddress) => () => readonly Shot[];
}

/** One packet each time. */
function steady(next: (call: EvidenceBench, prng: Prng, count: number) => Uint8Array): Shape['shots'] {
  return (call, { port }) => {
    const prng = new Prng(port);
    let count = 0;
    return () => [{ bytes: next(call, prng, count++), sourcePort: port }];
  };
}

function withVoice(ssrc: number): Shape['shots'] {
  return (_call, { port }) => {
    const voice = new PlainVoice(ssrc, 500, 77_000);
    return () => [{ bytes: voice.next(), sourcePort: port }];
  };
}

const SHAPES: readonly Shape[] = [
  { name: 'talks with a stream of its own', isMedia: true, shots: withVoice(0xbad) },
  {
    name: 'talks under the SSRC of the phone, in another place of the stream',
    isMedia: true,
    knowsSsrc: true,
    shots: withVoice(PHONE_SSRC),
  },
  {
    name: 'guesses the numbers of the stream, packet by packet',
    isMedia: true,
    knowsSsrc: true,
    shots: steady((_call, prng) => new PlainVoice(PHONE_SSRC, prng.uint32() & 0xffff, prng.uint32()).next()),
  },
  {
    name: 'goes through the sequence numbers',
    isMedia: true,
    knowsSsrc: true,
    shots: steady((_call, prng, count) =>
      new PlainVoice(PHONE_SSRC, (count * 61) & 0xffff, prng.uint32()).next(),
    ),
  },
  {
    name: 'sends from another port with another SSRC each time',
    isMedia: true,
    shots: (_call, { port }) => {
      let count = 0;
      return () => {
        count++;
        return [{ bytes: new PlainVoice(0xbad00 + count).next(), sourcePort: port + count }];
      };
    },
  },
  {
    name: 'reports in the name of the phone',
    isMedia: false,
    knowsSsrc: true,
    shots: steady((call, _prng, count) => makeSenderReport(PHONE_SSRC, call.nowMs, count)),
  },
  {
    name: 'sends what is no media',
    isMedia: false,
    shots: steady((_call, prng) =>
      Uint8Array.from({ length: prng.uint32() & 0xff }, () => prng.uint32() & 0x7f),
    ),
  },
  {
    name: 'sprays all ports, those that the phone was told just now too',
    isMedia: true,
    shots: (call, { port }) => {
      const canary = call.bench.engine.openPort(CANARY);
      const voice = new PlainVoice(0xbad);
      return () => [canary, ...call.ports].map((to) => ({ bytes: voice.next(), sourcePort: port, to }));
    },
  },
];

/** A call, and an attacker in it. Each 20 ms the attacker sends, the phone, and we. */
class Play {
  readonly call: EvidenceBench;
  readonly #shots: () => readonly Shot[];
  readonly #base: TransportAddress;
  readonly #first: Port;
  /** Where the phone sends to, through a symmetric NAT: so from another port for each. */
  #phoneTo: Port;
  #phoneAt = HOME;
  #asked = 0;
  #answerAtMs = Infinity;
  isAttacked = true;
  stolen = 0;
  injected = 0;
  heard = 0;
  received = 0;

  constructor({ shots }: Shape, base: TransportAddress, options: EvidenceBenchOptions = {}) {
    this.call = new EvidenceBench({ isConfirmed: false, ...options });
    this.#base = base;
    this.#shots = shots(this.call, base);
    this.#first = this.#phoneTo = this.call.port;
  }

  /** Speaks from elsewhere from now on. */
  movePhone(at: TransportAddress, to = this.#phoneTo): void {
    this.#phoneAt = at;
    this.#phoneTo = to;
  }

  run(ticks: number, isSpeaking = true): void {
    const { call } = this;
    for (let i = 0; i < ticks; i++) {
      this.#signal();
      for (const { bytes, sourcePort, to = this.#target } of this.isAttacked ? this.#shots() : [])
        if (call.receive(bytes, { ...this.#base, port: sourcePort }, to)) this.injected++;
      if (isSpeaking && call.receive(call.voice.next(), this.#phoneAt, this.#phoneTo)) this.heard++;
      const goesTo = call.send();
      if (isSame(goesTo, this.#phoneAt)) this.received++;
      else if (goesTo && this.#isAttackers(goesTo)) this.stolen++;
      call.advance(PACKET_MS);
    }
  }

  /** The phone answers a question after 60 ms, and sends to the new port then. */
  #signal(): void {
    const { call } = this;
    if (call.count('question') > this.#asked && this.#answerAtMs === Infinity) {
      this.#asked = call.count('question');
      call.ask();
      this.#answerAtMs = call.nowMs + 60;
    }
    if (call.nowMs < this.#answerAtMs) return;
    this.#answerAtMs = Infinity;
    call.answer();
    this.movePhone({ ...this.#phoneAt, port: this.#phoneAt.port + 100 }, call.port);
  }

  /** An offer of the phone's, which we answer; with another port of ours where that is wanted. */
  reoffer(changes: Parameters<EvidenceBench['theirs']>[0]): boolean {
    const { call } = this;
    call.session.setRemote(call.theirs(changes), call.nowMs, 'offer');
    const wantsPort = call.session.portsWanted.length > 0;
    if (wantsPort) {
      const port = call.bench.engine.openPort({ ...SERVER, port: call.port.local.port + 2 });
      call.component.addPort(port, call.nowMs);
      call.ports.push(port);
      this.movePhone({ ...this.#phoneAt, port: this.#phoneAt.port + 100 }, port);
    }
    call.session.setLocal(call.ours(), call.nowMs, 'answer');
    call.bench.drain();
    return wantsPort;
  }

  /** What was kept and delivered later counts as well, and what was kept and sent again. */
  total(): { readonly stolen: number; readonly injected: number } {
    const { bench } = this.call;
    const resent = bench.sent.filter(({ destination }) => this.#isAttackers(destination));
    const delivered = bench.deliveries.filter(({ source }) => this.#isAttackers(source));
    return { stolen: this.stolen + resent.length, injected: this.injected + delivered.length };
  }

  get #target(): Port {
    return this.call.locked ? this.call.component.port! : this.#first;
  }

  get phoneAt(): TransportAddress {
    return this.#phoneAt;
  }

  /** The phone's own ports are below those of a neighbour. */
  #isAttackers({ address, port }: TransportAddress): boolean {
    return address === this.#base.address && port >= this.#base.port;
  }
}

/** From the told port to the end. */
function wholeCall(play: Play, isAttackedAtStart = true): void {
  const { call } = play;
  play.isAttacked = isAttackedAtStart;
  play.run(25, false);
  call.confirm();
  play.run(60);
  assert.deepEqual(call.locked, play.phoneAt, 'at the start');
  play.isAttacked = true;
  play.run(50);
  play.reoffer({ direction: 'sendonly' });
  play.run(100, false);
  play.reoffer({});
  play.run(60);
  assert.deepEqual(call.locked, play.phoneAt, 'after the hold');
  play.movePhone({ ...play.phoneAt, port: 25_000 });
  play.run(50);
  assert.deepEqual(call.locked, play.phoneAt, 'after the rebinding');
  play.reoffer({ signalled: { address: '10.9.9.9', port: 5004 } });
  play.run(60);
  assert.deepEqual(call.locked, play.phoneAt, 'after the re-INVITE');
}

/** A phone that has talked for a while, and is locked. */
function locked(packetMs = PACKET_MS): EvidenceBench {
  const call = new EvidenceBench({ ssrcs: [PHONE_SSRC] });
  call.voice.step = 8 * packetMs;
  call.talk(100, HOME, call.voice, call.port, packetMs);
  assert.deepEqual(call.locked, HOME);
  return call;
}

describe('P12: a phone that brings no key', () => {
  for (const [who, base] of [
    ['from another IP address', STRANGER],
    ['from the phone’s own IP address', NEIGHBOUR],
  ] as const)
    describe(`${who}, over a whole call, nothing is stolen or injected by who`, () => {
      for (const shape of SHAPES)
        it(shape.name, () => {
          const play = new Play(shape, base);
          wholeCall(play, shape.knowsSsrc !== true);
          assert.deepEqual(play.total(), { stolen: 0, injected: 0 });
          assert.ok(play.heard > 150 && play.received > 150, `${play.heard} and ${play.received}`);
        });
    });

  it('by many of them at a time neither, and the phone is found', () => {
    const [first, ...others] = SHAPES.filter(({ knowsSsrc }) => knowsSsrc !== true);
    const play = new Play(
      {
        ...first!,
        shots: (call, base) => {
          const all = [first!, ...others].map(({ shots }, index) =>
            shots(call, { ...base, port: base.port + 1000 * index }),
          );
          return () => all.flatMap((next) => next());
        },
      },
      STRANGER,
    );
    wholeCall(play);
    assert.deepEqual(play.total(), { stolen: 0, injected: 0 });
  });

  for (const shape of SHAPES.filter(({ knowsSsrc }) => knowsSsrc))
    it(`who knows its SSRC before the lock gets nothing either: ${shape.name}`, () => {
      for (const base of [STRANGER, NEIGHBOUR]) {
        const play = new Play(shape, base);
        play.run(25, false);
        play.call.confirm();
        play.run(200);
        assert.deepEqual(play.total(), { stolen: 0, injected: 0 });
      }
    });

  it('a packet that goes on with a running stream is guessed with 2^-50 at most', () => {
    const stream = new StreamRun(PHONE_SSRC, { ...new PlainVoice(), payloadType: 0 }, 0);
    const terms = {
      payloadTypes: new Set([0]),
      eventTypes: new Set<number>(),
      clockRates: new Map([[0, 8000]]),
    };
    const source = { lastMs: 0, packetTime: new PacketTime() };
    const goesOn = (sequence: number, timestamp: number) =>
      stream.isContinuedBy(
        { ssrc: PHONE_SSRC, sequence: sequence & 0xffff, timestamp: timestamp >>> 0, payloadType: 0 },
        source,
        terms,
        500,
      );
    const sequences = Array.from({ length: 0x10000 }, (_, sequence) => sequence).filter((sequence) =>
      goesOn(sequence, stream.timestamp),
    ).length;
    let timestamps = 1;
    while (goesOn(stream.sequence + 1, stream.timestamp + timestamps)) timestamps++;
    assert.equal(goesOn(stream.sequence + 1, stream.timestamp + 0x8000_0000), false);
    const share = (sequences / 2 ** 16) * (timestamps / 2 ** 32) * 2 ** -32;
    assert.ok(share > 0 && share <= 2 ** -50, `2^${Math.log2(share)}`);
  });

  it('of an announced SSRC at the start, by who hits it and by nobody else', () => {
    const near = [PHONE_SSRC ^ 1, PHONE_SSRC + 1, PHONE_SSRC - 1, 0, 0xffff_ffff];
    for (const ssrc of near) {
      const call = new EvidenceBench({ ssrcs: [PHONE_SSRC], isConfirmed: false });
      call.talk(50, STRANGER, new PlainVoice(ssrc));
      assert.equal(call.locked, undefined);
      call.talk(5, HOME);
      assert.deepEqual([call.locked, call.deliveredFrom(STRANGER)], [HOME, 0]);
    }
  });

  it('from the phone’s own IP address before a lock, where the phone does not move: the call can be had', () => {
    const call = new EvidenceBench({ canAsk: false });
    call.talk(10, NEIGHBOUR, new PlainVoice(0xbad));
    assert.deepEqual(call.locked, NEIGHBOUR, 'and docs/threats.md says so');
    call.talkAll(5, [
      [new PlainVoice(0xbad, 110), NEIGHBOUR],
      [call.voice, HOME],
    ]);
    assert.equal(call.locked, undefined, 'a phone that speaks within 5 s ends that');
  });

  for (const [packetMs, costMs] of [
    [10, 60],
    [20, 60],
    [40, 120],
    [60, 180],
  ] as const)
    it(`a rebinding costs three packet times (60 ms at least) and three packets: ${packetMs} ms packets, ${costMs} ms`, () => {
      const call = locked(packetMs);
      const startMs = call.nowMs;
      while (isSame(call.locked, HOME) && call.nowMs < startMs + 1000) {
        call.receive(call.voice.next(), MOVED_AGAIN);
        call.advance(packetMs);
      }
      const [event] = call.bench.eventsOf('rebound');
      assert.deepEqual(call.locked, MOVED_AGAIN);
      assert.equal(event?.atMs, startMs + costMs);
    });

  it('nor before three packets have come from there', () => {
    const call = locked();
    call.talk(2, MOVED);
    call.advance(300);
    assert.deepEqual(call.locked, HOME);
    call.talk(1, MOVED);
    assert.deepEqual(call.locked, MOVED);
  });

  describe('who reads the packets', () => {
    it('gets nothing while the phone speaks, and is told of', () => {
      const call = locked();
      for (let i = 0; i < 50; i++) {
        call.receive(call.voice.peek(), STRANGER);
        assert.equal(call.talk(1, HOME), 1);
        assert.deepEqual(call.send(), HOME);
      }
      assert.ok(call.count('conflict') > 0);
      assert.equal(call.deliveredFrom(STRANGER), 0);
    });

    it('is not held off once it is silent: the stream goes on with it, until the phone speaks again', () => {
      const call = locked();
      const { sequence, timestamp } = call.voice;
      call.talk(6, STRANGER, new PlainVoice(PHONE_SSRC, sequence, timestamp));
      assert.deepEqual([call.locked, call.send()], [STRANGER, STRANGER]);
      assert.ok(call.deliveredFrom(STRANGER) > 0);
      call.voice.sequence += 6;
      call.voice.timestamp += 6 * 160;
      assert.equal(call.talk(3, HOME), 3);
      assert.deepEqual([call.locked, call.count('conflict')], [HOME, 1]);
    });
  });

  describe('blind latching gives the same attackers the call:', () => {
    for (const base of [STRANGER, NEIGHBOUR])
      for (const shape of SHAPES.filter(({ isMedia }) => isMedia))
        it(`${shape.name}, from ${base.address}`, () => {
          const play = new Play(shape, base, { policy: 'blind' });
          play.run(25, false);
          play.call.confirm();
          play.run(60);
          const { stolen, injected } = play.total();
          assert.ok(stolen > 0 && injected > 0, `${stolen} and ${injected}`);
          assert.equal(play.heard, 0);
        });
  });
});

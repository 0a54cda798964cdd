// Protocol 8.2.3 over lines and through NATs that rebind: a phone with SRTP is followed, and nothing that a line does is taken for a reader.
import assert from 'node:assert/strict';
import { srtpSuite } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineHost } from '../support/engine-host.js';
import { makeRtp } from '../support/media.js';
import { instantLink, type Datagram, type Link, type Node } from '../support/network.js';
import { hosts, Stage } from '../support/scene.js';
import { agreedKey, masterKey, SrtpVoice } from '../support/srtp-bench.js';

const SERVER = { address: hosts.server, port: 40_000 };
const PHONE = { address: hosts.caller, port: 5004 };
const ROUGH: Link = { delayMs: 50, jitterMs: 100, loss: 0.05, duplication: 0.02 };

interface Options {
  readonly seed?: number;
  readonly link?: Link;
  readonly suite?: string;
  readonly streams?: number;
}

/** A phone behind a symmetric NAT, and a server that sends to it all the time. */
class SrtpCall implements Node {
  readonly name = 'phone';
  readonly stage: Stage;
  readonly server: EngineHost;
  readonly call;
  readonly heardMs: number[] = [];
  readonly #voices: SrtpVoice[];
  #isTalking = true;

  constructor({ seed = 1, link = instantLink, suite, streams = 1 }: Options) {
    this.stage = new Stage({ seed, isMuxed: true });
    const { internet, home, prng, clock } = this.stage;
    internet.setLink(this.stage.nat.address, instantLink);
    home.attach(PHONE.address, this, link);
    this.server = new EngineHost({
      ...{ name: 'server', network: internet, address: SERVER.address, prng: prng.fork(), link: instantLink },
    });
    const { engine } = this.server;
    this.call = engine.openCall({
      signalling: 'encrypted',
      peer: { address: hosts.nat, transport: 'tls' },
    });
    this.component.attach(this.server.openPort(SERVER.port), clock.nowMs);
    const master = masterKey(3, suite);
    const terms = { kind: 'srtp', expectsMedia: true, remote: PHONE, peer: [agreedKey(master)] } as const;
    engine.agree(this.call, 0, terms, clock.nowMs);
    assert.ok(srtpSuite(master.suite.name));
    this.#voices = Array.from({ length: streams }, (_, at) => new SrtpVoice(master, 100 + at));
    this.#voices.forEach((voice, at) => clock.every(20 + 13 * at, () => this.#speak(voice)));
    clock.every(1500, () => this.#speak(this.#voices[0]!, 'report'));
    let sequence = 0;
    clock.every(20, () => {
      this.server.send(this.component, makeRtp({ ssrc: 7, sequence: sequence++ % 0x1_0000, timestamp: 1 }));
    });
  }

  get component() {
    return this.call.component(0, 1);
  }

  /** Comfort noise alone, and talk again. */
  isSilentFor(ms: number): void {
    this.#isTalking = false;
    const noise = this.stage.clock.every(160, () => this.#send(this.#voices[0]!.rtp()));
    this.stage.clock.after(ms, () => {
      noise.isCancelled = true;
      this.#isTalking = true;
    });
  }

  handleDatagram(): void {
    this.heardMs.push(this.stage.clock.nowMs);
  }

  /** Where the NAT has the phone now. */
  get isFollowed(): boolean {
    const { mapping } = this.component;
    return this.stage.nat.mappingsOf(PHONE).some((one) => isSame(one, mapping));
  }

  get conflicts(): number {
    return this.server.eventsOf('conflict').length;
  }

  /** The longest time in which the phone heard nothing, since then. */
  longestGapMs(sinceMs: number): number {
    const times = [...this.heardMs.filter((atMs) => atMs >= sinceMs), this.stage.clock.nowMs];
    return times.reduce((gapMs, atMs, at) => Math.max(gapMs, atMs - (times[at - 1] ?? sinceMs)), 0);
  }

  #speak(voice: SrtpVoice, what?: 'report'): void {
    if (what) this.#send(voice.rtcp(this.stage.clock.nowMs));
    else if (this.#isTalking) this.#send(voice.rtp());
  }

  #send(bytes: Uint8Array): void {
    this.stage.home.send({ source: PHONE, destination: SERVER, bytes, origin: this.name });
  }
}

function isSame(a: TransportAddress, b: TransportAddress | undefined): boolean {
  return a.address === b?.address && a.port === b.port;
}

describe('8.2.3 over lines', () => {
  for (const suite of ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_128_GCM'])
    for (const streams of [1, 2])
      it(`${suite}, ${streams} SSRCs, a line of 0 ms: over ten rebindings the phone never hears nothing for more than 100 ms`, () => {
        const scene = new SrtpCall({ suite, streams });
        scene.stage.runFor(500);
        const sinceMs = scene.stage.clock.nowMs;
        for (let at = 0; at < 10; at++) {
          scene.stage.nat.rebind();
          scene.stage.runFor(1000 + 7 * at);
          assert.ok(scene.isFollowed);
        }
        assert.ok(scene.longestGapMs(sinceMs) <= 100, `${scene.longestGapMs(sinceMs)} ms`);
        assert.equal(scene.conflicts, 0);
        assert.equal(scene.server.eventsOf('rebound').length, 10);
        assert.equal(scene.component.counters.delivered, scene.component.counters.received);
      });

  it('a line of 50 ms with 5 % loss, doubles and 100 ms of jitter: no conflict and no lost path, whether the phone moves or not', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const scene = new SrtpCall({ seed, link: ROUGH, streams: 1 + (seed % 2) });
      scene.stage.runFor(5000);
      for (let at = 0; at < 5; at++) {
        scene.stage.nat.rebind();
        scene.stage.runFor(1500);
        assert.ok(scene.isFollowed, `seed ${seed}`);
      }
      scene.stage.runFor(5000);
      assert.equal(scene.conflicts, 0, `seed ${seed}`);
      assert.equal(scene.server.eventsOf('rebound').length, 5, `seed ${seed}`);
      assert.ok(scene.isFollowed);
    }
  });

  it('over DTX, on that line: no conflict and no lost path, and a phone that moves in it is found', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const scene = new SrtpCall({ seed, link: ROUGH });
      scene.stage.runFor(3000);
      for (let at = 0; at < 5; at++) {
        scene.isSilentFor(2000);
        scene.stage.runFor(700);
        if (at % 2) scene.stage.nat.rebind();
        scene.stage.runFor(2800);
        assert.ok(scene.isFollowed, `seed ${seed}`);
      }
      assert.equal(scene.conflicts, 0, `seed ${seed}`);
      assert.equal(scene.server.eventsOf('rebound').length, 2, `seed ${seed}`);
    }
  });

  it('a reader who copies each packet 2 ms ahead, before the first, in the call and at each rebinding, gets nothing', () => {
    const scene = new SrtpCall({});
    const { stage } = scene;
    const stolen: Datagram[] = [];
    const reader: Node = { name: 'reader', handleDatagram: (datagram) => stolen.push(datagram) };
    const address = '192.0.2.77';
    stage.internet.attach(address, reader, instantLink);
    // He reads in the house, and is on the internet before the phone's own packets are.
    stage.home.setLink(PHONE.address, { ...instantLink, delayMs: 2 });
    stage.home.taps.add(({ bytes }) => {
      stage.internet.send({ source: { address, port: 4000 }, destination: SERVER, bytes, origin: 'reader' });
    });
    for (let at = 0; at < 5; at++) {
      stage.runFor(3000);
      assert.ok(scene.isFollowed);
      stage.nat.rebind();
    }
    stage.runFor(3000);
    assert.ok(scene.isFollowed);
    assert.ok(scene.conflicts > 0);
    // What goes to him before the first original is what the rule of three allows, and what was kept.
    assert.ok(stolen.length <= 3, `${stolen.length}`);
  });
});

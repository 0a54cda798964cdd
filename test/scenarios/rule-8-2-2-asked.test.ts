// Protocol 8.2.2 to 8.2.4: the neighbour behind the phone's own NAT who reads, and copies each packet ahead of the original. Where the media
// came to a path while another had as good a claim, our reports go to both, each with a time of its own: the phone repeats its own, the
// neighbour can repeat none.
import assert from 'node:assert/strict';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender } from '../../lib/srtp/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { makeSenderReport } from '../support/media.js';
import { HOME, READER, REBOUND, SrtpBench, type SrtpBenchOptions } from '../support/srtp-bench.js';

const OWN_SSRC = 0x4242;
const NEIGHBOUR = { address: HOME.address, port: 31_000 };
const AHEAD_MS = 2;

/** The peer's report that repeats one of ours. */
function receiverReport(lsr: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  bytes.set([0x81, 201, 0, 7]);
  view.setUint32(4, 0x1234);
  view.setUint32(8, OWN_SSRC);
  view.setUint32(24, lsr);
  return bytes;
}

class Race {
  readonly scene: SrtpBench;
  readonly #reporter: SrtpSender;
  #last: Uint8Array = new Uint8Array();

  constructor(
    readonly reader: TransportAddress = NEIGHBOUR,
    options: SrtpBenchOptions = {},
  ) {
    this.scene = new SrtpBench({ terminates: true, from: HOME.address, ...options });
    this.#reporter = new SrtpSender(nodeSrtpCrypto, this.scene.master);
  }

  /** The phone's packet, and the copy before it. */
  both(bytes: Uint8Array, source: TransportAddress): void {
    this.scene.receive(bytes, this.reader);
    this.scene.bench.advance(AHEAD_MS);
    this.scene.receive(bytes, source);
    this.scene.bench.advance(20 - AHEAD_MS);
  }

  talk(source: TransportAddress, packets: number): void {
    for (let at = 0; at < packets; at++) this.both(this.scene.voice.rtp(), source);
  }

  /** A report of ours goes out. What of it came to an address: the times that can be repeated. */
  report(...addresses: readonly TransportAddress[]): (number | undefined)[] {
    const { scene } = this;
    const sealed = scene.component.seal(makeSenderReport(OWN_SSRC, scene.nowMs, 1));
    assert.ok(sealed);
    const to = scene.component.handleSend(sealed, scene.nowMs);
    assert.ok(to);
    scene.bench.drain();
    const opener = new SrtpReceiver(nodeSrtpCrypto, scene.own, { decrypts: true });
    return addresses.map(({ address, port }) => {
      const own = to.address === address && to.port === port ? [sealed] : [];
      const others = scene.bench.sentTo({ address, port }).map(({ bytes }) => bytes);
      const report = [...others, ...own].filter((bytes) => classifyPacket(bytes) === 'rtcp').at(-1);
      const judged = report && opener.checkRtcp(report);
      if (judged === undefined) return undefined;
      assert.ok(typeof judged !== 'string' && judged.clear);
      return new DataView(judged.clear.buffer, judged.clear.byteOffset).getUint32(10);
    });
  }

  /** Reports of ours and of the phone's, none of which repeats one. */
  doubt(source: TransportAddress, times = 2): void {
    this.report();
    this.talk(source, 51);
    for (let at = 0; at < times; at++) this.repeats(0, source);
  }

  repeats(lsr: number, source: TransportAddress): void {
    const sealed = this.#reporter.protectRtcp(receiverReport(lsr));
    assert.ok(typeof sealed !== 'string');
    this.#last = sealed;
    this.both(sealed, source);
  }

  /** The phone's last report once more. */
  again(source: TransportAddress): void {
    this.scene.receive(this.#last, source);
  }
}

describe('8.2.2: of two paths with the same claim, the one that a report has shown', () => {
  for (const [when, before, source] of [
    ['at a rebinding', 50, REBOUND],
    ['before media', 0, HOME],
  ] as const)
    it(`${when}: a neighbour whose copies are ahead has the media until the phone repeats a report, and never again`, () => {
      const race = new Race();
      const { scene } = race;
      scene.talk(HOME, before);
      race.talk(source, 10);
      race.doubt(source);
      assert.deepEqual(scene.mapping, NEIGHBOUR);
      const [atNeighbour, atPhone] = race.report(NEIGHBOUR, source);
      assert.ok(atNeighbour !== undefined && atPhone !== undefined, 'both are asked');
      assert.notEqual(atNeighbour, atPhone);
      race.repeats(atPhone, source);
      race.talk(source, 2);
      assert.deepEqual(scene.mapping, source);
      race.talk(source, 100);
      assert.deepEqual(scene.mapping, source);
      assert.equal(scene.component.counters.delivered, before + 10 + 51 + 2 + 1 + 102);
      assert.ok(scene.count('conflict') >= 1);
    });

  it('what repeats nothing shows nobody, and nor do copies of it', () => {
    const race = new Race();
    const { scene } = race;
    scene.talk(HOME, 50);
    race.talk(REBOUND, 10);
    race.doubt(REBOUND);
    const [, atPhone] = race.report(NEIGHBOUR, REBOUND);
    assert.ok(atPhone !== undefined);
    race.repeats(atPhone ^ 1, REBOUND);
    race.talk(REBOUND, 10);
    assert.deepEqual(scene.mapping, NEIGHBOUR);
  });

  it('nobody else is asked while the path in use may yet answer: he might hand on what he is asked', () => {
    const race = new Race();
    const { scene } = race;
    scene.talk(HOME, 50);
    race.talk(REBOUND, 10);
    race.doubt(REBOUND, 1);
    assert.deepEqual(race.report(REBOUND), [undefined]);
    // Copies of a report of before are no reports.
    for (let at = 0; at < 4; at++) race.again(NEIGHBOUR);
    assert.deepEqual(race.report(REBOUND), [undefined]);
    race.repeats(0, REBOUND);
    assert.ok(race.report(REBOUND)[0] !== undefined, 'after the second');
  });

  it('nor where the path in use had the media before anybody copied', () => {
    const race = new Race();
    const { scene } = race;
    scene.talk(HOME, 100);
    race.talk(HOME, 10);
    race.doubt(HOME);
    scene.receive(scene.voice.rtp(), NEIGHBOUR);
    assert.deepEqual(scene.mapping, HOME);
    assert.deepEqual(race.report(NEIGHBOUR), [undefined]);
  });

  it('nor once a report has shown it', () => {
    const race = new Race();
    const { scene } = race;
    scene.talk(HOME, 50);
    race.talk(REBOUND, 10);
    race.doubt(REBOUND);
    const [atNeighbour] = race.report(NEIGHBOUR);
    assert.ok(atNeighbour !== undefined);
    const asked = scene.bench.sentTo(REBOUND).length;
    // He can have it repeated by handing it on.
    race.repeats(atNeighbour, REBOUND);
    race.report();
    assert.equal(scene.bench.sentTo(REBOUND).length, asked);
  });

  it('nor one with a lesser claim', () => {
    const race = new Race(READER);
    const { scene } = race;
    race.talk(HOME, 10);
    assert.deepEqual(scene.mapping, HOME);
    race.doubt(HOME);
    assert.deepEqual(race.report(READER), [undefined]);
  });

  it('to an address that is not shown the question goes within three times what came from there', () => {
    const race = new Race(READER, { from: undefined });
    const { scene } = race;
    scene.talk(HOME, 50);
    race.talk(REBOUND, 10);
    assert.deepEqual(scene.mapping, READER);
    race.doubt(REBOUND);
    for (let at = 0; at < 100; at++) race.report();
    const bytes = scene.bench.sentTo(REBOUND).reduce((sum, one) => sum + one.bytes.length, 0);
    assert.ok(bytes > 0 && bytes <= 3 * 4 * scene.voice.rtp().length, `${bytes}`);
  });
});

// Protocol 8.2.4: a report that repeats the time of one of ours, which went only there, shows an address.
import assert from 'node:assert/strict';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender } from '../../lib/srtp/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { makeSenderReport } from '../support/media.js';
import { HOME, READER, REBOUND, SrtpBench } from '../support/srtp-bench.js';

const OWN_SSRC = 0x4242;

/** The application's report, as the phone has it in clear. */
function reported(scene: SrtpBench, ssrc = OWN_SSRC): DataView {
  return told(scene, makeSenderReport(ssrc, scene.nowMs, 1));
}

/** RTCP of the application's, as the phone has it in clear. */
function told(scene: SrtpBench, packet: Uint8Array, component = scene.component): DataView {
  const sealed = component.seal(packet);
  assert.ok(sealed);
  component.handleSend(sealed, scene.nowMs);
  const judged = new SrtpReceiver(nodeSrtpCrypto, scene.own, { decrypts: true }).checkRtcp(sealed);
  assert.ok(typeof judged !== 'string' && judged.clear);
  return new DataView(judged.clear.buffer, judged.clear.byteOffset);
}

const lsrOf = (report: DataView): number => report.getUint32(10);

/** A receiver report with blocks about our streams. */
function receiverReport(blocks: readonly { readonly ssrc: number; readonly lsr: number }[]): Uint8Array {
  const bytes = new Uint8Array(8 + 24 * blocks.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x80 | blocks.length, 201, 0, bytes.length / 4 - 1]);
  view.setUint32(4, 0x1234);
  blocks.forEach(({ ssrc, lsr }, at) => {
    view.setUint32(8 + 24 * at, ssrc);
    view.setUint32(8 + 24 * at + 16, lsr);
  });
  return bytes;
}

/** An extended report with one block: the sender's time (RFC 3611 4.4), or what was heard of such times (4.5). */
function extendedReport(ssrc: number, type: 4 | 5, ...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12 + 4 * words.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x80, 207, 0, bytes.length / 4 - 1, 0, 0, 0, 0, type, 0, 0, words.length]);
  view.setUint32(4, ssrc);
  words.forEach((word, at) => view.setUint32(12 + 4 * at, word));
  return bytes;
}

const joined = (...packets: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(packets.flatMap((each) => [...each]));

class Reporter {
  readonly scene: SrtpBench;
  readonly #sender: SrtpSender;

  constructor(hasRtcp = false) {
    this.scene = new SrtpBench({ terminates: true, hasRtcp });
    this.#sender = new SrtpSender(nodeSrtpCrypto, this.scene.master);
    this.scene.talk(HOME, 20);
  }

  report(blocks: Parameters<typeof receiverReport>[0], source: TransportAddress = HOME): void {
    this.tell(receiverReport(blocks), source);
  }

  tell(packet: Uint8Array, source: TransportAddress = HOME, port = this.scene.port): void {
    const sealed = this.#sender.protectRtcp(packet);
    assert.ok(typeof sealed !== 'string');
    this.scene.receive(sealed, source, port);
  }

  /** More goes to the peer than three times what came. */
  get isShown(): boolean {
    for (let at = 0; at < 400; at++) {
      const packet = this.scene.component.seal(makeSenderReport(7, this.scene.nowMs, at));
      if (!packet || !this.scene.component.handleSend(packet, this.scene.nowMs)) return false;
    }
    return true;
  }
}

describe('8.2.4: reports', () => {
  it('the times to one path are shifted alike, by something else to each', () => {
    const { scene } = new Reporter();
    const real = new DataView(makeSenderReport(OWN_SSRC, scene.nowMs, 1).buffer).getUint32(10);
    const shift = (lsrOf(reported(scene)) - real) >>> 0;
    assert.notEqual(shift, 0);
    assert.equal((lsrOf(reported(scene, 5)) - real) >>> 0, shift);
    scene.talk(REBOUND, 10);
    const later = new DataView(makeSenderReport(OWN_SSRC, scene.nowMs, 1).buffer).getUint32(10);
    assert.notEqual((lsrOf(reported(scene)) - later) >>> 0, shift);
  });

  it('who repeats one is shown, and the application gets its own time back', () => {
    const reporter = new Reporter();
    const { scene } = reporter;
    const real = new DataView(makeSenderReport(OWN_SSRC, scene.nowMs, 1).buffer).getUint32(10);
    const lsr = lsrOf(reported(scene));
    reporter.report([{ ssrc: OWN_SSRC, lsr }]);
    const { bytes } = scene.bench.deliveries.at(-1)!;
    assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getUint32(24), real);
    assert.ok(reporter.isShown);
  });

  it('a guess, a second block about the same stream, or one about a stranger shows nothing', () => {
    const reporter = new Reporter();
    const lsr = lsrOf(reported(reporter.scene));
    reporter.report([
      { ssrc: OWN_SSRC, lsr: lsr ^ 1 },
      { ssrc: OWN_SSRC, lsr },
    ]);
    reporter.report([{ ssrc: 99, lsr }]);
    assert.equal(reporter.isShown, false);
  });

  it('of each stream the newest eight count', () => {
    for (const [later, isShown] of [
      [7, true],
      [8, false],
    ] as const) {
      const reporter = new Reporter();
      const lsr = lsrOf(reported(reporter.scene));
      for (let at = 0; at < later; at++) {
        reporter.scene.talk();
        reported(reporter.scene);
      }
      reporter.report([{ ssrc: OWN_SSRC, lsr }]);
      assert.equal(reporter.isShown, isShown, `${later} later`);
    }
  });

  it('what went to the old address shows nothing of the new one', () => {
    const reporter = new Reporter();
    const { scene } = reporter;
    const lsr = lsrOf(reported(scene));
    scene.talk(REBOUND, 10);
    assert.deepEqual(scene.mapping, REBOUND);
    reporter.report([{ ssrc: OWN_SSRC, lsr }], REBOUND);
    assert.equal(reporter.isShown, false);
  });

  it('who is shown by a report keeps the media from somebody who copies, though he is at home (8.2.2)', () => {
    for (const isReported of [true, false]) {
      const reporter = new Reporter();
      const { scene } = reporter;
      scene.call.peer({ address: READER.address, transport: 'udp' });
      if (isReported) reporter.report([{ ssrc: OWN_SSRC, lsr: lsrOf(reported(scene)) }]);
      for (let at = 0; at < 5; at++) {
        const packet = scene.voice.rtp();
        scene.receive(packet, READER);
        scene.bench.advance(2);
        scene.receive(packet, HOME);
        scene.bench.advance(18);
      }
      assert.deepEqual(scene.mapping, isReported ? HOME : READER);
    }
  });

  it("a receiver's own time is of the same clock, and comes back as it was; it shows nothing", () => {
    const reporter = new Reporter();
    const { scene } = reporter;
    const seconds = 0xe000_0001;
    const time = extendedReport(OWN_SSRC, 4, seconds, 0x8000_1234);
    const report = makeSenderReport(OWN_SSRC, scene.nowMs, 1);
    const clear = told(scene, joined(report, time));
    const shift = (lsrOf(clear) - new DataView(report.buffer).getUint32(10)) >>> 0;
    const ntpAt = report.length + 12;
    const middle = clear.getUint32(ntpAt + 2);
    assert.equal((middle - 0x0001_8000) >>> 0, shift);
    assert.deepEqual([clear.getUint16(ntpAt), clear.getUint16(ntpAt + 6)], [0xe000, 0x1234]);
    // One time of ours, one that is not, and a block that is cut off.
    const heard = extendedReport(0x1234, 5, OWN_SSRC, middle, 77, OWN_SSRC, middle ^ 1, 78, OWN_SSRC);
    reporter.tell(joined(receiverReport([]), heard));
    const { bytes } = scene.bench.deliveries.at(-1)!;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const words = [3, 4, 5, 6, 7, 8, 9].map((at) => view.getUint32(8 + 4 * at));
    assert.deepEqual(words, [OWN_SSRC, 0x0001_8000, 77, OWN_SSRC, (middle ^ 1) >>> 0, 78, OWN_SSRC]);
    assert.equal(reporter.isShown, false);
  });

  it('of too many streams that one is forgotten which was reported longest ago', () => {
    for (const [others, isShown] of [
      [63, true],
      [64, false],
    ] as const) {
      const reporter = new Reporter();
      const { scene } = reporter;
      for (let ssrc = 1; ssrc <= 64; ssrc++) reported(scene, ssrc);
      const lsr = lsrOf(reported(scene));
      for (let ssrc = 1; ssrc <= others; ssrc++) reported(scene, 1000 + ssrc);
      reporter.report([{ ssrc: OWN_SSRC, lsr }]);
      assert.equal(reporter.isShown, isShown, `${others} others`);
    }
  });

  it('on a port of its own a report shows the IP address, to RTP as well', () => {
    const RTCP_HOME = { ...HOME, port: HOME.port + 1 };
    const reporter = new Reporter(true);
    const { scene } = reporter;
    reporter.tell(receiverReport([]), RTCP_HOME, scene.rtcpPort);
    const rtcp = scene.call.component(0, 2);
    assert.deepEqual(rtcp.mapping, RTCP_HOME);
    const lsr = lsrOf(told(scene, makeSenderReport(OWN_SSRC, scene.nowMs, 1), rtcp));
    reporter.tell(receiverReport([{ ssrc: OWN_SSRC, lsr: lsr ^ 1 }]), RTCP_HOME, scene.rtcpPort);
    assert.equal(reporter.isShown, false);
    reporter.tell(receiverReport([{ ssrc: OWN_SSRC, lsr }]), RTCP_HOME, scene.rtcpPort);
    assert.equal(reporter.isShown, true);
  });

  it('and it keeps the media of RTP from somebody who copies from elsewhere, though he is at home (8.2.2)', () => {
    for (const isReported of [true, false]) {
      const RTCP_HOME = { ...HOME, port: HOME.port + 1 };
      const reporter = new Reporter(true);
      const { scene } = reporter;
      scene.call.peer({ address: READER.address, transport: 'udp' });
      reporter.tell(receiverReport([]), RTCP_HOME, scene.rtcpPort);
      const report = makeSenderReport(OWN_SSRC, scene.nowMs, 1);
      const lsr = lsrOf(told(scene, report, scene.call.component(0, 2)));
      if (isReported) reporter.tell(receiverReport([{ ssrc: OWN_SSRC, lsr }]), RTCP_HOME, scene.rtcpPort);
      for (let at = 0; at < 5; at++) {
        const packet = scene.voice.rtp();
        scene.receive(packet, READER);
        scene.bench.advance(2);
        scene.receive(packet, HOME);
        scene.bench.advance(18);
      }
      assert.deepEqual(scene.mapping, isReported ? HOME : READER);
    }
  });
});

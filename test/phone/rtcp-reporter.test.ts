// The caller's own RTCP, read back with rtp.js and by our own header views.
import assert from 'node:assert/strict';
import {
  ByePacket,
  CompoundPacket,
  ReceiverReportPacket,
  SdesPacket,
  SenderReportPacket,
} from 'rtp.js/packets';
import sinon from 'sinon';
import type { PlayerState } from '../../lib/phone/player.js';
import { RtcpReporter } from '../../lib/phone/rtcp-reporter.js';
import type { Reception } from '../../lib/phone/stream-stats.js';
import { classifyPacket, parseRtcp } from '../../lib/wire/index.js';

const reception: Reception = {
  ssrc: 77,
  fractionLost: 3,
  totalLost: 12,
  highestSequence: 0x10020,
  jitter: 5,
  lastReport: 0x12345678,
  sinceLastReport: 65_536,
};

describe('RTCP of the caller', () => {
  let clock: sinon.SinonFakeTimers;
  let sent: Uint8Array[];
  let state: PlayerState;
  let reporter: RtcpReporter;

  beforeEach(async () => {
    sent = [];
    state = { ssrc: 42, packets: 100, octets: 16_000, timestamp: 0xfffffff0, lastMs: 0 };
    reporter = await RtcpReporter.load({
      send: (bytes) => sent.push(bytes),
      player: () => state,
      takeReceptions: () => [reception],
      clockRate: 8000,
    });
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    reporter.start();
  });
  afterEach(() => {
    reporter.cancel();
    clock.restore();
  });

  const packetsOf = (bytes: Uint8Array) =>
    new CompoundPacket(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)).getPackets();

  it('reports every five seconds or so, the first time sooner', () => {
    clock.tick(1249);
    assert.deepEqual(sent, []);
    clock.tick(2501);
    assert.deepEqual(sent.map(classifyPacket), ['rtcp']);
    clock.tick(100_000);
    const count: number = sent.length;
    assert.ok(count >= 14 && count <= 41, `${count} reports`);
    for (const bytes of sent) {
      assert.equal(classifyPacket(bytes), 'rtcp');
      assert.ok(parseRtcp(bytes).ok);
    }
  });

  it('is a sender report with the reception and the CNAME while we send, a receiver report after', () => {
    clock.tick(3750);
    const [report, names] = packetsOf(sent[0] ?? new Uint8Array());
    assert.ok(report instanceof SenderReportPacket && names instanceof SdesPacket);
    assert.deepEqual([report.getSsrc(), report.getPacketCount(), report.getOctetCount()], [42, 100, 16_000]);
    const seconds = report.getNtpSeconds() - 2_208_988_800;
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 5, String(seconds));
    const [block] = report.getReports();
    assert.deepEqual(
      [block?.getSsrc(), block?.getFractionLost(), block?.getTotalLost(), block?.getHighestSeqNumber()],
      [77, 3, 12, 0x10020],
    );
    assert.deepEqual(
      [block?.getJitter(), block?.getLastSRTimestamp(), block?.getDelaySinceLastSR()],
      [5, 0x12345678, 65_536],
    );
    assert.equal(names.getChunks()[0]?.getSsrc(), 42);
    assert.equal(names.getChunks()[0]?.getItems()[0]?.type, 1);

    sent = [];
    clock.tick(7500);
    const [next] = packetsOf(sent[0] ?? new Uint8Array());
    assert.ok(next instanceof ReceiverReportPacket);
    assert.equal(next.getSsrc(), 42);
  });

  it('says goodbye once, and nothing after', () => {
    reporter.stop();
    assert.equal(sent.length, 1);
    const bye = packetsOf(sent[0] ?? new Uint8Array()).at(-1);
    assert.ok(bye instanceof ByePacket);
    assert.deepEqual(bye.getSsrcs(), [42]);
    clock.tick(60_000);
    assert.equal(sent.length, 1);
  });
});

// SRTP in a capture whose signalling shows the keys: which packets are under the key that was agreed on for their sender, and what the
// report says of those that are not.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import type { StreamReport } from '../../lib/capture/capture-report.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { findLeak, printings } from '../support/secrecy.js';
import { streamOf } from './call-scene.js';
import { bytesOf, cryptoLine, keyOf, secureSdp, SrtpScene, SUITE_32, SUITE_80, Voice } from './srtp-scene.js';
import type { Way } from './srtp-scene.js';

const SIP: Way = ['10.0.1.2:5060', '203.0.113.1:5060'];
const PHONE = '10.0.1.2:5004';
const MAPPING = '198.51.100.7:20001';
const SERVER = '203.0.113.1:40000';
const STRANGER = '192.0.2.66:4000';
const [OTHERS, OURS, THEIRS] = [keyOf(1, SUITE_32), keyOf(2), keyOf(3)];

/** The offer has two lines, and the answer takes the second. */
const OFFER = secureSdp(PHONE, cryptoLine(1, OTHERS), cryptoLine(2, OURS));
const ANSWER = secureSdp(SERVER, cryptoLine(2, THEIRS));
const AGREED = { way: SIP, offer: OFFER, answer: ANSWER };

type Counts = NonNullable<StreamReport['srtp']>;
const countsOf = ({ srtp }: StreamReport): readonly (number | string | null)[] => {
  assert.ok(srtp);
  const { suite, authentic, wrongTag, repeated, unjudged }: Counts = srtp;
  return [suite, authentic, wrongTag, repeated, unjudged];
};

describe('SRTP in a capture', () => {
  it('is authentic under the key of the line that the answer took, each side under its own', () => {
    const report = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 1100, [PHONE, SERVER], new Voice(OURS))
      .say(100, 1100, [SERVER, PHONE], new Voice(THEIRS, { ssrc: 2 }))
      .report();
    for (const [source, destination] of [
      [PHONE, SERVER],
      [SERVER, PHONE],
    ] as const) {
      const stream = streamOf(report, source, destination);
      assert.deepEqual(countsOf(stream), [SUITE_80, 50, 0, 0, 0]);
      assert.deepEqual([stream.srtp?.profile, stream.srtp?.findings], ['RTP/SAVP', []]);
      assert.deepEqual([stream.lost, stream.duplicates, stream.intruders], [0, 0, []]);
    }
    assert.deepEqual(
      report.calls[0]?.media.map(({ proof, suites }) => [proof, suites]),
      [
        ['srtp', [SUITE_32, SUITE_80]],
        ['srtp', [SUITE_80]],
      ],
    );
  });

  it('is not under the key of a line that the answer left, nor under that of the other side', () => {
    for (const wrong of [OTHERS, THEIRS]) {
      const { streams } = new SrtpScene()
        .agree(0, AGREED)
        .say(100, 1100, [PHONE, SERVER], new Voice(wrong))
        .report();
      assert.deepEqual(countsOf(streams[0]!), [SUITE_80, 0, 50, 0, 0]);
      assert.deepEqual(streams[0]?.srtp?.findings, ['none-authentic']);
    }
  });

  it('is followed through a NAT, and who forges it or copies it is an intruder by the key', () => {
    const rebound = '198.51.100.7:20101';
    const voice = new Voice(OURS);
    const scene = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 1100, [MAPPING, SERVER], voice)
      .say(1100, 2100, [rebound, SERVER], voice);
    scene.rtp(500, 900, [STRANGER, SERVER], { ssrc: 1, sequence: 1020 });
    for (const { payload, destination, timeMs } of [...scene.datagrams])
      if (destination.port === 40_000 && timeMs < 1e12 + 500 && payload[0] === 0x80)
        scene.datagram(timeMs - 1e12 + 5, ['192.0.2.67:5000', SERVER], payload);
    const stream = streamOf(scene.report(), MAPPING, SERVER);
    assert.deepEqual(
      stream.intruders.map(({ source, packets, reason }) => [source, packets, reason]),
      [
        ['192.0.2.67:5000', 20, 'copied'],
        [STRANGER, 20, 'forged'],
      ],
    );
    assert.deepEqual(
      stream.changes.map(({ source }) => source),
      [rebound],
    );
    assert.deepEqual(countsOf(stream), [SUITE_80, 100, 20, 20, 0]);
    assert.deepEqual(stream.srtp?.findings, ['forged']);
  });

  it('is told from what is forged from the very address of its sender', () => {
    const { streams } = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 1100, [PHONE, SERVER], new Voice(OURS))
      .rtp(110, 310, [PHONE, SERVER], { ssrc: 1, sequence: 5000 })
      .report();
    assert.deepEqual(countsOf(streams[0]!), [SUITE_80, 50, 10, 0, 0]);
    assert.deepEqual(streams[0]?.srtp?.findings, ['forged']);
  });

  it('has no integrity where packets are in clear although SRTP was agreed on', () => {
    const { streams } = new SrtpScene().agree(0, AGREED).rtp(100, 600, [PHONE, SERVER]).report();
    assert.deepEqual(countsOf(streams[0]!), [SUITE_80, 0, 25, 0, 0]);
    assert.deepEqual(streams[0]?.srtp?.findings, ['none-authentic']);
  });

  const keyless: readonly (readonly [string, string, string, string])[] = [
    ['shows no line', secureSdp(PHONE), secureSdp(SERVER), 'no-key'],
    [
      'has a suite that nobody knows',
      secureSdp(
        PHONE,
        `a=crypto:1 F8_128_HMAC_SHA1_80 inline:${Buffer.from(bytesOf(OURS)).toString('base64')}`,
      ),
      secureSdp(SERVER),
      'no-key',
    ],
    [
      'leaves the keys to DTLS',
      secureSdp(PHONE).replace('RTP/SAVP', 'UDP/TLS/RTP/SAVPF'),
      secureSdp(SERVER).replace('RTP/SAVP', 'UDP/TLS/RTP/SAVPF'),
      'dtls',
    ],
  ];
  for (const [name, offer, answer, finding] of keyless)
    it(`has no key in the capture where the signalling ${name}`, () => {
      const { streams } = new SrtpScene()
        .agree(0, { way: SIP, offer, answer })
        .say(100, 1100, [PHONE, SERVER], new Voice(OURS))
        .report();
      assert.deepEqual(countsOf(streams[0]!), [null, 0, 0, 0, 50]);
      assert.deepEqual(streams[0]?.srtp?.findings, [finding]);
    });

  it('is nothing where a call is RTP/AVP without keys', () => {
    const { streams } = new SrtpScene().call(0, [PHONE, SERVER], SIP).rtp(100, 600, [PHONE, SERVER]).report();
    assert.equal(streams[0]?.srtp, null);
  });

  it('begins when its key was agreed on: what comes before that is not judged', () => {
    const voice = new Voice(THEIRS, { ssrc: 2 });
    const { streams } = new SrtpScene().agree(1000, AGREED).say(500, 1500, [SERVER, PHONE], voice).report();
    assert.deepEqual(countsOf(streams[0]!), [SUITE_80, 24, 0, 0, 26]);
  });

  it('changes its keys with a re-INVITE: the old one goes on for 5 s after the first packet under the new (8.2.6)', () => {
    const next = keyOf(9);
    const [old, fresh] = [new Voice(OURS), new Voice(next, { ssrc: 3 })];
    const { streams } = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 2000, [PHONE, SERVER], old)
      .agree(1000, { ...AGREED, offer: secureSdp(PHONE, cryptoLine(2, next)), sequence: 2 })
      .say(2000, 8000, [PHONE, SERVER], fresh)
      .say(2010, 8010, [PHONE, SERVER], old)
      .report();
    const bySsrc = (ssrc: number) => streams.find((stream) => stream.ssrc === ssrc)!;
    assert.deepEqual(countsOf(bySsrc(3)), [SUITE_80, 300, 0, 0, 0]);
    // 95 before, 250 in 5 s, 50 too late.
    assert.deepEqual(countsOf(bySsrc(1)), [SUITE_80, 345, 50, 0, 0]);
  });

  it('goes on under the same key after a re-INVITE that repeats it, with all its numbers', () => {
    const voice = new Voice(OURS);
    const scene = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 1000, [PHONE, SERVER], voice)
      .agree(1000, { ...AGREED, sequence: 2 });
    const [copy] = scene.datagrams.filter(({ destination }) => destination.port === 40_000);
    scene.say(1100, 2100, [PHONE, SERVER], voice).datagram(2200, [PHONE, SERVER], copy!.payload);
    assert.deepEqual(countsOf(scene.report().streams[0]!), [SUITE_80, 95, 0, 1, 0]);
  });

  it('is judged on each leg by the keys of that leg, where somebody between puts in its own, and is no copy where nobody does', () => {
    const own = keyOf(7);
    const between = '203.0.113.1:41000';
    const far = '192.0.2.2:7000';
    const leg: Way = ['203.0.113.1:5060', '192.0.2.2:5060'];
    for (const [key, line] of [
      [own, cryptoLine(1, own)],
      [OURS, cryptoLine(1, OURS)],
    ] as const) {
      // One Call-ID on both hops.
      const scene = new SrtpScene()
        .sip(0, 'INVITE sip:bob@example.com', { way: SIP, sdp: OFFER })
        .sip(1, 'INVITE sip:bob@example.com', {
          ...{ way: leg, branch: 'z9hG4bK-second', sdp: secureSdp(between, line) },
        })
        .sip(2, '200 OK', {
          ...{ way: [leg[1], leg[0]] as const, branch: 'z9hG4bK-second', toTag: 'b' },
          sdp: secureSdp(far, cryptoLine(1, keyOf(8))),
        })
        .sip(3, '200 OK', { way: [SIP[1], SIP[0]], toTag: 'b', sdp: ANSWER })
        .say(100, 1100, [PHONE, SERVER], new Voice(OURS))
        .say(110, 1110, [between, far], new Voice(key));
      const report = scene.report();
      for (const [source, destination] of [
        [PHONE, SERVER],
        [between, far],
      ] as const)
        assert.deepEqual(countsOf(streamOf(report, source, destination)), [SUITE_80, 50, 0, 0, 0], source);
    }
  });

  it('has RTCP beside it, which is read where it is authentic and not believed where it is not', () => {
    const voice = new Voice(OURS);
    const scene = new SrtpScene().agree(0, AGREED).say(100, 1100, [PHONE, SERVER], voice);
    const [rtcpFrom, rtcpTo] = ['10.0.1.2:5005', '203.0.113.1:40001'];
    const first = voice.rtcp(500);
    const forged = Uint8Array.from(first, (byte, at) => (at === 30 ? byte ^ 1 : byte));
    scene.datagram(500, [rtcpFrom, rtcpTo], first);
    scene.datagram(600, [PHONE, SERVER], voice.rtcp(600));
    scene.datagram(700, [rtcpFrom, rtcpTo], first);
    scene.datagram(800, [rtcpFrom, rtcpTo], forged);
    const [stream] = scene.report().streams;
    assert.deepEqual(stream?.srtp?.rtcp, { authentic: 2, wrongTag: 1, repeated: 1, shortTag: 0 });
  });

  it('says where RTCP has the short tags of RTP, which RFC 4568 does not allow', () => {
    const master = keyOf(4, SUITE_32);
    const short = { ...master, suite: { ...master.suite, rtcpTagSizeBytes: 4 } as const };
    const scene = new SrtpScene()
      .agree(0, {
        ...AGREED,
        offer: secureSdp(PHONE, cryptoLine(1, master)),
        answer: secureSdp(SERVER, cryptoLine(1, keyOf(5, SUITE_32))),
      })
      .say(100, 1100, [PHONE, SERVER], new Voice(master));
    scene.datagram(500, [PHONE, SERVER], new Voice(short).rtcp(500));
    const [stream] = scene.report().streams;
    assert.deepEqual(countsOf(stream!), [SUITE_32, 50, 0, 0, 0]);
    assert.deepEqual(stream?.srtp?.rtcp, { authentic: 0, wrongTag: 0, repeated: 0, shortTag: 1 });
    assert.deepEqual(stream?.srtp?.findings, ['short-rtcp-tags']);
  });

  it('gives the keys of the phone that were pressed under it, and no noise where it cannot be read', () => {
    const event = (count: number): Uint8Array =>
      Uint8Array.of(5, count < 5 ? 0x0a : 0x8a, 0, 160 * (count + 1));
    const pressed = (master = OURS) =>
      new SrtpScene()
        .agree(0, {
          ...AGREED,
          offer: OFFER.replace('SAVP 0', 'SAVP 0 101'),
          answer: `${ANSWER}a=rtpmap:101 telephone-event/8000\r\n`,
        })
        .say(
          100,
          200,
          [PHONE, SERVER],
          new Voice(master, { payloadType: 101, payload: event, timestamp: 8000 }),
        )
        .report().streams[0];
    assert.equal(pressed()?.dtmf?.digits, '5');
    assert.equal(pressed(THEIRS)?.dtmf, null);
  });

  it('shows no key in anything that is printed, whatever it found', () => {
    const scene = new SrtpScene()
      .agree(0, AGREED)
      .say(100, 1100, [PHONE, SERVER], new Voice(OURS))
      .rtp(110, 310, [STRANGER, SERVER], { ssrc: 1, sequence: 5000 });
    const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
    for (const datagram of scene.inOrder()) analysis.onDatagram(datagram);
    const findings = analysis.finish();
    const secrets = new Map([OTHERS, OURS, THEIRS].map((master, at) => [`key ${at}`, bytesOf(master)]));
    const texts = [...printings(findings), ...printings(analysis), inspect(findings.calls, { depth: 30 })];
    assert.equal(findLeak(texts, secrets), undefined);
    assert.ok(!texts.some((text) => text.includes('inline:')));
  });
});

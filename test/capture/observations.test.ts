// What the analysis of a capture measures and what it does not claim: loss beside duplicates, changes of source, silences, keys,
// RTCP, offers and answers of each dialog, and how calls ended as far as that was captured.
import assert from 'node:assert/strict';
import { CallScene, sdpOf, streamOf } from './call-scene.js';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { ChallengeSurvey } from '../../lib/capture/challenge-survey.js';
import { planDrive } from '../../lib/capture/drive-plan.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';

const A = '192.0.2.1:4000';
const B = '198.51.100.1:6000';
const A_SIP = '192.0.2.1:5060';
const B_SIP = '198.51.100.1:5060';
const OUT = [A_SIP, B_SIP] as const;
const BACK = [B_SIP, A_SIP] as const;
const INVITE = 'INVITE sip:b@example.com';
const rolesOf = ({ calls }: CaptureReport) =>
  calls[0]?.media.map(({ party, role, dialog }) => `${party} ${role} ${dialog}`.trim());
const outcomeOf = (scene: CallScene) => {
  const [call] = scene.report().calls;
  return [call?.outcome, call?.onlyHeard];
};

function rtp(
  sequence: number,
  { timestamp = sequence * 160, type = 0, ssrc = 1, payload = new Uint8Array(160) } = {},
) {
  const bytes = new Uint8Array(12 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x8000 | type);
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, timestamp);
  view.setUint32(8, ssrc);
  bytes.set(payload, 12);
  return bytes;
}

describe('capture: loss and duplicates', () => {
  it('an interface that is captured twice hides no loss, and is recognised', () => {
    const scene = new CallScene();
    for (let i = 0; i < 100; i++)
      if (i % 10 !== 9 || i === 99)
        for (const lateMs of [0, 0.05]) scene.datagram(i * 20 + lateMs, [A, B], rtp(1000 + i));
    const report = scene.report();
    const [stream] = report.streams;
    assert.deepEqual([stream?.packets, stream?.lost, stream?.duplicates], [182, 9, 91]);
    assert.equal(stream?.capturedTwice, true);
    assert.deepEqual(report.capturedTwice, { streams: 1, rtpPackets: 91, sipMessages: 0 });
  });

  it('SIP that is there twice at once was captured twice, half a second later it was sent twice', () => {
    const of = (lateMs: number) => {
      const scene = new CallScene();
      for (const ms of [0, lateMs])
        scene.sip(ms, INVITE, { way: OUT }).sip(10 + ms, '200 OK', { way: BACK, toTag: 'b' });
      return scene.report().capturedTwice;
    };
    assert.deepEqual(of(0.05), { streams: 0, rtpPackets: 0, sipMessages: 2 });
    assert.equal(of(500), null);
  });

  it('the odd duplicate of a network is no double capture', () => {
    const scene = new CallScene()
      .rtp(0, 2000, [A, B])
      .datagram(500, [A, B], rtp(24, { timestamp: 24 * 160 }));
    const [stream] = scene.report().streams;
    assert.deepEqual([stream?.lost, stream?.duplicates, stream?.capturedTwice], [0, 1, false]);
  });

  it('the start is the earliest packet, whatever the order of the blocks in the file', () => {
    const scene = new CallScene().rtp(0, 2000, [A, B]);
    const blocks = [...scene.datagrams.slice(60), ...scene.datagrams.slice(0, 60)];
    scene.inOrder = () => blocks;
    const { startedMs, streams, durationMs } = scene.report();
    assert.deepEqual([startedMs, durationMs], [1e12, 1980]);
    assert.deepEqual(
      streams.map(({ lost, duplicates, restarts, firstMs, lastMs }) => [
        lost,
        duplicates,
        restarts,
        firstMs,
        lastMs,
      ]),
      [[0, 0, [], 0, 1980]],
    );
  });
});

describe('capture: changes of source', () => {
  const from = (port: number): string => `192.0.2.1:${port}`;
  const changesOf = (scene: CallScene) =>
    scene.report().streams[0]?.changes.map(({ atMs, source }) => [atMs, source]);

  it('names two that follow each other quickly, at their times, and a locked latch would have lost all after the first', () => {
    const scene = new CallScene()
      .rtp(0, 2000, [from(4000), B])
      .rtp(2000, 2400, [from(4002), B])
      .rtp(2400, 6000, [from(4004), B])
      .rtp(10, 2010, [B, from(4000)], { ssrc: 2 })
      .rtp(2010, 2410, [B, from(4002)], { ssrc: 2, sequence: 100 })
      .rtp(2410, 6010, [B, from(4004)], { ssrc: 2, sequence: 120 });
    const [stream] = scene.report().streams;
    assert.deepEqual(changesOf(scene), [
      [2000, from(4002)],
      [2400, from(4004)],
    ]);
    assert.deepEqual([stream?.lost, stream?.duplicates, stream?.intruders.length], [0, 0, 0]);
    const { reached, lost } = stream!.latch.blind.first;
    assert.deepEqual([reached, lost], [100, 200]);
  });

  it('there and back within 200 ms, and one that lasts a single packet at the end', () => {
    const scene = new CallScene()
      .rtp(0, 2000, [from(4000), B])
      .rtp(2000, 2200, [from(4002), B])
      .rtp(2200, 4000, [from(4000), B])
      .rtp(4000, 4020, [from(4006), B]);
    assert.deepEqual(changesOf(scene), [
      [2000, from(4002)],
      [2200, from(4000)],
      [4000, from(4006)],
    ]);
  });

  it('a change in the middle of a loss is at the first packet from there', () => {
    const scene = new CallScene().rtp(0, 1000, [from(4000), B]).rtp(1600, 3000, [from(4002), B]);
    assert.deepEqual(changesOf(scene), [[1600, from(4002)]]);
    assert.equal(scene.report().streams[0]?.lost, 30);
  });

  it('one who guesses the numbers in a pause of the sender made it move nowhere', () => {
    // The sender is silent from 1000 to 1600, its numbers go on after it.
    const scene = new CallScene()
      .rtp(0, 1000, [from(4000), B])
      .rtp(1200, 1400, [from(6666), B], { sequence: 50 })
      .rtp(1600, 3000, [from(4000), B], { sequence: 50 });
    const [stream] = scene.report().streams;
    assert.deepEqual(stream?.changes, []);
    assert.deepEqual(
      stream?.intruders.map(({ source, packets }) => [source, packets]),
      [[from(6666), 10]],
    );
  });
});

describe('capture: how packets came', () => {
  it('names the longest silence and what was missing after it', () => {
    const scene = new CallScene().rtp(0, 4020, [A, B]).rtp(13_000, 16_000, [A, B], { sequence: 201 });
    const [stream] = scene.report().streams;
    assert.deepEqual(stream?.longestGap, { ms: 9000, atMs: 4000, missing: 0 });
    const [lossy] = new CallScene().rtp(0, 1000, [A, B]).rtp(2000, 3000, [A, B]).report().streams;
    assert.deepEqual(lossy?.longestGap, { ms: 1020, atMs: 980, missing: 50 });
  });

  it('says when the numbers began anew, also soon after the beginning', () => {
    for (const [untilMs, sequence] of [
      [1000, 0],
      [4000, 0],
      [4000, 40_000],
    ] as const) {
      const scene = new CallScene().rtp(0, untilMs, [A, B]).rtp(untilMs, 8000, [A, B], { sequence });
      const [stream] = scene.report().streams;
      assert.deepEqual([stream?.restarts, stream?.lost, stream?.duplicates], [[untilMs], 0, 0]);
      assert.equal(stream?.jitter?.maxMs, 0);
    }
  });

  it('measures jitter by RFC 3550, by the clock of the type, of the SDP, or of the packets themselves', () => {
    const scene = (type: number, ticks: number, sdp?: string): CallScene => {
      const made = new CallScene();
      if (sdp !== undefined) made.sip(0, INVITE, { way: OUT, sdp: sdpOf(A, sdp) });
      for (let i = 0; i < 200; i++)
        made.datagram(100 + i * 20 + (i % 2) * 8, [A, B], rtp(i, { timestamp: i * ticks, type }));
      return made;
    };
    // Every difference is 8 ms, so the estimate tends to 8.
    let expected = 0;
    let [sum, max] = [0, 0];
    for (let i = 1; i < 200; i++) {
      expected += (8 - expected) / 16;
      sum += expected;
      max = Math.max(max, expected);
    }
    for (const one of [
      scene(0, 160),
      scene(96, 320, 'a=rtpmap:96 AMR-WB/16000'),
      scene(111, 960),
      scene(100, 1800),
    ]) {
      const { jitter } = streamOf(one.report(), A, B);
      assert.ok(Math.abs((jitter?.meanMs ?? 0) - sum / 199) < 0.01, JSON.stringify(jitter));
      assert.ok(Math.abs((jitter?.maxMs ?? 0) - max) < 0.01);
    }
    // A clock that nobody uses and nobody signalled.
    assert.equal(streamOf(scene(111, 882).report(), A, B).jitter, null);
  });

  it('reads each key once, with its length, signalled or not, and takes no sound for keys', () => {
    const event = (code: number, isEnd: boolean, duration: number) =>
      Uint8Array.of(code, (isEnd ? 0x80 : 0) | 10, duration >> 8, duration & 0xff);
    const scene = (type: number, ...sdp: string[]): CallScene => {
      const made = new CallScene();
      if (sdp.length > 0) made.sip(0, INVITE, { way: OUT, sdp: sdpOf(B, ...sdp) });
      let sequence = 0;
      for (const [i, code] of [1, 1, 11, 15].entries())
        for (let step = 1; step <= 6; step++) {
          const isEnd = step > 4;
          const payload = event(code, isEnd, 160 * Math.min(step, 5));
          made.datagram(
            100 + i * 500 + step * 20,
            [A, B],
            rtp(sequence++, { type, payload, timestamp: 1600 + i * 4000 }),
          );
        }
      return made;
    };
    for (const one of [scene(101), scene(101, 'a=rtpmap:101 telephone-event/8000')]) {
      const { dtmf } = streamOf(one.report(), A, B);
      assert.equal(dtmf?.digits, '11#D');
      assert.deepEqual(dtmf.keys[2], {
        digit: '#',
        atMs: one.datagrams.length > 24 ? 1120 : 1000,
        durationMs: 100,
      });
    }
    assert.equal(streamOf(scene(101, 'a=rtpmap:101 iLBC/8000').report(), A, B).dtmf, null);
  });

  it('puts what the receiver reported beside it: loss with its sign, jitter, the round trip', () => {
    const rtcp = (words: readonly number[]) => {
      const view = new DataView(new ArrayBuffer(words.length * 4));
      for (const [i, word] of words.entries()) view.setUint32(i * 4, word);
      return new Uint8Array(view.buffer);
    };
    const scene = new CallScene().rtp(0, 4000, [A, B], { ssrc: 7 });
    const ends = ['192.0.2.1:4001', '198.51.100.1:6001'] as const;
    scene.datagram(1000, ends, rtcp([0x80c80006, 7, 0xaaaa1234, 0x56780000, 8000, 50, 8000]));
    const report = (lost: number, jitter: number) =>
      rtcp([0x81c90007, 9, 7, ((64 << 24) | (lost & 0xffffff)) >>> 0, 50, jitter, 0x12345678, 65_536]);
    scene
      .datagram(2030, [ends[1], ends[0]], report(5, 80))
      .datagram(2050, [ends[1], ends[0]], report(-2, 40));
    // Cut short or encrypted is not read.
    scene.datagram(3000, [ends[1], ends[0]], report(9, 9).subarray(0, 20));
    assert.deepEqual(scene.report().streams[0]?.rtcp, {
      reports: 2,
      lost: -2,
      maxFractionLost: 0.25,
      jitterMs: 5,
      maxJitterMs: 10,
      roundTrip: { meanMs: 40, minMs: 30, maxMs: 50 },
    });
    assert.equal(new CallScene().rtp(0, 400, [A, B]).report().streams[0]?.rtcp, null);
  });
});

describe('capture: dialogs and outcomes', () => {
  it('a challenge is no fork, nor is who refused the try before', () => {
    for (const first of [
      '407 Proxy Authentication Required',
      '401 Unauthorized',
      '422 Session Interval Too Small',
    ]) {
      const scene = new CallScene()
        .sip(0, INVITE, { way: OUT, sdp: sdpOf(A) })
        .sip(10, first, { way: BACK, toTag: 'asks' })
        .sip(20, 'ACK sip:b@example.com', { way: OUT, toTag: 'asks', branch: 'z9hG4bK-INVITE-1' })
        .sip(100, INVITE, { way: OUT, sdp: sdpOf(A), sequence: 2 })
        .sip(200, '200 OK', { way: BACK, toTag: 'b', sequence: 2, sdp: sdpOf(B) });
      const [call] = scene.report().calls;
      assert.deepEqual(call?.forks, [{ tag: 'b', status: 200 }], first);
      assert.deepEqual([call.outcome, call.ended], ['answered', false]);
    }
  });

  it('keeps offer and answer for each dialog: an UPDATE in one has no answer of another', () => {
    const scene = new CallScene().sip(0, INVITE, { way: OUT, sdp: sdpOf(A) });
    for (const [i, toTag] of ['t1', 't2'].entries()) {
      const media = sdpOf(`198.51.100.1:${6000 + 100 * i}`);
      scene
        .sip(100 + i * 400, '183 Session Progress', { way: BACK, toTag, sdp: media })
        .sip(110 + i * 400, 'PRACK sip:b@x', { way: OUT, toTag, sequence: 2, branch: `p${i}` })
        .sip(130 + i * 400, 'UPDATE sip:b@x', {
          way: OUT,
          toTag,
          sequence: 3,
          sdp: sdpOf(A),
          branch: `u${i}`,
        })
        .sip(140 + i * 400, '200 OK', {
          way: BACK,
          toTag,
          sequence: 3,
          method: 'UPDATE',
          sdp: media,
          branch: `u${i}`,
        });
    }
    scene.sip(1000, '200 OK', { way: BACK, toTag: 't2', sdp: sdpOf('198.51.100.1:6100') });
    assert.deepEqual(rolesOf(scene.report()), [
      'caller offer',
      ...['t1', 't2'].flatMap((tag) => [
        `callee answer ${tag}`,
        `caller offer ${tag}`,
        `callee answer ${tag}`,
      ]),
      'callee answer t2',
    ]);
  });

  it('what is driven is the dialog that was answered, and nothing of the others', () => {
    const scene = new CallScene().sip(0, INVITE, { way: OUT, sdp: sdpOf(A) });
    for (const [i, toTag] of ['t1', 't2'].entries())
      scene.sip(100 + i, '183 Session Progress', {
        way: BACK,
        toTag,
        sdp: sdpOf(`198.51.100.1:${6000 + i}`),
      });
    scene
      .sip(200, 'UPDATE sip:b@x', { way: OUT, toTag: 't1', sequence: 2, sdp: sdpOf(A) })
      .sip(210, '200 OK', { way: BACK, toTag: 't1', sequence: 2, method: 'UPDATE', sdp: sdpOf(B) })
      .sip(300, '200 OK', { way: BACK, toTag: 't2' })
      .sip(400, 'INVITE sip:b@x', { way: OUT, toTag: 't2', sequence: 3, sdp: sdpOf(A) })
      .sip(410, '200 OK', { way: BACK, toTag: 't2', sequence: 3, sdp: sdpOf('198.51.100.1:6001') });
    const analysis = new CaptureAnalysis();
    for (const datagram of scene.inOrder()) analysis.onDatagram(datagram);
    const [plan] = planDrive(analysis.finish().calls, new ChallengeSurvey());
    assert.deepEqual(
      plan?.exchanges.map(({ offeredMs, answeredMs, answer }) => [
        offeredMs - 1e12,
        answeredMs - 1e12,
        answer.includes('audio 6001'),
      ]),
      [
        [0, 101, true],
        [400, 410, true],
      ],
    );
  });

  it('an offer in a reliable response is answered by its PRACK, one in a 200 by its ACK, each in its dialog', () => {
    const scene = new CallScene()
      .sip(0, INVITE, { way: OUT })
      .sip(10, '183 Session Progress', { way: BACK, toTag: 't1', sdp: sdpOf(B) })
      .sip(20, 'PRACK sip:b@x', { way: OUT, toTag: 't1', sequence: 2, sdp: sdpOf(A) })
      .sip(30, '200 OK', { way: BACK, toTag: 't2', sdp: sdpOf(B) })
      .sip(40, 'ACK sip:b@x', { way: OUT, toTag: 't2', sdp: sdpOf(A), branch: 'ack' });
    assert.deepEqual(rolesOf(scene.report()), [
      'callee offer t1',
      'caller answer t1',
      'callee offer t2',
      'caller answer t2',
    ]);
  });

  it('a re-INVITE of the callee is offer and answer of that dialog, and glare confuses nothing', () => {
    const scene = new CallScene()
      .call(0, [A, B], OUT)
      .sip(1000, 'INVITE sip:a@x', { way: BACK, fromTag: 'b', toTag: 'a', sequence: 7, sdp: sdpOf(B) })
      .sip(1001, 'INVITE sip:b@x', { way: OUT, toTag: 'b', sequence: 2, sdp: sdpOf(A) })
      .sip(1002, '491 Request Pending', { way: OUT, fromTag: 'b', toTag: 'a', sequence: 7 })
      .sip(1003, '200 OK', { way: BACK, toTag: 'b', sequence: 2, sdp: sdpOf(B) });
    assert.deepEqual(rolesOf(scene.report())?.slice(2), [
      'callee offer b',
      'caller offer b',
      'callee answer b',
    ]);
    assert.deepEqual(outcomeOf(scene), ['answered', null]);
  });

  it('where one half is missing, what follows an answer tells of it, and nothing else does', () => {
    const half = (): CallScene => new CallScene().sip(0, INVITE, { way: OUT, sdp: sdpOf(A) });
    const ack = (scene: CallScene, branch: string) =>
      scene.sip(400, 'ACK sip:b@x', { way: OUT, toTag: 'b', branch });
    const bye = (scene: CallScene) => scene.sip(900, 'BYE sip:b@x', { way: OUT, toTag: 'b', sequence: 2 });
    assert.deepEqual(outcomeOf(half()), ['unknown', 'caller']);
    // That of a refusal has the branch of its INVITE.
    assert.deepEqual(outcomeOf(ack(half(), 'z9hG4bK-INVITE-1')), ['unknown', 'caller']);
    assert.deepEqual(outcomeOf(ack(half(), 'its-own')), ['answered', 'caller']);
    assert.deepEqual(outcomeOf(bye(ack(half(), 'z9hG4bK-INVITE-1'))), ['answered', 'caller']);
    assert.deepEqual(outcomeOf(bye(half())), ['unknown', 'caller']);
    assert.deepEqual(outcomeOf(bye(new CallScene())), ['answered', 'caller']);
    const cancelled = half().sip(50, 'CANCEL sip:b@x', { way: OUT });
    assert.deepEqual(outcomeOf(cancelled), ['cancelled', 'caller']);
    const callee = new CallScene().sip(0, '200 OK', { way: BACK, toTag: 'b', sdp: sdpOf(B) });
    assert.deepEqual(outcomeOf(callee), ['answered', 'callee']);
    assert.deepEqual(rolesOf(callee.report()), ['callee answer b']);
    assert.deepEqual(outcomeOf(half().sip(9, '486 Busy Here', { way: BACK, toTag: 'b' })), ['refused', null]);
    assert.deepEqual(outcomeOf(half().sip(9, '180 Ringing', { way: BACK, toTag: 'b' })), ['unknown', null]);
  });

  it('cut anywhere, the answer stays an answer, and no part of a tag makes a fork', () => {
    const whole = new CallScene().call(0, [A, B], OUT).inOrder();
    for (let size = 60; size <= 420; size++) {
      const scene = new CallScene();
      scene.datagrams.push(
        ...whole.map((datagram) => ({
          ...datagram,
          payload: datagram.payload.subarray(0, size),
          ...(datagram.payload.length > size && { cutBytes: datagram.payload.length - size }),
        })),
      );
      const { calls, sip } = scene.report();
      assert.ok(calls.length <= 1 && calls.every(({ forks }) => forks.length <= 1), `cut at ${size}`);
      assert.ok(calls.length === 1 || sip.cutBeforeCallId > 0 || sip.messages === 0);
      const answers = calls[0]?.media.filter(({ party }) => party === 'callee') ?? [];
      assert.ok(
        answers.every(({ role, address }) => role === 'answer' && address === B),
        `cut at ${size}`,
      );
    }
  });

  it('a stream between the two ends that two legs name belongs to both, behind a NAT too', () => {
    for (const seen of [A, '203.0.113.77:40001']) {
      const scene = new CallScene()
        .call(0, [A, B], [A_SIP, '203.0.113.9:5060'], 'legA')
        .call(5, [A, B], ['203.0.113.9:5060', B_SIP], 'legB')
        .rtp(100, 1100, [seen, B], { ssrc: 1 })
        .rtp(110, 1110, [B, seen], { ssrc: 2 });
      const { calls, streams } = scene.report();
      assert.deepEqual(
        calls.map(({ callId, streams: own }) => [callId, own]),
        [
          ['legA', [0, 1]],
          ['legB', [0, 1]],
        ],
      );
      assert.deepEqual(
        streams.map((one) => [...one.calls].sort()),
        [
          [0, 1],
          [0, 1],
        ],
      );
    }
  });

  it('two customers behind NATs, with one private address and one port of the server, are no legs of each other', () => {
    const scene = new CallScene();
    for (const i of [1, 2]) scene.call(i, [A, B], [`203.0.113.${i}:5060`, B_SIP], `call-${i}`);
    const { streams } = scene.rtp(100, 1100, ['203.0.113.1:40001', B]).report();
    assert.deepEqual(
      streams.map(({ calls }) => calls),
      [[]],
    );
  });

  it('a port that is used again by a later call makes no second leg', () => {
    const scene = new CallScene();
    for (const [i, startMs] of [0, 20_000].entries())
      scene
        .call(startMs, [A, B], OUT, `call-${i}`)
        .rtp(startMs + 100, startMs + 1100, [A, B], { ssrc: i + 1 })
        .sip(startMs + 1200, 'BYE sip:b@x', { way: OUT, callId: `call-${i}`, toTag: 'b', sequence: 2 });
    assert.deepEqual(
      scene.report().calls.map(({ streams }) => streams),
      [[0], [1]],
    );
  });

  it('HEP is counted by its name and not opened', () => {
    const sip = Buffer.from(`HEP3\0\x80\0\0\0\x01${INVITE} SIP/2.0\r\nCall-ID: inside\r\n\r\n`, 'latin1');
    const two = Buffer.concat([Buffer.from([2, 28, 2, 17]), Buffer.alloc(24), sip.subarray(10)]);
    const { kinds, calls } = new CallScene()
      .datagram(0, ['192.0.2.1:9060', '192.0.2.2:9060'], sip)
      .datagram(1, ['192.0.2.1:9060', '192.0.2.2:9060'], two)
      .report();
    assert.deepEqual([kinds, calls], [{ hep: 2 }, []]);
  });
});

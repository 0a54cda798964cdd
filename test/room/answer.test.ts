import assert from 'node:assert/strict';
import fc from 'fast-check';
import { acceptAnswer, answerOffer, createOffer, createRooms } from '../../lib/room/index.js';
import type { DescriptionOptions } from '../../lib/room/index.js';
import { parseSdp } from '../../lib/wire/sdp.js';
import { agree, join, offerOf } from './participants.js';

const OURS: DescriptionOptions = {
  address: '198.51.100.1',
  rtpPort: 40000,
  rtcpPort: 40001,
  sessionId: '77',
};

function answered(offer: string, options: Partial<DescriptionOptions> = {}) {
  const answer = answerOffer(offer, { ...OURS, ...options });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.warning}`);
  return { ...answer, lines: answer.sdp.split('\r\n') };
}

function mediaLine(offer: string, options: Partial<DescriptionOptions> = {}): string | undefined {
  return answered(offer, options).lines.find((line) => line.startsWith('m='));
}

const BROWSER = [
  'v=0',
  'o=- 3497579305088229251 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'm=audio 9 RTP/AVP 111 63 9 0 8 13 110 126',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789abcdef01234567',
  'a=mid:0',
  'a=sendrecv',
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=rtcp-fb:111 transport-cc',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2',
  'a=rtpmap:9 G722/8000',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:13 CN/8000',
  'a=rtpmap:110 telephone-event/48000',
  'a=rtpmap:126 telephone-event/8000',
  'm=video 9 RTP/AVP 96',
  'a=mid:1',
  'a=rtpmap:96 VP8/90000',
  '',
].join('\r\n');

describe('room: answer to an offer', () => {
  it('keeps the formats it passes through under their numbers, with fmtp and ptime', () => {
    const offer = offerOf('9 18 8 0 97 101', [
      'a=rtpmap:18 G729/8000',
      'a=rtpmap:97 OPUS/48000/2',
      'a=fmtp:97 useinbandfec=1',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-16',
      'a=ptime:20',
      'a=maxptime:60',
    ]);
    const { sdp, stream } = answered(offer);
    assert.equal(
      sdp,
      [
        'v=0',
        'o=- 77 1 IN IP4 198.51.100.1',
        's=-',
        'c=IN IP4 198.51.100.1',
        't=0 0',
        'm=audio 40000 RTP/AVP 9 8 0 97 101',
        'a=rtpmap:9 G722/8000',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:0 PCMU/8000',
        'a=rtpmap:97 opus/48000/2',
        'a=fmtp:97 useinbandfec=1',
        'a=rtpmap:101 telephone-event/8000',
        'a=fmtp:101 0-16',
        'a=sendrecv',
        'a=ptime:20',
        'a=maxptime:60',
        '',
      ].join('\r\n'),
    );
    assert.deepEqual(stream.accepts, stream.sends);
    assert.deepEqual(stream.remote, { address: '192.0.2.1', port: 4000 });
    assert.deepEqual(stream.remoteRtcp, { address: '192.0.2.1', port: 4001 });
  });

  it('puts events last, so that they never are the codec of the call', () => {
    assert.equal(
      mediaLine(offerOf('101 0', ['a=rtpmap:101 telephone-event/8000'])),
      'm=audio 40000 RTP/AVP 0 101',
    );
  });

  it('reads static numbers without rtpmap, and never a name against its rtpmap', () => {
    assert.equal(mediaLine(offerOf('0 8 9')), 'm=audio 40000 RTP/AVP 0 8 9');
    assert.equal(mediaLine(offerOf('0 8', ['a=rtpmap:8 L16/8000'])), 'm=audio 40000 RTP/AVP 0');
    assert.equal(mediaLine(offerOf('0', ['a=rtpmap:0 pcmu/8000/1'])), 'm=audio 40000 RTP/AVP 0');
  });

  it('leaves out numbers that look like RTCP, other clocks and other channels', () => {
    const offer = offerOf('72 96 97 0 0', [
      'a=rtpmap:72 opus/48000/2',
      'a=rtpmap:96 opus/48000',
      'a=rtpmap:97 PCMU/16000',
    ]);
    assert.equal(mediaLine(offer), 'm=audio 40000 RTP/AVP 0');
  });

  describe('in the preference of the room', () => {
    const opus = (payloadType: number) => [`a=rtpmap:${payloadType} opus/48000/2`];

    it('the codec of the first participant leads', () => {
      const rooms = createRooms();
      join(rooms, 'hall', agree(offerOf('8 0')));
      const preference = rooms.preference('hall');
      assert.equal(mediaLine(offerOf('9 0 8'), { preference }), 'm=audio 40000 RTP/AVP 8 0 9');
    });

    it('leads under whatever number', () => {
      const preference = [{ payloadType: 96, codec: 'opus/48000/2' }];
      assert.equal(mediaLine(offerOf('0 96', opus(96)), { preference }), 'm=audio 40000 RTP/AVP 96 0');
      assert.equal(mediaLine(offerOf('0 111', opus(111)), { preference }), 'm=audio 40000 RTP/AVP 111 0');
    });

    it('another codec under its number does not', () => {
      const preference = [{ payloadType: 96, codec: 'opus/48000/2' }];
      const offer = offerOf('0 96', ['a=rtpmap:96 telephone-event/8000']);
      assert.equal(mediaLine(offer, { preference }), 'm=audio 40000 RTP/AVP 0 96');
    });
  });

  for (const [theirs, ours] of [
    ['sendrecv', 'sendrecv'],
    ['sendonly', 'recvonly'],
    ['recvonly', 'sendonly'],
    ['inactive', 'inactive'],
  ] as const) {
    it(`answers ${theirs} with ${ours}, in the section or the session`, () => {
      assert.ok(answered(offerOf('0', [`a=${theirs}`])).lines.includes(`a=${ours}`));
      const offer = offerOf('0').replace('t=0 0\r\n', `t=0 0\r\na=${theirs}\r\n`);
      assert.ok(answered(offer).lines.includes(`a=${ours}`));
    });
  }

  it('holds at c=0.0.0.0 and ::, where not even RTCP goes', () => {
    for (const address of ['0.0.0.0', '::']) {
      const offer = offerOf('0').replace(
        'IN IP4 192.0.2.1\r\nt',
        `IN ${address === '::' ? 'IP6' : 'IP4'} ${address}\r\nt`,
      );
      const { stream, lines } = answered(offer);
      assert.deepEqual([stream.isSending, stream.isListening, stream.isReportable], [true, false, false]);
      assert.ok(lines.includes('a=recvonly'));
    }
  });

  it('takes rtcp-mux when offered, unless told not to', () => {
    const offer = offerOf('0', ['a=rtcp-mux']);
    assert.equal(answered(offer).stream.isRtcpMux, true);
    assert.ok(answered(offer).lines.includes('a=rtcp-mux'));
    assert.equal(answered(offer, { rtcpMux: false }).stream.isRtcpMux, false);
    assert.ok(!answered(offer, { rtcpMux: false }).lines.includes('a=rtcp-mux'));
    assert.equal(answered(offerOf('0'), { rtcpMux: true }).stream.isRtcpMux, false);
  });

  it('names the RTCP port only where it is not the next', () => {
    const rtcpLine = (rtcpPort: number | undefined, lines: string[] = []) =>
      answered(offerOf('0', lines), { rtcpPort }).lines.find((line) => line.startsWith('a=rtcp:'));
    assert.equal(rtcpLine(40001), undefined);
    assert.equal(rtcpLine(undefined), undefined);
    assert.equal(rtcpLine(40777), 'a=rtcp:40777');
    assert.equal(rtcpLine(40777, ['a=rtcp-mux']), undefined);
  });

  it('accepts one audio section, refuses the others with port 0, and bundles what it accepted', () => {
    const { lines, stream } = answered(BROWSER);
    assert.deepEqual(
      lines.filter((line) => /^(m|a=group|a=mid)/.test(line)),
      [
        'a=group:BUNDLE 0',
        'm=audio 40000 RTP/AVP 111 9 0 8 110 126',
        'a=mid:0',
        'm=video 0 RTP/AVP 96',
        'a=mid:1',
      ],
    );
    assert.ok(lines.includes('a=fmtp:111 minptime=10;useinbandfec=1'));
    assert.ok(!lines.some((line) => line.startsWith('a=rtcp-fb')));
    // c=0.0.0.0 beside ICE is no hold.
    assert.deepEqual([stream.isSending, stream.isListening, stream.isRtcpMux], [true, true, true]);
    const two =
      offerOf('8') + 'm=audio 4002 RTP/AVP 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n';
    assert.deepEqual(
      answered(two).lines.filter((line) => line.startsWith('m=')),
      ['m=audio 40000 RTP/AVP 8', 'm=audio 0 RTP/AVP 0', 'm=application 0 UDP/DTLS/SCTP webrtc-datachannel'],
    );
  });

  it('passes over an audio section it cannot take for one it can', () => {
    const offer = offerOf('18').replace('RTP/AVP', 'RTP/SAVP') + 'm=audio 4002 RTP/AVPF 0\r\n';
    const { stream, lines } = answered(offer);
    assert.equal(stream.media, 1);
    assert.deepEqual(
      lines.filter((line) => line.startsWith('m=')),
      ['m=audio 0 RTP/SAVP 18', 'm=audio 40000 RTP/AVPF 0'],
    );
  });

  it('answers with the t= of the offer, its own ids, IPv6, and CRLF to LF', () => {
    const offer = offerOf('0', [], '2001:db8::9')
      .replace('t=0 0', 't=3034423619 3042462419')
      .replaceAll('\r\n', '\n');
    const { lines } = answered(offer, { address: '2001:db8::1', sessionVersion: 3 });
    assert.equal(lines[1], 'o=- 77 3 IN IP6 2001:db8::1');
    assert.equal(lines[3], 'c=IN IP6 2001:db8::1');
    assert.equal(lines[4], 't=3034423619 3042462419');
    assert.equal(lines.at(-1), '');
  });

  it('ends a stream that a re-offer takes back', () => {
    const { stream, lines } = answered(offerOf('0').replace('audio 4000', 'audio 0'));
    assert.ok(lines.includes('m=audio 0 RTP/AVP 0'));
    assert.deepEqual([stream.isSending, stream.isListening, stream.isReportable], [false, false, false]);
  });

  for (const [what, offer, status, warning] of [
    ['no SDP', 'hello', 400, /v=0/],
    ['nothing at all', '', 400, /empty/],
    ['a malformed attribute of ours', offerOf('0', ['a=latch:1 short']), 400, /a=latch in line 7/],
    ['no media', 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n', 488, /no audio/],
    ['video only', offerOf('96', ['a=rtpmap:96 VP8/90000']).replace('m=audio', 'm=video'), 488, /no audio/],
    ['encrypted media only', offerOf('0').replace('RTP/AVP', 'RTP/SAVP'), 488, /RTP\/AVP or RTP\/AVPF/],
    ['codecs of others', offerOf('18 3'), 488, /none of PCMU/],
    ['events only', offerOf('101', ['a=rtpmap:101 telephone-event/8000']), 488, /none of PCMU/],
  ] as const) {
    it(`refuses ${what} with ${status}`, () => {
      const answer = answerOffer(offer, OURS);
      assert.ok(!answer.ok);
      assert.equal(answer.status, status);
      assert.match(answer.warning, warning);
    });
  }

  it('never throws, and whatever it answers has the sections of the offer', () => {
    const line = fc.oneof(
      fc.constantFrom(
        ...BROWSER.split('\r\n'),
        ...offerOf('0 101').split('\r\n'),
        'm=audio 0 RTP/AVP 0',
        'c=IN IP4',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const offer = ['v=0', ...lines].join('\r\n');
        const answer = answerOffer(offer, OURS);
        if (!answer.ok) return;
        const [theirs, ours] = [parseSdp(offer), parseSdp(answer.sdp)];
        assert.ok(theirs.ok && ours.ok);
        assert.deepEqual(
          ours.value.media.map(({ kind }) => kind),
          theirs.value.media.map(({ kind }) => kind),
        );
        assert.ok(ours.value.media.filter(({ port }) => port > 0).length <= 1);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('room: offer of ours', () => {
  it("offers what is passed through, and the room's own formats first", () => {
    assert.equal(
      createOffer({ ...OURS, rtcpMux: true }),
      [
        'v=0',
        'o=- 77 1 IN IP4 198.51.100.1',
        's=-',
        'c=IN IP4 198.51.100.1',
        't=0 0',
        'm=audio 40000 RTP/AVP 0 8 9 96 101',
        'a=rtpmap:0 PCMU/8000',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:9 G722/8000',
        'a=rtpmap:96 opus/48000/2',
        'a=rtpmap:101 telephone-event/8000',
        'a=fmtp:101 0-16',
        'a=sendrecv',
        'a=rtcp-mux',
        'a=rtcp:40001',
        '',
      ].join('\r\n'),
    );
    const preference = agree(
      offerOf('96 111 8', ['a=rtpmap:96 telephone-event/48000', 'a=rtpmap:111 opus/48000/2']),
    ).accepts;
    assert.match(createOffer({ ...OURS, preference }), /m=audio 40000 RTP\/AVP 111 8 0 9 96 101\r\n/);
  });

  const offer = createOffer({ ...OURS, rtcpMux: true });

  it('reads the answer: numbers each way, directions, rtcp-mux', () => {
    const answer = offerOf('97 8', ['a=rtpmap:97 opus/48000/2', 'a=recvonly', 'a=rtcp-mux']);
    const accepted = acceptAnswer(offer, answer);
    assert.ok(accepted.ok);
    const { stream } = accepted;
    assert.deepEqual(
      stream.accepts.map(({ payloadType }) => payloadType),
      [97, 8],
    );
    assert.deepEqual(
      stream.sends.map(({ payloadType }) => payloadType),
      [8, 96],
    );
    assert.deepEqual([stream.isSending, stream.isListening, stream.isRtcpMux], [false, true, true]);
  });

  it('an answer of this room fits its own offer', () => {
    const { sdp } = answered(offer);
    const accepted = acceptAnswer(offer, sdp);
    assert.ok(accepted.ok);
    assert.deepEqual(accepted.stream.accepts, accepted.stream.sends);
  });

  for (const [what, answer, status] of [
    ['no SDP', 'x', 400],
    ['other sections', offerOf('0') + 'm=video 0 RTP/AVP 96\r\n', 400],
    ['port 0', offerOf('0').replace('audio 4000', 'audio 0'), 488],
    ['codecs that were not offered', offerOf('18'), 488],
    ['events only', offerOf('101', ['a=rtpmap:101 telephone-event/8000']), 488],
  ] as const) {
    it(`refuses an answer with ${what}`, () => {
      const accepted = acceptAnswer(offer, answer);
      assert.ok(!accepted.ok);
      assert.equal(accepted.status, status);
    });
  }
});

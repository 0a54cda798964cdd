import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  kindsToOffer,
  offeredTransports,
  repeatOffer,
} from '../../lib/room/index.js';
import type { Format, SectionPorts } from '../../lib/room/index.js';
import { parseSdp } from '../../lib/wire/sdp.js';
import { portsFor, sdpOf, VIDEO } from './participants.js';

const OURS = { address: '198.51.100.1', rtpPort: 0, sessionId: '77' };

function answered(offer: string, ports: ReadonlyMap<number, SectionPorts> = portsFor(offer)) {
  const answer = answerOffer(offer, { ...OURS, ports });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.warning}`);
  const lines = answer.sdp.split('\r\n');
  return { ...answer, lines, sections: lines.filter((line) => line.startsWith('m=')) };
}

const TEXT = [
  'm=text 5004 RTP/AVP 100 98',
  'a=rtpmap:98 t140/1000',
  'a=rtpmap:100 red/1000',
  'a=fmtp:100 98/98',
];

describe('room: answers with several sections', () => {
  it('takes audio, video, text and data, each on ports of its own, in the order of the offer', () => {
    const offer = sdpOf(
      ['m=application 5010 udp wb', 'a=sendonly'],
      ['m=video 5002 RTP/AVP 97', 'a=rtpmap:97 VP8/90000'],
      ['m=audio 5000 RTP/AVP 0', 'a=rtcp-mux'],
      TEXT,
    );
    assert.deepEqual(offeredTransports(offer), [0, 1, 2, 3]);
    const { sdp, streams } = answered(offer);
    assert.equal(
      sdp.slice(sdp.indexOf('m=')),
      [
        'm=application 40000 udp wb',
        'a=recvonly',
        'm=video 40002 RTP/AVP 97',
        'a=rtpmap:97 VP8/90000',
        'a=sendrecv',
        'm=audio 40004 RTP/AVP 0',
        'a=rtpmap:0 PCMU/8000',
        'a=sendrecv',
        'a=rtcp-mux',
        'm=text 40006 RTP/AVP 100 98',
        'a=rtpmap:100 red/1000',
        'a=fmtp:100 98/98',
        'a=rtpmap:98 t140/1000',
        'a=sendrecv',
        '',
      ].join('\r\n'),
    );
    assert.deepEqual(
      streams.map(({ channel, transport, isRtp, isRtcpMux }) => [channel, transport, isRtp, isRtcpMux]),
      [
        ['application udp wb', 0, false, false],
        ['video', 1, true, false],
        ['audio', 2, true, true],
        ['text', 3, true, false],
      ],
    );
    assert.deepEqual(streams[1]?.remote, { address: '192.0.2.1', port: 5002 });
  });

  it('refuses by port 0 what it cannot take, and what there are no ports for', () => {
    const offer = sdpOf(
      ['m=audio 5000 RTP/SAVP 0'],
      ['m=audio 5000 RTP/AVP 0'],
      ['m=video 5002 RTP/AVP 97', 'a=rtpmap:97 H263/90000'],
      ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel'],
      ['m=message 7 TCP/MSRP *'],
      ['m=text 5004 RTP/AVP 98', 'a=rtpmap:98 t140/1000'],
      ['m=video 5008 RTP/AVP 97', 'a=rtpmap:97 VP8/90000'],
    );
    assert.deepEqual(offeredTransports(offer), [1, 5, 6]);
    const { sections } = answered(offer, new Map([...portsFor(offer)].filter(([index]) => index !== 5)));
    assert.deepEqual(sections, [
      'm=audio 0 RTP/SAVP 0',
      'm=audio 40000 RTP/AVP 0',
      'm=video 0 RTP/AVP 97',
      'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
      'm=message 0 TCP/MSRP *',
      'm=text 0 RTP/AVP 98',
      'm=video 40004 RTP/AVP 97',
    ]);
    assert.deepEqual(answerOffer(offer, { ...OURS, ports: new Map<number, SectionPorts>() }).ok, false);
  });

  it('takes data that a room can pass on, not what needs a server at the other end', () => {
    const offer = sdpOf(
      ['m=audio 5000 RTP/AVP 0'],
      ['m=application 5002 UDP/BFCP *', 'a=floorctrl:c-s'],
      ['m=application 5004 udp MCPTT'],
      ['m=application 5006 udp MCVideo'],
      ['m=application 5008 UDP/MIKEY *'],
      ['m=application 5010 UDP wb'],
    );
    const kept = ['m=audio 40000 RTP/AVP 0', 'm=application 40002 UDP wb'];
    assert.deepEqual(answered(offer).sections, [
      kept[0],
      'm=application 0 UDP/BFCP *',
      'm=application 0 udp MCPTT',
      'm=application 0 udp MCVideo',
      'm=application 0 UDP/MIKEY *',
      kept[1],
    ]);
  });

  it('takes of two families that of its own, and no name; with ICE or latch the address does not matter', () => {
    const ice = ['a=ice-ufrag:abcd', 'a=ice-pwd:0123456789abcdef01234567'];
    const offer = sdpOf(
      ['m=audio 5000 RTP/AVP 0', 'c=IN IP6 2001:db8::9'],
      ['m=audio 5002 RTP/AVP 0'],
      ['m=video 5004 RTP/AVP 97', 'c=IN IP4 sbc.example.com', 'a=rtpmap:97 VP8/90000'],
      ['m=text 5006 RTP/AVP 98', 'c=IN IP6 2001:db8::9', 'a=rtpmap:98 t140/1000', ...ice],
    );
    const ports = [0, 1, 2, 3].map((index): [number, SectionPorts] => [
      index,
      { rtpPort: 40000 + 2 * index },
    ]);
    assert.deepEqual(offeredTransports(offer, undefined, OURS.address), [1, 3]);
    assert.deepEqual(answered(offer, new Map(ports)).sections, [
      'm=audio 0 RTP/AVP 0',
      'm=audio 40002 RTP/AVP 0',
      'm=video 0 RTP/AVP 97',
      'm=text 40006 RTP/AVP 98',
    ]);
  });

  for (const [what, section, expected] of [
    ['another family', ['m=audio 5000 RTP/AVP 0', 'c=IN IP6 2001:db8::9'], [488, 300, /IPv4 here/]],
    ['a name', ['m=audio 5000 RTP/AVP 0', 'c=IN IP4 sbc.example.com'], [488, 301, /not resolved/]],
    ['no c=', ['m=audio 5000 RTP/AVP 0', 'c='], [400, 399, /no c= line/]],
    ['DTLS-SRTP', ['m=audio 5000 UDP/TLS/RTP/SAVPF 0'], [488, 302, /DTLS-SRTP is not served/]],
    ['SDES', ['m=audio 5000 RTP/SAVP 0'], [488, 302, /as RTP\/AVP or/]],
    ['no audio', ['m=message 7 TCP/MSRP *'], [488, 304, /no audio/]],
    ['no codec of ours', ['m=audio 5000 RTP/AVP 18'], [488, 305, /none of PCMU/]],
  ] as const)
    it(`says why it takes nothing: ${what}`, () => {
      const [status, warnCode, text] = expected;
      const answer = answerOffer(sdpOf(section), { ...OURS, ports: portsFor(sdpOf(section)) });
      assert.ok(!answer.ok);
      assert.deepEqual([answer.status, answer.warnCode], [status, warnCode]);
      assert.match(answer.warning, text);
    });

  it('names the channels: the second video is that of slides for all', () => {
    const video = ['m=video 5002 RTP/AVP 97', 'a=rtpmap:97 VP8/90000'];
    const { streams } = answered(sdpOf(video, ['m=audio 5000 RTP/AVP 0'], video));
    assert.deepEqual(
      streams.map(({ channel }) => channel),
      ['video', 'audio', 'video 2'],
    );
  });

  it('takes eight transports of one call, and no more', () => {
    const offer = sdpOf(...Array.from({ length: 12 }, () => ['m=audio 5000 RTP/AVP 0']));
    assert.equal(offeredTransports(offer).length, 8);
    assert.equal(answered(offer).sections.filter((line) => !line.startsWith('m=audio 0')).length, 8);
  });

  it('leaves redundant text out that is no text inside', () => {
    for (const fmtp of ['a=fmtp:100 99/99', 'a=fmtp:100 98/99', 'a=x']) {
      const offer = sdpOf([TEXT[0]!, TEXT[1]!, TEXT[2]!, fmtp]);
      assert.deepEqual(answered(offer).sections, ['m=text 40000 RTP/AVP 98']);
    }
  });

  it('never throws, mirrors every section, and puts nothing on ports that were not given', () => {
    const line = fc.constantFrom(
      ...sdpOf(['m=audio 5000 RTP/AVP 0 96', 'a=rtcp-mux', 'a=mid:a'], VIDEO, TEXT, ['m=application 9 udp x'])
        .split('\r\n')
        .filter((one) => one !== ''),
      'a=group:BUNDLE a v',
      'a=group:BUNDLE v a',
      'a=mid:v',
      'a=bundle-only',
      'm=video 0 RTP/AVP 96',
    );
    const ports = fc.uniqueArray(fc.nat(6));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), ports, (lines, given) => {
        const offer = ['v=0', ...lines].join('\r\n');
        const own = new Map(given.map((index) => [index, { rtpPort: 40000 + 2 * index }]));
        const answer = answerOffer(offer, { ...OURS, ports: own });
        const theirs = parseSdp(offer);
        if (!answer.ok || !theirs.ok) return;
        const ours = parseSdp(answer.sdp);
        assert.ok(ours.ok);
        assert.deepEqual(
          ours.value.media.map(({ kind, mid }) => [kind, mid]),
          theirs.value.media.map(({ kind, mid }) => [kind, mid]),
        );
        for (const { port, isRejected } of ours.value.media) {
          assert.ok(isRejected || [...own.values()].some(({ rtpPort }) => rtpPort === port));
        }
        for (const { media, transport } of answer.streams.filter(({ remote }) => remote.port !== 0)) {
          assert.equal(ours.value.media[media]?.transport, transport);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('room: BUNDLE', () => {
  const audio = ['m=audio 5000 RTP/AVP 111', 'a=mid:a', 'a=rtpmap:111 opus/48000/2', 'a=rtcp-mux'];
  const video = ['m=video 5002 RTP/AVP 96', 'a=mid:v', 'a=rtpmap:96 VP8/90000', 'a=rtcp-mux'];
  const group = 'a=group:BUNDLE a v';

  it('is one transport, with one port in every section of it', () => {
    const offer = sdpOf([group], audio, video);
    assert.deepEqual(offeredTransports(offer), [0]);
    const { lines, sections, streams } = answered(offer);
    assert.ok(lines.includes(group));
    assert.deepEqual(sections, ['m=audio 40000 RTP/AVP 111', 'm=video 40000 RTP/AVP 96']);
    assert.deepEqual(
      streams.map(({ transport, remote }) => [transport, remote.port]),
      [
        [0, 5000],
        [0, 5000],
      ],
    );
  });

  it('takes a section that is for the bundle only', () => {
    const only = video.map((line) => line.replace('5002', '0')).concat('a=bundle-only');
    const { sections } = answered(sdpOf([group], audio, only));
    assert.deepEqual(sections, ['m=audio 40000 RTP/AVP 111', 'm=video 40000 RTP/AVP 96']);
    assert.equal(answered(sdpOf(audio, only)).sections[1], 'm=video 0 RTP/AVP 96');
  });

  it('has another first where the first cannot be taken, and leaves out those without rtcp-mux', () => {
    const secure = audio.map((line) => line.replace('RTP/AVP', 'RTP/SAVP'));
    const other = ['m=audio 5006 RTP/AVP 0', 'a=mid:b'];
    const { lines, sections, streams } = answered(sdpOf(['a=group:BUNDLE a b v'], secure, other, video));
    assert.ok(lines.includes('a=group:BUNDLE v'));
    assert.deepEqual(sections, [
      'm=audio 0 RTP/SAVP 111',
      'm=audio 40000 RTP/AVP 0',
      'm=video 40002 RTP/AVP 96',
    ]);
    assert.deepEqual(
      streams.map(({ transport }) => transport),
      [1, 2],
    );
  });

  it('tells sections apart by numbers: one that is taken does not count again', () => {
    const clash = video.map((line) => line.replaceAll('96', '111')).concat('a=rtpmap:97 VP9/90000');
    const both = clash.map((line) => line.replace('RTP/AVP 111', 'RTP/AVP 111 97'));
    const { sections } = answered(sdpOf([group], audio, both));
    assert.deepEqual(sections, ['m=audio 40000 RTP/AVP 111', 'm=video 40000 RTP/AVP 97']);
    assert.equal(answered(sdpOf([group], audio, clash)).sections[1], 'm=video 0 RTP/AVP 111');
  });
});

describe('room: attributes answered', () => {
  const video = (...lines: string[]) =>
    sdpOf(['m=video 5002 RTP/AVPF 96 97', 'a=rtpmap:96 VP8/90000', 'a=rtpmap:97 rtx/90000', ...lines]);
  const answersTo = (offer: string, name: string) =>
    answered(offer).lines.filter((line) => line.startsWith(`a=${name}:`));

  it('feedback that is routed to a source, for what is accepted', () => {
    const offered = ['96 nack', '96 nack pli', '96 ccm fir', '96 goog-remb', '96 transport-cc', '97 nack'];
    assert.deepEqual(answersTo(video(...offered.map((value) => `a=rtcp-fb:${value}`)), 'rtcp-fb'), [
      'a=rtcp-fb:96 nack',
      'a=rtcp-fb:96 nack pli',
      'a=rtcp-fb:96 ccm fir',
    ]);
    assert.deepEqual(answersTo(video('a=rtcp-fb:* nack pli'), 'rtcp-fb'), ['a=rtcp-fb:* nack pli']);
    assert.deepEqual(answered(video()).sections, ['m=video 40000 RTP/AVPF 96']);
  });

  for (const [lines, request] of [
    [['a=rtcp-fb:96 nack pli', 'a=rtcp-fb:96 ccm fir'], 'pli'],
    [['a=rtcp-fb:* ccm fir'], 'fir'],
    [['a=rtcp-fb:96 nack', 'a=rtcp-fb:97 nack pli'], undefined],
  ] as const) {
    it(`key frames are asked for by ${request ?? 'nothing'} after ${lines.join(', ')}`, () => {
      assert.equal(answered(video(...lines)).stream.keyFrameRequest, request);
    });
  }

  const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
  for (const [offered, line, id] of [
    [`a=extmap:1 ${LEVEL}`, `a=extmap:1 ${LEVEL}`, 1],
    [`a=extmap:3/sendonly ${LEVEL} vad=on`, `a=extmap:3/recvonly ${LEVEL} vad=on`, 3],
    [`a=extmap:15 ${LEVEL}`, undefined, 0],
    ['a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid', undefined, 0],
  ] as const) {
    it(`${offered} is answered with ${line ?? 'nothing'}`, () => {
      const offer = sdpOf(['m=audio 5000 RTP/AVP 0', offered]);
      assert.deepEqual(answersTo(offer, 'extmap'), line === undefined ? [] : [line]);
      assert.equal(answered(offer).stream.audioLevelId, id);
    });
  }
});

describe('room: offers with several sections', () => {
  const preference: readonly Format[] = [
    { payloadType: 111, codec: 'opus/48000/2' },
    { payloadType: 99, codec: 'H264/90000', fmtp: 'profile-level-id=42e01f;packetization-mode=1' },
    { payloadType: 98, codec: 't140/1000' },
  ];
  const ports = new Map([0, 1, 2].map((index) => [index, { rtpPort: 40000 + 2 * index }]));

  it('have the kinds of the room, under its numbers, and ask for feedback', () => {
    assert.deepEqual(kindsToOffer([]), ['audio']);
    assert.deepEqual(kindsToOffer(preference), ['audio', 'video', 'text']);
    const offer = createOffer({ ...OURS, ports, preference });
    assert.deepEqual(
      offer.split('\r\n').filter((line) => /^(m=|a=rtcp-fb|a=fmtp:99)/.test(line)),
      [
        'm=audio 40000 RTP/AVP 111 0 8 9 96 101',
        'm=video 40002 RTP/AVP 99',
        'a=fmtp:99 profile-level-id=42e01f;packetization-mode=1',
        'a=rtcp-fb:* nack',
        'a=rtcp-fb:* nack pli',
        'a=rtcp-fb:* ccm fir',
        'm=text 40004 RTP/AVP 98',
      ].flatMap((line) => (line.startsWith('m=audio') ? [line.replace(' 96', '')] : [line])),
    );
  });

  it('are agreed on section by section; what is refused is not there', () => {
    const offer = createOffer({ ...OURS, ports, preference });
    const answer = sdpOf(
      ['m=audio 5000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2'],
      [
        'm=video 5002 RTP/AVP 120',
        'a=rtpmap:120 H264/90000',
        'a=fmtp:120 profile-level-id=42f00d;packetization-mode=1',
        'a=rtcp-fb:120 nack pli',
      ],
      ['m=text 0 RTP/AVP 98', 'a=rtpmap:98 t140/1000'],
    );
    const accepted = acceptAnswer(offer, answer);
    assert.ok(accepted.ok);
    const [audio, video, ...rest] = accepted.streams;
    assert.deepEqual([audio?.channel, video?.channel, rest.length], ['audio', 'video', 0]);
    assert.deepEqual([video?.accepts[0]?.payloadType, video?.sends[0]?.payloadType], [120, 99]);
    assert.equal(video?.keyFrameRequest, 'pli');
    const another = answer.replace('H264', 'VP8');
    const without = acceptAnswer(offer, another);
    assert.ok(without.ok);
    assert.deepEqual(
      without.streams.map(({ channel }) => channel),
      ['audio'],
    );
    assert.ok(!acceptAnswer(offer, sdpOf(['m=audio 5000 RTP/AVP 111'])).ok);
  });

  it('repeat the last description without its holds, and an answer to it is read with its bundles and data', () => {
    const theirs = sdpOf(
      ['a=group:BUNDLE a v'],
      ['m=audio 5000 RTP/AVP 0', 'a=mid:a', 'a=rtcp-mux', 'a=sendonly'],
      ['m=video 5002 RTP/AVP 96', 'a=mid:v', 'a=rtpmap:96 VP8/90000', 'a=rtcp-mux'],
      ['m=application 5004 udp wb'],
    );
    const { sdp } = answered(theirs);
    assert.ok(sdp.includes('a=recvonly'));
    const again = repeatOffer(sdp, 4);
    assert.match(again, /^o=- 77 4 IN IP4 198\.51\.100\.1\r$/m);
    assert.ok(!again.includes('a=recvonly'));
    const accepted = acceptAnswer(again, theirs);
    assert.ok(accepted.ok);
    assert.deepEqual(
      accepted.streams.map(({ channel, transport, isRtp }) => [channel, transport, isRtp]),
      [
        ['audio', 0, true],
        ['video', 0, true],
        ['application udp wb', 2, false],
      ],
    );
  });
});

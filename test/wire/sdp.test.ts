import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import {
  formatChallenge,
  formatLatch,
  parseSdp,
  spliceLatch,
  stripKeys,
  stripLatch,
} from '../../lib/wire/sdp.js';
import { transportIndex } from '../../lib/wire/sdp.js';
import type { Sdp, SdpMedia, SectionKey } from '../../lib/wire/sdp.js';

const TAG = 'Xk3pQ7vT0aLm';
const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const WORD = 'gK0Tr7sQgq2cp66IN9sEHw';
const LATCH = `a=latch:1 ${TAG} ${SECRET} suites=HMAC-SHA-256,AES-256`;
const OTHER = `a=latch:1 s3rVerTag9Qw ${SECRET} suite=AES-256`;
const CHALLENGE = `a=latch-challenge:${WORD}`;
const HEAD = ['v=0', 'o=- 1 1 IN IP4 198.51.100.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
const AUDIO = 'm=audio 4000 RTP/AVP 0 8';

function sdpOf(...lines: string[]): string {
  return [...HEAD, ...lines, ''].join('\r\n');
}

function read(text: string): Sdp {
  const result = parseSdp(text);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function refused(text: string): { code: string; offset: number; message: string } {
  const result = parseSdp(text);
  assert.ok(!result.ok, 'taken');
  return result.error;
}

/** The only section, with `lines` after its `m=` line. */
function section(...lines: string[]): SdpMedia {
  const [media] = read(sdpOf(AUDIO, ...lines)).media;
  assert.ok(media !== undefined);
  return media;
}

const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const crypto = (tag: number, suite = 'AES_CM_128_HMAC_SHA1_80', key = KEY): string =>
  `a=crypto:${tag} ${suite} inline:${key}`;

describe('the SSRCs that an SDP announces (RFC 5576)', () => {
  it('are told once each, whatever is said of them', () => {
    const lines = ['4294967295 cname:a', '7 cname:a', '7 msid:b c', '7'].map((value) => `a=ssrc:${value}`);
    assert.deepEqual(section(...lines).ssrcs, [4_294_967_295, 7]);
  });

  it('are none where the number is none, and 64 at most', () => {
    assert.deepEqual(section('a=ssrc', 'a=ssrc:', 'a=ssrc:4294967296 x', 'a=ssrc:7x', 'a=ssrc:-1').ssrcs, []);
    const lines = Array.from({ length: 100 }, (_, i) => `a=ssrc:${i} cname:a`);
    assert.equal(section(...lines).ssrcs.length, 64);
  });
});

describe('the keys of SRTP in an SDP (RFC 4568)', () => {
  it('are those of their section, several, in order; the session level has none', () => {
    const { media } = read(
      sdpOf(
        crypto(9),
        'm=audio 4000 RTP/SAVP 0',
        crypto(1, 'AEAD_AES_256_GCM'),
        `${crypto(7)}|2^31`,
        'm=video 0 RTP/AVP 96',
      ),
    );
    assert.deepEqual(
      media.map(({ cryptos, hasCryptoLine }) => [
        hasCryptoLine,
        ...cryptos.map(({ tag, suite }) => `${tag} ${suite}`),
      ]),
      [[true, '1 AEAD_AES_256_GCM', '7 AES_CM_128_HMAC_SHA1_80'], [false]],
    );
    assert.deepEqual(media[0]?.cryptos[1]?.keys[0], {
      keyAndSalt: Uint8Array.from(Buffer.from(KEY, 'base64')),
      lifetimePackets: 2 ** 31,
    });
  });

  it('are not offered where they are malformed or have the tag of another, and the rest of the SDP stands', () => {
    const { cryptos, hasCryptoLine, port } = section(
      'a=crypto',
      'a=crypto:',
      crypto(1, 'X', '_'),
      crypto(1),
      crypto(1, 'AEAD_AES_128_GCM'),
      `${crypto(2)}\0`,
    );
    assert.deepEqual(
      [port, hasCryptoLine, cryptos.map(({ tag, suite }) => [tag, suite])],
      [4000, true, [[1, 'AES_CM_128_HMAC_SHA1_80']]],
    );
    const unreadable = section('a=crypto:none');
    assert.deepEqual([unreadable.hasCryptoLine, unreadable.cryptos], [true, []]);
  });

  it('are sixteen at most', () => {
    const lines = Array.from({ length: 40 }, (_, i) => crypto(i + 1));
    assert.deepEqual(
      section(...lines).cryptos.map(({ tag }) => tag),
      lines.slice(0, 16).map((_, i) => i + 1),
    );
  });

  it('are in no error about another line (P7)', () => {
    for (const { message } of [
      refused(sdpOf(AUDIO, crypto(1), 'm=audio')),
      refused(sdpOf(AUDIO, crypto(1), LATCH, LATCH)),
    ])
      assert.ok(!message.includes(KEY.slice(0, 8)), message);
  });

  it('are taken out with our lines where the text is to be seen by others, and nothing else is', () => {
    const text = sdpOf(AUDIO, 'a=cryptographic:1', 'a=sendrecv');
    const keyed = sdpOf(
      crypto(3),
      AUDIO,
      crypto(1),
      'a=cryptographic:1',
      LATCH,
      'a=crypto:what ever',
      'a=sendrecv',
      'a=crypto',
    );
    assert.equal(stripKeys(keyed), text);
    assert.equal(stripKeys(text), text);
    assert.equal(stripKeys(sdpOf(AUDIO, LATCH)), sdpOf(AUDIO));
    assert.equal(stripKeys(`\r${crypto(1)}\r`), '\r');
  });

  it('stay byte for byte where our lines are put in and taken out', () => {
    const text = sdpOf(AUDIO, crypto(1), 'a=crypto:what ever');
    const spliced = spliceLatch(read(text), new Map([[0, [LATCH]]]));
    assert.equal(spliced, `${text}${LATCH}\r\n`);
    assert.equal(stripLatch(spliced), text);
  });
});

describe('an SDP', () => {
  it('gives what latching needs of each section', () => {
    const text = sdpOf(
      'a=sendonly',
      'a=group:BUNDLE a v',
      'a=group:LS a v',
      AUDIO,
      'a=mid:a',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15, 66',
      LATCH,
      CHALLENGE,
      'm=video 0 UDP/TLS/RTP/SAVPF 96',
      'c=IN IP6 2001:DB8:0:0:0:0:0:1',
      'a=inactive',
      'a=mid:v',
      'a=rtcp-mux',
      'a=bundle-only',
    );
    const sdp = read(text);
    assert.equal(sdp.text, text);
    assert.equal(sdp.eol, '\r\n');
    assert.equal(sdp.address, '192.0.2.1');
    assert.equal(sdp.latch, undefined);
    assert.deepEqual(sdp.bundle, [['a', 'v']]);
    const [audio, video, ...rest] = sdp.media;
    assert.deepEqual(rest, []);
    const { latch, challenge, ...others } = audio as SdpMedia;
    assert.equal(latch?.tag, TAG);
    assert.deepEqual(latch.suites, ['HMAC-SHA-256', 'AES-256']);
    assert.equal(Buffer.from(challenge ?? []).toString('base64url'), WORD);
    assert.deepEqual(others, {
      index: 0,
      kind: 'audio',
      port: 4000,
      portCount: 1,
      protocol: 'RTP/AVP',
      formats: ['0', '8'],
      mid: 'a',
      direction: 'sendonly',
      address: '192.0.2.1',
      rtcp: { address: '192.0.2.1', port: 4001 },
      hasRtcpLine: false,
      rtcpMux: false,
      bundleOnly: false,
      isRejected: false,
      transport: 0,
      ice: undefined,
      cryptos: [],
      hasCryptoLine: false,
      ssrcs: [],
      rtpmaps: new Map([
        [0, 'PCMU/8000'],
        [101, 'telephone-event/8000'],
      ]),
      fmtps: new Map([[101, '0-15, 66']]),
      start: text.indexOf('m=audio'),
      end: text.indexOf('m=video'),
    });
    assert.deepEqual(video, {
      index: 1,
      kind: 'video',
      port: 0,
      portCount: 1,
      protocol: 'UDP/TLS/RTP/SAVPF',
      formats: ['96'],
      mid: 'v',
      direction: 'inactive',
      address: '2001:db8::1',
      rtcp: { address: '2001:db8::1', port: 0 },
      hasRtcpLine: false,
      rtcpMux: true,
      bundleOnly: true,
      isRejected: false,
      transport: 0,
      latch: undefined,
      challenge: undefined,
      ice: undefined,
      cryptos: [],
      hasCryptoLine: false,
      ssrcs: [],
      rtpmaps: new Map(),
      fmtps: new Map(),
      start: text.indexOf('m=video'),
      end: text.length,
    });
  });

  it('is read the same with LF, with both mixed, and without the last line end', () => {
    const text = sdpOf('a=recvonly', AUDIO, LATCH, CHALLENGE);
    const media = read(text).media;
    let count = 0;
    const mixed = text.replace(/\r\n/g, () => (count++ % 2 === 0 ? '\n' : '\r\n'));
    for (const same of [text.replaceAll('\r\n', '\n'), mixed, text.slice(0, -2), `\n${text}\n\n`]) {
      const lines = ({ start, end, ...others }: SdpMedia) => (assert.ok(start < end), others);
      assert.deepEqual(read(same).media.map(lines), media.map(lines));
    }
    assert.equal(read(mixed).eol, '\n');
  });

  it('keeps a body that is not UTF-8', () => {
    const text = sdpOf('s=caf\u00e9 \u00ff\u0000\u0085', AUDIO, 'i=\u00c3\u00a9', LATCH);
    const sdp = read(text);
    assert.equal(sdp.media[0]?.latch?.tag, TAG);
    assert.equal(spliceLatch(sdp, new Map([[0, [LATCH]]])), text);
  });

  const connections: readonly (readonly [line: string, address: string])[] = [
    ['c=IN IP4 203.0.113.7', '203.0.113.7'],
    ['c=IN IP4 0.0.0.0', '0.0.0.0'],
    ['c=IN IP4 233.252.0.1/127', '233.252.0.1'],
    ['c=IN IP4 233.252.0.1/127/3', '233.252.0.1'],
    ['c=IN IP6 FF15::101/3', 'ff15::101'],
    ['c=IN IP6 ::', '::'],
    ['c=IN IP6 ::ffff:203.0.113.7', '203.0.113.7'],
    ['c=IN IP6 2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['c=IN IP4 media.Example.com', 'media.Example.com'],
    ['c=IN IP6 host-1.invalid', 'host-1.invalid'],
    ['c=IN IP4  203.0.113.7', '203.0.113.7'],
    ['c=IN IP4', ''],
    ['c=IN IP4 /127', ''],
    ['c=', ''],
    ['c=IN IP7 X', ''],
    ['c=ATM NSAP 47.0091', ''],
    ['c=IN IP4 $', ''],
    ['c=IN IP4 caf\u00e9', ''],
    [`c=IN IP4 ${'h'.repeat(256)}`, ''],
  ];
  for (const [line, address] of connections) {
    it(`takes its address from ${line.slice(0, 40)}`, () => {
      const media = section(line);
      assert.equal(media.address, address);
      assert.deepEqual(media.rtcp, { address, port: 4001 });
      const sdp = read(['v=0', line, AUDIO].join('\n'));
      assert.equal(sdp.address, address);
      assert.equal(sdp.media[0]?.address, address);
    });
  }

  it('may have no address at all', () => {
    assert.equal(read('v=0\nm=audio 4000 RTP/AVP 0\n').media[0]?.address, '');
  });

  const rtcps: readonly (readonly [lines: string[], address: string, port: number])[] = [
    [[], '192.0.2.1', 4001],
    [['a=rtcp:53020'], '192.0.2.1', 53020],
    [['a=rtcp:53020 IN IP4 203.0.113.7'], '203.0.113.7', 53020],
    [['a=rtcp:53020 IN IP6 2001:DB8::7'], '2001:db8::7', 53020],
    [['c=IN IP4 203.0.113.9', 'a=rtcp:53020'], '203.0.113.9', 53020],
    [['a=rtcp:53020', 'c=IN IP4 203.0.113.9'], '203.0.113.9', 53020],
    [['a=rtcp:53020 IN IP4 203.0.113.7', 'a=rtcp:53022'], '192.0.2.1', 53022],
    [['a=rtcp:1 IN IP7 X'], '192.0.2.1', 4001],
    [['a=rtcp:65536'], '192.0.2.1', 4001],
    [['a=rtcp:'], '192.0.2.1', 4001],
    [['a=rtcp'], '192.0.2.1', 4001],
    [['a=rtcp:-1'], '192.0.2.1', 4001],
  ];
  for (const [lines, address, port] of rtcps) {
    it(`sends RTCP where ${JSON.stringify(lines)} says`, () => {
      assert.deepEqual(section(...lines).rtcp, { address, port });
    });
  }

  const medias: readonly (readonly [line: string, expected: Partial<SdpMedia>])[] = [
    ['m=audio 4002/2 RTP/AVP 0', { port: 4002, portCount: 2, rtcp: { address: '192.0.2.1', port: 4003 } }],
    ['m=audio 65535 RTP/AVP 0', { port: 65535, rtcp: { address: '192.0.2.1', port: 0 }, isRejected: false }],
    ['m=audio 0 RTP/AVP 0', { port: 0, rtcp: { address: '192.0.2.1', port: 0 }, isRejected: true }],
    ['m=image 5000 udptl t38', { kind: 'image', protocol: 'udptl', formats: ['t38'] }],
    ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', { protocol: 'UDP/DTLS/SCTP' }],
    ['m=message 5060 sip *', { kind: 'message', formats: ['*'] }],
    ['m=audio  4000 RTP/AVP  0 8 ', { port: 4000, formats: ['0', '8'] }],
    ['m=audio 4000 RTP/AVP', { port: 4000, formats: [] }],
  ];
  for (const [line, expected] of medias) {
    it(`reads ${line}`, () => {
      const [media] = read(sdpOf(line)).media;
      assert.deepEqual({ ...media, ...expected }, media);
    });
  }

  for (const line of [
    'm=',
    'm=audio',
    'm=audio 4000',
    'm=audio RTP/AVP 0',
    'm=audio $ RTP/AVP 0',
    'm=audio -1 RTP/AVP 0',
    'm=audio 65536 RTP/AVP 0',
    'm=audio 4000/0 RTP/AVP 0',
    'm=audio 4000/99999 RTP/AVP 0',
    'm=audio 4000/ RTP/AVP 0',
    'm=audio 0x10 RTP/AVP 0',
  ]) {
    it(`refuses ${line}`, () => {
      const { code, offset, message } = refused(sdpOf(AUDIO, line));
      assert.deepEqual([code, offset], ['sdp-media', 7]);
      assert.equal(message, 'm= in line 7 (media 1) cannot be read');
    });
  }

  for (const text of [
    '',
    '\r\n\n',
    'hello',
    'v=1\r\n',
    'm=audio 4000 RTP/AVP 0\r\n',
    ' v=0\r\n',
    'v=00\r\n',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(refused(text).code, 'sdp-version');
    });
  }

  it('has its directions at both levels, sendrecv being the default', () => {
    assert.equal(section().direction, 'sendrecv');
    for (const direction of ['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const) {
      assert.equal(section('a=sendonly', `a=${direction}`).direction, direction);
      const sdp = read(sdpOf(`a=${direction}`, AUDIO, 'm=video 1 RTP/AVP 9', 'a=recvonly'));
      assert.deepEqual(
        sdp.media.map((media) => media.direction),
        [direction, 'recvonly'],
      );
    }
  });

  it('ignores what it cannot read or does not know in lines of others', () => {
    const media = section(
      'a=mid:',
      'a=rtpmap:128 X/1',
      'a=rtpmap:x X/1',
      'a=rtpmap:0',
      'a=fmtp:999 x',
      'a=fmtp',
      'a=group:BUNDLE x',
      'a=',
      'a=:',
      'x',
      '=',
      'z=1',
      'a=__proto__:1',
      'a=rtcp-muxed',
    );
    assert.equal(media.mid, undefined);
    assert.equal(media.rtcpMux, false);
    assert.equal(media.rtpmaps.size + media.fmtps.size, 0);
  });
});

describe('BUNDLE', () => {
  const part = (mid: string, port: number, ...lines: string[]) => [
    `m=audio ${port} RTP/AVP 0`,
    `a=mid:${mid}`,
    ...lines,
  ];
  const transports = (sdp: Sdp) => sdp.media.map((media) => transportIndex(sdp, media.index));
  const only = 'a=bundle-only';

  const rows: readonly (readonly [
    title: string,
    lines: string[],
    transports: number[],
    rejected: boolean[],
  ])[] = [
    ['no group', [...part('a', 1), ...part('b', 2)], [0, 1], [false, false]],
    [
      'the first mid of the group is tagged, not the first section',
      ['a=group:BUNDLE c a', ...part('a', 1), ...part('b', 2), ...part('c', 3)],
      [2, 1, 2],
      [false, false, false],
    ],
    [
      'two groups',
      ['a=group:BUNDLE b', 'a=group:BUNDLE a c', ...part('a', 1), ...part('b', 2), ...part('c', 0, only)],
      [0, 1, 0],
      [false, false, false],
    ],
    [
      'a mid counts in its first group',
      ['a=group:BUNDLE a b', 'a=group:BUNDLE b c', ...part('a', 1), ...part('b', 2), ...part('c', 3)],
      [0, 0, 2],
      [false, false, false],
    ],
    [
      'port 0 without bundle-only is rejected and no member, though it be named first',
      ['a=group:BUNDLE a b c', ...part('a', 0), ...part('b', 2), ...part('c', 0, only)],
      [0, 1, 1],
      [true, false, false],
    ],
    [
      'bundle-only comes first: the tagged section is one with a port',
      ['a=group:BUNDLE a b', ...part('a', 0, only), ...part('b', 2)],
      [1, 1],
      [false, false],
    ],
    [
      'a group without any port',
      ['a=group:BUNDLE a b', ...part('a', 0, only), ...part('b', 0, only)],
      [0, 1],
      [true, true],
    ],
    ['bundle-only outside of a group', part('a', 0, only), [0], [true]],
    [
      'mids that are not there, given twice, or empty groups',
      ['a=group:BUNDLE', 'a=group:BUNDLE x b b a', ...part('a', 1), ...part('b', 2), ...part('b', 3)],
      [1, 1, 2],
      [false, false, false],
    ],
    [
      'a group at media level or of other semantics',
      ['a=group:LS a b', 'a=group:bundle a b', ...part('a', 1, 'a=group:BUNDLE a b'), ...part('b', 2)],
      [0, 1],
      [false, false],
    ],
  ];
  for (const [title, lines, expected, rejected] of rows) {
    it(title, () => {
      const sdp = read(sdpOf(...lines));
      assert.deepEqual(transports(sdp), expected);
      assert.deepEqual(
        sdp.media.map((media) => media.isRejected),
        rejected,
      );
      for (const media of sdp.media) {
        if (!media.isRejected) assert.notEqual(sdp.media[media.transport]?.port, 0);
      }
    });
  }

  it('has no opinion on a section that is not there', () => {
    assert.equal(transportIndex(read(sdpOf(AUDIO)), 5), 5);
  });

  it('takes the attributes of the tagged section', () => {
    const sdp = read(
      sdpOf('a=group:BUNDLE b a', LATCH, ...part('a', 1, OTHER), ...part('b', 2), ...part('c', 3)),
    );
    const tags = sdp.media.map((media) => sdp.media[transportIndex(sdp, media.index)]?.latch?.tag);
    assert.deepEqual(tags, [TAG, TAG, TAG]);
  });
});

describe('our attributes in an SDP', () => {
  const video = 'm=video 5000 RTP/AVP 96';
  const tagsOf = (sdp: Sdp) => sdp.media.map((media) => media.latch?.tag);
  const wordsOf = (sdp: Sdp) => sdp.media.map((media) => media.challenge?.[0]);
  const second = `a=latch-challenge:${Buffer.alloc(16, 7).toString('base64url')}`;

  it('at session level hold for all sections, at media level override', () => {
    const sdp = read(sdpOf(LATCH, AUDIO, OTHER, video));
    assert.equal(sdp.latch?.tag, TAG);
    assert.deepEqual(tagsOf(sdp), ['s3rVerTag9Qw', TAG]);
    assert.equal(sdp.media[1]?.latch, sdp.latch);
    assert.deepEqual(tagsOf(read(sdpOf(AUDIO, OTHER, video))), ['s3rVerTag9Qw', undefined]);
  });

  it('have words of their own, overridden alike', () => {
    assert.deepEqual(wordsOf(read(sdpOf(LATCH, AUDIO, CHALLENGE, video))), [0x80, undefined]);
    assert.deepEqual(wordsOf(read(sdpOf(LATCH, CHALLENGE, AUDIO, second, video))), [7, 0x80]);
    assert.deepEqual(wordsOf(read(sdpOf(CHALLENGE, AUDIO, LATCH, video))), [0x80, undefined]);
  });

  it('may come in any order within a section', () => {
    assert.deepEqual(wordsOf(read(sdpOf(AUDIO, CHALLENGE, LATCH))), [0x80]);
  });

  it('of an unknown version are absent, and so is a word without a=latch in force, however it looks', () => {
    for (const lines of [
      ['a=latch:2 who knows'],
      ['a=latch:2 x', 'a=latch:3 y', 'a=latch-challenge:of another length'],
      ['a=latch:2 x', CHALLENGE, CHALLENGE],
      [CHALLENGE],
      ['a=latch-challenge', 'a=latch-challenge:!'],
    ]) {
      for (const text of [sdpOf(AUDIO, ...lines), sdpOf(...lines, AUDIO)]) {
        const sdp = read(text);
        assert.deepEqual([sdp.latch, ...tagsOf(sdp), ...wordsOf(sdp)], [undefined, undefined, undefined]);
        assert.equal(stripLatch(text), sdpOf(AUDIO));
      }
    }
  });

  it('of an unknown version leave version 1 beside or above them in force', () => {
    assert.deepEqual(tagsOf(read(sdpOf(AUDIO, 'a=latch:2 new', LATCH, 'a=latch:3 newer'))), [TAG]);
    assert.deepEqual(tagsOf(read(sdpOf(LATCH, AUDIO, 'a=latch:2 new'))), [TAG]);
  });

  const bad = `a=latch:1 ${TAG} ${SECRET.slice(0, 42)}J`;
  const rows: readonly (readonly [
    title: string,
    lines: string[],
    code: string,
    line: number,
    place: string,
  ])[] = [
    ['a bad secret at session level', [bad, AUDIO], 'latch-secret', 6, 'a=latch in line 6 (session): '],
    ['a bad secret at media level', [AUDIO, bad], 'latch-secret', 7, 'a=latch in line 7 (media 0): '],
    ['a bad tag', [AUDIO, video, `a=latch:1 x ${SECRET}`], 'latch-tag', 8, 'a=latch in line 8 (media 1): '],
    ['no value', [AUDIO, 'a=latch'], 'latch-version', 7, 'a=latch in line 7 (media 0): '],
    ['a bad parameter', [AUDIO, `${LATCH} suite`], 'latch-param', 7, 'a=latch in line 7 (media 0): '],
    [
      'a section that is rejected',
      ['m=audio 0 RTP/AVP 0', bad],
      'latch-secret',
      7,
      'a=latch in line 7 (media 0): ',
    ],
    ['a=latch twice', [AUDIO, LATCH, OTHER], 'latch-duplicate', 8, 'a=latch in line 8 (media 0): '],
    ['the same a=latch twice', [LATCH, LATCH, AUDIO], 'latch-duplicate', 7, 'a=latch in line 7 (session): '],
    [
      'a bad word',
      [AUDIO, LATCH, 'a=latch-challenge:short'],
      'latch-challenge',
      8,
      'a=latch-challenge in line 8 (media 0): ',
    ],
    [
      'a bad word under a=latch of the session',
      [LATCH, AUDIO, video, 'a=latch-challenge'],
      'latch-challenge',
      9,
      'a=latch-challenge in line 9 (media 1): ',
    ],
    [
      'a bad word at session level',
      ['a=latch-challenge:', AUDIO, video, LATCH],
      'latch-challenge',
      6,
      'a=latch-challenge in line 6 (session): ',
    ],
    [
      'a bad word at session level, and no sections',
      [LATCH, 'a=latch-challenge:'],
      'latch-challenge',
      7,
      'a=latch-challenge in line 7 (session): ',
    ],
    [
      'three words',
      [AUDIO, LATCH, CHALLENGE, CHALLENGE, CHALLENGE],
      'latch-duplicate',
      9,
      'a=latch-challenge in line 9 (media 0): ',
    ],
  ];
  for (const [title, lines, code, line, place] of rows) {
    it(`are refused with line and place: ${title}`, () => {
      const error = refused(sdpOf(...lines));
      assert.deepEqual([error.code, error.offset], [code, line]);
      assert.ok(error.message.startsWith(place), error.message);
      for (const secret of [TAG, SECRET.slice(0, 6), WORD.slice(0, 6)]) {
        assert.ok(!error.message.includes(secret), error.message);
      }
    });
  }

  it('cut short anywhere give a result, and never a secret in it but the whole', () => {
    for (const line of [LATCH, `${OTHER} kid=key-1 keepalive=15 x=y`, CHALLENGE]) {
      for (let length = 0; length <= line.length; length++) {
        const text = sdpOf(...(line === CHALLENGE ? [LATCH] : []), AUDIO, line.slice(0, length));
        const result = parseSdp(text);
        if (result.ok) {
          const latch = result.value.media[0]?.latch;
          assert.ok(latch === undefined || latch.secret.length === 32);
        } else {
          assert.match(result.error.code, /^latch-/);
          assert.ok(!result.error.message.includes(SECRET.slice(0, 6)));
        }
      }
    }
  });

  it('go in by splicing and are read back', () => {
    const sdp = read(sdpOf(AUDIO, 'a=ptime:20', video));
    const latch = { version: 1, tag: TAG, secret: new Uint8Array(32).fill(9), suites: ['AES-256'] } as const;
    const word = new Uint8Array(16).fill(5);
    const lines = new Map([[1, [formatLatch(latch), formatChallenge(word)]]]);
    const spliced = spliceLatch(sdp, lines);
    const [audio, other] = read(spliced).media;
    assert.equal(audio?.latch, undefined);
    assert.deepEqual(other?.latch, { ...latch, suitesText: 'AES-256' });
    assert.deepEqual(other.challenge, word);
    assert.equal(stripLatch(spliced), sdp.text);
    assert.throws(() => spliceLatch(sdp, new Map([[2, [LATCH]]])), RangeError);
  });
});

describe('limits and hostile SDP', () => {
  it('refuses more than 64 Ki characters', () => {
    for (const filler of ['a=x\r\n', '\n', '\r', 'x', LATCH, 'm=audio 1 RTP/AVP 0\n', 'a=group:BUNDLE a\n']) {
      const text = `v=0\r\n${filler.repeat(Math.ceil(70_000 / filler.length))}`;
      assert.equal(refused(text).code, 'sdp-size');
    }
    assert.equal(parseSdp(`v=0\n${'\n'.repeat(64 * 1024 - 4)}`).ok, true);
    assert.equal(refused(`v=0\n${'\n'.repeat(64 * 1024 - 3)}`).code, 'sdp-size');
  });

  it('reads 64 Ki characters in one line of any kind', () => {
    const most = 64 * 1024 - 5;
    for (const [start, unit] of [
      ['', 'a'],
      ['a=', 'latch'],
      ['a=latch:', '2'],
      ['c=IN IP6 ', ':'],
      ['c=', ' '],
      ['a=fmtp:0 ', 'x;'],
    ] as const) {
      const text = `v=0\r\n${start}${unit.repeat(Math.floor((most - start.length) / unit.length))}`;
      assert.equal(parseSdp(text).ok, true, start);
    }
    assert.equal(refused(`v=0\r\nm=${'audio 1'.repeat(9000)}`).code, 'sdp-media');
    assert.equal(refused(`v=0\r\na=latch:1 ${'x'.repeat(65_000)}`).code, 'latch-tag');
  });

  it('stops at 64 sections', () => {
    const lines = Array.from({ length: 65 }, () => AUDIO);
    assert.equal(read(sdpOf(...lines.slice(1))).media.length, 64);
    const error = refused(sdpOf(...lines));
    assert.deepEqual([error.code, error.offset], ['sdp-media-count', 5 + 65]);
  });

  it('stops at 256 mids in all groups together', () => {
    const groups = Array.from({ length: 129 }, (_, i) => `a=group:BUNDLE m${(i * 7) % 64} m${i % 64}`);
    const sections = Array.from({ length: 64 }, (_, i) => [AUDIO, `a=mid:m${i}`]).flat();
    const sdp = read(sdpOf(...groups.slice(1), ...sections));
    assert.equal(sdp.bundle.length, 128);
    assert.equal(transportIndex(sdp, 1), 7);
    assert.equal(transportIndex(sdp, 7), 7);
    const error = refused(sdpOf(...groups, ...sections));
    assert.deepEqual([error.code, error.offset], ['sdp-mid-count', 5 + 129]);
    const oneMore = refused(sdpOf(...groups.slice(1), 'a=group:BUNDLE m0', ...sections));
    assert.deepEqual([oneMore.code, oneMore.offset], ['sdp-mid-count', 5 + 129]);
    const others = Array.from({ length: 300 }, () => 'a=group:LS a b');
    assert.equal(read(sdpOf(...others, AUDIO)).bundle.length, 0);
  });

  it('takes other limits from its caller', () => {
    const limits = { maxCharacters: 200, maxMedia: 1, maxMids: 1 };
    const code = (...lines: string[]) => {
      const result = parseSdp(sdpOf(...lines), limits);
      return result.ok ? 'taken' : result.error.code;
    };
    assert.equal(code('a=group:BUNDLE a', AUDIO), 'taken');
    assert.equal(code(AUDIO, AUDIO), 'sdp-media-count');
    assert.equal(code('a=group:BUNDLE a b', AUDIO), 'sdp-mid-count');
    assert.equal(code('x'.repeat(200)), 'sdp-size');
  });

  const base = sdpOf(
    'a=group:BUNDLE a b',
    LATCH,
    AUDIO,
    'a=mid:a',
    'a=rtcp:4 IN IP4 192.0.2.2',
    CHALLENGE,
    OTHER,
  );
  const codes =
    /^(sdp-(size|version|media|media-count|mid-count)|latch-(version|tag|secret|param|challenge|duplicate))$/;

  function check(text: string): void {
    const result = parseSdp(text);
    if (!result.ok) {
      assert.match(result.error.code, codes);
      assert.ok(result.error.offset >= 1);
      assert.ok(!result.error.message.includes(SECRET.slice(4, 12)), result.error.message);
      return;
    }
    const sdp = result.value;
    assert.equal(sdp.text, text);
    const bare = stripLatch(text);
    const again = parseSdp(bare);
    assert.ok(again.ok, 'the same SDP without our lines is refused');
    assert.ok(again.value.media.every((media) => media.latch === undefined));
    const lines = new Map<SectionKey, readonly string[]>(
      sdp.media.map(({ index }) => [index, [LATCH, CHALLENGE]]),
    );
    assert.equal(stripLatch(spliceLatch(again.value, lines)), bare);
    const spliced = parseSdp(spliceLatch(sdp, lines));
    assert.ok(spliced.ok);
    for (const media of spliced.value.media) {
      assert.equal(media.latch?.tag, TAG);
      assert.equal(media.challenge?.length, 16);
      assert.equal(media.address, sdp.media[media.index]?.address);
      assert.equal(media.port, sdp.media[media.index]?.port);
    }
  }

  it('never throws on mutated SDP, and splices what it took', () => {
    const junk = fc.oneof(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        'm=',
        'a=latch:1 ',
        '\r\na=latch:2\r\n',
        CHALLENGE,
        'v=0',
        ':',
        ' ',
        '\u2028',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    const edit = fc.tuple(fc.nat(base.length), fc.nat(40), junk);
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
        let text = base.replace(OTHER, edits.length % 2 === 0 ? OTHER : 'a=x');
        for (const [at, removed, added] of edits) text = text.slice(0, at) + added + text.slice(at + removed);
        check(text);
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws on arbitrary text', () => {
    const body = fc.string({ unit: 'binary', maxLength: 300 });
    fc.assert(
      fc.property(
        body,
        fc.constantFrom('', 'v=0\r\n', `v=0\n${AUDIO}\n`, `v=0\n${AUDIO}\na=`),
        (text, start) => {
          check(start + text);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('gives a result for every truncation', () => {
    for (let length = 0; length <= base.length; length++) check(base.slice(0, length));
  });
});

describe('the SDP of real programs', () => {
  const folder = new URL('../../../shared/material/sdp_transform/', import.meta.url);

  it('is read, and spliced and stripped to the byte', function () {
    if (!existsSync(folder)) {
      console.log('      skipped: ../shared/material is not there');
      this.skip();
    }
    const names = readdirSync(folder).filter((name) => name.endsWith('.sdp'));
    assert.ok(names.length > 20);
    for (const name of names) {
      const text = readFileSync(new URL(name, folder), 'latin1');
      const sdp = read(text);
      assert.equal(sdp.media.length, text.split(/\r?\nm=/).length - 1, name);
      assert.ok(
        sdp.media.every((media) => media.isRejected || media.address !== ''),
        name,
      );
      assert.equal(stripLatch(text), text, name);
      const keys: SectionKey[] = ['session', ...sdp.media.keys()];
      const spliced = spliceLatch(sdp, new Map(keys.map((key) => [key, [LATCH, CHALLENGE]])));
      assert.equal(stripLatch(spliced), text, name);
      const tags = read(spliced).media.map((media) => media.latch?.tag);
      assert.deepEqual(tags, Array<string>(sdp.media.length).fill(TAG), name);
    }
  });
});

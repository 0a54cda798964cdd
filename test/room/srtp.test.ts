// Which profiles a room answers and offers: plain RTP, and RTP whose keys stand in the descriptions (RFC 4568).
import assert from 'node:assert/strict';
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  offeredTransports,
  type SrtpUse,
} from '../../lib/room/index.js';
import { SRTP_SUITES } from '../../lib/core/index.js';
import { baresipOffer, cryptoLine, LINPHONE } from '../support/sdes-offers.js';

const [SUITE] = SRTP_SUITES;
const KEYS = cryptoLine(1, SUITE, 7);
const HEAD = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
const section = (profile: string, port: number, ...lines: string[]): string[] => [
  `m=audio ${port} ${profile} 0`,
  ...lines,
];
const sdpOf = (...sections: readonly string[][]): string =>
  [...HEAD, ...sections.flat()].map((line) => `${line}\r\n`).join('');
const place = {
  address: '203.0.113.1',
  rtpPort: 40_000,
  ports: new Map([0, 1].map((at) => [at, { rtpPort: 40_000 + 2 * at }])),
};
const mediaLines = (sdp: string): string[] => sdp.match(/^m=.*$/gm)?.map((line) => line.trim()) ?? [];

function answered(offer: string, srtp?: SrtpUse): string[] | string {
  const answer = answerOffer(offer, { ...place, srtp });
  if (!answer.ok) return `${answer.status} ${answer.warning}`;
  assert.ok(
    !answer.sdp.includes('a=crypto'),
    "the peer's keys do not come back, and ours are the session's to add",
  );
  return mediaLines(answer.sdp);
}

describe('SRTP in a room: what is answered', () => {
  for (const profile of ['RTP/SAVP', 'RTP/SAVPF'])
    it(`${profile} with keys is answered with itself, unless SRTP is off`, () => {
      const offer = baresipOffer({ protocol: profile });
      for (const srtp of ['accept', 'require'] as const)
        assert.deepEqual(answered(offer, srtp), [`m=audio 40000 ${profile} 0 8 101`]);
      assert.equal(answered(offer), '488 audio is taken as RTP/AVP or RTP/AVPF only');
      assert.deepEqual(offeredTransports(offer, undefined, undefined, 'accept'), [0]);
      assert.deepEqual(offeredTransports(offer), []);
    });

  it('linphonec', () => {
    assert.deepEqual(answered(LINPHONE, 'accept'), ['m=audio 40000 RTP/SAVP 96 0 8 99 100 101']);
  });

  it('RTP/SAVP without keys that we support is refused, and what would be taken is said', () => {
    for (const keys of [[], ['a=crypto:1 X inline:abcd'], [`${KEYS} UNENCRYPTED_SRTP`]]) {
      const offer = sdpOf(section('RTP/SAVP', 5004, ...keys));
      assert.match(String(answered(offer, 'accept')), /^488 .*RTP\/SAVP or RTP\/SAVPF with an a=crypto/);
      assert.match(String(answered(offer, 'require')), /^488 audio is taken as SRTP only/);
    }
  });

  it('RTP/AVP with keys is answered as RTP/AVP; without, it is refused where SRTP is required', () => {
    const [keyed, bare] = [sdpOf(section('RTP/AVP', 5004, KEYS)), sdpOf(section('RTP/AVP', 5004))];
    for (const srtp of ['off', 'accept', 'require'] as const)
      assert.deepEqual(answered(keyed, srtp), ['m=audio 40000 RTP/AVP 0']);
    for (const srtp of ['off', 'accept'] as const)
      assert.deepEqual(answered(bare, srtp), ['m=audio 40000 RTP/AVP 0']);
    assert.match(String(answered(bare, 'require')), /^488 audio is taken as SRTP only/);
  });

  it('one stream offered both ways, in either order: SRTP is answered, port 0 for the other', () => {
    const [secure, plain] = [section('RTP/SAVP', 5004, KEYS), section('RTP/AVP', 5004)];
    assert.deepEqual(answered(sdpOf(secure, plain), 'accept'), [
      'm=audio 40000 RTP/SAVP 0',
      'm=audio 0 RTP/AVP 0',
    ]);
    assert.deepEqual(answered(sdpOf(plain, secure), 'accept'), [
      'm=audio 0 RTP/AVP 0',
      'm=audio 40002 RTP/SAVP 0',
    ]);
    assert.deepEqual(answered(sdpOf(secure, plain), 'off'), [
      'm=audio 0 RTP/SAVP 0',
      'm=audio 40002 RTP/AVP 0',
    ]);
    const unusable = section('RTP/SAVP', 5004, `${KEYS} KDR=1`);
    assert.deepEqual(answered(sdpOf(unusable, plain), 'accept'), [
      'm=audio 0 RTP/SAVP 0',
      'm=audio 40002 RTP/AVP 0',
    ]);
  });

  it('a phone behind a name is reached by its keys', () => {
    const offer = sdpOf(section('RTP/SAVP', 5004, 'c=IN IP4 phone.invalid', KEYS));
    assert.deepEqual(answered(offer, 'accept'), ['m=audio 40000 RTP/SAVP 0']);
    const plain = sdpOf(section('RTP/AVP', 5004, 'c=IN IP4 phone.invalid', KEYS));
    assert.match(String(answered(plain, 'off')), /^488/);
  });
});

describe('SRTP in a room: what is offered', () => {
  it('RTP/SAVP where it is required, else RTP/AVP', () => {
    for (const [srtp, profile] of [
      ['off', 'RTP/AVP'],
      ['accept', 'RTP/AVP'],
      ['require', 'RTP/SAVP'],
    ] as const)
      assert.match(
        mediaLines(createOffer({ address: '203.0.113.1', rtpPort: 40_000, srtp }))[0] ?? '',
        new RegExp(`^m=audio 40000 ${profile} `),
      );
  });

  it('an answer without keys is none where SRTP is required', () => {
    const offer = createOffer({ address: '203.0.113.1', rtpPort: 40_000, srtp: 'require' });
    const [keyed, bare] = [sdpOf(section('RTP/SAVP', 5004, KEYS)), sdpOf(section('RTP/SAVP', 5004))];
    assert.ok(acceptAnswer(offer, keyed, undefined, 'require').ok);
    for (const [answer, srtp] of [
      [bare, 'require'],
      [bare, 'accept'],
      [keyed, 'off'],
      [sdpOf(section('RTP/AVP', 5004)), 'require'],
    ] as const)
      assert.equal(acceptAnswer(offer, answer, undefined, srtp).ok, false);
  });
});

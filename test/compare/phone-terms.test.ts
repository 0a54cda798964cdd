// What the scripted phones of the comparison say of themselves, and read of each other; and what their keys open in a capture.
import assert from 'node:assert/strict';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpSender } from '../../lib/srtp/index.js';
import { markOf, speakerOf } from './content.js';
import { opened } from './opened.js';
import { createTerms, describe as describePhone, masterKeyOf, readTerms } from './phone-terms.js';

const ADDRESS = '10.0.1.2';

describe('a scripted phone of the comparison', () => {
  for (const kind of ['plain', 'ice', 'sdes'] as const)
    it(`${kind}: what it says of itself is read as it was meant`, () => {
      const terms = createTerms(kind, 10_100);
      const sdp = describePhone(terms, ADDRESS);
      assert.deepEqual(readTerms(sdp), terms);
      assert.equal(/ RTP\/SAVP 0/.test(sdp), kind === 'sdes');
      assert.equal(/a=candidate:/.test(sdp), kind === 'ice');
    });

  it('answers with the tag of the line that it takes, among other suites', () => {
    const offer = describePhone(createTerms('sdes', 40_000), ADDRESS).replace(
      /a=crypto:1 (.*)/,
      `a=crypto:6 AES_256_CM_HMAC_SHA1_80 inline:${Buffer.alloc(46).toString('base64')}\r\na=crypto:7 $1`,
    );
    const own = createTerms('sdes', 10_100);
    const answer = describePhone(own, ADDRESS, offer);
    assert.match(answer, /^a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:/m);
    assert.equal(readTerms(answer).key, own.key);
    assert.notEqual(readTerms(offer).key, own.key);
  });

  it('what has no media in it is refused', () => {
    const [terms, closed] = [
      createTerms('plain', 10_100),
      'v=0\r\no=- 1 1 IN IP4 10.0.1.2\r\ns=-\r\nt=0 0\r\n',
    ];
    assert.throws(() => readTerms(closed), /no description with media/);
    assert.throws(
      () => readTerms(describePhone({ ...terms, port: 0 }, ADDRESS)),
      /no description with media/,
    );
  });
});

describe('SRTP in a capture of the comparison', () => {
  const keys = [1, 2].map((byte) => masterKeyOf(Buffer.alloc(30, byte).toString('base64')));
  const clear = Buffer.alloc(172);
  clear.writeUInt16BE(0x8000, 0);
  clear.write(markOf('callee'), 12);
  const sealed = new SrtpSender(nodeSrtpCrypto, keys[0]!).protectRtp(clear) as Uint8Array;
  const at = { address: '203.0.113.1', port: 40_000 };
  const seen = (payload: Uint8Array) => ({ timeMs: 0, source: at, destination: at, payload });

  it('is opened by the key that made its tag, as often as it was seen, and tells who speaks', () => {
    assert.equal(speakerOf(sealed), undefined);
    const both = opened([seen(sealed), seen(sealed)], [keys[1]!, keys[0]!]);
    assert.deepEqual(
      both.map(({ payload, isRefused }) => [speakerOf(payload), isRefused]),
      [
        ['callee', undefined],
        ['callee', undefined],
      ],
    );
  });

  it('is refused under another key, as plain RTP is under any, and stays as it was', () => {
    for (const payload of [sealed, clear]) {
      const [packet] = opened([seen(payload)], [keys[1]!]);
      assert.deepEqual(packet, { ...seen(payload), isRefused: true });
    }
  });

  it('nothing is refused where there are no keys', () => {
    assert.deepEqual(opened([seen(clear)], []), [seen(clear)]);
  });
});

// What no value of an SDP may hold (RFC 8866 section 9), because answers repeat some values. Found by fuzzing.
import assert from 'node:assert/strict';
import { parseSdp } from '../../lib/wire/sdp.js';
import { answerOffer } from '../../lib/room/index.js';

const offer = (media: string, attribute: string): string =>
  `v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=mid:a\r\nm=${media}\r\na=${attribute}\r\n`;

describe('control characters in an SDP', () => {
  for (const media of ['vi\0deo 4002 RTP/AVP 96', 'video 4002 RTP\x1b/AVP 96', 'video 4002 RTP/AVP 96\x7f'])
    it(`an m= line like ${JSON.stringify(media)} cannot be read`, () => {
      const parsed = parseSdp(offer(media, 'mid:v'));
      assert.ok(!parsed.ok && parsed.error.code === 'sdp-media');
    });

  it('an attribute with a zero byte is absent, and not repeated in an answer', () => {
    const text = offer('video 4002 RTP/AVP 96', 'mid:v\0w');
    const parsed = parseSdp(text);
    assert.ok(parsed.ok && parsed.value.media[1]?.mid === undefined);
    const answer = answerOffer(text, { address: '203.0.113.1', rtpPort: 20_000 });
    assert.ok(answer.ok && !answer.sdp.includes('\0') && answer.sdp.includes('a=mid:a'));
  });

  it('one of ours with a zero byte is malformed', () => {
    const parsed = parseSdp(offer('video 4002 RTP/AVP 96', 'latch:1 Xk3pQ7vT0aLm \0'));
    assert.ok(!parsed.ok && parsed.error.code === 'latch-secret');
  });
});

// What a voice agent answers to what phones offer.
import assert from 'node:assert/strict';
import { answerVoice } from '../../lib/audio/voice-answer.js';

const LOCAL = { address: '192.0.2.1', port: 40_000 };

function offer(...media: readonly string[]): string {
  return ['v=0', 'o=- 1 1 IN IP4 10.0.0.7', 's=-', 'c=IN IP4 10.0.0.7', 't=0 0', ...media, ''].join('\r\n');
}

const PHONE = offer(
  'm=audio 4000 RTP/AVP 96 9 8 0 101 102',
  'a=rtpmap:96 opus/48000/2',
  'a=rtpmap:101 telephone-event/48000',
  'a=rtpmap:102 telephone-event/8000',
  'a=fmtp:102 0-16',
  'a=rtcp-mux',
);

describe('audio: the answer', () => {
  it('takes the first law that is offered, and the events of its clock', () => {
    const answer = answerVoice(PHONE, LOCAL);
    assert.deepEqual([answer?.payloadType, answer?.eventType, answer?.isListening], [8, 102, true]);
    assert.match(answer!.sdp, /^m=audio 40000 RTP\/AVP 8 102\r$/m);
    assert.match(answer!.sdp, /^c=IN IP4 192\.0\.2\.1\r$/m);
    for (const line of [
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:102 telephone-event/8000',
      'a=rtcp-mux',
      'a=ptime:20',
    ])
      assert.ok(answer!.sdp.includes(`\r\n${line}\r\n`), line);
    assert.ok(!answer!.sdp.includes('opus'));
  });

  it('works without a=rtpmap, without events and without rtcp-mux', () => {
    const answer = answerVoice(offer('m=audio 4000 RTP/AVP 0'), LOCAL);
    assert.deepEqual([answer?.payloadType, answer?.eventType], [0, undefined]);
    assert.ok(!answer!.sdp.includes('a=rtcp-mux'));
  });

  it('answers every section, and takes one', () => {
    const answer = answerVoice(
      offer('m=video 5000 RTP/AVP 97', 'a=mid:v', 'm=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 8'),
      LOCAL,
    );
    assert.deepEqual(answer!.sdp.match(/^m=.*(?=\r$)/gm), [
      'm=video 0 RTP/AVP 97',
      'm=audio 40000 RTP/AVP 0',
      'm=audio 0 RTP/AVP 8',
    ]);
  });

  it('mirrors a hold, and knows that nobody listens', () => {
    for (const [direction, ours, isListening] of [
      ['sendonly', 'recvonly', false],
      ['inactive', 'inactive', false],
      ['recvonly', 'sendonly', true],
    ] as const) {
      const answer = answerVoice(offer('m=audio 4000 RTP/AVP 0', `a=${direction}`), LOCAL);
      assert.match(answer!.sdp, new RegExp(`^a=${ours}\r$`, 'm'));
      assert.equal(answer!.isListening, isListening);
    }
  });

  it('a later answer is of the same session, one version on, with the same codec', () => {
    const first = answerVoice(offer('m=audio 4000 RTP/AVP 0 8'), LOCAL);
    const second = answerVoice(PHONE, LOCAL, first);
    assert.equal(second?.payloadType, 0);
    assert.equal(second.sessionId, first?.sessionId);
    assert.deepEqual([first?.sessionVersion, second.sessionVersion], [1, 2]);
    assert.match(second.sdp, new RegExp(`^o=- ${first!.sessionId} 2 IN IP4 192\\.0\\.2\\.1\r$`, 'm'));
    assert.equal(answerVoice(offer('m=audio 4000 RTP/AVP 8'), LOCAL, first), undefined);
  });

  it('has no answer to what it cannot speak or read', () => {
    for (const one of [
      '',
      'no SDP',
      offer(),
      offer('m=audio 4000 RTP/AVP 9'),
      offer('m=audio 0 RTP/AVP 0'),
      offer('m=audio 4000 RTP/SAVP 0'),
      offer('m=audio 4000 RTP/AVP 0', 'a=rtpmap:0 G729/8000'),
      offer('m=video 4000 RTP/AVP 0'),
    ])
      assert.equal(answerVoice(one, LOCAL), undefined, one);
  });
});

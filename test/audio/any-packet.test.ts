// Whatever comes over the wire, a voice throws nothing, keeps nothing, and its frames have their size.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { VoiceStream } from '../../lib/audio/voice-stream.js';
import { makeRtp } from '../support/media.js';

const rtp = fc
  .record({
    ssrc: fc.constantFrom(1, 2),
    sequence: fc.nat(0xffff),
    timestamp: fc.oneof(fc.nat(20_000), fc.nat(0xffffffff)),
    payloadType: fc.constantFrom(0, 8, 101),
    payload: fc.uint8Array({ maxLength: 9000, size: 'max' }),
  })
  .map(makeRtp);
const header = fc
  .tuple(rtp, fc.nat(0xff))
  .map(([bytes, first]) => Uint8Array.from(bytes, (octet, i) => (i === 0 ? first | 0x80 : octet)));

describe('audio: any packet', () => {
  it('is taken or counted, and a frame comes at each beat', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      fc.assert(
        fc.property(fc.array(fc.oneof(rtp, header, fc.uint8Array()), { maxLength: 60 }), (packets) => {
          let frames = 0;
          const voice = new VoiceStream({
            payloadType: 0,
            delayMs: 60,
            send: () => true,
            onFrame: (pcm) => {
              frames++;
              assert.equal(pcm.length, 320);
            },
            onDigit: (digit) => assert.equal(digit.length, 1),
            nowMs: () => clock.now,
          });
          voice.eventType = 101;
          for (const packet of packets) {
            voice.receive(packet);
            clock.tick(10);
          }
          voice.close();
          const { received, events, foreign, late } = voice.counters;
          assert.equal(received + events + foreign, packets.length);
          assert.ok(late <= received && frames <= packets.length / 2);
        }),
        { numRuns: 200 },
      );
    } finally {
      clock.restore();
    }
  });
});

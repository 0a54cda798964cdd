// A voice on a media port, in virtual time.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import sinon from 'sinon';
import { createVoice } from '../../lib/audio/index.js';
import type { Voice, VoiceOptions } from '../../lib/audio/index.js';
import { LatchkeyError } from '../../lib/core/index.js';
import { makeRtp } from '../support/media.js';

const OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 10.0.0.7',
  's=-',
  'c=IN IP4 10.0.0.7',
  't=0 0',
  'm=audio 4000 RTP/AVP 0 101',
]
  .concat('a=rtpmap:101 telephone-event/8000', '')
  .join('\r\n');
const LOUD = Buffer.alloc(320, 0x10);

/** Takes what is sent, unless nobody is verified. */
class Port extends EventEmitter<{ packet: [bytes: Buffer]; close: [] }> {
  readonly local = { address: '127.0.0.1', port: 40_000 };
  readonly sent: Uint8Array[] = [];
  isVerified = true;

  send(bytes: Uint8Array): boolean {
    if (this.isVerified) this.sent.push(bytes);
    return this.isVerified;
  }

  /** Whether each packet was more than silence; forgets them. */
  takeLoudness(): boolean[] {
    return this.sent.splice(0).map((packet) => packet[12] !== 0xff);
  }
}

describe('audio: a voice', () => {
  let clock: sinon.SinonFakeTimers;
  let port: Port;
  let voice: Voice;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    port = new Port();
  });
  afterEach(() => {
    voice.close();
    clock.restore();
  });

  const open = (options: VoiceOptions = {}): void => {
    voice = createVoice(port, { nowMs: () => clock.now, ...options });
  };

  it('speaks and listens from its first answer on', () => {
    open();
    assert.equal(voice.play(LOUD), false);
    assert.equal(voice.counters, undefined);
    clock.tick(100);
    assert.equal(port.sent.length, 0);
    assert.match(voice.answer(OFFER)!, /^c=IN IP4 127\.0\.0\.1\r\n[^]*^m=audio 40000 RTP\/AVP 0 101\r$/m);
    assert.equal(voice.play(LOUD), true);
    assert.equal(voice.queuedMs, 20);
    const heard: string[] = [];
    voice.on('frame', (pcm) => heard.push(String(pcm.length)));
    voice.on('digit', (digit) => heard.push(digit));
    port.emit('packet', Buffer.from(makeRtp({ ssrc: 1, sequence: 1, timestamp: 0 })));
    const event = Uint8Array.of(11, 0, 0, 160);
    port.emit(
      'packet',
      Buffer.from(makeRtp({ ssrc: 1, sequence: 2, timestamp: 0, payloadType: 101, payload: event })),
    );
    clock.tick(40);
    assert.deepEqual(heard, ['#', '320', '320']);
    assert.deepEqual(port.takeLoudness(), [true, false]);
    const { received, events, sent } = voice.counters!;
    assert.deepEqual([received, events, sent], [1, 1, 2]);
  });

  it('a cut of the queue is heard 20 ms later', () => {
    open();
    voice.answer(OFFER);
    for (let i = 0; i < 10; i++) voice.play(LOUD);
    clock.tick(60);
    voice.clear();
    assert.equal(voice.queuedMs, 0);
    clock.tick(60);
    assert.deepEqual(port.takeLoudness(), [true, true, true, false, false, false]);
  });

  it('what is said on hold, or to nobody who is verified, is heard afterwards', () => {
    open();
    const first = voice.answer(OFFER);
    clock.tick(40);
    const held = voice.answer(OFFER.replace(/$/, 'a=sendonly\r\n'));
    assert.match(held!, /^a=recvonly\r$/m);
    port.takeLoudness();
    voice.play(LOUD);
    clock.tick(500);
    assert.deepEqual(port.takeLoudness(), []);
    port.isVerified = false;
    voice.answer(OFFER);
    clock.tick(500);
    port.isVerified = true;
    clock.tick(40);
    assert.deepEqual(port.takeLoudness(), [true, false]);
    const lineOf = (sdp = '') => /^o=- \d+ /m.exec(sdp)?.[0];
    assert.equal(lineOf(held), lineOf(first));
  });

  it('hears digits under the number of the newest offer', () => {
    open();
    voice.answer(OFFER);
    voice.answer(OFFER.replaceAll('101', '96'));
    const digits: string[] = [];
    voice.on('digit', (digit) => digits.push(digit));
    for (const [payloadType, digit] of [
      [101, 1],
      [96, 2],
    ] as const)
      port.emit(
        'packet',
        Buffer.from(
          makeRtp({
            ssrc: 1,
            sequence: 1,
            timestamp: 0,
            payloadType,
            payload: Uint8Array.of(digit, 0, 0, 1),
          }),
        ),
      );
    assert.deepEqual(digits, ['2']);
  });

  it('an offer that it cannot speak changes nothing', () => {
    open();
    voice.answer(OFFER);
    assert.equal(voice.answer(OFFER.replace('AVP 0 101', 'AVP 9 101')), undefined);
    clock.tick(20);
    assert.equal(port.sent.length, 1);
  });

  it('tells the address that it is given', () => {
    open({ address: '203.0.113.5' });
    assert.match(voice.answer(OFFER)!, /^c=IN IP4 203\.0\.113\.5\r$/m);
  });

  it('is over with its port, once, and answers no more', () => {
    open();
    voice.answer(OFFER);
    let closed = 0;
    voice.on('close', () => closed++);
    port.emit('close');
    voice.close();
    clock.tick(100);
    assert.equal(closed, 1);
    assert.equal(port.sent.length, 0);
    assert.equal(voice.answer(OFFER), undefined);
  });

  it('a listener that throws is an uncaught exception, as anywhere, and the beat goes on', () => {
    open();
    voice.answer(OFFER);
    const nextTick = sinon.stub(process, 'nextTick');
    try {
      voice.on('frame', () => {
        throw new Error('of the listener');
      });
      port.emit('packet', Buffer.from(makeRtp({ ssrc: 1, sequence: 1, timestamp: 0 })));
      clock.tick(60);
      assert.equal(port.sent.length, 3);
      assert.equal(nextTick.callCount, 3);
      assert.throws(() => (nextTick.firstCall.args[0] as () => void)(), /of the listener/);
    } finally {
      nextTick.restore();
    }
  });

  it('refuses options that are none by their name', () => {
    open();
    for (const [options, name] of [
      [{ address: 'here' }, 'address'],
      [{ delayMs: 10 }, 'delayMs'],
      [{ delay: 60 }, 'delay'],
    ] as const)
      assert.throws(
        () => createVoice(port, options as never),
        (error) =>
          error instanceof LatchkeyError &&
          error.code === 'LATCHKEY_OPTION' &&
          error.message.includes(`"${name}"`),
      );
  });
});

// The audio of a call in virtual time, once its codec is known: RTP on one side, PCM and digits on the other.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { VoiceStream } from '../../lib/audio/voice-stream.js';
import type { VoiceStreamOptions } from '../../lib/audio/voice-stream.js';
import { parseRtp } from '../../lib/wire/index.js';
import { makeRtp, makeSenderReport } from '../support/media.js';

/** 20 ms of one sample. */
function pcmOf(sample: number): Buffer {
  const pcm = Buffer.alloc(320);
  for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(sample, at);
  return pcm;
}

describe('audio: the stream of a voice', () => {
  let clock: sinon.SinonFakeTimers;
  let sent: { readonly atMs: number; readonly packet: Uint8Array }[];
  let frames: { readonly atMs: number; readonly pcm: Buffer }[];
  let digits: string[];
  let voice: VoiceStream;
  let onFrame: (pcm: Buffer) => void;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    [sent, frames, digits] = [[], [], []];
  });
  afterEach(() => {
    voice.close();
    clock.restore();
  });

  function open(options: Partial<VoiceStreamOptions> = {}): void {
    onFrame = () => undefined;
    voice = new VoiceStream({
      payloadType: 0,
      delayMs: 60,
      send: (packet) => {
        sent.push({ atMs: clock.now, packet });
        return true;
      },
      onFrame: (pcm) => {
        frames.push({ atMs: clock.now, pcm });
        onFrame(pcm);
      },
      onDigit: (digit) => digits.push(digit),
      nowMs: () => clock.now,
      ...options,
    });
    voice.eventType = 101;
  }

  it('a caller is heard frame by frame, 60 ms later, with silence where nothing comes', () => {
    open();
    for (let n = 0; n < 10; n++) {
      if (n !== 4)
        voice.receive(
          makeRtp({ ssrc: 1, sequence: n, timestamp: n * 160, payload: new Uint8Array(160).fill(n) }),
        );
      clock.tick(20);
    }
    assert.deepEqual(
      frames.map(({ atMs }) => atMs),
      Array.from({ length: 10 }, (_, i) => 20 * (i + 1)),
    );
    // By G.711's table: the octets 0 to 15 of the µ-law are -32124 and up by 1024.
    assert.deepEqual(
      frames.map(({ pcm }) => pcm.readInt16LE(318)),
      [0, 0, 0, -32124, -31100, -30076, -29052, 0, -27004, -25980],
    );
    assert.deepEqual([...new Set(frames.map(({ pcm }) => pcm.length))], [320]);
  });

  it('echoes at the pace of the grid what comes in one piece, and what barge-in cuts is not heard', () => {
    open();
    clock.tick(100);
    const speech = Buffer.concat(Array.from({ length: 500 }, () => pcmOf(8000)));
    assert.equal(voice.play(speech), true);
    assert.equal(voice.queuedMs, 10_000);
    clock.tick(1000);
    voice.clear();
    assert.equal(voice.queuedMs, 0);
    clock.tick(200);
    const loud = sent.filter(({ packet }) => packet[12] !== 0xff).map(({ atMs }) => atMs);
    assert.deepEqual([loud[0], loud.at(-1), loud.length], [120, 1100, 50]);
    assert.deepEqual(
      sent.map(({ atMs }) => atMs),
      Array.from({ length: 65 }, (_, i) => 20 * (i + 1)),
    );
  });

  it('what it hears can be played as it is, also from an odd place in memory', () => {
    for (const payloadType of [0, 8] as const) {
      open({ payloadType });
      onFrame = (pcm) => {
        const odd = Buffer.alloc(pcm.length + 1);
        pcm.copy(odd, 1);
        voice.play(odd.subarray(1));
      };
      const payload = Uint8Array.from({ length: 160 }, (_, i) => (i % 2 ? 0x80 : 0) + (i >> 1));
      voice.receive(makeRtp({ ssrc: 1, sequence: 0, timestamp: 0, payloadType, payload }));
      clock.tick(200);
      const echoed = sent
        .map(({ packet }) => packet)
        .find((packet) => packet[12] === payload[0] && packet[13] === payload[1]);
      assert.deepEqual(echoed?.subarray(12), payload);
      voice.close();
      sent = [];
    }
  });

  it('tells digits, and counts what is neither voice nor event', () => {
    open();
    const event = Uint8Array.of(7, 0x0a, 0, 160);
    for (let i = 0; i < 3; i++)
      voice.receive(makeRtp({ ssrc: 1, sequence: i, timestamp: 160, payloadType: 101, payload: event }));
    voice.receive(makeSenderReport(1, 0, 1));
    voice.receive(makeRtp({ ssrc: 1, sequence: 9, timestamp: 0, payloadType: 8 }));
    for (let size = 0; size < 12; size++) voice.receive(new Uint8Array(size).fill(0x80));
    assert.deepEqual(digits, ['7']);
    const { received, events, foreign } = voice.counters;
    assert.deepEqual([received, events, foreign], [0, 3, 14]);
  });

  it('without a type of events none is heard', () => {
    open();
    voice.eventType = undefined;
    voice.receive(
      makeRtp({ ssrc: 1, sequence: 1, timestamp: 1, payloadType: 101, payload: new Uint8Array(4) }),
    );
    assert.deepEqual(digits, []);
    assert.equal(voice.counters.foreign, 1);
  });

  it('a greeting waits for somebody to be there', () => {
    let isVerified = false;
    const heard: Uint8Array[] = [];
    open({
      send: (packet) => {
        if (isVerified) heard.push(packet);
        return isVerified;
      },
    });
    voice.play(pcmOf(8000));
    clock.tick(500);
    isVerified = true;
    clock.tick(40);
    assert.deepEqual(
      heard.map((packet) => packet[12] !== 0xff),
      [true, false],
    );
    assert.equal(voice.counters.sent, 2);
  });

  it('after a long sleep it sends no burst, and hears the present', () => {
    let sleptMs = 0;
    open({ nowMs: () => clock.now + sleptMs });
    const receive = (n: number) =>
      voice.receive(
        makeRtp({ ssrc: 1, sequence: n, timestamp: n * 160, payload: new Uint8Array(160).fill(n % 16) }),
      );
    for (let n = 0; n < 10; n++) {
      receive(n);
      clock.tick(20);
    }
    sleptMs = 1000;
    const before = sent.length;
    clock.tick(20);
    assert.ok(sent.length - before <= 2, `${sent.length - before} packets at once`);
    const [last, next] = sent.slice(-2).map(({ packet }) => parseRtp(packet));
    assert.ok(last?.ok && next?.ok);
    assert.equal(next.value.sequence - last.value.sequence, 1);
    assert.equal((next.value.timestamp - last.value.timestamp) >>> 0, 160 * 51);
    // What came meanwhile comes now, in one burst; after a second the caller is heard as he speaks.
    for (let n = 10; n < 60; n++) receive(n);
    for (let n = 60; n < 110; n++) {
      receive(n);
      clock.tick(20);
    }
    const [pcm] = frames.slice(-1).map((frame) => frame.pcm);
    assert.equal((pcm!.readInt16LE(0) + 32124) / 1024, (109 - 3) % 16);
  });

  it('a closed one sends no more, and closing twice is no harm', () => {
    open();
    clock.tick(100);
    voice.close();
    voice.close();
    clock.tick(1000);
    assert.equal(sent.length, 5);
  });
});

// The player keeps time, whatever the timers do, and its stream never jumps.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { playTone } from '../../lib/capture/index.js';
import type { MediaPacket } from '../../lib/capture/index.js';
import { Player } from '../../lib/phone/player.js';
import { parseRtp } from '../../lib/wire/index.js';

interface Sent {
  readonly atMs: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
}

describe('the player', () => {
  let clock: sinon.SinonFakeTimers;
  let sent: Sent[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    sent = [];
  });
  afterEach(() => clock.restore());

  function play(packets: readonly MediaPacket[], nowMs = () => clock.now, isSent = true): Player {
    const send = (bytes: Uint8Array): boolean => {
      const header = parseRtp(bytes);
      assert.ok(header.ok);
      const { sequence, timestamp, ssrc } = header.value;
      if (isSent) sent.push({ atMs: nowMs(), sequence, timestamp, ssrc });
      return isSent;
    };
    return new Player({ packets, send, nowMs });
  }

  const steps = (values: readonly number[], modulus: number): Set<number> =>
    new Set(values.slice(1).map((value, i) => (value - (values[i] ?? 0) + modulus) % modulus));

  it('plays at its own pace, from the first packet on', () => {
    const player = play(playTone(1));
    player.start();
    clock.tick(980);
    assert.deepEqual(
      sent.map(({ atMs }) => atMs),
      Array.from({ length: 50 }, (_, i) => i * 20),
    );
    assert.equal(player.sent, 50);
  });

  it('repeats without a seam: numbers, timestamps and pace go on', () => {
    const player = play(playTone(0.1));
    player.start();
    clock.tick(10_000);
    player.stop();
    assert.equal(sent.length, 501);
    assert.deepEqual(
      steps(
        sent.map((one) => one.sequence),
        2 ** 16,
      ),
      new Set([1]),
    );
    assert.deepEqual(
      steps(
        sent.map((one) => one.timestamp),
        2 ** 32,
      ),
      new Set([160]),
    );
    assert.deepEqual(
      steps(
        sent.map((one) => one.atMs),
        2 ** 32,
      ),
      new Set([20]),
    );
    assert.deepEqual(new Set(sent.map((one) => one.ssrc)), new Set([player.ssrc]));
  });

  it('makes good for holes in the numbers of a capture', () => {
    const [first, , third, fourth] = playTone(0.08);
    assert.ok(first && third && fourth);
    play([first, third, fourth]).start();
    clock.tick(1000);
    assert.deepEqual(
      steps(
        sent.map((one) => one.sequence),
        2 ** 16,
      ),
      new Set([1]),
    );
  });

  it('does not drift where timers come late', () => {
    let lateMs = 0;
    const player = play(playTone(1), () => clock.now + lateMs);
    player.start();
    for (let i = 0; i < 1000; i++) {
      lateMs = (i * 7) % 15;
      clock.tick(20);
    }
    const last = sent.at(-1);
    assert.ok(last);
    assert.ok(
      Math.abs(last.atMs - (sent.length - 1) * 20) <= 35,
      `${sent.length} packets by ${last.atMs} ms`,
    );
  });

  it('sends no burst after the process has slept', () => {
    let sleptMs = 0;
    play(playTone(1), () => clock.now + sleptMs).start();
    clock.tick(1000);
    const before = sent.length;
    sleptMs = 60_000;
    clock.tick(1000);
    assert.ok(sent.length - before <= 52, `${sent.length - before} packets in a second`);
  });

  it('stops, and goes on where it stopped', () => {
    const player = play(playTone(1));
    player.start();
    clock.tick(200);
    player.stop();
    assert.equal(player.isPlaying, false);
    clock.tick(5000);
    assert.equal(sent.length, 11);
    player.start();
    clock.tick(200);
    assert.equal(sent.length, 22);
    assert.deepEqual(
      steps(
        sent.map((one) => one.sequence),
        2 ** 16,
      ),
      new Set([1]),
    );
  });

  it('counts what went out, and no more', () => {
    const player = play(playTone(1), undefined, false);
    player.start();
    clock.tick(100);
    assert.equal(player.sent, 0);
    assert.equal(player.state.octets, 0);
  });

  it('says where the stream stands', () => {
    const player = play(playTone(1));
    player.start();
    clock.tick(40);
    const { ssrc, packets, octets, timestamp, lastMs } = player.state;
    assert.deepEqual([ssrc, packets, octets], [player.ssrc, 3, 480]);
    assert.deepEqual([timestamp, lastMs], [sent[2]?.timestamp, 40]);
  });

  it('says so as by its timestamps, and not as late as the packet went out', () => {
    let lateMs = 0;
    const player = play(playTone(1), () => clock.now + lateMs);
    player.start();
    clock.tick(20);
    lateMs = 13;
    clock.tick(20);
    const { timestamp, lastMs } = player.state;
    assert.deepEqual([sent.length, sent[2]?.atMs], [3, 53]);
    assert.deepEqual([timestamp, lastMs], [sent[2]?.timestamp, 40]);
  });

  it('plays nothing where there is nothing', () => {
    const player = play([]);
    player.start();
    clock.tick(1000);
    assert.equal(player.isPlaying, false);
  });
});

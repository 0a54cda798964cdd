// The numbers of packets (protocol.md 8.2.1, RFC 3711 3.3.1, 3.3.2): roll-over, repetition, and what is too old.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ReplayWindow, WINDOW_SIZE } from '../../lib/srtp/replay-window.js';
import { hex, masterKey, receiver, rtcp, rtp, sealed, sender, tagged } from './master-keys.js';

const MASTER = masterKey('AES_CM_128_HMAC_SHA1_80');

/** What a sender says after it has said so many packets: the last one, protected. */
function after(packets: number, first = 0, ssrc?: number): Uint8Array {
  const protecting = sender(MASTER);
  let last: Uint8Array | undefined;
  // Far apart, but near enough for its own count of roll-overs.
  const numbers = [];
  for (let number = first; number < packets; number += 20_000) numbers.push(number);
  for (const number of [...numbers, packets])
    last = sealed(protecting.protectRtp(rtp(number % 65_536, ssrc)));
  assert.ok(last);
  return last;
}

describe('rule 8.2.1: the numbers of packets', () => {
  it('of a stream of more than 65,536 packets all are authentic, in each order', () => {
    const [protecting, judging] = [sender(MASTER), receiver(MASTER)];
    for (let number = 65_500; number < 65_600; number += 2) {
      const [a, b] = [number, number + 1].map((at) => sealed(protecting.protectRtp(rtp(at % 65_536))));
      for (const packet of [b, a]) assert.ok(judging.accept(tagged(judging.checkRtp(packet!, 0)), 0));
    }
    assert.equal(judging.highestOf(0xcafe_babe, 'rtp'), 65_599);
  });

  it('the first packet of an SSRC may have run over once, and not twice', () => {
    const once = tagged(receiver(MASTER).checkRtp(after(65_536 + 5), 0));
    assert.equal(once.index, 65_541);
    assert.equal(receiver(MASTER).checkRtp(after(2 * 65_536 + 5), 0), 'tag');
  });

  it('under new keys the count of before goes on, and a new one may begin', () => {
    const before = receiver(MASTER);
    for (const number of [0, 20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 140_000])
      before.accept(
        { kind: 'rtp', ssrc: 0xcafe_babe, index: number, isRepeated: false, clear: undefined },
        0,
      );
    assert.equal(tagged(receiver(MASTER, before).checkRtp(after(140_001), 0)).index, 140_001);
    assert.equal(tagged(receiver(MASTER, before).checkRtp(after(3), 0)).index, 3);
  });

  it('after 5 s without an authentic packet the next count is tried too', () => {
    const judging = receiver(MASTER);
    judging.accept(tagged(judging.checkRtp(after(100), 0)), 0);
    const late = after(65_536 + 100 + 20_000);
    assert.equal(judging.checkRtp(late, 5000), 'tag');
    assert.equal(tagged(judging.checkRtp(late, 5001)).index, 65_536 + 20_100);
  });

  it('what was accepted is repeated from then on, from wherever it comes', () => {
    const [protecting, judging] = [sender(MASTER), receiver(MASTER)];
    const packet = sealed(protecting.protectRtp(rtp(1)));
    const [first, second] = [tagged(judging.checkRtp(packet, 0)), tagged(judging.checkRtp(packet, 0))];
    assert.ok(judging.accept(first, 0));
    assert.equal(judging.accept(second, 0), false);
    const again = tagged(judging.checkRtp(packet, 0));
    assert.deepEqual([again.isRepeated, again.clear], [true, undefined]);
    packet[packet.length - 1]! ^= 1;
    assert.equal(judging.checkRtp(packet, 0), 'tag');
  });

  it('a packet further back than 1,024 is repeated, though it never came', () => {
    const [protecting, judging] = [sender(MASTER), receiver(MASTER)];
    const old = sealed(protecting.protectRtp(rtp(1)));
    const edge = sealed(protecting.protectRtp(rtp(2)));
    judging.accept(tagged(judging.checkRtp(sealed(protecting.protectRtp(rtp(2 + 1023))), 0)), 0);
    assert.equal(tagged(judging.checkRtp(old, 0)).isRepeated, true);
    assert.equal(tagged(judging.checkRtp(edge, 0)).isRepeated, false);
  });

  it('SRTCP counts by itself', () => {
    const [protecting, judging] = [sender(MASTER), receiver(MASTER)];
    const [a, b] = [sealed(protecting.protectRtcp(rtcp())), sealed(protecting.protectRtcp(rtcp()))];
    for (const packet of [b, a]) assert.ok(judging.accept(tagged(judging.checkRtcp(packet)), 0));
    assert.equal(tagged(judging.checkRtcp(a)).isRepeated, true);
    assert.equal(judging.highestOf(0xcafe_babe, 'rtp'), -1);
  });

  it('64 SSRCs a key, and no more; what is not authentic takes no place', () => {
    const [protecting, judging] = [sender(MASTER), receiver(MASTER)];
    for (let ssrc = 0; ssrc < 1000; ssrc++) judging.checkRtp(rtp(1, ssrc), 0);
    for (let ssrc = 0; ssrc < 64; ssrc++)
      judging.accept(tagged(judging.checkRtp(sealed(protecting.protectRtp(rtp(1, ssrc))), 0)), 0);
    assert.equal(judging.checkRtp(sealed(protecting.protectRtp(rtp(1, 64))), 0), 'streams');
    tagged(judging.checkRtp(sealed(protecting.protectRtp(rtp(2, 63))), 0));
  });

  it('with an MKI a packet without it, or with another, is not authentic', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80', { mki: hex('0001') });
    const judging = receiver(master);
    assert.equal(judging.checkRtp(sealed(sender(MASTER).protectRtp(rtp(1))), 0), 'mki');
    const other = masterKey('AES_CM_128_HMAC_SHA1_80', { mki: hex('0002') });
    assert.equal(judging.checkRtp(sealed(sender(other).protectRtp(rtp(1))), 0), 'mki');
    tagged(judging.checkRtp(sealed(sender(master).protectRtp(rtp(1))), 0));
  });

  it('a key serves no longer than its lifetime, on both sides', () => {
    const master = masterKey('AES_CM_128_HMAC_SHA1_80', { lifetimePackets: 2 });
    const [protecting, judging] = [sender(master), receiver(master)];
    for (const number of [1, 2])
      judging.accept(tagged(judging.checkRtp(sealed(protecting.protectRtp(rtp(number))), 0)), 0);
    assert.equal(protecting.protectRtp(rtp(3)), 'expired');
    assert.equal(judging.checkRtp(sealed(sender(MASTER).protectRtp(rtp(3))), 0), 'expired');
  });

  it('RFC 3711 9.1: a number is protected once', () => {
    const protecting = sender(MASTER);
    sealed(protecting.protectRtp(rtp(5)));
    assert.equal(protecting.protectRtp(rtp(5, undefined, 'cd'.repeat(16))), 'repeated');
    sealed(protecting.protectRtp(rtp(4)));
  });

  it('a sender that is shared protects a packet again, byte for byte the same, and none of 256 packets ago', () => {
    const protecting = sender(MASTER);
    const early = rtp(1);
    sealed(protecting.protectRtp(early));
    protecting.isShared = true;
    assert.equal(protecting.protectRtp(early), 'repeated', 'it was not shared then');
    const packet = rtp(2);
    const once = sealed(protecting.protectRtp(packet));
    assert.deepEqual(sealed(protecting.protectRtp(Uint8Array.from(packet))), once);
    // Who gives a packet may use its memory again.
    packet[20]! ^= 1;
    assert.equal(protecting.protectRtp(packet), 'repeated');
    packet[20]! ^= 1;
    sealed(protecting.protectRtp(rtp(2, 5)));
    assert.equal(protecting.protectRtp(rtp(2, 5, 'cd'.repeat(16))), 'repeated');
    for (let number = 3; number < 257; number++) sealed(protecting.protectRtp(rtp(number)));
    assert.deepEqual(sealed(protecting.protectRtp(packet)), once);
    sealed(protecting.protectRtp(rtp(257)));
    assert.equal(protecting.protectRtp(packet), 'repeated');
    assert.deepEqual(sealed(protecting.protectRtp(rtp(2, 5))).length, once.length);
  });

  it('no longer shared, it still protects again what was sent while it was, and keeps nothing new', () => {
    const protecting = sender(MASTER);
    protecting.isShared = true;
    for (const number of [1, 2]) sealed(protecting.protectRtp(rtp(number)));
    protecting.isShared = false;
    for (const number of [1, 2]) sealed(protecting.protectRtp(rtp(number)));
    for (const number of [3, 4]) {
      sealed(protecting.protectRtp(rtp(number)));
      assert.equal(protecting.protectRtp(rtp(number)), 'repeated');
      assert.equal(protecting.protectRtp(rtp(number - 2)), 'repeated');
    }
    protecting.forget();
    assert.deepEqual([protecting.protectRtp(rtp(5)), protecting.protectRtcp(rtcp())], ['expired', 'expired']);
  });

  it('what is protected again is no further packet of the lifetime', () => {
    const protecting = sender(masterKey('AES_CM_128_HMAC_SHA1_80', { lifetimePackets: 2 }));
    protecting.isShared = true;
    for (const number of [1, 1, 1, 2]) sealed(protecting.protectRtp(rtp(number)));
    assert.equal(protecting.protectRtp(rtp(3)), 'expired');
  });

  it('a window knows what a set knows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }), (numbers) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        for (const number of numbers) {
          const isOld = number <= Math.max(-1, ...seen) - WINDOW_SIZE;
          assert.equal(window.has(number), isOld || seen.has(number), `${number}`);
          if (!isOld) {
            window.add(number);
            seen.add(number);
          }
        }
      }),
    );
  });
});

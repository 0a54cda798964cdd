// Digits out of the packets of RFC 4733, whichever of them are lost.
import assert from 'node:assert/strict';
import { Digits } from '../../lib/audio/digits.js';

/** What phones send for a key: packets while it is down, and its end three times. */
function press(digit: number, timestamp: number, ssrc = 1) {
  const packet = (flags: number, ticks: number) =>
    [{ ssrc, timestamp }, Uint8Array.of(digit, flags, ticks >> 8, ticks & 0xff)] as const;
  const end = packet(0x8a, 800);
  return [packet(0x0a, 160), packet(0x0a, 320), packet(0x0a, 480), end, end, end];
}

describe('audio: digits', () => {
  let digits: Digits;
  beforeEach(() => {
    digits = new Digits();
  });
  const told = (packets: ReturnType<typeof press>) =>
    packets.map((one) => digits.take(...one) ?? '').join('');

  it('tells each once, at its first packet, the same key again too', () => {
    assert.equal(digits.take(...press(5, 1000)[0]!), '5');
    assert.equal(told(press(5, 1000).slice(1)), '');
    assert.equal(told([...press(5, 4000), ...press(11, 8000), ...press(10, 12_000)]), '5#*');
  });

  it('loses none as long as one packet of it comes, and hears none twice that comes late', () => {
    const [first, second] = [press(1, 1000), press(2, 4000)];
    assert.equal(told([first[5]!, second[2]!, first[1]!, second[5]!]), '12');
  });

  it('hears a key that is held for longer than a packet can tell as one', () => {
    const long = [press(3, 1000)[0]!, press(3, 1000 + 0xffff)[0]!, press(3, 1000 + 2 * 0xffff)[3]!];
    assert.equal(told(long), '3');
  });

  it('goes on at another source, and where timestamps wrap', () => {
    assert.equal(told([...press(1, 4_294_967_000), ...press(2, 300), ...press(3, 5, 2)]), '123');
  });

  it('hears no key in what is none', () => {
    assert.equal(digits.take({ ssrc: 1, timestamp: 1 }, new Uint8Array(3)), undefined);
    assert.equal(digits.take({ ssrc: 1, timestamp: 1 }, Uint8Array.of(66, 0, 0, 0)), undefined);
  });
});

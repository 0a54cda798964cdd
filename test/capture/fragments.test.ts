import assert from 'node:assert/strict';
import { concat, hex } from './bytes.js';
import { hear, ipv4, rawCapture, text, udp } from './packets.js';

const PROTOCOL_UDP = 17;
const message = text('INVITE sip:bob@example.net SIP/2.0', 'x'.repeat(40));
const whole = udp(message);

interface PartFields {
  readonly id?: number;
  readonly bytes?: Uint8Array;
  readonly more?: boolean;
}

/** The fragment of `whole` from `from` up to `to`, as part of datagram `id`. */
function part(from: number, to: number, { id = 7, bytes = whole, more }: PartFields = {}): Uint8Array {
  return ipv4(PROTOCOL_UDP, bytes.subarray(from, to), { id, offset: from, more: more ?? to < bytes.length });
}

const parts = [part(0, 24), part(24, 48), part(48, whole.length)];
const heardWhole = (packets: readonly Uint8Array[], timesMs: readonly number[] = []) => {
  const heard = hear(rawCapture(packets, timesMs));
  for (const { payload } of heard.datagrams) assert.equal(payload, Buffer.from(message).toString('latin1'));
  return { count: heard.datagrams.length, skipped: heard.skipped };
};

function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => order.toSpliced(at, 0, count - 1)),
  );
}

describe('capture: fragments', () => {
  for (const order of orders(3))
    it(`of IPv4 in the order ${order.join(', ')} make one datagram, at the time of the last`, () => {
      const heard = hear(rawCapture(order.map((i) => parts[i]!)));
      assert.deepEqual(heard.datagrams, [
        { timeMs: 2, cutBytes: 0, payload: Buffer.from(message).toString('latin1') },
      ]);
      assert.deepEqual([heard.packets, heard.skipped], [3, {}]);
    });

  it('of IPv6 too, with options before and after', () => {
    const addresses = concat(
      hex('20010db8000000000000000000000001'),
      hex('20010db8000000000000000000000002'),
    );
    // Destination options of eight bytes, inside what is fragmented, then UDP.
    const inner = concat(hex('1100010400000000'), whole);
    const packets = [0, 1, 2].map((i) => {
      const data = inner.subarray(i * 40, i === 2 ? inner.length : (i + 1) * 40);
      const field = (i * 40) | (i === 2 ? 0 : 1);
      const fragment = concat(hex('3c00'), Uint8Array.of(field >> 8, field & 255), hex('00000009'), data);
      const hop = concat(hex('2c00010400000000'), fragment);
      return concat(hex('60000000'), Uint8Array.of(0, hop.length), hex('0040'), addresses, hop);
    });
    assert.deepEqual(heardWhole([packets[2]!, packets[0]!, packets[1]!]), { count: 1, skipped: {} });
  });

  it('are told apart by identification, protocol and addresses', () => {
    const other = parts.map((_, i) => part([0, 24, 48][i]!, [24, 48, whole.length][i]!, { id: 8 }));
    assert.deepEqual(heardWhole([parts[0]!, other[0]!, parts[1]!, other[1]!, parts[2]!, other[2]!]), {
      count: 2,
      skipped: {},
    });
    const tcp = ipv4(6, whole.subarray(24, 48), { id: 7, offset: 24, more: true });
    const back = ipv4(PROTOCOL_UDP, whole.subarray(24, 48), { id: 7, offset: 24, more: true, back: true });
    assert.deepEqual(heardWhole([parts[0]!, tcp, back, parts[2]!]), { count: 0, skipped: { fragment: 4 } });
  });

  it('captured twice are counted once', () => {
    assert.deepEqual(heardWhole([parts[0]!, parts[0]!, parts[1]!, parts[2]!]), {
      count: 1,
      skipped: { fragment: 1 },
    });
  });

  const tooFar = ipv4(PROTOCOL_UDP, new Uint8Array(24), { id: 7, offset: 65_520, more: false });
  for (const [what, packets] of [
    ['overlap', [parts[0]!, part(16, 48), parts[2]!]],
    [
      'overlap with other bytes',
      [parts[0]!, part(0, 24, { bytes: whole.map((byte) => byte ^ 1) }), ...parts],
    ],
    ['cover others', [parts[1]!, part(0, 72), parts[2]!]],
    ['name two ends', [parts[2]!, ipv4(PROTOCOL_UDP, whole.subarray(24, 40), { id: 7, offset: 24 })]],
    ['lie behind the end', [part(24, 48, { more: false }), parts[2]!]],
    ['lie behind an end that comes later', [parts[2]!, part(24, 48, { more: false })]],
    ['end in the middle of eight bytes', [part(0, 23), parts[1]!, parts[2]!]],
    ['are empty', [ipv4(PROTOCOL_UDP, hex(''), { id: 7, more: true }), ...parts]],
    ['reach past the greatest datagram', [tooFar, ...parts]],
    ['lack one', [parts[0]!, parts[2]!]],
  ] as const)
    it(`that ${what} give nothing and are counted`, () => {
      assert.deepEqual(heardWhole(packets), { count: 0, skipped: { fragment: packets.length } });
    });

  it('that come more than 30 s late belong to another datagram', () => {
    assert.equal(heardWhole(parts, [0, 1, 29_000]).count, 1);
    assert.deepEqual(heardWhole(parts, [0, 1, 31_000]), { count: 0, skipped: { fragment: 3 } });
  });

  it('of which the capture kept only a part are counted as cut', () => {
    assert.deepEqual(heardWhole([parts[0]!.subarray(0, 30), parts[1]!, parts[2]!]), {
      count: 0,
      skipped: { cut: 1, fragment: 2 },
    });
  });

  it('with too many holes are given up', () => {
    const bytes = new Uint8Array(4096);
    const holed = Array.from({ length: 70 }, (_, i) => part(i * 16, i * 16 + 8, { bytes }));
    assert.deepEqual(heardWhole(holed), { count: 0, skipped: { fragment: 70 } });
  });

  it('of ever new datagrams push the oldest out: 64 wait', () => {
    const first = Array.from({ length: 65 }, (_, id) => part(0, 24, { id }));
    const rest = [1, 64].flatMap((id) => [part(24, 48, { id }), part(48, whole.length, { id })]);
    const late = [part(24, 48, { id: 0 }), part(48, whole.length, { id: 0 })];
    const { count, skipped } = heardWhole([...first, ...rest, ...late]);
    assert.equal(count, 2);
    assert.equal(skipped.fragment, 65 - 2 + 2);
  });

  it('of fragments give nothing', () => {
    const addresses = new Uint8Array(32);
    const inner = concat(hex('1100 0001 00000005'), new Uint8Array(56));
    const packets = [0, 1].map((i) => {
      const data = inner.subarray(i * 32, (i + 1) * 32);
      const header = concat(hex('2c00'), Uint8Array.of(0, i === 0 ? 1 : 32), hex('00000004'), data);
      return concat(hex('60000000'), Uint8Array.of(0, header.length), hex('2c40'), addresses, header);
    });
    const heard = hear(rawCapture(packets));
    assert.deepEqual([heard.datagrams, heard.skipped], [[], { malformed: 2 }]);
  });
});

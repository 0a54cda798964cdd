// P1 to P4 for peers verified by ICE (protocol.md 8.1, 9), over random sequences: whatever is sprayed, recorded, replayed or
// raced, payload goes only to an address that answered a check, and comes only from one that did.
import assert from 'node:assert/strict';
import type { TransportAddress } from '../../lib/wire/address.js';
import { formatAddress } from '../../lib/wire/index.js';
import { IceBench, MAPPING, SERVER } from '../support/ice-bench.js';
import { IcePhone } from '../support/ice-phone.js';
import { Prng } from '../support/prng.js';

const SEQUENCES = 1000;
const STEPS = 60;

describe('ICE over random sequences (P1, P2, P3, P4)', function () {
  this.timeout(60_000);

  it(`${SEQUENCES} sequences: nobody but the phone is sent or heard, nobody gets more than three times what it sent`, () => {
    const verified = { calls: 0 };
    for (let seed = 1; seed <= SEQUENCES; seed++) {
      try {
        if (play(new Prng(seed))) verified.calls++;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    assert.ok(verified.calls > SEQUENCES / 2, `only ${verified.calls} calls were ever verified`);
  });
});

/** One sequence; true where the call was verified at some time. */
function play(prng: Prng): boolean {
  const ice = new IceBench();
  let mapping = MAPPING;
  const answered = new Set<string>();
  const received = new Map<string, number>();
  const recorded: Buffer[] = [];
  const stranger = (): TransportAddress => ({ address: '203.0.113.66', port: 1000 + prng.integer(6) });
  const send = (bytes: Uint8Array, source: TransportAddress): boolean => {
    const name = formatAddress(source);
    received.set(name, (received.get(name) ?? 0) + bytes.length);
    return ice.send(bytes, source);
  };
  const answer = (): void => {
    const check = ice.checksTo(mapping).at(-1);
    if (!check) return;
    const response = ice.phone.answer(check, SERVER);
    recorded.push(response);
    answered.add(formatAddress(mapping));
    send(response, mapping);
  };
  const steps: readonly (() => void)[] = [
    () => ice.bench.advance(prng.integer(3000)),
    () => ice.bench.advance(20),
    () => {
      const check = ice.phone.check({ isNominating: prng.chance(0.5), priority: prng.integer(1000) });
      recorded.push(check);
      send(check, mapping);
    },
    answer,
    answer,
    () => void send(rtp(7), mapping),
    () => (mapping = { ...mapping, port: 30_000 + prng.integer(1000) }),
    () => assert.equal(send(rtp(prng.integer(9)), stranger()), false),
    () => assert.equal(send(prng.bytes(prng.integer(200)), stranger()), false),
    () => recorded.length > 0 && assert.equal(send(prng.pick(recorded), stranger()), false),
    () => assert.equal(send(ice.phone.check({ password: 'guessed' }), stranger()), false),
    () => {
      const check = ice.checksTo(stranger()).at(-1);
      if (check) send(ice.phone.answer(check, SERVER, 'guessed'), stranger());
    },
    () => {
      if (prng.chance(0.2)) ice.phone = new IcePhone(`phone${prng.integer(9)}x`);
      ice.exchange();
    },
  ];
  for (let i = 0; i < STEPS; i++) {
    prng.pick(steps)();
    const { destination } = ice;
    if (destination)
      assert.ok(answered.has(formatAddress(destination)), 'media to an address that never answered');
  }
  for (const port of [0, 1, 2, 3, 4, 5].map((n) => 1000 + n)) {
    const sent = ice.bench.sent.filter(({ destination }) => destination.port === port);
    const bytes = sent.reduce((sum, one) => sum + one.bytes.length, 0);
    assert.ok(bytes <= 3 * (received.get(`203.0.113.66:${port}`) ?? 0), 'more than three times what came');
  }
  return ice.bench.eventsOf('verified').length > 0;
}

function rtp(ssrc: number): Buffer {
  const bytes = Buffer.alloc(172);
  bytes.writeUInt16BE(0x8000, 0);
  bytes.writeUInt32BE(ssrc, 8);
  return bytes;
}

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ATTRIBUTE, findAttribute, formatIp, parseStun, type Result } from '../../lib/wire/index.js';
import { isComprehensionRequired } from '../../lib/wire/stun-attribute-types.js';
import {
  encodeErrorCode,
  encodePriority,
  encodeUseCandidate,
  encodeUsername,
  encodeXorMappedAddress,
  isUseCandidate,
  parseErrorCode,
  parseLatchChallenge,
  parseLatchProof,
  parsePriority,
  parseTieBreaker,
  parseUsername,
  parseXorMappedAddress,
} from '../../lib/wire/stun-attributes.js';
import {
  SAMPLE_IPV4_RESPONSE,
  SAMPLE_IPV6_RESPONSE,
  SAMPLE_REQUEST,
  type RfcMessage,
} from './rfc-messages.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

function attributeOf(message: RfcMessage, type: number) {
  const result = parseStun(message.bytes);
  assert.ok(result.ok);
  return { value: findAttribute(result.value, type)!.value, transaction: result.value.transaction };
}

function assertRefused(result: Result<unknown>, offset: number) {
  assert.ok(!result.ok);
  assert.deepEqual([result.error.code, result.error.offset], ['attribute', offset]);
}

describe('stun attributes', () => {
  describe('XOR-MAPPED-ADDRESS', () => {
    const port = 32853;
    for (const [message, address] of [
      [SAMPLE_IPV4_RESPONSE, '192.0.2.1'],
      [SAMPLE_IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
    ] as const) {
      it(`of ${message.name} is ${address}, both ways`, () => {
        const { value, transaction } = attributeOf(message, ATTRIBUTE.XOR_MAPPED_ADDRESS);
        const before = Buffer.from(value).toString('hex');
        assert.deepEqual(parseXorMappedAddress(value, transaction), { ok: true, value: { address, port } });
        assert.deepEqual(encodeXorMappedAddress({ address, port }, transaction), Uint8Array.from(value));
        assert.equal(Buffer.from(value).toString('hex'), before, 'the received bytes stay');
      });
    }

    it('carries any address and port through', () => {
      const ip = fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      );
      const transaction = fc.uint8Array({ minLength: 12, maxLength: 12 });
      fc.assert(
        fc.property(ip, fc.integer({ min: 0, max: 65535 }), transaction, (bytes, anyPort, id) => {
          const mapped = { address: formatIp(bytes), port: anyPort };
          const value = encodeXorMappedAddress(mapped, id);
          assert.equal(value.length, bytes.length + 4);
          assert.deepEqual(parseXorMappedAddress(value, id), { ok: true, value: mapped });
        }),
        { seed: 142 },
      );
    });

    it('has IPv4-mapped IPv6 as IPv4, both ways (protocol.md 1)', () => {
      const id = new Uint8Array(12).fill(7);
      const value = encodeXorMappedAddress({ address: '::ffff:192.0.2.1', port }, id);
      assert.deepEqual(value, encodeXorMappedAddress({ address: '192.0.2.1', port }, id));
      assert.equal(value.length, 8);
      const mapped = new Uint8Array(20);
      mapped.set([0, 2, 0xa1, 0x47]);
      mapped.set(hex('00000000000000000000ffffc0000201'), 4);
      const mask = hex(`2112a442${'07'.repeat(12)}`);
      for (let i = 0; i < 16; i++) mapped[4 + i]! ^= mask[i]!;
      assert.deepEqual(parseXorMappedAddress(mapped, id), {
        ok: true,
        value: { address: '192.0.2.1', port },
      });
    });

    it('refuses unknown families, wrong sizes, and names', () => {
      const id = new Uint8Array(12);
      assertRefused(parseXorMappedAddress(new Uint8Array(0), id), 0);
      for (let size = 0; size <= 24; size++) {
        const value = new Uint8Array(size);
        for (const [family, right] of [
          [1, 8],
          [2, 20],
        ] as const) {
          if (size > 1) value[1] = family;
          const result = parseXorMappedAddress(value, id);
          assert.equal(result.ok, size === right);
          if (!result.ok) assertRefused(result, size);
        }
      }
      const unknown = new Uint8Array(20);
      for (const family of [0, 3, 255]) {
        unknown[1] = family;
        assertRefused(parseXorMappedAddress(unknown, id), 1);
      }
      assert.throws(() => encodeXorMappedAddress({ address: 'example.org', port: 1 }, id), RangeError);
    });
  });

  it('USERNAME is its characters', () => {
    assert.equal(parseUsername(attributeOf(SAMPLE_REQUEST, ATTRIBUTE.USERNAME).value), 'evtj:h6vY');
    assert.deepEqual(encodeUsername('evtj:h6vY'), hex('6576746a3a68367659'));
  });

  it('PRIORITY is an unsigned number of 32 bits', () => {
    const { value } = attributeOf(SAMPLE_REQUEST, ATTRIBUTE.PRIORITY);
    assert.deepEqual(parsePriority(value), { ok: true, value: 0x6e0001ff });
    assert.deepEqual(encodePriority(0x6e0001ff), Uint8Array.from(value));
    assert.deepEqual(parsePriority(encodePriority(0xffffffff)), { ok: true, value: 0xffffffff });
    assertRefused(parsePriority(new Uint8Array(3)), 3);
    assertRefused(parsePriority(new Uint8Array(5)), 5);
  });

  it('USE-CANDIDATE is empty', () => {
    assert.equal(isUseCandidate(encodeUseCandidate()), true);
    assert.equal(isUseCandidate(new Uint8Array(1)), false);
  });

  it('a tie-breaker is 8 bytes', () => {
    const { value } = attributeOf(SAMPLE_REQUEST, ATTRIBUTE.ICE_CONTROLLED);
    const result = parseTieBreaker(value);
    assert.ok(result.ok);
    assert.equal(Buffer.from(result.value).toString('hex'), '932ff9b151263b36');
    assertRefused(parseTieBreaker(new Uint8Array(7)), 7);
  });

  it('ERROR-CODE is a class, a number and a reason', () => {
    const value = encodeErrorCode({ code: 487, reason: 'Role Conflict' });
    assert.equal(
      Buffer.from(value).toString('hex'),
      '00000457' + Buffer.from('Role Conflict').toString('hex'),
    );
    assert.deepEqual(parseErrorCode(value), { ok: true, value: { code: 487, reason: 'Role Conflict' } });
    assert.deepEqual(parseErrorCode(hex('fffffc00')), { ok: true, value: { code: 400, reason: '' } });
    assertRefused(parseErrorCode(hex('000004')), 3);
    for (const bad of ['00000200', '00000700', '00000464']) assertRefused(parseErrorCode(hex(bad)), 2);
  });

  it('LATCH-CHALLENGE is 16 bytes, LATCH-PROOF 32 or 16', () => {
    for (let size = 0; size <= 40; size++) {
      const value = new Uint8Array(size).fill(size);
      const challenge = parseLatchChallenge(value);
      const proof = parseLatchProof(value);
      assert.equal(challenge.ok, size === 16);
      assert.equal(proof.ok, size === 16 || size === 32);
      if (challenge.ok) assert.deepEqual(challenge.value, value);
      else assertRefused(challenge, size);
      if (proof.ok) assert.deepEqual(proof.value, value);
      else assertRefused(proof, size);
    }
  });

  it('the top bit says what may be ignored', () => {
    assert.equal(isComprehensionRequired(ATTRIBUTE.XOR_MAPPED_ADDRESS), true);
    assert.equal(isComprehensionRequired(0x7fff), true);
    assert.equal(isComprehensionRequired(0x8000), false);
    assert.equal(isComprehensionRequired(ATTRIBUTE.LATCH_CHALLENGE), false);
    assert.equal(isComprehensionRequired(ATTRIBUTE.LATCH_PROOF), false);
  });
});

// ICE's checks and answers: read, verified, encoded; against the vector of RFC 5769 and a second implementation.
import assert from 'node:assert/strict';
import {
  encodeIceCheck,
  encodeIceResponse,
  encodeRoleConflict,
  isIceIntegrityValid,
  parseIceMessage,
  type IceMessage,
} from '../../lib/wire/index.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { bitFlips, equal, hmacSha1, truncations } from './digests.js';
import { SAMPLE_REQUEST } from './rfc-messages.js';

const REQUEST = SAMPLE_REQUEST.bytes;
const key = SAMPLE_REQUEST.key;
const PASSWORD = Buffer.from(key).toString();

function read(bytes: Uint8Array): IceMessage {
  const parsed = parseIceMessage(bytes);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
  return parsed.value;
}

const codeOf = (bytes: Uint8Array): string | undefined => {
  const parsed = parseIceMessage(bytes);
  return parsed.ok ? undefined : parsed.error.code;
};

describe('messages of ICE', () => {
  const transaction = Buffer.from('0102030405060708090a0b0c', 'hex');
  const phone = new IcePhone('wire');
  phone.serverUfrag = 'ours';
  phone.serverPwd = PASSWORD;

  it('RFC 5769 2.1 is a check from the controlled role', () => {
    const check = read(REQUEST);
    assert.ok(check.kind === 'check');
    assert.deepEqual(check.username, { recipient: 'evtj', sender: 'h6vY' });
    assert.equal(check.priority, 0x6e0001ff);
    assert.equal(check.role, 'controlled');
    assert.equal(check.isNominating, false);
    assert.ok(isIceIntegrityValid(check, key, hmacSha1, equal));
    assert.ok(!isIceIntegrityValid(check, Buffer.from('another'), hmacSha1, equal));
  });

  const messages: Record<string, Uint8Array> = {
    'the check of RFC 5769': REQUEST,
    'a nominating check': phone.check({ isNominating: true, transaction }),
    'a check of ours': encodeIceCheck(
      { recipient: 'peer', sender: 'ours', priority: 7, tieBreaker: new Uint8Array(8), transaction },
      key,
      hmacSha1,
    ),
    'an answer': encodeIceResponse(
      { mapped: { address: '2001:db8::7', port: 9 }, transaction },
      key,
      hmacSha1,
    ),
  };
  for (const [name, bytes] of Object.entries(messages)) {
    it(`${name} verifies; no shorter one is read, and with any bit changed it is refused or fails`, () => {
      assert.ok(isIceIntegrityValid(read(bytes), key, hmacSha1, equal));
      for (const short of truncations(bytes)) assert.ok(codeOf(short), `${short.length} bytes`);
      for (const { bit, flipped } of bitFlips(bytes)) {
        const parsed = parseIceMessage(flipped);
        assert.ok(!parsed.ok || !isIceIntegrityValid(parsed.value, key, hmacSha1, equal), `bit ${bit}`);
      }
    });
  }

  it('what we encode, a second implementation reads', () => {
    const check = readServerCheck(messages['a check of ours'] ?? new Uint8Array(0), PASSWORD);
    assert.deepEqual(check && { ...check, transaction: Buffer.from(check.transaction) }, {
      transaction,
      username: 'peer:ours',
      isControlled: true,
    });
    const answer = read(messages['an answer'] ?? new Uint8Array(0));
    assert.deepEqual(answer.kind === 'check-response' && answer.mapped, { address: '2001:db8::7', port: 9 });
    const conflict = encodeRoleConflict(transaction, key, hmacSha1);
    assert.equal(codeOf(conflict), 'not-ice', 'an error proves nothing');
  });

  it('only the controlling side nominates', () => {
    const check = read(phone.check({ isNominating: true, role: 'controlled' }));
    assert.ok(check.kind === 'check' && !check.isNominating);
  });

  const attribute = (type: number, size: number) => ({ type, value: Buffer.alloc(size, 1) });
  const faults: Record<string, [Uint8Array, string]> = {
    'without a colon in USERNAME': [phone.check({ username: 'nobody' }), 'username'],
    'with two colons in USERNAME': [phone.check({ username: 'a:b:c' }), 'username'],
    'with an unknown attribute that must be understood': [
      phone.check({ extra: [attribute(0x31, 4)] }),
      'attribute',
    ],
  };
  for (const [name, [bytes, code]] of Object.entries(faults)) {
    it(`${name} it is refused`, () => assert.equal(codeOf(bytes), code));
  }

  it('an unknown optional attribute is passed over', () => {
    assert.equal(read(phone.check({ extra: [attribute(0xc057, 3)] })).kind, 'check');
  });
});

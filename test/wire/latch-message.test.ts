import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import {
  ATTRIBUTE,
  encodeChallenge,
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  encodeWelcome,
  isLatchIntegrityValid,
  parseLatchMessage,
  type LatchMessage,
  type StunClass,
} from '../../lib/wire/index.js';
import { encodeXorMappedAddress } from '../../lib/wire/stun-attributes.js';
import { encodeStun, type StunSpec } from '../../lib/wire/stun-encoder.js';
import { bitFlips, equal, hmacSha1, hmacSha256, truncations } from './digests.js';
import { LONG_TERM_REQUEST, RFC_MESSAGES, SHA256_REQUEST } from './rfc-messages.js';

const key = Buffer.alloc(32, 0x4b);
const transaction = Uint8Array.from([0x80, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
const word = new Uint8Array(16).fill(0xc1);
const proof = new Uint8Array(32).fill(0xa1);
const shortProof = proof.subarray(0, 16);
const names = { recipient: 'verifier01', sender: 'Prover0002' };
const ipv4 = { address: '203.0.113.11', port: 61234 };
const ipv6 = { address: '2001:db8::11', port: 5005 };

const MESSAGES: readonly [name: string, bytes: Uint8Array, expected: object][] = [
  [
    'hello, HMAC-SHA-256',
    encodeHello({ ...names, proof, transaction }, key, hmacSha256),
    { kind: 'hello', username: names, proof, counter: 0x80000007 },
  ],
  [
    'hello, AES-256',
    encodeHello({ ...names, proof: shortProof, transaction }, key, hmacSha256),
    { kind: 'hello', username: names, proof: shortProof, counter: 0x80000007 },
  ],
  [
    'keepalive',
    encodeKeepalive({ ...names, transaction }, key, hmacSha256),
    { kind: 'keepalive', username: names, counter: 0x80000007 },
  ],
  [
    'challenge',
    encodeChallenge({ ...names, word, transaction }, key, hmacSha256),
    { kind: 'challenge', username: names, word },
  ],
  [
    'welcome, IPv4',
    encodeWelcome({ mapped: ipv4, transaction }, key, hmacSha256),
    { kind: 'welcome', mapped: ipv4 },
  ],
  [
    'welcome, IPv6',
    encodeWelcome({ mapped: ipv6, transaction }, key, hmacSha256),
    { kind: 'welcome', mapped: ipv6 },
  ],
  [
    'response, HMAC-SHA-256, IPv6',
    encodeResponse({ mapped: ipv6, proof, transaction }, key, hmacSha256),
    { kind: 'response', mapped: ipv6, proof },
  ],
  [
    'response, AES-256, IPv4',
    encodeResponse({ mapped: ipv4, proof: shortProof, transaction }, key, hmacSha256),
    { kind: 'response', mapped: ipv4, proof: shortProof },
  ],
];

function parsed(bytes: Uint8Array): LatchMessage {
  const result = parseLatchMessage(bytes);
  assert.ok(result.ok, result.ok ? '' : result.error.message);
  return result.value;
}

function codeOf(bytes: Uint8Array): string {
  const result = parseLatchMessage(bytes);
  return result.ok ? 'ok' : result.error.code;
}

function isAuthentic(bytes: Uint8Array, withKey: Uint8Array = key): boolean {
  const result = parseLatchMessage(bytes);
  return result.ok && isLatchIntegrityValid(result.value, withKey, hmacSha256, equal);
}

const username = (text: string) => ({ type: ATTRIBUTE.USERNAME, value: Buffer.from(text, 'latin1') });
const USERNAME = username('verifier01:Prover0002');
const PROOF = { type: ATTRIBUTE.LATCH_PROOF, value: proof };
const CHALLENGE = { type: ATTRIBUTE.LATCH_CHALLENGE, value: word };
const MAPPED = { type: ATTRIBUTE.XOR_MAPPED_ADDRESS, value: encodeXorMappedAddress(ipv4, transaction) };
const SOFTWARE = { type: 0x8022, value: Buffer.from('x') };
const PRIORITY = { type: ATTRIBUTE.PRIORITY, value: new Uint8Array(4) };

/** A message with the usual seal and whatever attributes. */
function sealed(messageClass: StunClass, attributes: StunSpec['attributes'], more: Partial<StunSpec> = {}) {
  const integritySha256 = { key, hmac: hmacSha256 };
  return encodeStun({ class: messageClass, transaction, attributes, integritySha256, ...more });
}

describe('latch message', () => {
  for (const [name, bytes, expected] of MESSAGES) {
    describe(name, () => {
      it('reads as what was encoded, and verifies with its key only', () => {
        const buffer = Buffer.from(bytes);
        const message = parsed(buffer);
        const { stun, transaction: id, ...fields } = message;
        const plain = Object.fromEntries(
          Object.entries(fields).map(([k, v]) => [k, v instanceof Uint8Array ? Uint8Array.from(v) : v]),
        );
        assert.deepEqual(plain, expected);
        assert.deepEqual(Uint8Array.from(id), transaction);
        assert.equal(stun.bytes, buffer);
        assert.equal(isAuthentic(buffer), true);
        assert.equal(isAuthentic(buffer, Buffer.alloc(32, 0x4c)), false);
        assert.deepEqual(Uint8Array.from(buffer), bytes, 'the received bytes stay');
      });

      it('is refused at every shorter length, and with bytes behind it', () => {
        for (const shorter of truncations(bytes)) assert.equal(codeOf(shorter), 'truncated');
        assert.equal(codeOf(Uint8Array.from([...bytes, 0, 0, 0, 0])), 'length');
      });

      it('is refused, or fails, with any one bit changed', () => {
        for (const { bit, flipped } of bitFlips(bytes))
          assert.equal(isAuthentic(flipped), false, `bit ${bit}`);
      });

      it('fails with any one bit changed even if the attacker repairs FINGERPRINT', () => {
        for (const { bit, flipped } of bitFlips(bytes)) {
          if (bit >= (bytes.length - 8) * 8) break;
          assert.equal(isAuthentic(withFingerprint(flipped)), false, `bit ${bit}`);
        }
      });
    });
  }

  it('accepts the attributes in any order before the integrity, and unknown optional ones', () => {
    const shuffled = parsed(sealed('request', [SOFTWARE, PROOF, { type: 0xffff, value: word }, USERNAME]));
    assert.ok(shuffled.kind === 'hello');
    assert.deepEqual(shuffled.username, names);
    assert.deepEqual(shuffled.proof, proof);
    const response = parsed(sealed('success', [PROOF, SOFTWARE, MAPPED]));
    assert.equal(response.kind, 'response');
  });

  it('lets the first of a repeated attribute count', () => {
    const other = { type: ATTRIBUTE.LATCH_PROOF, value: shortProof };
    const message = parsed(sealed('request', [PROOF, USERNAME, other, username('somebody1:somebody2')]));
    assert.ok(message.kind === 'hello');
    assert.deepEqual([message.proof, message.username], [proof, names]);
    assert.equal(parsed(sealed('request', [CHALLENGE, USERNAME, CHALLENGE])).kind, 'challenge');
    assert.equal(parsed(sealed('success', [MAPPED, MAPPED])).kind, 'welcome');
  });

  it('refuses unknown attributes that must be understood, and ours where they do not belong', () => {
    const unknown = { type: 0x7fff, value: new Uint8Array(0) };
    const table: [StunClass, StunSpec['attributes']][] = [
      ['request', [USERNAME, PROOF, unknown]],
      ['request', [unknown, unknown, USERNAME, CHALLENGE]],
      ['indication', [USERNAME, PRIORITY]],
      ['success', [MAPPED, unknown]],
      ['request', [USERNAME, PROOF, CHALLENGE]],
      ['request', [USERNAME, PROOF, MAPPED]],
      ['request', [USERNAME, CHALLENGE, MAPPED]],
      ['indication', [USERNAME, PROOF]],
      ['indication', [USERNAME, CHALLENGE]],
      ['indication', [USERNAME, MAPPED]],
      ['success', [MAPPED, CHALLENGE]],
      ['success', [MAPPED, USERNAME]],
      ['success', [MAPPED, PROOF, USERNAME]],
    ];
    for (const [messageClass, attributes] of table) {
      assert.equal(codeOf(sealed(messageClass, attributes)), 'attribute', JSON.stringify(attributes));
    }
  });

  it('refuses messages that lack one of their attributes', () => {
    assert.equal(codeOf(sealed('request', [PROOF])), 'attribute');
    assert.equal(codeOf(sealed('request', [CHALLENGE])), 'attribute');
    assert.equal(codeOf(sealed('indication', [])), 'attribute');
    assert.equal(codeOf(sealed('success', [])), 'attribute');
    assert.equal(codeOf(sealed('success', [PROOF])), 'attribute');
  });

  it('refuses words, proofs and mapped addresses of other sizes, with the place', () => {
    const errorOf = (messageClass: StunClass, attributes: StunSpec['attributes']) => {
      const result = parseLatchMessage(sealed(messageClass, attributes));
      assert.ok(!result.ok);
      return [result.error.code, result.error.offset];
    };
    const resized = (type: number, size: number) => ({ type, value: new Uint8Array(size).fill(1) });
    for (const size of [0, 15, 17, 31, 33, 64]) {
      const wrong = resized(ATTRIBUTE.LATCH_PROOF, size);
      assert.deepEqual(errorOf('request', [wrong, USERNAME]), ['attribute', 24 + size]);
      assert.deepEqual(errorOf('success', [MAPPED, wrong]), ['attribute', 36 + size]);
    }
    for (const size of [0, 15, 17, 32]) {
      assert.deepEqual(errorOf('request', [resized(ATTRIBUTE.LATCH_CHALLENGE, size), USERNAME]), [
        'attribute',
        24 + size,
      ]);
    }
    for (const size of [0, 4, 9, 20]) {
      const wrong = resized(ATTRIBUTE.XOR_MAPPED_ADDRESS, size);
      assert.deepEqual(errorOf('success', [wrong]), ['attribute', 24 + size]);
      assert.deepEqual(errorOf('success', [wrong, PROOF]), ['attribute', 24 + size]);
    }
  });

  it('refuses user names that are not two tags of 8 to 32 letters and digits (protocol.md 2)', () => {
    const a = 'a'.repeat(8);
    const z = 'Z9'.repeat(16);
    const wrong = [
      ...[
        '',
        ':',
        a,
        `${a}:`,
        `:${a}`,
        `${a}:${a}:${a}`,
        `${a} ${a}`,
        `${a.slice(1)}:${a}`,
        `${a}:${a.slice(1)}`,
      ],
      ...[
        `${z}1:${a}`,
        `${a}:${z}1`,
        `${a}-:${a}`,
        `${a}:${a}\u0000`,
        `${a}\u00e9:${a}`,
        ` ${a}:${a}`,
        `${a}::${a}`,
      ],
      ...[`${a}/:${a}`, `${a}@:${a}`, `${a}[:${a}`, `${a}\`:${a}`, `${a}{:${a}`],
    ];
    for (const text of wrong) {
      assert.equal(codeOf(sealed('request', [username(text), PROOF])), 'username', text);
      assert.equal(codeOf(sealed('request', [username(text), CHALLENGE])), 'username', text);
      assert.equal(codeOf(sealed('indication', [username(text)])), 'username', text);
    }
    for (const [recipient, sender] of [
      [a, z],
      [z, a],
    ] as const) {
      const message = parsed(sealed('indication', [username(`${recipient}:${sender}`)]));
      assert.ok(message.kind === 'keepalive');
      assert.deepEqual(message.username, { recipient, sender });
    }
  });

  it('calls sound STUN that is none of the five not-latch', () => {
    const plain = { class: 'request', transaction, attributes: [USERNAME, PRIORITY] } as const;
    const integrity = { key, hmac: hmacSha1 };
    const notOurs: [string, Uint8Array][] = [
      ['an ICE check', encodeStun({ ...plain, integrity })],
      ['a bare Binding request', encodeStun({ ...plain, attributes: [], fingerprint: false })],
      ['a Binding request with FINGERPRINT', encodeStun({ ...plain, attributes: [] })],
      ['a request with MI-SHA256, neither challenge nor proof', sealed('request', [USERNAME])],
      ['the same without FINGERPRINT', sealed('request', [USERNAME], { fingerprint: false })],
      ['an error response', sealed('error', [])],
      ['another method', sealed('request', [USERNAME, PROOF], { method: 3 })],
      ['both integrities', sealed('request', [USERNAME, PROOF], { integrity })],
      ...RFC_MESSAGES.map(({ name, bytes }): [string, Uint8Array] => [name, bytes]),
    ];
    for (const [name, bytes] of notOurs) assert.equal(codeOf(bytes), 'not-latch', name);
    assert.equal(SHA256_REQUEST.integrity, 'sha256');
    assert.equal(LONG_TERM_REQUEST.hasFingerprint, false);
  });

  it('calls a wrong FINGERPRINT fingerprint, whosever the message; a missing one too when it is ours', () => {
    const last = (bytes: Uint8Array) =>
      Uint8Array.from(bytes, (b, i) => (i === bytes.length - 1 ? b ^ 1 : b));
    assert.equal(codeOf(last(sealed('request', [USERNAME, PROOF]))), 'fingerprint');
    const ice = encodeStun({
      class: 'request',
      transaction,
      attributes: [],
      integrity: { key, hmac: hmacSha1 },
    });
    assert.equal(codeOf(last(ice)), 'fingerprint');
    assert.equal(codeOf(sealed('request', [USERNAME, PROOF], { fingerprint: false })), 'fingerprint');
    assert.equal(codeOf(sealed('indication', [USERNAME], { fingerprint: false })), 'fingerprint');
  });

  it('drops whatever else follows the integrity (protocol.md 4)', () => {
    const bytes = sealed('request', [USERNAME, PROOF], { fingerprint: false });
    for (const extra of [[0x80, 0x22, 0, 0], [0xc1, 0xa0, 0, 16, ...word], [...bytes.subarray(-36)]]) {
      const longer = Uint8Array.from([...bytes, ...extra, 0x80, 0x28, 0, 4, 0, 0, 0, 0]);
      longer[3]! += extra.length + 8;
      assert.equal(codeOf(withFingerprint(longer)), 'attribute');
    }
  });

  it('takes no truncated integrity, however right', () => {
    const head = sealed('request', [USERNAME, PROOF], { fingerprint: false }).subarray(0, -36);
    for (const size of [16, 20, 24, 28]) {
      const covered = withLength(head, head.length + 4 + size);
      const digest = hmacSha256(key, covered).subarray(0, size);
      const bytes = Uint8Array.from([...head, 0, 0x1c, 0, size, ...digest, 0x80, 0x28, 0, 4, 0, 0, 0, 0]);
      assert.equal(codeOf(withFingerprint(withLength(bytes, bytes.length))), 'attribute');
    }
  });

  it('says nothing of what it received', () => {
    const secretive = 'S3cretTagOfSomebody';
    const result = parseLatchMessage(sealed('request', [username(secretive), PROOF]));
    assert.ok(!result.ok);
    assert.equal(JSON.stringify(result.error).includes(secretive), false);
  });

  it('passes on what parseStun refuses', () => {
    assert.equal(codeOf(new Uint8Array(0)), 'truncated');
    assert.equal(codeOf(new Uint8Array(40)), 'not-stun');
    assert.equal(codeOf(new Uint8Array(40).fill(0x80)), 'not-stun');
  });
});

/** The bytes with a header that claims `size` bytes in all. */
function withLength(bytes: Uint8Array, size: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint16(2, size - 20);
  return copy;
}

/** The bytes, whose last 8 are a FINGERPRINT attribute, with the right value in it. */
function withFingerprint(bytes: Uint8Array): Uint8Array {
  const fixed = Uint8Array.from(bytes);
  new DataView(fixed.buffer).setUint32(fixed.length - 4, (crc32(fixed.subarray(0, -8)) ^ 0x5354554e) >>> 0);
  return fixed;
}

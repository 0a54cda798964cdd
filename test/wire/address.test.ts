import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { formatAddress, formatIp, isSameAddress, normaliseIp, parseIp } from '../../lib/wire/index.js';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** Sixteen bytes in which zeros are common, so that runs of zero groups meet. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));

const isMapped = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex', 0, 12) === '0'.repeat(20) + 'ffff';

/** The text of an address by another implementation: that of WHATWG URL. */
const urlHost = (text: string) => new URL(`http://[${text}]/`).hostname.slice(1, -1);

const fullHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':');

describe('address', () => {
  const valid: [text: string, hex: string, canonical: string][] = [
    ['0.0.0.0', '00000000', '0.0.0.0'],
    ['255.255.255.255', 'ffffffff', '255.255.255.255'],
    ['203.0.113.11', 'cb00710b', '203.0.113.11'],
    ['::', '0'.repeat(32), '::'],
    ['::1', '0'.repeat(31) + '1', '::1'],
    ['2001:db8::11', '20010db8000000000000000000000011', '2001:db8::11'],
    ['2001:DB8:0:0:0:0:0:11', '20010db8000000000000000000000011', '2001:db8::11'],
    ['1::', '0001' + '0'.repeat(28), '1::'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001', 'fe80::1%eth0'],
    // RFC 5952 sections 4.1 to 4.3: no leading zeros, longest run, the first of equals, lower case.
    ['2001:0db8::0001', '20010db8000000000000000000000001', '2001:db8::1'],
    ['2001:db8::1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '20010000000000010000000000000001', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['2001:DB8::AAAA', '20010db800000000000000000000aaaa', '2001:db8::aaaa'],
    // protocol.md 1: IPv4-mapped IPv6 is IPv4, however it is spelled.
    ['::ffff:1.2.3.4', '01020304', '1.2.3.4'],
    ['::FFFF:102:304', '01020304', '1.2.3.4'],
    ['::ffff:102:304', '01020304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '01020304', '1.2.3.4'],
    ['::ffff:1.2.3.4%lo', '01020304', '1.2.3.4'],
  ];
  for (const [text, hex, canonical] of valid) {
    it(`reads ${text} and normalises it to ${canonical}`, () => {
      assert.deepEqual(parseIp(text), bytesOf(hex));
      assert.equal(normaliseIp(text), canonical);
      assert.equal(formatIp(bytesOf(hex)), canonical.replace(/%.*/, ''));
      assert.equal(normaliseIp(canonical), canonical);
    });
  }

  const invalid = [
    ...[
      '',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.',
      '.1.2.3',
      '1..2.3',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.04',
      '1.2.3.4 ',
    ],
    ...['1.2.3.a', '1.2.3.-4', '1111.2.3.4', '1.2.3.4444', 'example.org', '1.2.3.4:5', '1.2.3/8'],
    ...[
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:8::',
      '::1:2:3:4:5:6:7:8',
    ],
    ...[
      '12345::',
      'g::',
      '1:',
      ':1',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '::1.2.3',
      '[::1]',
      '::1%',
      '::1 ',
      '1:::2',
    ],
    '1:2:3:4:5:6:7:8'.repeat(8),
  ];
  for (const text of invalid) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} and leaves it as it is`, () => {
      assert.equal(parseIp(text), undefined);
      assert.equal(normaliseIp(text), text);
    });
  }

  it('formats nothing but 4 and 16 bytes', () => {
    for (const size of [0, 3, 5, 8, 15, 17]) assert.equal(formatIp(new Uint8Array(size)), '');
  });

  it('formats IPv6 as another implementation does', () => {
    fc.assert(
      fc.property(ipv6Bytes, (bytes) => {
        fc.pre(!isMapped(bytes));
        const text = formatIp(bytes);
        assert.equal(text, urlHost(fullHex(bytes)));
        assert.deepEqual(parseIp(text), bytes);
        assert.deepEqual(parseIp(fullHex(bytes)), bytes);
        assert.equal(normaliseIp(text), text);
        assert.equal(normaliseIp(fullHex(bytes)), text);
        assert.equal(normaliseIp(text.toUpperCase()), text);
      }),
      { seed: 5952, numRuns: 3000 },
    );
  });

  it('agrees with node:net about what an address is', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      'a',
      'F',
      '00',
      'ffff',
      ':',
      '::',
      ':',
      '.',
      '1.2.3.4',
      '255',
      'g',
      '%e',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 18 }), (pieces) => {
        const text = pieces.join('');
        fc.pre(!/%.*:/.test(text)); // node:net lets a colon into a zone
        const bytes = parseIp(text);
        assert.equal(bytes !== undefined, isIPv4(text) || isIPv6(text), text);
        if (bytes === undefined || text.includes('%') || isIPv4(text)) return;
        const host = urlHost(text);
        assert.equal(normaliseIp(text), bytes.length === 4 ? formatIp(bytes) : host);
      }),
      { seed: 7, numRuns: 20_000 },
    );
  });

  it('takes for canonical only what is', () => {
    // Spellings near the canonical one: a `::` too short, in the wrong place, beside a zero, twice.
    const piece = fc.constantFrom('0', '0', '1', 'a0', '01', '::', '0', 'B');
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 9 }), (pieces) => {
        const text = pieces.join(':').replace(/:{3,}/g, '::');
        const normal = normaliseIp(text);
        if (isIPv6(text)) assert.equal(normal, urlHost(text));
        else assert.equal(normal, text);
      }),
      { seed: 8, numRuns: 20_000 },
    );
  });

  it('compares and prints addresses', () => {
    const a = { address: '192.0.2.1', port: 5004 };
    assert.equal(isSameAddress(a, { ...a }), true);
    assert.equal(isSameAddress(a, { ...a, port: 5005 }), false);
    assert.equal(isSameAddress(a, { ...a, address: '192.0.2.2' }), false);
    assert.equal(formatAddress(a), '192.0.2.1:5004');
    assert.equal(formatAddress({ address: '::1', port: 5 }), '[::1]:5');
  });
});

import assert from 'node:assert/strict';
import { ipRange, type IpRange } from '../../lib/wire/index.js';

describe('ip range', () => {
  const table: [range: IpRange, block: string, addresses: string[]][] = [
    ['unspecified', '', ['0.0.0.0', '0.1.2.3', '::', 'example.org', '']],
    ['loopback', '', ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1']],
    ['link-local', '', ['169.254.0.1', '169.254.255.255', 'fe80::1', 'fe80::1%eth0', 'febf::']],
    ['multicast', '', ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff00::']],
    ['broadcast', '', ['255.255.255.255', '::ffff:255.255.255.255']],
    ['private', '10/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.0.0.1']],
    ['private', '172.16/12', ['172.16.0.0', '172.31.255.255']],
    ['private', '192.168/16', ['192.168.0.0', '192.168.255.255']],
    ['private', '100.64/10', ['100.64.0.0', '100.127.255.255']],
    ['private', '192.0.0/24', ['192.0.0.8']],
    ['private', '198.18/15', ['198.18.0.0', '198.19.255.255']],
    ['private', '240/4', ['240.0.0.1', '255.255.255.254']],
    ['private', 'fc00::/7', ['fc00::', 'fdff:ffff::1']],
    ['private', 'fec0::/10', ['fec0::1', 'feff::1']],
    ['private', '64:ff9b:1::/48', ['64:ff9b:1::a00:1', '64:ff9b:1:ffff::']],
    [
      'global',
      '',
      [
        ...[
          '1.1.1.1',
          '9.255.255.255',
          '11.0.0.0',
          '172.15.255.255',
          '172.32.0.0',
          '192.167.0.1',
          '192.169.0.1',
        ],
        ...['100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '169.253.0.1', '169.255.0.1'],
        ...['192.0.1.0', '198.17.255.255', '198.20.0.0', '203.0.113.1', '223.255.255.255', '2001:db8::1'],
        ...['fe00::1', 'fbff::', '64:ff9b::808:808', '2002:808:808::1', '::8.8.8.8', '64:ff9a::1'],
      ],
    ],
  ];
  for (const [range, block, addresses] of table) {
    it(`${range} ${block}`, () => {
      for (const address of addresses) assert.deepEqual(ipRange(address), { range, block }, address);
    });
  }

  it('judges an IPv6 address that carries an IPv4 one by what it carries', () => {
    for (const prefix of ['64:ff9b::', '::']) {
      assert.deepEqual(ipRange(`${prefix}127.0.0.1`), { range: 'loopback', block: '' });
      assert.deepEqual(ipRange(`${prefix}10.1.2.3`), { range: 'private', block: '10/8' });
    }
    assert.deepEqual(ipRange('2002:7f00:1::5'), { range: 'loopback', block: '' });
    assert.deepEqual(ipRange('2002:c0a8:101::5'), { range: 'private', block: '192.168/16' });
  });
});

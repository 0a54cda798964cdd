// A server that listens on two addresses, one of each family: who calls over IPv6 and who calls over IPv4 are in one room, and media
// goes by the family that each one's description names.
import assert from 'node:assert/strict';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServerOptions } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { until } from '../cli/callee.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { RawPhone } from '../cli/raw-phone.js';
import { sip } from '../plugins/sip-phones.js';

const closers: (() => unknown)[] = [];
const FAMILIES = ['127.0.0.1', '::1'] as const;

before(unrefLongTimers);
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: DistributionServerOptions = {}) {
  const server = createDistributionServer({
    signalling: (latchkey) => latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8', '::1/128'] }),
    listen: { address: ['127.0.0.1', '::1'], udp: 'auto' },
    media: { kind: 'shared', port: 'auto' },
    ...options,
  });
  const listening = await server.start();
  closers.push(() => server.close({ graceMs: 100 }));
  return { server, at: [listening, listening.other] as const };
}

describe('a server on an IPv4 and an IPv6 address', () => {
  for (const media of [
    { kind: 'shared', port: 'auto' },
    { kind: 'range', low: 23_400, high: 23_499 },
  ] as const)
    it(`has callers of both families in one room, with ${media.kind} ports`, async () => {
      const { server, at } = await start({ media });
      const phones: { phone: RawPhone; answer: string }[] = [];
      for (const [index, address] of FAMILIES.entries()) {
        const phone = await RawPhone.open(at[index]?.sip.UDP?.port ?? 0, address);
        closers.push(() => phone.close());
        const answer = await phone.ask('INVITE', { body: phone.sdp() });
        assert.equal(answer.status, 200);
        const host = address.includes(':') ? `[${address}]` : address;
        assert.ok(answer.headers.get('contact')?.includes(`@${host}:`), answer.headers.get('contact'));
        assert.match(answer.body, new RegExp(`^c=IN IP${address.includes(':') ? 6 : 4} ${address}\r$`, 'm'));
        phones.push({ phone, answer: answer.body });
      }
      await until(() => server.snapshot().rooms[0]?.sessions.length === 2);
      for (const [index, { phone, answer }] of phones.entries()) {
        const other = phones[1 - index]?.phone;
        assert.ok(other);
        const before = other.received;
        let sequence = 0;
        const timer = setInterval(() => phone.sendRtp(answer, sequence++), 20);
        await until(() => other.received > before);
        clearInterval(timer);
      }
    });

  it('takes a caller over IPv6 whose media is on IPv4 at the address of that family', async () => {
    const { at } = await start();
    const phone = await RawPhone.open(at[1]?.sip.UDP?.port ?? 0, '::1');
    closers.push(() => phone.close());
    const body = phone.sdp().replaceAll('IN IP6 ::1', 'IN IP4 127.0.0.1');
    const answer = await phone.ask('INVITE', { body });
    assert.equal(answer.status, 200);
    assert.match(answer.body, /^c=IN IP4 127\.0\.0\.1\r$/m);
  });

  it('of one family alone refuses a caller whose media is of the other', async () => {
    const { at } = await start({ listen: { address: ['127.0.0.1'], udp: 'auto' } });
    const phone = await RawPhone.open(at[0].sip.UDP?.port ?? 0);
    closers.push(() => phone.close());
    const body = phone.sdp().replaceAll('IN IP4 127.0.0.1', 'IN IP6 ::1');
    assert.equal((await phone.ask('INVITE', { body })).status, 488);
    assert.equal(at[1], undefined);
  });

  it('two of one family, three, or one that is told for the other are no options', () => {
    for (const options of [
      { listen: { address: ['127.0.0.1', '127.0.0.2'] } },
      { listen: { address: ['127.0.0.1', '::1', '::2'] } },
      { listen: { address: [] } },
      { listen: { address: ['127.0.0.1', '::1'] }, advertise: '192.0.2.1' },
      { listen: { address: '127.0.0.1' }, advertise: ['192.0.2.1', '2001:db8::1'] },
    ])
      assert.throws(() => createDistributionServer(options as unknown as DistributionServerOptions), {
        code: 'LATCHKEY_OPTION',
      });
  });
});

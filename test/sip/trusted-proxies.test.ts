// A proxy at which TLS ends is a trusted hop by its address (protocol.md 2, 8): nobody else's Via is believed.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import sip from 'sip';
import { createLatchkey } from '../../lib/index.js';
import { hopSignalling, TrustedProxies } from '../../lib/sip/index.js';
import type { SipFlow, SipMessage, SipVia } from '../../lib/sip/index.js';
import { peerSource } from '../../lib/sip/peer-knowledge.js';
import { latchSip } from '../../plugins/sip/index.js';

const proxies = new TrustedProxies(['192.0.2.7/32', '2001:db8::/64']);
const flow: SipFlow = { protocol: 'UDP', address: '192.0.2.7', port: 5060 };
const via = (protocol: string, host = '10.0.0.7', params = {}): SipVia => ({
  version: '2.0',
  protocol,
  host,
  params,
});
const from = (...below: SipVia[]): SipMessage => ({
  method: 'INVITE',
  headers: { via: [via('UDP', '192.0.2.7'), ...below] },
});

describe('trusted proxies', () => {
  it('are those of the ranges, and nobody else', () => {
    for (const [address, is] of [
      ['192.0.2.7', true],
      ['::ffff:192.0.2.7', true],
      ['2001:db8::1', true],
      ['192.0.2.8', false],
      ['2001:db8:0:1::1', false],
      ['proxy.example', false],
    ] as const)
      assert.equal(proxies.has({ address }), is, address);
    assert.equal(new TrustedProxies().has(flow), false);
    assert.throws(() => new TrustedProxies(['192.0.2.7']), { code: 'LATCHKEY_OPTION' });
  });

  it('a request is as safe as the hop that the Via below the proxy names', () => {
    for (const [message, signalling] of [
      [from(via('TLS')), 'encrypted'],
      [from(via('wss')), 'encrypted'],
      [from(via('UDP')), 'clear'],
      [from(via('TCP')), 'clear'],
      [from(via('WS')), 'clear'],
      [from(via('UDP'), via('TLS')), 'clear'],
      [from(), 'encrypted'],
    ] as const) {
      const behind = proxies.hopBefore(message, flow);
      assert.equal(behind.signalling, signalling);
      assert.equal(hopSignalling({ ...flow, behind }), signalling);
    }
    assert.equal(hopSignalling(flow), 'clear');
  });

  it('home is who the proxy has received from, else who the Via says, else nobody', () => {
    const home = (message: SipMessage) =>
      peerSource({ ...flow, behind: proxies.hopBefore(message, flow) }, 'encrypted');
    assert.deepEqual(home(from(via('TLS', '10.0.0.7', { received: '203.0.113.5' }))), {
      address: '203.0.113.5',
      transport: 'proxy',
    });
    assert.deepEqual(home(from(via('TLS', '10.0.0.7')))?.address, '10.0.0.7');
    assert.deepEqual(home(from(via('TLS', 'phone.invalid'))), { address: undefined, transport: 'proxy' });
    assert.deepEqual(home(from()), { address: undefined, transport: 'proxy' });
    for (const mask of ['127.0.0.8', '::1'])
      assert.deepEqual(home(from(via('UDP', mask))), { address: undefined, transport: 'proxy' }, 'a mask');
    const own = { ...flow, address: '127.0.0.1' };
    assert.equal(proxies.hopBefore(from(via('UDP', '127.0.0.8')), own).address, '127.0.0.8');
    assert.equal(peerSource(flow, 'clear')?.transport, 'udp');
  });

  it('a request of ours goes on encrypted where its URI says so', () => {
    for (const [uri, signalling] of [
      ['sips:a@example.org', 'encrypted'],
      ['sip:a@example.org;transport=tls', 'encrypted'],
      ['sip:a@example.org;transport=tlsx', 'clear'],
      ['sip:a@example.org', 'clear'],
    ] as const)
      assert.equal(proxies.hopBeyond({ uri, headers: {} }), signalling, uri);
  });
});

/** Of a network, as a proxy on another host has one. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

/** One INVITE with latch to a stack that requires it, and what it is answered. */
async function invite(trustedProxies: readonly string[], ...below: string[]): Promise<string> {
  assert.ok(address);
  const latchkey = createLatchkey({ policy: 'require' });
  const latch = latchSip(sip, latchkey, { trustedProxies });
  const phone = createLatchkey();
  const describe = (port: number) =>
    `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;
  const offer = phone.createSession({ role: 'prover', signalling: 'encrypted' }).setLocal(describe(4002));
  const stack = latch.create({ address, port: 0, tcp: false }, (request) => {
    const headers = { contact: [{ uri: `sip:a@${address}` }], 'content-type': 'application/sdp' };
    stack.send(sip.makeResponse(request, 200, 'OK', { headers, content: describe(4004) }));
  });
  await stack.ready;
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  const { port } = socket.address();
  const vias = [`Via: SIP/2.0/UDP ${address}:${port};branch=z9hG4bK${Math.random()}`, ...below];
  const head = [
    `INVITE sip:a@${address} SIP/2.0`,
    ...vias,
    'From: <sip:x@example.org>;tag=1',
    'To: <sip:a@example.org>',
    `Call-ID: ${Math.random()}`,
    'CSeq: 1 INVITE',
    `Contact: <sip:x@${address}:${port}>`,
    'Content-Type: application/sdp',
    `Content-Length: ${offer.length}`,
  ];
  socket.send(`${head.join('\r\n')}\r\n\r\n${offer}`, stack.addresses[0]?.port ?? 0, address);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  stack.destroy();
  for (const one of [latchkey, phone]) one.close();
  return String(answer);
}

describe('plugins/sip: trusted proxies', () => {
  const tls = 'Via: SIP/2.0/TLS 10.0.0.7:5061;branch=z9hG4bKx;received=203.0.113.5';
  const udp = 'Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKx';

  before(function () {
    if (address === undefined) this.skip(); // no network but loopback
  });

  it('a call by TLS through a named proxy is taken, and answered with latch', async () => {
    for (const below of [[tls], []]) {
      const answer = await invite([`${address}/32`], ...below);
      assert.match(answer, /^SIP\/2\.0 200 /);
      assert.match(answer, /\r\na=latch:1 /);
    }
  });

  it('is refused where the proxy is not named, or the hop before it was clear', async () => {
    assert.match(await invite([], tls), /^SIP\/2\.0 488 .*signalling is not encrypted/s);
    assert.match(await invite(['198.51.100.0/24'], tls), /^SIP\/2\.0 488 /);
    assert.match(await invite([`${address}/32`], udp), /^SIP\/2\.0 488 .*signalling is not encrypted/s);
  });
});

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import dgram from 'node:dgram';
import type { ServerCounters } from '../../lib/server/index.js';
import { BOUND_NAMES } from '../../lib/sip/index.js';
import { mediaPort, RawPhone } from './raw-phone.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const LATCH =
  'a=latch:1 Xk3pQ7vT0aLm 9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI suites=HMAC-SHA-256,AES-256';
const isByeOf = (phone: RawPhone) => (message: { method: string; headers: ReadonlyMap<string, string> }) =>
  message.method === 'BYE' && message.headers.get('call-id') === phone.callId;

after(() => CommandProcess.killAll());

describe('latchkey serve: SIP', () => {
  let server: ServerProcess;
  let phone: RawPhone;
  before(async () => {
    server = await ServerProcess.start();
  });
  beforeEach(async () => {
    phone = await RawPhone.open(server.port('udp'));
  });
  afterEach(() => phone.close());
  after(async () => {
    assert.equal((await server.stop()).code, 0);
  });

  it('answers OPTIONS with what it can do', async () => {
    const response = await phone.ask('OPTIONS');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('allow'), 'INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE');
    assert.equal(response.headers.get('accept'), 'application/sdp');
    assert.match(response.headers.get('to') ?? '', /;tag=/);
  });

  for (const method of ['REGISTER', 'MESSAGE', 'SUBSCRIBE', 'FOO']) {
    it(`answers ${method} with 405 and Allow`, async () => {
      const response = await phone.ask(method);
      assert.equal(response.status, 405);
      assert.match(response.headers.get('allow') ?? '', /INVITE/);
    });
  }

  for (const method of ['BYE', 'UPDATE', 'CANCEL']) {
    it(`answers ${method} of no call with 481`, async () => {
      assert.equal((await phone.ask(method, { seq: 7 })).status, 481);
    });
  }

  it('answers 416 to sips: where there is no TLS', async () => {
    const text = phone.requestText('INVITE', { body: phone.sdp() });
    phone.sendText(text.replace('INVITE sip:', 'INVITE sips:'));
    const refused = await phone.next(({ status }) => status >= 200);
    assert.equal(refused.status, 416);
    assert.match(refused.headers.get('warning') ?? '', /sips: is taken over TLS only/);
  });

  for (const [what, line, header, value] of [
    ['an encoded body', 'Content-Encoding: gzip', 'accept-encoding', 'identity'],
    ['an encoded body in the short form', 'e: gzip', 'accept-encoding', 'identity'],
    ['a body of another type', undefined, 'accept', 'application/sdp'],
  ] as const)
    it(`answers 415 to ${what}, and says what it reads (RFC 3261 8.2.3)`, async () => {
      const text = phone.requestText('INVITE', {
        body: phone.sdp(),
        ...(line !== undefined && { lines: [line] }),
      });
      phone.sendText(line === undefined ? text.replace('application/sdp', 'text/plain') : text);
      const refused = await phone.next(({ status }) => status >= 200);
      assert.equal(refused.status, 415);
      assert.equal(refused.headers.get(header), value);
    });

  it('takes a body whose encoding is none', async () => {
    const lines = ['Content-Encoding: identity'];
    assert.equal((await phone.ask('INVITE', { body: phone.sdp(), lines })).status, 200);
  });

  it('answers 404 where the URI names no room, and says why', async () => {
    const response = await phone.ask('INVITE', { user: '', body: phone.sdp() });
    assert.equal(response.status, 404);
    assert.match(response.headers.get('warning') ?? '', /^399 .*names no room/);
    const rejected = await server.event('rejected', ({ call }) => call === phone.callId);
    assert.equal(rejected['status'], 404);
    assert.match(String(rejected['remote']), /^127\.0\.0\.1:\d+$/);
  });

  it('answers 420 where an extension is required that it has not', async () => {
    const response = await phone.ask('INVITE', { body: phone.sdp(), lines: ['Require: 100rel, wonders'] });
    assert.equal(response.status, 420);
    assert.equal(response.headers.get('unsupported'), 'wonders');
  });

  it('answers 415 to a body that is no session description', async () => {
    const lines = ['Content-Type: text/plain'];
    const { status, headers } = await phone.ask('INVITE', { lines, body: ' ' });
    assert.deepEqual([status, headers.get('accept')], [415, 'application/sdp']);
  });

  it('answers 415 to a body that is compressed', async () => {
    const lines = ['Content-Encoding: gzip'];
    const { status, headers } = await phone.ask('INVITE', { lines, body: phone.sdp() });
    assert.deepEqual([status, headers.get('accept-encoding')], [415, 'identity']);
  });

  for (const [what, connection, expected] of [
    ['another family', 'IN IP6 2001:db8::1', /^488 300 \S+ "media is sent by IPv4 here/],
    ['a name', 'IN IP4 sbc.example.com', /^488 301 \S+ "media is sent to IP addresses/],
    ['no c= that can be read', 'IN', /^400 399 \S+ "there is no c= line/],
  ] as const)
    it(`refuses a description that says of its media ${what}`, async () => {
      const body = phone.sdp().replace('c=IN IP4 127.0.0.1', `c=${connection}`);
      const { status, headers } = await phone.ask('INVITE', { body });
      assert.match(`${status} ${headers.get('warning')}`, expected);
      assert.equal((await server.event('rejected', ({ call }) => call === phone.callId)).status, status);
    });

  it('is no floor control server, and does not serve DTLS-SRTP', async () => {
    const bfcp = await phone.ask('INVITE', { body: phone.sdp('m=application 6006 UDP/BFCP *') });
    assert.match(bfcp.body, /^m=application 0 UDP\/BFCP \*\r$/m);
    const body = phone.sdp('a=fingerprint:sha-256 AB').replace('RTP/AVP', 'UDP/TLS/RTP/SAVPF');
    const { status, headers } = await phone.ask('INVITE', { body });
    assert.match(`${status} ${headers.get('warning')}`, /^488 302 \S+ "DTLS-SRTP is not served here/);
  });

  it('answers 488 where no codec of its own is offered', async () => {
    const body = phone.sdp().replace('RTP/AVP 0', 'RTP/AVP 3').replace('0 PCMU', '3 GSM');
    const response = await phone.ask('INVITE', { body });
    assert.equal(response.status, 488);
    assert.match(response.headers.get('warning') ?? '', /none of PCMU/);
  });

  it('answers 400 to a malformed attribute, says where, and repeats nothing of it', async () => {
    const secret = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRB';
    const body = phone.sdp(`a=latch:1 Xk3pQ7vT0aLm ${secret}`);
    const response = await phone.ask('INVITE', { body });
    assert.equal(response.status, 400);
    assert.match(response.headers.get('warning') ?? '', /^399 \S+ "a=latch in line 8/);
    const rejected = await server.event('rejected', ({ call }) => call === phone.callId);
    assert.equal(rejected['status'], 400);
    assert.ok(!server.output.includes(secret));
  });

  it('returns your own media in the room echo, holds, resumes, and ends', async () => {
    const answer = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/sdp');
    assert.match(answer.headers.get('contact') ?? '', /<sip:echo@127\.0\.0\.1:\d+;transport=udp>/);
    assert.equal(mediaPort(answer.body), server.port('media'));
    phone.sendRun(answer.body);
    assert.equal((await phone.rtp(3))[0]?.[3], 1);

    const held = await phone.ask('INVITE', { body: phone.sdp('a=inactive') });
    assert.match(held.body, /a=inactive/);
    assert.match(held.body, /^o=- \d+ 2 /m);
    phone.sendRtp(answer.body, 4);
    // Another socket than the UPDATE's: the server has to have read it before the call resumes.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const resumed = await phone.ask('UPDATE', { body: phone.sdp() });
    assert.match(resumed.body, /a=sendrecv/);
    assert.match(resumed.body, /^o=- \d+ 3 /m);
    phone.sendRtp(answer.body, 5);
    assert.equal((await phone.rtp(4))[3]?.[3], 5, 'what was sent on hold does not come back');
    // An empty UPDATE only refreshes.
    const refreshed = await phone.ask('UPDATE');
    assert.equal(`${refreshed.status} ${refreshed.body}`, '200 ');

    assert.equal((await phone.ask('BYE')).status, 200);
    const closed = await server.event(
      'closed',
      ({ call, component }) => call === phone.callId && component === 1,
    );
    assert.deepEqual([closed['received'], closed['sent']], [5, 4]);
    assert.equal((await phone.ask('BYE')).status, 481);
  });

  it('repeats the 200 until the ACK, the same to the byte', async () => {
    const answer = await phone.ask('INVITE', { body: phone.sdp(LATCH), isAcked: false });
    assert.match(answer.body, /^a=latch:1 \S+ \S{43} suite=HMAC-SHA-256/m);
    const again = await phone.next(({ status }) => status === 200, phone.messages.length);
    assert.deepEqual(again, answer);
    phone.send('ACK');
    await phone.ask('OPTIONS');
    const before = phone.messages.length;
    // The next repetition would have come after a second.
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.equal(phone.messages.length, before);
    await phone.ask('BYE');
  });

  it('offers where the INVITE does not, and takes the answer out of the ACK', async () => {
    const offer = await phone.ask('INVITE', { user: 'echo', isAcked: false });
    assert.match(offer.body, /^m=audio \d+ RTP\/AVP 0 8 9 96 101/m);
    phone.send('ACK', { body: phone.sdp() });
    await phone.ask('OPTIONS');
    for (const sequence of [9, 10, 11]) phone.sendRtp(offer.body, sequence);
    assert.equal((await phone.rtp(3))[0]?.[3], 9);
    await phone.ask('BYE');
  });

  it('hangs up where the ACK brings no answer to its offer', async () => {
    await phone.ask('INVITE');
    phone.answer(await phone.next(isByeOf(phone)));
  });

  it('answers a CANCEL that comes too late, and the call stays', async () => {
    await phone.ask('INVITE', { user: 'echo', body: phone.sdp(), isAcked: false });
    const cancelled = await phone.ask('CANCEL', { branch: phone.branch });
    assert.equal(cancelled.status, 200);
    phone.send('ACK');
    assert.equal((await phone.ask('BYE')).status, 200);
  });

  it('distributes on one port what callers of one room say, and to nobody else', async () => {
    const others = await Promise.all([0, 1].map(() => RawPhone.open(server.port('udp'))));
    const [friend, stranger] = others as [RawPhone, RawPhone];
    try {
      const { body } = await phone.ask('INVITE', { user: 'meeting', body: phone.sdp() });
      await friend.ask('INVITE', { user: 'meeting', body: friend.sdp() });
      await stranger.ask('INVITE', { user: 'elsewhere', body: stranger.sdp() });
      for (const sequence of [1, 2, 3]) phone.sendRtp(body, sequence);
      // The number of the packet stands in its payload too: that in its header stays with the server (docs/protocol.md 8.3.11).
      assert.deepEqual((await friend.rtp(3)).map((packet) => packet[12]).sort(), [1, 2, 3]);
      assert.equal(stranger.received + phone.received, 0);
      for (const one of [phone, ...others]) assert.equal((await one.ask('BYE')).status, 200);
    } finally {
      for (const other of others) other.close();
    }
  });

  it('names session, call, media, component and address of a call', async () => {
    await phone.ask('INVITE', { user: 'named%20room', body: phone.sdp(LATCH) });
    const session = await server.event('session', ({ call }) => call === phone.callId);
    assert.equal(session['room'], 'named room');
    assert.deepEqual([session['media'], session['component']], [0, 1]);
    assert.match(String(session['remote']), /^127\.0\.0\.1:\d+$/);
    await phone.ask('BYE');
  });

  it('survives what is no SIP, over UDP and TCP', async () => {
    for (const junk of ['', '\r\n\r\n', 'INVITE', 'INVITE sip:x@y SIP/2.0\r\n\r\n', '\0'.repeat(5000)])
      phone.sendText(junk);
    phone.sendText(
      'INVITE sip:a@b SIP/2.0\r\nVia: \r\nFrom: <\r\nTo: >\r\nContact: <<\r\nCSeq: x\r\nCall-ID: \r\n\r\n',
    );
    phone.sendText('SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=1\r\nCSeq: 1 INVITE\r\n\r\n');
    const stream = net.connect(server.port('tcp'), '127.0.0.1');
    await once(stream, 'connect');
    stream.on('error', () => undefined).end('GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n'.repeat(100));
    assert.equal((await phone.ask('OPTIONS')).status, 200);
  });
});

describe('latchkey serve: start and end', () => {
  it('prints every address first, and removes its certificate at the end', async () => {
    const server = await ServerProcess.start('--ws', 'auto', '--wss', 'auto');
    const [first] = server.events;
    assert.equal(first?.event, 'listening');
    for (const transport of ['udp', 'tcp', 'tls', 'ws', 'wss', 'media']) {
      assert.match(String(server.listening[transport]), /^127\.0\.0\.1:[1-9]\d*$/, transport);
    }
    const file = String(server.listening['certificate']);
    assert.ok(statSync(file).isFile());
    const { code, stderr } = await server.stop();
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(!existsSync(file));
    const last = server.events.at(-1);
    assert.equal(last?.event, 'counters');
    assert.equal(last['final'], true);
    assert.equal(last['calls'], 0);
    assert.ok(!('sessions' in last), 'what each call has counted is for --verbose');
  });

  it('keeps the bounds of --limit, and tells in its counters what the gate and the bounds did', async () => {
    const server = await ServerProcess.start('--limit', 'maxLines=12', 'maxMedia=1', 'maxCallsOfCallId=1');
    const phone = await RawPhone.open(server.port('udp'));
    const many = Array.from({ length: 12 }, (_, i) => `X-${i}: x`);
    phone.send('OPTIONS', { lines: many });
    assert.equal((await phone.ask('OPTIONS')).status, 200);
    const two = `${phone.sdp()}m=video 9 RTP/AVP 96\r\n`;
    assert.equal((await phone.ask('INVITE', { body: two })).status, 400);
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
    const { code } = await server.stop();
    assert.equal(code, 0);
    const { gate, bounds } = server.events.at(-1) as unknown as Pick<ServerCounters, 'gate' | 'bounds'>;
    assert.equal(gate.refused['line-count'], 1);
    assert.deepEqual(Object.keys(bounds), [...BOUND_NAMES]);
    phone.close();
  });

  it('ends every call by BYE on SIGTERM: route, target, tags and CSeq are right', async () => {
    const server = await ServerProcess.start('--verbose');
    const phone = await RawPhone.open(server.port('udp'));
    const recorded = 'Record-Route: <sip:192.0.2.7;lr>, <sip:192.0.2.8;lr>';
    const answer = await phone.ask('INVITE', { body: phone.sdp(), lines: [recorded] });
    assert.match(answer.headers.get('record-route') ?? '', /192\.0\.2\.7.*192\.0\.2\.8/);
    const end = server.stop();
    const bye = await phone.next(isByeOf(phone));
    phone.answer(bye);
    const { code } = await end;
    const { contact } = phone;
    phone.close();
    assert.equal(code, 0);
    assert.equal(bye.first, `BYE ${contact} SIP/2.0`);
    assert.equal(bye.headers.get('from'), answer.headers.get('to'));
    assert.match(bye.headers.get('to') ?? '', new RegExp(`;tag=${phone.tag}$`));
    assert.equal(bye.headers.get('cseq'), '1 BYE');
    assert.match(bye.headers.get('route') ?? '', /^\s*<sip:192\.0\.2\.7;lr>\s*,\s*<sip:192\.0\.2\.8;lr>$/);
    const counters = server.events.at(-1);
    assert.equal((counters?.['sessions'] as { call: string }[])[0]?.call, phone.callId);
  });

  it('waits two seconds, and no more, for callers that do not answer the BYE', async () => {
    const server = await ServerProcess.start();
    const phone = await RawPhone.open(server.port('udp'));
    await phone.ask('INVITE', { body: phone.sdp() });
    const beginMs = Date.now();
    const { code } = await server.stop('SIGINT');
    const tookMs = Date.now() - beginMs;
    phone.close();
    assert.equal(code, 0);
    assert.ok(phone.messages.some(isByeOf(phone)));
    assert.ok(tookMs >= 1900 && tookMs < 6000, `${tookMs} ms`);
  });

  it('refuses callers without latch where the policy is require', async () => {
    const server = await ServerProcess.start('--policy', 'require');
    const phone = await RawPhone.open(server.port('udp'));
    const refused = await phone.ask('INVITE', { body: phone.sdp() });
    const accepted = await phone.ask('INVITE', { body: phone.sdp(LATCH) });
    const rejected = await server.event('rejected');
    await phone.ask('BYE');
    phone.close();
    await server.stop();
    assert.equal(refused.status, 488);
    assert.match(refused.headers.get('warning') ?? '', /^399 \S+ "latch is required/);
    assert.equal(rejected['status'], 488);
    assert.equal(rejected['component'], 1);
    assert.equal(accepted.status, 200);
  });

  it('gives each call a pair of ports, 503 when there are none, and takes them back', async () => {
    const low = await freePair();
    const server = await ServerProcess.start('--media', `${low}-${low + 1}`);
    const phones = await Promise.all([0, 1].map(() => RawPhone.open(server.port('udp'))));
    const [first, second] = phones as [RawPhone, RawPhone];
    const taken = await first.ask('INVITE', { body: first.sdp() });
    assert.equal(mediaPort(taken.body), low);
    const refused = await second.ask('INVITE', { body: second.sdp() });
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get('warning') ?? '', /media ports/);
    await server.event('rejected', ({ status }) => status === 503);
    await first.ask('BYE');
    const again = await second.ask('INVITE', { body: second.sdp() });
    assert.deepEqual([again.status, mediaPort(again.body)], [200, low]);
    await second.ask('BYE');
    for (const phone of phones) phone.close();
    assert.equal((await server.stop()).code, 0);
  });

  it('takes its options from a file, flags first, and ends after its duration', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'serve-test-'));
    const config = join(folder, 'serve.json');
    const options = {
      udp: 'auto',
      tls: 0,
      ws: 'auto',
      media: 'auto',
      duration: 60,
      policy: 'legacy',
      json: true,
    };
    writeFileSync(config, JSON.stringify(options));
    const server = await ServerProcess.start(
      '--config',
      config,
      '--tls',
      '0',
      '--tcp',
      '0',
      '--duration',
      '0.2',
    );
    const { code, stdout } = await server.ended();
    rmSync(folder, { recursive: true });
    const listening = JSON.parse(stdout.split('\n')[0] ?? '') as Record<string, unknown>;
    assert.equal(code, 0);
    assert.equal(listening['policy'], 'legacy');
    assert.deepEqual(
      [listening['tcp'], listening['tls'], listening['certificate']],
      [undefined, undefined, undefined],
    );
    assert.match(String(listening['ws']), /^127\.0\.0\.1:/);
  });

  it('says what hop it is that carries no secret, unless the owner allows it by name', async () => {
    const server = await ServerProcess.start('--allow-insecure-signalling', '--duration', '0.1');
    const { stderr } = await server.ended();
    assert.match(stderr, /^latchkey: --allow-insecure-signalling: [^\n]+\n$/);
  });

  it('ends its calls over TCP on the connection that they came by', async () => {
    const server = await ServerProcess.start();
    const phone = await RawPhone.open(server.port('udp'));
    const stream = net.connect(server.port('tcp'), '127.0.0.1').setEncoding('latin1');
    let text = '';
    stream.on('data', (data) => (text += String(data)));
    await once(stream, 'connect');
    const send = (first: string, ...lines: string[]) => stream.write([first, ...lines].join('\r\n'));
    const head = ['From: <sip:a@b>;tag=tcp', 'Call-ID: tcp'];
    const via = 'Via: SIP/2.0/TCP nat.invalid:5;branch=z9hG4bKtcp';
    const contact = 'Contact: <sip:a@192.0.2.1:5;transport=tcp>';
    const body = phone.sdp();
    const type = ['Content-Type: application/sdp', `Content-Length: ${body.length}`, '', body];
    send(
      'INVITE sip:room@server.invalid SIP/2.0',
      via,
      ...head,
      'To: <sip:room@x>',
      'CSeq: 1 INVITE',
      contact,
      ...type,
    );
    const next = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (let found = pattern.exec(text); ; found = pattern.exec(text)) {
        if (found) return found;
        await once(stream, 'data');
      }
    };
    const [, to = ''] = await next(/^SIP\/2\.0 200 OK[^]*?^To:([^\r]*)/m);
    send(
      'ACK sip:room@server.invalid SIP/2.0',
      `${via}2`,
      ...head,
      `To:${to}`,
      'CSeq: 1 ACK',
      'Content-Length: 0\r\n\r\n',
    );
    const end = server.stop();
    const [, ...echoed] = await next(
      /^BYE sip:a@192\.0\.2\.1:5;transport=tcp SIP\/2\.0\r\n(Via:[^\r]*)\r\n(From:[^\r]*)\r\n(To:[^\r]*)/m,
    );
    send('SIP/2.0 200 OK', ...echoed, 'Call-ID: tcp', 'CSeq: 1 BYE', 'Content-Length: 0\r\n\r\n');
    assert.equal((await end).code, 0);
    stream.destroy();
    phone.close();
  });

  it('listens on IPv6 and answers in it', async function () {
    const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
      all?.some(({ address }) => address === '::1'),
    );
    if (!hasIpv6) return this.skip();
    const server = await ServerProcess.start('--listen', '::1');
    assert.match(String(server.listening['tls']), /^\[::1\]:\d+$/);
    const phone = await RawPhone.open(server.port('udp'), '::1');
    const { status, body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
    assert.equal(status, 200);
    assert.match(body, /^c=IN IP6 ::1\r$/m);
    phone.sendRun(body);
    await phone.rtp(1);
    const end = server.stop();
    phone.answer(await phone.next(isByeOf(phone)));
    assert.equal((await end).code, 0);
    phone.close();
    return undefined;
  });
});

/** An even port and the next one, both free a moment ago, where the system does not look for ports of its own choosing. */
async function freePair(): Promise<number> {
  for (;;) {
    const port = 10_000 + 2 * Math.floor(Math.random() * 10_000);
    const sockets = [0, 1].map(() => dgram.createSocket('udp4'));
    const isFree = sockets.map(
      (socket, index) =>
        new Promise<boolean>((resolve) => {
          socket.once('error', () => resolve(false)).bind(port + index, '127.0.0.1', () => resolve(true));
        }),
    );
    const areFree = (await Promise.all(isFree)).every(Boolean);
    for (const socket of sockets) socket.close();
    if (areFree) return port;
  }
}

describe('latchkey serve on two addresses', () => {
  it('says where it listens at each, and is called at each', async () => {
    const server = await ServerProcess.start('--listen', '127.0.0.1,::1');
    const other = server.listening['other'] as Record<string, string>;
    assert.match(other['udp'] ?? '', /^\[::1\]:\d+$/);
    assert.match(other['media'] ?? '', /^\[::1\]:\d+$/);
    for (const [address, port] of [
      ['127.0.0.1', server.port('udp')],
      ['::1', Number(other['udp']?.slice(6))],
    ] as const) {
      const phone = await RawPhone.open(port, address);
      assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
      phone.close();
    }
    await server.stop('SIGTERM');
  });
});

// The parts of plugins/drachtio by themselves: lines out of bytes, what a hop is worth, what an owner may ask for.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import Srf from 'drachtio-srf';
import { createLatchkey } from '../../lib/index.js';
import { readDaemonLine } from '../../plugins/drachtio/daemon-line.js';
import {
  bothHops,
  daemonHop,
  hopInDialog,
  hopOfCall,
  hopOfRequest,
  readNextHop,
} from '../../plugins/drachtio/hop.js';
import { TrustedProxies } from '../../lib/sip/index.js';
import { latchDrachtio } from '../../plugins/drachtio/index.js';
import { LineReader } from '../../plugins/drachtio/line-reader.js';
import { asRefused, readMessage, withBody, withoutLatch } from '../../plugins/drachtio/sip-text.js';

describe('drachtio: lines out of a stream', () => {
  function read(pieces: readonly Buffer[]) {
    const lines: string[] = [];
    const broken: string[] = [];
    const reader = new LineReader({
      onLine: (text) => lines.push(text),
      onBroken: (reason) => broken.push(reason),
    });
    for (const piece of pieces) reader.push(piece);
    return { lines, broken };
  }

  const texts = ['a|response|b|OK', 'ünïcode|sip|…', 'x'.repeat(1000), '1#2'];
  const stream = Buffer.concat(texts.map((text) => Buffer.from(`${Buffer.byteLength(text)}#${text}`)));

  it('cut at every place', () => {
    for (let at = 0; at <= stream.length; at++)
      assert.deepEqual(read([stream.subarray(0, at), stream.subarray(at)]), { lines: texts, broken: [] });
  });

  it('cut into single bytes', () => {
    const bytes = Array.from(stream, (byte) => Buffer.of(byte));
    assert.deepEqual(read(bytes), { lines: texts, broken: [] });
  });

  for (const [what, text] of [
    ['no length', '#abc'],
    ['a length of nothing', '0#'],
    ['a length with a sign', '-1#a'],
    ['a length of words', 'GET / HTTP/1.1'],
    ['a length beyond all messages', '99999999#a'],
    ['one that does not end', '1'.repeat(100)],
  ] as const)
    it(`${what} breaks it, once and for good`, () => {
      const { lines, broken } = read([Buffer.from(`1#a${text}`), Buffer.from('1#b')]);
      assert.deepEqual(lines, ['a']);
      assert.equal(broken.length, 1);
    });

  it('a line of nothing that is known is handed on as it is', () => {
    for (const text of ['', 'a', 'a|b', 'a|sip', 'a|sip|else|1', '|||\r\n'])
      assert.equal(readDaemonLine(text).kind, 'other');
  });
});

describe('drachtio: what a hop is worth', () => {
  const [closed, open] = [
    { allowInsecureDaemon: false, allowUnverifiedTls: false, proxies: new TrustedProxies() },
    { allowInsecureDaemon: true, allowUnverifiedTls: true, proxies: new TrustedProxies() },
  ];
  const socket = (remoteAddress: string, localAddress: string, more: object = {}) =>
    ({ remoteAddress, remotePort: 9022, localAddress, localPort: 40000, ...more }) as unknown as Socket;

  const requestTo = (uri: string) => ({ method: 'INVITE', uri, headers: {} });

  it('a call of ours by a proxy of the owner is as safe as what it asks for beyond', () => {
    const trust = { ...closed, proxies: new TrustedProxies(['192.0.2.0/24']) };
    const by = (uri: string) => hopOfCall(readNextHop('sip:192.0.2.9;lr'), requestTo(uri), trust);
    assert.equal(by('sips:a@example.com'), 'encrypted');
    assert.equal(by('sip:a@example.com;transport=tls'), 'encrypted');
    assert.equal(by('sip:a@example.com'), 'clear');
  });

  it('the connection to the daemon', () => {
    const remote = socket('192.0.2.1', '192.0.2.2');
    assert.equal(daemonHop(socket('127.0.0.1', '127.0.0.1'), closed), 'loopback');
    assert.equal(daemonHop(socket('::ffff:127.0.0.1', '::ffff:127.0.0.1'), closed), 'loopback');
    assert.equal(daemonHop(remote, closed), 'clear', 'TCP beyond loopback');
    assert.equal(daemonHop(remote, open), 'encrypted', 'as the owner says by name');
    const tls = (authorized: boolean) => socket('192.0.2.1', '192.0.2.2', { encrypted: true, authorized });
    assert.equal(daemonHop(tls(true), closed), 'encrypted');
    assert.equal(daemonHop(tls(false), closed), 'clear', 'TLS that nobody has verified');
  });

  it('two hops are as good as the weaker one', () => {
    const all = ['encrypted', 'loopback', 'clear'] as const;
    const table = all.map((one) => all.map((other) => bothHops(one, other)));
    assert.deepEqual(table, [
      ['encrypted', 'encrypted', 'clear'],
      ['encrypted', 'loopback', 'clear'],
      ['clear', 'clear', 'clear'],
    ]);
  });

  it("inside a dialog the daemon's tcp says nothing, its udp does", () => {
    const from = (protocol: string, address = '192.0.2.7') => ({ protocol, address, port: '5061' });
    assert.equal(hopInDialog('encrypted', from('tcp')), 'encrypted');
    assert.equal(hopInDialog('encrypted', from('tls')), 'encrypted');
    assert.equal(hopInDialog('encrypted', from('udp')), 'clear');
    assert.equal(hopInDialog('clear', from('tls')), 'clear', 'never more than it was');
    assert.equal(hopInDialog('loopback', from('udp', '127.0.0.1')), 'loopback');
    assert.equal(hopInDialog('loopback', from('udp')), 'clear');
  });

  it('a call of ours', () => {
    const hop = (uri: string, trust = closed) => hopOfCall(readNextHop(uri), requestTo(uri), trust);
    assert.equal(hop('sip:a@192.0.2.1;transport=tls'), 'clear', 'the daemon verifies nobody');
    for (const uri of [
      'sip:a@192.0.2.1;transport=TLS',
      'sips:a@example.com',
      '<sips:example.com;lr>',
      'sip:a@h;transport=wss',
    ])
      assert.equal(hop(uri, open), 'encrypted', uri);
    for (const uri of ['sip:a@192.0.2.1', 'sip:a@example.com;transport=tcp', '192.0.2.1:5060', 'tel:123', ''])
      assert.equal(hop(uri, open), 'clear', uri);
    for (const uri of ['sip:a@127.0.0.1:5060', 'sip:a@localhost', 'sip:a@[::1]:5060', '127.0.0.1'])
      assert.equal(hop(uri), 'loopback', uri);
    assert.equal(hop('sip:127.0.0.1@192.0.2.1'), 'clear');
    assert.equal(hop('sip:a@127.0.0.1.example.com'), 'clear');
  });

  it('a request of ours inside a dialog', () => {
    const hop = (uri: string) => hopOfRequest('encrypted', readNextHop(uri));
    assert.equal(hop('sip:a@10.0.0.1'), 'encrypted', 'by the connection that there is');
    assert.equal(hop('sip:a@10.0.0.1;transport=tls'), 'encrypted');
    assert.equal(hop('sip:a@10.0.0.1;transport=udp'), 'clear');
    assert.equal(hop('sip:a@x1.invalid;transport=ws'), 'encrypted', 'a WebSocket that there is');
    assert.equal(hop('sip:a@10.0.0.1;transport=ws'), 'clear');
    assert.equal(hop('sip:a@x1.invalid.example.com;transport=ws'), 'clear');
    assert.equal(hop('sip:a@x1.invalid;transport=tcp'), 'clear');
    assert.equal(hopOfRequest('encrypted', undefined), 'encrypted');
    assert.equal(hopOfRequest('clear', readNextHop('sips:a@b')), 'clear');
  });
});

describe('drachtio: messages as texts', () => {
  const text = (body: string, ...fields: string[]) =>
    [
      ...['INVITE sip:a@b SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx;rport'],
      ...['From: "A" <sip:a@b>;tag=1', 'To: <sip:a@b>', 'Call-ID: x', 'CSeq: 7 INVITE', 'Contact: <sip:a@c>'],
      ...fields,
      ...['', body],
    ].join('\r\n');

  it('as values', () => {
    const read = readMessage(
      text('v=0\r\n', 'Record-Route: <sip:p;lr>, <sip:q;lr>', 'Record-Route: <sip:r>', 'Content-Length: 5'),
    );
    assert.ok(read.ok);
    const { headers, method, content } = read.message;
    assert.deepEqual(
      [method, content, headers['call-id'], headers.cseq],
      ['INVITE', 'v=0\r\n', 'x', { seq: 7, method: 'INVITE' }],
    );
    assert.equal(headers.from?.params?.['tag'], '1');
    assert.equal(headers.via?.[0]?.params['branch'], 'z9hG4bKx');
    const recorded = headers['record-route'] as { uri: string }[];
    assert.deepEqual(
      recorded.map(({ uri }) => uri),
      ['sip:p;lr', 'sip:q;lr', 'sip:r'],
    );
  });

  it('every beginning of one is a message or is refused', () => {
    const whole = text('v=0\r\n', 'Content-Length: 5');
    for (let at = 0; at < whole.length; at++) assert.equal(readMessage(whole.slice(0, at)).ok, false);
  });

  it('another body, with its length in bytes; a length that is folded goes too', () => {
    const other = withBody(text('v=0\r\n', 'Content-Length:\r\n 5', 'l: 5', 'X: y'), 'ü');
    assert.match(other, /\r\nX: y\r\nContent-Length: 2\r\n\r\nü$/);
    assert.equal(other.match(/length/gi)?.length, 1);
    assert.doesNotMatch(other, /\r\n[ \t]/);
  });

  it('without our lines, and only then touched', () => {
    const bare = text('v=0\r\nm=audio 1 RTP/AVP 0\r\n', 'Content-Length: 26');
    assert.equal(withoutLatch(bare), bare);
    const ours = withBody(bare, 'v=0\r\na=latch:1 x y\r\nm=audio 1 RTP/AVP 0\r\na=latch-challenge:z\r\n');
    assert.doesNotMatch(withoutLatch(ours), /latch/);
    assert.match(withoutLatch(ours), /Content-Length: 26\r\n\r\nv=0/);
  });

  it('a response that was not taken keeps its place, and nothing else', () => {
    const refused = asRefused(text('v=0\r\n').replace(/^.*/, 'SIP/2.0 200 OK'), {
      status: 488,
      reason: 'Not Acceptable Here',
      headers: { warning: '399 latchkey "why"' },
    });
    assert.match(refused, /^SIP\/2\.0 488 Not Acceptable Here\r\n/);
    assert.match(refused, /\r\nWarning: 399 latchkey "why"\r\nContent-Length: 0\r\n\r\n$/);
    assert.doesNotMatch(refused, /Contact|v=0/);
  });
});

describe('drachtio: options', () => {
  for (const [what, options] of [
    ['an unknown one', { polcy: 'require' }],
    ['a role', { role: 'server' }],
    ['a policy', { policy: 'strict' }],
    ['a time', { ringingMs: -1 }],
    ['a time that is none', { maxSilenceMs: '60' }],
    ['a flag', { allowInsecureDaemon: 'yes' }],
    ['a flag of TLS', { allowUnverifiedTls: 1 }],
    ['a range', { trustedProxies: ['192.0.2.1'] }],
    ['what lends ports', { ports: 40_000 }],
    ['no object', null],
  ] as const)
    it(`${what} is refused, before anything is put in place`, () => {
      const srf = new Srf();
      const { connect } = (srf as unknown as { app: { connect: unknown } }).app;
      assert.throws(() => latchDrachtio(srf, createLatchkey(), options as never), {
        code: 'LATCHKEY_OPTION',
      });
      assert.equal((srf as unknown as { app: { connect: unknown } }).app.connect, connect);
    });

  it('what is no Srf is refused', () => {
    for (const srf of [{}, { app: {} }, { app: { connect: () => 0, listen: () => 0 } }])
      assert.throws(() => latchDrachtio(srf as never, createLatchkey()), { code: 'LATCHKEY_OPTION' });
  });

  it('a Srf takes latchkey once', () => {
    const srf = new Srf();
    latchDrachtio(srf, createLatchkey());
    assert.throws(() => latchDrachtio(srf, createLatchkey()), { code: 'LATCHKEY_STATE' });
  });
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import tls from 'node:tls';
import { WebSocket } from 'ws';
import { createCertificate, End, rawUdp, sdp } from './sip-phones.js';
import type { SipRequest } from '../../lib/sip/index.js';

const TORTURE = fileURLToPath(new URL('../../../shared/material/sip_torture_rfc4475/', import.meta.url));

function message(overrides: Record<string, string | undefined> = {}, method = 'OPTIONS', body = ''): string {
  const headers: Record<string, string | undefined> = {
    Via: 'SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx',
    To: '<sip:bob@127.0.0.1>',
    From: '<sip:mallory@127.0.0.1>;tag=m',
    'Call-ID': 'hostile',
    CSeq: `1 ${method}`,
    Contact: method === 'INVITE' ? '<sip:mallory@127.0.0.1:9>' : undefined,
    'Content-Length': String(body.length),
    ...overrides,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${method} sip:bob@127.0.0.1 SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

const MALFORMED: Record<string, string> = {
  'no Via': message({ Via: undefined }),
  'Via garbage': message({ Via: ';;;,,,' }),
  'Via with a prototype': message({ Via: 'SIP/2.0/UDP h;__proto__;branch=z9hG4bKp' }),
  'Via with a prototype, folded and in capitals': message({
    Via: 'SIP/2.0/UDP h\r\n ;__PROTO__;branch=z9hG4bKq',
  }),
  'CSeq garbage': message({ CSeq: 'x' }),
  'CSeq without a number': message({ CSeq: 'INVITE' }),
  'no CSeq': message({ CSeq: undefined }),
  'no To': message({ To: undefined }),
  'empty From': message({ From: '' }),
  'no Call-ID': message({ 'Call-ID': undefined }),
  'Contact *': message({ Contact: '*' }, 'REGISTER'),
  'Contact garbage': message({ Contact: '<<<>>>, ;=,"' }),
  'Route garbage': message({ Route: '<sip:[::1]>, <nonsense>, <sip:a@[' }),
  'Record-Route with IPv6': message({ 'Record-Route': '<sip:[2001:db8::1];lr>' }, 'INVITE', sdp()),
  'negative Content-Length': message({ 'Content-Length': '-5' }),
  'Content-Length that is no number': message({ 'Content-Length': 'NaN' }),
  'Content-Length without end': message({ 'Content-Length': '99999999999999999999' }),
  'two Content-Lengths': message({ 'Content-Length': '0\r\nl: 10' }),
  'a header named constructor': message({ constructor: 'x', __proto__x: 'y', hasOwnProperty: 'z' }),
  'percent-encoded names': message({ '%5f%5fproto%5f%5f': 'x', '%': 'y' }),
  'white space without end': message({ Subject: `a${' '.repeat(50_000)}b` }),
  'a From of white space': message({ From: `<sip:a@b>${' '.repeat(40_000)}x` }),
  'a start line of white space': `SIP/2.0 200 ${' '.repeat(40_000)}\n x\r\n\r\n`,
  'leading white space': `${' '.repeat(60_000)}`,
  'line breaks only': '\r\n'.repeat(20_000),
  'empty messages': 'x\r\n\r\n'.repeat(12_000),
  'empty messages with a length': 'x x SIP/2.0\r\nl:0\r\n\r\n'.repeat(2_900),
  'an SDP of garbage': message({ 'Content-Type': 'application/sdp' }, 'INVITE', 'a=latch:1 x\r\n\0\xff'),
  'a malformed multipart': message(
    { 'Content-Type': 'multipart/mixed; boundary=a' },
    'INVITE',
    '--a\r\n--a--',
  ),
  'a status out of range': 'SIP/2.0 99999999999 No\r\nVia: SIP/2.0/UDP h\r\n\r\n',
  'zero bytes': '\0'.repeat(1000),
};

describe('plugins/sip: no frame and no closed flow ends the process', function () {
  let bob: End;
  let alice: End;
  before(async () => {
    const { key, cert } = await createCertificate();
    const answer = (request: SipRequest, end: End) => {
      if (request.method !== 'ACK') end.respond(request, 200);
    };
    bob = new End({ stack: { tls: { key, cert }, ws_port: 0 } }, answer);
    alice = new End({ stack: { ws_port: 0 } });
    await Promise.all([bob.stack.ready, alice.stack.ready]);
  });
  after(() => {
    bob.close();
    alice.close();
  });
  const isAlive = async () => {
    const { final } = await alice.ask(alice.request('OPTIONS', bob.uri('UDP')));
    assert.equal(final.status, 200);
  };

  async function stream(protocol: 'TCP' | 'TLS'): Promise<net.Socket> {
    const port = bob.port(protocol);
    const socket =
      protocol === 'TCP'
        ? net.connect(port, '127.0.0.1')
        : tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, protocol === 'TCP' ? 'connect' : 'secureConnect');
    return socket;
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

  for (const [name, text] of Object.entries(MALFORMED)) {
    it(`survives ${name} over UDP, TCP, TLS and WSS`, async () => {
      const startedMs = Date.now();
      await rawUdp(bob.port('UDP'), Buffer.from(text, 'latin1').subarray(0, 65_000));
      const overStream = async (protocol: 'TCP' | 'TLS') => {
        const socket = await stream(protocol);
        for (let at = 0; at < text.length; at += 16_384) socket.write(text.slice(at, at + 16_384), 'latin1');
        await settle();
        socket.destroy();
      };
      await Promise.all([overStream('TCP'), overStream('TLS')]);
      const ws = new WebSocket(`wss://127.0.0.1:${bob.port('WSS')}`, 'sip', { rejectUnauthorized: false });
      ws.on('error', () => undefined);
      await once(ws, 'open');
      ws.send(text);
      ws.send(Buffer.from(text, 'latin1'));
      await settle();
      ws.terminate();
      await isAlive();
      assert.ok(Date.now() - startedMs < 2500, 'hostile input took too long');
    });
  }

  it('closes a stream whose messages cannot be told apart, and counts it', async () => {
    const refusals = () =>
      Object.values(bob.latch.counters.gate.refused).reduce((sum, count) => sum + count, 0);
    for (const text of [
      message({ 'Content-Length': 'NaN' }),
      message({ 'Content-Length': '-1' }),
      'x'.repeat(2_000_000),
    ]) {
      const before = refusals();
      const socket = await stream('TCP');
      socket.resume();
      socket.write(text);
      await new Promise((resolve) => socket.once('close', resolve));
      assert.equal(refusals(), before + 1);
    }
    await isAlive();
  });

  it('survives half a head and a reset', async () => {
    for (const protocol of ['TCP', 'TLS'] as const) {
      const socket = await stream(protocol);
      socket.write('INVITE sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/T');
      await settle();
      if (protocol === 'TCP') socket.resetAndDestroy();
      else socket.destroy();
    }
    await isAlive();
  });

  it('survives malformed WebSocket frames and upgrades', async () => {
    const frames = [
      [0x83, 0x00],
      [0xf1, 0x80, 0, 0, 0, 0],
      [0x81, 0x05, 1, 2, 3, 4, 5],
      [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x88, 0x81, 0, 0, 0, 0, 1],
      [0x80, 0x80, 0, 0, 0, 0],
      [0x89, 0xfe, 1, 0],
    ];
    const upgrade = (extra = '') =>
      `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`;
    for (const frame of frames) {
      const socket = net.connect(alice.port('WS'), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(upgrade());
      const [reply] = (await once(socket, 'data')) as [Buffer];
      assert.match(reply.toString(), /^HTTP\/1\.1 101/);
      socket.write(Buffer.from(frame));
      socket.end();
      await once(socket, 'close');
    }
    for (const bad of [
      upgrade('Sec-WebSocket-Protocol: ,,,\r\n'),
      upgrade('X: y\r\n'.repeat(2100)),
      'GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'garbage\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(2_000_000)}\r\n\r\n`,
    ]) {
      const socket = net.connect(alice.port('WS'), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(bad);
      await settle();
      socket.destroy();
    }
    assert.ok(alice.faults.length > 0);
    const { final } = await alice.ask(alice.request('OPTIONS', bob.uri('UDP')));
    assert.equal(final.status, 200);
  });

  it('survives garbage where a TLS handshake belongs', async () => {
    const socket = net.connect(bob.port('TLS'), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('INVITE sip:bob@127.0.0.1 SIP/2.0\r\n\r\n');
    await once(socket, 'close');
    await isAlive();
  });

  it('answers 400 at the gate where that is safe, on every transport, and counts it', async () => {
    const count = bob.requests.length;
    const { answered } = bob.latch.counters.gate;
    const refused = bob.latch.counters.gate.refused['cseq-method'];
    const bad = (transport: string) =>
      message({ CSeq: '1 BYE', Via: `SIP/2.0/${transport} a.invalid;branch=z9hG4bKy;rport` });
    const ws = new WebSocket(`wss://127.0.0.1:${bob.port('WSS')}`, 'sip', { rejectUnauthorized: false });
    await once(ws, 'open');
    ws.send(bad('WSS'));
    const replies = [String((await once(ws, 'message'))[0])];
    ws.close();
    for (const protocol of ['TCP', 'TLS'] as const) {
      const socket = await stream(protocol);
      socket.write(bad(protocol));
      replies.push(String((await once(socket, 'data'))[0]));
      socket.destroy();
    }
    const udp = createSocket('udp4');
    udp.send(bad('UDP'), bob.port('UDP'), '127.0.0.1');
    replies.push(String((await once(udp, 'message'))[0]));
    for (const reply of replies) {
      assert.match(reply, /^SIP\/2\.0 400 /);
      assert.match(reply, /\r\nVia: .*;branch=z9hG4bKy;rport=\d+;received=127\.0\.0\.1\r\n/);
      assert.match(reply, /\r\nWarning: 399 latchkey "cseq-method"\r\n/);
    }
    assert.match(replies.at(-1) ?? '', new RegExp(`;rport=${udp.address().port};`));
    udp.close();
    assert.equal(bob.requests.length, count, 'the application was asked');
    assert.equal(bob.latch.counters.gate.answered, answered + 4);
    assert.equal(bob.latch.counters.gate.refused['cseq-method'], refused + 4);
  });

  it('survives responses to flows that are gone', async () => {
    const late: SipRequest[] = [];
    const { handler } = bob;
    bob.handler = (request) => void late.push(request);
    const ws = new WebSocket(`wss://127.0.0.1:${bob.port('WSS')}`, 'sip', { rejectUnauthorized: false });
    await once(ws, 'open');
    const via = 'SIP/2.0/WSS a.invalid;branch=z9hG4bK';
    ws.send(message({ Via: `${via}1`, 'Content-Type': 'application/sdp' }, 'INVITE', sdp()));
    ws.send(message({ Via: `${via}2` }));
    const sockets = [await stream('TCP'), await stream('TLS')];
    sockets.forEach((socket, i) => socket.write(message({ Via: `SIP/2.0/TCP h;branch=z9hG4bKlate${i}` })));
    while (late.length < 4) await settle();
    ws.terminate();
    sockets.forEach((socket) => socket.destroy());
    await settle();
    for (const request of late) {
      bob.respond(request, 180);
      bob.respond(request, request.method === 'INVITE' ? 486 : 200);
    }
    // The package repeats a 486 after 500 ms, from a timer.
    await new Promise((resolve) => setTimeout(resolve, 700));
    bob.handler = handler;
    await isAlive();
    // The flow's URI is as dead as the flow.
    const invite = late.find((request) => request.method === 'INVITE')!;
    assert.ok(invite);
  });

  it('survives requests to URIs that no socket can take', async () => {
    for (const uri of [
      'sip:a@127.0.0.1:99999',
      'sip:a@127.0.0.1:0',
      'sip:a@127.0.0.1;transport=sctp',
      'tel:+1234',
      'sip:[::1',
      'sips:a@127.0.0.1;transport=ws',
      'sip:a@127.0.0.1:9;transport=tcp',
    ]) {
      const { final } = await alice.ask(alice.request('OPTIONS', uri));
      assert.ok([404, 416, 503].includes(final.status), `${uri}: ${final.status}`);
      alice.stack.send(alice.request('ACK', uri));
    }
    const broken = alice.request('OPTIONS', bob.uri('UDP'), { route: [{ uri: undefined as never }] });
    assert.equal((await alice.ask(broken)).final.status, 416);
    await isAlive();
  });

  it('survives the messages of RFC 4475', async function () {
    if (!existsSync(TORTURE)) return this.skip();
    const files = readdirSync(TORTURE).filter((name) => name.endsWith('.dat'));
    assert.ok(files.length > 40);
    const messages = files.map((name) => readFileSync(TORTURE + name));
    await rawUdp(bob.port('UDP'), ...messages);
    const sockets = await Promise.all(messages.map(() => stream('TCP')));
    sockets.forEach((socket, i) => socket.end(messages[i] ?? ''));
    await settle();
    sockets.forEach((socket) => socket.destroy());
    await isAlive();
  });

  it('survives every truncation of a message, cut into pieces', async () => {
    const whole = message({ 'Content-Type': 'application/sdp' }, 'INVITE', sdp());
    const cuts = Array.from({ length: Math.ceil(whole.length / 7) }, (_, i) => whole.slice(0, i * 7));
    await rawUdp(bob.port('UDP'), ...cuts);
    const socket = await stream('TCP');
    for (const cut of cuts) socket.write(cut);
    await settle();
    socket.destroy();
    await isAlive();
  });
});

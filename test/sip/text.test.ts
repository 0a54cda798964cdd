import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import { readSdp, replaceSdp } from '../../lib/sip/body.js';
import { BoundCounters, GATE_LIMITS, GateCounters } from '../../lib/sip/index.js';
import { CONNECTION_LIMITS, ConnectionBounds } from '../../plugins/sip/connection-bounds.js';
import { guardStream } from '../../plugins/sip/guard-stream.js';
import { OpenFlows } from '../../plugins/sip/open-flows.js';
import { checkSipIdentity } from '../../lib/sip/identity.js';
import type { SipMessage } from '../../lib/sip/index.js';
import { hopSignalling, isLoopback } from '../../plugins/sip/index.js';
import { formatWarning } from '../../lib/index.js';
import { isReliable, isWellFormed, rackCseq, sessionExpiresMs } from '../../lib/sip/message.js';
import { expectedSignalling, parseSipUri, resolveHop } from '../../plugins/sip/target.js';
import { sip } from '../plugins/sip-phones.js';

describe('plugins/sip: bytes and text', () => {
  it('a flow that carries a call is not closed for being idle, others are', () => {
    const stream = new PassThrough();
    let isInUse = true;
    let timeouts = 0;
    const site = {
      limits: GATE_LIMITS,
      counters: new GateCounters(),
      tag: 't',
      connections: new ConnectionBounds(CONNECTION_LIMITS, new BoundCounters()),
      flows: new OpenFlows(),
      onFault: () => undefined,
      turnAway: () => undefined,
      handOn: (_flow: unknown, parse: () => void) => parse(),
      isInUse: () => isInUse,
    };
    guardStream(stream as unknown as Socket, 'TCP', site);
    stream.on('timeout', () => timeouts++);
    stream.emit('timeout');
    assert.equal(timeouts, 0);
    isInUse = false;
    stream.emit('timeout');
    assert.equal(timeouts, 1);
  });

  it('an error listener of the package is told without details, and can be removed', () => {
    const stream = new PassThrough();
    const told: unknown[][] = [];
    const faults: unknown[] = [];
    const onFault = (_where: string, error: unknown) => faults.push(error);
    guardStream(stream as unknown as Socket, 'TCP', {
      limits: GATE_LIMITS,
      counters: new GateCounters(),
      tag: 't',
      connections: new ConnectionBounds(CONNECTION_LIMITS, new BoundCounters()),
      flows: new OpenFlows(),
      onFault,
      turnAway: () => undefined,
      handOn: (_flow: unknown, parse: () => void) => parse(),
      isInUse: () => false,
    });
    const listener = (...args: unknown[]) => told.push(args);
    stream.on('error', listener);
    stream.emit('error', new Error('reset'));
    stream.removeListener('error', listener);
    stream.emit('error', new Error('again'));
    assert.deepEqual(told, [[]]);
    assert.equal(faults.length, 2);
  });

  it('a hop is encrypted, loopback or clear by its listener and both its ends', () => {
    const flow = (protocol: string, address: string, local?: string) => ({
      protocol,
      address,
      port: 1,
      ...(local !== undefined && { local: { address: local, port: 2 } }),
    });
    assert.equal(hopSignalling(flow('tls', '192.0.2.1'), false), 'encrypted');
    assert.equal(hopSignalling(flow('WS', '192.0.2.1', '192.0.2.2'), true), 'encrypted');
    assert.equal(hopSignalling(flow('WS', '192.0.2.1', '192.0.2.2'), false), 'clear');
    assert.equal(hopSignalling(flow('WS', '192.0.2.1'), true), 'clear', 'what we dial is never wss');
    assert.equal(hopSignalling(flow('UDP', '127.0.0.1', '0.0.0.0'), false), 'loopback');
    assert.equal(hopSignalling(flow('TCP', '::ffff:127.0.0.5', '::ffff:127.0.0.1'), false), 'loopback');
    assert.equal(hopSignalling(flow('TCP', '::1', '::1'), false), 'loopback');
    assert.equal(hopSignalling(flow('TCP', '127.0.0.1', '192.0.2.1'), false), 'clear');
    assert.equal(hopSignalling(flow('UDP', '10.0.0.1', '127.0.0.1'), false), 'clear');
    for (const name of ['127.0.0.1.example', 'localhost', '1127.0.0.1', '::2', '128.0.0.1'])
      assert.ok(!isLoopback(name));
  });

  it('a URI promises no more than its transport will give', () => {
    const promise = (uri: string) => expectedSignalling(parseSipUri(sip, uri));
    assert.equal(promise('sip:a@example.com;transport=TLS'), 'encrypted');
    assert.equal(promise('sips:a@example.com'), 'encrypted');
    assert.equal(promise('sips:a@example.com;transport=tcp'), 'encrypted');
    assert.equal(promise('sip:a@example.com'), 'clear');
    assert.equal(promise('sip:a@example.com;transport=wss'), 'clear', 'the package dials no wss:');
    assert.equal(promise('sip:a@127.0.0.1;transport=udp'), 'loopback');
    assert.equal(promise('sip:a@[::1]:5070'), 'loopback');
    assert.equal(promise('tel:+1'), 'clear');
  });

  it('addresses resolve at once, with the transport and port that RFC 3263 gives', () => {
    const targets = (uri: string) => resolveHop(parseSipUri(sip, uri)!);
    assert.deepEqual(targets('sip:a@192.0.2.1'), [{ protocol: 'UDP', address: '192.0.2.1', port: 5060 }]);
    assert.deepEqual(targets('sip:a@192.0.2.1;transport=tls'), [
      { protocol: 'TLS', address: '192.0.2.1', port: 5061 },
    ]);
    assert.deepEqual(targets('sips:a@192.0.2.1:5070;transport=tcp'), [
      { protocol: 'TLS', address: '192.0.2.1', port: 5070 },
    ]);
    assert.deepEqual(targets('sip:a@[2001:db8::1]:5070'), [
      { protocol: 'UDP', address: '2001:db8::1', port: 5070 },
    ]);
    assert.deepEqual(targets('sips:a@192.0.2.1;transport=ws'), []);
    assert.deepEqual(targets('sip:a@192.0.2.1:70000'), []);
    assert.equal(parseSipUri(sip, 'sip:a@[nonsense]'), undefined);
    assert.equal(parseSipUri(sip, 'sip:a@[::1'), undefined);
  });

  it('localhost resolves by the system', async () => {
    const targets = await resolveHop(parseSipUri(sip, 'sip:a@localhost:5070;transport=tls')!);
    assert.ok(
      targets.some(
        ({ address, protocol, port }) => address === '127.0.0.1' && protocol === 'TLS' && port === 5070,
      ),
    );
  });

  it('a certificate is its host’s by alternative names, and by common name only without any', () => {
    const certificate = (subjectaltname: string | undefined, CN = 'cn.example') =>
      ({ subject: { CN }, ...(subjectaltname !== undefined && { subjectaltname }) }) as PeerCertificate;
    const isOf = (host: string, names: string | undefined) =>
      checkSipIdentity(host, certificate(names)) === undefined;
    assert.ok(isOf('a.example', 'DNS:b.example, URI:sip:A.example, IP Address:192.0.2.1'));
    assert.ok(isOf('b.example.', 'URI:sip:a.example, DNS:b.example'));
    assert.ok(isOf('192.0.2.1', 'IP Address:192.0.2.1'));
    assert.ok(isOf('2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'));
    assert.ok(isOf('cn.example', undefined));
    assert.ok(!isOf('cn.example', 'DNS:a.example'));
    assert.ok(!isOf('b.example', 'DNS:"a.example, DNS:b.example"'));
    assert.ok(!isOf('a.example', 'URI:sip:bob@a.example, URI:https://a.example'));
    assert.ok(!isOf('a.b.example', 'DNS:*.b.example'));
    assert.ok(!isOf('192.0.2.1', 'DNS:192.0.2.1'));
  });

  it('headers read as what they say, or as nothing', () => {
    const message = (headers: SipMessage['headers']): SipMessage => ({ headers });
    assert.equal(sessionExpiresMs(message({ 'session-expires': '1800;refresher=uac' })), 1_800_000);
    assert.equal(sessionExpiresMs(message({ x: ' 90 ' })), 90_000);
    for (const bad of ['', '0', '-5', 'x', '1.5', '99999999999', '90x']) {
      assert.equal(sessionExpiresMs(message({ 'session-expires': bad })), undefined, bad);
    }
    assert.equal(rackCseq(message({ rack: '776656 1 INVITE' })), 1);
    for (const bad of [undefined, '1 INVITE', '1 2 UPDATE', 'x']) {
      assert.equal(rackCseq(message(bad === undefined ? {} : { rack: bad })), undefined);
    }
    assert.ok(isReliable(message({ require: 'foo, 100REL', rseq: '1' })));
    assert.ok(!isReliable(message({ require: '100rel' })));
    assert.ok(!isReliable(message({ rseq: '1', require: '100relx' })));
    assert.ok(
      !isWellFormed(message({ via: [], to: { uri: '' }, from: { uri: '' }, 'call-id': 'x', cseq: '1 A' })),
    );
  });

  it('a Warning cannot be broken out of', () => {
    assert.equal(formatWarning('host', 'a "b" \\ c\r\nd'), '399 host "a \\"b\\" \\\\ c d"');
    assert.equal(formatWarning('a b', 'x'), '399 latchkey "x"');
  });

  it('a body’s SDP is found alone or in parts, and everything else left alone', () => {
    const body = (type: string | undefined, content: string): SipMessage => ({
      headers: type === undefined ? {} : { 'content-type': type },
      content,
    });
    assert.equal(readSdp(body('Application/SDP; charset=utf-8', 'v=0\r\n')), 'v=0\r\n');
    assert.equal(readSdp(body(undefined, 'v=0\r\n')), 'v=0\r\n');
    assert.equal(readSdp(body('application/sdpx', 'v=0\r\n')), undefined);
    assert.equal(readSdp(body('text/plain', 'v=0\r\n')), undefined);
    const parts =
      '--x\r\ncontent-type: text/plain\r\n\r\nhi\r\n--x\r\nA: b\r\nContent-Type:application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n';
    const multipart = body('multipart/mixed;boundary=x', parts);
    assert.equal(readSdp(multipart), 'v=0\r\n');
    assert.equal(replaceSdp(multipart, 'NEW'), parts.replace('v=0\r\n', 'NEW'));
    assert.equal(
      readSdp(body('multipart/mixed;boundary=x', '--x\r\nContent-Type: application/sdp\r\n\r\n--x--')),
      undefined,
    );
    for (const type of ['multipart/mixed', 'multipart/mixed;boundary=', 'multipart/mixed;boundary=y']) {
      assert.equal(readSdp(body(type, parts)), undefined);
    }
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('--x', '\r\n', 'Content-Type: application/sdp', 'v=0', '--')),
        (pieces) => {
          const message = body('multipart/mixed;boundary=x', pieces.join(''));
          const sdp = readSdp(message);
          if (sdp !== undefined) assert.equal(replaceSdp(message, sdp), message.content);
        },
      ),
      { examples: [[['--x', '\r\n', 'Content-Type: application/sdp', '\r\n', '\r\n', '--x']]] },
    );
  });
});

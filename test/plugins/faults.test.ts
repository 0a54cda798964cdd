// An exception in what is the application's is a fault with its stack, in every plugin; whoever waits for an answer gets 500.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import sip from 'sip';
import { createLatchkey } from '../../lib/index.js';
import type { Fault, OnRequest } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { latchSessionDescriptionHandlerFactory } from '../../plugins/sip-js/index.js';
import { RtpMedia } from '../../plugins/sip-js/rtp-media.js';
import { createCertificate } from '../../lib/cli/certificate.js';

const bug = () => {
  throw new Error('a bug of the application');
};

function message(method: string, to = ''): Buffer {
  const isInvite = method === 'INVITE';
  const body = isInvite
    ? 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0\r\n'
    : '';
  const lines = [
    `${method} sip:a@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK${Math.random()};rport`,
    'From: <sip:x@127.0.0.1>;tag=1',
    `To: <sip:a@127.0.0.1>${to}`,
    `Call-ID: ${Math.random()}`,
    `CSeq: 1 ${method}`,
    'Contact: <sip:x@127.0.0.1:5070>',
    ...(isInvite ? ['Content-Type: application/sdp'] : []),
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Sends one message, and waits for an answer; for an ACK, as long as one would take. */
async function send(port: number, request: Buffer): Promise<Buffer[]> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const replies: Buffer[] = [];
  socket.on('message', (bytes) => replies.push(bytes));
  const heard = once(socket, 'message');
  socket.send(request, port, '127.0.0.1');
  if (!request.toString().startsWith('ACK')) await heard;
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.close();
  return replies;
}

async function ask(onRequest: OnRequest, request: Buffer) {
  const latchkey = createLatchkey();
  const latch = latchSip(sip, latchkey);
  const faults: Fault[] = [];
  latch.on('fault', (fault) => faults.push(fault));
  const stack = latch.create({ address: '127.0.0.1', port: 0, tcp: false }, (...given) =>
    onRequest(...given),
  );
  await stack.ready;
  const port = stack.addresses[0]?.port ?? assert.fail();
  const answers = await send(port, request);
  await new Promise((resolve) => setTimeout(resolve, 100));
  stack.destroy();
  latchkey.close();
  return { faults, answers };
}

describe('plugins: exceptions of the application', () => {
  for (const [name, onRequest] of [
    ['throws', bug],
    ['rejects', () => Promise.reject(new Error('a bug of the application'))],
    ['rejects later', async () => (await new Promise(setImmediate), bug())],
  ] as const)
    for (const method of ['INVITE', 'OPTIONS', 'ACK'])
      it(`sip: onRequest ${name} at ${method}`, async () => {
        const { faults, answers } = await ask(onRequest, message(method, method === 'ACK' ? ';tag=2' : ''));
        const [fault, ...more] = faults;
        assert.equal(more.length, 0, 'told once');
        assert.equal(fault?.where, 'application');
        assert.ok(fault.error instanceof Error);
        assert.match(fault.error.stack ?? '', /a bug of the application\n.*faults\.test/s);
        const status = answers.map((answer) => /^SIP\/2\.0 (\d+)/.exec(String(answer))?.[1]);
        assert.deepEqual(status, method === 'ACK' ? [] : ['500']);
      });

  it('sip: a request that was answered before gets no second answer', async () => {
    const latchkey = createLatchkey();
    const latch = latchSip(sip, latchkey);
    const faults: Fault[] = [];
    latch.on('fault', (fault) => faults.push(fault));
    const stack = latch.create({ address: '127.0.0.1', port: 0, tcp: false }, async (request) => {
      stack.send(sip.makeResponse(request, 200, 'OK'));
      await new Promise(setImmediate);
      bug();
    });
    await stack.ready;
    const answers = await send(stack.addresses[0]?.port ?? 0, message('OPTIONS'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(faults.length, 1);
    assert.deepEqual(
      answers.map((answer) => String(answer).slice(0, 11)),
      ['SIP/2.0 200'],
    );
    stack.destroy();
    latchkey.close();
  });

  it('sip: listeners of its events, async ones too', async () => {
    const latchkey = createLatchkey();
    const latch = latchSip(sip, latchkey);
    const faults: Fault[] = [];
    latch.on('fault', (fault) => faults.push(fault));
    latch.on('session', bug);
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- what an application may do all the same
    latch.on('session', async () => (await Promise.resolve(), bug()));
    const request = sip.parse(String(message('INVITE')));
    assert.ok(request);
    latch.session(request);
    await new Promise(setImmediate);
    assert.deepEqual(
      faults.map(({ where }) => where),
      ['application'],
    );
    latchkey.close();
  });

  it('sip: where nobody listens, a warning of the process says it', async () => {
    const latchkey = createLatchkey();
    const latch = latchSip(sip, latchkey);
    const stack = latch.create({ address: '127.0.0.1', port: 0, tcp: false }, bug);
    await stack.ready;
    const warned = once(process, 'warning');
    await send(stack.addresses[0]?.port ?? 0, message('OPTIONS'));
    const [warning] = (await warned) as [Error];
    assert.match(warning.message, /a bug of the application/);
    stack.destroy();
    latchkey.close();
  });

  it('latchkey: async listeners of sessions', async () => {
    const latchkey = createLatchkey();
    const errors: unknown[] = [];
    latchkey.on('listenerError', (error) => errors.push(error));
    const session = latchkey.createSession({ signalling: 'encrypted' });
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- what an application may do all the same
    session.on('rejected', async () => (await Promise.resolve(), bug()));
    session.setRemote(undefined);
    await new Promise(setImmediate);
    assert.match(String(errors), /a bug of the application/);
    latchkey.close();
  });

  it('sip-js: onSession, and the listeners of media', async () => {
    const latchkey = createLatchkey();
    const faults: unknown[] = [];
    latchkey.on('fault', (error) => faults.push(error));
    const userAgent = {
      transport: { server: 'wss://127.0.0.1' },
      getLoggerFactory: () => ({ genericLog: () => undefined }),
    };
    const session = { userAgent, stateChange: { addListener: () => undefined } } as never;
    const factory = (onSession: () => unknown) =>
      latchSessionDescriptionHandlerFactory(() => ({}) as never, latchkey, { onSession });
    assert.throws(() => factory(bug)(session), /a bug/);
    factory(async () => (await Promise.resolve(), bug()))(session);
    await new Promise(setImmediate);
    assert.equal(faults.length, 2);
    const media = new RtpMedia(latchkey.createSession({ signalling: 'clear' }), (error) =>
      faults.push(error),
    );
    media.on('close', bug);
    media.close();
    assert.equal(faults.length, 3);
    latchkey.close();
  });
});

describe('plugins/sip: who hangs up', () => {
  it('without a word, by TCP or TLS, in the handshake or after it, is no fault', async () => {
    const certificate = await createCertificate(['127.0.0.1']);
    const { cert, key } = certificate;
    const latchkey = createLatchkey();
    const latch = latchSip(sip, latchkey);
    const faults: Fault[] = [];
    latch.on('fault', (fault) => faults.push(fault));
    const listeners = await latch.listen(
      { address: '127.0.0.1', tcp: 0, tls: 0, wss: 0, cert, key },
      () => undefined,
    );
    const portOf = (name: 'TCP' | 'TLS' | 'WSS') => listeners.addresses.get(name)?.port ?? 0;
    for (const name of ['TCP', 'TLS', 'WSS'] as const) {
      const bare = connect(portOf(name), '127.0.0.1');
      await once(bare, 'connect');
      bare.write('\x16\x03\x01');
      await new Promise((resolve) => setTimeout(resolve, 20));
      bare.resetAndDestroy();
      if (name === 'TCP') continue;
      const below = connect(portOf(name), '127.0.0.1');
      const secure = connectTls({ socket: below, rejectUnauthorized: false });
      secure.on('error', () => undefined);
      await once(secure, 'secureConnect');
      secure.write('OPTIONS ');
      await new Promise((resolve) => setTimeout(resolve, 20));

      below.resetAndDestroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(
      faults.map(({ where, error }) => [where, String(error)]),
      [],
    );
    listeners.close();
    latchkey.close();
    certificate.dispose();
  });
});

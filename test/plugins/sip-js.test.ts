// sip.js itself over real WebSockets: as a caller of `latchkey serve`, a process of its own, and as a callee of a server in
// this process; in meetings with `latchkey call`; on hold, refused, and with its WebSocket gone.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sinon from 'sinon';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { MediaPort } from '../../lib/index.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { eventually, ExampleProcess, WebPhone } from './sip-js-phones.js';
import { FakeLatchkey } from './fake-latchkey.js';
import { SdesPhone } from '../support/sdes-phone.js';
import { mediaPort } from '../cli/raw-phone.js';
import type { RtpOptions } from '../../plugins/sip-js/index.js';
import { createCertificate, End, inDialog, LATCH_LINE, sdp, sip } from './sip-phones.js';
import type { SipFlow, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function example(...args: string[]): ExampleProcess {
  const program = new ExampleProcess(...args);
  closers.push(() => program.stop());
  return program;
}

/** The SSRCs that a `latchkey call --json` has heard, by its last line. */
async function heardBy(call: CommandProcess): Promise<number[]> {
  const { code, stdout, stderr } = await call.stop();
  assert.equal(code, 0, stderr);
  const { streams } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { streams: { ssrc: number }[] };
  return streams.map(({ ssrc }) => ssrc).sort();
}

describe('sip-js: a caller over WSS', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let ca: string;
  let certificate: string;
  let wss: string;
  const echo = 'sip:echo@latchkey.invalid';

  before(async () => {
    server = await ServerProcess.start('--wss', 'auto', '--ws', 'auto');
    certificate = String(server.listening['certificate']);
    ca = readFileSync(certificate, 'utf8');
    wss = `wss://127.0.0.1:${server.port('wss')}`;
  });
  after(() => server.stop());

  function phone(
    ...[url = wss, options = { ca }, more]: Partial<ConstructorParameters<typeof WebPhone>>
  ): WebPhone {
    const made = new WebPhone(url, options, more);
    closers.push(() => made.close());
    return made;
  }

  /** What the server has told of this phone's call. */
  function told(by: WebPhone, event: string) {
    const { call } = by.media!.latch;
    return server.events.filter((one) => one.event === event && one['call'] === call);
  }

  it('in a meeting with latchkey call over TLS and over WSS: all hear all', async () => {
    const call = (transport: string) => {
      const uri = `sip:all@127.0.0.1:${server.port(transport)};transport=${transport}`;
      const made = new CommandProcess('call', uri, '--ca', certificate, '--json');
      closers.push(() => made.stop('SIGKILL'));
      return made;
    };
    const calls = ['tls', 'wss'].map(call);
    await Promise.all(calls.map((one) => one.event('verified')));
    const program = example(wss, certificate, 'sip:all@latchkey.invalid');
    const ssrc = await program.ssrc();
    await eventually(() => /^hears \d+ \d+$/m.test(program.output));
    const heard = (/^hears (\d+ \d+)$/m.exec(program.output)?.[1] ?? '').split(' ').map(Number);
    const [byTls = [], byWss = []] = await Promise.all(calls.map(heardBy));
    const [first, second] = heard;
    assert.ok(byTls.includes(ssrc) && byWss.includes(ssrc));
    assert.deepEqual([...byTls, ...byWss].filter((one) => one !== ssrc).sort(), [first, second].sort());
    assert.equal(await program.stop(), 0, program.output);
  });

  for (const transport of ['wss', 'ws'])
    it(`${transport}: is verified, hears its echo, hangs up`, async () => {
      const caller = phone(`${transport}://127.0.0.1:${server.port(transport)}`);
      await caller.call(echo);
      // The line of another process comes when it comes.
      await eventually(() => told(caller, 'verified').length === 1);
      assert.match(caller.media!.latch.protection, /^(latch|direct)$/);
      await (caller.session as unknown as { bye(): Promise<unknown> }).bye();
      await eventually(() => told(caller, 'closed').length === 1);
      assert.equal(caller.media!.isClosed, true);
    });

  it('hold and resume: the same keys, and no packet while it holds', async () => {
    const caller = phone();
    await caller.call(echo);
    assert.equal(await caller.hold(true), 200);
    assert.equal(caller.media!.negotiation?.direction, 'sendonly');
    // Whatever was on its way when the server heard of it has come by then.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = caller.heard();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(caller.heard(), before);
    assert.equal(await caller.hold(false), 200);
    await eventually(() => caller.heard() > before + 3);
    assert.equal(told(caller, 'verified').length, 1);
  });

  it('a re-INVITE that the server refuses changes nothing', async () => {
    const caller = phone();
    await caller.call(echo);
    const unheardOf = (description: { sdp?: string }) =>
      Promise.resolve({ ...description, sdp: description.sdp?.replace(/RTP\/AVP [\d ]+/, 'RTP/AVP 18') });
    const refused = await caller.reinvite({ sessionDescriptionHandlerModifiers: [unheardOf as never] });
    assert.equal(refused, 488);
    const before = caller.heard();
    await eventually(() => caller.heard() > before + 3);
    assert.equal(await caller.hold(false), 200);
    await eventually(() => caller.heard() > before + 6);
    assert.equal(told(caller, 'verified').length, 1);
  });

  it('media goes on while the WebSocket is gone; it connects anew, and the dialog goes on', async () => {
    const disconnected: (Error | undefined)[] = [];
    const caller = phone(wss, { ca }, { delegate: { onDisconnect: (error) => disconnected.push(error) } });
    await caller.call(echo);
    caller.drop();
    await eventually(() => disconnected.length === 1);
    assert.ok(disconnected[0] instanceof Error);
    const before = caller.heard();
    await eventually(() => caller.heard() > before + 10);
    await caller.userAgent.reconnect();
    assert.equal(await caller.hold(true), 200);
    assert.equal(await caller.hold(false), 200);
    const resumed = caller.heard();
    await eventually(() => caller.heard() > resumed + 3);
    assert.equal(told(caller, 'verified').length, 1);
    assert.deepEqual(told(caller, 'closed'), []);
  });

  it('a certificate that nobody vouches for is refused, and no key is told', async () => {
    const errors: string[] = [];
    const onError = (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message);
    const { cert } = await createCertificate();
    for (const trusted of [undefined, cert]) {
      const caller = phone(wss, { ca: trusted, onError });
      await assert.rejects(caller.userAgent.start());
    }
    assert.equal(errors.length, 2);
    for (const error of errors) assert.match(error, /SELF_SIGNED|UNABLE_TO/);
  });

  it('logs no key, and everything else', async () => {
    const caller = phone();
    await caller.call(echo);
    const log = caller.log.join('\n');
    assert.match(log, /^a=latch:\[redacted\]$/m);
    assert.match(log, /^INVITE sip:echo@/m);
    assert.match(log, /^a=latch-challenge:/m);
    assert.doesNotMatch(log, LATCH_LINE);
  });
});

describe('sip-js: a callee over WSS', function () {
  this.timeout(60_000);
  let server: End;
  let rtp: Socket;
  let folder: string;
  let certificate: string;
  let ports: MediaPort[];
  let registered: SipFlow | undefined;

  beforeEach(async () => {
    const { key, cert } = await createCertificate();
    folder = mkdtempSync(join(tmpdir(), 'latchkey-sip-js-'));
    certificate = join(folder, 'cert.pem');
    writeFileSync(certificate, cert);
    rtp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(rtp, 'listening');
    [ports, registered] = [[], undefined];
    server = new End({ stack: { ws_port: 0, tls: { key, cert } } }, (request, end, flow) => {
      if (request.method === 'REGISTER') {
        registered = flow;
        end.respond(request, 200, undefined, { expires: '600' });
      } else if (request.method === 'INVITE') {
        joinMeeting(end, request);
        const contact = [{ uri: `sip:all@127.0.0.1:${end.port('TLS')};transport=tls` }];
        end.respond(request, 200, description(), { contact });
      } else if (request.method === 'BYE') end.respond(request, 200);
    });
    await server.stack.ready;
    closers.push(() => {
      server.close();
      rtp.close();
      rmSync(folder, { recursive: true });
    });
  });

  const description = (more = '') => `${sdp(rtp.address().port)}a=rtcp-mux\r\n${more}`;

  /** A meeting in three lines: what one says all others get. */
  function joinMeeting(end: End, invite: SipRequest): void {
    const port = end.latch.session(invite)!.bind(rtp);
    ports.push(port);
    port.on('packet', (bytes) => ports.forEach((other) => other !== port && other.send(bytes)));
  }

  /** Calls whoever has registered, on its own connection: there is no other way to a browser or the like. */
  async function ring(): Promise<{ invite: SipRequest; final: SipResponse }> {
    await eventually(() => registered !== undefined);
    const invite = server.request('INVITE', 'sip:web@phone.invalid', route(), description());
    joinMeeting(server, invite);
    const { final } = await server.ask(invite);
    if (final.status === 200) server.stack.send(within({ invite, final }, 'ACK'));
    return { invite, final };
  }

  function route() {
    const { schema, user, host } = server.stack.encodeFlowUri(registered!);
    return { route: [{ uri: { schema, user, host, params: { lr: null } }, params: {} }] };
  }

  function within(
    { invite, final }: { invite: SipRequest; final: SipResponse },
    method: string,
    content?: string,
  ) {
    const request = inDialog(server, invite, final, method, content);
    Object.assign(request.headers, route());
    return request;
  }

  function phone(): WebPhone {
    const made = new WebPhone(`wss://127.0.0.1:${server.port('WSS')}`, { ca: readFileSync(certificate) });
    closers.push(() => made.close());
    return made;
  }

  it('the example answers, in a meeting with latchkey call over TLS: all hear all', async () => {
    const program = example(`wss://127.0.0.1:${server.port('WSS')}`, certificate);
    const ssrc = await program.ssrc();
    const { final } = await ring();
    assert.equal(final.status, 200);
    const uri = `sip:all@127.0.0.1:${server.port('TLS')};transport=tls`;
    const call = new CommandProcess('call', uri, '--ca', certificate, '--json');
    closers.push(() => call.stop('SIGKILL'));
    await call.event('verified');
    await eventually(() => /^hears \d+$/m.test(program.output));
    const said = Number(/^hears (\d+)$/m.exec(program.output)?.[1]);
    assert.deepEqual(await heardBy(call), [ssrc]);
    assert.notEqual(said, ssrc);
    assert.equal(await program.stop(), 0, program.output);
    await eventually(() => server.latchkey.sessions.size === 0);
  });

  it('is known to be reached by an encrypted hop where the server has other stacks, too', async () => {
    const latchkey = new FakeLatchkey();
    const latch = latchSip(sip, latchkey.asLatchkey);
    const { key, cert } = await createCertificate();
    const options = { address: '127.0.0.1', port: 0 };
    const secure = { ...options, udp: false, tcp: false, tls: { key, cert }, tls_port: 0, ws_port: 0 };
    const stacks = [options, secure].map((one) => latch.create(one, () => undefined));
    closers.push(() => stacks.forEach((stack) => stack.destroy()));
    const ends = { address: '192.0.2.9', port: 4000, local: { address: '192.0.2.1', port: 443 } };
    const uri = stacks[1]!.encodeFlowUri({ protocol: 'WS', ...ends });
    const invite = server.request('INVITE', 'sip:web@phone.invalid', { route: [{ uri, params: {} }] }, sdp());
    latch.session(invite);
    assert.deepEqual(
      latchkey.made.map((made) => made.options.signalling),
      ['encrypted'],
    );
  });

  it('answers with attributes, first and re-INVITE, with the same ones', async () => {
    const callee = phone();
    await callee.register();
    const dialog = await ring();
    const [line] = LATCH_LINE.exec(dialog.final.content ?? '') ?? [];
    assert.ok(line);
    await once(server.latch.session(dialog.invite)!, 'verified');
    await eventually(() => callee.confirmed === 1);
    const held = await server.ask(within(dialog, 'INVITE', description('a=sendonly\r\n')));
    const ack = within(dialog, 'ACK');
    ack.headers.cseq = { method: 'ACK', seq: (held.final.headers.cseq as { seq: number }).seq };
    server.stack.send(ack);
    assert.equal(held.final.status, 200);
    assert.match(held.final.content ?? '', /^a=recvonly\r$/m);
    assert.equal(LATCH_LINE.exec(held.final.content ?? '')?.[0], line);
    assert.equal(callee.media!.negotiation?.direction, 'recvonly');
  });

  it('8.2.5: a peer that is silent on hold is asked in the dialog, and sip.js counts on', async () => {
    const callee = phone();
    await callee.register();
    const dialog = await ring();
    await eventually(() => callee.confirmed === 1);
    const { latch } = callee.media!;
    const told = sinon.spy(latch, 'asked');
    const { handler } = server;
    const answers = [405, 481, 407];
    const received: SipRequest[] = [];
    server.handler = (request, end, flow) => {
      if (request.method !== 'ACK') received.push(request);
      if (request.method === 'INVITE') end.respond(request, 200, description('a=recvonly\r\n'));
      else if (request.method === 'OPTIONS') end.respond(request, answers.shift() ?? 200);
      else handler(request, end, flow);
    };
    const clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout'],
      shouldClearNativeTimers: true,
    });
    try {
      for (const outcome of ['refused', 'unanswered', 'refused']) {
        const count = told.callCount;
        // Of two streams, at once.
        for (let stream = 0; stream < 2; stream++)
          (latch as unknown as EventEmitter).emit('silent', { type: 'silent', media: stream });
        while (told.callCount === count) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(told.lastCall.args[0], outcome);
        // The question of the second stream, 10 s later.
        answers.unshift(200);
        clock.tick(10_000);
        while (told.callCount === count + 1) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(told.lastCall.args[0], 'answered');
        clock.tick(10_000);
      }
    } finally {
      clock.restore();
    }
    assert.equal(await callee.hold(true), 200);
    callee.drop();
    await eventually(() => !callee.userAgent.isConnected());
    (latch as unknown as EventEmitter).emit('silent', { type: 'silent' });
    await eventually(() => told.callCount === 7);
    assert.equal(told.lastCall.args[0], 'unanswered', 'what sip.js makes up is nobody’s answer');
    assert.deepEqual(
      received.map(({ method, headers }) => [method, (headers.cseq as { seq: number }).seq]),
      [...Array.from({ length: 6 }, (_, at) => ['OPTIONS', at + 1]), ['INVITE', 7]],
    );
    for (const { headers } of received) {
      assert.equal(headers['call-id'], dialog.invite.headers['call-id']);
      assert.equal(headers.to?.params?.['tag'], dialog.invite.headers.from?.params?.['tag']);
    }
  });

  /** What a callee answers to an INVITE with this offer, byte by byte over a WebSocket. */
  async function answerOf(
    offer: string,
    rtpOptions: Partial<RtpOptions> = {},
  ): Promise<{ final: string; callee: WebPhone }> {
    const listener = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(listener, 'listening');
    const url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    const callee = new WebPhone(url, {}, {}, rtpOptions);
    closers.push(
      () => listener.close(),
      () => callee.close(),
    );
    const connection = once(listener, 'connection') as Promise<[WebSocket]>;
    await callee.userAgent.start();
    const [socket] = await connection;
    const responses: string[] = [];
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (!text.startsWith('BYE ')) return void responses.push(text);
      socket.send(text.replace(/^.*/, 'SIP/2.0 200 OK'));
    });
    const { host, user } = callee.userAgent.contact.uri;
    const write = (method: string, to: string, body: string) => {
      const head = [
        `${method} sip:${user}@${host} SIP/2.0`,
        `Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK${method}`,
        'From: <sip:a@phone.invalid>;tag=1',
        to,
        'Call-ID: 1',
        `CSeq: 1 ${method}`,
        'Max-Forwards: 70',
        'Contact: <sip:a@127.0.0.1;transport=ws>',
        ...(body === '' ? [] : ['Content-Type: application/sdp']),
        `Content-Length: ${body.length}`,
      ];
      socket.send(`${head.join('\r\n')}\r\n\r\n${body}`);
    };
    write('INVITE', 'To: <sip:web@phone.invalid>', offer);
    await eventually(() => responses.some((text) => /^SIP\/2.0 [2-6]/.test(text)));
    const final = responses.at(-1) ?? '';
    if (final.startsWith('SIP/2.0 200 ')) write('ACK', /^To: .*$/m.exec(final)?.[0] ?? '', '');
    return { final, callee };
  }

  it('refuses a malformed attribute with 400 and a Warning', async () => {
    const { final, callee } = await answerOf(`${sdp()}a=latch:1 tag secret\r\n`);
    assert.match(final, /^SIP\/2.0 400 /);
    assert.match(final, /^Warning: 399 latchkey "a=latch in line \d+/m);
    assert.equal(callee.latchkey.sessions.size, 0);
  });

  for (const profile of ['RTP/SAVP', 'RTP/AVP'])
    it(`takes ${profile} of a phone with SRTP and nothing else: verified by its key, media in clear, and no log a key`, async () => {
      const phone = new SdesPhone();
      const offer = `${description().replace('RTP/AVP', profile)}${phone.line}\r\n`;
      const { final, callee } = await answerOf(offer, {
        srtp: 'terminate',
        role: 'verifier',
        policy: 'require',
      });
      assert.match(final, /^SIP\/2.0 200 /);
      phone.readAnswer(final.slice(final.indexOf('\r\n\r\n') + 4));
      const heard: (Uint8Array | undefined)[] = [];
      rtp.on('message', (bytes) => heard.push(phone.hear(bytes)));
      const { clear, sealed } = phone.talk();
      const verified = once(callee.media!.latch, 'verified');
      const packet = once(callee.media!, 'packet') as Promise<[Buffer]>;
      rtp.send(sealed, mediaPort(final), '127.0.0.1');
      await verified;
      assert.deepEqual(Uint8Array.from((await packet)[0]), clear);
      assert.equal(callee.media!.latch.protection, 'srtp');
      await eventually(() => heard.length > 3);
      assert.ok(heard.every((bytes) => bytes?.length === 172));
      rtp.send(clear, mediaPort(final), '127.0.0.1');
      await eventually(() => callee.media!.latch.counters.dropped.srtpTag === 1);
      assert.match(callee.log.join('\n'), /^a=crypto:\[redacted\]$/m);
      assert.doesNotMatch(callee.log.join('\n'), /inline:/);
    });

  it('takes the one with keys of two ways to have the same stream', async () => {
    const phone = new SdesPhone();
    const secure = `m=audio 40002 RTP/SAVP 0\r\n${phone.line}\r\n`;
    const { final } = await answerOf(description(secure), { srtp: 'terminate', role: 'verifier' });
    assert.match(final, /^m=audio 0 RTP\/AVP .*\r\nm=audio [1-9]\d* RTP\/SAVP /m);
    phone.readAnswer(final.slice(final.indexOf('\r\n\r\n') + 4));
    const unusable = secure.replace('AES_CM_128_HMAC_SHA1_80', 'ROT_13');
    const other = await answerOf(description(unusable), { srtp: 'terminate', role: 'verifier' });
    assert.match(other.final, /^m=audio [1-9]\d* RTP\/AVP [^]*\r\nm=audio 0 RTP\/SAVP /m);
  });
});

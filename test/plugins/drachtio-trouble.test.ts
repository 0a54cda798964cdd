// plugins/drachtio when something goes wrong: a daemon that cuts its lines, says what nobody can read, goes away and comes back, or
// ends calls by itself; a connection to it that is no secure hop; handlers of the application that throw; peers that fall silent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type Srf from 'drachtio-srf';
import { unrefLongTimers } from '../cli/plain-server.js';
import { until } from '../net/sockets.js';
import type { DrachtioWire } from '../../plugins/drachtio/drachtio-types.js';
import { DrachtioDaemon } from './drachtio-daemon.js';
import { Application, LATCH_LINE, describe4 } from './drachtio-phones.js';
import type { ApplicationOptions } from './drachtio-phones.js';
import { createCertificate } from './sip-phones.js';

describe('drachtio: a daemon in trouble', () => {
  let application: Application;
  let refTimers: () => void;
  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());
  afterEach(() => application.close());

  async function start(options: ApplicationOptions = {}): Promise<Srf.Dialog[]> {
    application = await Application.start(options);
    const dialogs: Srf.Dialog[] = [];
    const answer = async (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      const session = application.latch.session(req);
      const port = session ? await application.echo(session) : 4000;
      dialogs.push(await application.srf.createUAS(req, res, { localSdp: describe4(port) }));
    };
    application.srf.invite((req, res) => void answer(req, res).catch(() => undefined));
    return dialogs;
  }

  async function callAndHangUp(): Promise<void> {
    const terminal = application.call('tcp');
    await terminal.answered;
    await once(terminal, 'rtp');
    await terminal.hold(true);
    const summary = await terminal.hangUp();
    assert.ok(summary.verified && summary.received > 0);
  }

  for (const cutBytes of [1, 7, 1000])
    it(`lines cut into pieces of ${cutBytes} bytes: a whole call`, async () => {
      await start({ daemon: { cutBytes } });
      await callAndHangUp();
      assert.deepEqual(application.faults, []);
    });

  it('the plugin comes when the connection is up, and half a line has come', async () => {
    application = await Application.start({ isLate: true });
    const line = 'u|response|nobody|OK';
    const text = `${line.length}#${line}`;
    application.daemon.tellRaw(text.slice(0, 9));
    const { client } = (application.srf as unknown as { app: { client: { wp: DrachtioWire } } }).app;
    await until(() =>
      [...client.wp.mapIncomingMsg!.values()].some(({ incomingMsg }) => incomingMsg.length > 0),
    );
    application.install();
    application.daemon.tellRaw(text.slice(9));
    await callsAreLatched();
    assert.deepEqual(application.faults, []);
  });

  async function callsAreLatched(): Promise<void> {
    const phone = await application.phone();
    application.srf.invite((req, res) => {
      application.srf.createUAS(req, res, { localSdp: describe4(4000) }).catch(() => undefined);
    });
    const response = await phone.invite();
    assert.match(response.body, LATCH_LINE);
  }

  it('a daemon that connects to an application which listens', async () => {
    application = await Application.start({ isLate: true });
    application.srf.disconnect();
    const { daemon } = application;
    application.install();
    const server = application.srf.listen({
      host: '127.0.0.1',
      port: 0,
      secret: daemon.secret,
    }) as unknown as Server;
    await once(server, 'listening');
    await daemon.dial((server.address() as AddressInfo).port);
    await callsAreLatched();
    const closed = once(server, 'close');
    server.close();
    daemon.dropApplication();
    await closed;
  });

  it('TLS to a daemon whose certificate is verified', async () => {
    const { key, cert } = await createCertificate();
    const daemon = { applicationTls: { key, cert } };
    application = await Application.start({
      daemon,
      connect: { tls: { ca: cert, servername: 'localhost' } },
    });
    await callsAreLatched();
  });

  it('what is no line: told, and the connection is made anew', async () => {
    await start();
    const reconnected = once(application.srf, 'connect');
    application.daemon.tellRaw('nonsense');
    await reconnected;
    assert.deepEqual(
      application.faults.map(({ where }) => where),
      ['daemon'],
    );
    await callAndHangUp();
  });

  it('lines that nobody knows, and answers to nothing, change nothing', async () => {
    await start();
    for (const text of [
      'a|sip|network',
      'a|response|b|OK|c',
      'a|sip|network|1|udp|x|y|z|t|d|\r\nSIP/2.0 200 OK\r\n\r\n',
    ])
      application.daemon.tellRaw(`${text.length}#${text}`);
    application.daemon.tellRaw('3#a|b');
    await callAndHangUp();
    // drachtio-srf throws for a line of no kind that it knows, and would have ended the process.
    assert.ok(application.faults.some(({ error }) => String(error).includes('invalid msg type')));
  });

  it('a request that can be read in two ways is answered 400, and the application never sees it', async () => {
    const dialogs = await start();
    const text = [
      ...['INVITE sip:room@127.0.0.1 SIP/2.0', 'Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx'],
      ...['From: <sip:a@b>;tag=1', 'From: <sip:c@d>;tag=2', 'To: <sip:a@b>', 'Call-ID: x', 'CSeq: 1 INVITE'],
      ...['Contact: <sip:a@b>', 'Content-Length: 0', '', ''],
    ].join('\r\n');
    const line = `u|sip|network|${text.length}|udp|127.0.0.1|9|12:00:00.000000|txn-1||127.0.0.1|5060|\r\n${text}`;
    application.daemon.tellRaw(`${line.length}#${line}`);
    await until(() => application.daemon.said.some((said) => /\|sip\|txn-1\|\r\nSIP\/2\.0 400 /.test(said)));
    assert.match(String(application.faults[0]?.error), /header-twice/);
    const { refused, answered } = application.latch.counters.gate;
    assert.deepEqual([refused['header-twice'], answered], [1, 1]);
    assert.equal(dialogs.length, 0);
  });

  it('it goes away and comes back: media goes on meanwhile, the next call is as before', async () => {
    const dialogs = await start();
    const terminal = application.call('tcp');
    await terminal.answered;
    await once(terminal, 'rtp');
    const phone = await application.phone();
    application.srf.invite(() => undefined);
    const { daemon } = application;
    const { port } = daemon;
    const disconnected = once(application.srf, 'close');
    daemon.dropApplication();
    await disconnected;
    await once(terminal, 'rtp');
    assert.equal(application.latch.session(dialogs[0]!)?.isClosed, false);
    await once(application.srf, 'connect');
    await once(terminal, 'rtp');
    phone.send('INVITE', { body: phone.description('offer') });
    await phone.response(200);
    // And a daemon that knows nothing of before.
    await daemon.close();
    await once(application.srf, 'close');
    const again = once(application.srf, 'connect');
    application.daemon = await DrachtioDaemon.start({ port });
    await again;
    await callAndHangUp();
  });

  it('it goes away while calls ring: those end, of either side', async () => {
    application = await Application.start();
    application.srf.invite((_, res) => res.send(180));
    const caller = await application.phone();
    const callee = await application.phone();
    caller.send('INVITE', { body: caller.description('offer') });
    await caller.response(180);
    const called = application.srf.createUAC(callee.uri, { localSdp: describe4(4000) });
    called.catch(() => undefined);
    await callee.request('INVITE');
    await until(() => application.latchkey.sessions.size === 2);
    application.daemon.dropApplication();
    await until(() => application.latchkey.sessions.size === 0);
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['failed', 'failed'],
    );
  });

  it('it goes away in the middle of a re-INVITE of ours: the offer comes to nothing, the call goes on', async () => {
    const dialogs = await start();
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    dialogs[0]!.modify(dialogs[0]!.local.sdp).catch(() => undefined);
    await phone.request('INVITE');
    const reconnected = once(application.srf, 'connect');
    application.daemon.dropApplication();
    await reconnected;
    assert.equal((await phone.invite()).status, 200, 'by another connection, in the same dialog');
  });

  it('calls over UDP that nobody acknowledges give way to others', async () => {
    application = await Application.start();
    application.srf.invite(() => undefined);
    const invite = (n: number) =>
      [
        ...['INVITE sip:room@127.0.0.1 SIP/2.0', `Via: SIP/2.0/UDP 192.0.2.1:9;branch=z9hG4bK${n}`],
        ...[`From: <sip:a@b>;tag=${n}`, 'To: <sip:a@b>', `Call-ID: ${n}`, 'CSeq: 1 INVITE'],
        ...['Contact: <sip:a@b>', 'Content-Length: 0', '', ''],
      ].join('\r\n');
    for (let n = 0; n < 257; n++) {
      const line = `u|sip|network|1|udp|192.0.2.1|9|12:00:00.000000|txn-${n}||127.0.0.1|5060|\r\n${invite(n)}`;
      application.daemon.tellRaw(`${line.length}#${line}`);
    }
    await until(() => application.sessions.length === 257);
    assert.deepEqual(
      application.ended.map(({ reason, call }) => [reason, call]),
      [['displaced', '0']],
    );
    assert.equal(application.latch.counters.bounds.unconfirmedCalls, 1);
  });

  for (const [text, reason] of [
    ['ACK timeout', 'timeout'],
    ['Session timer expired', 'expired'],
    ['CANCEL after 200 OK', 'cancelled'],
  ] as const)
    it(`it ends a call by itself (${text}): the session ends with it`, async () => {
      const dialogs = await start();
      const phone = await application.phone();
      await phone.invite();
      await until(() => dialogs.length === 1);
      const destroyed = once(dialogs[0]!, 'destroy');
      application.daemon.endByItself(text);
      await destroyed;
      assert.deepEqual(
        application.ended.map((call) => call.reason),
        [reason],
      );
      assert.equal(application.latchkey.sessions.size, 0);
    });

  it('a response that the daemon cannot send ends the session', async () => {
    const dialogs = await start();
    application.daemon.isDeaf = true;
    const phone = await application.phone();
    phone.send('INVITE', { body: phone.description('offer') });
    await until(() => application.ended.length === 1);
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['failed'],
    );
    assert.equal(dialogs.length, 0);
  });

  it('peers that fall silent: BYE with the reason, and the dialog hears of its end', async function () {
    this.timeout(30_000);
    application = await Application.start({ latch: { maxSilenceMs: 1 } });
    const dialogs: Srf.Dialog[] = [];
    const answer = async (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      const localSdp = describe4(await application.echo(application.latch.session(req)!));
      dialogs.push(await application.srf.createUAS(req, res, { localSdp }));
    };
    application.srf.invite((req, res) => void answer(req, res));
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    const destroyed = once(dialogs[0]!, 'destroy');
    // What the watch of lib/sip does when nothing has come for long enough: that it does is tested there.
    application.sessions[0]!.emit('expired', {} as never);
    const bye = await new Promise<string | undefined>((resolve) => {
      const timer = setInterval(() => {
        const found = phone.messages.find(({ method }) => method === 'BYE');
        if (!found) return;
        clearInterval(timer);
        phone.reply(found, 200);
        resolve(found.headers.get('reason'));
      }, 50);
    });
    assert.equal(bye, 'SIP;text="silence"');
    assert.equal(((await destroyed) as unknown[])[1], 'silence');
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['silence'],
    );
  });
});

describe('drachtio: a daemon beyond loopback', () => {
  const address = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  let application: Application | undefined;
  afterEach(() => application?.close());

  for (const [what, latch, isLatched] of [
    ['over TCP the secret goes nowhere', {}, false],
    ['over TCP, as the owner says by name', { allowInsecureDaemon: true }, true],
  ] as const)
    it(what, async function () {
      if (address === undefined) {
        this.test!.title += ' (skipped: this machine has loopback only)';
        this.skip();
      }
      application = await Application.start({ daemon: { applicationAddress: address }, latch });
      const { srf } = application;
      srf.invite((req, res) => {
        srf.createUAS(req, res, { localSdp: describe4(4000) }).catch(() => undefined);
      });
      const phone = await application.phone();
      const response = await phone.ask('INVITE', { body: phone.description('offer') });
      assert.equal(response.status, 200);
      assert.equal(LATCH_LINE.test(response.body), isLatched);
      assert.equal(
        application.daemon.said.some((line) => line.includes('a=latch')),
        isLatched,
      );
    });
});

describe('drachtio: handlers that throw', () => {
  let application: Application;
  const printed = console.error;
  beforeEach(() => (console.error = () => undefined));
  afterEach(async () => {
    console.error = printed;
    await application.close();
  });

  const fault = () => {
    throw new Error('a mistake');
  };
  const told = () => application.faults.map(({ where, error }) => [where, (error as Error).message]);

  const mistakes: Readonly<Record<string, () => unknown>> = {
    'at once': fault,
    'by a promise': () => Promise.reject(new Error('a mistake')),
    'after a while': async () => {
      await new Promise(setImmediate);
      fault();
    },
  };
  for (const [what, handler] of Object.entries(mistakes))
    it(`in srf.invite, ${what}: told once, answered 500, no session is left`, async () => {
      application = await Application.start();
      application.srf.invite(handler);
      const phone = await application.phone();
      assert.equal((await phone.invite()).status, 500);
      assert.deepEqual(told(), [['application', 'a mistake']]);
      assert.equal(application.latchkey.sessions.size, 0);
      assert.deepEqual(
        application.ended.map(({ reason }) => reason),
        ['failed'],
      );
    });

  it('in a listener of the plugin, at once and by a promise: the call goes on', async () => {
    application = await Application.start();
    application.srf.invite((req, res) => {
      application.srf.createUAS(req, res, { localSdp: describe4(4000) }).catch(() => undefined);
    });
    application.latch.on('session', fault);
    application.latch.on('session', () => Promise.reject(new Error('another')) as unknown as void);
    const phone = await application.phone();
    assert.equal((await phone.invite()).status, 200);
    assert.deepEqual(told(), [['application', 'a mistake']]);
    application.latch.off('session', fault);
    assert.equal((await (await application.phone()).invite()).status, 200);
    await until(() => application.faults.length === 2);
    assert.deepEqual(told()[1], ['application', 'another']);
  });

  it('in an event of a dialog, by a promise: told, answered 500 where somebody waits, and the call goes on', async () => {
    application = await Application.start();
    const { srf } = application;
    const dialogs: Srf.Dialog[] = [];
    srf.invite((req, res) => {
      void srf.createUAS(req, res, { localSdp: describe4(4000) }).then((dialog) => dialogs.push(dialog));
    });
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    const later = async () => (await new Promise(setImmediate), fault());
    dialogs[0]!.on('modify', () => later() as never);
    dialogs[0]!.on('destroy', () => later() as never);
    assert.equal((await phone.invite('a=inactive')).status, 500);
    assert.deepEqual(told(), [['application', 'a mistake']]);
    dialogs[0]!.removeAllListeners('modify');
    assert.equal((await phone.invite('a=inactive')).status, 200, 'the exchange is as before the mistake');
    assert.equal((await phone.ask('BYE')).status, 200);
    await until(() => application.faults.length === 2);
    assert.deepEqual(told()[1], ['application', 'a mistake']);
  });

  it('in an event of a dialog, in cbProvisional: the calls go on', async () => {
    application = await Application.start();
    const { srf } = application;
    const dialogs: Srf.Dialog[] = [];
    srf.invite((req, res) => {
      void srf.createUAS(req, res, { localSdp: describe4(4000) }).then((dialog) => dialogs.push(dialog));
    });
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    dialogs[0]!.on('modify', fault);
    assert.equal((await phone.invite('a=inactive')).status, 500);
    dialogs[0]!.removeAllListeners('modify');
    assert.equal((await phone.invite('a=inactive')).status, 200, 'the exchange is as before the mistake');

    const callee = await application.phone();
    const called = srf.createUAC(callee.uri, { localSdp: describe4(4000) }, { cbProvisional: fault });
    const invite = await callee.request('INVITE');
    callee.reply(invite, 180);
    callee.read(invite.body, 'offer');
    callee.reply(invite, 200, { body: callee.description('answer') });
    await called;
    assert.deepEqual(told(), [
      ['application', 'a mistake'],
      ['application', 'a mistake'],
    ]);
  });
});

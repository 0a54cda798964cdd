// plugins/drachtio on the real drachtio-srf: calls that come in, and what happens inside them. The daemon is the stand-in of
// drachtio-daemon.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { inspect } from 'node:util';
import type Srf from 'drachtio-srf';
import { unrefLongTimers } from '../cli/plain-server.js';
import { until } from '../net/sockets.js';
import { mediaPort } from '../cli/raw-phone.js';
import { SdesPhone } from '../support/sdes-phone.js';
import { createCertificate } from './sip-phones.js';
import { Application, LATCH_LINE, describe4 } from './drachtio-phones.js';
import type { ApplicationOptions } from './drachtio-phones.js';

describe('drachtio: calls that come in', () => {
  let application: Application;
  let refTimers: () => void;
  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());
  afterEach(() => application.close());

  /** An application that answers every call with an echo; the dialogs of its calls, in order. */
  async function start(
    options: ApplicationOptions = {},
    onDialog: (dialog: Srf.Dialog) => void = () => undefined,
  ) {
    application = await Application.start(options);
    const dialogs: Srf.Dialog[] = [];
    const requests: Srf.SrfRequest[] = [];
    const answer = async (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      requests.push(req);
      const session = application.latch.session(req);
      assert.ok(session, 'no session of the INVITE');
      const localSdp = describe4(await application.echo(session));
      const dialog = await application.srf.createUAS(req, res, { localSdp });
      onDialog(dialog);
      dialogs.push(dialog);
    };
    application.srf.invite((req, res) => void answer(req, res));
    return { dialogs, requests };
  }

  for (const protocol of ['udp', 'tcp', 'tls'] as const)
    it(`latchkey call over ${protocol}: verified, media both ways, and the application sees no attribute of ours`, async () => {
      const { dialogs, requests } = await start({ daemon: { certificate: await createCertificate() } });
      const terminal = application.call(protocol);
      const { kind, signalling } = await terminal.answered;
      assert.deepEqual([kind, signalling], ['latch', protocol === 'tls' ? 'encrypted' : 'loopback']);
      await once(terminal, 'rtp');
      await until(() => dialogs.length === 1);
      const [[dialog], [request], [session]] = [dialogs, requests, application.sessions];
      assert.ok(dialog && request);
      assert.equal(application.latch.session(dialog), session);
      assert.equal(application.latch.session(request), session);
      const destroyed = once(dialog, 'destroy');
      const summary = await terminal.hangUp();
      assert.ok(summary.verified && summary.received > 0);
      await destroyed;
      assert.equal(application.ended[0]?.reason, 'bye');
      assert.equal(application.latch.session(dialog), undefined);
      assert.equal(application.secrets.size, 2, 'one half of the secret from each side');
      for (const text of [request.body, request.raw, dialog.local.sdp, dialog.remote.sdp, application.shown])
        assert.doesNotMatch(text, /a=latch/);
      assert.ok(application.log.length > 0, 'drachtio-srf logs nothing');
      assert.doesNotMatch(application.shown, /cymru/, 'nor the secret of the daemon');
    });

  it('a phone with SRTP and nothing else is verified by its key: the application has media in clear, and no log a key', async () => {
    application = await Application.start({ latch: { srtp: 'terminate', policy: 'require' } });
    application.srf.invite((req, res) => {
      const answer = async () => {
        const session = application.latch.session(req)!;
        // Each section is answered with its own profile (RFC 3264 section 6).
        const localSdp = describe4(await application.echo(session)).replace('RTP/AVP', 'RTP/SAVP');
        await application.srf.createUAS(req, res, { localSdp });
      };
      void answer();
    });
    const phone = await application.phone(false);
    const sdes = new SdesPhone();
    const heard: (Uint8Array | undefined)[] = [];
    phone.media.on('message', (bytes) => heard.push(sdes.hear(bytes)));
    const offer = describe4(phone.mediaPort, sdes.line).replace('RTP/AVP', 'RTP/SAVP');
    const { status, body } = await phone.ask('INVITE', { body: offer });
    assert.equal(status, 200, body);
    sdes.readAnswer(body);
    const { clear, sealed } = sdes.talk();
    phone.media.send(sealed, mediaPort(body), '127.0.0.1');
    await until(() => heard.length === 1);
    assert.deepEqual(heard, [clear], 'the echo of what it said, under the key of the answer');
    await application.verified();
    assert.equal(application.sessions[0]!.protection, 'srtp');
    phone.media.send(clear, mediaPort(body), '127.0.0.1');
    await until(() => application.sessions[0]!.counters.dropped.srtpTag === 1);
    for (const text of [application.shown, inspect(application.events, { depth: 9 })])
      assert.doesNotMatch(text, /inline:/);
    assert.match(application.shown, /RTP\/SAVP/, 'the rest of a description is logged');
  });

  it('a rebinding in mid call is followed', async () => {
    await start();
    const terminal = application.call();
    await terminal.answered;
    await once(terminal, 'rtp');
    await terminal.move();
    await until(() => application.events.some(({ type }) => type === 'rebound'));
    await once(terminal, 'rtp');
  });

  it('a hold, its end and a refresh are what they are to drachtio-srf, and are answered with latch', async () => {
    const told: string[] = [];
    const { dialogs } = await start({}, (dialog) => {
      for (const event of ['hold', 'unhold', 'modify'] as const)
        dialog.on(event as 'refresh', () => told.push(event));
    });
    const phone = await application.phone();
    const first = await phone.invite();
    await application.verified();
    await until(() => dialogs.length === 1);
    const held = await phone.invite('a=sendonly');
    // A new half of the secret with each: what drachtio-srf compares must not have it.
    phone.renew();
    const back = await phone.invite('a=sendrecv');
    assert.deepEqual(told, ['hold', 'unhold']);
    dialogs[0]!.on('refresh', () => told.push('refresh'));
    const refreshed = await phone.invite('a=sendrecv');
    assert.deepEqual(told, ['hold', 'unhold', 'refresh']);
    const answers = [first, held, back, refreshed];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const [one, same, other, kept] = answers.map(({ body }) => LATCH_LINE.exec(body)?.[1]);
    assert.ok(one !== undefined && one === same, 'a hold is no new generation');
    assert.ok(
      other !== undefined && other !== one && other === kept,
      'a new secret brings a new one from us',
    );
    assert.match(held.body, /^a=recvonly\r$/m);
    await application.verified(2);
    assert.doesNotMatch(dialogs[0]!.remote.sdp + dialogs[0]!.local.sdp, /a=latch/);
  });

  it('a daemon that says tcp for TLS inside a dialog: the call stays what it was when it began', async () => {
    const { dialogs } = await start({
      daemon: { isOld: true, version: 'v0.9.9', certificate: await createCertificate() },
    });
    const terminal = application.call('tls');
    assert.equal((await terminal.answered).signalling, 'encrypted');
    await terminal.hold(true);
    assert.ok(
      application.daemon.told.some((line) => /^[^|]*\|sip\|network\|\d+\|tcp\|.*\r\nINVITE/.test(line)),
    );
    const [dialog] = dialogs;
    assert.match(String(application.latch.session(dialog!)?.protection), /^(?:latch|direct)$/);
    assert.ok(!application.events.some(({ type }) => type === 'downgraded'));
    assert.ok((await terminal.hangUp()).verified);
  });

  it('dialog.modify offers anew; a refusal changes nothing', async () => {
    const { dialogs } = await start();
    const phone = await application.phone();
    const first = await phone.invite();
    await application.verified();
    await until(() => dialogs.length === 1);
    const [dialog] = dialogs;
    const sdp = dialog!.local.sdp;
    const tagIn = (body: string) => LATCH_LINE.exec(body)?.[1];

    const modified = dialog!.modify(sdp.replace('sendrecv', 'inactive'));
    const from = phone.messages.length;
    const second = await phone.request('INVITE', from);
    assert.equal(tagIn(second.body), tagIn(first.body));
    phone.read(second.body, 'offer');
    phone.reply(second, 200, { body: phone.description('answer', 'a=inactive') });
    assert.doesNotMatch(await modified, /a=latch/);
    await phone.request('ACK', from);
    assert.equal(application.latch.session(dialog!)?.protection, 'direct', 'latch, and no NAT');

    const hold = dialog!.modify('hold');
    const third = await phone.request('INVITE', phone.messages.length);
    phone.read(third.body, 'offer');
    phone.reply(third, 200, { body: phone.description('answer', 'a=inactive') });
    await hold;
    assert.equal(application.latch.session(dialog!)?.protection, 'direct', 'latch, and no NAT');
    const refused = dialog!.modify(sdp).catch((error: unknown) => error);
    const fourth = await phone.request('INVITE', phone.messages.length);
    assert.equal(tagIn(fourth.body), tagIn(first.body));
    phone.reply(fourth, 488);
    assert.equal(((await refused) as { status: number }).status, 488);
    assert.equal(application.latch.session(dialog!)?.protection, 'direct', 'latch, and no NAT');
    assert.equal((await phone.invite()).status, 200);
    assert.deepEqual(application.faults, []);
  });

  it('dialog.modify without an offer: the peer offers in its 2xx, and the ACK answers with latch', async () => {
    const { dialogs } = await start();
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    const { sdp } = dialogs[0]!.local;
    const modified = dialogs[0]!.modify({ noAck: true }) as unknown as Promise<{
      sdp: string;
      ack: (sdp: string) => void;
    }>;
    const invite = await phone.request('INVITE');
    assert.equal(invite.body, '');
    phone.reply(invite, 200, { body: phone.description('offer') });
    const { sdp: offer, ack } = await modified;
    assert.doesNotMatch(offer, /a=latch/);
    const from = phone.messages.length;
    ack(sdp);
    const acked = await phone.request('ACK', from);
    assert.match(acked.body, LATCH_LINE);
    phone.read(acked.body, 'answer');
    assert.match(String(application.latch.session(dialogs[0]!)?.protection), /^(?:latch|direct)$/);
  });

  it('both sides offer at once: 491, and the call is as it was', async () => {
    const { dialogs } = await start();
    const phone = await application.phone();
    await phone.invite();
    await until(() => dialogs.length === 1);
    const modified = dialogs[0]!.modify(dialogs[0]!.local.sdp).catch((error: unknown) => error);
    const offer = await phone.request('INVITE');
    const response = await phone.ask('INVITE', { body: phone.description('offer') });
    phone.session?.rollback();
    assert.equal(response.status, 491);
    phone.reply(offer, 491);
    assert.equal(((await modified) as { status: number }).status, 491);
    assert.equal((await phone.invite()).status, 200);
  });

  it('UPDATE is answered with latch; of what the application answers by itself too', async () => {
    const { dialogs } = await start();
    const phone = await application.phone();
    const first = await phone.invite();
    await until(() => dialogs.length === 1);
    const offered = { body: phone.description('offer') };
    const updated = await phone.ask('UPDATE', offered);
    phone.read(updated.body, 'answer');
    assert.equal(LATCH_LINE.exec(updated.body)?.[1], LATCH_LINE.exec(first.body)?.[1]);
    const { sdp } = dialogs[0]!.local;
    dialogs[0]!.on('update', (req, res) => {
      assert.doesNotMatch(req.body, /a=latch/);
      res.send(200, { body: sdp });
    });
    const again = await phone.ask('UPDATE', { body: phone.description('offer') });
    assert.equal(LATCH_LINE.exec(again.body)?.[1], LATCH_LINE.exec(first.body)?.[1]);
    // And one of ours.
    const from = phone.messages.length;
    phone.read(again.body, 'answer');
    const ours = dialogs[0]!.request({ method: 'UPDATE', body: sdp } as never);
    const request = await phone.request('UPDATE', from);
    assert.match(request.body, LATCH_LINE);
    phone.read(request.body, 'offer');
    phone.reply(request, 200, { body: phone.description('answer') });
    assert.doesNotMatch((await ours).body, /a=latch/);
  });

  it('an INVITE without an offer: ours goes in the 2xx, and the answer is in the ACK', async () => {
    const acks: Srf.SrfRequest[] = [];
    const { dialogs } = await start({}, (dialog) => dialog.on('ack', (ack) => acks.push(ack)));
    const phone = await application.phone();
    await phone.ask('INVITE', {}, (offer) => {
      assert.match(offer, LATCH_LINE);
      phone.read(offer, 'offer');
      return phone.description('answer');
    });
    await application.verified();
    await until(() => acks.length === 1);
    assert.doesNotMatch(acks[0]!.body + dialogs[0]!.remote.sdp, /a=latch/);
    assert.notEqual(dialogs[0]!.remote.sdp, '');
  });

  it('early media: a 183 and its 200 carry the same, a reliable one is acknowledged', async () => {
    application = await Application.start();
    application.srf.invite((req, res) => {
      const session = application.latch.session(req);
      assert.ok(session);
      void application.echo(session).then((port) => {
        const localSdp = describe4(port);
        res.send(183, { body: localSdp, headers: { Require: '100rel' } });
        application.srf.createUAS(req, res, { localSdp }).catch(() => undefined);
      });
    });
    const phone = await application.phone();
    phone.send('INVITE', { body: phone.description('offer'), lines: ['Supported: 100rel'] });
    const early = await phone.response(183);
    const toTag = /tag=([^;]+)/.exec(early.headers.get('to') ?? '')?.[1] ?? '';
    phone.send('PRACK', { toTag, lines: [`RAck: ${early.headers.get('rseq')} 1 INVITE`] });
    const final = await phone.next(
      ({ status, headers }) => status === 200 && headers.get('cseq') === '1 INVITE',
    );
    assert.match(early.body, LATCH_LINE);
    assert.equal(early.body, final.body);
    phone.read(final.body, 'answer');
    await application.verified();
  });

  it('an UPDATE before the answer is told apart from its INVITE', async () => {
    application = await Application.start();
    application.srf.invite((req, res) => {
      const localSdp = describe4(4000);
      res.send(183, { body: localSdp });
      req.on('update' as 'cancel', (...args: unknown[]) => {
        const [update, response] = args as [Srf.SrfRequest, Srf.SrfResponse];
        assert.doesNotMatch(update.body, /a=latch/);
        response.send(200, { body: localSdp });
      });
    });
    const phone = await application.phone();
    phone.send('INVITE', { body: phone.description('offer') });
    const early = await phone.response(183);
    phone.read(early.body, 'answer');
    const toTag = /tag=([^;]+)/.exec(early.headers.get('to') ?? '')?.[1] ?? '';
    phone.send('UPDATE', { toTag, body: phone.description('offer', 'a=sendonly') });
    const updated = await phone.next(({ headers }) => headers.get('cseq') === '2 UPDATE');
    assert.equal(updated.status, 200);
    assert.equal(LATCH_LINE.exec(updated.body)?.[1], LATCH_LINE.exec(early.body)?.[1]);
    phone.read(updated.body, 'answer');
    assert.equal(application.latchkey.sessions.size, 1);
    // The INVITE has no answer yet: its CANCEL ends the call.
    phone.cancel(1);
    await phone.response(487);
    await until(() => application.ended.length === 1);
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['cancelled'],
    );
    assert.deepEqual(application.faults, []);
  });

  it('an offer of ours in a reliable 183: the answer is in the PRACK', async () => {
    application = await Application.start();
    application.srf.invite((_, res) => {
      res.send(183, { body: describe4(4000), headers: { Require: '100rel' } });
      res.send(200);
    });
    const phone = await application.phone();
    phone.send('INVITE', { lines: ['Supported: 100rel'] });
    const early = await phone.response(183);
    phone.read(early.body, 'offer');
    const toTag = /tag=([^;]+)/.exec(early.headers.get('to') ?? '')?.[1] ?? '';
    const lines = [`RAck: ${early.headers.get('rseq')} 1 INVITE`];
    phone.send('PRACK', { toTag, lines, body: phone.description('answer') });
    await phone.next(({ status, headers }) => status === 200 && headers.get('cseq') === '2 PRACK');
    assert.match(String(application.sessions[0]?.protection), /^(?:latch|direct)$/);
  });

  it('over UDP, an ACK shows that somebody receives, unless our answer may have gone elsewhere', async () => {
    await start();
    const phone = await application.phone();
    await phone.ask('INVITE', { body: phone.description('offer') });
    await until(() => application.shownAddresses.length > 0);
    assert.deepEqual(application.shownAddresses, ['127.0.0.1']);
    const other = await application.phone();
    await other.ask('INVITE', { body: other.description('offer'), viaParams: ';maddr=192.0.2.1' });
    await other.ask('OPTIONS');
    assert.equal(application.shownAddresses.length, 1);
  });

  it('a call over TLS: what the daemon says inside the dialog makes no better hop, and tcp no worse one', async () => {
    await start();
    const { daemon } = application;
    const address = '192.0.2.7';
    const phone = await application.phone();
    const tagOfAnswer = async () => LATCH_LINE.exec((await phone.invite()).body)?.[1];
    daemon.claims = { protocol: 'tls', address };
    const tag = await tagOfAnswer();
    assert.ok(tag);
    daemon.claims = { protocol: 'tcp', address };
    assert.equal(await tagOfAnswer(), tag);
    daemon.claims = { protocol: 'udp', address };
    const before = daemon.said.length;
    assert.equal((await phone.ask('INVITE', { body: phone.description('offer') })).status, 200);
    assert.ok(
      !daemon.said.slice(before).some((line) => line.includes('a=latch')),
      'over UDP the secret goes nowhere',
    );
  });

  it('a call over TLS whose Contact asks for UDP: an offer of ours goes there without latch', async () => {
    const { dialogs } = await start();
    const { daemon } = application;
    const phone = await application.phone();
    phone.contactParams = ';transport=udp';
    daemon.claims = { protocol: 'tls', address: '192.0.2.7' };
    assert.match((await phone.invite()).body, LATCH_LINE);
    await until(() => dialogs.length === 1);
    const from = phone.messages.length;
    dialogs[0]!.modify(dialogs[0]!.local.sdp).catch(() => undefined);
    const offer = await phone.request('INVITE', from);
    assert.match(offer.body, /^m=audio /m);
    assert.doesNotMatch(offer.body, /a=latch/);
    phone.reply(offer, 488);
  });

  it('a WebSocket is tcp to the daemon: WSS is what came at a port that the owner names, whatever the Via says', async () => {
    const { dialogs } = await start({ latch: { wssPorts: [8443] } });
    const { daemon } = application;
    const ask = async (protocol: string, listenerPort: number) => {
      const phone = await application.phone();
      daemon.claims = { protocol, address: '192.0.2.7', listenerPort };
      const lines = ['Via: SIP/2.0/WSS x1.invalid;branch=z9hG4bKbefore'];
      return { phone, response: await phone.ask('INVITE', { body: phone.description('offer'), lines }) };
    };
    for (const [protocol, port] of [
      ['tcp', 8080],
      ['udp', 8443],
    ] as const)
      assert.doesNotMatch((await ask(protocol, port)).response.body, LATCH_LINE, `${protocol} at ${port}`);
    const { phone, response } = await ask('tcp', 8443);
    assert.match(response.body, LATCH_LINE);
    phone.read(response.body, 'answer');
    await until(() => dialogs.length === 3);
    const again = await phone.ask('INVITE', { body: phone.description('offer') });
    assert.match(again.body, LATCH_LINE, 'and goes on so inside the dialog');
  });

  it('a proxy of the owner: as safe as the hop before it, which its Via tells', async () => {
    const { dialogs } = await start({ latch: { trustedProxies: ['192.0.2.7/32'] } });
    const { daemon } = application;
    const via = (transport: string) => [`Via: SIP/2.0/${transport} 198.51.100.9:5061;branch=z9hG4bKbefore`];
    const ask = async (address: string, transport: string) => {
      const phone = await application.phone();
      daemon.claims = { protocol: 'udp', address };
      const response = await phone.ask('INVITE', { body: phone.description('offer'), lines: via(transport) });
      return { phone, response };
    };
    const { phone, response } = await ask('192.0.2.7', 'TLS');
    assert.match(response.body, LATCH_LINE);
    phone.read(response.body, 'answer');
    assert.doesNotMatch((await ask('192.0.2.7', 'UDP')).response.body, LATCH_LINE);
    assert.doesNotMatch((await ask('192.0.2.8', 'TLS')).response.body, LATCH_LINE, 'nobody else is believed');
    // Inside the dialog, both ways.
    daemon.claims = { protocol: 'udp', address: '192.0.2.7' };
    const again = await phone.ask('INVITE', { body: phone.description('offer'), lines: via('TLS') });
    assert.match(again.body, LATCH_LINE);
    phone.read(again.body, 'answer');
    const from = phone.messages.length;
    const modified = dialogs[0]!.modify(dialogs[0]!.local.sdp);
    const offer = await phone.request('INVITE', from);
    assert.match(offer.body, LATCH_LINE);
    phone.read(offer.body, 'offer');
    phone.reply(offer, 200, { body: phone.description('answer') });
    await modified;
    assert.match(String(application.sessions[0]?.protection), /^(?:latch|direct)$/);
  });

  it('a call in clear has no latch, whatever is said of it later', async () => {
    await start();
    const phone = await application.phone();
    for (const protocol of ['udp', 'tcp', 'tls']) {
      application.daemon.claims = { protocol, address: '192.0.2.7' };
      const response = await phone.ask('INVITE', { body: phone.description('offer') });
      phone.session?.rollback();
      assert.equal(response.status, 200);
      assert.doesNotMatch(response.body, /a=latch/);
    }
  });

  it("a call that is proxied is nobody's session: the daemon passes on what it got", async () => {
    application = await Application.start();
    application.srf.invite((req) => {
      application.srf.proxyRequest(req, 'sip:127.0.0.1:9', {}, () => undefined);
    });
    const phone = await application.phone();
    phone.send('INVITE', { body: phone.description('offer') });
    await until(() => application.ended.length === 1);
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['closed'],
    );
    assert.equal(application.latchkey.sessions.size, 0);
  });

  it('CANCEL ends the session at once', async () => {
    application = await Application.start();
    const cancelled = new Promise((resolve) =>
      application.srf.invite((req, res) => {
        req.on('cancel', resolve);
        res.send(180);
      }),
    );
    const phone = await application.phone();
    phone.send('INVITE', { body: phone.description('offer') });
    await phone.response(180);
    phone.cancel();
    await phone.response(487);
    await cancelled;
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['cancelled'],
    );
    assert.equal(application.latchkey.sessions.size, 0);
  });

  it('a description that is not accepted is answered, and the application never sees the call', async () => {
    const { requests } = await start();
    const phone = await application.phone(false);
    const malformed = `${describe4(4000)}a=latch:1 short secret\r\n`;
    const response = await phone.ask('INVITE', { body: malformed });
    assert.equal(response.status, 400);
    assert.match(response.headers.get('warning') ?? '', /^399 latchkey ".*a=latch/);
    assert.equal(requests.length, 0);
    assert.deepEqual(
      application.rejected.map(({ status }) => status),
      [400],
    );
    assert.equal(application.latchkey.sessions.size, 0);
  });

  it('policy require: 488 for a phone without latch, and a re-INVITE that drops it', async () => {
    const { requests, dialogs } = await start({ latch: { policy: 'require' } });
    const bare = await application.phone(false);
    const refused = await bare.ask('INVITE', { body: describe4(4000) });
    assert.equal(refused.status, 488);
    assert.equal(requests.length, 0);
    const phone = await application.phone();
    assert.equal((await phone.invite()).status, 200);
    await until(() => dialogs.length === 1);
    const dropped = await phone.ask('INVITE', { body: describe4(phone.mediaPort) });
    assert.equal(dropped.status, 488);
    assert.equal((await phone.invite()).status, 200, 'the call is as it was');
  });

  it('an answer in the ACK that is not accepted: BYE, and the application hears of the end', async () => {
    const destroyed: unknown[] = [];
    const { dialogs } = await start({}, (dialog) =>
      dialog.on('destroy', (...args: unknown[]) => destroyed.push(args[1])),
    );
    const phone = await application.phone();
    await phone.ask('INVITE', {}, () => `${describe4(phone.mediaPort)}a=latch:1 short secret\r\n`);
    const bye = await phone.request('BYE');
    phone.reply(bye, 200);
    assert.match(bye.headers.get('reason') ?? '', /rejected/);
    await until(() => destroyed.length === 1);
    assert.deepEqual(destroyed, ['rejected']);
    assert.equal(dialogs.length, 1);
    assert.deepEqual(
      application.rejected.map(({ status }) => status),
      [400],
    );
  });
});

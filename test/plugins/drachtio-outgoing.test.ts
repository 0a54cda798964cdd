// plugins/drachtio on the real drachtio-srf: calls that go out, with forks, and calls with two legs. The daemon is the stand-in of
// drachtio-daemon.ts.
import assert from 'node:assert/strict';
import type Srf from 'drachtio-srf';
import { unrefLongTimers } from '../cli/plain-server.js';
import { until } from '../net/sockets.js';
import { Application, LATCH_LINE, describe4 } from './drachtio-phones.js';
import type { ApplicationOptions, Message, Phone } from './drachtio-phones.js';

const tagIn = (sdp: string) => LATCH_LINE.exec(sdp)?.[1];
const secretIn = (sdp: string) => LATCH_LINE.exec(sdp)?.[2];

describe('drachtio: calls that go out', () => {
  let application: Application;
  let refTimers: () => void;
  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());
  afterEach(() => application.close());

  async function start(options: ApplicationOptions = {}): Promise<Phone> {
    application = await Application.start(options);
    return application.phone();
  }

  /** A call to a phone; `outcome` is the dialog or what it failed with. */
  async function call(phone: Phone, localSdp?: string, more: object = {}) {
    const provisional: Srf.SrfResponse[] = [];
    let sent: Srf.SrfRequest | undefined;
    const port = localSdp ?? describe4(4000);
    const outcome = application.srf
      .createUAC(
        phone.uri,
        { localSdp: port, ...more },
        {
          cbRequest: ((_: unknown, request: Srf.SrfRequest) => (sent = request)) as never,
          cbProvisional: (response) => provisional.push(response),
        },
      )
      .then(
        (dialog) => ({ dialog, error: undefined }),
        (error: unknown) => ({ dialog: undefined, error: error as { status: number } }),
      );
    const invite = await phone.request('INVITE');
    await until(() => sent !== undefined);
    return { outcome, invite, provisional, sent: sent! };
  }

  function accept(phone: Phone, invite: Message, parts: object = {}): void {
    phone.read(invite.body, 'offer');
    phone.reply(invite, 200, { body: phone.description('answer'), ...parts });
  }

  it('createUAC: the offer and its answer carry latch, the application sees none of it', async () => {
    const phone = await start();
    const socket = await application.socket();
    application.latch.on('session', (session) => session.bind(socket));
    const { outcome, invite, sent } = await call(phone, describe4(socket.address().port));
    assert.match(invite.body, LATCH_LINE);
    const session = application.latch.session(sent);
    assert.equal(session, application.sessions[0]);
    accept(phone, invite);
    const { dialog } = await outcome;
    assert.ok(dialog);
    await phone.request('ACK');
    assert.equal(application.latch.session(dialog), session);
    await application.verified();
    assert.deepEqual(application.shownAddresses, ['127.0.0.1'], 'its answer repeats what went there only');
    for (const text of [dialog.local.sdp, dialog.remote.sdp, application.shown])
      assert.doesNotMatch(text, /a=latch/);
    // And from our side.
    const destroyed = dialog.destroy() as unknown as Promise<unknown>;
    phone.reply(await phone.request('BYE'), 200);
    await destroyed;
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['bye'],
    );
  });

  it('the events of a call have the Call-ID of its messages', async () => {
    const phone = await start();
    const { outcome, invite } = await call(phone);
    accept(phone, invite);
    await outcome;
    assert.equal(application.sessions[0]?.call, invite.headers.get('call-id'));
  });

  it('credentials that are asked for: the same call, the same half of the secret', async () => {
    const phone = await start();
    const auth = { username: 'alice', password: 'secret' };
    const { outcome, invite } = await call(phone, undefined, { auth });
    const from = phone.messages.length;
    phone.reply(invite, 401, { lines: ['WWW-Authenticate: Digest realm="x", nonce="abc"'] });
    const again = await phone.next(
      ({ method, headers }) => method === 'INVITE' && headers.has('authorization'),
      from,
    );
    accept(phone, again);
    assert.ok((await outcome).dialog);
    assert.equal(application.sessions.length, 1);
    assert.equal(again.headers.get('call-id'), invite.headers.get('call-id'));
  });

  it('forks: each has a session of its own, the one that answers keeps the call', async () => {
    const phone = await start();
    const other = await application.phone();
    const { outcome, invite, provisional } = await call(phone);
    const [sessionOf] = [(index: number) => application.latch.session(provisional[index]!)];
    phone.read(invite.body, 'offer');
    other.read(invite.body, 'offer');
    phone.reply(invite, 183, { body: phone.description('answer'), tag: 'first' });
    await until(() => provisional.length === 1);
    phone.reply(invite, 183, { body: other.description('answer'), tag: 'second' });
    await until(() => provisional.length === 2);
    assert.equal(application.sessions.length, 2);
    assert.equal(sessionOf(0), application.sessions[0]);
    assert.equal(sessionOf(1), application.sessions[1]);
    for (const { body } of provisional) assert.doesNotMatch(body, /a=latch/);
    phone.reply(invite, 200, { body: other.description('answer'), tag: 'second' });
    const { dialog } = await outcome;
    assert.equal(application.latch.session(dialog!), application.sessions[1]);
    assert.deepEqual(
      application.ended.map(({ session, reason }) => [session === application.sessions[0], reason]),
      [[true, 'forked']],
    );
  });

  it('an UPDATE before the answer: drachtio-srf answers it by itself, with latch', async () => {
    const phone = await start();
    const { outcome, invite } = await call(phone);
    phone.read(invite.body, 'offer');
    const body = phone.description('answer');
    phone.reply(invite, 183, { body, lines: ['Require: 100rel', 'RSeq: 1'] });
    phone.reply(await phone.request('PRACK'), 200);
    const updated = await phone.ask('UPDATE', { body: phone.description('offer', 'a=sendonly') });
    assert.equal(updated.status, 200);
    assert.equal(tagIn(updated.body), tagIn(invite.body));
    phone.read(updated.body, 'answer');
    phone.reply(invite, 200);
    assert.ok((await outcome).dialog);
    assert.equal(application.sessions[0]?.protection, 'latch');
    assert.deepEqual(application.faults, []);
  });

  it('CANCEL, and a failure: no session is left', async () => {
    const phone = await start();
    const { outcome, invite, sent } = await call(phone);
    phone.reply(invite, 180);
    await until(() => application.events.length >= 0);
    sent.cancel(() => undefined);
    const cancel = await phone.request('CANCEL');
    phone.reply(cancel, 200);
    phone.reply(invite, 487);
    assert.equal((await outcome).error?.status, 487);
    assert.deepEqual(
      application.ended.map(({ reason }) => reason),
      ['cancelled'],
    );
    assert.equal(application.latchkey.sessions.size, 0);
  });

  it('an answer that is not accepted is acknowledged and hung up, and the application gets its status', async () => {
    const phone = await start({ latch: { policy: 'require' } });
    const { outcome, invite } = await call(phone);
    phone.reply(invite, 200, { body: describe4(phone.mediaPort) });
    await phone.request('ACK');
    phone.reply(await phone.request('BYE'), 200);
    assert.equal((await outcome).error?.status, 488);
    assert.deepEqual(
      application.rejected.map(({ status }) => status),
      [488],
    );
    assert.equal(application.latchkey.sessions.size, 0);
  });

  it('a re-INVITE whose answer is not accepted ends the call, and the application hears of it', async () => {
    const phone = await start({ latch: { policy: 'require' } });
    const { outcome, invite } = await call(phone);
    accept(phone, invite);
    const { dialog } = await outcome;
    const reasons: unknown[] = [];
    dialog!.on('destroy', (...args: unknown[]) => reasons.push(args[1]));
    const from = phone.messages.length;
    const modified = dialog!.modify(dialog!.local.sdp).catch((error: unknown) => error);
    phone.reply(await phone.request('INVITE', from), 200, { body: describe4(phone.mediaPort) });
    await phone.request('ACK', from);
    phone.reply(await phone.request('BYE', from), 200);
    assert.equal(((await modified) as { status: number }).status, 488);
    assert.deepEqual(reasons, ['rejected']);
  });

  it("an offer that cannot be read is the application's mistake, and told to it", async () => {
    await start();
    const outcome = application.srf.createUAC('sip:x@127.0.0.1:9', {
      localSdp: 'v=0\r\nm=audio x RTP/AVP 0\r\n',
    });
    await assert.rejects(outcome, { code: 'LATCHKEY_SDP' });
  });

  for (const [what, latch, isLatched] of [
    ['goes without latch: the daemon verifies nobody', {}, false],
    ['goes with it where the owner says so by name', { allowUnverifiedTls: true }, true],
  ] as const)
    it(`an INVITE over TLS ${what}; one that the daemon cannot send leaves no session`, async () => {
      await start({ latch });
      await assert.rejects(application.srf.createUAC('sips:x@phone.invalid', { localSdp: describe4(4000) }));
      const invite = application.daemon.said.find((line) => line.includes('\r\nINVITE '));
      assert.equal(invite?.includes('a=latch'), isLatched);
      assert.equal(application.latchkey.sessions.size, 0);
      assert.deepEqual(
        application.ended.map(({ reason }) => reason),
        ['failed'],
      );
    });

  it('without an offer: the phone offers in its 2xx, the ACK answers with latch', async () => {
    const phone = await start();
    const called = application.srf.createUAC(phone.uri, { noAck: true }) as unknown as Promise<{
      sdp: string;
      ack: (sdp: string) => Promise<Srf.Dialog>;
    }>;
    const invite = await phone.request('INVITE');
    assert.equal(invite.body, '');
    phone.reply(invite, 200, { body: phone.description('offer') });
    const { sdp, ack } = await called;
    assert.doesNotMatch(sdp, /a=latch/);
    const dialog = await ack(describe4(4000));
    const acked = await phone.request('ACK');
    assert.match(acked.body, LATCH_LINE);
    phone.read(acked.body, 'answer');
    assert.equal(application.latch.session(dialog)?.protection, 'latch');
  });

  describe('with two legs', () => {
    let caller: Phone;
    let callee: Phone;

    /** An application that bridges each call to `callee`. */
    async function bridge(options: object, hasOffer = true) {
      callee = await start();
      caller = await application.phone();
      const legs: Promise<{ uas: Srf.Dialog; uac: Srf.Dialog }>[] = [];
      const seen: string[] = [];
      application.srf.invite((req, res) => {
        seen.push(req.body);
        const leg = application.srf.createB2BUA(req, res, callee.uri, { ...options });
        leg.catch(() => undefined);
        legs.push(leg);
      });
      const offer = hasOffer ? { body: caller.description('offer') } : {};
      return { legs, seen, offer };
    }

    /** No half of the secret of one leg stands in a message of the other. */
    function assertApart(): void {
      const ofCaller = caller.messages.map(({ body }) => body).join('\n');
      const ofCallee = callee.messages.map(({ body }) => body).join('\n');
      const inCallers = new Set(
        [...ofCaller.matchAll(new RegExp(LATCH_LINE, 'gm'))].map(([, , secret]) => secret),
      );
      const inCallees = new Set(
        [...ofCallee.matchAll(new RegExp(LATCH_LINE, 'gm'))].map(([, , secret]) => secret),
      );
      assert.ok(inCallers.size > 0 && inCallees.size > 0);
      assert.ok(
        [...inCallers].every((secret) => !inCallees.has(secret)),
        'a secret of both legs',
      );
      const all = application.secrets;
      assert.equal(all.size, inCallers.size + inCallees.size + 2, 'each phone has one of its own beside');
      assert.doesNotMatch(application.shown, /a=latch/);
    }

    it('that passes descriptions through: each leg has its own secret', async () => {
      const { legs, seen, offer } = await bridge({});
      caller.send('INVITE', offer);
      const invite = await callee.request('INVITE');
      accept(callee, invite);
      const answer = await caller.response(200);
      caller.read(answer.body, 'answer');
      caller.send('ACK', { seq: 1, toTag: /tag=(\S+)/.exec(answer.headers.get('to') ?? '')?.[1] ?? '' });
      const { uas, uac } = await legs[0]!;
      await callee.request('ACK');
      const [one, two] = [application.latch.session(uas), application.latch.session(uac)];
      assert.ok(one && two && one !== two);
      for (const text of [...seen, uas.remote.sdp, uas.local.sdp, uac.remote.sdp, uac.local.sdp])
        assert.doesNotMatch(text, /a=latch/);
      assertApart();
    });

    it("with descriptions of the application's own, early media included", async () => {
      const given: string[] = [];
      const { legs, offer } = await bridge({
        localSdpB: describe4(4002),
        localSdpA: (sdp: string) => {
          given.push(sdp);
          return describe4(4004);
        },
      });
      caller.send('INVITE', offer);
      const invite = await callee.request('INVITE');
      callee.read(invite.body, 'offer');
      const body = callee.description('answer');
      callee.reply(invite, 183, { body });
      const early = await caller.response(183);
      callee.reply(invite, 200, { body });
      const answer = await caller.response(200);
      assert.match(answer.body, /^m=audio 4004 /m);
      assert.equal(tagIn(early.body), tagIn(answer.body));
      assert.equal(secretIn(early.body), secretIn(answer.body));
      caller.read(answer.body, 'answer');
      await legs[0];
      for (const text of given) assert.doesNotMatch(text, /a=latch/);
      assertApart();
    });

    it('without an offer (noAck): what each leg answers is in its ACK', async () => {
      const { legs } = await bridge({ noAck: true, localSdpB: (sdp: string) => sdp }, false);
      const asked = caller.ask('INVITE', {}, (offered) => {
        caller.read(offered, 'offer');
        return caller.description('answer');
      });
      const invite = await callee.request('INVITE');
      assert.equal(invite.body, '');
      callee.reply(invite, 200, { body: callee.description('offer') });
      assert.match((await asked).body, LATCH_LINE);
      const ack = await callee.request('ACK');
      assert.match(ack.body, LATCH_LINE);
      callee.read(ack.body, 'answer');
      const { uas, uac } = await legs[0]!;
      assert.equal(application.latch.session(uas)?.protection, 'latch');
      assert.equal(application.latch.session(uac)?.protection, 'latch');
      assertApart();
    });

    it('a failure passes on, and both sessions end; with passFailure: false another leg is tried', async () => {
      const { legs, offer } = await bridge({ passFailure: false });
      caller.send('INVITE', offer);
      callee.reply(await callee.request('INVITE'), 486);
      await assert.rejects(legs[0]!, { status: 486 });
      assert.equal(application.latchkey.sessions.size, 1, 'the caller still waits');
      application.latchkey.close();
    });

    it("CANCEL of the caller's passes on, and both sessions end", async () => {
      const { legs, offer } = await bridge({});
      caller.send('INVITE', offer);
      const invite = await callee.request('INVITE');
      callee.reply(invite, 180);
      await caller.response(180);
      caller.cancel();
      callee.reply(await callee.request('CANCEL'), 200);
      callee.reply(invite, 487);
      await assert.rejects(legs[0]!);
      assert.deepEqual(
        application.ended.map(({ reason }) => reason),
        ['cancelled', 'cancelled'],
      );
      assert.equal(application.latchkey.sessions.size, 0);
    });
  });
});

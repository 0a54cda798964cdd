// Protocol 8.3.6 through plugins/drachtio, on the real drachtio-srf with the stand-in for its daemon: re-INVITEs in its dialogs of which
// drachtio-srf and the application know nothing.
import assert from 'node:assert/strict';
import type Srf from 'drachtio-srf';
import { unrefLongTimers } from '../cli/plain-server.js';
import { until } from '../net/sockets.js';
import { Application, describe4 } from './drachtio-phones.js';
import type { Message, Phone } from './drachtio-phones.js';
import { AskedSession, PortLender, portTold } from './port-lender.js';

describe('8.3.6 through plugins/drachtio: the port question', () => {
  let application: Application;
  let lender: PortLender;
  let phone: Phone;
  let dialog: Srf.Dialog;
  let asked: AskedSession;
  let first: number;
  let refTimers: () => void;
  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());

  beforeEach(async () => {
    lender = new PortLender();
    application = await Application.start({ latch: { ports: lender.ports } });
    const dialogs: Srf.Dialog[] = [];
    application.srf.invite((req, res) => {
      const answer = async () => {
        first = await application.echo(application.latch.session(req)!);
        dialogs.push(await application.srf.createUAS(req, res, { localSdp: describe4(first) }));
      };
      void answer();
    });
    phone = await application.phone(false);
    assert.equal((await phone.ask('INVITE', { body: describe4(phone.mediaPort) })).status, 200);
    await until(() => dialogs.length === 1);
    dialog = dialogs[0]!;
    asked = new AskedSession(application.latch.session(dialog)!);
  });
  afterEach(async () => {
    await application.close();
    assert.deepEqual(application.faults, []);
    assert.deepEqual(lender.released.toSorted(), lender.lent.toSorted(), 'each port comes back once');
  });

  const answer = (invite: Message, ...lines: string[]) =>
    phone.reply(invite, 200, { body: describe4(phone.mediaPort, ...lines) });

  /** The question is out. */
  async function question(): Promise<Message> {
    const from = phone.messages.length;
    asked.emitQuestion();
    return phone.request('INVITE', from);
  }

  it('is a re-INVITE with its ACK; what the application and drachtio-srf say afterwards tells that port', async () => {
    const { sdp } = dialog.local;
    const invite = await question();
    const [lent] = lender.lent;
    assert.deepEqual([portTold(invite.body), asked.listened], [lent, [lent]]);
    assert.match(invite.body, /^o=- 1 2 IN IP4 127\.0\.0\.1\r$/m);
    const from = phone.messages.length;
    answer(invite);
    assert.equal(await asked.told(), 'answered');
    await phone.request('ACK', from);
    assert.deepEqual(
      [dialog.local.sdp, portTold(dialog.remote.sdp)],
      [sdp, phone.mediaPort],
      'it saw nothing',
    );

    const modified = dialog.modify(sdp.replace('sendrecv', 'inactive'));
    const second = await phone.request('INVITE', from);
    assert.deepEqual([portTold(second.body), /^o=- 1 3 /m.test(second.body)], [lent, true]);
    answer(second, 'a=inactive');
    await modified;
    assert.equal(portTold(dialog.local.sdp), first);
    const refresh = await phone.ask('INVITE', { body: describe4(phone.mediaPort) });
    assert.deepEqual([refresh.status, portTold(refresh.body)], [200, lent]);
  });

  it('a phone that refuses keeps its call, and the port is given back when the session says so', async () => {
    phone.reply(await question(), 488);
    assert.equal(await asked.told(), 'refused');
    asked.release(lender.lent[0]!);
    assert.deepEqual(lender.released, lender.lent);
    const refresh = await phone.ask('INVITE', { body: describe4(phone.mediaPort) });
    assert.deepEqual([refresh.status, portTold(refresh.body)], [200, first]);
    assert.deepEqual(application.ended, []);
  });

  it('while it is out a modify of the application’s waits, and a re-INVITE of the phone’s gets 491', async () => {
    const invite = await question();
    const modified = dialog.modify(dialog.local.sdp);
    assert.equal((await phone.ask('INVITE', { body: describe4(phone.mediaPort) })).status, 491);
    const from = phone.messages.length;
    answer(invite);
    assert.equal(await asked.told(), 'answered');
    const second = await phone.request('INVITE', from);
    assert.equal(portTold(second.body), lender.lent[0]);
    answer(second);
    await modified;
  });

  it('a phone that answers 491 is asked again with the same port (RFC 3261 14.1)', async () => {
    const invite = await question();
    const from = phone.messages.length;
    phone.reply(invite, 491);
    assert.equal(await asked.told(), 'pending');
    const again = await phone.next(
      ({ method, headers }) => method === 'INVITE' && headers.get('cseq') !== invite.headers.get('cseq'),
      from,
    );
    assert.equal(portTold(again.body), lender.lent[0]);
    answer(again);
    assert.equal(await asked.told(), 'answered');
  });

  it('a phone that says nothing keeps its call; with its BYE the port comes back', async () => {
    await question();
    assert.equal((await phone.ask('BYE')).status, 200);
    await until(() => application.ended.length === 1);
    assert.deepEqual(lender.released, lender.lent);
  });

  it('RFC 4028 7.4: says again what was agreed on about the session timer', async () => {
    const timer = 'Session-Expires: 1800;refresher=uas';
    const invite = await question();
    const from = phone.messages.length;
    phone.reply(invite, 200, { body: describe4(phone.mediaPort), lines: [timer] });
    await phone.request('ACK', from);
    const again = await question();
    const said = ['session-expires', 'supported'].map((name) => again.headers.get(name));
    assert.deepEqual(said, ['1800;refresher=uas', 'timer']);
  });

  it('8.3.8: where the phone has moved, the answer that drachtio-srf gives by itself tells another port', async () => {
    asked.wantPort();
    const moved = await phone.ask('INVITE', { body: describe4(phone.mediaPort) });
    assert.deepEqual([portTold(moved.body), asked.listened], [lender.lent[0], lender.lent]);
    assert.deepEqual(asked.outcomes, []);
  });

  it('without ports nobody listens for it', async () => {
    const plain = await Application.start();
    plain.srf.invite((_req, res) => void res.send(486));
    const other = await plain.phone(false);
    await other.ask('INVITE', { body: describe4(other.mediaPort) });
    assert.equal(plain.sessions[0]!.listenerCount('question'), 0);
    await plain.close();
  });
});

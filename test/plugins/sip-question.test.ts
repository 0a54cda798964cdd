// Protocol 8.3.6 through plugins/sip: the port question as a re-INVITE in a dialog of the application's, over real stacks and loopback. The phone
// at the other end counts nothing: it writes down, and answers as it is told.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { cseqOf } from '../../lib/sip/message.js';
import type { SipRequest, SipResponse } from '../../lib/sip/index.js';
import { Callee } from '../cli/callee.js';
import { until } from '../net/sockets.js';
import { AskedSession, PortLender, portTold } from './port-lender.js';
import { End, sdp } from './sip-phones.js';

const FIRST = 40_000;

function versionOf(text: string): number {
  return Number(/^o=\S+ \S+ (\d+)/m.exec(text)?.[1]);
}

describe('8.3.6 through plugins/sip: the port question', () => {
  const arrivals = new EventEmitter();
  let lender: PortLender;
  let app: End;
  let phone: End;
  /** What the phone does in place of answering 200. */
  let onPhone: (request: SipRequest) => boolean;

  beforeEach(async () => {
    onPhone = () => false;
    lender = new PortLender();
    app = new End({ latch: { ports: lender.ports } });
    phone = new End({}, (request, end) => {
      if (request.method !== 'ACK' && !onPhone(request))
        end.respond(request, 200, request.method === 'INVITE' ? sdp(42_000) : undefined);
      arrivals.emit(request.method, request);
    });
    await Promise.all([app.stack.ready, phone.stack.ready]);
  });
  afterEach(() => {
    for (const end of [app, phone]) end.close();
    assert.deepEqual([app.faults, phone.faults], [[], []]);
    assert.deepEqual(lender.released.toSorted(), lender.lent.toSorted(), 'each port comes back once');
  });

  const received = (from = 0) =>
    phone.requests.slice(from).map((request) => `${cseqOf(request).seq} ${request.method}`);
  const next = async (method: string) => ((await once(arrivals, method)) as [SipRequest])[0];

  type Place = SipRequest['headers'];
  function make(method: string, seq: number, place: Place, content?: string): SipRequest {
    return app.request(method, phone.uri('TCP'), { ...place, cseq: { seq, method } }, content);
  }

  /** A call of the application's that is up. */
  async function callOut() {
    const invite = app.request(
      'INVITE',
      phone.uri('TCP'),
      { cseq: { seq: 1, method: 'INVITE' } },
      sdp(FIRST),
    );
    const asked = new AskedSession(app.latch.session(invite)!);
    const { final } = await app.ask(invite);
    const { to, from, 'call-id': id } = final.headers;
    const place: Place = { to: to!, from: from!, 'call-id': id! };
    app.stack.send(make('ACK', 1, place));
    await next('ACK');
    return { place, asked };
  }

  /** A call of the phone's that is up. */
  async function callIn(transport = 'TCP') {
    const isUp = new Promise<SipRequest>((resolve) => {
      app.handler = (request, end) => {
        if (request.method === 'INVITE') end.respond(request, 200, sdp(FIRST));
        else if (request.method === 'ACK') resolve(request);
        else end.respond(request, 200);
      };
    });
    const from = { uri: 'sip:phone@localhost', params: { tag: 'phone' } };
    const invite = phone.request('INVITE', app.uri(transport), { from }, sdp(42_000));
    const { final } = await phone.ask(invite);
    const { to, 'call-id': id } = final.headers;
    const theirs: Place = { to: to!, from, 'call-id': id! };
    const seq = cseqOf(invite).seq;
    phone.stack.send(phone.request('ACK', app.uri(transport), { ...theirs, cseq: { seq, method: 'ACK' } }));
    const ack = await isUp;
    const asked = new AskedSession(app.latch.session(ack)!);
    const ours: Place = { from: to!, to: from, 'call-id': id! };
    return { theirs, ours, asked };
  }

  it('is a re-INVITE with its ACK, of which the application sees nothing; its own go on after it, with the port that is told', async () => {
    const { place, asked } = await callOut();
    const isAcknowledged = next('ACK');
    assert.equal(await asked.ask(), 'answered');
    await isAcknowledged;
    const invite = phone.requests.filter(({ method }) => method === 'INVITE')[1]!;
    const [lent] = lender.lent;
    const [offered] = asked.locals.slice(-1);
    assert.match(offered!, /a=rtcp:\d+\r\n$/);
    assert.equal(offered!.replace(/a=rtcp.*\r\n/, ''), sdp(lent).replace('o=- 1 1', 'o=- 1 2'));
    assert.equal(portTold(invite.content!), lent);
    assert.deepEqual([asked.listened, asked.remotes.length], [[lent], 2], 'the answer was read');
    assert.deepEqual(invite.headers.contact, phone.requests[0]!.headers.contact, 'as the application has it');
    assert.deepEqual(app.requests, []);

    const change = make('INVITE', 2, place, sdp(FIRST));
    const own: SipResponse[] = [];
    const { final, all } = await app.ask(change);
    own.push(...all);
    assert.deepEqual([final.status, cseqOf(final).seq, own.length], [200, 2, 1]);
    app.stack.send(make('ACK', 2, place));
    await next('ACK');
    const refresh = phone.requests.findLast(({ method }) => method === 'INVITE')!;
    assert.deepEqual([portTold(refresh.content!), versionOf(refresh.content!)], [lent, 2]);
    assert.deepEqual(await app.ask(make('BYE', 3, place)).then((one) => cseqOf(one.final).seq), 3);
    assert.deepEqual(received(), ['1 INVITE', '1 ACK', '2 INVITE', '2 ACK', '3 INVITE', '3 ACK', '4 BYE']);
  });

  for (const status of [488, 481, 500])
    it(`a phone that answers ${status} ${status === 481 ? 'knows of no call, and has none' : 'keeps its call, at the port before'}`, async () => {
      const { place, asked } = await callOut();
      onPhone = (request) => {
        if (request.method === 'INVITE') phone.respond(request, status);
        return request.method === 'INVITE';
      };
      if (status === 481) {
        asked.emitQuestion();
        await once(app.latch, 'ended');
        return assert.deepEqual(lender.released, lender.lent);
      }
      assert.equal(await asked.ask(), 'refused');
      assert.ok(asked.rollbacks > 0);
      assert.deepEqual(lender.released, [], 'not before the session says so');
      asked.release(lender.lent[0]!);
      assert.deepEqual(lender.released, lender.lent);
      onPhone = () => false;
      const change = make('INVITE', 2, place, sdp(FIRST));
      assert.equal((await app.ask(change)).final.status, 200);
      app.stack.send(make('ACK', 2, place));
      await next('ACK');
      assert.equal(portTold(phone.requests.at(-2)!.content!), FIRST);
      return undefined;
    });

  it('where the phone is offering too (491) it is put again with the same port (RFC 3261 14.1)', async () => {
    const { asked } = await callIn();
    const from = phone.requests.length;
    let asks = 0;
    onPhone = (request) => {
      if (request.method !== 'INVITE' || asks++ > 0) return false;
      phone.respond(request, 491);
      return true;
    };
    assert.equal(await asked.ask(), 'pending');
    assert.equal(await asked.told(), 'answered');
    const ports = phone.requests.slice(from).filter(({ method }) => method === 'INVITE');
    assert.deepEqual(
      ports.map(({ content }) => portTold(content!)),
      [lender.lent[0], lender.lent[0]],
    );
  });

  it('goes by the connection that the phone called over, and is answered there', async () => {
    const { asked, ours } = await callIn();
    const isAcknowledged = next('ACK');
    assert.equal(await asked.ask(), 'answered');
    await isAcknowledged;
    assert.deepEqual(received(), ['1 INVITE', '1 ACK']);
    const bye = await app.ask(make('BYE', 1, ours));
    assert.deepEqual([bye.final.status, cseqOf(bye.final).seq], [200, 1]);
    assert.deepEqual(received(2), ['2 BYE']);
  });

  it('RFC 4028 7.4: says again what the application and the phone have agreed on about the session timer', async () => {
    const { asked, theirs } = await callIn();
    const timer = { 'session-expires': '1800;refresher=uac' };
    app.handler = (request, end) => {
      if (request.method === 'INVITE') end.respond(request, 200, sdp(FIRST), timer);
    };
    const headers = { ...theirs, ...timer, 'min-se': '90', supported: 'timer' };
    const refresh = phone.request('INVITE', app.uri('TCP'), headers, sdp(42_000));
    await phone.ask(refresh);
    const { seq } = cseqOf(refresh);
    const ack = { ...theirs, cseq: { seq, method: 'ACK' } };
    phone.stack.send(phone.request('ACK', app.uri('TCP'), ack));
    assert.equal(await asked.ask(), 'answered');
    const question = phone.requests.findLast(({ method }) => method === 'INVITE')!.headers;
    assert.deepEqual(
      [question['session-expires'], question['min-se'], question['supported']],
      ['1800;refresher=uas', '90', 'timer'],
    );
  });

  it('while it is out a re-INVITE of the phone’s gets 491, and the application hears nothing of it', async () => {
    const { asked, theirs } = await callIn();
    const isOut = next('INVITE');
    onPhone = (request) => request.method === 'INVITE';
    asked.emitQuestion();
    const question = await isOut;
    const heard = app.requests.length;
    const { final } = await phone.ask(phone.request('INVITE', app.uri('TCP'), { ...theirs }));
    assert.equal(final.status, 491);
    assert.equal(app.requests.length, heard);
    phone.respond(question, 200, sdp(42_000));
    assert.equal(await asked.told(), 'answered');
  });

  it('while it is out a re-INVITE of the application’s waits, and goes out when it has been answered', async () => {
    const { place, asked } = await callOut();
    const isOut = next('INVITE');
    onPhone = (request) => request.method === 'INVITE';
    asked.emitQuestion();
    const question = await isOut;
    const answered = app.ask(make('INVITE', 2, place, sdp(FIRST)));
    // Over the same connection: had the INVITE gone out, it would be there before this.
    await app.ask(make('OPTIONS', 3, place));
    assert.deepEqual(received(2), ['2 INVITE', '3 OPTIONS']);
    onPhone = () => false;
    phone.respond(question, 200, sdp(42_000));
    const { final } = await answered;
    assert.deepEqual([final.status, cseqOf(final).seq], [200, 2]);
    assert.deepEqual(received(4), ['2 ACK', '4 INVITE']);
    assert.equal(portTold(phone.requests.at(-1)!.content!), lender.lent[0]);
  });

  it('RFC 3261 9.2: a re-INVITE of the application’s that is cancelled while it waits gets 487, its CANCEL 200, and it never goes out', async () => {
    const { place, asked } = await callOut();
    const isOut = next('INVITE');
    onPhone = (request) => request.method === 'INVITE';
    asked.emitQuestion();
    const question = await isOut;
    const heard: number[] = [];
    const change = make('INVITE', 2, place, sdp(FIRST));
    app.stack.send(change, ({ status }) => heard.push(status));
    const { final } = await app.ask(make('CANCEL', 2, place));
    assert.deepEqual([final.status, cseqOf(final).method, heard], [200, 'CANCEL', [487]]);
    onPhone = () => false;
    phone.respond(question, 200, sdp(42_000));
    assert.equal(await asked.told(), 'answered');
    // Over the same connection: had it gone out late, it would be there before this.
    await app.ask(make('OPTIONS', 3, place));
    assert.deepEqual(received(2), ['2 INVITE', '2 ACK', '3 OPTIONS']);
    assert.deepEqual(heard, [487]);
  });

  it('waits for the ACK of a call that has just been answered', async () => {
    const invite = app.request(
      'INVITE',
      phone.uri('TCP'),
      { cseq: { seq: 1, method: 'INVITE' } },
      sdp(FIRST),
    );
    const asked = new AskedSession(app.latch.session(invite)!);
    asked.session.confirm = () => asked.emitQuestion();
    const { final } = await app.ask(invite);
    const { to, from, 'call-id': id } = final.headers;
    const place: Place = { to: to!, from: from!, 'call-id': id! };
    await app.ask(make('OPTIONS', 2, place));
    assert.deepEqual(received(), ['1 INVITE', '2 OPTIONS']);
    app.stack.send(make('ACK', 1, place));
    assert.equal(await asked.told(), 'answered');
    assert.deepEqual(received().slice(2, 4), ['1 ACK', '3 INVITE']);
  });

  it('a phone that never answers keeps its call, and the port comes back with the session’s word, or with the call', async () => {
    const { place, asked } = await callOut();
    onPhone = (request) => request.method === 'INVITE';
    const isOut = next('INVITE');
    asked.emitQuestion();
    await isOut;
    assert.deepEqual(lender.released, []);
    assert.equal((await app.ask(make('BYE', 2, place))).final.status, 200);
    assert.deepEqual(lender.released, lender.lent);
    assert.deepEqual(asked.outcomes, []);
  });

  it('8.3.8: where the phone has moved there is another port before the application sees its offer, and the answer tells it', async () => {
    const { asked, theirs } = await callIn();
    asked.wantPort();
    let open: () => void = () => undefined;
    lender.gate = new Promise<void>((resolve) => (open = resolve));
    const order: string[] = [];
    app.handler = (request, end) => {
      order.push(request.method);
      if (request.method === 'INVITE') end.respond(request, 200, sdp(FIRST));
      if (request.method === 'OPTIONS') end.respond(request, 200);
    };
    const answered = phone.ask(phone.request('INVITE', app.uri('TCP'), { ...theirs }, sdp(42_002)));
    const after = phone.ask(phone.request('OPTIONS', app.uri('TCP'), { ...theirs }));
    await once(app.latch, 'received');
    open();
    const { final } = await answered;
    assert.deepEqual([final.status, portTold(final.content ?? '')], [200, lender.lent[0]]);
    assert.deepEqual([asked.listened, asked.outcomes], [[lender.lent[0]], []]);
    await after;
    assert.deepEqual(order, ['INVITE', 'OPTIONS'], 'in order');
  });

  it('RFC 3261 9.2: an offer of the phone’s that is cancelled while it waits for that port gets 487, its CANCEL 200, and the application hears of neither', async () => {
    const { asked, theirs } = await callIn();
    asked.wantPort();
    let open: () => void = () => undefined;
    lender.gate = new Promise<void>((resolve) => (open = resolve));
    const heard = app.requests.length;
    const rollbacks = asked.rollbacks;
    const offer = phone.request('INVITE', app.uri('TCP'), { ...theirs }, sdp(42_002));
    const answered = phone.ask(offer);
    await once(app.latch, 'received');
    const via = [offer.headers.via![0]!];
    const { seq } = cseqOf(offer);
    const cancel = phone.request('CANCEL', app.uri('TCP'), {
      ...theirs,
      via,
      cseq: { seq, method: 'CANCEL' },
    });
    phone.stack.send(cancel);
    assert.equal((await answered).final.status, 487);
    open();
    assert.equal(
      (await phone.ask(phone.request('OPTIONS', app.uri('TCP'), { ...theirs }))).final.status,
      200,
    );
    assert.deepEqual(
      app.requests.slice(heard).map(({ method }) => method),
      ['OPTIONS'],
    );
    assert.equal(asked.rollbacks, rollbacks + 1);
  });

  it('of several that ring the one that answers is asked; what another was lent goes back with it, and one that answers too is hung up on', async () => {
    const forks: AskedSession[] = [];
    app.latch.on('session', (session) => forks.push(new AskedSession(session)));
    const home = await Callee.start((request, at) => {
      const isFirst = at.of('INVITE').length === 1;
      if (isFirst) for (const tag of ['a', 'b', 'a', 'b']) at.respond(request, 183, tag, sdp(42_000));
      else at.respond(request, 200, 'b', sdp(42_000));
    });
    try {
      const uri = home.uri('tcp');
      const invite = app.request('INVITE', uri, { cseq: { seq: 1, method: 'INVITE' } }, sdp(FIRST));
      const answered = app.ask(invite);
      await until(() => forks.length === 2);
      const [other, winner] = forks as [AskedSession, AskedSession];
      // The question of one that has not answered waits.
      for (const fork of forks) fork.emitQuestion();
      await until(() => lender.lent.length === 2);
      const [theirs] = home.of('INVITE');
      home.respond(theirs!, 200, 'b', sdp(42_000));
      const { final } = await answered;
      assert.deepEqual(lender.released, other.listened);
      home.respond(theirs!, 200, 'a', sdp(42_000));
      await until(() => home.of('BYE').length === 1);
      const tagOf = ({ headers }: SipRequest) => headers.to?.params?.['tag'];
      assert.equal(tagOf(home.of('BYE')[0]!), 'a');
      assert.equal(home.of('INVITE').length, 1, 'not before the ACK');
      const { to, from, 'call-id': id } = final.headers;
      const headers: Place = { to: to!, from: from!, 'call-id': id!, cseq: { seq: 1, method: 'ACK' } };
      app.stack.send(app.request('ACK', uri, headers));
      assert.equal(await winner.told(), 'answered');
      const question = home.of('INVITE')[1]!;
      assert.deepEqual([tagOf(question), portTold(question.content!)], ['b', winner.listened[0]]);
      assert.deepEqual(other.outcomes, []);
    } finally {
      home.close();
    }
  });

  it('without ports nobody listens for it', async () => {
    const plain = new End();
    await plain.stack.ready;
    const invite = plain.request('INVITE', phone.uri('TCP'), {}, sdp(FIRST));
    const asked = new AskedSession(plain.latch.session(invite)!);
    assert.ok(asked.asksNobody);
    plain.close();
  });
});

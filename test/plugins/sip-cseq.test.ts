// CSeqs of a dialog that the application owns, after requests of the plugin's own in it: real stacks over loopback, and what the phone at the
// other end receives. The phone counts nothing: it writes down.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { Session } from '../../lib/index.js';
import { CseqNumbering } from '../../lib/sip/cseq-numbering.js';
import { cseqOf, rackCseq } from '../../lib/sip/message.js';
import type { SipMessage, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { End, sdp } from './sip-phones.js';

const seqOf = (message: SipMessage): number => cseqOf(message).seq;

describe("CSeqs of an application's dialog", () => {
  const arrivals = new EventEmitter();
  let app: End;
  let phone: End;
  /** What the phone does in place of answering 200. */
  let onPhone: (request: SipRequest) => boolean;

  beforeEach(async () => {
    onPhone = () => false;
    app = new End();
    phone = new End({}, (request, end) => {
      if (request.method !== 'ACK' && !onPhone(request))
        end.respond(request, 200, request.method === 'INVITE' ? sdp(42000) : undefined);
      arrivals.emit(request.method);
    });
    await Promise.all([app.stack.ready, phone.stack.ready]);
  });
  afterEach(() => {
    for (const end of [app, phone]) end.close();
    assert.deepEqual([app.faults, phone.faults], [[], []]);
  });

  const received = () => phone.requests.map((request) => `${seqOf(request)} ${request.method}`);

  /** The session has been silent: the plugin asks. Fulfilled when the session has been told of the answer. */
  async function ask(session: Session | undefined): Promise<void> {
    assert.ok(session);
    const told = new Promise((resolve) => (session.asked = resolve));
    (session as unknown as EventEmitter).emit('silent', { type: 'silent' });
    assert.equal(await told, 'answered');
  }

  /** A call of the application's that is up, as its tags and Call-ID are known to it. */
  async function callOut(): Promise<{ place: SipRequest['headers']; session: Session | undefined }> {
    const invite = app.request('INVITE', phone.uri('TCP'), { cseq: { seq: 1, method: 'INVITE' } }, sdp());
    const session = app.latch.session(invite);
    const { final } = await app.ask(invite);
    const { to, from, 'call-id': id } = final.headers;
    const place = { to: to!, from: from!, 'call-id': id! };
    send('ACK', 1, place);
    await once(arrivals, 'ACK');
    return { place, session };
  }

  function make(
    method: string,
    seq: number,
    place: SipRequest['headers'],
    more: SipRequest['headers'] = {},
  ): SipRequest {
    const content = method === 'INVITE' ? sdp(40002) : undefined;
    return app.request(method, phone.uri('TCP'), { ...place, cseq: { seq, method }, ...more }, content);
  }
  const send = (...given: Parameters<typeof make>): void => app.stack.send(make(...given));

  it('go on after those of the questions, and its responses come under the numbers that it gave', async () => {
    const { place, session } = await callOut();
    await ask(session);
    const change = make('INVITE', 2, place);
    const { final } = await app.ask(change);
    assert.deepEqual([final.status, seqOf(final)], [200, 2]);
    assert.equal(seqOf(change), 2, 'its own request is as it was');
    const isAcknowledged = once(arrivals, 'ACK');
    send('ACK', 2, place);
    await isAcknowledged;
    const info = await app.ask(make('INFO', 3, place));
    assert.deepEqual([info.final.status, seqOf(info.final)], [200, 3]);
    const bye = await app.ask(make('BYE', 4, place));
    assert.deepEqual([bye.final.status, seqOf(bye.final)], [200, 4]);
    assert.deepEqual(received(), ['1 INVITE', '1 ACK', '2 OPTIONS', '3 INVITE', '3 ACK', '4 INFO', '5 BYE']);
  });

  it('go on in calls to it too, whatever number it begins with', async () => {
    for (const [first, onWire] of [
      [1, 2],
      [700, 700],
    ] as const) {
      const from = { uri: 'sip:phone@localhost', params: { tag: `phone${first}` } };
      const invite = phone.request('INVITE', app.uri('TCP'), { from }, sdp(42000));
      const isUp = new Promise<SipRequest>((resolve) => {
        app.handler = (request, end) => {
          if (request.method === 'INVITE') end.respond(request, 200, sdp());
          if (request.method === 'ACK') resolve(request);
        };
      });
      const { final } = await phone.ask(invite);
      const { to, 'call-id': id } = final.headers;
      const tags = { to: to!, from, 'call-id': id! };
      phone.stack.send(
        phone.request('ACK', app.uri('TCP'), {
          ...tags,
          cseq: { seq: seqOf(invite), method: 'ACK' },
        }),
      );
      const ack = await isUp;
      await ask(app.latch.session(ack));
      const place = { from: to!, to: from, 'call-id': id! };
      const bye = await app.ask(make('BYE', first, place));
      assert.deepEqual([bye.final.status, seqOf(bye.final)], [200, first]);
      assert.deepEqual(received().slice(-2), ['1 OPTIONS', `${onWire} BYE`]);
    }
  });

  it('name its INVITE in CANCEL and in the RAck of a PRACK', async () => {
    const { place, session } = await callOut();
    await ask(session);
    let ringing: SipRequest | undefined;
    onPhone = (request) => {
      if (request.method === 'INVITE') {
        ringing = request;
        phone.respond(request, 183, undefined, { require: '100rel', rseq: '1' });
        return true;
      }
      if (request.method !== 'CANCEL') return false;
      phone.respond(request, 200);
      phone.respond(ringing!, 487);
      return true;
    };
    const change = make('INVITE', 2, place);
    const early = new EventEmitter();
    const isOver = new Promise<SipResponse>((resolve) =>
      app.stack.send(change, (response) => {
        if (response.status >= 300) resolve(response);
        else early.emit('183', response);
      }),
    );
    const [progress] = (await once(early, '183')) as [SipResponse];
    assert.equal(seqOf(progress), 2);
    const prack = await app.ask(make('PRACK', 3, place, { rack: '1 2 INVITE' }));
    assert.deepEqual([prack.final.status, seqOf(prack.final)], [200, 3]);
    const pracked = phone.requests.find(({ method }) => method === 'PRACK')!;
    assert.equal(rackCseq(pracked), 3);
    app.stack.send(make('CANCEL', 2, place, { via: [change.headers.via![0]!] }));
    const over = await isOver;
    assert.deepEqual([over.status, seqOf(over)], [487, 2]);
    assert.deepEqual(
      received().filter((one) => !one.endsWith(' ACK')),
      ['1 INVITE', '2 OPTIONS', '3 INVITE', '4 PRACK', '3 CANCEL'],
    );
  });

  it('go on when a BYE is asked for credentials, and goes out again with them', async () => {
    const { place, session } = await callOut();
    await ask(session);
    onPhone = (request) => {
      const isAsked = request.method === 'BYE' && request.headers['proxy-authorization'] === undefined;
      if (isAsked) phone.respond(request, 407);
      return isAsked;
    };
    const bye = make('BYE', 2, place);
    const { final } = await app.ask(bye);
    assert.deepEqual([final.status, seqOf(final)], [407, 2]);
    // As the digest of the package has it used.
    bye.headers.via?.shift();
    bye.headers.cseq = { seq: 3, method: 'BYE' };
    bye.headers['proxy-authorization'] = 'Digest username="a"';
    const again = await app.ask(bye);
    assert.deepEqual([again.final.status, seqOf(again.final)], [200, 3]);
    assert.deepEqual(received().slice(-2), ['3 BYE', '4 BYE']);
  });

  it('are as it gives them where nothing was asked, steps and all', async () => {
    const { place } = await callOut();
    for (const seq of [5, 9]) assert.equal((await app.ask(make('INFO', seq, place))).final.status, 200);
    assert.deepEqual(received().slice(-2), ['5 INFO', '9 INFO']);
    const numbering = new CseqNumbering();
    const request = make('INFO', 2, place);
    assert.equal(numbering.onWire(request, 7), request);
  });

  it('are kept of eight INVITEs at most', () => {
    const numbering = new CseqNumbering();
    numbering.noteOwn(make('OPTIONS', 1, {}));
    for (let seq = 1; seq <= 100; seq++) numbering.onWire(make('INVITE', seq, {}), seq);
    const acked = Array.from({ length: 100 }, (_, at) =>
      seqOf(numbering.onWire(make('ACK', at + 1, {}), 101)),
    );
    assert.deepEqual(acked.slice(90), [91, 92, 94, 95, 96, 97, 98, 99, 100, 101]);
  });
});

// One dialog (RFC 3261 12): what its requests and answers carry, where they go, and how it ends. A stack that writes down what
// it is given stands in for sockets; time is virtual.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { BoundCounters } from '../../lib/sip/bound-counters.js';
import { Calls } from '../../lib/sip/calls.js';
import { transactionKey } from '../../lib/sip/message.js';
import type {
  Dialog,
  OnResponse,
  SipFlow,
  SipHeaders,
  SipMessage,
  SipRequest,
  SipResponse,
  SipStack,
} from '../../lib/sip/index.js';
import { FakeLatchkey } from '../plugins/fake-latchkey.js';
import { sdp } from '../plugins/sip-phones.js';

const FLOW: SipFlow = {
  protocol: 'TCP',
  address: '192.0.2.9',
  port: 40_000,
  local: { address: '192.0.2.1', port: 5060 },
};
const NEAR = { uri: 'sip:near.invalid;lr', params: {} };
const FAR = { uri: 'sip:far.invalid;lr', params: {} };

interface Sent {
  readonly message: SipMessage;
  readonly onResponse: OnResponse | undefined;
}

describe('a dialog', () => {
  let clock: sinon.SinonFakeTimers;
  let latchkey: FakeLatchkey;
  let calls: Calls;
  let ended: string[];
  let sent: Sent[];

  /** Sends as the plugin does: what concerns a dialog is read on its way out and in. */
  const stack: SipStack = {
    addresses: [],
    ready: Promise.resolve(),
    hostname: () => 'us.invalid',
    encodeFlowUri: ({ address }) => ({ schema: 'sip', user: `flow-${address}`, host: 'us', params: {} }),
    expectedSignalling: () => 'encrypted',
    destroy: () => undefined,
    sendOnce: (message) => void sent.push({ message, onResponse: undefined }),
    send: (message, onResponse) => {
      if (message.method === undefined) {
        calls.sendResponse(message as SipResponse);
        sent.push({ message, onResponse: undefined });
        return;
      }
      const outgoing = calls.sendRequest(message as SipRequest, 'encrypted', { stack, flow: undefined });
      sent.push({
        message,
        onResponse: (response) => {
          if (outgoing) calls.receiveResponse(outgoing, response, 'encrypted', FLOW);
          onResponse?.(response);
        },
      });
    },
  };

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    latchkey = new FakeLatchkey();
    [ended, sent] = [[], []];
    calls = new Calls(
      latchkey.asLatchkey,
      { ringingMs: 200_000, maxSilenceMs: 60_000 },
      { onSession: () => undefined, onEnd: (_dialog, reason) => ended.push(reason) },
    );
  });
  afterEach(() => {
    calls.endAll();
    clock.restore();
  });

  const last = () => sent.at(-1)!;
  const methods = () => sent.flatMap(({ message }) => message.method ?? []);

  let branch = 0;
  function request(
    method: string,
    seq: number,
    to: string | undefined,
    headers: SipHeaders = {},
  ): SipRequest {
    return {
      method,
      uri: 'sip:us@us.invalid',
      headers: {
        via: [{ protocol: 'TCP', host: 'h', params: { branch: `z9hG4bK${++branch}` } }],
        'call-id': 'c1',
        from: { uri: 'sip:peer@h', params: { tag: 'theirs' } },
        to: { uri: 'sip:us@us.invalid', params: to === undefined ? {} : { tag: to } },
        cseq: { seq, method },
        ...headers,
      },
    };
  }
  const withSdp = (message: SipRequest): SipRequest => ({
    ...message,
    headers: { ...message.headers, 'content-type': 'application/sdp' },
    content: sdp(),
  });
  const receive = (message: SipRequest, flow = FLOW) =>
    calls.receiveRequest(message, flow, 'encrypted', stack);
  /** The peer's response to the last request of ours. */
  function reply(status: number, headers: SipHeaders = {}, to = last()): void {
    const { via, from, to: theirs, 'call-id': id, cseq } = to.message.headers;
    const tagged = { ...theirs!, params: { ...theirs!.params, tag: theirs!.params?.['tag'] ?? 'theirs' } };
    const response = {
      status,
      headers: { via: via!, from: from!, to: tagged, 'call-id': id!, cseq: cseq!, ...headers },
    };
    to.onResponse?.(response);
  }

  /** A call to us that is up, by way of two proxies. */
  function incoming(): Dialog {
    const invite = withSdp(
      request('INVITE', 1, undefined, {
        contact: [{ uri: 'sip:peer@10.0.0.7' }],
        'record-route': [NEAR, FAR],
      }),
    );
    receive(invite);
    const dialog = calls.dialogOf(invite)!;
    dialog.contact = 'sip:us@198.51.100.1:5060;transport=tcp';
    dialog.allow = 'INVITE, ACK';
    dialog.respond(invite, { status: 200, content: sdp(5000) });
    receive(request('ACK', 1, dialog.localTag));
    return dialog;
  }

  describe('of a caller', () => {
    it('answers with one tag, our Contact and the routes of the INVITE', () => {
      const dialog = incoming();
      const { headers, status, reason, content } = last().message;
      assert.deepEqual([status, reason, content], [200, 'OK', sdp(5000)]);
      assert.match(dialog.localTag ?? '', /^[0-9a-f]{16}$/);
      assert.equal(headers.to?.params?.['tag'], dialog.localTag);
      assert.deepEqual(headers['record-route'], [NEAR, FAR]);
      assert.deepEqual(headers.contact, [{ uri: dialog.contact }]);
      assert.equal(headers['allow'], 'INVITE, ACK');
      const options = request('OPTIONS', 2, dialog.localTag);
      receive(options);
      dialog.respond(options, { status: 200 });
      assert.equal(last().message.headers.to?.params?.['tag'], dialog.localTag);
      assert.equal(last().message.headers.contact, undefined, 'OPTIONS moves no target');
    });

    it('sends by the flow that the caller came by, then by the recorded routes, to its Contact', () => {
      incoming().request('INFO');
      const { message } = last();
      assert.equal(message.uri, 'sip:peer@10.0.0.7');
      const flowUri = { schema: 'sip', user: 'flow-192.0.2.9', host: 'us', params: { lr: null } };
      assert.deepEqual(message.headers.route, [{ uri: flowUri, params: {} }, NEAR, FAR]);
    });

    it('counts its own CSeq from one, and follows flow and target but not the routes of a re-INVITE', () => {
      const dialog = incoming();
      const moved = { ...FLOW, address: '192.0.2.10' };
      const change = withSdp(
        request('INVITE', 2, dialog.localTag, {
          contact: [{ uri: 'sip:peer@10.0.0.8' }],
          'record-route': [FAR],
        }),
      );
      receive(change, moved);
      dialog.respond(change, { status: 200, content: sdp(5000) });
      dialog.request('INFO');
      dialog.request('INFO');
      const { message } = last();
      assert.deepEqual(message.headers.cseq, { seq: 2, method: 'INFO' });
      assert.equal(message.uri, 'sip:peer@10.0.0.8');
      const routes = message.headers.route as { uri: { user?: string } }[];
      assert.deepEqual([routes[0]?.uri.user, ...routes.slice(1)], ['flow-192.0.2.10', NEAR, FAR]);
    });

    it('refuses a second INVITE while the first has no answer, with an offer or without', () => {
      const dialog = incoming();
      const first = withSdp(request('INVITE', 2, dialog.localTag));
      assert.equal(receive(first), undefined);
      for (const second of [
        request('INVITE', 3, dialog.localTag),
        withSdp(request('UPDATE', 4, dialog.localTag)),
      ]) {
        assert.equal(receive(second)?.status, 500);
        dialog.respond(second, { status: 500 });
      }
      assert.equal(receive(request('UPDATE', 5, dialog.localTag)), undefined, 'it only refreshes');
      dialog.respond(first, { status: 200, content: sdp(5000) });
      void dialog.modify(() => sdp(5002));
      assert.equal(receive(request('INVITE', 6, dialog.localTag))?.status, 491);
    });

    it('takes 64 calls with one Call-ID, and answers the next 482, counted; another Call-ID is free', () => {
      const bounds = new BoundCounters();
      const options = { ringingMs: 1000, maxSilenceMs: 0, bounds };
      const bounded = new Calls(latchkey.asLatchkey, options, {
        onSession: () => undefined,
        onEnd: () => undefined,
      });
      const invite = (tag: number, id = 'c1') =>
        bounded.receiveRequest(
          withSdp(
            request('INVITE', 1, undefined, {
              'call-id': id,
              from: { uri: 'sip:peer@h', params: { tag: String(tag) } },
            }),
          ),
          FLOW,
          'encrypted',
          stack,
        );
      for (let tag = 1; tag <= 64; tag++) assert.equal(invite(tag), undefined);
      assert.equal(invite(65)?.status, 482);
      assert.equal(invite(66, 'c2'), undefined);
      assert.equal(bounds.counts.callsOfCallId, 1);
      bounded.endAll();
      assert.equal(invite(67), undefined);
      bounded.endAll();
    });

    it('finds a CANCEL by the branch of its INVITE, and no other', () => {
      const invite = withSdp(request('INVITE', 1, undefined));
      receive(invite);
      const cancel = request('CANCEL', 1, undefined, { via: invite.headers.via! });
      const other = request('CANCEL', 1, undefined);
      for (const one of [cancel, other]) receive(one);
      assert.equal(calls.dialogOf(cancel), calls.dialogOf(invite));
      assert.equal(calls.dialogOf(other), undefined);
    });
  });

  describe('is bounded', () => {
    it('64 calls have one Call-ID; one more is refused, and free again when one ends', () => {
      const invite = (tag: string) => {
        const message = withSdp(request('INVITE', 1, undefined, { contact: [{ uri: 'sip:peer@10.0.0.7' }] }));
        message.headers.from = { uri: 'sip:peer@h', params: { tag } };
        return message;
      };
      const first = invite('t0');
      assert.equal(receive(first), undefined);
      for (let i = 1; i < 64; i++) assert.equal(receive(invite(`t${i}`)), undefined);
      assert.equal(receive(invite('t64'))?.status, 482);
      calls.dialogOf(first)?.end('bye');
      assert.equal(receive(invite('t65')), undefined);
    });

    it('of the requests of a peer that nobody has answered the last sixteen can be, and of its INVITEs eight are kept', () => {
      const dialog = incoming();
      const requests = Array.from({ length: 40 }, (_, i) => request('UPDATE', 2 + i, dialog.localTag));
      for (const one of requests) receive(one);
      const open = requests.filter((one) => calls.table.incoming(transactionKey(one)) !== undefined);
      assert.deepEqual(open, requests.slice(-16));
      assert.equal(dialog.offerAnswers.length, 8);
    });
  });

  describe('of a call of ours', () => {
    function outgoing(): Dialog {
      const invite = withSdp(request('INVITE', 1, undefined));
      invite.headers.from = { uri: 'sip:us@us.invalid', params: { tag: 'ours' } };
      const dialog = calls.outgoingInvite(invite, 'encrypted');
      stack.send(invite);
      reply(200, {
        contact: [{ uri: 'sip:peer@192.0.2.9' }],
        'record-route': [NEAR, FAR],
      });
      dialog.acknowledge(1);
      return dialog;
    }

    it('goes by the recorded routes the other way round', () => {
      outgoing();
      const { message } = last();
      assert.deepEqual([message.method, message.uri], ['ACK', 'sip:peer@192.0.2.9']);
      assert.deepEqual(message.headers.route, [FAR, NEAR]);
      assert.deepEqual(message.headers.cseq, { seq: 1, method: 'ACK' });
      assert.equal(message.headers.to?.params?.['tag'], 'theirs');
    });

    it('keeps its routes when a later 2xx records none (RFC 3261 12.2.1.2)', async () => {
      const dialog = outgoing();
      const changed = dialog.modify(() => sdp(5002));
      reply(200, { contact: [{ uri: 'sip:peer@192.0.2.10' }] });
      await changed;
      assert.equal(last().message.method, 'ACK');
      assert.equal(last().message.uri, 'sip:peer@192.0.2.10');
      assert.deepEqual(last().message.headers.route, [FAR, NEAR]);
    });
  });

  describe('offering anew', () => {
    it('acknowledges each 2xx, repeated ones too, and says which offer it answers', async () => {
      const dialog = incoming();
      const changed = dialog.modify(() => sdp(5002));
      const invite = last();
      reply(200);
      reply(200, {}, invite);
      const response = await changed;
      assert.equal(response.status, 200);
      assert.equal(dialog.offerAnsweredBy(response), sdp(5002));
      assert.deepEqual(methods(), ['INVITE', 'ACK', 'ACK']);
      assert.deepEqual(latchkey.made[0]!.told.at(-1), 'asked answered');
    });

    it('waits up to 2 s where the peer made the Call-ID and both offered at once, four times', async () => {
      const dialog = incoming();
      const offers: number[] = [];
      const changed = dialog.modify(() => {
        offers.push(clock.now);
        return sdp(5002);
      });
      for (let attempt = 0; attempt < 4; attempt++) {
        reply(491);
        await clock.tickAsync(2000);
      }
      assert.equal((await changed).status, 491);
      assert.equal(offers.length, 4);
      assert.ok(latchkey.made[0]!.told.includes('asked pending'));
    });

    it('waits while an INVITE of the peer has no answer, and does not offer into it', async () => {
      const dialog = incoming();
      const theirs = withSdp(request('INVITE', 2, dialog.localTag));
      receive(theirs);
      const changed = dialog.modify(() => sdp(5002));
      assert.ok(!methods().includes('INVITE'));
      dialog.respond(theirs, { status: 200, content: sdp(5000) });
      receive(request('ACK', 2, dialog.localTag));
      await clock.tickAsync(2000);
      assert.ok(methods().includes('INVITE'));
      reply(200);
      assert.equal((await changed).status, 200);
    });

    it('ends with the call where the peer says nothing (408) or knows of none (481)', async () => {
      for (const [status, reason] of [
        [408, 'bye'],
        [481, 'failed'],
      ] as const) {
        const dialog = incoming();
        const changed = dialog.modify(() => sdp(5002));
        reply(status);
        assert.equal((await changed).status, status);
        assert.deepEqual(ended.splice(0), [reason]);
      }
    });

    it('8.3.6: once, for a port question: waits until nothing else is under way, and who says nothing (408) keeps its call', async () => {
      const dialog = incoming();
      const theirs = withSdp(request('INVITE', 2, dialog.localTag));
      receive(theirs);
      const asked = dialog.reoffer(() => sdp(5002));
      await clock.tickAsync(5000);
      dialog.respond(theirs, { status: 200, content: sdp(5000) });
      await clock.tickAsync(0);
      assert.ok(!methods().includes('INVITE'), 'its ACK has not come');
      receive(request('ACK', 2, dialog.localTag));
      await clock.tickAsync(0);
      assert.ok(dialog.isReoffering && methods().includes('INVITE'));
      reply(408);
      const { outcome, response } = await asked;
      assert.deepEqual([outcome, response.status, ended], ['unanswered', 408, []]);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([dialog.isReoffering, dialog.isUp], [false, true]);
      const refused = dialog.reoffer(() => sdp(5002));
      await clock.tickAsync(0);
      reply(491);
      assert.equal((await refused).outcome, 'pending', 'and does not wait by itself');
    });

    describe('8.3.6: and the question has no answer', () => {
      /** Since when the question is out. */
      async function question(dialog: Dialog, ms: number, withdrawn: string[] = []) {
        const asked = dialog.reoffer(
          () => sdp(5002),
          () => withdrawn.push('withdrawn'),
        );
        await clock.tickAsync(ms);
        const out = sent.findLast(({ message }) => message.method === 'INVITE')!;
        // As the stack does when it writes it.
        out.message.headers.via = [{ protocol: 'TCP', host: 'us', params: { branch: 'z9hG4bKquestion' } }];
        return { asked, out };
      }
      /** What an offer of the peer's gets at once: undefined where it is handed on. */
      function offer(dialog: Dialog, seq: number, method = 'INVITE') {
        const theirs = withSdp(request(method, seq, dialog.localTag));
        const refusal = receive(theirs);
        if (refusal) dialog.respond(theirs, refusal);
        return refusal?.status;
      }
      const rollbacks = () => latchkey.made[0]!.log.filter((one) => one === 'rollback').length;

      it('an offer of the peer’s gets 491 for 2 s (RFC 3261 14.2), and is taken from then on', async () => {
        for (const method of ['INVITE', 'UPDATE']) {
          const dialog = incoming();
          const withdrawn: string[] = [];
          await question(dialog, 1999, withdrawn);
          assert.deepEqual([offer(dialog, 2, method), withdrawn], [491, []]);
          await clock.tickAsync(1);
          assert.deepEqual([offer(dialog, 3, method), withdrawn], [undefined, ['withdrawn']]);
          assert.equal(latchkey.made.at(-1)!.log.slice(-2).join(), 'rollback,remote offer');
          dialog.end('closed');
        }
      });

      it('a request without an offer withdraws nothing', async () => {
        const dialog = incoming();
        const withdrawn: string[] = [];
        await question(dialog, 3000, withdrawn);
        assert.equal(receive(request('UPDATE', 2, dialog.localTag)), undefined);
        assert.deepEqual(withdrawn, []);
      });

      it('none of ours goes out after that until it has its final response (RFC 3261 14.1), and that is all that is wanted of it', async () => {
        const dialog = incoming();
        const { asked, out } = await question(dialog, 2000);
        const theirs = withSdp(request('INVITE', 2, dialog.localTag));
        assert.equal(receive(theirs), undefined);
        dialog.respond(theirs, { status: 200, content: sdp(5000) });
        receive(request('ACK', 2, dialog.localTag));
        let isFree = false;
        dialog.whenQuiet(() => (isFree = true));
        await clock.tickAsync(1000);
        assert.deepEqual([isFree, dialog.isChanging, rollbacks()], [false, true, 1]);
        reply(408, {}, out);
        assert.deepEqual([(await asked).outcome, rollbacks(), dialog.isUp], ['unanswered', 1, true]);
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(isFree);
      });

      it('it is cancelled where a provisional response has come, or when one comes (RFC 3261 9.1)', async () => {
        for (const isBefore of [true, false]) {
          const dialog = incoming();
          const { out } = await question(dialog, 1000);
          if (isBefore) reply(100, {}, out);
          await clock.tickAsync(1000);
          sent.length = 0;
          assert.equal(offer(dialog, 2), undefined);
          assert.deepEqual(methods(), isBefore ? ['CANCEL'] : []);
          reply(100, {}, out);
          reply(100, {}, out);
          assert.deepEqual(methods(), ['CANCEL'], 'once');
          const { uri, headers } = last().message;
          const { via, cseq, route, to } = out.message.headers;
          assert.deepEqual(
            [uri, headers.via, headers.route, headers.to],
            [out.message.uri, via, route, to],
            'by the same way, under the same branch',
          );
          assert.deepEqual(headers.cseq, { ...(cseq as object), method: 'CANCEL' });
          dialog.end('closed');
        }
      });

      it('the application’s next offer, which waits, has it cancelled too', async () => {
        const dialog = incoming();
        const withdrawn: string[] = [];
        const { asked, out } = await question(dialog, 1000, withdrawn);
        reply(100, {}, out);
        let isFree = false;
        dialog.whenQuiet(() => (isFree = true));
        await clock.tickAsync(999);
        assert.deepEqual(withdrawn, []);
        await clock.tickAsync(1);
        assert.deepEqual([withdrawn, methods().at(-1)], [['withdrawn'], 'CANCEL']);
        reply(487, {}, out);
        assert.equal((await asked).outcome, 'unanswered');
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(isFree);
      });

      it('a 2xx that comes after all is acknowledged, its answer is not read, and the call goes on', async () => {
        const dialog = incoming();
        const { asked, out } = await question(dialog, 2000);
        assert.equal(offer(dialog, 2), undefined);
        const { log } = latchkey.made[0]!;
        const before = log.length;
        const { via, from, to, 'call-id': id, cseq } = out.message.headers;
        const headers = { via: via!, from: from!, to: to!, 'call-id': id!, cseq: cseq! };
        out.onResponse?.({
          ...{ status: 200, headers: { ...headers, 'content-type': 'application/sdp' } },
          content: sdp(42_000),
        });
        assert.equal((await asked).outcome, 'withdrawn');
        assert.equal(last().message.method, 'ACK');
        assert.deepEqual([log.slice(before), dialog.isUp], [[], true]);
      });
    });

    describe('where a session timer runs (RFC 4028)', () => {
      /** A refresh of the peer's, and what we answer to it. */
      function refresh(dialog: Dialog, asks: SipHeaders, answers: SipHeaders): void {
        const theirs = withSdp(request('INVITE', 2, dialog.localTag, asks));
        receive(theirs);
        dialog.respond(theirs, { status: 200, content: sdp(5000), headers: answers });
        receive(request('ACK', 2, dialog.localTag));
      }
      const ofTimer = ({ headers }: SipMessage = last().message) =>
        [headers['session-expires'], headers['min-se'], headers['supported']] as const;
      async function reoffer(dialog: Dialog): Promise<SipMessage> {
        void dialog.reoffer(() => sdp(5002));
        await clock.tickAsync(0);
        return last().message;
      }

      for (const [agreed, again, who] of [
        ['1800;refresher=uac', '1800;refresher=uas', 'the peer'],
        ['1800;refresher=uas', '1800;refresher=uac', 'we'],
        ['1800', '1800;refresher=uas', 'who has asked, where nobody is named,'],
      ] as const)
        it(`says what was agreed, and that ${who} refreshes as before (7.4)`, async () => {
          const dialog = incoming();
          refresh(dialog, { 'min-se': '120' }, { 'session-expires': agreed });
          assert.deepEqual(ofTimer(await reoffer(dialog)), [again, '120', 'timer']);
          reply(200, { 'session-expires': again });
          await clock.tickAsync(1_799_000);
          assert.ok(dialog.isUp);
          await clock.tickAsync(1000);
          assert.deepEqual(ended, ['expired'], 'the timer goes on');
        });

      it('says nothing of it where there is none, or none any more', async () => {
        const dialog = incoming();
        assert.deepEqual(ofTimer(await reoffer(dialog)), [undefined, undefined, undefined]);
        reply(200, { 'session-expires': '1800;refresher=uas' });
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(ofTimer(await reoffer(dialog))[0], '1800;refresher=uas', 'the peer has begun one');
        reply(200);
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(ofTimer(await reoffer(dialog)), [undefined, undefined, undefined]);
      });

      it('asks for no shorter interval than a 422 has named (5)', async () => {
        const dialog = incoming();
        refresh(dialog, {}, { 'session-expires': '90;refresher=uac' });
        await reoffer(dialog);
        reply(422, { 'min-se': '240' });
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(ofTimer(await reoffer(dialog)), ['240;refresher=uas', '240', 'timer']);
        assert.ok(dialog.isUp);
      });
    });

    it('sends nothing where there is no offer to make', async () => {
      const refusal = { status: 503, warning: 'all ports are taken' };
      const response = await incoming().modify(() => refusal);
      assert.equal(response.status, 503);
      assert.match(response.headers.warning ?? '', /all ports are taken/);
      assert.deepEqual(methods(), []);
    });
  });

  it('asks by OPTIONS: any final answer but 408, 481 and those of a dead connection is a sign of life', async () => {
    const dialog = incoming();
    for (const [status, isThere] of [
      [200, true],
      [405, true],
      [500, true],
      [408, false],
      [430, false],
      [503, false],
    ] as const) {
      const asked = dialog.isThere();
      assert.equal(last().message.method, 'OPTIONS');
      reply(status);
      assert.equal(await asked, isThere, String(status));
    }
  });

  describe('ends', () => {
    it('by BYE, and is fulfilled when that is answered', async () => {
      const dialog = incoming();
      let isOver = false;
      const over = dialog.hangUp().then(() => (isOver = true));
      assert.deepEqual([methods(), ended], [['BYE'], ['bye']]);
      await clock.tickAsync(0);
      assert.ok(!isOver);
      reply(200);
      await over;
      await dialog.hangUp();
      assert.deepEqual(methods(), ['BYE'], 'once');
    });

    it('by BYE where nobody said it: no ACK, no refresh, silence', () => {
      const invite = withSdp(request('INVITE', 1, undefined));
      receive(invite);
      calls.dialogOf(invite)?.respond(invite, { status: 200, content: sdp(5000) });
      clock.tick(32_000);
      assert.deepEqual([methods(), ended], [['BYE'], ['timeout']]);

      const dialog = incoming();
      dialog.refreshed({ status: 200, headers: { 'session-expires': '90' } }, true);
      clock.tick(90_000);
      assert.deepEqual(
        [methods(), ended],
        [
          ['BYE', 'BYE'],
          ['timeout', 'expired'],
        ],
      );

      incoming().expectMedia(() => false);
      clock.tick(60_000);
      assert.deepEqual(ended, ['timeout', 'expired', 'silence']);
      assert.equal(methods().length, 3);
    });

    it('without a word where it was never answered', () => {
      receive(withSdp(request('INVITE', 1, undefined)));
      clock.tick(200_000);
      assert.deepEqual([methods(), ended], [[], ['timeout']]);
    });

    it('and answers what is asked of it then without reaching anybody', async () => {
      const dialog = incoming();
      dialog.end('destroyed');
      dialog.stack = undefined;
      assert.equal(await dialog.isThere(), false);
      assert.equal((await dialog.modify(() => sdp())).status, 481);
    });
  });
});

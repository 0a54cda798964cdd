import assert from 'node:assert/strict';
import sinon from 'sinon';
import { Calls } from '../../lib/sip/calls.js';
import type { Outgoing } from '../../lib/sip/calls.js';
import type { SipFlow, SipHeaders, SipMessage, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { FakeLatchkey } from './fake-latchkey.js';
import type { FakeSession } from './fake-latchkey.js';
import { sdp, sip } from './sip-phones.js';

const FLOW: SipFlow = {
  protocol: 'TLS',
  address: '192.0.2.9',
  port: 5061,
  local: { address: '192.0.2.1', port: 5061 },
};
const RELIABLE = { require: '100rel', rseq: '1' };

describe('plugins/sip: offers, answers and dialogs', () => {
  let clock: sinon.SinonFakeTimers;
  let latchkey: FakeLatchkey;
  let calls: Calls;
  let ended: string[];
  let seq: number;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    latchkey = new FakeLatchkey();
    ended = [];
    seq = 0;
    calls = new Calls(
      latchkey.asLatchkey,
      { ringingMs: 200_000, maxSilenceMs: 60_000, role: 'verifier' },
      { onSession: () => undefined, onEnd: (_dialog, reason) => ended.push(reason) },
    );
  });
  afterEach(() => clock.restore());

  const the = (index = 0): FakeSession => latchkey.made[index]!;

  interface Parts {
    from?: string;
    to?: string | undefined;
    seq?: number;
    content?: string | undefined;
    headers?: SipHeaders;
  }
  /** A request of the peer (from 'peer' to 'me'), or of ours the other way round. */
  function request(method: string, parts: Parts = {}): SipRequest {
    const number = parts.seq ?? ++seq;
    // RFC 3261 9.1: a CANCEL has the branch of its INVITE.
    const transaction = method === 'CANCEL' ? 'INVITE' : method;
    return {
      method,
      uri: 'sip:x@192.0.2.9',
      headers: {
        via: [
          {
            protocol: 'TLS',
            host: 'h',
            params: { branch: `z9hG4bK${transaction}${number}${parts.from ?? ''}` },
          },
        ],
        'call-id': 'c1',
        from: { uri: 'sip:a@h', params: { tag: parts.from ?? 'peer' } },
        to: { uri: 'sip:b@h', params: parts.to === undefined ? {} : { tag: parts.to } },
        cseq: { seq: number, method },
        ...(parts.content !== undefined && { 'content-type': 'application/sdp' }),
        ...parts.headers,
      },
      content: parts.content,
    };
  }
  function response(to: SipRequest, status: number, parts: Parts = {}): SipResponse {
    const made = sip.makeResponse(to, status, '', {
      headers: {
        ...(parts.content !== undefined && { 'content-type': 'application/sdp' }),
        ...parts.headers,
      },
      ...(parts.content !== undefined && { content: parts.content }),
    });
    const tag = 'to' in parts ? parts.to : (to.headers.to?.params?.['tag'] ?? 'other');
    made.headers.to = { uri: 'sip:b@h', params: tag === undefined ? {} : { tag } };
    return made;
  }
  const receive = (message: SipRequest, signalling: 'encrypted' | 'clear' = 'encrypted') =>
    calls.receiveRequest(message, FLOW, signalling);
  const hear = (outgoing: Outgoing, message: SipResponse, signalling: 'encrypted' | 'clear' = 'encrypted') =>
    calls.receiveResponse(outgoing, message, signalling);
  function send(message: SipRequest, signalling: 'encrypted' | 'clear' = 'encrypted'): Outgoing {
    const outgoing = calls.sendRequest(message, signalling);
    assert.ok(outgoing);
    return outgoing;
  }
  const latched = (message: SipMessage) => calls.edits.get(message)?.latched;

  /** A call of ours that is up: INVITE, 200, ACK. */
  function callOut(): Outgoing {
    const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
    hear(outgoing, response(outgoing.request, 200, { content: sdp(5000) }));
    calls.sendRequest(request('ACK', { from: 'me', to: 'other', seq: 1 }), 'encrypted');
    the().log.length = 0;
    return outgoing;
  }
  /** A call to us that is up. Our tag is 'other'. */
  function callIn(): SipRequest {
    const invite = request('INVITE', { content: sdp() });
    receive(invite);
    calls.sendResponse(response(invite, 200, { content: sdp(5000) }));
    receive(request('ACK', { to: 'other', seq: 1 }));
    the().log.length = 0;
    return invite;
  }

  describe('which body is which', () => {
    it('offers in an INVITE and takes the first answer of 183 and 200 once', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      hear(outgoing, response(outgoing.request, 180));
      hear(outgoing, response(outgoing.request, 183, { content: sdp(5000) }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp(5000) }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp(5000) }));
      assert.deepEqual(the().log, ['local offer', 'remote answer']);
      assert.deepEqual(the().options, { call: 'c1', role: 'verifier', signalling: 'encrypted' });
    });

    it('hands on a 200 that differs from its 183, as an answer again', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      hear(outgoing, response(outgoing.request, 183, { content: sdp(5000) }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp(5002) }));
      assert.deepEqual(the().log, ['local offer', 'remote answer', 'remote answer']);
    });

    it('answers in a 183 and in its 200 with the same bytes', () => {
      const invite = request('INVITE', { content: sdp() });
      assert.equal(receive(invite), undefined);
      const early = response(invite, 183, { content: sdp(5000) });
      const final = response(invite, 200, { content: sdp(5000) });
      calls.sendResponse(early);
      calls.sendResponse(final);
      calls.sendResponse(final);
      assert.deepEqual(the().log, ['remote offer', 'local answer']);
      assert.match(latched(early)!, /a=latch:1 FAKE00000001/);
      assert.equal(latched(final), latched(early));
    });

    it('adds nothing twice to a message that the application sends again', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      const final = response(invite, 200, { content: sdp(5000) });
      calls.sendResponse(final);
      final.content = latched(final);
      calls.sendResponse(final);
      assert.equal(latched(final)!.match(/a=latch:/g)?.length, 1);
      assert.equal(latched(final), final.content);
      assert.deepEqual(the().log, ['remote offer', 'local answer']);
    });

    it('reads an offer in the 200 to an offerless INVITE and answers in the ACK, repeated or not', () => {
      const outgoing = send(request('INVITE', { from: 'me' }));
      hear(outgoing, response(outgoing.request, 180, { content: sdp(5000) }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp(5000) }));
      const ack = request('ACK', { from: 'me', to: 'other', seq: 1, content: sdp() });
      calls.sendRequest(ack, 'encrypted');
      const again = request('ACK', { from: 'me', to: 'other', seq: 1, content: sdp() });
      calls.sendRequest(again, 'encrypted');
      assert.deepEqual(the().log, ['remote offer', 'local answer']);
      assert.equal(latched(again), latched(ack));
    });

    it('offers in the 200 to an offerless INVITE and reads the answer in the ACK, once', () => {
      const invite = request('INVITE');
      receive(invite);
      const ringing = response(invite, 180, { content: sdp(5000) });
      calls.sendResponse(ringing);
      assert.equal(latched(ringing), sdp(5000), 'an unreliable 180 carries no offer');
      calls.sendResponse(response(invite, 200, { content: sdp(5000) }));
      for (let i = 0; i < 2; i++) receive(request('ACK', { to: 'other', seq: 1, content: sdp() }));
      assert.deepEqual(the().log, ['local offer', 'remote answer']);
    });

    it('offers in a reliable 183 and reads the answer in the PRACK', () => {
      const invite = request('INVITE');
      receive(invite);
      calls.sendResponse(response(invite, 183, { content: sdp(5000), headers: RELIABLE }));
      const prack = request('PRACK', { to: 'other', content: sdp(), headers: { rack: '1 1 INVITE' } });
      assert.equal(receive(prack), undefined);
      calls.sendResponse(response(prack, 200));
      calls.sendResponse(response(invite, 200));
      receive(request('ACK', { to: 'other', seq: 1 }));
      assert.deepEqual(the().log, ['local offer', 'remote answer']);
    });

    it('reads an offer in a reliable 183 and answers in the PRACK', () => {
      const outgoing = send(request('INVITE', { from: 'me' }));
      hear(outgoing, response(outgoing.request, 183, { content: sdp(5000), headers: RELIABLE }));
      const prack = request('PRACK', {
        from: 'me',
        to: 'other',
        content: sdp(),
        headers: { rack: '1 1 INVITE' },
      });
      send(prack);
      hear(outgoing, response(outgoing.request, 200));
      assert.deepEqual(the().log, ['remote offer', 'local answer']);
      assert.match(latched(prack)!, /a=latch/);
    });

    it('takes a PRACK body for a new offer when the INVITE is answered', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      calls.sendResponse(response(invite, 183, { content: sdp(5000), headers: RELIABLE }));
      const prack = request('PRACK', { to: 'other', content: sdp(40002), headers: { rack: '1 1 INVITE' } });
      receive(prack);
      calls.sendResponse(response(prack, 200, { content: sdp(5000) }));
      assert.deepEqual(the().log, ['remote offer', 'local answer', 'remote offer', 'local answer']);
    });

    it('follows re-INVITE and UPDATE of either side', () => {
      callOut();
      for (const method of ['INVITE', 'UPDATE']) {
        const ours = send(request(method, { from: 'me', to: 'other', content: sdp(40010) }));
        hear(ours, response(ours.request, 200, { content: sdp(5010) }));
        const theirs = request(method, { from: 'other', to: 'me', content: sdp(5020) });
        assert.equal(receive(theirs), undefined);
        calls.sendResponse(response(theirs, 200, { content: sdp(40020) }));
        assert.deepEqual(the().log.splice(0), [
          'local offer',
          'remote answer',
          'remote offer',
          'local answer',
        ]);
      }
    });

    it('rolls back what fails, whoever asked, and keeps the call', () => {
      callOut();
      for (const method of ['INVITE', 'UPDATE']) {
        for (const status of [302, 408, 488, 500, 603]) {
          const ours = send(request(method, { from: 'me', to: 'other', content: sdp(40010) }));
          hear(ours, response(ours.request, status));
          const theirs = request(method, { from: 'other', to: 'me', content: sdp(5020) });
          receive(theirs);
          calls.sendResponse(response(theirs, status));
          assert.deepEqual(the().log.splice(0), ['local offer', 'rollback', 'remote offer', 'rollback']);
        }
      }
      assert.deepEqual(ended, []);
    });

    it('leaves the SDP of an unreliable 183 to a re-INVITE alone, so that a failure after it changes nothing', () => {
      callOut();
      const ours = send(request('INVITE', { from: 'me', to: 'other', content: sdp(40010) }));
      hear(ours, response(ours.request, 183, { content: sdp(5010) }));
      hear(ours, response(ours.request, 500));
      assert.deepEqual(the().log, ['local offer', 'rollback']);
    });

    it('rolls back an offer that a 2xx leaves unanswered', () => {
      callOut();
      const ours = send(request('UPDATE', { from: 'me', to: 'other', content: sdp(40010) }));
      hear(ours, response(ours.request, 200));
      assert.deepEqual(the().log, ['local offer', 'rollback']);
    });

    it('reads and changes the SDP part of a multipart body only', () => {
      const part = (text: string) =>
        `--b\r\nContent-Type: text/plain\r\n\r\nv=0 hello\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${text}\r\n--b--\r\n`;
      const headers = { 'content-type': 'multipart/mixed; boundary="b"' };
      const outgoing = send(request('INVITE', { from: 'me', content: part(sdp()), headers }));
      const edited = latched(outgoing.request)!;
      assert.equal(edited.replace(/a=latch:.*\r\n/, ''), part(sdp()));
      hear(outgoing, response(outgoing.request, 200, { content: part(sdp(5000)), headers }));
      assert.deepEqual(the().log, ['local offer', 'remote answer']);
    });
  });

  describe('what it refuses', () => {
    const refused = { status: 400, warning: 'a=latch in line 7', warnCode: 399 } as const;
    const malformed = {
      accepted: false,
      ...refused,
      warningHeader: '399 latchkey "a=latch in line 7"',
    } as const;

    it('a malformed offer in UPDATE or re-INVITE, and the call goes on', () => {
      callIn();
      the().verdict = malformed;
      const update = request('UPDATE', { to: 'other', content: sdp() });
      assert.deepEqual(receive(update), refused);
      calls.sendResponse(response(update, 400));
      assert.deepEqual(the().log, ['remote offer'], 'nothing to roll back: the core took nothing');
      assert.deepEqual(ended, []);
    });

    it('a malformed answer in a 2xx, but not yet in a 183 that binds nobody', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      the().verdict = malformed;
      assert.equal(hear(outgoing, response(outgoing.request, 183, { content: sdp(5000) })), undefined);
      assert.deepEqual(hear(outgoing, response(outgoing.request, 200, { content: sdp(5000) })), refused);
    });

    it('at the 2xx, an answer that was malformed in a reliable 183', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      the().verdict = malformed;
      hear(outgoing, response(outgoing.request, 183, { content: sdp(5000), headers: RELIABLE }));
      assert.deepEqual(hear(outgoing, response(outgoing.request, 200)), refused);
    });

    it('a malformed answer in PRACK and in ACK', () => {
      for (const [method, seqOf] of [
        ['PRACK', undefined],
        ['ACK', 1],
      ] as const) {
        seq = 0;
        calls.endAll();
        const invite = request('INVITE');
        receive(invite);
        const session = latchkey.made.at(-1)!;
        const offer =
          method === 'PRACK'
            ? response(invite, 183, { content: sdp(), headers: RELIABLE })
            : response(invite, 200, { content: sdp() });
        calls.sendResponse(offer);
        session.verdict = malformed;
        const parts = {
          to: 'other',
          content: sdp(),
          headers: { rack: '1 1 INVITE' },
          ...(seqOf && { seq: seqOf }),
        };
        assert.deepEqual(receive(request(method, parts)), refused, method);
      }
    });

    it('a request that is older than one before it, and a second offer while one is pending', () => {
      callIn();
      const first = request('INVITE', { to: 'other', content: sdp(), seq: 20 });
      assert.equal(receive(first), undefined);
      assert.equal(receive(request('UPDATE', { to: 'other', content: sdp(), seq: 19 }))?.status, 500);
      assert.equal(receive(request('UPDATE', { to: 'other', content: sdp(), seq: 21 }))?.status, 500);
      calls.sendResponse(response(first, 200, { content: sdp() }));
      seq = 30;
      send(request('INVITE', { from: 'other', to: 'peer', content: sdp() }));
      assert.equal(receive(request('INVITE', { to: 'other', content: sdp() }))?.status, 491);
    });
  });

  describe('hops', () => {
    it('reads no secret off a clear hop into a call that was set up over a safe one', () => {
      callIn();
      const attribute = `a=latch:1 ABCDEFGHIJK ${'A'.repeat(43)} suites=AES-256\r\n`;
      receive(request('UPDATE', { to: 'other', content: sdp() + attribute }), 'clear');
      assert.deepEqual(the().log, ['remote offer']);
    });

    it('leaves that to the core where the call began in clear', () => {
      const attribute = `a=latch:1 ABCDEFGHIJK ${'A'.repeat(43)} suites=AES-256\r\n`;
      receive(request('INVITE', { content: sdp() + attribute }), 'clear');
      assert.deepEqual(the().log, ['remote offer+latch']);
      assert.equal(the().options.signalling, 'clear');
    });

    it('keeps both forms of a body', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      assert.equal(calls.edits.get(outgoing.request)?.plain, sdp());
      assert.match(latched(outgoing.request)!, /a=latch/);
    });
  });

  describe('how dialogs end', () => {
    it('with our BYE, at once', () => {
      callOut();
      send(request('BYE', { from: 'me', to: 'other' }));
      assert.deepEqual(ended, ['bye']);
      assert.ok(the().isClosed);
    });

    it('with the peer’s BYE when it is accepted, not when it is challenged or has other tags', () => {
      callIn();
      const bye = request('BYE', { to: 'other' });
      receive(bye);
      calls.sendResponse(response(bye, 401));
      for (const wrong of [{ to: 'else' }, { to: 'other', from: 'else' }]) {
        const foreign = request('BYE', wrong);
        receive(foreign);
        assert.equal(calls.dialogOf(foreign)?.session, undefined);
        calls.sendResponse(response(foreign, 200));
      }
      assert.deepEqual(ended, []);
      const again = request('BYE', { to: 'other' });
      receive(again);
      calls.sendResponse(response(again, 200));
      assert.deepEqual(ended, ['bye']);
    });

    it('with the failure of the first INVITE, either way', () => {
      for (const status of [404, 486, 503, 603]) {
        const invite = request('INVITE', { content: sdp() });
        receive(invite);
        calls.sendResponse(response(invite, status));
        const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
        hear(outgoing, response(outgoing.request, status));
        assert.deepEqual(ended.splice(0), ['failed', 'failed']);
      }
    });

    it('with CANCEL and 487, either way, or 32 s after a CANCEL that nobody follows up', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      receive(request('CANCEL', { seq: 1 }));
      assert.deepEqual(ended, []);
      calls.sendResponse(response(invite, 487));
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      calls.sendRequest(request('CANCEL', { from: 'me', seq: 2 }), 'encrypted');
      hear(outgoing, response(outgoing.request, 487));
      assert.deepEqual(ended.splice(0), ['cancelled', 'cancelled']);
      receive(request('INVITE', { content: sdp(), seq: 7 }));
      receive(request('CANCEL', { seq: 7 }));
      clock.tick(31_999);
      assert.deepEqual(ended, []);
      clock.tick(1);
      assert.deepEqual(ended, ['cancelled']);
    });

    it('32 s after a 2xx that is never acknowledged, either way', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      calls.sendResponse(response(invite, 200, { content: sdp() }));
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp() }));
      clock.tick(31_999);
      assert.deepEqual(ended, []);
      clock.tick(1);
      assert.deepEqual(ended, ['timeout', 'timeout']);
    });

    it('sends a 2xx again as RFC 3261 13.3.1.4 has it, until its ACK comes or the dialog ends', () => {
      const repeated = (until: () => void): number[] => {
        const sentMs: number[] = [];
        const invite = request('INVITE', { content: sdp() });
        receive(invite);
        const beginMs = clock.now;
        const send = () => {
          const final = response(invite, 200, { content: sdp() });
          calls.sendResponse(final);
          const dialog = calls.table.ofMessage(final);
          dialog?.repeatUntilAcknowledged(seq, () => sentMs.push(clock.now - beginMs));
        };
        send();
        clock.tick(100);
        // The application sends it once more: its copies are on their way.
        send();
        until();
        const before = sentMs.length;
        clock.tick(100_000);
        assert.equal(sentMs.length, before);
        return sentMs;
      };
      assert.deepEqual(
        repeated(() => clock.tick(31_900)),
        [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500],
      );
      const acknowledged = repeated(() => {
        clock.tick(1400);
        receive(request('ACK', { to: 'other', seq: seq - 1 }));
        clock.tick(0);
        receive(request('ACK', { to: 'other', seq }));
      });
      assert.deepEqual(acknowledged, [0, 500, 1500]);
    });

    it('not while it rings, but when it rings for ever', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      for (let i = 0; i < 3; i++) {
        clock.tick(199_000);
        calls.sendResponse(response(invite, 180));
      }
      assert.deepEqual(ended, []);
      clock.tick(200_000);
      assert.deepEqual(ended, ['timeout']);
    });

    it('when a session timer runs out that nobody refreshed (RFC 4028)', () => {
      const invite = request('INVITE', { content: sdp() });
      receive(invite);
      const headers = { 'session-expires': '90;refresher=uac' };
      calls.sendResponse(response(invite, 200, { content: sdp(), headers }));
      receive(request('ACK', { to: 'other', seq: 1 }));
      clock.tick(89_000);
      const update = request('UPDATE', { to: 'other' });
      receive(update);
      calls.sendResponse(response(update, 200, { headers: { x: '90' } }));
      clock.tick(89_999);
      assert.deepEqual(ended, []);
      clock.tick(1);
      assert.deepEqual(ended, ['expired']);
    });

    it('has no session timer any more when a refresh comes without one', () => {
      const invite = callIn();
      const first = request('INVITE', { to: 'other', content: sdp() });
      receive(first);
      calls.sendResponse(response(first, 200, { content: sdp(), headers: { 'session-expires': '90' } }));
      receive(request('ACK', { to: 'other', seq: seq }));
      const second = request('UPDATE', { to: 'other' });
      receive(second);
      calls.sendResponse(response(second, 200));
      clock.tick(10_000_000);
      assert.deepEqual(ended, []);
      assert.equal(calls.dialogOf(invite)?.session, the());
    });

    it('when all streams stay expired, and not when one comes back or lives on', () => {
      callIn();
      const stream = (media: number, component: 1 | 2) => ({ media, component });
      the().emit('verified', stream(0, 1));
      the().emit('verified', stream(0, 2));
      the().emit('expired', stream(0, 2));
      clock.tick(100_000);
      the().emit('expired', stream(0, 1));
      clock.tick(59_000);
      the().emit('rebound', stream(0, 1));
      clock.tick(100_000);
      assert.deepEqual(ended, []);
      the().emit('expired', stream(0, 1));
      clock.tick(59_999);
      assert.deepEqual(ended, []);
      clock.tick(1);
      assert.deepEqual(ended, ['silence']);
    });

    it('when the application closes the session itself', () => {
      const invite = callIn();
      the().close();
      assert.deepEqual(ended, ['closed']);
      const update = request('UPDATE', { to: 'other', content: sdp() });
      assert.equal(receive(update), undefined);
      assert.equal(calls.dialogOf(update)?.session, undefined);
      assert.ok(invite);
    });

    it('with a 481 to a request of ours', () => {
      callOut();
      const ours = send(request('UPDATE', { from: 'me', to: 'other', content: sdp() }));
      hear(ours, response(ours.request, 481));
      assert.deepEqual(ended, ['failed']);
    });

    it('leaves nothing behind', () => {
      for (let i = 0; i < 50; i++) {
        callOut();
        send(request('BYE', { from: 'me', to: 'other' }));
        seq = 0;
        latchkey.made.length = 0;
      }
      assert.deepEqual([...calls.table.dialogs()], []);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('which dialog a message belongs to', () => {
    it('keeps the session for the same call with credentials after a 401, in the same message object', () => {
      const invite = request('INVITE', { from: 'me', content: sdp() });
      const first = send(invite);
      invite.content = latched(invite);
      hear(first, response(invite, 401));
      invite.headers.cseq = { seq: 2, method: 'INVITE' };
      const second = send(invite);
      hear(second, response(invite, 200, { content: sdp(5000) }));
      assert.equal(latchkey.made.length, 1);
      assert.deepEqual(the().log, ['local offer', 'rollback', 'local offer', 'remote answer']);
      assert.equal(latched(invite)!.match(/a=latch:/g)?.length, 1);
    });

    it('gives it up 32 s after the 401', () => {
      const first = send(request('INVITE', { from: 'me', content: sdp() }));
      hear(first, response(first.request, 401));
      clock.tick(32_000);
      assert.deepEqual(ended, ['failed']);
    });

    it('has a session for each fork that rings, keeps that of the first that answers, and ends the others', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      hear(outgoing, response(outgoing.request, 183, { to: 'a', content: sdp(5000) }));
      const second = response(outgoing.request, 183, { to: 'b', content: sdp(6000) });
      hear(outgoing, second);
      hear(outgoing, response(outgoing.request, 180, { to: 'c' }));
      assert.deepEqual(the(0).log, ['local offer', 'remote answer', 'fork', 'fork']);
      assert.deepEqual(the(1).log, ['remote answer']);
      assert.equal(calls.dialogOf(second)?.session, the(1));
      const answer = response(outgoing.request, 200, { to: 'b', content: sdp(6000) });
      assert.equal(hear(outgoing, answer), undefined);
      assert.equal(calls.dialogOf(answer)?.session, the(1));
      assert.deepEqual(ended, ['forked', 'forked']);
      assert.deepEqual(
        [0, 1, 2].map((index) => the(index).isClosed),
        [true, false, true],
      );
      const late = response(outgoing.request, 200, { to: 'a', content: sdp(5000) });
      assert.equal(calls.forkOf(outgoing, late), undefined);
      assert.equal(hear(outgoing, late), undefined);
      assert.equal(calls.dialogOf(late)?.session, undefined);
      receive(request('BYE', { from: 'a', to: 'me' }));
      assert.deepEqual(ended, ['forked', 'forked']);
      assert.equal(latchkey.made.length, 3);
    });

    it('gives an offer of one fork to that fork alone', () => {
      const outgoing = send(request('INVITE', { from: 'me' }));
      hear(outgoing, response(outgoing.request, 180, { to: 'a' }));
      hear(outgoing, response(outgoing.request, 180, { to: 'b' }));
      hear(outgoing, response(outgoing.request, 200, { to: 'b', content: sdp(6000) }));
      assert.deepEqual(the(0).log, ['close']);
      assert.deepEqual(the(1).log, ['remote offer']);
    });

    it('ends all forks when the INVITE fails, and opens no more of them than there can be', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      for (let count = 0; count < 40; count++) {
        hear(outgoing, response(outgoing.request, 183, { to: `tag-${count}`, content: sdp(5000 + count) }));
      }
      assert.equal(latchkey.made.length, 16);
      hear(outgoing, response(outgoing.request, 486, { to: 'proxy' }));
      assert.deepEqual(ended, Array<string>(16).fill('failed'));
    });

    it('tells the two ends of a call to itself apart', () => {
      const outgoing = send(request('INVITE', { from: 'me', content: sdp() }));
      const arriving = request('INVITE', { from: 'me', content: sdp(), seq: 1 });
      receive(arriving);
      calls.sendResponse(response(arriving, 200, { content: sdp(5000), to: 'other' }));
      hear(outgoing, response(outgoing.request, 200, { content: sdp(5000), to: 'other' }));
      const update = request('UPDATE', { from: 'me', to: 'other', content: sdp() });
      send(update);
      receive({ ...update, headers: { ...update.headers } });
      assert.deepEqual(the(0).log, ['local offer', 'remote answer', 'local offer']);
      assert.deepEqual(the(1).log, ['remote offer', 'local answer', 'remote offer']);
    });

    it('leaves messages of no dialog alone', () => {
      const options = request('OPTIONS', { content: sdp() });
      assert.equal(receive(options), undefined);
      calls.sendResponse(response(options, 200, { content: sdp() }));
      assert.equal(
        calls.sendRequest(request('UPDATE', { from: 'x', to: 'y', content: sdp() }), 'encrypted'),
        undefined,
      );
      assert.equal(latchkey.made.length, 0);
    });
  });
});
